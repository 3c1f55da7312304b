"""The page of a server, in a real browser without a network and without WebGL."""

import base64
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from http_server import Serving, Start
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect
from served_page import HOSTILE, LAT, LON, STEP, Asked, Visit, metres, readable, visiting

from beenhere.photos.exif import read_facts

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

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
def server(asked: Asked, start: Start) -> Iterator[Serving]:
    options = ("--rate", "10000", "--tiles", asked.tiles, "--write", asked.photos)
    with start(asked.street, asked.rooms, *options) as running:
        yield running


def given(photo: Path) -> list[str]:
    """A photo as a script gets it."""
    return [photo.name, base64.b64encode(photo.read_bytes()).decode()]


def selected(page: Page) -> Locator:
    return page.locator(".card[aria-selected=true] .name")


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


def test_a_folder_is_taken_without_what_is_no_photo(page: Page, asked: Asked) -> None:
    page.set_input_files("#folder", asked.photos)
    expect(page.locator("#toast")).to_have_text("1 file that is no photo was left out")
    expect(page.locator(".card")).to_have_count(5)
    names = {name.get_attribute("title") for name in page.locator(".card .name").all()}
    assert names == {f"ask/{path.name}" for path in asked.photos.glob("*.jpg")}


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
    page.get_by_role("button", name=f"Ask {23 - known} again").click()
    expect(page.locator(".card .status", has_text="Known")).to_have_count(24)
    visit.wrong[:] = [each for each in visit.wrong if "503" not in each]


def test_a_reload_goes_on_with_what_waits(visit: Visit, page: Page, asked: Asked) -> None:
    page.context.route("**/v1/locate*", lambda route: None)  # no answer comes
    page.set_input_files("#files", asked.named("near2.jpg", "near5.jpg", "near8.jpg"))
    expect(page.locator(".card .status", has_text="Looking")).to_have_count(2)
    while len(visit.kept("files")) < 3:
        page.wait_for_timeout(50)
    page.context.unroute("**/v1/locate*")
    page.reload()
    expect(page.locator(".card .status", has_text="Known")).to_have_count(3)


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
