"""Charts as a part of a page: no ids or styles that reach others, text that stays text."""

import re

import numpy as np
from matplotlib.axes import Axes

from beenhere.report.charts.drawing import SERIES, blank, chart_style, finish


def drawn(key: str = "a-chart", name: str = "row") -> str:
    with chart_style():
        axes: Axes = blank(name, "x", "y")
        axes.plot([0, 1, 2], [0.001, 0.0025, 0.004], "o", color=SERIES[0])
        axes.annotate(name, (1, 0.002))
        return finish(axes, key, f"Title of {name}", f"{name} rises")


def test_it_says_what_it_shows() -> None:
    svg = drawn(name="<b> & $x_1$")
    assert svg.startswith('<svg class="chart" role="img" aria-labelledby="a-chart-t a-chart-d"')
    assert '<title id="a-chart-t">Title of &lt;b&gt; &amp; $x_1$</title>' in svg
    assert '<desc id="a-chart-d">&lt;b&gt; &amp; $x_1$ rises</desc>' in svg
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert texts.count("&lt;b&gt; &amp; $x_1$") == 2
    assert "0.0025" in texts  # the numbers of texts are not shortened


def test_it_takes_its_colours_and_font_from_the_page() -> None:
    svg = drawn()
    assert "var(--series-1)" in svg and "var(--rule)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "font-family" not in svg and "<style" not in svg and "<metadata" not in svg


def test_ids_are_its_own_and_all_of_use() -> None:
    svg = drawn("one")
    ids = set(re.findall(r' id="([^"]+)"', svg))
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    assert ids == {name for pair in used for name in pair if name} | {"one-t", "one-d"}
    assert all(name.startswith("one-") for name in ids)
    assert not ids & set(re.findall(r' id="([^"]+)"', drawn("two")))


def test_it_is_small_and_always_the_same() -> None:
    assert drawn() == drawn()
    assert len(drawn()) < 8_000
    with chart_style():
        axes = blank("many", "x", "y")
        axes.plot(np.linspace(0, 1, 500), np.random.default_rng(0).random(500))
        svg = finish(axes, "many", "t", "d")
    assert not re.search(r"\d\.\d\d", re.sub(r"<text.*?</text>|style=\"[^\"]*\"", "", svg))


def test_letters_without_a_font_here_and_characters_without_a_meaning() -> None:
    svg = drawn(name="東京 \x07 駅")
    assert "東京  駅" in svg
