"""Arrays in files are those that numpy reads, and none other is taken for one."""

from pathlib import Path

import numpy as np
import pytest

from beenhere.files import npy


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int64"])
@pytest.mark.parametrize("shape", [(7,), (1, 3), (5, 4)])
def test_numpy_reads_what_was_written(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    npy.write_array(tmp_path / "a.npy", array)
    found = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert found.dtype == array.dtype and np.array_equal(found, array)
    mapped = npy.map_array(tmp_path / "a.npy", shape, dtype)
    assert isinstance(mapped, np.memmap) and np.array_equal(mapped, array)


def test_the_header_of_the_largest_array_has_its_length() -> None:
    assert len(npy.header((10**12, 10**6), "float32")) == npy.HEADER_BYTES


def test_another_array_is_refused(tmp_path: Path) -> None:
    npy.write_array(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    for shape, dtype in (((3, 2), "float32"), ((2, 3), "float16"), ((6,), "float32")):
        with pytest.raises(ValueError, match="does not begin as an array"):
            npy.map_array(tmp_path / "a.npy", shape, dtype)
    with (tmp_path / "a.npy").open("rb+") as file:
        file.truncate(npy.HEADER_BYTES + 4)
    with pytest.raises(ValueError, match="length is greater"):
        npy.map_array(tmp_path / "a.npy", (2, 3), "float32")
