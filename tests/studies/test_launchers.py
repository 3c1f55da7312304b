"""A study on a real Ray cluster of this machine, one of whose workers is killed while it works."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest
from own_module import write_own_module

from beenhere.errors import ConfigError
from beenhere.studies import runner
from beenhere.studies.folder import StudyFolder
from beenhere.studies.launchers import RayLauncher
from beenhere.studies.plan import make_plan
from beenhere.studies.study import read_profile, read_study

ray = pytest.importorskip("ray", reason="needs the extra 'ray'")

# Ray's own code warns of what it will change.
pytestmark = pytest.mark.filterwarnings("ignore")


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid")))


def trainer_of(folder: Path) -> int | None:
    """The process that trains in a folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"beenhere.studies.work" in words and str(folder).encode() in words:
                return int(entry.name)
    return None


def test_a_row_whose_worker_is_killed_runs_again(
    write, profile, tmp_path, monkeypatch, warm_python
):
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # Ray's workers start what trains in no time.
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys; sys.executable = {str(warm_python / 'python')!r}"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    # A pooling of a person's own is found by each of Ray's workers, and by the next after a kill.
    own = {"name": f"{write_own_module(tmp_path)}:Power", "p": 2}
    row = {"optimizer.lr": 1e-4, "model.aggregator": own}
    study = write({"slow": row}, set={"fit.epochs": 2})
    made = make_plan(read_study(str(study)), *read_profile(str(profile)))
    folder = StudyFolder(tmp_path / "out", "town", "mine")
    folder.write(made, "beenhere study run")
    victim = folder.row(made.trainings[0])
    killed: list[int] = []
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if not killed and line.strip().startswith("slow: epoch"):
            process = trainer_of(victim.path)
            assert process is not None
            killed.append(parent_of(process))
            assert "ray" in Path(f"/proc/{killed[0]}/cmdline").read_text()
            os.kill(killed[0], signal.SIGKILL)

    with closing(RayLauncher(None)) as launcher:
        done = runner.run(made.trainings, folder, launcher, say)
    assert killed and done, lines
    ((one,),) = [row.finished for row in folder.results().tables[0].rows]
    assert len(one.epochs) == 2
    assert set(one.evaluations) == {"near", "far"}
    assert not ray.is_initialized()


def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"no Ray cluster at '127\.0\.0\.1:1'"):
        RayLauncher("127.0.0.1:1")
