"""Nordland, SPED and AmsterTime: numbered frames, VPR-Bench's lists, and pairs."""

from pathlib import Path

import pytest
from published_sets import amstertime, frames, msls, pittsburgh, put, vpr_bench_lists

from beenhere.config.training import EvaluationData
from beenhere.errors import ConfigError, DataError
from beenhere.photos.formats import protocols_of, read_evaluation, read_photos, sets_in
from beenhere.photos.formats.numbered_frames import is_amstertime
from beenhere.photos.ground_truth import EvaluationTables


def read(root: Path, protocol: str | None = None) -> EvaluationTables:
    return read_evaluation(EvaluationData(tree=root, protocol=protocol))


def by_name(tables: EvaluationTables) -> dict[str, list[str]]:
    found = tables.truth.positives(None)
    return {
        Path(query).stem: [Path(tables.database.paths[row]).stem for row in rows]
        for query, rows in zip(tables.queries.paths, found, strict=True)
    }


@pytest.mark.parametrize(("protocol", "tolerance"), [(None, 1), ("1-frame", 1), ("10-frames", 10)])
def test_tolerances(tmp_path: Path, protocol: str | None, tolerance: int) -> None:
    root = tmp_path / "Nordland"
    frames(root, 30, 30)
    for gone in ("ref/0000004.jpg", "query/0000007.jpg"):
        (root / gone).unlink()
    found = by_name(read(root, protocol))
    assert found == {
        f"{query:07}": [f"{at:07}" for at in range(30) if abs(at - query) <= tolerance and at != 4]
        for query in range(30)
        if query != 7
    }


def test_names_of_frames(tmp_path: Path) -> None:
    """As Patch-NetVLAD has them, and with made-up positions between @."""
    put(tmp_path / "nordland/ref", *(f"images-{at:05}.png" for at in (1, 2, 9)))
    put(tmp_path / "nordland/query", "images-00003.png")
    assert by_name(read(tmp_path / "nordland")) == {"images-00003": ["images-00002"]}
    tree = tmp_path / "my-nordland/images/test"
    put(tree / "database", *(f"@0@{2.4 * at:.1f}@@@@@{at}@@@@@@@@.jpg" for at in (5, 6, 30)))
    put(tree / "queries", "@0@14.4@@@@@6@@@@@@@@.jpg")
    tables = read(tmp_path / "my-nordland", "10-frames")
    assert [rows.tolist() for rows in tables.truth.positives(None)] == [[0, 1]]


def test_lists_of_vpr_bench(tmp_path: Path) -> None:
    """2,760 queries of 27,592 frames: query 3 is frame 30."""
    root = tmp_path / "nordland"
    frames(root, 50, 5)
    lists = [[10 * at + step for step in (-1, 0, 1) if 10 * at + step >= 0] for at in range(5)]
    vpr_bench_lists(root / "ground_truth_new.npy", lists)
    assert by_name(read(root))["0000003"] == ["0000029", "0000030", "0000031"]
    # The numbers of the two sides do not count the same, so no other tolerance can be told.
    with pytest.raises(ConfigError, match="no protocol '10-frames'; it can serve 1-frame"):
        read(root, "10-frames")


def test_lists_that_agree_with_the_numbers(tmp_path: Path) -> None:
    root = tmp_path / "nordland"
    frames(root, 20, 20)
    vpr_bench_lists(root / "ground_truth_new.npy", [[at] for at in range(20)])
    assert by_name(read(root))["0000003"] == ["0000003"]
    assert len(by_name(read(root, "10-frames"))["0000010"]) == 20


def test_sped(tmp_path: Path) -> None:
    root = tmp_path / "SPEDTEST"
    frames(root, 4, 4)
    (root / "ref/0000002.jpg").unlink()
    assert by_name(read(root)) == {
        "0000000": ["0000000"],
        "0000001": ["0000001"],
        "0000002": [],
        "0000003": ["0000003"],
    }
    vpr_bench_lists(root / "ground_truth_new.npy", [[3], [2], [1], [0]])
    tables = read(root)
    assert tables.name == "sped-test"
    assert by_name(tables) == {
        "0000000": ["0000003"],
        "0000001": [],
        "0000002": ["0000001"],
        "0000003": ["0000000"],
    }


def test_a_name_without_a_number(tmp_path: Path) -> None:
    frames(tmp_path / "sped")
    put(tmp_path / "sped/query", "last.jpg")
    with pytest.raises(DataError, match=r"last\.jpg: its name has no number"):
        read(tmp_path / "sped")


def test_frames_that_nothing_tells(tmp_path: Path) -> None:
    put(tmp_path / "nordland/ref", "a.jpg")
    put(tmp_path / "nordland/query", "b.jpg")
    with pytest.raises(DataError, match=r"no ground_truth_new\.npy, and names do not number"):
        read(tmp_path / "nordland")


def test_another_folder_has_no_protocol(tmp_path: Path) -> None:
    frames(tmp_path / "corridor")
    with pytest.raises(ConfigError, match="not laid out as a published set that has protocols"):
        read(tmp_path / "corridor", "1-frame")


def test_a_folder_of_several_sets(tmp_path: Path) -> None:
    frames(tmp_path / "nordland")
    pittsburgh(tmp_path / "pitts30k")
    msls(tmp_path / "msls")
    put(tmp_path / "mine/database", "a.jpg")
    put(tmp_path / "mine/queries", "b.jpg")
    put(tmp_path / "holiday", "c.jpg")
    found = {each.path.name: each.evaluation for each in sets_in(tmp_path)}
    assert found == {
        **dict.fromkeys(("mine", "msls", "nordland", "pitts30k"), True),
        "holiday": False,
    }
    with pytest.raises(DataError, match=r"holds several sets of photos; name one of .*pitts30k"):
        read_photos(tmp_path)


def test_pairs_are_the_truth(tmp_path: Path) -> None:
    amstertime(tmp_path / "amstertime", pairs=12)
    found = read(tmp_path / "amstertime")
    assert found.name == "amstertime-test"
    assert found.truth.listed
    assert {Path(path).parent.name for path in found.database.paths} == {"new"}
    assert {Path(path).parent.name for path in found.queries.paths} == {"old"}
    for query, rows in zip(found.queries.paths, found.truth.positives(None), strict=True):
        assert [Path(found.database.paths[row]).stem for row in rows] == [Path(query).stem]
    with pytest.raises(ConfigError, match="25 m does not apply"):
        found.truth.positives(25)


def test_one_without_its_partner_moves_no_other(tmp_path: Path) -> None:
    amstertime(tmp_path, pairs=4)
    (tmp_path / "new" / "0001.png").unlink()
    found = read(tmp_path)
    assert [rows.tolist() for rows in found.truth.positives(None)] == [[0], [], [1], [2]]


def test_other_folders_called_new_and_old_are_a_persons_own(tmp_path: Path) -> None:
    put(tmp_path / "new", "holiday.jpg")
    put(tmp_path / "old", "holiday.jpg")
    assert not is_amstertime(tmp_path)
    assert protocols_of(tmp_path) == []
    (tmp_path / "new" / "holiday.jpg").unlink()
    assert not is_amstertime(tmp_path)
