"""Folders and URLs: what is refused, and what never shows in a message."""

import os
import pickle
import re
import shutil
import sys
import threading

import pytest
from fsspec.registry import _registry

from beenhere.config.config_yaml import load, write
from beenhere.config.training import TrainConfig
from beenhere.errors import ConfigError, DataError
from beenhere.photos.formats import read_photos
from beenhere.training.shards import Shards, shard_store
from beenhere.training.shards.shard_store import ShardStore, is_shards


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/gsv",
        "https://user:secret@host/gsv",
        "https://host/gsv?X-Amz-Signature=secret",
        "ftp://secret@host/gsv/shards.yaml",
    ],
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match="holds a password, key or signature") as error:
        ShardStore(url)
    assert "secret" not in str(error.value)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(ConfigError) as error:
        Shards.open("s3://bucket/gsv")
    assert str(error.value) == (
        "s3://bucket/gsv: s3:// needs a package that is not installed; pip install 'beenhere[s3]'"
    )


def test_a_protocol_that_nobody_knows():
    with pytest.raises(ConfigError, match="expected a folder or a URL such as s3://bucket/folder"):
        Shards.open("s4://bucket/gsv")


def test_shards_are_recognised(shards_at, tmp_path):
    assert is_shards(shards_at)
    assert is_shards(shards_at / "shards.yaml")
    assert is_shards("s3://bucket/gsv")
    assert not is_shards(tmp_path)
    assert not is_shards(tmp_path / "shards.yaml")
    by_manifest = Shards.open(shards_at / "shards.yaml")
    assert by_manifest.fingerprint() == Shards.open(shards_at).fingerprint()
    assert by_manifest.store.name == str(shards_at)


def test_asked_for_photos_the_advice_is_one_line(shards_at):
    with pytest.raises(DataError, match="holds tar shards, which are trained on") as error:
        read_photos(shards_at)
    assert "\n" not in str(error.value)


def test_a_url_survives_yaml_and_assignments(tmp_path):
    config = load(TrainConfig, None, ["data.train=s3://bucket/gsv"])
    assert config.data.train == "s3://bucket/gsv"
    write(config, tmp_path / "config.yaml")
    assert load(TrainConfig, tmp_path / "config.yaml") == config
    plain = load(TrainConfig, None, ["data.train=data/gsv"])
    write(plain, tmp_path / "config.yaml")
    assert load(TrainConfig, tmp_path / "config.yaml").data == plain.data


def test_any_file_system_of_fsspec_will_do(photos):
    from beenhere.config.training import ShardsConfig
    from beenhere.training.shards import write_shards

    written = write_shards(photos, "memory://somewhere/gsv", ShardsConfig(mib=1))
    assert written.photos == Shards.open("memory://somewhere/gsv").manifest.photos == len(photos)
    with pytest.raises(DataError, match="holds shards already"):
        write_shards(photos, "memory://somewhere/gsv", ShardsConfig(mib=1))


def test_another_process_opens_anew(shards_at):
    here = ShardStore(shards_at)
    here.read("shards.yaml")
    there = pickle.loads(pickle.dumps(here))
    assert vars(there) == {"name": str(shards_at)}
    assert there.read("shards.yaml") == here.read("shards.yaml")


def test_waiting_ends_when_nobody_wants_it_any_more(shards_at, monkeypatch):
    monkeypatch.setattr(shard_store, "WAITS", (3600.0,))
    monkeypatch.setattr(shard_store, "_cat", lambda *_: (_ for _ in ()).throw(OSError("no line")))
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(DataError, match="no line"):
        ShardStore(shards_at).read_range("shard-000000.tar", 0, 100, stop)


@pytest.mark.parametrize("error", [PermissionError("not yours"), IsADirectoryError("a folder")])
def test_what_no_further_try_can_help_is_told_at_once(shards_at, monkeypatch, error):
    monkeypatch.setattr(shard_store, "WAITS", (3600.0,))

    def failing(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(shard_store, "_cat", failing)
    with pytest.raises(DataError, match=str(error)):
        ShardStore(shards_at).read("shards.yaml")


def test_a_removal_whose_answer_was_lost(monkeypatch):
    monkeypatch.setattr(shard_store, "WAITS", (0.01,))
    here = ShardStore("memory://somewhere/lost")
    here.write("notes/plan.json", b"{}")
    system, _ = here._opened
    remove = system.rm

    def losing(path: str, recursive: bool) -> None:
        remove(path, recursive=recursive)
        raise OSError("no line")

    monkeypatch.setattr(system, "rm", losing)
    here.remove("notes")
    assert not here.sizes("notes")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"plan\.json: cannot be written") as error:
        ShardStore(tmp_path / "file").write("plan.json", b"")
    assert "\n" not in str(error.value)


@pytest.fixture
def copy(shards_at, tmp_path):
    shutil.copytree(shards_at, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", ["shards.yaml", "places.parquet", "shard-000001.tar"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_file_of_the_folder_is_not_opened(copy, name, kind):
    """To open a pipe would wait for ever for its other end."""
    file = copy / name
    file.rename(copy.parent / name)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to(copy.parent / name)
    here = ShardStore(copy)
    said = f"{file} is a link that leads out" if kind == "link" else f"{file} is no file"
    with pytest.raises(DataError, match=re.escape(said)):
        here.read(name)
    with pytest.raises(DataError, match=re.escape(said)):
        here.read_range(name, 0, 10, threading.Event())


def test_a_link_to_the_folder_and_one_within_it_are_followed(copy):
    (copy / "shard-000001.tar").rename(copy / "other.tar")
    (copy / "shard-000001.tar").symlink_to("other.tar")
    (copy.parent / "link").symlink_to(copy)
    here = ShardStore(copy.parent / "link")
    assert here.read("shard-000001.tar") == (copy / "other.tar").read_bytes()
