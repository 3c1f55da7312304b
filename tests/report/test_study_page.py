"""The page of a study, in a real browser: what it shows, and how it answers a reader."""

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_contrast import TEXT_CONTRAST
from PIL import Image
from playwright.sync_api import Browser, Page
from study import study, write_run, write_set, write_study
from tiny import write_photo

from beenhere.evaluation.differences import ConditionDifference
from beenhere.evaluation.significance import Comparison
from beenhere.report.compared_queries import ComparedPair, ComparedQuery, ModelAnswer
from beenhere.report.photo_boxes import Prediction
from beenhere.report.study_page import write_page
from beenhere.report.study_tables import write_tables
from beenhere.studies.results import Row, StudyResults, Table

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[ComparedPair]:
    folder = tmp_path_factory.mktemp("compared")
    query = write_photo(folder / 'a<b> "c".jpg', 1)
    near, far = write_photo(folder / "near.jpg", 2), write_photo(folder / "far.jpg", 3)
    heat = Image.new("RGB", (64, 48), "orange")
    right = ModelAnswer("A&<i>", [Prediction(near, 0.9, 3.0, True)], (heat, heat))
    found = [(far, 0.8, 700.0, False), (near, 0.7, None, None), (far, 0.6, None, False)]
    wrong = ModelAnswer("B", [Prediction(*one) for one in found])  # the last is on no list
    drawn = [ComparedQuery(query, "night", "a", right, wrong)]
    every = ConditionDifference(None, 31, 66, Comparison(-8.7, -18.0, 2.0, 0.098, 33, 20, 150))
    night = ConditionDifference("night", 1, 8, Comparison(0.0, -50.0, 7.1, 0.37, 4, 4, 17))
    return [ComparedPair("A&<i>", "B", "SF-XS", [every, night], drawn)]


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory, results: StudyResults, compared: list[ComparedPair]
) -> Path:
    return write_page(results, tmp_path_factory.mktemp("page"), compared)


