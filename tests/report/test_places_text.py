"""A training set in words: counts, and each caution once."""

from dataclasses import replace

import numpy as np
import pytest
from walks import streets, table_of, town

from beenhere.config.tools import PlacesConfig
from beenhere.report.places_text import places_text
from beenhere.tools.places import BuiltPlaces, EvaluationPart, build_places

OPTIONS = {"min_images": 2, "clusters": {"apart": 10}, "split": {"gap": 20, "val": 0.2}}


def built(days: int = 3, **split: float) -> BuiltPlaces:
    config = PlacesConfig.model_validate(OPTIONS | {"split": {**OPTIONS["split"], **split}})
    places = town("inside a zone", streets(5, 200, 800.0))
    dates = [f"2020-06-{1 + number % days:02}" for number in range(len(places))]
    return build_places(table_of(places, dates=dates), config)


def with_queries(made: BuiltPlaces, **counts: int) -> BuiltPlaces:
    parts = {
        name: replace(part, queries=part.queries.rows(np.arange(counts[name])))
        for name, part in made.evaluation.items()
    }
    return replace(made, evaluation=parts)


def cautions(text: str) -> list[str]:
    """Each in one line."""
    return [" ".join(part.split()) for part in text.split("  caution ")[1:]]


@pytest.mark.parametrize(
    ("val", "test", "said"),
    [
        (1, 200, ["val: 1 query gives a rough figure; mind its interval"]),
        (7, 200, ["val: 7 queries give a rough figure; mind its interval"]),
        (7, 1, ["val and test: 7 and 1 queries give rough figures; mind their intervals"]),
        (7, 7, ["val and test: 7 queries each give rough figures; mind their intervals"]),
        (100, 200, []),
    ],
)
def test_few_queries(val: int, test: int, said: list[str]) -> None:
    made = built()
    repeated = {
        name: EvaluationPart(part.database, part.queries.rows(np.zeros(200, np.intp)), part.sides)
        for name, part in made.evaluation.items()
    }
    made = with_queries(replace(made, evaluation=repeated), val=val, test=test)
    assert [one for one in cautions(places_text(made)) if "quer" in one] == said


def test_what_is_the_same_of_both_parts_is_said_once_and_wrapped() -> None:
    made = built(days=1)
    text = places_text(made)
    # A command is not wrapped.
    assert max(len(line) for line in text.splitlines() if "--method" not in line) <= 100
    same = [one for one in cautions(text) if "of the same walks" in one]
    assert len(same) == 1
    assert same[0].startswith("val and test: queries are single photos of the same walks as the ")
    lines = text.splitlines()
    start = next(row for row, line in enumerate(lines) if "of the same walks" in line)
    assert lines[start + 1].startswith(" " * 13) and lines[start + 1][13] != " "


def test_a_gap_is_between_parts() -> None:
    assert "  gap        20 m between photos of two parts" in places_text(built())
    made = built(val=0, test=0)
    assert made.evaluation == {}
    assert "gap" not in places_text(made)
