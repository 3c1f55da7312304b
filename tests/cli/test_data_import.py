"""``beenhere data import`` as a process, with as many photos as AmsterTime has."""

import subprocess
from pathlib import Path

import published_sets
import pytest


def _beenhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["beenhere", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def got(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    published_sets.amstertime(folder / "got" / "AmsterTime-v1.0", 1231)
    return folder


def test_what_a_person_sees(got: Path) -> None:
    done = _beenhere(got, "data", "import", "AmsterTime", "got")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Licence of AmsterTime: not known here; see its page. Commercial use: not known.",
        "  test database: 1,231 photos",
        "  test queries: 1,231 photos",
        "data/amstertime: 2,463 files linked (no room taken). got is as it was.",
        "Have a look: beenhere data show data/amstertime",
    ]
    (got / "data/amstertime/old/0007.jpg").unlink()
    lost = _beenhere(got, "data", "show", "data/amstertime")
    assert (lost.returncode, lost.stderr) == (
        2,
        "beenhere: data/amstertime (amstertime): queries: 1,230 of 1,231; 1 is not there; get the "
        "set again, or delete data/amstertime/beenhere-set.yaml if this is how you want it\n",
    )


def test_a_part_of_the_set_is_refused(got: Path) -> None:
    refused = _beenhere(got, "data", "import", "amstertime", "got/AmsterTime-v1.0/old", "--to", "x")
    assert refused.returncode == 2
    assert refused.stderr == (
        "beenhere: got/AmsterTime-v1.0/old: does not hold amstertime; expected new/*.png and "
        "old/*.jpg, found 0000.jpg, 0001.jpg, 0002.jpg, 0003.jpg, 0004.jpg "
        "(beenhere data list amstertime)\n"
    )
    assert not (got / "x").exists()
