"""Right by x and y, frames or names, as lists that a loop makes have it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TinyModel, write_photo

from beenhere.config import config_yaml
from beenhere.config.evaluation import EvalConfig, ExtractConfig
from beenhere.config.training import TrainConfig
from beenhere.errors import DataError
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import Evaluation, SavedEvaluation
from beenhere.evaluation.photo_tables import leave_one_out
from beenhere.evaluation.protocol import in_words, rule_in_words
from beenhere.photos.formats import EvaluationTables
from beenhere.photos.ground_truth import ListedTruth
from beenhere.photos.table import PhotoTable
from beenhere.report.photo_set import neighbours, positives
from beenhere.training.loop import named_recalls

OPTIONS: dict[str, Any] = {
    "recall_at": [1, 2, 5],
    "extract": ExtractConfig(batch_size=8, workers=1, device="cpu", precision="32"),
}
RNG = np.random.default_rng(3)
SIDES = {"database": 30, "queries": 12}
FRAMES = {side: RNG.integers(0, 20, n).tolist() for side, n in SIDES.items()}
MAPS = {side: RNG.choice(["night", "day"], n).tolist() for side, n in SIDES.items()}


def tables(folder: Path, **columns: Any) -> EvaluationTables:
    """Photos that look like their frames; ``columns`` are made of a side's name."""
    found = []
    for side, frames in FRAMES.items():
        paths = [write_photo(folder / side / f"{n}.png", frame) for n, frame in enumerate(frames)]
        more = {name: make(side) for name, make in columns.items()}
        found.append(PhotoTable.from_columns({"path": paths, **more}))
    return EvaluationTables(*found, "hall")


def by_lists(given: EvaluationTables, right: Any) -> Evaluation:
    """The same photos, and lists of what a rule says is right of two numbers of photos."""
    lists = [
        [row for row in range(SIDES["database"]) if right(query, row)]
        for query in range(SIDES["queries"])
    ]
    listed = ListedTruth(lists, SIDES["database"])
    plain = [
        PhotoTable.from_columns({"path": side.paths}) for side in (given.database, given.queries)
    ]
    return evaluate_tables(
        TinyModel(), EvaluationTables(*plain, "hall", listed), EvalConfig(**OPTIONS)
    )


def percents(result: Evaluation, threshold: float | None) -> list[float]:
    return [one.percent for one in result.recalls if one.threshold == threshold]


def test_frames(tmp_path: Path) -> None:
    given = tables(tmp_path, frame=FRAMES.get, map=MAPS.get)
    result = evaluate_tables(TinyModel(), given, EvalConfig(**OPTIONS), tmp_path / "out")
    # Two frames either side, unless thresholds are given; on the same map alone.
    assert {one.threshold for one in result.recalls} == {2.0} and result.by == "frame"

    def right(query: int, row: int, reach: int = 2) -> bool:
        far = abs(FRAMES["queries"][query] - FRAMES["database"][row])
        return far <= reach and MAPS["queries"][query] == MAPS["database"][row]

    assert percents(result, 2.0) == percents(by_lists(given, right), None) != [100.0] * 3
    options = OPTIONS | {"thresholds": [0, 25]}
    wider = evaluate_tables(TinyModel(), given, EvalConfig(**options))
    assert percents(wider, 0.0) == percents(by_lists(given, lambda q, r: right(q, r, 0)), None)
    assert percents(wider, 25.0) == percents(by_lists(given, lambda q, r: right(q, r, 25)), None)
    named = named_recalls(wider)
    assert list(named)[:1] == ["R@1"] and "R@1 25 frames" in named
    # As the options of a training come, from a file that spells all of them out.
    spelt = config_yaml.load(TrainConfig, None, ["evaluation.recall_at=[1, 2, 5]"])
    again = config_yaml.validate(TrainConfig, config_yaml.plain(spelt)).evaluation
    followed = evaluate_tables(
        TinyModel(), given, again.model_copy(update={"extract": OPTIONS["extract"]})
    )
    assert {one.threshold for one in followed.recalls} == {2.0}
    saved = SavedEvaluation.read(tmp_path / "out")
    assert saved.by == "frame" and saved.results["config"]["thresholds"] == [2.0]
    assert saved.hits(5, 2.0).mean() * 100 == pytest.approx(result.recall(5))
    words = positives(given, None)
    assert "have a database photo within 2 frames" in words
    assert "another within 2 frames" in neighbours(given.database, None)


def test_names(tmp_path: Path) -> None:
    given = tables(tmp_path, place=lambda side: [f"room {frame // 5}" for frame in FRAMES[side]])
    result = evaluate_tables(TinyModel(), given, EvalConfig(**OPTIONS))
    expected = by_lists(given, lambda q, r: FRAMES["queries"][q] // 5 == FRAMES["database"][r] // 5)
    assert percents(result, None) == percents(expected, None) and result.by == "place"
    assert result.without_positive == expected.without_positive
    assert result.predictions["positive"].equals(expected.predictions["positive"])
    assert "have a database photo of the same place" in positives(given, None)


def test_a_plan(tmp_path: Path) -> None:
    given = tables(
        tmp_path, x=lambda side: [1.5 * f for f in FRAMES[side]], y=lambda side: [0.0] * SIDES[side]
    )
    result = evaluate_tables(TinyModel(), given, EvalConfig(**OPTIONS))
    expected = by_lists(given, lambda q, r: abs(FRAMES["queries"][q] - FRAMES["database"][r]) <= 3)
    assert percents(result, 5.0) == percents(expected, None) and result.by == "xy"
    far = result.predictions["distance_m"].to_numpy()
    assert (far / 1.5 == np.round(far / 1.5)).all()
    alone = evaluate_tables(
        TinyModel(), leave_one_out(given.database, "hall"), EvalConfig(**OPTIONS)
    )
    assert alone.queries == 30 and alone.recall(5) > 0


def test_sides_that_have_nothing_in_common_are_refused(tmp_path: Path) -> None:
    one, other = (
        tables(tmp_path, frame=FRAMES.get),
        tables(tmp_path, place=lambda s: ["a"] * SIDES[s]),
    )
    mixed = EvaluationTables(one.database, other.queries, "hall")
    with pytest.raises(DataError, match="x and y, frame or place in the tables of both"):
        evaluate_tables(TinyModel(), mixed, EvalConfig(**OPTIONS))


def test_in_words() -> None:
    assert (in_words(25.0), in_words(None)) == ("within 25 m", "on the list")
    assert (in_words(1, "frame"), in_words(2, "frame")) == ("within 1 frame", "within 2 frames")
    assert (in_words(None, "place"), in_words(5, "xy")) == ("of the same place", "within 5 m")
    assert rule_in_words(None, "place") == "right if of the same place"
    assert (rule_in_words(None), rule_in_words(2, "frame")) == (
        "right by the lists",
        "right within 2 frames",
    )
