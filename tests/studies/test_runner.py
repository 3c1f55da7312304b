"""Studies that really run: in processes that fail, are killed, and go on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from beenhere.errors import ConfigError
from beenhere.studies import runner
from beenhere.studies.folder import RowFolder, StudyFolder
from beenhere.studies.launchers import LocalLauncher
from beenhere.studies.plan import Plan, make_plan
from beenhere.studies.study import read_profile, read_study

SLOW, FAST = {"optimizer.lr": 1e-4}, {"optimizer.lr": 1e-2}


def plan(study: Path, profile: Path) -> Plan:
    return make_plan(read_study(str(study)), *read_profile(str(profile)))


def run(made: Plan, out: Path, only: tuple[str, ...] = (), at_once: int = 1) -> tuple[bool, str]:
    folder = StudyFolder(out, made.data, made.study.name)
    folder.write(made, "beenhere study run")
    lines: list[str] = []
    with closing(LocalLauncher(at_once, 1)) as launcher:
        done = runner.run(runner.select(made, only), folder, launcher, lines.append)
    return done, "\n".join(lines)


def measured(out: Path, made: Plan) -> dict[str, object]:
    """What a study found, but for times."""
    results = StudyFolder(out, made.data, made.study.name).results()
    return {
        f"{table.title}, {row.name}, {one.seed}": (
            one.state,
            one.best_epoch,
            [{k: v for k, v in record.items() if k != "seconds"} for record in one.epochs],
            {
                name: (found.results["recalls"], found.predictions.rows(), found.queries.rows())
                for name, found in one.evaluations.items()
            },
        )
        for table in results.tables
        for row in table.rows
        for one in row.runs
    }


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(autouse=True, scope="module")
def warm_rows(warm_python: Path) -> Iterator[None]:
    """Rows start in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(warm_python / "python"))
        yield


