"""Comparing what two models left on disk: which evaluations are taken, whose model made them."""

import json
import shutil
from pathlib import Path

import pytest
from two_runs import small_model, write_run

import beenhere
from beenhere.errors import DataError, ModelError
from beenhere.evaluation.compare_runs import Contender, compare
from beenhere.models import save_checkpoint

A = [True, True, False, True, False, True, False, False]
B = [True, False, True, False, False, False, True, True]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``a`` and ``b``, tested on ``streets``; A has another test besides."""
    monkeypatch.chdir(tmp_path)
    for name, right, seed in (("a", A, 1), ("b", B, 2)):
        write_run(Path(name), Path("photos"), right, seed)
    shutil.copytree("a/tests/streets", "a/tests/other")
    return tmp_path


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a", "b"),
        ("a/tests/streets", "b/tests/streets"),
        ("a", "b/tests/streets"),
        ("a/tests/streets", "b"),
    ],
)
def test_runs_and_evaluations_go_together(runs: Path, one: str, two: str) -> None:
    (found,) = beenhere.compare(one, Path(two))
    assert found.name == "streets" and (found.at, found.threshold) == (1, 25)
    assert found.right_a.tolist() == A and found.right_b.tolist() == B
    assert not beenhere.compare(one, two, at=2)[0].only_a.any()
    assert not beenhere.compare(one, two, threshold=1)[0].right_b.any()


def test_all_tests_that_both_have_are_compared(runs: Path) -> None:
    shutil.copytree("b/tests/streets", "b/tests/other")
    assert [found.name for found in compare("a", "b")] == ["other", "streets"]


def test_runs_without_a_common_test_are_refused(runs: Path) -> None:
    Path("b/tests/streets").rename("b/tests/elsewhere")
    with pytest.raises(DataError, match=r"a \(tests other, streets\) and b \(tests elsewhere\)"):
        compare("a", "b")
    with pytest.raises(DataError, match=r"offline-lite0 \(no tests\) share no test set"):
        compare("a", "offline-lite0")
    results = Path("b/tests/elsewhere/results.json")
    record = json.loads(results.read_text())
    record["data"]["queries"]["sha256"] = "another"
    results.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"a \(tests .*\) was not evaluated on the photos of b/"):
        compare("a", "b/tests/elsewhere")
    with pytest.raises(DataError, match="not the same queries"):
        compare("a/tests/streets", "b/tests/elsewhere")


def test_folders_that_hold_nothing_whole_are_named(runs: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist; expected a run folder"):
        compare("a", "nowhere")
    Path("a/tests/streets/queries.parquet").unlink()
    for given in ("a", "a/tests/streets"):
        with pytest.raises(DataError, match=r"queries\.parquet missing"):
            compare(given, "b")


def test_an_evaluation_of_a_run_knows_its_model(runs: Path) -> None:
    side = Contender.find("b/tests/streets")
    assert side.evaluation is not None
    assert side.load(side.evaluation).fingerprint() == small_model(2).fingerprint()


def test_an_evaluation_by_itself_knows_where_its_model_came_from(runs: Path) -> None:
    shutil.move("a/tests/streets", "alone")
    with pytest.raises(ModelError, match="the model of this evaluation cannot be found"):
        _ = Contender.find("alone").known_model
    results = Path("alone/results.json")
    record = json.loads(results.read_text())
    for given in ("b", "offline-lite0", "gone"):
        record["model"]["provenance"] = {"model": given}
        results.write_text(json.dumps(record))
        assert Contender.find("alone").model == (None if given == "gone" else given)


def test_a_model_trained_on_since_is_refused(runs: Path) -> None:
    save_checkpoint(small_model(9), "a/checkpoints/best", {})
    (found,) = compare("a", "b")
    with pytest.raises(ModelError, match="was made by another model than a is now"):
        Contender.find("a").load(found.a)
