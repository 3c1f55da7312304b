"""The descriptor store: whole rows only, whatever happens to the process."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from beenhere.errors import DataError, PhotoError
from beenhere.retrieval import descriptor_store
from beenhere.retrieval.descriptor_store import DescriptorStore, MemoryStore, PhotoKey, missing


def key(number: int) -> PhotoKey:
    return PhotoKey(f"/photos/{number}.jpg", 10, number)


def vectors(*numbers: int) -> NDArray[np.float32]:
    return np.array([[n, n + 0.5, -n] for n in numbers], np.float32)


def opened(folder: Path, dtype: str = "float32") -> DescriptorStore:
    return DescriptorStore(folder, 3, dtype, {"model": "a"})


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_appended_is_found_again(tmp_path: Path, dtype: str) -> None:
    with opened(tmp_path / "store", dtype) as store:
        assert missing(store, [key(1), key(1), key(2)]) == [key(1), key(2)]
        store.append([key(1), key(2)], vectors(1, 2))
        store.append([key(3)], vectors(3))
    with opened(tmp_path / "store", dtype) as store:
        assert missing(store, [key(3), key(4), key(1)]) == [key(4)]
        assert np.array_equal(store.take([key(3), key(1)]), vectors(3, 1))
        assert store.take([key(3), key(1)]).dtype == dtype
    mapped = np.load(tmp_path / "store" / "descriptors.npy", mmap_mode="r")
    assert np.array_equal(mapped, vectors(1, 2, 3))


def test_rows_in_a_run_stay_on_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.append([key(1), key(2), key(3)], vectors(1, 2, 3))
        run = store.take([key(2), key(3)])
        assert isinstance(run, np.memmap)
        store.append([key(4)], vectors(4))
    assert np.array_equal(run, vectors(2, 3))


def test_nothing_is_written_before_the_first_descriptor(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        assert store.take([]).shape == (0, 3)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("lost", range(1, 60))
def test_any_cut_of_either_file_leaves_whole_rows(tmp_path: Path, lost: int) -> None:
    with opened(tmp_path) as store:
        for number in range(4):
            store.append([key(number)], vectors(number))
            store.commit()
    name = "photos.jsonl" if lost % 2 else "descriptors.npy"
    os.truncate(tmp_path / name, (tmp_path / name).stat().st_size - lost)
    with opened(tmp_path) as store:
        left = [number for number in range(4) if key(number) in store]
        assert left == list(range(len(left))) and len(left) < 4
        gone = [number for number in range(4) if number not in left]
        store.append([key(number) for number in gone], vectors(*gone))
        assert np.array_equal(store.take([key(n) for n in range(4)]), vectors(*range(4)))
    assert np.load(tmp_path / "descriptors.npy").shape == (4, 3)
    assert len((tmp_path / "photos.jsonl").read_text().splitlines()) == 4


def test_rows_count_once_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "store") as store:
        store.append([key(1)], vectors(1))
        store.commit()
        store.append([key(2)], vectors(2))
        shutil.copytree(tmp_path / "store", tmp_path / "as a kill would leave it")
        monkeypatch.setattr(descriptor_store, "COMMIT_SECONDS", -1.0)
        store.append([key(3)], vectors(3))
        shutil.copytree(tmp_path / "store", tmp_path / "some seconds later")
    with opened(tmp_path / "as a kill would leave it") as copy:
        assert missing(copy, [key(1), key(2)]) == [key(2)]
    with opened(tmp_path / "some seconds later") as copy:
        assert np.array_equal(copy.take([key(1), key(2), key(3)]), vectors(1, 2, 3))


def test_a_half_filled_store_of_the_version_before_is_gone_on_with(tmp_path: Path) -> None:
    """Its bytes as that version wrote them, when it was killed in the middle of a row."""
    identity = {"model": "a", "dim": 3, "dtype": "float32"}
    (tmp_path / "store.json").write_text(json.dumps(identity, indent=1))
    literal = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    header = b"\x93NUMPY\x01\x00v\x00" + literal.ljust(117) + b"\n"
    assert len(header) == 128
    (tmp_path / "descriptors.npy").write_bytes(header + vectors(1, 2, 3).tobytes()[:-5])
    lines = [json.dumps(list(key(number))) + "\n" for number in (1, 2, 3)]
    (tmp_path / "photos.jsonl").write_text("".join(lines))
    with opened(tmp_path) as store:
        assert missing(store, [key(1), key(2), key(3)]) == [key(3)]
        store.append([key(3), key(4)], vectors(3, 4))
        assert np.array_equal(store.take([key(n) for n in (1, 2, 3, 4)]), vectors(1, 2, 3, 4))
    assert json.loads((tmp_path / "store.json").read_text()) == identity
    assert np.array_equal(np.load(tmp_path / "descriptors.npy"), vectors(1, 2, 3, 4))


def test_another_models_folder_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.append([key(1)], vectors(1))
    with pytest.raises(DataError, match="give another output folder"):
        DescriptorStore(tmp_path, 3, "float32", {"model": "b"})
    assert json.loads((tmp_path / "store.json").read_text())["model"] == "a"
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(DataError, match="descriptors of something else; expected"):
        opened(tmp_path)


def test_one_process_writes_while_others_read(tmp_path: Path) -> None:
    with opened(tmp_path) as writer:
        writer.append([key(1)], vectors(1))
        writer.commit()
        with opened(tmp_path) as reader:
            assert np.array_equal(reader.take([key(1)]), vectors(1))
            with pytest.raises(DataError, match="written by another process"):
                reader.append([key(2)], vectors(2))


def test_a_key_is_what_the_file_is(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"12345")
    os.utime(photo, ns=(1, 77))
    assert PhotoKey.of(str(photo)) == (str(photo), 5, 77)
    photo.write_bytes(b"54321")
    assert PhotoKey.of(str(photo)) != (str(photo), 5, 77)
    with pytest.raises(PhotoError, match=r"b\.jpg: no such file$"):
        PhotoKey.of(str(tmp_path / "b.jpg"))
    with pytest.raises(PhotoError, match="cannot be reached"):
        PhotoKey.of("a\0.jpg")


def test_memory_keeps_the_same(tmp_path: Path) -> None:
    with MemoryStore(3, 3, "float16") as store:
        store.append([key(1), key(2)], vectors(1, 2))
        assert missing(store, [key(1), key(3)]) == [key(3)]
        assert np.array_equal(store.take([key(2), key(1)]), vectors(2, 1))
        assert store.take([key(1)]).dtype == np.float16
