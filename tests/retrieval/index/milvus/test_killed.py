"""Killed while it writes, the same call goes on: no photo is lost, none is twice."""

import shutil
from pathlib import Path
from typing import NamedTuple

import milvus_writer
import numpy as np
import pytest
from index_writer import listed, tile
from tiny import TinyModel, write_photo

from beenhere.config.retrieval import MilvusAddress
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.milvus.collection import connect
from beenhere.retrieval.index.milvus.fields import photo_frame
from beenhere.retrieval.index.milvus.milvus_store import MilvusStore


class Photo(NamedTuple):
    """What an index knows of a photo."""

    path: str
    sha256: bytes
    descriptor: bytes


def local(root: Path) -> set[Photo]:
    """What the local index holds that was made of the same photos."""
    index = Index.open(root / "local.index")
    vectors = np.concatenate([segment.floats(0, len(segment)) for segment in index.segments])
    frame = index._snapshot.frame
    rows = zip(frame["path"], frame["sha256"], vectors, index.allowed, strict=True)
    return {Photo(path, key, vector.tobytes()) for path, key, vector, alive in rows if alive}


def in_milvus(root: Path) -> set[Photo]:
    """What the index in Milvus holds, each photo once."""
    index = Index.open(root / "x.index")
    assert isinstance(index.store, MilvusStore)
    collection = index.store.collection
    found = []
    for batch, vectors in collection.every_vector():
        frame = photo_frame(batch)
        found += zip(frame["path"], frame["sha256"], vectors, strict=True)
        # Each is found by its own descriptor, also right after a writer was killed.
        assert index.search(vectors, 1).similarity[:, 0] == pytest.approx(1.0, abs=1e-5)
    photos = [Photo(path, key, vector.tobytes()) for path, key, vector in found]
    assert len({photo.path for photo in photos}) == len(photos) == len(index)
    if collection.address.local:
        milvus_writer.close_lite(Path(collection.address.address))
    return set(photos)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """With photos in ``first``, two of them copies, and a local index of them."""
    for number in range(14):
        write_photo(tmp_path / "first" / tile(number), number)
    shutil.copy(tmp_path / "first" / tile(5), tmp_path / "first" / tile(50))
    Index.build(
        listed(tmp_path / "first"),
        TinyModel(),
        tmp_path / "local.index",
        extract=milvus_writer.EXTRACT,
    )
    return tmp_path


def change_photos(root: Path) -> None:
    """Some move, two change places, one gets another content, some are new."""
    (root / "second").mkdir()
    for number in (1, 5):
        (root / "first" / tile(number)).rename(root / "second" / tile(number))
    write_photo(root / "first" / tile(3), 33)
    (root / "first" / tile(7)).rename(root / "first" / "x")
    (root / "first" / tile(8)).rename(root / "first" / tile(7))
    (root / "first" / "x").rename(root / "first" / tile(8))
    for number in (20, 21, 22):
        write_photo(root / "second" / tile(number), number)
    added = Index.open(root / "local.index").add(
        listed(root / "first", root / "second"), model=TinyModel(), **milvus_writer.EXTRACT
    )
    assert (added.new, added.replaced, added.moved) == (4, 1, 4)


def test_killed_later_and_later(root: Path, store: str) -> None:
    wanted = local(root)
    whole = milvus_writer.seconds(milvus_writer.build, root, store)
    shutil.rmtree(root / "x.index")
    address = MilvusAddress.parse(store)
    connect(address).drop_collection(address.collection)
    if address.local:
        milvus_writer.close_lite(Path(address.address))
    kills = 0
    while milvus_writer.killed_after(milvus_writer.build, root, store, (kills + 1) * whole / 30):
        kills += 1
        if (root / "x.index" / "index.yaml").exists():
            assert in_milvus(root) <= wanted
    assert kills > 2 and in_milvus(root) == wanted
    assert not (root / "x.index" / "staging").exists()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_step(root: Path, store: str, after: bool) -> None:
    milvus_writer.build(root, store)
    assert in_milvus(root) == local(root)
    change_photos(root)
    moment = 1
    # Each call goes on where the last one was killed, and is killed one step later.
    while milvus_writer.dies_at(milvus_writer.add, root, store, moment, after):
        assert len(in_milvus(root)) >= 10
        moment += 1
    assert moment > 2 and in_milvus(root) == local(root)


def test_killed_again_and_again_at_the_first_step(root: Path, store: str) -> None:
    wanted = local(root)
    for _ in range(3):
        assert milvus_writer.dies_at(milvus_writer.build, root, store, 2, True)
    assert len(in_milvus(root)) > 0
    milvus_writer.build(root, store)
    assert in_milvus(root) == wanted


@pytest.mark.parametrize("left", [[], ["schema.json.tmp"]])
def test_killed_while_milvus_lite_makes_the_collection(
    root: Path, tmp_path: Path, left: list[str]
) -> None:
    folder = tmp_path / "half.db" / "collections" / "town"
    folder.mkdir(parents=True)
    for name in left:
        (folder / name).write_text("{")
    milvus_writer.build(root, f"{tmp_path / 'half.db'}/town")
    assert in_milvus(root) == local(root)
