"""Numbers as people read them."""

import pytest

from beenhere import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-4, "1e-4"),
        (2.5e-5, "2.5e-5"),
        (0.001, "0.001"),
        (0.0, "0"),
        (1.0, "1"),
        (1e6, "1e6"),
        (-3e-4, "-3e-4"),
        (10, "10"),
        (True, "yes"),
        (None, "none"),
        ("adamw", "adamw"),
        ([1, 5], "[1, 5]"),
    ],
)
def test_values_of_options(value: object, text: str) -> None:
    assert wording.option(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0004, "<0.001"), (0.001, "0.001"), (0.0314, "0.031"), (0.25, "0.25"), (1.0, "1.00")],
)
def test_p_values(value: float, text: str) -> None:
    assert wording.p_value(value) == text


def test_lengths_and_times() -> None:
    assert [wording.metres(m) for m in (8.12, 240.4, 1310)] == ["8.1 m", "240 m", "1.3 km"]
    assert [wording.duration(s) for s in (45, 720, 12600)] == ["45 s", "12 min", "3.5 h"]


def test_names_of_options() -> None:
    for dotted, short in (("optimizer.lr", "lr"), ("loss.name", "loss"), ("model.a.name", "a")):
        assert wording.short_name(dotted) == short


def test_counts() -> None:
    assert wording.count(1, "row") == "1 row"
    assert wording.count(1200, "query", "queries") == "1,200 queries"


def test_differences_have_a_sign_and_published_figures_their_digits() -> None:
    minus = "\N{MINUS SIGN}"
    found = [wording.signed(d) for d in (2.04, -8.7, 0.0, -0.04, 10.0)]
    assert found == ["+2.0", f"{minus}8.7", "0.0", "0.0", "+10.0"]
    assert [wording.as_published(p) for p in (47.61, 30.6, 41)] == ["47.61", "30.6", "41.0"]