@contextmanager
def opening(browser: Browser, report: Path) -> Iterator[Open]:
    """Opens the report from disk; at the end nothing may have been fetched or complained of."""
    contexts, unwanted = [], []

    def open_page(path: Path = report, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: unwanted.append(message.text))
        page.on("pageerror", lambda error: unwanted.append(str(error)))
        address = path.as_uri()
        page.on(
            "request",
            lambda request: (
                unwanted.append(request.url)
                if request.url != address and not request.url.startswith("data:")
                else None
            ),
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert unwanted == []


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Open]:
    with opening(browser, report) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, for tests that leave it as it is."""
    with opening(browser, report) as open_page:
        yield open_page()


def texts(page: Page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def names(page: Page) -> list[str]:
    return texts(page, "#table-aggregators ~ .scroll tbody .name")


def sort_by(page: Page, column: int) -> None:
    page.locator("#table-aggregators ~ .scroll thead tr:last-child button").nth(column).click()


def test_it_opens_from_disk_and_says_what_it_is(page: Page, results: StudyResults) -> None:
    assert page.title() == results.title
    assert texts(page, "h1") == [results.title]
    assert results.caveat in page.locator(".caveat").inner_text()
    assert page.locator("main, header, footer, nav").count() == 4
    assert "failed" in page.locator("#summary + p").inner_text()


def test_texts_are_never_markup(page: Page) -> None:
    assert '<b>&"x_1%' in names(page)
    assert page.locator("main b:not(.says b)").count() == 0
    assert "the loss is <nan> & more" in page.locator(".state").all_inner_texts()[0]
    assert page.locator("""[aria-label='query: a<b> "c".jpg']""").count() == 2
    assert page.locator(".chart text", has_text='<b>&"x_1%').count() > 0


def test_columns_of_figures_sort_as_numbers_and_keep_empty_cells_last(opened: Open) -> None:
    page = opened()
    original = names(page)
    assert original == ["Avg", "GeM", '<b>&"x_1%', "Broken", "Half", "Later"]
    sort_by(page, 1)
    shown = texts(page, "#table-aggregators ~ .scroll tbody td:nth-child(2) .figure")
    figures = [float(re.findall(r"[\d.]+", text)[-1]) for text in shown]
    assert figures == sorted(figures, reverse=True) and len(figures) == 3
    assert names(page)[3:] == original[3:]
    head = page.locator("#table-aggregators ~ .scroll th[aria-sort]")
    assert head.get_attribute("aria-sort") == "descending"
    sort_by(page, 1)
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == ["GeM", "Avg", '<b>&"x_1%', *original[3:]]
    sort_by(page, 1)
    assert names(page) == original and head.count() == 0


def test_numbers_of_different_length_are_not_sorted_as_texts(opened: Open) -> None:
    page = opened()
    last = page.locator("#table-aggregators ~ .scroll thead tr:last-child th").count() - 1
    sort_by(page, last)
    seconds = page.locator("#table-aggregators ~ .scroll tbody td:last-child").evaluate_all(
        "cells => cells.map((cell) => cell.dataset.value).filter(Boolean).map(Number)"
    )
    assert seconds == [1230, 615, 615]


def test_rows_sort_by_name_and_one_column_at_a_time(opened: Open) -> None:
    page = opened()
    sort_by(page, 1)
    sort_by(page, 0)
    assert page.locator("#table-aggregators ~ .scroll th[aria-sort]").count() == 1
    assert names(page)[1:] == ["Avg", "Broken", "GeM", "Half", "Later"]
    sort_by(page, 0)
    assert names(page)[:2] == ["Later", "Half"]


def test_sorting_needs_no_mouse(opened: Open) -> None:
    page = opened()
    page.locator("#table-aggregators ~ .scroll thead button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#table-aggregators ~ .scroll th[aria-sort=ascending]").count() == 1


def test_the_first_tab_leads_past_the_head(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_filters_show_what_they_say(opened: Open) -> None:
    page = opened()
    every = page.locator(".failure")
    total = every.count()
    shown = page.locator(".failure:visible")
    assert shown.count() == total
    for filters in (
        {"test": "tokyo_xs"},
        {"condition": "night"},
        {"kind": "impossible"},
        {"band": "far", "test": "sf_xs"},
    ):
        for name, value in filters.items():
            page.locator(f"select[data-filter={name}]").select_option(value)
        marks = shown.evaluate_all("all => all.map((one) => ({ ...one.dataset }))")
        assert 0 < len(marks) < total
        assert all(mark[name] == value for mark in marks for name, value in filters.items())
        told = page.locator(".filters output").inner_text()
        assert told == f"{len(marks)} of {total} shown"
        for name in filters:
            page.locator(f"select[data-filter={name}]").select_option("")
    bands = page.locator("select[data-filter=band] option").evaluate_all(
        "all => all.map((one) => one.value)"
    )
    assert bands == [band for band in ("", "near", "middle", "far", "unknown") if band in bands]
    assert len(bands) > 3
    page.locator("select[data-filter=model]").select_option("best")
    assert page.locator(".failure:visible:not([data-best])").count() == 0
    assert 0 < shown.count() < total
    assert page.locator(".failing:visible").count() < page.locator(".failing").count()


def test_a_filter_that_leaves_nothing_says_so(opened: Open) -> None:
    page = opened()
    page.locator("select[data-filter=kind]").select_option("wrong")
    page.locator("select[data-filter=band]").select_option("unknown")
    assert page.locator(".failure:visible").count() == 0
    assert page.locator(".filters output").inner_text().startswith("None of the ")


def test_the_theme_that_was_chosen_is_kept(opened: Open) -> None:
    page = opened(color_scheme="light")
    page.locator("#theme").click()
    page.reload()
    assert page.locator("#theme").inner_text() == "Light"
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    page.evaluate("localStorage.setItem('beenhere-theme', 'of another program')")
    page.reload()
    assert page.locator("#theme").inner_text() == "Dark"


def test_it_says_how_it_was_made(page: Page, results: StudyResults) -> None:
    assert texts(page, "#again ~ pre") == [results.command]
    statistics = page.locator("#statistics ~ ol").inner_text()
    assert "McNemar" in statistics and "Clark, 1973" in statistics
    key = page.locator("#table-aggregators ~ .key").inner_text()
    assert "provisional" in key and "Holm" in key and "holds 0" not in key
    assert "provisional" not in page.locator("#table-growth ~ .key").inner_text()


def test_the_theme_follows_the_system_and_the_button(opened: Open) -> None:
    for system, other in (("light", "dark"), ("dark", "light")):
        page = opened(color_scheme=system)
        paper = "getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(paper)
        button = page.locator("#theme")
        assert button.inner_text().lower() == other
        button.click()
        assert page.evaluate(paper) != before
        assert button.inner_text().lower() == system
        button.click()
        assert page.evaluate(paper) == before


def test_every_text_stands_out_and_no_width_scrolls_sideways(opened: Open) -> None:
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        found = page.evaluate(TEXT_CONTRAST)
        assert len(found) > 300
        assert [one for one in found if one[0] < 4.5] == []
    assert len(grounds) == 2
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_on_a_phone_tables_scroll_under_the_names_of_their_rows(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 800})
    box = page.locator(".scroll").first
    name = box.locator("tbody th").first
    before = name.bounding_box()
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.evaluate("box => { box.scrollLeft = 200 }")
    assert name.bounding_box() == before
    assert box.locator("tbody td").first.bounding_box()["x"] < before["x"]


def test_without_scripts_everything_is_there(opened: Open) -> None:
    page = opened(java_script_enabled=False)
    assert names(page)[0] == "Avg"
    assert page.locator(".failure:visible").count() == page.locator(".failure").count() > 0
    assert page.locator(".chart:visible").count() > 0
    for control in ("#theme", ".filters"):
        assert page.locator(control).is_hidden()
    page.locator(".folded summary").first.click()
    assert page.locator(".folded").first.locator(".chart").first.is_visible()


def test_on_paper_it_is_light_and_has_no_controls(opened: Open) -> None:
    page = opened(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for control in ("#theme", ".filters", ".downloads >> nth=0"):
        assert page.locator(control).is_hidden()
    assert page.locator(".folded .chart").first.is_visible()


def test_charts_can_be_read_aloud_and_no_id_is_there_twice(page: Page) -> None:
    charts = page.locator(".chart")
    told = charts.evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-labelledby').split(' ')"
        ".map((id) => document.getElementById(id).textContent))"
    )
    assert len(told) == charts.count() > 10
    assert all(title and re.search(r"\d", gist) for title, gist in told)
    ids = page.locator("[id]").evaluate_all("all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
    used = page.locator("use").evaluate_all(
        "all => all.map((one) => one.getAttribute('href').slice(1))"
    )
    assert set(used) <= set(ids)


def test_each_photo_is_in_the_page_once(report: Path) -> None:
    photos = re.findall(r"data:image/jpeg;base64,[^\"]+", report.read_text("utf-8"))
    assert 20 < len(photos) == len(set(photos))


def test_a_pair_says_how_many_queries_there_are_and_how_many_are_drawn(page: Page) -> None:
    assert texts(page, ".versus h4") == ["SF-XS"]
    assert texts(page, ".only") == [
        "Only A&<i> is right: 33 of 150 queries; 1 of them here, chosen at random",
        "Only B is right: 20 of 150 queries; 0 of them here, chosen at random",
    ]
    cells = [row.split("\t") for row in texts(page, ".shared tr")]
    assert cells[0][3:5] == ["only A&<i>", "only B"]
    assert cells[1][:8] == ["all", "150", "31", "33", "20", "66", "42.7", "34.0"]
    minus = "\N{MINUS SIGN}"
    assert cells[1][8:] == [f"{minus}8.7 {minus}18.0 to +2.0", "0.098"]
    assert cells[2][0] == "night" and cells[2][8].startswith("0.0 ")


@pytest.mark.parametrize(("width", "beside"), [(1280, True), (390, False)])
def test_what_a_model_looks_at_stands_beside_or_under_what_it_found(
    opened: Open, width: int, beside: bool
) -> None:
    page = opened(viewport={"width": width, "height": 800})
    assert texts(page, ".compare .says b") == ["✓ right", "✗ wrong", "? unknown", "✗ wrong"]
    said = ["3.0 m ·", "700 m ·", "distance unknown ·", "far.jpg ·"]
    assert texts(page, ".compare .says b + span") == said
    assert texts(page, ".looks") == ["what A&<i> looks at"]
    maps = page.locator(".map").all()
    photo, found = page.locator(".side").first.locator(".cell:not(.map)").all()
    assert [one.inner_text() for one in maps] == ["query", "found first"]
    for one, under in zip(maps, (photo, found), strict=True):
        seen, other = one.bounding_box(), under.bounding_box()
        assert (seen["y"] == pytest.approx(other["y"], abs=4)) == beside
        assert (seen["x"] == pytest.approx(other["x"], abs=1)) != beside
    page.emulate_media(media="print")
    assert all(one.is_visible() for one in maps)


def test_files_to_take_away_are_those_that_are_written(
    page: Page, results: StudyResults, tmp_path: Path
) -> None:
    links = page.locator("a[download]").evaluate_all(
        "all => all.map((one) => [one.download, one.href])"
    )
    files = write_tables(results, tmp_path)
    assert [name for name, _ in links] == [path.name for path in files]
    for (_, address), path in zip(links, files, strict=True):
        assert base64.b64decode(address.partition("base64,")[2]) == path.read_bytes()


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs")]
    run = write_run(tmp_path / "run", sets, 0.4)
    table = Table("one", "One", "", "", (Row("only", {}, {}, (), (run,)),), (1.0, 25.0), "")
    results = study((table,), tests={"sf_xs": "SF-XS"})
    one, two = (write_page(results, tmp_path / name) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_photos_that_are_gone_leave_their_names(opened: Open, tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs")]
    run = write_run(tmp_path / "run", sets, 0.2)
    shutil.rmtree(tmp_path / "photos")
    table = Table("one", "One", "", "", (Row("only", {}, {}, (), (run,)),), (), "")
    page = opened(write_page(study((table,), tests={"sf_xs": "SF-XS"}), tmp_path))
    assert page.locator(".gone").count() > 0
    assert page.locator(".gone").first.inner_text().startswith("cannot be read: query ")


def test_a_condition_that_the_test_sets_title_names_is_not_said_again(tmp_path: Path) -> None:
    sets = [write_set(tmp_path / "photos", "sf_xs", conditions=("night", "fog"))]
    run = write_run(tmp_path / "run", sets, 0.2)
    table = Table("one", "One", "", "", (Row("only", {}, {}, (), (run,)),), (), "")
    results = study((table,), tests={"sf_xs": "Night (like Tokyo-XS)"})
    page = write_page(results, tmp_path).read_text("utf-8")
    captions = {
        re.sub(r"<.*", "", one, flags=re.S).strip()
        for one in re.findall(r'class="failure".*?<figcaption>(.*?)</figcaption>', page, re.S)
    }
    assert captions == {"Night (like Tokyo-XS)", "Night (like Tokyo-XS), fog"}
    assert re.search(r" m off, similarity 0\.\d\d<", page)


def test_a_study_that_has_just_begun_has_a_page(opened: Open, results: StudyResults) -> None:
    waiting = tuple(
        replace(table, rows=tuple(row for row in table.rows if not row.finished))
        for table in results.tables
    )
    page = opened(write_page(replace(results, tables=waiting, caveat=""), results_folder(results)))
    assert "No row has finished yet." in page.locator(".findings").inner_text()
    assert names(page) == ["Broken", "Half", "Later"]
    assert page.locator(".caveat, .chart, .failure").count() == 0


def results_folder(results: StudyResults) -> Path:
    return results.tables[0].rows[0].runs[0].folder.parent
