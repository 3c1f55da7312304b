"""Which queries one model gets right and another wrong, counted by a loop as well."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_evaluation import write_evaluation
from scipy.stats import binomtest

from beenhere.config.config_yaml import plain
from beenhere.config.evaluation import EvalConfig
from beenhere.errors import DataError
from beenhere.evaluation.differences import Differences, balanced_choice, differences
from beenhere.evaluation.evaluation_results import SavedEvaluation


def saved(folder: Path, seed: int) -> SavedEvaluation:
    evaluation = write_evaluation(folder, seed)
    return replace(
        evaluation, results={**evaluation.results, "config": plain(EvalConfig(thresholds=[25.0]))}
    )


@pytest.fixture
def found(tmp_path: Path) -> Differences:
    return differences(saved(tmp_path / "a", 1), saved(tmp_path / "b", 2), at=5, threshold=30)


def is_right(evaluation: SavedEvaluation, query: str) -> bool:
    rows = evaluation.predictions.filter(pl.col("query") == query).iter_rows(named=True)
    return any(row["rank"] <= 5 and (row["distance_m"] or 1e9) <= 30 for row in rows)


def test_counts_are_those_of_a_loop(found: Differences) -> None:
    expected: dict[str | None, list[int]] = {
        condition: [0, 0, 0, 0] for condition in (None, "day", "fog", "night")
    }
    for query in found.a.queries.iter_rows(named=True):
        right = is_right(found.a, query["query"]), is_right(found.b, query["query"])
        place = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[right]
        for condition in {None, query["condition"]}:
            expected[condition][place] += 1
    rows = found.by_condition()
    assert [row.condition for row in rows] == [None, "day", "fog", "night"]
    for row in rows:
        pair = row.comparison
        assert [row.both, pair.only_a, pair.only_b, row.neither] == expected[row.condition]
        assert pair.queries == sum(expected[row.condition])
        assert row.recall_a - row.recall_b == pytest.approx(pair.difference)
        assert pair.low <= pair.difference <= pair.high
        differing = pair.only_a + pair.only_b
        exact = binomtest(pair.only_a, differing).pvalue if differing else 1.0
        assert pair.p_value == pytest.approx(exact)
    assert rows[0].recall_a == pytest.approx(100 * found.a.hits(5, 30).mean())
    assert found.only_a.sum() == rows[0].comparison.only_a > 0
    assert found.only_b.sum() == rows[0].comparison.only_b > 0


def test_as_json_it_names_the_queries(found: Differences) -> None:
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["at"] == 5 and record["threshold"] == 30 and record["name"] == "made up"
    assert len(record["only_a"]) == record["conditions"][0]["only_a"]
    assert all(is_right(found.a, q) and not is_right(found.b, q) for q in record["only_a"])
    assert all(is_right(found.b, q) and not is_right(found.a, q) for q in record["only_b"])


def test_moved_photos_in_another_order_are_the_same_queries(
    found: Differences, tmp_path: Path
) -> None:
    def moved(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        return frame.with_columns(
            pl.format("/elsewhere/{}", pl.col(column)).alias(column) for column in columns
        )

    b = replace(
        found.b,
        queries=moved(found.b.queries, "query").sample(fraction=1.0, shuffle=True, seed=3),
        predictions=moved(found.b.predictions, "query", "database"),
    )
    again = differences(found.a, b, at=5, threshold=30)
    assert again.rows_b.tolist() != list(range(len(again.rows_b)))
    np.testing.assert_array_equal(again.right_b, found.right_b)
    assert b.queries["query"][int(again.rows_b[7])] == f"/elsewhere/{found.a.queries['query'][7]}"


def test_other_queries_are_refused(found: Differences, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the same queries"):
        differences(found.a, saved_with(tmp_path / "c", queries=61))
    renamed = found.b.queries.with_columns(pl.col("query").str.replace("query 3", "other"))
    with pytest.raises(DataError, match="do not name the same queries"):
        differences(found.a, replace(found.b, queries=renamed))
    with pytest.raises(DataError, match="too few"):
        differences(found.a, found.b, at=21)


def saved_with(folder: Path, queries: int) -> SavedEvaluation:
    return write_evaluation(folder, 1, queries)


def test_the_threshold_is_the_first_of_a(found: Differences) -> None:
    assert differences(found.a, found.b).threshold == 25


def test_chosen_queries_are_of_all_conditions_and_always_the_same(found: Differences) -> None:
    among = found.only_a
    chosen = found.choose(among, 4)
    assert chosen == found.choose(among, 4) and all(among[row] for row in chosen)
    conditions = [found.a.queries["condition"][row] for row in chosen]
    there = set(found.a.queries["condition"].filter(among).to_list())
    assert len(set(conditions)) == min(4, len(there))
    assert sorted(found.choose(among, 999)) == np.flatnonzero(among).tolist()
    assert len({tuple(found.choose(among, 1, seed)) for seed in range(9)}) > 1


CONDITIONS = st.lists(st.sampled_from(["day", "night", "fog", None]), max_size=30)


@given(CONDITIONS, st.integers(0, 40), st.integers(0, 5))
def test_no_condition_has_two_more_than_one_that_still_waits(
    conditions: list[str | None], count: int, seed: int
) -> None:
    chosen = balanced_choice(conditions, count, seed)
    assert chosen == balanced_choice(conditions, count, seed)
    assert len(set(chosen)) == len(chosen) == min(count, len(conditions))
    assert chosen == sorted(chosen, key=lambda place: (conditions[place] or "", place))
    there, taken = Counter(conditions), Counter(conditions[place] for place in chosen)
    for condition in there:
        if taken[condition] < there[condition]:
            assert max(taken.values(), default=0) <= taken[condition] + 1


def test_another_seed_chooses_others() -> None:
    assert len({tuple(balanced_choice(["day"] * 20, 3, seed)) for seed in range(4)}) > 1
