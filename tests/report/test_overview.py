"""The page of all answers, as a browser without any network shows it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from locations import (
    LAT,
    LON,
    METRE,
    guessed_location,
    known_location,
    placeless_location,
    unknown_location,
)
from playwright.sync_api import Browser, Page
from tiny import write_photo

from beenhere import geo
from beenhere.report import overview
from beenhere.report.overview import write_overview

STREET = geo.positions(
    [*(LAT + np.arange(-30, 30) * 7 * METRE), np.nan], [*np.full(60, LON + 5 * METRE), np.nan]
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overview")
    query = write_photo(folder / "q.jpg", 1, 60, 80)
    matches = known_location().matches
    there = [replace(one, path=write_photo(folder / one.path, one.rank)) for one in matches[:4]]
    gone = replace(matches[4], path="</script><b>gone.jpg")
    every = [
        replace(known_location(), query=query, matches=(*there, gone)),
        guessed_location(),
        unknown_location(),
        placeless_location(),
    ]
    photos = [query, Path(query).read_bytes(), "gone.jpg", query]
    write_overview(every, photos, STREET, folder / "all.html")
    return folder / "all.html"


@pytest.fixture
def shown(browser: Browser, page: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 800}, offline=True)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text))
    opened.goto(page.as_uri())
    yield opened
    context.close()
    assert wrong == []


def test_the_page_holds_all_that_it_shows(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "</script><b>" not in text
    assert "default-src 'none'" in text
    # The query and its bytes are one picture; four matches more; what is gone has none.
    assert len(set(re.findall(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", text))) == 5


def test_a_click_shows_the_query_its_matches_and_their_names(shown: Page) -> None:
    assert shown.locator("#list button").count() == 4
    shown.locator("#list button").first.click()
    panel = shown.locator("#one")
    assert panel.locator("h2").inner_text() == "q.jpg"
    assert "within 12 m (90%), probability 0.93" in panel.inner_text()
    names = [caption.split("\n")[0] for caption in panel.locator("figcaption").all_inner_texts()]
    assert names == ["1. 1.jpg", "2. 2.jpg", "3. 3.jpg", "4. 4.jpg", "5. script><b>gone.jpg"]
    assert panel.locator("img").count() == 5 and panel.locator(".gone").count() == 1
    assert "200 m from the answer" in panel.inner_text()


def test_a_click_on_the_map_does_the_same(shown: Page) -> None:
    box = shown.locator("canvas").bounding_box()
    assert box is not None
    # Known, guess and unknown lie on one spot, the middle of what is shown.
    shown.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert shown.locator("#one h2").inner_text() in ("q.jpg",)
    shown.mouse.click(box["x"] + 5, box["y"] + box["height"] / 2)
    assert shown.locator("#one").inner_text() == ""


def test_the_map_moves_and_zooms(shown: Page) -> None:
    canvas = shown.locator("canvas")
    box = canvas.bounding_box()
    assert box is not None
    views = [canvas.screenshot()]
    scales = [shown.locator(".scale span").inner_text()]
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + 150, y + 80, steps=3)
    shown.mouse.up()
    views.append(canvas.screenshot())
    shown.mouse.wheel(0, 1500)
    shown.wait_for_function(
        "s => document.querySelector('.scale span').textContent !== s", arg=scales[0]
    )
    views.append(canvas.screenshot())
    canvas.focus()
    shown.keyboard.press("ArrowLeft")
    shown.keyboard.press("+")
    shown.wait_for_timeout(100)
    views.append(canvas.screenshot())
    assert len(set(views)) == 4
    shown.locator("#fit").click()
    shown.wait_for_timeout(100)
    assert shown.locator(".scale span").inner_text() == scales[0]


def test_a_status_can_be_left_out(shown: Page) -> None:
    before = shown.locator("canvas").screenshot()
    shown.locator("input[data-status=known]").uncheck()
    shown.locator("input[data-status=guess]").uncheck()
    assert shown.locator("#list button").count() == 2
    shown.wait_for_timeout(100)
    assert shown.locator("canvas").screenshot() != before


def test_what_a_page_cannot_carry_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_PICTURES", 2)
    queries = [write_photo(tmp_path / f"{number}.jpg", number) for number in range(3)]
    every = [replace(known_location(), query=query) for query in queries]
    write_overview(every, queries, geo.positions([], []), tmp_path / "all.html")
    text = (tmp_path / "all.html").read_text()
    assert text.count("data:image/jpeg") == 2
    # The third query, and the five matches, of which each answer has the same.
    assert "16 photos are without a small picture here" in " ".join(text.split())
