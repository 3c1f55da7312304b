"""How many files of the package a reader passes through on the way from a photo to its answer."""

import subprocess
from pathlib import Path

import pytest
from tiny import at_name, write_photo

MOST_TO_SEARCH = 8
"""Files whose functions :meth:`beenhere.Index.search` enters."""

MOST_TO_LOCATE, MOST_TO_VERIFY = 43, 48
"""Files whose functions ``beenhere locate`` enters, from the command line to the printed answer:
without and with the comparison of local features."""

COUNT = """
import sys, threading
from pathlib import Path
import beenhere
from beenhere.cli.app import main
from beenhere.retrieval.index import Index

root = str(Path(beenhere.__file__).parent)
entered = set()

def imported(frame):
    # What runs while a module is imported: nobody reads it on the way.
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(root):
            return True
        frame = frame.f_back
    return False

def note(frame, event, argument):
    file = frame.f_code.co_filename
    if event == "call" and file.startswith(root) and file[len(root) + 1:] not in entered:
        if not imported(frame):
            entered.add(file[len(root) + 1:])

def counted(call):
    entered.clear()
    sys.setprofile(note)
    threading.setprofile(note)
    try:
        call()
    except SystemExit:
        pass
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted(entered)

"""


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny photos, 200 m apart, beside their index."""
    from beenhere.retrieval.index import Index

    root = tmp_path_factory.mktemp("walk")
    for number in range(4):
        write_photo(root / "photos" / at_name(500_000 + 200 * number, 4_100_000), number)
    Index.build(root / "photos", "offline-lite0", root / "x.index", extract={"precision": "32"})
    return root


def files_entered(python: Path, street: Path, code: str) -> list[str]:
    run = subprocess.run(
        [python / "python", "-c", COUNT + code],
        cwd=street,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split("entered:\n")[1].split()


def test_a_search(warm_python: Path, street: Path) -> None:
    code = (
        "index = Index.open('x.index'); queries = index.describe('photos').vectors\n"
        "found = counted(lambda: index.search(queries, 3))\n"
        "print('entered:', *found, sep='\\n')\n"
    )
    found = files_entered(warm_python, street, code)
    assert "retrieval/index/index.py" in found
    assert len(found) <= MOST_TO_SEARCH, found


@pytest.mark.parametrize(
    ("option", "most"), [("--no-verify", MOST_TO_LOCATE), ("--verify", MOST_TO_VERIFY)]
)
def test_a_photo_from_the_command_line_to_its_answer(
    warm_python: Path, street: Path, option: str, most: int
) -> None:
    photo = str(write_photo(street / "q.jpg", 0))
    code = (
        f"sys.argv = ['beenhere', 'locate', {photo!r}, '--index', 'x.index', {option!r}]\n"
        "found = counted(main)\n"
        "print('entered:', *found, sep='\\n')\n"
    )
    found = files_entered(warm_python, street, code)
    assert "cli/locate.py" in found and "retrieval/locate/candidates.py" in found
    assert len(found) <= most, "\n".join(found)
