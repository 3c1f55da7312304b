"""The page of a server: the index on its map, what lies below it, and who may see it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_server import Serving, Start
from playwright.sync_api import Browser, Page, expect
from served_page import LAT, LON, STEP, Asked, Visit, metres, visiting
from vector_tile import LINE, POLYGON, layer


@pytest.fixture(scope="module")
def server(asked: Asked, start: Start) -> Iterator[Serving]:
    with start(asked.street, "--rate", "10000", "--tiles", asked.tiles) as running:
        yield running


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
    browse.get_by_role("button", name="Around here").click()
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


def test_land_and_a_base_map_of_vectors(page: Page) -> None:
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

    expect(page.locator(".leaflet-control-attribution")).to_have_text("Natural Earth, Mappers")
    assert page.locator(".leaflet-control-attribution b").count() == 0
    pixel = "(canvas) => [...canvas.getContext('2d').getImageData(99, 99, 1, 1).data]"
    for pane, colour in (("base", [0xDF, 0xE7, 0xEC, 255]), ("world", [0xF6, 0xF6, 0xF3, 255])):
        drawn = page.locator(f".leaflet-{pane}-pane canvas").first
        while drawn.evaluate(pixel) == [0, 0, 0, 0]:  # not drawn yet
            page.wait_for_timeout(50)
        assert drawn.evaluate(pixel) == colour
