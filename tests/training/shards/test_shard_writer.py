"""Shards as others read them: layout, bytes, and what is there when the writer was stopped."""

import hashlib
import io
import itertools
import json
import shutil
import subprocess
import sys
import tarfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
import yaml

from beenhere.config.training import ShardsConfig
from beenhere.errors import DataError
from beenhere.photos.summary import summarise
from beenhere.photos.table import PhotoTable
from beenhere.training.shards import Shards, shard_writer, write_shards
from beenhere.training.shards.shard_store import ShardStore
from beenhere.training.shards.tar import extension, sample_key

SMALL = ShardsConfig(mib=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def members(tar: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(tar) as file:
        return [(one.name, file.extractfile(one).read()) for one in file]


def test_samples_hold_the_photos_bytes_and_what_the_table_knows(photos, shards_at):
    found = {}
    for tar in sorted(shards_at.glob("*.tar")):
        files = members(tar)
        assert [name.partition(".")[2] for name, _ in files] == ["png", "json"] * (len(files) // 2)
        for (name, data), (other, text) in zip(files[::2], files[1::2], strict=True):
            assert name.partition(".")[0] == other.partition(".")[0], "a sample's files adjoin"
            found[json.loads(text)["path"]] = data, json.loads(text)
    root = Path(photos.paths[0]).parents[1]
    assert len(found) == len(photos)
    for row in photos.frame.iter_rows(named=True):
        data, facts = found[Path(row["path"]).relative_to(root).as_posix()]
        assert data == Path(row["path"]).read_bytes()
        assert facts | {"path": row["path"]} == row


def test_webdataset_reads_them(photos, shards_at):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, of its imports
        import webdataset

        urls = [str(tar) for tar in sorted(shards_at.glob("*.tar"))]
        samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("pil"))
    assert len(samples) == len(photos)
    numbers = {(one["png"].getpixel((0, 0))[0], one["json"]["city"]) for one in samples}
    assert len(numbers) == 24
    assert len({one["__key__"] for one in samples}) == len(samples), "keys are unique"


def test_photos_of_a_place_lie_together_and_cities_are_mixed(shards_at):
    labels = []
    for tar in sorted(shards_at.glob("*.tar")):
        facts = [json.loads(data) for name, data in members(tar) if name.endswith(".json")]
        labels += [(one["city"], one["place"]) for one in facts]
    changes = [
        label for label, before in zip(labels, [None, *labels], strict=False) if label != before
    ]
    assert len(changes) == len(set(changes)) == 24
    runs = sum(a[0] != b[0] for a, b in itertools.pairwise(changes))
    assert runs > 6, "a writer that goes city by city changes once"


def test_the_manifest_says_what_is_there(photos, shards_at):
    shards = Shards.open(shards_at)
    for entry in shards.manifest.shards:
        data = (shards_at / entry.name).read_bytes()
        assert len(data) == entry.bytes
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        assert len(members(shards_at / entry.name)) == 2 * entry.photos
    assert sum(entry.photos for entry in shards.manifest.shards) == len(photos)
    assert shards.manifest.summary(shards.written) == summarise(photos)
    assert shards.manifest.sizes().counts == {(125, 80): 120}
    size = {}
    for path, city, place in photos.frame.select("path", "city", "place").iter_rows():
        size[city, place] = size.get((city, place), 0) + Path(path).stat().st_size
    told = shards.written.select("city", "place", "bytes").rows()
    assert {(city, place): count for city, place, count in told} == size
    assert {entry.name for entry in shards_at.iterdir()} == {
        "shards.yaml",
        "places.parquet",
        *(entry.name for entry in shards.manifest.shards),
    }


def test_bytes_come_from_photos_and_seed_alone(photos, shards_at, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(Path(photos.paths[0]).parents[1], moved)
    root = str(Path(photos.paths[0]).parents[1])
    frame = photos.frame.with_columns(pl.col("path").str.replace(root, str(moved), literal=True))
    table = PhotoTable(frame.sample(fraction=1, shuffle=True, seed=1))
    write_shards(table, tmp_path / "again", SMALL)
    assert contents(tmp_path / "again") == contents(shards_at)
    write_shards(photos, tmp_path / "other", ShardsConfig(mib=1, seed=1))
    assert contents(tmp_path / "other").keys() == contents(shards_at).keys()
    assert contents(tmp_path / "other") != contents(shards_at)


@pytest.mark.parametrize("moment", [1, 2, 3, 6, 9, 10, 11])
def test_an_interrupted_writer_goes_on_and_ends_with_the_same_bytes(
    moment, photos, shards_at, tmp_path, monkeypatch
):
    """Stopped at the n-th file that it gives its name, whichever it is."""
    out, writing, count = tmp_path / "out", ShardStore.writing, 0

    @contextmanager
    def interrupted(self, name):
        nonlocal count
        with writing(self, name) as new:
            yield new
            count += 1
            if count == moment:
                raise KeyboardInterrupt

    monkeypatch.setattr(ShardStore, "writing", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_shards(photos, out, SMALL)
    with pytest.raises(DataError, match=r"no shards\.yaml there"):
        Shards.open(out)
    monkeypatch.setattr(ShardStore, "writing", writing)
    reads = []
    read = shard_writer._read
    monkeypatch.setattr(shard_writer, "_read", lambda path: reads.append(path) or read(path))
    written = write_shards(photos, out, SMALL)
    assert written.went_on == min(4, max(0, (moment - 2) // 2)), "whole shards are kept"
    assert len(reads) == len(photos) - sum(
        entry.photos for entry in Shards.open(out).manifest.shards[: written.went_on]
    )
    assert contents(out) == contents(shards_at)


def test_a_shard_that_was_damaged_meanwhile_is_written_again(
    photos, shards_at, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    monkeypatch.setattr(
        shard_writer, "write_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        write_shards(photos, out, SMALL)
    monkeypatch.undo()
    (out / "shard-000001.tar").write_bytes(b"cut")
    assert write_shards(photos, out, SMALL).went_on == 1
    assert contents(out) == contents(shards_at)


def test_unfinished_shards_of_other_photos_are_refused(photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(
        shard_writer, "write_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        write_shards(photos, out, SMALL)
    before = contents(out)
    for table, config in ((photos.rows(list(range(60))), SMALL), (photos, ShardsConfig(mib=2))):
        with pytest.raises(DataError, match="unfinished shards of other photos or options"):
            write_shards(table, out, config)
    assert contents(out) == before


def test_nothing_is_overwritten(photos, shards_at, tmp_path):
    before = contents(shards_at)
    with pytest.raises(DataError, match="holds shards already"):
        write_shards(photos, shards_at, SMALL)
    assert contents(shards_at) == before
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(DataError, match=r"is not empty \(it holds diary\.txt\)"):
        write_shards(photos, tmp_path, SMALL)
    assert contents(tmp_path) == {"diary.txt": b"mine"}


def test_photos_that_cannot_be_read_are_left_out_and_named(photos, tmp_path):
    root = tmp_path / "photos"
    shutil.copytree(Path(photos.paths[0]).parents[1], root)
    (root / "Bray" / "0.0.PNG").write_bytes(b"not a photo")
    (root / "Bray" / "3.1.PNG").unlink()
    for number in range(5):
        (root / "Aston" / f"4.{number}.PNG").write_bytes(b"")
    old = str(Path(photos.paths[0]).parents[1])
    frame = photos.frame.with_columns(pl.col("path").str.replace(old, str(root), literal=True))
    unlabelled = frame.with_columns(
        place=pl.when(pl.col("place") == "7").then(None).otherwise(pl.col("place"))
    )
    written = write_shards(PhotoTable(unlabelled), tmp_path / "out", SMALL)
    assert dict(written.left_out) == {
        "Bray/0.0.PNG": "not a photo: a text file",
        "Bray/3.1.PNG": "no such file",
        **{f"Aston/4.{number}.PNG": "empty file (0 bytes)" for number in range(5)},
    }
    assert (written.photos, written.places, written.without_place) == (120 - 7 - 10, 24 - 1 - 2, 10)
    shards = Shards.open(tmp_path / "out")
    sizes = {
        (city, place): n
        for city, place, n in shards.written.select("city", "place", "photos").rows()
    }
    assert sizes["Bray", "0"] == sizes["Bray", "3"] == 4
    assert ("Aston", "4") not in sizes
    tar = b"".join((tmp_path / "out" / entry.name).read_bytes() for entry in shards.manifest.shards)
    with tarfile.open(fileobj=io.BytesIO(tar), ignore_zeros=True) as file:
        names = [one.name for one in file]
    assert len(names) == len(set(names)) == 2 * written.photos


def test_tables_that_make_no_shards(photos, tmp_path):
    bare = PhotoTable.from_columns({"path": photos.paths})
    with pytest.raises(DataError, match="none of 120 photos has a place label"):
        write_shards(bare, tmp_path / "out", SMALL)
    gone = PhotoTable.from_columns({"path": [str(tmp_path / "gone.jpg")], "place": ["a"]})
    with pytest.raises(DataError, match=r"none of 1 photos can be read.*gone\.jpg: no such file"):
        write_shards(gone, tmp_path / "out", SMALL)
    assert not list((tmp_path / "out").iterdir()), "the photos may be there the next time"


def test_a_manifest_that_is_not_one(shards_at, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(shards_at, copy)
    text = (copy / "shards.yaml").read_text()
    values = yaml.safe_load(text)
    for bad, message in (
        ("a: [", "not YAML"),
        ("a: 1", "is not what beenhere writes there"),
        (yaml.safe_dump(values | {"format": 2}), "format is not what beenhere writes"),
    ):
        (copy / "shards.yaml").write_text(bad)
        with pytest.raises(DataError, match=message):
            Shards.open(copy)
    (copy / "shards.yaml").write_text(text)
    table = (copy / "places.parquet").read_bytes()
    (copy / "places.parquet").write_bytes(table[:-9] + b"x" + table[-8:])
    with pytest.raises(DataError, match="is not the one that"):
        Shards.open(copy)


def test_keys_hold_no_dot():
    assert sample_key(12, 3) == "00000012-0003"
    assert "." not in sample_key(10**9, 10**5)
    assert extension("a.b/c.d.JPeG") == ".jpeg"


def test_two_writers_of_one_folder(photos, shards_at, tmp_path):
    """The second is told who writes; the first ends as if it had been alone."""
    out = tmp_path / "out"
    code = (
        "import sys, time; from beenhere.training.shards.shard_store import ShardStore\n"
        "with ShardStore(sys.argv[1]).alone(): print(flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, out], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline()
        with pytest.raises(DataError, match=rf"process {other.pid} on .* writes to {out} right"):
            write_shards(photos, out, SMALL)
    finally:
        other.kill()
        other.communicate()
    write_shards(photos, out, SMALL)  # its lock went with it
    assert contents(out) == contents(shards_at)


def test_a_shard_that_another_has_written_over_is_noticed(photos, tmp_path, monkeypatch):
    out, add = tmp_path / "out", shard_writer.UnfinishedShards.add

    def disturbed(self, notes):
        add(self, notes)
        if notes.entry.name == "shard-000002.tar":
            (out / "shard-000000.tar").write_bytes(b"other")

    monkeypatch.setattr(shard_writer.UnfinishedShards, "add", disturbed)
    with pytest.raises(DataError, match="out has been changed by another process while shards"):
        write_shards(photos, out, SMALL)
    assert not (out / "shards.yaml").exists()
