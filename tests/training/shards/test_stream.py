"""Batches out of real shards: what they hold, how they are read, and what breaks them."""

import os
import shutil
import tarfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from beenhere.config.models import PreprocessingConfig
from beenhere.config.training import BatchConfig, StreamConfig
from beenhere.errors import DataError
from beenhere.models.model import Preprocessing
from beenhere.training.batches import BatchLoader
from beenhere.training.sampling import PlaceSampler
from beenhere.training.shards import Shards, shard_store, tar
from beenhere.training.shards.shard_store import ShardStore
from beenhere.training.shards.stream import StreamLoader, StreamPlan

BATCH = BatchConfig(places=5, images=3)
STREAM = StreamConfig(shards=2, buffer_mib=1)
AS_THEY_ARE = Preprocessing(PreprocessingConfig())


def loader(shards: Shards, rank: int = 0, world: int = 1, stream: StreamConfig = STREAM, **options):
    batch = BATCH.model_copy(update=options)
    plan = StreamPlan(shards.places, batch, stream, 0, rank, world)
    return StreamLoader(shards, plan, AS_THEY_ARE, threads=2)


def labels(images: torch.Tensor) -> list[tuple[int, int]]:
    """Place and number, as the photos' first pixels say."""
    return [(int(place), int(number)) for place, number in images[:, :2, 0, 0]]


@pytest.fixture
def pieces(monkeypatch) -> None:
    """Pieces so small that photos and headers lie across their borders."""
    monkeypatch.setattr(tar, "PIECE", 10_000)


