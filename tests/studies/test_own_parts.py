"""Rows with a person's own parts, in processes of their own: each finds the module by itself."""

import sys
from contextlib import closing
from pathlib import Path

import pytest
from own_module import write_own_module

from beenhere.studies import runner
from beenhere.studies.folder import StudyFolder
from beenhere.studies.launchers import Launcher, LocalLauncher, RayLauncher
from beenhere.studies.plan import make_plan
from beenhere.studies.study import read_profile, read_study


# Ray's own code warns of what it will change.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("where", ["processes", "ray"])
def test_own_parts_are_found_where_rows_are_trained(
    where: str, write, profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    monkeypatch.chdir(tmp_path)
    module = write_own_module(tmp_path)
    rows = {
        "mine": {"model.aggregator": {"name": f"{module}:Power", "p": 2}},
        "wrong": {"loss": {"name": f"{module}:EachOwn"}},
    }
    made = make_plan(
        read_study(str(write(rows, set={"fit.epochs": 1}))), *read_profile(str(profile))
    )
    folder = StudyFolder(tmp_path / "out", "town", "mine")
    folder.write(made, "beenhere study run")
    lines: list[str] = []
    if where == "ray":
        pytest.importorskip("ray", reason="needs the extra 'ray'")
    launcher: Launcher = RayLauncher(None) if where == "ray" else LocalLauncher(1, 1)
    with closing(launcher):
        assert not runner.run(made.trainings, folder, launcher, lines.append)
    mine, wrong = (row.runs[0] for row in folder.results().tables[0].rows)
    assert mine.state == "finished" and set(mine.evaluations) == {"near", "far"}
    assert mine.options["model"]["aggregator"] == {"name": f"{module}:Power", "p": 2}
    # What own code does wrong stands in one line in the row, and ends no other row.
    assert wrong.state == "failed" and "EachOwn" in wrong.error and "\n" not in wrong.error
