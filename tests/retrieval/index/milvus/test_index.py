"""An index in Milvus as people use it: the same calls, the same answers."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from milvus_writer import close_lite
from tiny import TinyModel, at_name, write_photo

import beenhere
from beenhere.errors import ConfigError, DataError, ModelError
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.milvus import milvus_store
from beenhere.retrieval.index.milvus.collection import MilvusCollection, connect
from beenhere.retrieval.search.filters import Filter

PRECISION = {"precision": "32"}


@pytest.fixture
def index(photos: Path, model: TinyModel, tmp_path: Path, store: str) -> Index:
    """Of the six photos."""
    table = read_photos(photos)
    return Index.build(table, model, tmp_path / "x.index", store=store, extract=PRECISION)


@pytest.fixture
def local(photos: Path, model: TinyModel, tmp_path: Path) -> Index:
    table = read_photos(photos)
    return Index.build(table, model, tmp_path / "local.index", extract=PRECISION)


def collection(index: Index) -> MilvusCollection:
    assert isinstance(index.store, milvus_store.MilvusStore)
    return index.store.collection


def paths_in(index: Index) -> list[str]:
    found = [photo["path"] for batch in collection(index).every("", ["path"]) for photo in batch]
    return sorted(found)


def drop(index: Index) -> None:
    connect(collection(index).address).drop_collection(collection(index).address.collection)


def test_the_same_photos_are_found(index: Index, local: Index, photos: Path) -> None:
    again = beenhere.Index.open(index.path)
    assert len(again) == 6
    assert repr(again).endswith(f"6 photos, {collection(index).address})")
    queries = local.segments[0].floats(0, 6)
    lat, lon = local.photos.frame.select("lat", "lon").row(2)
    for where in (None, Filter(near=(lat, lon), radius=10.5), Filter(dates=("2016", None))):
        wanted, found = local.search(queries, 4, where), again.search(queries, 4, where)
        assert np.allclose(found.similarity, wanted.similarity, atol=1e-6, equal_nan=True)
        for query in range(6):
            assert found.paths(query) == wanted.paths(query)
            hits = found.rows[query][found.rows[query] >= 0]
            known = local.photos.rows(wanted.rows[query][: len(hits)])
            assert found.photos.rows(hits).frame.equals(known.frame)


def test_photos_are_described_as_the_index_was(index: Index, local: Index) -> None:
    index.check_model(TinyModel())
    with pytest.raises(ModelError, match="holds descriptors of the model"):
        index.check_model(TinyModel(image_size=(8, 8)))
    index.set_calibration({"plain": {"threshold": 0.5}})
    assert Index.open(index.path).calibration == {"plain": {"threshold": 0.5}}
    index.set_calibration(None)
    assert index.calibration is None


def test_moved_replaced_and_new_photos(index: Index, photos: Path, model: TinyModel) -> None:
    calls = len(model.shapes)
    first, second, third = sorted(photos.iterdir())[:3]
    first.rename(photos.parent / "away")
    (photos.parent / "away").rename(photos / at_name(1, 2))
    write_photo(second, 40)
    write_photo(photos / at_name(3, 4), 41)
    shutil.copy(third, photos / at_name(5, 6))
    added = index.add(photos, model=model, **PRECISION)
    assert (added.new, added.moved, added.replaced, added.unchanged) == (3, 1, 1, 4)
    assert added.photos == len(index) == 8 and paths_in(index) == sorted(map(str, photos.iterdir()))
    assert sum(shape[0] for shape in model.shapes[calls:]) == 3
    again = index.add(photos, model=model, **PRECISION)
    assert (again.new, again.moved, again.unchanged) == (0, 0, 8)
    queries = collection(index).vectors([f"{added_id(photos / at_name(5, 6))}-1"])
    assert set(index.search(queries, 2).paths(0)) == {str(third), str(photos / at_name(5, 6))}
    assert not index.check().damages


def test_frames_of_a_camera_with_names_of_places(
    index: Index, model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Index, "model", lambda self, device="auto": model.eval())
    tiles = np.random.default_rng(5).integers(0, 256, (3, 4, 4, 3), np.uint8)
    frames = tiles.repeat(8, axis=1).repeat(8, axis=2)
    table = {"path": ["cam/1", "cam/2", "cam/3"], "place": ["hall", "hall", "dock"]}
    assert index.add(frames, table, model, **PRECISION).new == 3
    assert index.add(frames, table, model, **PRECISION).unchanged == 3 and len(index) == 9
    other = index.add(frames[:1] // 2, {"path": ["cam/1"], "frame": [7]}, model, **PRECISION)
    assert (other.new, other.replaced, other.photos) == (1, 1, 9)
    (match,) = index.query(frames[2:], k=1).matches[0] or ()
    assert (match.name, match.path) == ("dock", str(Path("cam/3").absolute()))
    assert index.locate(frames[2], by="place", matches=1).place.name == "dock"  # type: ignore[union-attr]
    assert index.locate(frames[0] // 2, by="frame").place.frame == 7  # type: ignore[union-attr]
    assert not index.check().damages


def added_id(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_newly_known_is_taken_over(index: Index, photos: Path, model: TinyModel) -> None:
    table = read_photos(photos)
    frame = table.frame.with_columns(heading=table.frame["heading"].fill_null(90.0))
    added = index.add(PhotoTable(frame), model=model, **PRECISION)
    assert (added.updated, added.unchanged) == (6, 0)
    queries = collection(index).vectors([added_id(next(photos.iterdir()))])
    east = index.search(queries, 6, Filter(heading=90, tolerance=1))
    assert len(east.paths(0)) == 6 and set(east.photos.frame["heading"]) == {90.0}
    assert east.photos.frame["captured"].to_list() == ["2015-07"] * 6
    assert len(index.search(queries, 6, Filter(heading=270, tolerance=1)).paths(0)) == 0


def test_unreadable_photos_are_named(index: Index, photos: Path, model: TinyModel) -> None:
    bad = photos / at_name(7, 8)
    bad.write_bytes(b"no photo")
    assert list(index.add(photos, model=model, **PRECISION).unreadable) == [str(bad)]
    assert list(Index.open(index.path).unreadable) == [str(bad)]
    assert index.remove(bad).removed == 0 and not index.unreadable
    bad.unlink()


def test_removing(index: Index, photos: Path, model: TinyModel) -> None:
    first, second, *others = sorted(photos.iterdir())
    with pytest.raises(DataError, match="holds no photo nowhere"):
        index.remove(first, "nowhere")
    assert len(index) == 6
    assert index.remove(first).removed == 1
    assert index.remove(f"*{second.name[5:12]}*").photos == 4
    assert paths_in(index) == list(map(str, others))
    assert index.remove(photos).photos == len(index) == 0
    assert index.search(np.ones((1, 48)), 3).paths(0) == []
    assert index.add(photos, model=model, **PRECISION).new == 6


def test_the_folder_is_all_that_another_machine_needs(
    index: Index, photos: Path, tmp_path: Path, model: TinyModel
) -> None:
    shutil.copytree(index.path, tmp_path / "copy.index")
    other = Index.open(tmp_path / "copy.index")
    write_photo(photos / at_name(9, 9), 50)
    assert other.add(photos, model=model, **PRECISION).new == 1
    assert len(index) == 7


def test_building_again_does_nothing(
    index: Index, photos: Path, tmp_path: Path, store: str
) -> None:
    model = TinyModel()
    Index.build(photos, model, index.path, store=store, extract=PRECISION)
    assert not model.shapes and len(index) == 6
    Index.build(photos, model, tmp_path / "second.index", store=store, extract=PRECISION)
    assert not model.shapes
    others = tmp_path / "others"
    write_photo(others / at_name(1, 1), 60)
    for folder in ("x.index", "third.index"):
        with pytest.raises(DataError, match="holds 6 photos, and not all are among these"):
            Index.build(others, model, tmp_path / folder, store=store, extract=PRECISION)


def test_a_collection_that_was_dropped(
    index: Index, photos: Path, model: TinyModel, store: str
) -> None:
    drop(index)
    with pytest.raises(DataError, match="is not there; it was dropped"):
        Index.open(index.path)
    Index.build(photos, model, index.path, store=store, extract=PRECISION)
    assert len(Index.open(index.path)) == 6


def test_a_collection_of_another_model(
    index: Index, photos: Path, tmp_path: Path, store: str
) -> None:
    other = TinyModel(image_size=(8, 8))
    with pytest.raises(ModelError, match=r"of the model .* and was given") as e:
        Index.build(photos, other, tmp_path / "y.index", store=store, extract=PRECISION)
    assert "\n" not in str(e.value)
    with pytest.raises(ModelError, match="holds descriptors of the model"):
        index.add(photos, model=other)


def test_a_collection_of_other_things(photos: Path, tmp_path: Path, store: str) -> None:
    from pymilvus import DataType

    from beenhere.config.retrieval import MilvusAddress

    address = MilvusAddress.parse(store)
    client = connect(address)
    for name, told in (("numbers", "holds other things"), (f"beenhere9_32_{'a' * 64}", "newer")):
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field(name, DataType.FLOAT_VECTOR, dim=8)
        client.create_collection(address.collection, schema=schema)
        with pytest.raises(DataError, match=told):
            Index.build(photos, TinyModel(), tmp_path / "y.index", store=store)
        client.drop_collection(address.collection)


def test_options_that_do_not_fit(photos: Path, tmp_path: Path, store: str, index: Index) -> None:
    new = tmp_path / "y.index"
    for options, told in (
        ({"dtype": "int8"}, "leave out dtype"),
        ({"whitening": {"dim": 8}}, "leave out dtype and whitening"),
        ({"search": "pq"}, "search is pq, which is not for photos in Milvus"),
    ):
        with pytest.raises(ConfigError, match=told):
            Index.build(photos, TinyModel(), new, store=store, **options)
    with pytest.raises(DataError, match="was made for search exact"):
        Index.build(photos, TinyModel(), new, store=store, search="hnsw", extract=PRECISION)
    with pytest.raises(DataError, match="is not in"):
        Index.build(photos, TinyModel(), index.path, store=f"{store}2", extract=PRECISION)
    with pytest.raises(DataError, match="give --store"):
        Index.build(photos, TinyModel(), index.path, extract=PRECISION)
    for call in (lambda: index.train("hnsw"), lambda: index.train("pq"), index.recall):
        with pytest.raises(DataError, match="in Milvus"):
            call()
    for queries, k in ((np.ones((1, 5)), 3), (np.ones((1, 48)), 0)):
        with pytest.raises(DataError, match="expected"):
            index.search(queries, k)


def test_photos_are_read_up_to_a_bound(
    index: Index, local: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index.photos.frame.equals(local.photos.frame) and index.allowed.tolist() == [True] * 6
    for found, wanted in (
        (index.searchable_photos().positions, local.searchable_photos().positions),
        (index.positions(), local.positions()),
    ):
        order = np.argsort(found.lon)
        assert np.allclose(found.lat[order], wanted.lat) and np.allclose(
            found.lon[order], wanted.lon
        )
    monkeypatch.setattr(milvus_store, "MOST_READ", 5)
    with pytest.raises(DataError, match=r"its 6 photos lie in .* no more than 5 are read"):
        print(index.photos)
    assert len(index.positions()) == 0


def test_compacting_and_training_do_what_they_can(index: Index) -> None:
    sizes = index.compact()
    assert sizes.bytes_before == sizes.bytes_after
    index.train({"kind": "exact", "rescore": 7})
    assert Index.open(index.path).manifest.search.rescore == 7


def test_a_graph(photos: Path, model: TinyModel, tmp_path: Path, store: str) -> None:
    place = tmp_path / "g.index"
    graph = Index.build(photos, model, place, store=store, search="hnsw", extract=PRECISION)
    assert collection(graph).graph
    query = collection(graph).vectors([added_id(sorted(photos.iterdir())[0])])
    assert graph.search(query, 3).paths(0)[0] == str(sorted(photos.iterdir())[0])
    with pytest.raises(DataError, match="was made for hnsw"):
        graph.search(query, 3, exact=True)


def test_check_finds_what_is_wrong(index: Index, photos: Path) -> None:
    assert index.check().damages == []
    (photo,) = collection(index).having("path", [str(sorted(photos.iterdir())[0])])
    from beenhere.retrieval.index.milvus.fields import photo_frame

    frame, vector = photo_frame([photo]), collection(index).vectors([photo["id"]])
    collection(index).put(["0" * 64], frame, 2 * vector)
    found = index.check().damages
    assert len(found) == 3 and all(photo["path"] in line for line in found)
    told = "\n".join(found)
    assert "has the key of another photo" in told and "stands in two rows" in told
    assert "has length 2; expected 1" in told


def test_a_server_that_does_not_answer(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not answer; see that Milvus") as error:
        Index.build(photos, TinyModel(), tmp_path / "y.index", store="milvus://127.0.0.1:9/city")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "y.index").exists()
    (tmp_path / "z.index").mkdir()  # a person's own stays
    with pytest.raises(DataError, match="does not answer"):
        Index.build(photos, TinyModel(), tmp_path / "z.index", store="milvus://127.0.0.1:9/city")
    assert (tmp_path / "z.index").is_dir()


def test_a_file_that_another_process_has(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import sys, time; from beenhere.retrieval.index.milvus.collection import connect;"
        "from beenhere.config.retrieval import MilvusAddress;"
        f"client = connect(MilvusAddress.parse({str(tmp_path / 'x.db/c')!r}));"
        "print('open', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        with pytest.raises(DataError, match="another process has it open"):
            Index.build(photos, TinyModel(), tmp_path / "y.index", store=f"{tmp_path}/x.db/c")
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert capfd.readouterr() == ("", "")
    Index.build(photos, TinyModel(), tmp_path / "y.index", store=f"{tmp_path}/x.db/c")
    close_lite(tmp_path / "x.db")


def test_without_pymilvus(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ConfigError, match=r'pip install "beenhere\[milvus\]"'):
        Index.build(photos, TinyModel(), tmp_path / "y.index", store="milvus://127.0.0.1:9/city")


def test_opening_needs_no_torch_and_says_nothing(index: Index, tmp_path: Path) -> None:
    if collection(index).address.local:
        close_lite(Path(collection(index).address.address))
    script = (
        "import sys; from beenhere.retrieval.index import Index;"
        f"print(len(Index.open({str(index.path)!r})));"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "6\n", "")


def test_a_database_that_is_gone_is_not_made_anew(
    photos: Path, model: TinyModel, tmp_path: Path
) -> None:
    index = Index.build(photos, model, tmp_path / "x.index", store=f"{tmp_path}/gone.db/c")
    close_lite(tmp_path / "gone.db")
    (tmp_path / "gone.db").rename(tmp_path / "elsewhere")
    before = sorted(path.name for path in tmp_path.iterdir())
    for use in (lambda: Index.open(index.path), lambda: index.remove("*")):
        with pytest.raises(DataError, match=r"gone.db is not there; bring back the database"):
            use()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


NAMES = [
    'a"b',
    "c'd",
    "e\\f",
    "日本 {x}",
    "z\x1b[31m\n",
    'q" or path != "',
    "per%cent_",
    "[br]",
    "🗼",
]


def test_any_name_is_one_photo(model: TinyModel, tmp_path: Path, store: str) -> None:
    for number, name in enumerate(NAMES):
        write_photo(tmp_path / "named" / f"{name}.jpg", number)
    index = Index.build(tmp_path / "named", model, tmp_path / "x.index", store=store)
    for left, name in enumerate(NAMES[::-1]):
        assert index.remove(tmp_path / "named" / f"{name}.jpg").removed == 1
        assert len(index) == len(NAMES) - left - 1
