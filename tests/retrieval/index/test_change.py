"""One writer at a time; readers are never disturbed."""

import threading
import time
from pathlib import Path

import index_writer
import numpy as np
import pytest
from tiny import TinyModel, at_name, write_photo

from beenhere.errors import DataError
from beenhere.retrieval.index import Index, snapshot
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.editing import remove_photos
from beenhere.retrieval.index.manifest import Manifest, read_manifest


def test_the_second_writer_is_told_who_writes(index: Index, photos: Path) -> None:
    writer = index_writer.start(index_writer.hold, index.path.parent)
    try:
        while not (index.path.parent / "holds").exists():
            time.sleep(0.01)
        with pytest.raises(
            DataError, match=rf"being written by process {writer.pid} on .*, since 20.*--wait"
        ):
            remove_photos(index.path, [photos])
        begin = time.monotonic()
        with pytest.raises(DataError, match="being written by"):
            remove_photos(index.path, [photos], wait=0.3)
        assert time.monotonic() - begin >= 0.3
    finally:
        index_writer.kill(writer)
    assert remove_photos(index.path, [photos]).removed == 6  # a killed one holds nothing


def test_the_second_writer_waits_for_its_turn(
    index: Index, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = index_writer.start(index_writer.hold, index.path.parent)
    while not (index.path.parent / "holds").exists():
        time.sleep(0.01)
    ending = threading.Timer(0.3, (index.path.parent / "end").touch)
    ending.start()
    assert remove_photos(index.path, [photos], wait=60).removed == 6
    writer.join()
    ending.join()
    assert capsys.readouterr().err.startswith(f"waiting for process {writer.pid} on ")


def test_two_builders(photos: Path, model: TinyModel, tmp_path: Path) -> None:
    with (
        changing(tmp_path / "y.index", 0, new=True),
        pytest.raises(DataError, match="being written by process"),
    ):
        Index.build(photos, model, tmp_path / "y.index")


def test_a_reader_goes_on_while_a_writer_adds_and_compacts(tmp_path: Path) -> None:
    index_writer.make_photos(tmp_path)
    index_writer.build(tmp_path)
    index = Index.open(tmp_path / "x.index")
    queries = np.random.default_rng(0).normal(size=(5, TinyModel.descriptor_dim))
    first = index.search(queries, 5)
    writer = index_writer.start(index_writer.churn, tmp_path)
    opened = set()
    while writer.is_alive():
        again = Index.open(tmp_path / "x.index")
        assert len(again) in (4, 5, 6, 7)
        opened.add(again.manifest.generation)
        assert len(again.photos) == again.manifest.rows
        assert (again.search(queries, 4).rows >= 0).all()
        found = index.search(queries, 5)
        assert np.array_equal(found.rows, first.rows)
        assert np.array_equal(found.similarity, first.similarity)
    writer.join()
    assert writer.exitcode == 0
    assert len(opened) > 5
    index.refresh()
    assert index.manifest.generation > max(first.index.manifest.generation, 10)
    assert index.check().damages == []


def test_two_writers_and_four_readers(tmp_path: Path) -> None:
    index_writer.make_photos(tmp_path)
    index_writer.build(tmp_path)
    queries = np.random.default_rng(0).normal(size=(5, TinyModel.descriptor_dim))
    writers = [index_writer.start(index_writer.take_turns, tmp_path) for _ in range(2)]
    seen: list[int] = []
    failures: list[Exception] = []

    def read() -> None:
        while any(writer.is_alive() for writer in writers) and not failures:
            try:
                index = Index.open(tmp_path / "x.index")
                assert len(index.photos) == len(index) == len(set(index.photos.paths))
                assert (index.search(queries, 5).rows >= 0).all()
                seen.append(len(index))
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for each in [*readers, *writers]:
        each.join()
    assert failures == [] and [writer.exitcode for writer in writers] == [0, 0]
    assert len(Index.open(tmp_path / "x.index")) == 5 + 8 and len(seen) > 8
    assert Index.open(tmp_path / "x.index").check().damages == []


def test_what_was_not_read_yet_can_be_read_when_its_file_is_gone(
    index: Index, photos: Path, model: TinyModel
) -> None:
    open_before = Index.open(index.path)
    paths = index.photos.paths
    index.remove(paths[0])
    index.compact()
    assert not (index.path / "parts/000002.photos.parquet").exists()
    assert open_before.photos.paths == paths and open_before.unreadable == {}
    assert open_before.segments[0].floats(0, 6).shape == (6, 48)
    open_before.refresh()
    assert open_before.photos.paths == paths[1:]


def test_a_reader_that_lost_the_race_reads_the_manifest_again(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = index.manifest
    index.remove(index.photos.paths[0])
    index.compact()
    reads: list[Manifest] = []

    def late(folder: Path) -> Manifest:
        reads.append(old if not reads else read_manifest(folder))
        return reads[-1]

    monkeypatch.setattr(snapshot, "read_manifest", late)
    assert len(Index.open(index.path)) == 5 and len(reads) == 2


def test_an_add_sees_what_the_writer_before_it_did(
    index: Index, model: TinyModel, tmp_path: Path
) -> None:
    for number in range(2):
        write_photo(tmp_path / f"more{number}" / at_name(number, 2), 50 + number)
        other = Index.open(index.path)
        other.add(tmp_path / f"more{number}", model=model)
    assert len(index) == 6
    index.add(tmp_path / "more0", model=model)
    assert len(index) == 8


def test_a_folder_that_cannot_be_written(tmp_path: Path, index: Index) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written \(.*\); nothing is lost"):
        Index.build(index.photos, TinyModel(), tmp_path / "file" / "x.index")


def test_an_index_that_is_being_built_is_not_called_interrupted(tmp_path: Path) -> None:
    (tmp_path / "y.index" / "staging").mkdir(parents=True)
    with (
        changing(tmp_path / "y.index", 0, new=True),
        pytest.raises(DataError, match=r"y\.index is being built by process \d+ on .*; try again"),
    ):
        Index.open(tmp_path / "y.index")
    with pytest.raises(DataError, match="its building was interrupted"):
        Index.open(tmp_path / "y.index")