@pytest.fixture
def copy(shards_at, tmp_path) -> Path:
    shutil.copytree(shards_at, tmp_path / "whole")
    shutil.copytree(shards_at, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(autouse=True)
def hurry(monkeypatch) -> None:
    monkeypatch.setattr(shard_store, "WAITS", (0.01, 0.01, 0.01))


@pytest.mark.parametrize("world", [1, 2])
def test_an_epoch_gives_each_place_once_with_k_different_photos(photos, shards_at, world, pieces):
    shards = Shards.open(shards_at)
    sampler = PlaceSampler(photos, BATCH, 0)
    for epoch in (0, 3):
        seen = []
        for rank in range(world):
            batches = loader(shards, rank, world)
            batches.check_sizes()
            batches.epoch = epoch
            got = list(batches)
            assert len(got) == len(batches) == len(PlaceSampler(photos, BATCH, 0, rank, world))
            planned = batches.plan.epoch(epoch).batches
            for batch, places in zip(got, planned, strict=True):
                assert batch.images.shape == (3 * len(places), 3, 80, 125)
                assert batch.places.tolist() == [place for place in places for _ in range(3)]
                for (place, _), number in zip(labels(batch.images), batch.places, strict=True):
                    city, label = sampler.places[int(number)]
                    assert (city, int(label)) == ("Aston" if place % 2 else "Bray", place // 2)
                seen += labels(batch.images)
        assert set(Counter(seen).values()) == {1}, "no photo twice"
        assert Counter(place for place, _ in seen) == dict.fromkeys(range(24), 3)


def test_pixels_are_those_of_the_files(photos, shards_at):
    sampler = PlaceSampler(photos, BATCH, 0)
    files = BatchLoader(sampler, photos.paths, AS_THEY_ARE, threads=1)
    of_files = {
        label: image
        for batch in files
        for label, image in zip(labels(batch.images), batch.images, strict=True)
    }
    compared = 0
    for batch in loader(Shards.open(shards_at)):
        for label, image in zip(labels(batch.images), batch.images, strict=True):
            if label in of_files:
                assert torch.equal(image, of_files[label])
                compared += 1
    assert compared > 20


def test_an_epoch_is_the_same_whenever_and_however_fast_it_is_read(shards_at, monkeypatch):
    shards = Shards.open(shards_at)
    first, second = loader(shards), loader(shards)
    list(first)
    first.epoch = second.epoch = 2
    second.threads = 5
    monkeypatch.setattr(tar, "PIECE", 777_777)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.places, b.places)


def test_photos_of_a_place_are_drawn_equally_often(shards_at):
    batches = loader(Shards.open(shards_at))
    drawn: Counter[int] = Counter()
    for batches.epoch in range(300):
        for place in range(24):
            listed = [(str(number), b"") for number in range(5)]
            chosen = batches._drawn(place, listed, batches.epoch).photos[:3]
            assert len(set(chosen)) == 3
            drawn.update(int(name) for name, _ in chosen)
    count = 300 * 24
    assert all(abs(drawn[one] - 0.6 * count) < 5 * np.sqrt(count * 0.24) for one in range(5))


def test_each_shard_is_read_once_from_front_to_end(shards_at, monkeypatch, pieces):
    asked: dict[str, list[tuple[int, int]]] = {}
    original = ShardStore.read_range

    def noted(self, name, start, end, stop):
        asked.setdefault(name, []).append((start, end))
        return original(self, name, start, end, stop)

    monkeypatch.setattr(ShardStore, "read_range", noted)
    shards = Shards.open(shards_at)
    list(loader(shards))
    for entry in shards.manifest.shards:
        starts, ends = zip(*asked[entry.name], strict=True)
        assert starts == (0, *ends[:-1]), "each byte is asked for once, in order"
        assert ends[-1] == entry.bytes


def test_no_more_than_the_buffer_is_held(shards_at, monkeypatch, pieces):
    """Counted where photos are made and where they are decoded, not as the plan says."""
    held = most = 0
    lock = threading.Lock()
    made, load = tar.ShardReader.photo, StreamLoader._load

    def making(reader, key, size):
        nonlocal held, most
        photo = made(reader, key, size)
        with lock:
            held += len(photo[1])
            most = max(most, held)
        return photo

    def loading(self, place):
        nonlocal held
        found = load(self, place)
        with lock:
            held -= sum(len(data) for _, data in place.photos)
        return found

    monkeypatch.setattr(tar.ShardReader, "photo", making)
    monkeypatch.setattr(StreamLoader, "_load", loading)
    batches = loader(Shards.open(shards_at), places=2)
    for _ in batches:
        pass
    place = 5 * 31_000
    ahead = 2 * (3 + 1)  # batches of two places, decoded ahead
    assert held == 0
    assert 1 << 20 <= most <= (1 << 20) + place * (1 + ahead)


def test_a_share_is_the_same_places_as_of_the_folder(photos, shards_at):
    from beenhere.training.sampling import share_of_places

    shards = Shards.open(shards_at).share(0.5, 7)
    sampler = PlaceSampler(share_of_places(photos, 0.5, 7), BATCH, 0)
    batches = loader(shards)
    assert batches.plan.labels == sampler.places
    places = {place for batch in batches for place, _ in labels(batch.images)}
    assert {("Aston" if one % 2 else "Bray", str(one // 2)) for one in places} == set(
        sampler.places
    )
    assert shards.fingerprint()["places"] == 12
    assert shards.fingerprint()["sha256"] != Shards.open(shards_at).fingerprint()["sha256"]


def test_a_broken_photo_is_replaced_by_another_of_its_place(copy):
    """Its header is right, or the writer would have left it out."""
    shards = Shards.open(copy)
    tar = copy / "shard-000001.tar"
    data = bytearray(tar.read_bytes())
    start = data.index(b"IDAT") + 5000
    data[start : start + 200] = bytes(200)
    tar.write_bytes(data)
    unread: dict[str, str] = {}
    batches = loader(shards, images=4)
    for batches.epoch in range(8):
        for batch in batches:
            assert set(Counter(batch.places.tolist()).values()) == {4}
        unread |= batches.unreadable
    (name,) = unread
    first = sum(entry.places for entry in shards.manifest.shards[:1])
    assert name == f"{copy}/shard-000001.tar/{first:08}-0000.png"


def test_a_shard_that_is_cut_off_is_told_by_name_and_byte(copy):
    tar = copy / "shard-000002.tar"
    size = tar.stat().st_size
    tar.write_bytes(tar.read_bytes()[:500_000])
    with pytest.raises(DataError) as error:
        list(loader(Shards.open(copy)))
    assert str(error.value).startswith(f"{tar} is cut off at byte 500,000; expected {size:,} bytes")


def test_a_shard_that_is_not_there_is_told_by_name(copy):
    (copy / "shard-000003.tar").unlink()
    with pytest.raises(DataError, match=r"shard-000003\.tar is not there; shards\.yaml names it"):
        list(loader(Shards.open(copy)))


def test_a_damaged_header_and_another_shard_are_told_by_name(copy):
    tar = copy / "shard-000000.tar"
    whole = tar.read_bytes()
    second = whole.index(b"00000000-0001.png")
    tar.write_bytes(whole[: second + 3] + b"x" + whole[second + 4 :])
    with pytest.raises(
        DataError, match=rf"shard-000000\.tar is damaged at byte {second:,}: no tar"
    ):
        list(loader(Shards.open(copy)))
    size = len(whole)
    other = (copy / "shard-000001.tar").read_bytes()
    tar.write_bytes((other + bytes(size))[:size])
    with pytest.raises(
        DataError, match=r"is damaged at byte 0: .* where '00000000-0000\.' was written"
    ):
        list(loader(Shards.open(copy)))


def with_header(shard: Path, change: Callable[[tarfile.TarInfo], None]) -> int:
    """Change the header of the second photo of a shard; returns where it lies."""
    data = bytearray(shard.read_bytes())
    at = data.index(b"-0001.png") - 8
    info = tarfile.TarInfo.frombuf(bytes(data[at : at + 512]), "utf-8", "surrogateescape")
    change(info)
    data[at : at + 512] = info.tobuf(tarfile.GNU_FORMAT)
    shard.write_bytes(data)
    return at


@pytest.mark.parametrize("size", [-1, -512, -(1 << 40), 0, 10_000, 200_000, 1_500_000, 1 << 60])
def test_a_header_of_another_size_is_told_with_both(copy, size):
    """A negative one, which base 256 can say, once made the reader go round for ever."""
    shard = copy / "shard-000000.tar"
    at = with_header(shard, lambda info: setattr(info, "size", size))
    with pytest.raises(DataError) as error:
        list(loader(Shards.open(copy)))
    text = str(error.value)
    assert text.startswith(f"{shard} is damaged at byte ")
    if not 0 <= size < 150_000:
        assert f"at byte {at:,}: '00000000-0001.png' has {size:,} bytes where at most 1" in text


def test_another_set_of_the_same_layout_is_told(copy):
    """As where shards are written anew while a training reads them: names are all the same."""
    shards = Shards.open(copy)
    table = shards.written.with_columns(bytes=pl.col("bytes") + 1)
    other = replace(shards, written=table, places=table)
    with pytest.raises(DataError, match=r"the photos of place \d+ have .* bytes where .* were"):
        list(loader(other))


def test_extended_headers_one_after_the_other_are_told(copy):
    shard = copy / "shard-000000.tar"
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.SYMTYPE, tarfile.FIFOTYPE):
        at = with_header(shard, lambda info, kind=kind: setattr(info, "type", kind))
        with pytest.raises(DataError, match=f"damaged at byte {at:,}: '00000000-0001.png' where"):
            list(loader(Shards.open(copy)))


@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_flip_are_told_or_change_no_name_and_no_size(copy, seed):
    """Anywhere in a shard; a training ends, one way or the other, within seconds."""
    rng = np.random.default_rng(seed)
    shard = copy / "shard-000002.tar"
    whole = shard.read_bytes()
    headers = [at for at in range(0, len(whole), 512) if whole[at + 257 : at + 262] == b"ustar"]
    told = 0
    for _ in range(12):
        data = bytearray(whole)
        at = int(rng.choice(headers) + rng.integers(512))
        data[at] ^= 1 << int(rng.integers(8))
        shard.write_bytes(data)
        batches = loader(Shards.open(copy))
        try:
            seen = [place for batch in batches for place in batch.places.tolist()]
            assert Counter(seen) == dict.fromkeys(range(24), 3)
        except DataError as error:
            assert str(error).startswith(f"{shard} is damaged at byte ")
            told += 1
    assert told >= 6


def test_a_shard_that_vanishes_or_shrinks_while_it_is_read(copy, pieces):
    for change in (Path.unlink, lambda shard: os.truncate(shard, 700_000)):
        batches = iter(loader(Shards.open(copy)))
        next(batches)
        for shard in copy.glob("*.tar"):
            change(shard)
        with pytest.raises(DataError, match=r"shard-00000\d\.tar is (not there|cut off at byte)"):
            list(batches)
        shutil.copytree(copy.parent / "whole", copy, dirs_exist_ok=True)


def test_checksums_are_compared_where_that_is_wished(copy):
    tar = copy / "shard-000001.tar"
    data = bytearray(tar.read_bytes())
    data[data.index(b'"heading"') + 1] ^= 1  # in a JSON file, which training does not read
    tar.write_bytes(data)
    shards = Shards.open(copy)
    list(loader(shards))
    careful = STREAM.model_copy(update={"verify": True})
    with pytest.raises(DataError, match=r"shard-000001\.tar: its checksum is not the one"):
        list(loader(shards, stream=careful))
    tar.write_bytes(bytes(data).replace(b'"ieading"', b'"heading"'))


def test_reads_that_fail_half_way_go_on_at_the_byte_where_they_broke(shards_at, monkeypatch):
    shards = Shards.open(shards_at)
    expected = [batch.images for batch in loader(shards)]
    original = shard_store._cat
    asked = []
    failures = iter([2, 0, 1, 0, 3, 0, 0, 1] * 50)
    left = 0

    def failing(system, path, start=None, end=None):
        nonlocal left
        if not path.endswith(".tar"):
            return original(system, path, start, end)
        if left == 0:
            left = next(failures)
        if left:
            left -= 1
            if left:
                raise ConnectionResetError("the line broke")
            return original(system, path, start, start + max(1, (end - start) // 3))  # a part
        asked.append((path, start, end))
        return original(system, path, start, end)

    monkeypatch.setattr(shard_store, "_cat", failing)
    got = [batch.images for batch in loader(shards)]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert any(start for _, start, _ in asked)


def test_reads_that_never_work_end_in_one_line(shards_at, monkeypatch):
    shards = Shards.open(shards_at)
    original = shard_store._cat

    def failing(system, path, start=None, end=None):
        if path.endswith("1.tar") and end > 600_000:
            raise OSError("the line is dead")
        return original(system, path, start, end)

    monkeypatch.setattr(tar, "PIECE", 100_000)
    monkeypatch.setattr(shard_store, "_cat", failing)
    with pytest.raises(DataError) as error:
        list(loader(shards))
    text = str(error.value)
    assert "shard-000001.tar: reading at byte" in text
    assert "failed 4 times, the last by: the line is dead" in text
    assert "\n" not in text


def test_leaving_in_the_middle_leaves_no_thread(shards_at):
    iterator = iter(loader(Shards.open(shards_at)))
    next(iterator)
    iterator.close()
    names = ("decode", "collate", "gather", "shard")
    assert not [one for one in threading.enumerate() if one.name.startswith(names)]


def test_nothing_is_read_behind_the_end(shards_at):
    """As where a damaged header declares more than the shard holds."""
    shards = Shards.open(shards_at)
    entry = shards.manifest.shards[0]
    with ThreadPoolExecutor(1) as pool:
        reader = tar.ShardReader(shards.store, entry, pool, threading.Event())
        with pytest.raises(DataError, match=rf"{entry.name} is cut off at byte {entry.bytes:,}"):
            reader.read(entry.bytes + 1)


@pytest.mark.parametrize("name", ["../shard-000000.tar", "/etc/passwd", "a/b.tar", ".."])
def test_a_manifest_names_files_beside_it_alone(copy, name):
    manifest = copy / "shards.yaml"
    manifest.write_text(manifest.read_text().replace("shard-000000.tar", name))
    with pytest.raises(DataError, match=r"shards.0.name is not what beenhere writes there"):
        Shards.open(copy)


@pytest.mark.parametrize("name", ["places.parquet", "shard-000000.tar"])
def test_no_pipe_is_waited_for(copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(DataError, match=f"{name} is no file"):
        list(loader(Shards.open(copy)))
