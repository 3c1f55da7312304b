"""An index that came from elsewhere: nothing outside its folder is read, written or removed."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import TinyModel, at_name, write_photo

from beenhere.errors import BeenhereError, DataError
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.checking import check_index
from beenhere.retrieval.index.manifest import FORMAT, _digest, check_entries

PLACES = [
    "index.yaml",
    ".lock",
    "parts",
    "staging",
    "staging/contents.jsonl",
    "staging/descriptors",
    "model",
    "model/model.yaml",
    "parts/000001.vectors.npy",
]


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def clear(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            clear(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def uses(index: Path, photos: Path, model: TinyModel) -> list[Callable[[], object]]:
    """What a person does with an index."""
    return [
        lambda: Index.open(index),
        lambda: check_index(index),
        lambda: Index.build(photos, model, index),
        lambda: Index.open(index).add(photos, model=model),
        lambda: Index.open(index).remove(photos),
        lambda: Index.open(index).compact(),
    ]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("to", ["file", "folder", "pipe"])
def test_no_entry_leads_out(
    index: Index, photos: Path, model: TinyModel, tmp_path: Path, place: str, to: str
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("000009.photos.parquet", "contents.jsonl", "index.yaml", "photos.jsonl"):
        (foreign / name).write_text("of somebody else")
    entry = index.path / place
    clear(entry)
    entry.parent.mkdir(exist_ok=True)
    if to == "pipe":
        os.mkfifo(entry)
    else:
        entry.symlink_to(foreign / "contents.jsonl" if to == "file" else foreign)
    before = state(foreign)
    for use in uses(index.path, photos, model):
        with pytest.raises(DataError, match=f"{entry} is (a link|no regular file); an index holds"):
            use()
    assert state(foreign) == before and len(before) == 4


def test_a_new_index_is_not_built_through_links(
    photos: Path, model: TinyModel, tmp_path: Path
) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "000001.vectors.npy").touch()
    (tmp_path / "y.index").mkdir()
    (tmp_path / "y.index" / "parts").symlink_to("../foreign")
    with pytest.raises(DataError, match="parts is a link"):
        Index.build(photos, model, tmp_path / "y.index")
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["000001.vectors.npy"]


def test_the_folder_itself_may_be_a_link(index: Index, tmp_path: Path) -> None:
    (tmp_path / "link.index").symlink_to(index.path)
    check_entries(tmp_path / "link.index")
    assert len(Index.open(tmp_path / "link.index")) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../../etc/passwd"},
        {"file": "/etc/passwd"},
        {"file": "parts/../index.yaml"},
        {"file": "parts/sub/x.npy"},
        {"file": "parts/.."},
        {"file": "staging/contents.jsonl"},
        {"dim": 0},
    ],
    ids=str,
)
def test_a_manifest_that_asks_for_more_is_refused(index: Index, change: dict[str, object]) -> None:
    manifest = index.path / "index.yaml"
    values = yaml.safe_load(manifest.read_text())
    if "file" in change:
        values["segments"][0]["vectors"].update(change)
    else:
        values["model"].update(change)
    body = yaml.safe_dump(values).encode()
    manifest.write_bytes(body + b"# sha256 " + _digest(body) + b"\n")
    assert values["format"] == FORMAT
    with pytest.raises(DataError, match=r"index.yaml: "):
        Index.open(index.path)


def test_flips_and_cuts_are_errors_or_change_no_answer(
    index: Index, photos: Path, model: TinyModel
) -> None:
    """60 random flips and 20 truncations, over all files of an index with every kind of part."""
    index.remove(photos / at_name(500_020, 4_100_000))
    write_photo(photos / at_name(500_200, 4_100_000), 9)
    index.add(photos, model=model)
    queries = np.random.default_rng(1).normal(size=(40, 48)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)

    def answer() -> list[object]:
        found = Index.open(index.path).search(queries, 6)
        return [found.rows.tolist(), found.similarity.tolist(), found.photos.frame.rows()]

    right, random, refused = answer(), np.random.default_rng(7), 0
    files = sorted(path for path in index.path.rglob("*") if path.is_file() and path.name[0] != ".")
    for turn in range(80):
        path = files[int(random.integers(len(files)))]
        whole = path.read_bytes()
        data = bytearray(whole)
        at = int(random.integers(len(data)))
        if turn < 60:
            data[at] ^= 1 << int(random.integers(8))
        else:
            del data[at:]
        path.write_bytes(data)
        try:
            assert answer() == right, (path, at)
        except BeenhereError as error:
            assert "\n" not in str(error)
            refused += 1
        path.write_bytes(whole)
    assert answer() == right and refused > 40


def test_a_damaged_descriptor_is_not_written_again(
    index: Index, photos: Path, model: TinyModel
) -> None:
    (vectors,) = index.path.glob("parts/*.vectors.npy")
    data = bytearray(vectors.read_bytes())
    data[128 + 4 * 48 * 2 + 5] ^= 1  # of the third photo
    vectors.write_bytes(data)
    with pytest.raises(DataError, match=r"vectors.npy is damaged: descriptor 2 is not as it was"):
        Index.open(index.path).search(np.ones((1, 48), np.float32), 2)
    for number in range(6, 12):
        write_photo(photos / at_name(500_000 + 10 * number, 4_100_000), number)
    with pytest.raises(DataError, match="descriptor 2 is not as it was written"):
        Index.open(index.path).add(photos, model=model)


def test_more_matches_than_photos(index: Index) -> None:
    start = time.perf_counter()
    found = index.search(np.eye(2, 48, dtype=np.float32), 10**9)
    assert found.rows.shape == (2, 6) and (np.sort(found.rows, axis=1) == np.arange(6)).all()
    assert time.perf_counter() - start < 5
