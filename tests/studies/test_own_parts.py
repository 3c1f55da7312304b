"""Rows with a person's own parts, in processes of their own: each finds the module by itself."""

import sys
from contextlib import closing
from pathlib import Path

import pytest
from own_module import write_own_module

from beenhere.studies import runner
from beenhere.studies.folder import StudyFolder
from beenhere.studies.launchers import LocalLauncher
from beenhere.studies.plan import make_plan
from beenhere.studies.study import read_profile, read_study


def test_own_parts_are_found_where_rows_are_trained(
    write, profile, tmp_path: Path, warm_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "executable", str(warm_python / "python"))
    monkeypatch.chdir(tmp_path)
    module = write_own_module(tmp_path)
    rows = {
        "mine": {"model.aggregator": {"name": f"{module}:Power", "p": 2}},
        "wrong": {"loss": {"name": f"{module}:EachOwn"}},
    }
    study = read_study(str(write(rows, set={"fit.epochs": 1})))
    made = make_plan(study, *read_profile(str(profile)))
    folder = StudyFolder(tmp_path / "out", "town", "mine")
    folder.write(made, "beenhere study run")
    with closing(LocalLauncher(1, 1)) as launcher:
        assert not runner.run(made.trainings, folder, launcher, lambda line: None)
    mine, wrong = (row.runs[0] for row in folder.results().tables[0].rows)
    assert mine.state == "finished" and set(mine.evaluations) == {"near", "far"}
    assert mine.options["model"]["aggregator"] == {"name": f"{module}:Power", "p": 2}
    # What own code does wrong stands in one line in the row, and ends no other row.
    assert wrong.state == "failed" and "EachOwn" in wrong.error and "\n" not in wrong.error
