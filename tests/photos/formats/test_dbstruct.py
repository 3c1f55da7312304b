"""Pittsburgh and Tokyo 24/7 by their .mat files."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from published_sets import PITTSBURGH, db_struct, pittsburgh, put, tokyo_247
from scipy.io import loadmat, savemat

from beenhere.config.training import EvaluationData
from beenhere.errors import ConfigError, DataError
from beenhere.photos.formats import read_evaluation, read_photos, sets_in
from beenhere.photos.ground_truth import EvaluationTables


def read(root: Path, protocol: str | None = None) -> EvaluationTables:
    return read_evaluation(EvaluationData(tree=root, protocol=protocol))


def positives(tables: EvaluationTables) -> list[list[int]]:
    return [rows.tolist() for rows in tables.truth.positives(25)]


def test_a_split_is_read_where_it_lies(tmp_path: Path) -> None:
    pittsburgh(tmp_path / "pitts")
    tables = read(tmp_path / "pitts")
    assert (tables.name, len(tables.database), len(tables.queries)) == ("pitts30k-test", 4, 2)
    assert tables.database.frame["zone"].unique().to_list() == ["17T"]
    assert tables.database.frame["easting"].to_list() == [
        PITTSBURGH[0] + 10 * at for at in range(4)
    ]
    assert all(Path(path).is_file() for path in tables.database.paths + tables.queries.paths)
    assert tables.queries.paths[0].endswith("queries_real/test/000000_pitch2_yaw3.jpg")
    assert positives(tables) == [[0, 1, 2, 3], []]
    assert not tables.truth.listed
    assert 40 < tables.database.frame["lat"][0] < 41  # Pittsburgh, Pennsylvania
    assert len(read(tmp_path / "pitts", "val").database) == 2


def test_a_photo_that_is_missing_shifts_nothing(tmp_path: Path) -> None:
    pittsburgh(tmp_path)
    gone = tmp_path / "001/000001_pitch1_yaw2.jpg"
    gone.unlink()
    tables = read(tmp_path)
    assert tables.database.unusable == [(str(gone), "no such file")]
    east = dict(zip(tables.database.paths, tables.database.frame["easting"], strict=True))
    assert east[str(tmp_path / "000/000002_pitch1_yaw3.jpg")] == PITTSBURGH[0] + 20
    assert positives(tables) == [[0, 1, 2], []]


def test_both_sets_in_one_folder(tmp_path: Path) -> None:
    for folder, own, other in (
        ("x", "pitts30k", "pitts250k"),
        ("pitts250k", "pitts250k", "pitts30k"),
    ):
        pittsburgh(tmp_path / folder)
        pittsburgh(tmp_path / folder, "pitts250k")
        assert read(tmp_path / folder).name == f"{own}-test"
        assert read(tmp_path / folder, f"{other}-val").name == f"{other}-val"
        with pytest.raises(
            ConfigError,
            match=rf"no protocol 'train'; it can serve test, val, {other}-test, {other}",
        ):
            read(tmp_path / folder, "train")


def test_tokyo(tmp_path: Path) -> None:
    tokyo_247(tmp_path)
    tables = read(tmp_path)
    assert (tables.name, len(tables.database), len(tables.queries)) == ("tokyo_247-test", 3, 2)
    assert tables.database.paths[0].endswith(".png") and tables.database.unusable == []
    assert tables.queries.paths[0].endswith("247query_subset_v2/00001.jpg")
    assert tables.database.frame["zone"][0] == "54S"
    assert positives(tables) == [[1], [2]]


def test_show_and_train_know_it(tmp_path: Path) -> None:
    pittsburgh(tmp_path)
    assert [(each.path, each.evaluation) for each in sets_in(tmp_path)] == [(tmp_path, True)]
    with pytest.raises(DataError, match=r"holds a database and queries \(pitts30k\)"):
        read_photos(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"other": 1.0}, "expected a Matlab struct dbStruct"),
        ({"dbStruct": {"dbImageFns": np.array([["a.jpg"]], object)}}, "dbImageFns and utmDb"),
        (None, "expected a Matlab struct"),
    ],
)
def test_another_file(tmp_path: Path, content: object, reason: str) -> None:
    put(tmp_path / "queries_real", "q.jpg")
    file = tmp_path / "datasets" / "pitts30k_test.mat"
    file.parent.mkdir()
    if content is None:
        file.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    else:
        savemat(file, content)
    with pytest.raises(DataError, match=reason) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_positions_that_do_not_fit_the_names(tmp_path: Path) -> None:
    put(tmp_path / "queries_real", "q.jpg")
    file = tmp_path / "datasets" / "pitts30k_test.mat"
    db_struct(file, [("a.jpg", 1, 2)], [("q.jpg", 1, 2)])
    cells = np.array([["a.jpg"], ["b.jpg"]], object)
    savemat(file, {"dbStruct": {"dbImageFns": cells, "utmDb": np.ones((2, 3))}})
    with pytest.raises(DataError, match=r"2 names and utmDb the shape \(2, 3\); expected \(2, 2\)"):
        read(tmp_path)


def positions(folder: Path, *utm: tuple[float, float], name: str = "a.jpg") -> EvaluationTables:
    """A set whose database was taken at some positions."""
    put(folder / "queries_real", "q.jpg")
    names = [name if at == 0 else f"{at}.jpg" for at in range(len(utm))]
    for each in names[1:]:
        put(folder, each)
    db_struct(
        folder / "datasets" / "pitts30k_test.mat",
        [(each, *where) for each, where in zip(names, utm, strict=True)],
        [("q.jpg", *PITTSBURGH)],
    )
    return read(folder)


def test_a_position_that_is_not_known_is_that_of_one_photo(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    found = positions(tmp_path, (np.nan, np.nan), PITTSBURGH, (0.0, 0.0), PITTSBURGH).database
    assert found.frame["easting"].to_list() == [None, PITTSBURGH[0], None, PITTSBURGH[0]]
    assert found.frame["zone"].to_list() == [None, "17T", None, "17T"]


@pytest.mark.parametrize(
    ("utm", "looks"),
    [
        ((40.44, -79.99), "degrees"),
        ((-79.99, 40.44), "degrees"),
        ((PITTSBURGH[1], PITTSBURGH[0]), "swapped"),
        ((3.0, 4e8), "something else"),
    ],
)
def test_positions_in_another_way(tmp_path: Path, utm: tuple[float, float], looks: str) -> None:
    with pytest.raises(DataError, match=f"utmDb has .* and these look (like )?{looks}"):
        positions(tmp_path, utm, utm, PITTSBURGH)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="leads out of the folder"):
        positions(tmp_path, PITTSBURGH, name=name)


def test_matlab_7_3_says_how_to_save_it(tmp_path: Path) -> None:
    put(tmp_path / "queries_real", "q.jpg")
    (tmp_path / "datasets").mkdir()
    file = tmp_path / "datasets" / "pitts30k_test.mat"
    file.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512, b" ") + b"\x89HDF")
    with pytest.raises(DataError, match=r"version 7.3.*save\('pitts30k_test.mat', .*'-v7'\)"):
        read(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("sides", [(2 * 10**9, 1), (2**31 - 1, 2**31 - 1), (-1, -(10**9))])
def test_sizes_are_looked_at_before_room_is_made(
    tmp_path: Path, sides: tuple[int, int], compressed: bool
) -> None:
    put(tmp_path / "queries_real", "q.jpg")
    file = tmp_path / "datasets" / "pitts30k_test.mat"
    db_struct(file, [("a.jpg", *PITTSBURGH)] * 2, [("q.jpg", *PITTSBURGH)])
    data = bytearray(file.read_bytes())
    at = data.index(struct.pack("<IIii", 5, 8, 2, 1))
    data[at + 8 : at + 16] = struct.pack("<ii", *sides)
    if compressed:
        packed = zlib.compress(data[128:])
        data[128:] = struct.pack("<II", 15, len(packed)) + packed
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"dbStruct.*\(a matrix of shape"):
        read(tmp_path)


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    pittsburgh(tmp_path)
    file = tmp_path / "datasets" / "pitts30k_test.mat"
    before = read(tmp_path).database.frame
    content = {"dbStruct": loadmat(file)["dbStruct"]}
    savemat(file, content, do_compression=True)
    assert read(tmp_path).database.frame.equals(before)
