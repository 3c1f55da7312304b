"""Shards on a real S3 server, over a wire that breaks and stalls."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from object_store import BadWire, s3_server

from beenhere.config.models import PreprocessingConfig
from beenhere.config.training import BatchConfig, ShardsConfig, StreamConfig
from beenhere.errors import DataError
from beenhere.models.model import Preprocessing
from beenhere.training.shards import Shards, shard_store, tar, write_shards
from beenhere.training.shards.shard_store import ShardStore
from beenhere.training.shards.shard_writer import UnfinishedShards
from beenhere.training.shards.stream import StreamLoader, StreamPlan

s3fs = pytest.importorskip("s3fs")

SECRET = "never-to-be-seen"
BUCKET = "maps"


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server(BUCKET) as port:
        yield port


@pytest.fixture
def wire(server, monkeypatch) -> Iterator[BadWire]:
    wire = BadWire(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{wire.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "read_timeout", 1)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setattr(shard_store, "WAITS", (0.01,) * 6)
    s3fs.S3FileSystem.clear_instance_cache()
    yield wire
    wire.close()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def remote(wire, photos, request) -> Shards:
    url = f"s3://{BUCKET}/{request.node.name}"
    write_shards(photos, url, ShardsConfig(mib=1))
    return Shards.open(url)


def images(shards: Shards) -> list[torch.Tensor]:
    stream = StreamConfig(shards=2, buffer_mib=1)
    plan = StreamPlan(shards.places, BatchConfig(places=5, images=3), stream, 0)
    batches = StreamLoader(shards, plan, Preprocessing(PreprocessingConfig()), threads=1)
    return [batch.images for batch in batches]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


def test_a_store_holds_the_same_shards_as_a_folder(remote, shards_at):
    local = Shards.open(shards_at)
    assert remote.manifest == local.manifest
    for entry in local.manifest.shards:
        assert remote.store.read(entry.name) == (shards_at / entry.name).read_bytes()
    assert set(remote.store.sizes()) == {path.name for path in shards_at.iterdir()}
    assert remote.fingerprint()["sha256"] == local.fingerprint()["sha256"]
    assert same(images(remote), images(local))


def test_connections_that_break_half_way_cost_nothing_but_time(remote, wire, shards_at):
    wire.cut_every = 300_000
    assert same(images(remote), images(Shards.open(shards_at)))
    assert wire.cuts >= 6, "most of four shards of 1 MiB broke more than once"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_busy_store_is_asked_again(remote, wire, photos, shards_at, status):
    head = f"HTTP/1.1 {status} Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    wire.refusal, wire.refusals = head.encode(), 4
    assert same(images(remote), images(Shards.open(shards_at)))
    assert wire.refusals == 0
    wire.refusals = 4
    url = f"s3://{BUCKET}/written-{status}"
    write_shards(photos, url, ShardsConfig(mib=1))
    assert wire.refusals == 0
    assert Shards.open(url).manifest == remote.manifest


def test_a_store_that_stays_busy_is_told_in_one_line(remote, wire, monkeypatch):
    monkeypatch.setattr(shard_store, "WAITS", (0.01, 0.01))
    wire.refusal = b"HTTP/1.1 500 \x1b[2J\r\nContent-Length: 7\r\n\r\n\x1b[31mred"
    wire.refusals = 1000
    with pytest.raises(DataError, match=r"failed 3 times, the last by: ") as error:
        images(remote)
    assert str(error.value).isprintable()


def test_an_object_that_is_replaced_while_it_is_read(remote, monkeypatch):
    monkeypatch.setattr(tar, "PIECE", 200_000)
    original = shard_store._cat
    others = {entry.name: bytes(entry.bytes) for entry in remote.manifest.shards}

    def replacing(system, path, start=None, end=None):
        if path.endswith(".tar") and start == 400_000:
            for name, data in others.items():
                remote.store.write(name, data)
        return original(system, path, start, end)

    monkeypatch.setattr(shard_store, "_cat", replacing)
    with pytest.raises(DataError, match=r"shard-00000\d\.tar is damaged at byte"):
        images(remote)


def test_two_writers_of_one_place_in_a_store(wire, photos, monkeypatch):
    """A store has no locks: the first to see that another has begun ends, and the other's stay."""
    url, add, others = f"s3://{BUCKET}/two", UnfinishedShards.add, []

    def disturbed(self, notes):
        if not others:
            others.append(1)
            self.store.remove("unfinished")
            self.store.remove(notes.entry.name)
            write_shards(photos, url, ShardsConfig(mib=1, seed=1))
        add(self, notes)

    monkeypatch.setattr(UnfinishedShards, "add", disturbed)
    with pytest.raises(DataError, match="two has been changed by another process"):
        write_shards(photos, url, ShardsConfig(mib=1))
    whole = Shards.open(url)
    assert whole.manifest.seed == 1
    assert all(hashlib.sha256(whole.store.read(one.name)).hexdigest() == one.sha256
               for one in whole.manifest.shards)  # fmt: skip


def test_a_connection_that_stalls_is_left(remote, wire, shards_at):
    wire.stall_at = wire.passed + 1_500_000
    assert same(images(remote), images(Shards.open(shards_at)))
    assert wire.stalls == 1


def test_a_store_that_goes_away_is_told_with_shard_and_byte(remote, wire, monkeypatch):
    monkeypatch.setattr(shard_store, "WAITS", (0.01,))
    monkeypatch.setattr(tar, "PIECE", 200_000)
    original = shard_store._cat

    def last(system, path, start=None, end=None):
        if path.endswith(".tar") and start >= 400_000:
            wire.close()
        return original(system, path, start, end)

    monkeypatch.setattr(shard_store, "_cat", last)
    with pytest.raises(DataError) as error:
        images(remote)
    text = str(error.value)
    assert text.startswith(f"{remote.store.name}/shard-00000")
    assert ".tar: reading at byte " in text
    assert "\n" not in text and SECRET not in text


def test_an_object_that_is_shorter_than_the_manifest_says(remote):
    name = remote.manifest.shards[1].name
    remote.store.write(name, remote.store.read(name)[:700_000])
    with pytest.raises(DataError, match=rf"{name} is cut off at byte 700,000"):
        images(remote)


def test_writing_to_a_store_goes_on_after_an_interruption(wire, photos, shards_at, monkeypatch):
    url, writing, count = f"s3://{BUCKET}/interrupted", ShardStore.writing, 0

    @contextmanager
    def interrupted(self, name):
        nonlocal count
        with writing(self, name) as new:
            yield new
            count += 1
            if count == 6:
                raise KeyboardInterrupt

    monkeypatch.setattr(ShardStore, "writing", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_shards(photos, url, ShardsConfig(mib=1))
    with pytest.raises(DataError, match=r"no shards\.yaml there"):
        Shards.open(url)
    monkeypatch.setattr(ShardStore, "writing", writing)
    assert write_shards(photos, url, ShardsConfig(mib=1)).went_on == 2
    assert Shards.open(url).manifest == Shards.open(shards_at).manifest
    assert set(ShardStore(url).sizes()) == {path.name for path in shards_at.iterdir()}


def test_a_bucket_that_is_not_there(wire, photos):
    with pytest.raises(DataError, match="The specified bucket does not exist"):
        write_shards(photos, "s3://nowhere/gsv", ShardsConfig(mib=1))
    with pytest.raises(DataError, match=r"s3://nowhere/gsv: no shards\.yaml there"):
        Shards.open("s3://nowhere/gsv")


def test_credentials_are_never_logged(remote, caplog, capfd):
    with caplog.at_level(logging.DEBUG, "beenhere"):
        images(remote)
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())
