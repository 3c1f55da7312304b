"""Manifests that somebody else has written, or that belong to other shards."""

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from beenhere.errors import DataError
from beenhere.training.shards import Shards

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def copy(shards_at, tmp_path) -> Path:
    shutil.copytree(shards_at, tmp_path / "copy")
    return tmp_path / "copy"


def changed(folder: Path, change: Change) -> str:
    """What is said of shards whose manifest has been changed."""
    manifest = yaml.safe_load((folder / "shards.yaml").read_text())
    change(manifest)
    (folder / "shards.yaml").write_text(yaml.safe_dump(manifest))
    return refused(folder)


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        Shards.open(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
    return str(error.value)


def other_places(folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> str:
    """What is said where the table of places is another, whose checksum the manifest has."""
    table = io.BytesIO()
    change(pl.read_parquet(folder / "places.parquet")).write_parquet(table)
    (folder / "places.parquet").write_bytes(table.getvalue())
    digest = hashlib.sha256(table.getvalue()).hexdigest()
    return changed(folder, lambda manifest: manifest.update(places_sha256=digest))


def first(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["shards"][0]


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "no shards": (lambda m: m.update(shards=[]), "shards is not what beenhere writes there"),
    "one fewer": (lambda m: m["shards"].pop(), r"shard 3 has 0 places and 0 photos, and"),
    "one more": (lambda m: m["shards"].append(dict(first(m))), r"shard 4 has 7 places"),
    "places": (lambda m: first(m).update(places=3), r"shard 0 has 3 places and 35 photos, and 7"),
    "photos": (lambda m: first(m).update(photos=39), r"7 places and 39 photos, and 7 and 35 there"),
    "all places": (lambda m: m.update(places=25), "25 places, 120 photos, and the sizes of 120"),
    "all photos": (lambda m: m.update(photos=1), "24 places, 1 photos, and the sizes of 120, wh"),
    "sizes": (lambda m: m["counts"].update(sizes=[[125, 80, 7]]), "and the sizes of 7, where"),
    "no sizes": (lambda m: m["counts"].update(sizes=[]), "counts.sizes is not what beenhere"),
    "bytes": (lambda m: first(m).update(bytes=-1), "shards.0.bytes is not what beenhere writes"),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_a_manifest_that_contradicts_the_table_of_places(copy, kind):
    change, said = CONTRADICTIONS[kind]
    text = changed(copy, change)
    assert text.startswith(f"{copy}/shards.yaml") and said in text


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.head(5),
        lambda table: table.reverse(),
        lambda table: table.with_columns(photos=pl.lit(4, pl.UInt32)),
        lambda table: table.with_columns(photos=pl.lit(None, pl.UInt32)),
        lambda table: table.with_columns(pl.col("bytes").cast(pl.String)),
        lambda table: table.drop("shard"),
        lambda table: table.clear(),
    ],
)
def test_a_table_that_contradicts_the_manifest(copy, change):
    text = other_places(copy, change)
    assert "contradicts places.parquet" in text or "is not a table of places" in text


def test_a_table_that_is_no_parquet_though_its_checksum_is_right(copy):
    (copy / "places.parquet").write_bytes(b"PAR1 and nothing else")
    digest = hashlib.sha256((copy / "places.parquet").read_bytes()).hexdigest()
    text = changed(copy, lambda manifest: manifest.update(places_sha256=digest))
    assert text.startswith(f"{copy}/places.parquet cannot be read")


@pytest.mark.parametrize(
    "name",
    ["../shard-000000.tar", "..", "/etc/passwd", "a/../../b.tar", "sub/a.tar", "a\\b", "", ".lock"],
)
def test_a_name_that_leads_out_of_the_folder(copy, name):
    (copy.parent / "shard-000000.tar").write_bytes((copy / "shard-000000.tar").read_bytes())
    text = changed(copy, lambda manifest: first(manifest).update(name=name))
    assert "shards.0.name is not what beenhere writes there" in text


@pytest.mark.parametrize(
    "text",
    ["written_by: 2001-99-99", f"seed: {'9' * 5000}", "[" * 200_000, "\x00", "a: &a [*a]", ""],
    ids=["date", "digits", "depth", "zero", "itself", "nothing"],
)
def test_a_manifest_that_is_no_yaml_of_ours(copy, text):
    (copy / "shards.yaml").write_text(text)
    assert refused(copy).startswith(f"{copy}/shards.yaml")
