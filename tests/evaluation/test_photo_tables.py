"""Tables that are read once, and anew when a file changes."""

import os
from pathlib import Path

import pytest
from tiny import at_name, write_photo

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.evaluation import photo_tables as tables_module
from beenhere.evaluation.photo_tables import read_tables
from beenhere.photos import formats


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for side, n in (("database", 4), ("queries", 2)):
        for i in range(n):
            write_photo(tmp_path / "tree" / side / at_name(550_000 + 10 * i, 4_180_000), i)
    return tmp_path / "tree"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was read anew."""
    seen: list[object] = []

    def read_evaluation(data: EvaluationData) -> formats.EvaluationTables:
        seen.append(data)
        return formats.read_evaluation(data)

    monkeypatch.setattr(tables_module, "read_evaluation", read_evaluation)
    return seen


def test_the_second_reading_equals_the_first(
    tree: Path, tmp_path: Path, reads: list[object]
) -> None:
    (tree / "database" / "raw.dng").write_bytes(b"raw")
    data = EvaluationData(tree=tree)
    first, second = read_tables(data, tmp_path / "keep"), read_tables(data, tmp_path / "keep")
    assert len(reads) == 1
    assert second.name == first.name == "tree"
    for side in ("database", "queries"):
        one, other = getattr(first, side), getattr(second, side)
        assert one.frame.equals(other.frame)
        assert (one.unusable, one.notes, one.source) == (other.unusable, other.notes, other.source)
    assert first.database.unusable and first.database.unusable[0][0].endswith("raw.dng")


@pytest.mark.parametrize("change", ["added", "removed", "touched", "condition", "link"])
def test_a_changed_file_is_seen(
    tree: Path, tmp_path: Path, reads: list[object], change: str
) -> None:
    pair = EvaluationData(database=tree / "database", queries=tree / "queries")
    before = read_tables(pair, tmp_path / "keep")
    photo = Path(before.queries.paths[0])
    if change == "added":
        write_photo(photo.with_name(at_name(1e5, 4e6)), 5)
    elif change == "removed":
        photo.unlink()
    elif change == "touched":
        os.utime(photo, ns=(5, 5))
    elif change == "condition":
        (tree / "conditions.csv").write_text(f"path,condition\nqueries/{photo.name},night\n")
    else:
        write_photo(tmp_path / "elsewhere" / at_name(2e5, 4e6), 6)
        (tree / "queries" / "more").symlink_to(tmp_path / "elsewhere")
        (tree / "queries" / "loop").symlink_to(tree)
    after = read_tables(pair, tmp_path / "keep")
    assert len(reads) == 2
    if change == "condition":
        assert after.queries.frame["condition"].to_list() == ["night", None]
    else:
        assert len(after.queries) == 2 + {"added": 1, "removed": -1, "link": 1}.get(change, 0)
    read_tables(pair, tmp_path / "keep")
    assert len(reads) == 2


def test_one_folder_is_its_own_database(tree: Path, tmp_path: Path) -> None:
    for _ in range(2):
        found = read_tables(tree / "database", tmp_path / "keep")
        assert found.queries is found.database and len(found.database) == 4
        assert found.name == "database"


def test_without_a_place_to_keep_it_nothing_is_written(tree: Path, tmp_path: Path) -> None:
    read_tables(EvaluationData(tree=tree), None)
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_a_wrong_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_tables(tmp_path / "nowhere", tmp_path / "keep")
