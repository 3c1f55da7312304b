"""The files of a comparison, and files of others that are left alone."""

import json
from pathlib import Path

import pytest
from two_runs import write_run

from beenhere.errors import DataError
from beenhere.evaluation.differences import Differences, differences
from beenhere.report import compare_folder, panels
from beenhere.report.compared_queries import compared_queries

A = [True, True, False, True, False, False, False, False]
B = [False, False, True, False, False, False, False, False]


@pytest.fixture
def found(tmp_path: Path) -> Differences:
    return differences(
        *(
            write_run(tmp_path / name, tmp_path / "photos", right)
            for name, right in zip("ab", (A, B), strict=True)
        )
    )


def write(found: list[Differences], folder: Path, count: int = 2) -> list[Path]:
    shown = [(one, compared_queries(one, ("x", "y"), None, count)) for one in found]
    return compare_folder.write_comparison(folder, ("x", "y"), shown)


def test_one_test_set_has_one_picture(found: Differences, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert write([found], out) == [out / "compare.jpg"]
    record = json.loads((out / "compare.json").read_text())
    assert (record["a"], record["b"]) == ("x", "y")
    (test,) = record["tests"]
    assert test["picture"] == "compare.jpg" and test["name"] == "streets"
    assert [Path(query).stem for query in test["only_a"]] == ["0", "1", "3"]
    assert (
        test["conditions"][0] | {"both": 0, "only_a": 3, "only_b": 1, "neither": 4}
        == (test["conditions"][0])
    )


def test_the_title_of_a_picture_begins_with_what_stands_nowhere_else(
    found: Differences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = []
    monkeypatch.setattr(
        panels, "draw_comparison", lambda queries, path, title, headings: titles.append(title)
    )
    write([found], tmp_path / "out")
    assert titles == ["right if the first photo found is within 25 m; streets, A: x, B: y"]


def test_several_test_sets_have_a_picture_each(found: Differences, tmp_path: Path) -> None:
    folder = (tmp_path / "a/tests/streets").rename(tmp_path / "a/tests/lanes")
    other = differences(type(found.a).read(folder), found.b)
    pictures = write([found, other], tmp_path / "out")
    assert [path.name for path in pictures] == ["compare-streets.jpg", "compare-lanes.jpg"]
    assert all(path.is_file() for path in pictures)
    write([found], tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"compare.json", "compare.jpg"}
    assert write([found], tmp_path / "out", count=0) == []
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"compare.json"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("compare.json", "{}"),
        ("compare.json", "[1]"),
        ("compare.json", "no JSON"),
        ("compare.json", '{"format": "another"}'),
        ("compare.jpg", "a picture of somebody"),
    ],
)
def test_what_others_have_put_there_is_not_overwritten(
    found: Differences, tmp_path: Path, name: str, content: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text(content)
    with pytest.raises(DataError, match="give another folder by --out"):
        compare_folder.check_free(out)
    with pytest.raises(DataError, match="give another folder by --out"):
        write([found], out)
    assert [path.read_text() for path in out.iterdir()] == [content]


def test_a_picture_of_another_name_is_left_alone(found: Differences, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "compare-mine.jpg").write_text("mine")
    write([found], out)
    write([found], out)
    assert (out / "compare-mine.jpg").read_text() == "mine"


def test_a_record_removes_nothing_outside_its_folder(found: Differences, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write([found], out)
    (tmp_path / "mine.jpg").write_text("mine")
    record = json.loads((out / "compare.json").read_text())
    for name in ("../mine.jpg", str(tmp_path / "mine.jpg"), "."):
        record["tests"][0]["pictures"] = [name]
        (out / "compare.json").write_text(json.dumps(record))
        with pytest.raises(DataError, match="is not a comparison of beenhere"):
            write([found], out)
    assert (tmp_path / "mine.jpg").read_text() == "mine"
