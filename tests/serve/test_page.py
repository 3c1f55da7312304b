"""The page of a server, in a real browser without a network and without WebGL."""

import base64
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from http_server import Serving, Start
from page_contrast import TEXT_CONTRAST
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect
from served_page import HOSTILE, LAT, LON, STEP, Asked, Visit, make_asked, visiting
from vector_tile import LINE, POLYGON, layer

from beenhere import geo
from beenhere.photos.exif import read_facts

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

NO_WEBGL = """
const made = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  if (/webgl|webgpu/.test(kind)) { console.error('WebGL was asked for'); return null; }
  return made.call(this, kind, ...rest);
};
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
"""

DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
  const event = (type) => new DragEvent(type, { dataTransfer: transfer, bubbles: true });
  document.body.dispatchEvent(event('dragenter'));
  const veiled = !document.getElementById('veil').hidden;
  document.body.dispatchEvent(event('drop'));
  return veiled;
}"""

PASTE = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: 'image/png' }));
  document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
}"""

PAINTED = """(canvas) => canvas.getContext('2d')
  .getImageData(0, 0, canvas.width, canvas.height).data.filter((v, i) => i % 4 === 3 && v).length"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return make_asked(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="module")
def server(asked: Asked, start: Start) -> Iterator[Serving]:
    options = ("--rate", "10000", "--tiles", asked.tiles, "--write", asked.photos)
    with start(asked.street, asked.rooms, *options) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, server: Serving) -> Iterator[Visit]:
    with visiting(browser, server.url) as visit:
        visit.page.add_init_script(NO_WEBGL)
        yield visit


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.open()


def given(photo: Path) -> list[str]:
    """A photo as a script gets it."""
    return [photo.name, base64.b64encode(photo.read_bytes()).decode()]


def selected(page: Page) -> Locator:
    return page.locator(".card[aria-selected=true] .name")


def metres(one: Sequence[float], other: Sequence[float]) -> float:
    places = [geo.positions([lat], [lon]) for lat, lon in (one, other)]
    return float(geo.distance(*places)[0])


def test_each_photo_has_its_answer_and_its_text_is_text(
    visit: Visit, page: Page, asked: Asked
) -> None:
    assert page.evaluate(DROP, given(asked.photos / "near2.jpg"))
    expect(page.locator(".card")).to_have_count(1)
    page.evaluate(PASTE, given(asked.photos / "near5.jpg"))
    expect(page.locator(".card")).to_have_count(2)
    visit.give(asked.named("elsewhere.jpg", "notes.txt", HOSTILE))

    known = visit.card("near2.jpg")
    expect(known.locator(".status")).to_have_text("Known")
    where = known.locator(".line").nth(0).inner_text()
    assert metres([float(part) for part in where.split(",")], [LAT + 2 * STEP, LON]) < 2
    expect(known.locator(".line").nth(1)).to_have_text(re.compile(r"^\d+ points agree, \d+ else"))
    expect(known.locator(".line").nth(2)).to_have_text("22 m from its own EXIF")
    expect(visit.card("near5.jpg")).to_contain_text("no position of its own")
    expect(visit.card("elsewhere.jpg").locator(".status")).to_have_text("A guess")
    expect(visit.card("notes.txt")).to_contain_text("Cannot be read" + "not a photo: a text file")
    expect(visit.card(HOSTILE).locator(".status")).to_have_text("Known")
    assert page.locator(".kinds").inner_text().split("\n") == ["3 known", "1 guess", "1 unreadable"]
    thumbs = page.locator(".card img")
    assert thumbs.count() == 4
    for thumb in thumbs.all():
        assert thumb.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 224

    visit.card(HOSTILE).click()
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    page.get_by_role("button", name="1 guess").click()
    expect(visit.card("elsewhere.jpg")).to_be_hidden()
    assert page.evaluate("window.shifted") < 0.02


def test_the_evidence_of_the_selected_photo(visit: Visit, page: Page, asked: Asked) -> None:
    visit.give(asked.named("near2.jpg"))
    detail = page.locator("#detail")  # the first answer opens by itself
    expect(detail.get_by_role("heading")).to_have_text("near2.jpg")
    expect(detail).to_contain_text("Its own EXIF says 55.70220, 13.19000, 22 m from here")
    expect(detail).to_contain_text("Runner-up")
    query, match = (detail.locator(".picture img").nth(i) for i in (0, 1))
    for image in (query, match):
        expect(image).to_have_attribute("src", re.compile("."))
        assert image.evaluate("(img) => img.decode().then(() => img.naturalWidth)") >= 320
    expect(detail.locator("figcaption").nth(1)).to_contain_text("1 · p02.jpg · 2012-05-01")
    assert page.locator(".leaflet-marker-icon .match-mark").count() == 12

    lines = detail.locator("canvas.lines")
    assert lines.evaluate(PAINTED) == 0
    page.keyboard.press("l")
    expect(detail.locator(".layer-said")).to_have_text(
        re.compile(r"^\d+ points agree on one scene")
    )
    assert lines.evaluate(PAINTED) > 1000
    page.keyboard.press("ArrowRight")
    expect(detail.locator("figcaption").nth(1)).not_to_contain_text("p02.jpg")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("s")
    expect(detail.locator(".layer-said")).to_contain_text("Similarity")
    assert detail.locator("canvas.heat").nth(1).evaluate(PAINTED) > 10

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    detail.get_by_role("button", name="Copy the coordinates").click()
    expect(page.locator("#toast")).to_contain_text("Copied 55.70")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#position").input_value()


def test_review_by_keys_alone_and_a_reload(visit: Visit, page: Page, asked: Asked) -> None:
    visit.give(asked.named("near2.jpg", "near5.jpg", "near8.jpg", "elsewhere.jpg", "notes.txt"))
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(selected(page)).to_have_text("near2.jpg")
    page.keyboard.press("Enter")
    expect(selected(page)).to_have_text("near5.jpg")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    expect(selected(page)).to_have_text("near8.jpg")
    page.keyboard.press("x")
    expect(selected(page)).to_have_text("elsewhere.jpg")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("u")
    page.keyboard.press("Delete")
    expect(page.locator("#accepted")).to_have_text("2 accepted")

    page.reload()
    expect(page.locator("body[data-ready]")).to_be_attached()
    near2, near5, near8, *rest = visit.kept()
    assert [photo["review"] for photo in (near2, near5, near8, *rest)] == (
        ["accepted", "accepted", "refused", None, None]
    )
    there = [near5["answer"]["lat"], near5["answer"]["lon"]]
    moved = [near5["moved"]["lat"], near5["moved"]["lon"]]
    assert moved[0] > there[0] and metres(there, moved) == pytest.approx(3, abs=0.02)
    assert near2["moved"] is None
    expect(visit.card("near5.jpg")).to_contain_text("moved by hand")
    expect(visit.card("notes.txt")).to_contain_text("not a photo: a text file")
    visit.card("near8.jpg").click()
    image = page.locator(".picture img").nth(0)
    expect(image).to_have_attribute("src", re.compile("blob:"))
    assert image.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 320
    page.keyboard.press("l")  # of the picture that was kept: the file itself is gone
    expect(page.locator(".layer-said")).to_have_text(re.compile("points agree"))

    page.locator("#clear").click()
    page.locator("#clear").click()
    expect(page.locator(".card")).to_have_count(0)
    assert visit.kept() == []


def test_a_place_is_moved_by_dragging_and_by_typing(visit: Visit, page: Page, asked: Asked) -> None:
    visit.give(asked.named("near2.jpg"))
    pin = page.locator(".pin.large")
    box = pin.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 15, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(box["x"] + 75, box["y"] + 15, steps=5)
    page.mouse.up()
    expect(page.locator("#detail")).to_contain_text("Moved by hand to")
    lat, lon = (float(part) for part in page.locator("#position").input_value().split(","))
    assert lat == pytest.approx(LAT + 2 * STEP, abs=2e-5) and lon > LON + 5e-5

    page.locator("#position").fill("95, 13")
    page.keyboard.press("Enter")
    assert not page.locator("#position").evaluate("(field) => field.checkValidity()")
    page.locator("#position").fill("55.7022, 13.19")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_contain_text("0.0 m from here")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#detail")).to_contain_text("22 m from here")


def saved(page: Page, form: str) -> Path:
    """The file that the export gives for the accepted photos."""
    page.locator("#export").click()
    page.get_by_role("radio", name=form).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    expect(page.locator("#export-box")).to_be_hidden()
    return Path(download.value.path())


def test_what_was_accepted_is_exported(visit: Visit, page: Page, asked: Asked) -> None:
    visit.give(asked.named("near2.jpg", "near5.jpg", "elsewhere.jpg"))
    expect(page.locator("#export")).to_be_disabled()
    page.locator("#accept-known").click()
    page.locator("#position").fill("55.7022, 13.19")  # of near2
    page.locator("#position").press("Enter")
    features = json.loads(saved(page, "GeoJSON").read_text())["features"]
    points = {each["properties"]["query"]: each["geometry"]["coordinates"] for each in features}
    assert set(points) == {"near2.jpg", "near5.jpg"}
    assert points["near2.jpg"] == [13.19, 55.7022]
    assert metres(points["near5.jpg"][::-1], [LAT + 5 * STEP, LON]) < 2

    for form in ("KML", "GPX"):
        text = saved(page, form).read_text()
        ElementTree.fromstring(text)
        assert "near2.jpg" in text and "elsewhere.jpg" not in text
    assert saved(page, "CSV").read_text().count("\n") == 3
    with zipfile.ZipFile(saved(page, "XMP sidecars")) as sidecars:
        assert sorted(sidecars.namelist()) == ["near2.jpg.xmp", "near5.jpg.xmp"]

    assert read_facts(asked.photos / "near5.jpg").lat is None
    page.locator("#export").click()
    page.get_by_role("radio", name="Write into the photos").check()
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.locator("#toast")).to_have_text("Written into 1 photo")
    expect(page.locator("#export-box .problem")).to_contain_text("near2.jpg")  # has its own
    assert b"located by picture" in (asked.photos / "near5.jpg").read_bytes()


def test_many_photos_wait_in_a_queue_that_can_be_stopped(
    visit: Visit, page: Page, asked: Asked
) -> None:
    at_once: set[Request] = set()
    most, busy = 0, 1

    def answer(route: Route) -> None:
        nonlocal busy, most
        if busy:
            busy -= 1
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")
            return
        at_once.add(route.request)
        most = max(most, len(at_once))
        route.continue_()

    page.context.route("**/v1/locate*", answer)
    page.on("requestfinished", lambda request: at_once.discard(request))
    visit.wrong.clear()
    page.set_input_files("#files", asked.named("near2.jpg", "near5.jpg", "near8.jpg") * 8)
    expect(page.locator("#progress-text")).to_have_text(re.compile("server is busy; going on in"))
    expect(page.locator("#progress-text")).to_have_text(re.compile(r"^[3-9] of 24"), timeout=30_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#progress")).to_be_hidden()
    assert most == 2
    known = page.locator(".card .status", has_text="Known").count()
    stopped = page.locator(".card .status", has_text="Stopped")
    assert known >= 3 and stopped.count() == 24 - known
    stopped.last.click()
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".card .status").last).to_have_text("Known")
    visit.wrong[:] = [each for each in visit.wrong if "503" not in each]


def test_a_reload_goes_on_with_what_waits(visit: Visit, page: Page, asked: Asked) -> None:
    page.context.route("**/v1/locate*", lambda route: None)  # no answer comes
    page.set_input_files("#files", asked.named("near2.jpg", "near5.jpg", "near8.jpg"))
    expect(page.locator(".card .status", has_text="Looking")).to_have_count(2)
    page.context.unroute("**/v1/locate*")
    page.reload()
    expect(page.locator(".card .status", has_text="Known")).to_have_count(3)


def test_the_index_is_looked_through_and_narrows_questions(
    visit: Visit, page: Page, asked: Asked
) -> None:
    page.get_by_role("tab", name="The index").click()
    browse = page.locator("#browse")
    expect(browse.locator(".tile")).to_have_count(12)
    browse.locator(".tile").nth(3).click()
    expect(browse.locator(".looked-at")).to_contain_text("p03.jpg")
    expect(browse.locator(".looked-at")).to_contain_text("2013-05-01 · facing 90°")
    browse.get_by_role("button", name="Photos like this").click()
    expect(browse.locator(".looked-at .tile")).to_have_count(11)
    spot = page.locator(".match-mark").first.bounding_box()
    assert spot is not None
    browse.get_by_role("button", name="Close this photo").click()
    expect(browse.locator(".looked-at")).to_be_hidden()
    page.mouse.click(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    expect(browse.locator(".looked-at")).to_contain_text("p03.jpg")
    browse.get_by_role("button", name="Only around here").click()
    expect(browse.locator(".said-count")).to_have_text(
        "3 photos: within 200 m of the circle's centre"
    )
    browse.get_by_role("button", name="Clear").click()
    browse.get_by_role("button", name="Close this photo").click()
    browse.get_by_label("Taken from").fill("2016")
    browse.get_by_label("Taken from").press("Enter")
    expect(browse.locator(".said-count")).to_have_text("6 photos: taken 2016 to …")
    expect(browse.locator(".tile")).to_have_count(6)
    browse.get_by_role("button", name="Clear").click()
    expect(browse.locator(".tile")).to_have_count(12)

    middle = page.locator("#map").bounding_box()
    assert middle is not None
    x, y = middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2
    browse.get_by_role("button", name="Draw a circle").click()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=4)
    page.mouse.up()
    expect(browse.locator(".said-count")).to_have_text(
        re.compile(r"^\d photos: within \d+ m of the circle's centre")
    )
    left = int(browse.locator(".said-count").inner_text()[0])
    assert left > 0
    expect(browse.locator(".tile")).to_have_count(left)
    with page.expect_request("**/v1/locate*") as request:
        page.get_by_role("tab", name="Your photos").click()
        visit.give(asked.named("near5.jpg"))
    near = re.search(r"near=([\d.]+)%2C([\d.]+)&radius=(\d+)", request.value.url)
    assert near and metres([float(near[1]), float(near[2])], [LAT + 5.5 * STEP, LON]) < 30
    expect(page.locator("#narrowed")).to_contain_text("Looking only among photos within")
    page.locator("#narrowed").get_by_role("button", name="Clear").click()
    expect(page.locator("#narrowed")).to_be_hidden()


def test_places_by_name_have_cards_and_no_map(visit: Visit, page: Page, asked: Asked) -> None:
    page.get_by_label("Index", exact=True).select_option("rooms")
    expect(page.locator("#map-note")).to_contain_text("knows places by name")
    visit.give(asked.named("near8.jpg"))
    expect(visit.card("near8.jpg")).to_contain_text("room 8")
    expect(page.locator("#detail .big")).to_have_text("room 8")
    page.keyboard.press("Enter")
    assert "room 8" in saved(page, "CSV").read_text()
    page.get_by_label("Index", exact=True).select_option("street")
    expect(page.locator("#map-note")).to_be_hidden()


def test_on_a_phone(browser: Browser, server: Serving, asked: Asked) -> None:
    with visiting(browser, server.url, **PHONE) as visit:
        page = visit.open()
        expect(page.get_by_role("button", name="Camera")).to_be_visible()
        assert page.locator("#camera").get_attribute("capture") == "environment"
        visit.give(asked.named("near2.jpg", "near5.jpg", "notes.txt"))
        expect(page.locator("#detail")).to_be_hidden()
        readable(page)
        page.locator("#handle").tap()
        assert page.locator("#map").bounding_box()["height"] < 130  # type: ignore[index]
        page.locator("#handle").tap()
        visit.card("near2.jpg").tap()
        page.get_by_role("button", name="Accept").tap()
        expect(page.get_by_role("heading", level=2)).to_have_text("near5.jpg")
        readable(page)
        for button in page.locator("#detail button").all():
            assert button.bounding_box()["height"] >= 40  # type: ignore[index]
        page.get_by_role("button", name="Close").tap()
        expect(page.locator("#accepted")).to_have_text("1 accepted")
        page.get_by_role("tab", name="The index").tap()
        expect(page.locator("#browse .tile")).to_have_count(12)
        readable(page)


def test_common_and_wide_screens_are_readable(visit: Visit, page: Page, asked: Asked) -> None:
    readable(page)
    visit.give(asked.named("near2.jpg", "elsewhere.jpg", "notes.txt"))
    for name in ("near2.jpg", "notes.txt"):
        visit.card(name).click()
        for width in (800, 1280, 2560):
            page.set_viewport_size({"width": width, "height": 900})
            readable(page)


def test_a_token_is_asked_for_once(
    browser: Browser, asked: Asked, start: Start, tmp_path: Path
) -> None:
    token = tmp_path / "token.txt"
    token.write_text("a token that nobody guesses\n")
    running = start(asked.street, "--token-file", token)
    with running as server, visiting(browser, server.url) as visit:
        page = visit.page
        page.goto(visit.home)
        page.get_by_role("textbox", name="Token").fill("another one")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        page.get_by_role("textbox", name="Token").fill("a token that nobody guesses")
        page.keyboard.press("Enter")
        expect(page.locator("body[data-ready]")).to_be_attached()
        visit.open()  # a cookie has it by now
        page.get_by_role("tab", name="The index").click()
        picture = page.locator(".tile img").first
        assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 100
        kept = page.evaluate("JSON.stringify([{ ...localStorage }, document.cookie, location])")
        assert "nobody guesses" not in kept
        refused = "Failed to load resource: the server responded with a status of 401"
        assert {error.partition(" (")[0] for error in visit.wrong} == {refused}
        visit.wrong.clear()


def test_the_page_of_the_api(visit: Visit) -> None:
    visit.page.goto(visit.home)
    visit.page.get_by_role("tab", name="The index").click()
    visit.page.get_by_role("link", name="API").click()
    expect(visit.page.get_by_text("/v1/locate")).to_be_visible()


def test_a_base_map_of_vectors(page: Page) -> None:
    ring = [(0, 0), (4096, 0), (4096, 300_000), (0, 300_000)]
    hole = [(10, 10), (10, 20), (20, 20)]
    road = [(-70_000, 5), (12, -3), (12, 4000)]
    tile = layer("landuse", POLYGON, [ring, hole], class_="park", name="Grüne Wiese")
    tile += layer("roads", LINE, [road, road[::-1]])
    decoded = page.evaluate(
        """async (bytes) => {
          const { decode } = await import('/static/vector.js');
          return decode(new Uint8Array(bytes));
        }""",
        list(tile),
    )
    closed = [[list(point) for point in [*line, line[0]]] for line in (ring, hole)]
    tags = {"class_": "park", "name": "Grüne Wiese"}
    lines = [[list(point) for point in line] for line in (road, road[::-1])]
    parks, roads = decoded
    assert parks == {
        "name": "landuse",
        "extent": 4096,
        "features": [{"type": POLYGON, "tags": tags, "lines": closed}],
    }
    assert roads["name"] == "roads"
    assert roads["features"] == [{"type": LINE, "tags": {}, "lines": lines}]

    expect(page.locator(".leaflet-control-attribution")).to_contain_text("<b>Mappers</b>")
    drawn = page.locator(".leaflet-base-pane canvas").first
    pixel = "(canvas) => [...canvas.getContext('2d').getImageData(99, 99, 1, 1).data]"
    assert drawn.evaluate(pixel) == [0xDF, 0xE7, 0xEC, 255]


def readable(page: Page) -> None:
    """Nothing is wider than the screen, words stand out (AA), and what acts has a name."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert [one for one in page.evaluate(TEXT_CONTRAST) if one[0] < 4.5] == []
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a, [role]')]
          .filter((e) => e.checkVisibility() && !e.closest('[aria-hidden=true], [role=status]')
            && !(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.title
              || e.getAttribute('aria-labelledby') || e.matches('[role=list], [role=listitem]')))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []
