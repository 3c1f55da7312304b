"""Damage is found and named, whatever it befalls."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import TinyModel, at_name, write_photo

from beenhere.errors import DataError
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.checking import check_index
from beenhere.retrieval.index.manifest import FORMAT_VERSION, MANIFEST, write_manifest

KINDS = [
    "vectors.npy",
    "scales.npy",
    "sums.npy",
    "photos.parquet",
    "removed.npy",
    "unreadable.parquet",
    "model.safetensors",
    "model.yaml",
]


@pytest.fixture
def full(photos: Path, model: TinyModel, tmp_path: Path) -> Path:
    """An index with every kind of part."""
    (photos / at_name(1, 2)).write_bytes(b"no photo")
    index = Index.build(photos, model, tmp_path / "x.index", dtype="int8")
    index.remove(photos / at_name(500_020, 4_100_000))
    return index.path


def part(folder: Path, kind: str) -> Path:
    (found,) = (path for path in folder.rglob("*.*") if path.name.endswith(kind))
    return found


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def test_a_whole_index(full: Path) -> None:
    found = check_index(full)
    files = [path for path in full.rglob("*.*") if path.name not in (MANIFEST, ".lock")]
    assert found.damages == found.leftovers == []
    assert found.parts == len(files) == len(KINDS)
    assert found.bytes == sum(path.stat().st_size for path in files)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 1.0])
def test_a_flipped_bit_is_found_and_its_file_named(full: Path, kind: str, place: float) -> None:
    path = part(full, kind)
    flip(path, round(place * (path.stat().st_size - 1)))
    (damage,) = check_index(full).damages
    assert damage.startswith(f"{path} is damaged: its SHA-256 is ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_or_missing_file_is_found_and_named(full: Path, kind: str) -> None:
    path = part(full, kind)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    assert check_index(full).damages == [f"{path} is damaged: has {size - 1} bytes, not {size}"]
    with pytest.raises(DataError, match=f"{path.name} is damaged.*bring back a copy"):
        Index.open(full)
    path.unlink()
    assert check_index(full).damages == [f"{path} is damaged: no such file or directory"]
    with pytest.raises(DataError, match=f"{path.name} is damaged: no such file"):
        Index.open(full)


def test_all_damages_are_named(full: Path) -> None:
    for kind in KINDS[:3]:
        flip(part(full, kind), 70)
    assert len(check_index(full).damages) == 3


@pytest.mark.parametrize("kind", ["photos.parquet", "unreadable.parquet"])
def test_damaged_photos_are_never_shown(full: Path, kind: str) -> None:
    flip(part(full, kind), 200)
    index = Index.open(full)
    with pytest.raises(DataError, match=f"{kind} is damaged"):
        print(index.photos, index.unreadable)


def test_damaged_marks_hide_no_photo(full: Path) -> None:
    flip(part(full, "removed.npy"), 128)
    with pytest.raises(DataError, match=r"removed.npy is damaged"):
        Index.open(full)


def test_a_damaged_header_of_vectors_is_an_error_of_one_line(full: Path) -> None:
    for at in range(0, 128, 7):
        flip(part(full, "vectors.npy"), at)
        with pytest.raises(
            DataError, match=r"vectors.npy is damaged: it does not begin as"
        ) as found:
            Index.open(full)
        assert "\n" not in str(found.value)
        flip(part(full, "vectors.npy"), at)


def test_any_flipped_byte_of_the_manifest_is_found(full: Path) -> None:
    path = full / MANIFEST
    whole = path.read_bytes()
    for at in range(0, len(whole), 41):
        flip(path, at)
        with pytest.raises(DataError, match=MANIFEST):
            check_index(full)
        path.write_bytes(whole)
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=MANIFEST):
            check_index(full)


def test_a_newer_format_is_told_from_damage(full: Path) -> None:
    values = yaml.safe_load((full / MANIFEST).read_text())
    values |= {"format_version": FORMAT_VERSION + 1, "beenhere": "2.0", "novelty": True}
    (full / MANIFEST).write_text(yaml.safe_dump(values))
    for call in (Index.open, check_index):
        with pytest.raises(
            DataError,
            match=rf"written by a newer beenhere \(2.0\), format {FORMAT_VERSION + 1}; this one "
            f"reads {FORMAT_VERSION}",
        ):
            call(full)


def test_an_index_of_the_first_format_is_read_and_goes_on(full: Path, model: TinyModel) -> None:
    values = yaml.safe_load((full / MANIFEST).read_text())
    for name in ("search", "structure", "whitening", "calibration", "store"):
        assert values.pop(name, None) is None or name == "search"
    body = yaml.safe_dump(values | {"format_version": 1}, sort_keys=False).encode()
    seal = b"# sha256 " + hashlib.sha256(body).hexdigest().encode() + b"\n"
    (full / MANIFEST).write_bytes(body + seal)
    index = Index.open(full)
    assert index.check().damages == [] and index.manifest.format_version == 1
    assert index.calibration is None and index.manifest.search.kind == "auto"
    write_photo(full.parent / "more" / at_name(3, 4), 50)
    assert index.add(full.parent / "more", model=model).new == 1
    assert index.manifest.format_version == FORMAT_VERSION and index.check().damages == []


def test_names_on_the_disk_are_those_of_version_0_1_0(full: Path) -> None:
    values = yaml.safe_load((full / MANIFEST).read_text())
    assert values["marks"]["file"].endswith(".removed.npy")
    assert values["left_out"]["file"].endswith(".unreadable.parquet")
    assert "removed_rows" not in values and "unreadable_photos" not in values


def test_files_are_for_all_whom_the_umask_allows(full: Path) -> None:
    before = os.umask(0o022)
    os.umask(before)
    files = [path for path in full.rglob("*") if path.is_file() and path.name != ".lock"]
    assert len(files) > len(KINDS)
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o666 & ~before, path


def test_vectors_that_were_written_wrong(full: Path) -> None:
    with changing(full, 0) as change:
        assert change.before is not None
        manifest = change.before.manifest
        (segment,) = manifest.segments
        assert segment.scales is not None
        for value, expected in ((np.nan, "length nan"), (2.0, "length 508")):
            scales = np.load(full / segment.scales.file)
            scales[4] *= value / scales[4] if value == 2 else value
            part = change.write_part("scales.npy", lambda path, it=scales: np.save(path, it))
            wrong = segment.model_copy(update={"scales": part, "sums": None})
            write_manifest(manifest.model_copy(update={"segments": (wrong,)}), full)
            (damage,) = check_index(full).damages
            assert "vectors.npy: descriptor 4 has length" in damage and "expected 1" in damage
            assert expected.split()[0] in damage


def test_counts_that_disagree(full: Path) -> None:
    with changing(full, 0) as change:
        assert change.before is not None
        manifest = change.before.manifest
        write_manifest(manifest.model_copy(update={"photos": 9, "unreadable": 2}), full)
        photos, unreadable = check_index(full).damages
        assert "holds 5 photos, and its manifest says 9" in photos
        assert "lists 1 unreadable photos, not 2" in unreadable
        write_manifest(manifest.model_copy(update={"removed": 2}), full)
        (damage,) = check_index(full).damages
        assert "removed.npy is damaged: it does not begin as" in damage


def test_what_was_left_over_is_no_damage_and_goes(full: Path, model: TinyModel) -> None:
    (full / "parts" / "000099.vectors.npy").write_bytes(b"half")
    (full / "parts" / ".new-000100.photos.parquet").write_bytes(b"half")
    for name in (".new-index.yaml", "index.yaml.new"):  # the second by version 0.1.0
        (full / name).write_bytes(b"half")
    (full / "parts" / "notes.txt").write_bytes(b"of a person")
    found = check_index(full)
    assert found.damages == []
    assert found.leftovers == [
        ".new-index.yaml",
        "index.yaml.new",
        "parts/.new-000100.photos.parquet",
        "parts/000099.vectors.npy",
    ]
    write_photo(full.parent / "more" / at_name(3, 4), 50)
    Index.open(full).add(full.parent / "more", model=model)
    assert check_index(full).leftovers == []
    assert (full / "parts" / "notes.txt").exists()
