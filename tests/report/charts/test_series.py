"""Every row of a table looks the same in all its charts, and unlike every other."""

from beenhere.evaluation.ranking import RankedRow
from beenhere.report.charts.series import BACKGROUND, MOST, series_of
from beenhere.report.study_figures import RowFigures
from beenhere.studies.results import Row


def row(name: str, percent: float) -> RowFigures:
    one = RankedRow(percent, percent, percent, False, None, False, seeds=1)
    return RowFigures(Row(name, {}, {}, (), ()), {"test": {1: one}}, {})


def test_few_rows_have_a_colour_and_a_marker_of_their_own() -> None:
    series = series_of([row(str(n), n) for n in range(MOST)], "test")
    assert list(series) == [str(n) for n in range(MOST)]
    for unlike in ("colour", "variable", "marker", "outline"):
        assert len({getattr(one, unlike) for one in series.values()}) == MOST


def test_of_many_rows_the_best_stand_out_in_the_order_of_the_table() -> None:
    percents = [3, 9, 1, 8, 7, 2, 6, 5, 4, 10]
    series = series_of([row(str(p), p) for p in percents], "test")
    shown = [name for name, one in series.items() if one is not BACKGROUND]
    assert shown == ["9", "8", "7", "6", "5", "10"]
    assert len({one.variable for one in series.values()}) == len(shown) + 1
