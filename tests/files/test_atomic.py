"""A folder is there whole or not there, whatever happens on the way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beenhere.errors import DataError
from beenhere.files.atomic import BESIDE, need_space, new_folder, replacing, write_file, write_json
from beenhere.photos.acquire.set_folder import move_up
from beenhere.wording import file_size

HOLD = """
import sys, time
from pathlib import Path
from beenhere.files.atomic import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_clean_end(tmp_path: Path) -> None:
    target = tmp_path / "sets" / "town"
    with new_folder(target) as folder:
        assert folder.parent == target.parent and list(folder.iterdir()) == []
        (folder / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), new_folder(tmp_path / "town") as folder:
        (folder / "a").write_text("1")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_what_exists_is_refused_before_any_work(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "town"
    if kind == "folder":
        (target / "mine").mkdir(parents=True)
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="already, and nothing is overwritten"), new_folder(target):
        pytest.fail("work has begun")
    assert list(tmp_path.iterdir()) == [target]


def test_what_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "town"
    with pytest.raises(DataError, match="holds something already"), new_folder(target):
        (target / "mine").mkdir(parents=True)
    assert list(tmp_path.iterdir()) == [target]


def test_a_second_process_is_told_and_a_dead_one_is_cleaned_up_after(tmp_path: Path) -> None:
    target = tmp_path / "town"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    with pytest.raises(DataError, match="is being made by another process"), new_folder(target):
        pytest.fail("work has begun")
    first.kill()
    first.wait()
    first.stdout.close()
    assert (tmp_path / ".staging-town" / "half").exists() and not target.exists()
    with new_folder(target) as folder:
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == [target]


def test_sets_of_other_names_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a"), new_folder(tmp_path / "b"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_move_up(tmp_path: Path) -> None:
    root = tmp_path / "town" / "town" / "deep"
    for path in ("val/a", "LICENSE", "town"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("set")
    (tmp_path / "README").write_text("beside 1")
    (tmp_path / "town" / "LICENSE").write_text("beside 2")
    (tmp_path / "town" / "town" / "paper.pdf").write_text("beside 3")
    move_up(root, tmp_path)
    found = {
        p.relative_to(tmp_path).as_posix(): p.read_text()
        for p in tmp_path.rglob("*")
        if p.is_file()
    }
    assert found == {
        "val/a": "set",
        "LICENSE": "set",
        "town": "set",
        "README": "beside 1",
        "paper.pdf": "beside 3",
    }
    move_up(tmp_path, tmp_path)
    assert (tmp_path / "val" / "a").exists()


def test_space(tmp_path: Path) -> None:
    need_space(tmp_path / "not" / "there" / "yet", 1, "a byte")
    with pytest.raises(DataError, match=r"^all of it takes 1000\.0 TB, and .* has .* left; make"):
        need_space(tmp_path, 10**15, "all of it")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (150_000, "150 kB"),
        (23_400_000_000, "23.4 GB"),
        (10**12, "1.0 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert file_size(size) == text


def test_a_file_is_replaced_whole_and_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    before = os.umask(0o027)
    try:
        write_json(file, {"a": 1})
    finally:
        os.umask(before)
    assert file.read_text() == '{\n "a": 1\n}\n' and file.stat().st_mode & 0o777 == 0o640
    with pytest.raises(ValueError), replacing(file) as new:
        new.write_text("half")
        raise ValueError
    assert file.read_text().startswith("{") and list(tmp_path.iterdir()) == [file]


def test_a_writer_that_narrows_the_mode_does_not_narrow_the_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "weights") as new:
        new.unlink()
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
    assert (tmp_path / "weights").stat().st_mode & 0o004


@pytest.mark.parametrize("name", ["page.html", f"{BESIDE}page.html"])
def test_links_are_replaced_and_never_written_through(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / name).symlink_to(mine)
    write_file(tmp_path / "page.html", "<html>")
    assert mine.read_text() == "mine"
    assert (tmp_path / "page.html").read_text() == "<html>"
    assert not (tmp_path / "page.html").is_symlink()


def test_streams_are_written_themselves() -> None:
    script = "from pathlib import Path\nfrom beenhere.files.atomic import write_file\n"
    script += "write_file(Path('/dev/stdout'), 'told')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "told" and done.stderr == ""
    assert Path("/dev/stdout").is_symlink()


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_file(file, "old")
    script = f"""
import os, signal
from pathlib import Path
from beenhere.files.atomic import replacing
with replacing(Path({str(file)!r})) as new:
    new.write_text("new")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert file.read_text() == "old"
    write_file(file, "newer")
    assert file.read_text() == "newer" and list(tmp_path.iterdir()) == [file]
