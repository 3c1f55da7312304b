"""Applying a fix list: whichever way its paths are spelled, and with lists of what is right."""

from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from beenhere.config.tools import CheckConfig
from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.formats import read_evaluation, read_photos
from beenhere.tools.doctor import examine, fixes, gather, read_fixes, without

HEADER = "path,problem,detail,suggestion\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photos, the fourth at 0, 0, and a file that is none."""
    folder = tmp_path / "here/photos"
    folder.mkdir(parents=True)
    names = [f"{number:02d}.jpg" for number in range(12)]
    for name in (*names, "other.heic"):
        (folder / name).write_bytes(b"x")
    lat, lon = [55.7] * 12, [13.2] * 12
    lat[3] = lon[3] = 0.0
    pl.DataFrame({"path": names, "lat": lat, "lon": lon}).write_csv(folder / "photos.csv")
    return folder


@pytest.mark.parametrize("checked", ["photos", "./photos/", "absolute", "../here/photos", "link"])
@pytest.mark.parametrize("applied", ["here/photos", "absolute", "link"])
@pytest.mark.parametrize("listed", ["here", "lists"])
def test_however_paths_are_spelled(
    checked: str,
    applied: str,
    listed: str,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for link in ("link", "here/link"):
        (tmp_path / link).symlink_to(photos)
    (tmp_path / "lists").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    collection = gather(photos if checked == "absolute" else Path(checked))
    file = Path("..") / listed / "fixes.csv"
    fixes(examine(collection, CheckConfig(pixels=False)), file.parent).write_csv(file)
    monkeypatch.chdir(tmp_path)
    again = gather(photos if applied == "absolute" else Path(applied))
    done = without(again, read_fixes(Path(listed) / "fixes.csv"), Path("new"))
    assert [(each.kept, each.left_out) for each in done.tables] == [(11, 1)]
    left = read_photos(tmp_path / "new").paths
    assert {Path(path).resolve().name for path in left} == {
        f"{number:02d}.jpg" for number in range(12) if number != 3
    }


def test_one_rule(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "fixes.csv").write_text(
        f"{HEADER}here/photos/01.jpg,,,mend\n"
        "here/photos/02.jpg,,,leave out (or mend its zone at the source)\n"
        "here/photos/04.jpg,,,\n"
        "here/photos/05.jpg,,,leave out\n"
        "here/photos/05.jpg,,,mend\n"
        "here/photos/gone.jpg,,,mend\n"
    )
    done = without(gather(photos), read_fixes(tmp_path / "fixes.csv"), tmp_path / "new")
    assert done.choice.leave.nonzero()[0].tolist() == [2, 5]
    assert done.choice.mend.nonzero()[0].tolist() == [1]
    assert done.choice.unusable == 0 and done.tables[0].kept == 10


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A set without positions, whose right answers are listed."""
    root = tmp_path / "sets/pairs"
    for side in ("database", "queries"):
        (root / side).mkdir(parents=True)
        for name in "abcd":
            Image.new("RGB", (8, 8)).save(root / side / f"{name}.jpg")
    listed = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "c"), ("c", "d"), ("d", "b")]
    lines = [f"queries/{query}.jpg,database/{photo}.jpg" for query, photo in listed]
    (root / "ground_truth.csv").write_text("\n".join(["query,database", *lines, ""]))
    return root


@pytest.mark.parametrize("inside", [True, False])
def test_lists_of_what_is_right_are_carried(inside: bool, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "fixes.csv").write_text(
        f"{HEADER}sets/pairs/database/b.jpg,,,leave out\nsets/pairs/queries/c.jpg,,,leave out\n"
    )
    checked = pairs if inside else pairs.parent
    out = tmp_path / "out" / "new"
    done = without(gather(checked), read_fixes(tmp_path / "fixes.csv"), out)
    assert done.pairs == {"." if inside else "pairs": 4}
    tables = read_evaluation(EvaluationData(tree=out if inside else out / "pairs"))
    assert tables.truth.listed and tables.queries.notes == []
    named = {
        Path(query).stem: [Path(tables.database.paths[row]).stem for row in rows]
        for query, rows in zip(tables.queries.paths, tables.truth.positives(None), strict=True)
    }
    assert named == {"a": ["a"], "b": ["c"], "d": []}


def test_nothing_is_left_behind(photos: Path, tmp_path: Path) -> None:
    lines = "".join(f"here/photos/{number:02d}.jpg,,,leave out\n" for number in range(12))
    (tmp_path / "fixes.csv").write_text(HEADER + lines)
    (tmp_path / "new").mkdir()
    with pytest.raises(DataError, match="leaves out all 12 photos"):
        without(gather(photos), read_fixes(tmp_path / "fixes.csv"), tmp_path / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"here", "fixes.csv", "new"}
    assert list((tmp_path / "new").iterdir()) == []