@pytest.fixture(scope="module")
def whole(base, profile, tmp_path_factory, warm_rows) -> tuple[Plan, Path]:
    """A study of three rows that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    study = folder / "study.yaml"
    rows = [{"name": "slow", "set": SLOW}, {"name": "fast", "set": FAST}]
    text = {"title": "Whole", "base": str(base), "set": {"fit.epochs": 3}, "rows": rows}
    study.write_text(json.dumps(text))
    made = plan(study, profile)
    done, said = run(made, folder / "out")
    assert done, said
    return made, folder / "out"


def test_a_study_trains_tests_and_tells(whole):
    made, out = whole
    results = StudyFolder(out, "town", made.study.name).results()
    (table,) = results.tables
    assert (results.data_title, table.title) == ("a tiny town", "Whole")
    assert results.tests == {"near": "near", "far": "far"}
    for row in table.rows:
        (one,) = row.finished
        assert len(one.epochs) == 3 and set(one.evaluations) == {"near", "far"}
        assert one.record["hardware"]["cores"] and one.record["versions"]["torch"]
        assert one.record["seconds"] > 0 and one.options["fit"]["epochs"] == 3
    assert [row.changes for row in table.rows] == [SLOW, FAST]


def test_what_is_done_is_not_done_again(whole):
    made, out = whole
    before = {path: path.stat().st_mtime_ns for path in out.rglob("row.json")}
    assert run(made, out) == (True, "2 of 2 trainings are done already")
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("row.json")}


def test_a_killed_study_ends_at_once_and_goes_on_to_the_same(whole, profile, tmp_path):
    """The command itself is killed; what it has started must not go on without it."""
    made, out = whole
    study = tmp_path / "study.yaml"
    study.write_text(made.study.path.read_text())
    program = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r};"
        "from test_runner import *;"
        "run(plan(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, study, profile, tmp_path / "out"],
        stderr=subprocess.PIPE,
        text=True,
    )
    again = plan(study, profile)
    first = RowFolder(tmp_path / "out" / "town" / "runs" / again.trainings[0].folder)
    wait_for(lambda: len(first.run.read_results().get("epochs", [])) > 0, process)
    assert first.state() == "running"
    process.kill()
    process.communicate()
    wait_for(lambda: first.state() == "interrupted")
    done, said = run(again, tmp_path / "out")
    assert done and "slow: goes on after epoch" in said
    title = StudyFolder(out, "town", made.study.name).results().tables[0].title
    assert title == "Whole"
    assert measured(tmp_path / "out", again) == measured(out, made)


def test_a_row_that_fails_or_is_killed_is_reported_and_the_rest_go_on(write, profile, tmp_path):
    rows = {
        "diverges": {"optimizer.lr": 1e30, "optimizer.name": "sgd"},
        "killed": SLOW,
        "good": FAST,
    }
    made = plan(write(rows, set={"fit.epochs": 40}), profile)
    made_short = plan(write({"good": FAST}), profile)
    out = tmp_path / "out"
    victim = RowFolder(out / "town" / "runs" / made.trainings[1].folder)
    folder = StudyFolder(out, "town", "mine")
    folder.write(made, "beenhere study run")
    lines: list[str] = []

    class Killing(LocalLauncher):
        """Kills the process of one row when it has trained an epoch."""

        def has_room(self) -> bool:
            for job in self._jobs:
                if job.folder.path == victim.path and job.folder.run.read_results():
                    os.kill(job.process.pid, signal.SIGKILL)
            return super().has_room()

    trainings = [made.trainings[0], made.trainings[1], made_short.trainings[0]]
    with closing(Killing(1, 1)) as launcher:
        assert not runner.run(trainings, folder, launcher, lines.append)
    said = "\n".join(lines)
    assert "diverges: FAILED: the loss is" in said and "lower optimizer.lr" in said
    assert "killed: FAILED: its process was ended by SIGKILL; perhaps memory ran out" in said
    assert "good: done in" in said
    diverged, killed = (folder.row(one) for one in made.trainings[:2])
    assert (diverged.state(), killed.state()) == ("failed", "failed")
    assert "SIGKILL" in folder.results().tables[0].rows[1].runs[0].error


def test_rows_run_side_by_side(write, profile, tmp_path):
    made = plan(write({"slow": SLOW, "fast": FAST}, set={"fit.epochs": 1}), profile)
    done, said = run(made, tmp_path / "out", at_once=2)
    assert done
    lines = said.splitlines()
    assert lines[:2] == ["[1/2] slow", "[2/2] fast"], "both start before the first has ended"


def test_a_row_that_another_process_trains_is_left_to_it(write, profile, tmp_path):
    made = plan(write({"slow": SLOW, "fast": FAST}, set={"fit.epochs": 1}), profile)
    folder = StudyFolder(tmp_path / "out", "town", "mine")
    taken = folder.row(made.trainings[0])
    taken.prepare(made.trainings[0])
    with taken.lock():
        done, said = run(made, tmp_path / "out")
    assert not done
    assert "[1/2] slow: another process trains it; left to it" in said
    assert "[2/2] fast: done in" in said


def test_another_study_of_the_same_name_is_not_replaced(whole, tmp_path):
    made, out = whole
    other = tmp_path / made.study.path.name
    other.write_text(made.study.path.read_text())
    copy = Plan(read_study(str(other)), made.data, made.profile, made.tables, made.trainings)
    folder = StudyFolder(out, "town", made.study.name)
    with pytest.raises(ConfigError, match="holds the study of another file"):
        folder.write(copy, "")
    assert not folder.is_older_than_files()


def test_one_row_at_a_time(whole, write, profile, tmp_path):
    made = whole[0]
    chosen = runner.select(made, ["FAST"])
    assert [one.name for one in chosen] == ["fast"]
    assert len(runner.select(made, [made.tables[0].table.name])) == 2
    assert len(runner.select(made, ["whole"])) == 2, "a table by its title"
    with pytest.raises(
        ConfigError, match=r"--only 'fsat' is no row and no table; .*'slow', 'fast'"
    ):
        runner.select(made, ["fsat"])


def test_a_changed_row_is_seen_with_what_changed(whole, write, profile, tmp_path):
    made, out = whole
    folder = StudyFolder(out, "town", made.study.name)
    assert folder.changed(made) == []
    study = tmp_path / made.study.path.name
    study.write_text(made.study.path.read_text().replace("0.01", "0.02"))
    changed = plan(study, profile)
    assert folder.changed(changed) == ["fast (Whole): optimizer.lr 0.01 -> 0.02"]
