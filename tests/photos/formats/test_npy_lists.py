"""Index lists out of .npy files: as numpy reads them, and nothing that a file asks for is done."""

import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from published_sets import objects, vpr_bench_lists

from beenhere.errors import DataError
from beenhere.photos.formats.npy_lists import read_index_lists, read_names

PROTOCOLS = (2, 3, 4, 5)


def write(file: Path, shape: tuple[int, ...], data: bytes) -> Path:
    """An array of objects whose pickle is ``data``."""
    header = {"descr": "|O", "fortran_order": False, "shape": shape}
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, header)
        opened.write(data)
    return file


def saved(file: Path, value: np.ndarray, protocol: int) -> Path:
    return write(file, value.shape, pickle.dumps(value, protocol=protocol))


def lists_of(file: Path) -> list[list[int]]:
    return [row.tolist() for row in read_index_lists(file)]


def oracle(file: Path) -> list[list[int]]:
    """By numpy's own unpickling, of a file that the test itself has written."""
    return [
        np.atleast_1d(np.asarray(row)).astype(int).tolist()
        for row in np.load(file, allow_pickle=True)
    ]


_INDEX = st.integers(0, 2**40)
_ROW = st.one_of(
    st.lists(_INDEX, max_size=6),
    st.lists(_INDEX, max_size=6).map(tuple),
    st.lists(_INDEX, max_size=6).map(lambda row: np.array(row, np.int64)),
    st.lists(st.integers(0, 200), max_size=6).map(lambda row: np.array(row, np.uint8)),
    st.lists(st.integers(0, 200), max_size=6).map(lambda row: np.array(row, ">i4")),
    st.lists(_INDEX, max_size=6).map(lambda row: [np.int64(one) for one in row]),
    st.integers(0, 20).map(range),
    _INDEX,
    _INDEX.map(np.int64),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(_ROW, max_size=6), protocol=st.sampled_from(PROTOCOLS))
def test_lists_as_numpy_reads_them(tmp_path: Path, rows: list[Any], protocol: int) -> None:
    file = saved(tmp_path / "gt.npy", objects(rows), protocol)
    expected = oracle(file)
    assume(all(len(set(row)) == len(row) for row in expected))  # no list names a photo twice
    assert lists_of(file) == expected


@pytest.mark.parametrize("dtype", ["<i8", ">i8", "i4", "u2", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_need_no_pickle(tmp_path: Path, dtype: str, order: Any) -> None:
    rows = np.array([[3, 1, 2], [7, 0, 4]], dtype, order=order)
    np.save(tmp_path / "gt.npy", rows)
    assert lists_of(tmp_path / "gt.npy") == rows.tolist()


def test_padding_and_one_positive_each(tmp_path: Path) -> None:
    np.save(tmp_path / "gt.npy", np.array([[3, 1, -1], [7, -1, -1], [-1, -1, -1]]))
    assert lists_of(tmp_path / "gt.npy") == [[3, 1], [7], []]
    np.save(tmp_path / "gt.npy", np.empty((0, 3), int))
    assert lists_of(tmp_path / "gt.npy") == []
    np.save(tmp_path / "gt.npy", np.array([3, 1]))
    assert lists_of(tmp_path / "gt.npy") == [[3], [1]]


def test_rows_of_vpr_bench(tmp_path: Path) -> None:
    vpr_bench_lists(tmp_path / "gt.npy", [[0, 1], [], [4]])
    assert lists_of(tmp_path / "gt.npy") == [[0, 1], [], [4]]
    rows = np.empty((2, 2), object)
    rows[0, 0], rows[0, 1], rows[1, 0], rows[1, 1] = 1, [8], 0, np.array([9, 7])
    np.save(tmp_path / "gt.npy", rows, allow_pickle=True)
    assert lists_of(tmp_path / "gt.npy") == [[9, 7], [8]]
    np.save(tmp_path / "gt.npy", np.asfortranarray(rows), allow_pickle=True)
    assert lists_of(tmp_path / "gt.npy") == [[9, 7], [8]]


def test_a_file_of_python_2(tmp_path: Path) -> None:
    """Bytes are texts there, and modules have other names; numpy 1 wrote this in protocol 2."""
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b"
        b"\x87Rq\x04(K\x01K\x02\x85cnumpy\ndtype\nq\x05U\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff"
        b"\xff\xffJ\xff\xff\xff\xffK?tb\x89](](K\x05K\x06ec__builtin__\nxrange\nK\x02K\x04\x86Retb."
    )
    file = write(tmp_path / "gt.npy", (2,), data)
    assert lists_of(file) == [[5, 6], [2, 3]]
    inner = (
        b"h\x01h\x02K\x00\x85U\x01b\x87R(K\x01K\x02\x85h\x05U\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff"
        b"\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10" + struct.pack("<2q", 300, 2) + b"tb"
    )
    file = write(tmp_path / "gt.npy", (2,), data.replace(b"](K\x05K\x06e", inner))
    assert lists_of(file) == [[300, 2], [2, 3]]


def python_2_header(data: bytes, shape: bytes) -> bytes:
    """The same file with the header's shape as Python 2 wrote it."""
    start = 10 + int.from_bytes(data[8:10], "little")
    header = data[10:start].replace(b"L", b"").rstrip()
    old, _, rest = header.partition(b"'shape': ")
    text = old + b"'shape': " + shape + rest[rest.index(b")") + 1 :]
    text = text.ljust(117) + b"\n"
    return data[:8] + len(text).to_bytes(2, "little") + text + data[start:]


@pytest.mark.parametrize("kind", ["integers", "lists"])
def test_a_header_of_python_2(tmp_path: Path, kind: str) -> None:
    """Whole numbers end in L there; numpy warns of it, and a warning is an error here."""
    file = tmp_path / "gt.npy"
    np.save(file, np.array([[4, 5], [6, 7]]) if kind == "integers" else objects([[4, 5], [6, 7]]))
    shape = b"(2L, 2L)" if kind == "integers" else b"(2L,)"
    file.write_bytes(python_2_header(file.read_bytes(), shape))
    assert lists_of(file) == [[4, 5], [6, 7]]


@pytest.mark.parametrize(
    "value",
    [np.array(["a/é.jpg", "b.jpg"]), np.array([b"a.jpg", b"b.jpg"]), objects(["a.jpg", "b.jpg"])],
)
def test_names(tmp_path: Path, value: np.ndarray) -> None:
    np.save(tmp_path / "names.npy", value, allow_pickle=True)
    plain = [one.decode() if isinstance(one, bytes) else one for one in value.tolist()]
    assert read_names(tmp_path / "names.npy") == plain
    with pytest.raises(DataError):
        read_index_lists(tmp_path / "names.npy")
    np.save(tmp_path / "names.npy", np.arange(3))
    with pytest.raises(
        DataError, match=r"holds int64 of shape \(3,\); expected one row of file names"
    ):
        read_names(tmp_path / "names.npy")


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class Plain:
    """Pickles as an instance with a state."""

    def __init__(self) -> None:
        self.state = 3


HOSTILE = {
    "system": Calls(os.system, "touch pwned"),
    "eval": Calls(eval, "open('pwned', 'w')"),
    "exec": Calls(exec, "open('pwned', 'w')"),
    "open": Calls(open, "pwned", "w"),
    "getattr": Calls(getattr, "", "join"),
    "nested": Calls(list, [Calls(os.system, "touch pwned")]),
    "inside a range": Calls(range, Calls(os.system, "touch pwned")),
    "numpy load": Calls(np.load, "gt.npy", None, True),
    "numpy fromfile": Calls(np.fromfile, "gt.npy"),
    "an instance": Plain(),
    "a set": {1},
    "a dict": {1: 2},
    "a class": os.PathLike,
    "a float": 1.5,
    "a text": "x",
    "lists in lists": [[1]],
    "a truth": [True],
    "floats": np.array([1.0]),
    "a table": np.array([[1, 2]]),
    "records": np.array([(1, 2)], "i4,i4"),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "more than numpy counts": [2**70],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_else_is_read_or_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    file = saved(tmp_path / "gt.npy", objects([[1, 2], HOSTILE[name]]), protocol)
    with pytest.raises(DataError) as caught:
        read_index_lists(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [file]


def test_a_call_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path / "gt.npy", objects([Calls(os.system, "true")]), 4)
    with pytest.raises(DataError, match=r"holds a call of (posix|nt)\.system; only lists"):
        read_index_lists(file)


def test_a_name_cannot_write_on_the_screen(tmp_path: Path) -> None:
    name = b"\x8c\x0bev\n\x1b[31mil\x07"
    file = write(tmp_path / "gt.npy", (1,), b"\x80\x04\x8c\x02os" + name + b"\x93)R.")
    with pytest.raises(DataError) as caught:
        read_index_lists(file)
    assert str(caught.value).isprintable() and r"os.ev\n\x1b[31mil\x07" in str(caught.value)


def bomb(inner: bytes) -> bytes:
    """An array of one object, whose instructions are given."""
    return (
        b"\x80\x04cnumpy._core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85C\x01b"
        b"\x87R(K\x01K\x01\x85cnumpy\ndtype\nq\x05X\x02\x00\x00\x00O8\x89\x88\x87R(K\x03X\x01\x00\x00"
        b"\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89](" + inner + b"etb."
    )


def doubled(times: int) -> bytes:
    """[x, x] of [x, x] of ...: 2**times entries out of a few bytes."""
    steps = [b"](K\x01K\x01eq\x10"]
    for at in range(times):
        steps.append(b"](h" + bytes([16 + at]) + b"h" + bytes([16 + at]) + b"eq" + bytes([17 + at]))
    return b"".join(steps)


def nested(times: int) -> bytes:
    return b"](" * times + b"e" * times


LIES = {
    "doubled lists": bomb(doubled(60)),
    "very deep lists": bomb(nested(100_000)),
    "a list of itself": bomb(b"]q\x10(h\x10e"),
    "a huge memo place": bomb(b"K\x01r\xff\xff\xff\xffj\xff\xff\xff\xff]"),
    "a memo place that is empty": bomb(b"h\x77"),
    "a huge range": bomb(b"cbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R"),
    "a range beyond numbers": bomb(b"cbuiltins\nrange\n\x8a\x10" + b"\x7f" * 16 + b"\x85R"),
    "a text that says 2 GiB": bomb(b"X\xff\xff\xff\x7fabc"),
    "bytes that say 2**63": bomb(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc"),
    "a number of 2 GiB": bomb(b"\x8b\xff\xff\xff\x7fabc"),
    "no stack": b"\x80\x04RRRR.",
    "no mark": b"\x80\x04](K\x01ee.",
    "nothing": b"",
    "no end": bomb(b"K\x01")[:-1],
    "protocol 0": pickle.dumps(objects([[1]]), protocol=0),
    "protocol 6": b"\x80\x06K\x01.",
    "an opcode that there is not": b"\x80\x04\xfe.",
    "an external reference": bomb(b"Pid\n"),
    "an extension code": bomb(b"\x82\x01"),
    "an object of a class": bomb(b"cos\nPathLike\n)\x81"),
    "an instance": bomb(b"(cos\nsystem\nX\x01\x00\x00\x00xo"),
    "a build of a list": bomb(b"]}b"),
    "a name on the stack": bomb(b"cos\nsystem\n"),
    "a module made of numbers": bomb(b"K\x01K\x02\x93)R"),
    "a number of two": bomb(b"h\x01h\x02K\x00\x85C\x01b\x87R(K\x01K\x09\x85h\x05X\x02\x00\x00\x00i8"
        b"\x89\x88\x87R\x89C\x08abcdefghtb"),
    "a buffer of a number": bomb(b"cnumpy._core.numeric\n_frombuffer\n(J\xff\xff\xff\x7fh\x05X\x02"
        b"\x00\x00\x00i8\x89\x88\x87RK\x01\x85X\x01\x00\x00\x00CtR"),
    "objects out of bytes": bomb(b"cnumpy._core.multiarray\nscalar\nh\x05X\x02\x00\x00\x00O8\x89"
        b"\x88\x87RC\x08abcdefgh\x86R"),
    "an array without sides": bomb(b"h\x01h\x02K\x00\x85C\x01b\x87R(K\x01)h\x05X\x02\x00\x00\x00i8"
        b"\x89\x88\x87R\x89C\x08abcdefghtb"),
    "a state for a function": bomb(b"cbuiltins\nrange\n(K\x01K\x02tb"),
    "a state for a class": bomb(b"cnumpy\ndtype\n(K\x01X\x01\x00\x00\x00<Ntb"),
    "a range of numbers that no index has": bomb(b"cbuiltins\nrange\n\x8a\x0a\x01\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x01\x8a\x0a\x03\x00\x00\x00\x00\x00\x00\x00\x00\x01\x86R"),
    "a shape of itself": bomb(b"h\x01h\x02K\x00\x85C\x01b\x87R(K\x01J\xff\xff\xff\xff\x85h\x05X\x02"
        b"\x00\x00\x00i8\x89\x88\x87R\x89C\x00tb"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_lies_and_bombs(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "gt.npy", (1,), LIES[name])
    with pytest.raises(DataError) as caught:
        read_index_lists(file)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("shape", "descr"),
    [
        ((10**13, 0), "<i8"),
        ((10**13,), "<U0"),
        ((10**13,), "|V0"),
        ((0, 0), "<i8"),
        ((-1, -8), "<i8"),
        ((2, 2, 10**13, 0), "<i8"),
        ((10**13, 0), "|O"),
        ((10**13,), "|O"),
    ],
    ids=str,
)
def test_a_header_of_nothing_many_times(tmp_path: Path, shape: tuple[int, ...], descr: str) -> None:
    with (tmp_path / "gt.npy").open("wb") as file:
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
    for read in (read_index_lists, read_names):
        with pytest.raises(DataError, match=r"gt.npy: (holds|has|is no)") as caught:
            read(tmp_path / "gt.npy")
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("use", ["shape", "type", "range", "key"])
def test_a_value_whose_text_has_no_end(tmp_path: Path, use: str) -> None:
    """Tuples of tuples of ..., 2^40 in all, where a message would show them."""
    nested = b"K\x01" + 40 * b"q\x70h\x70\x86"
    calls = {
        "shape": b"h\x01h\x02K\x00\x85C\x01b\x87R(K\x01" + nested + b"h\x05X\x02\x00\x00\x00i8"
        b"\x89\x88\x87R\x89C\x08abcdefghtb",
        "type": b"h\x05" + nested + b"\x85R",
        "range": b"cbuiltins\nrange\n" + nested + b"\x85R",
        "key": nested + nested + b"\x93",
    }
    file = write(tmp_path / "gt.npy", (1,), bomb(calls[use]))
    with pytest.raises(DataError) as caught:
        read_index_lists(file)
    assert len(str(caught.value)) < 500


def test_one_list_many_times(tmp_path: Path) -> None:
    """80,000 references to a list of 80,000: more entries than a ground truth has."""
    inner = objects([list(range(80_000))] * 80_000)
    with pytest.raises(DataError, match="lists 6,400,000,000 positives"):
        read_index_lists(saved(tmp_path / "gt.npy", inner, 4))


def test_one_array_many_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays made again and again from one piece of data."""
    make = b"(C\x40" + bytes(64) + b"q\x70"
    again = (
        b"h\x01h\x02K\x00\x85C\x01b\x87R(K\x01K\x40\x85h\x05X\x02\x00\x00\x00u1\x89\x88\x87R"
        b"\x89h\x70tb"
    )
    file = write(tmp_path / "gt.npy", (1,), bomb(make + again * 3 + b"t"))
    with pytest.raises(DataError, match="a positive list that is a tuple"):
        read_index_lists(file)
    monkeypatch.setattr("beenhere.photos.formats.pickled_arrays.MOST_ENTRIES", 191)
    with pytest.raises(DataError, match="holds more than 191 numbers"):
        read_index_lists(file)


def test_one_text_many_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes made again and again from one text, as Python 3 writes them in protocol 2."""
    text = b"X\x00\x02\x00\x00" + b"a" * 512 + b"q\x70"
    again = b"c_codecs\nencode\nh\x70X\x06\x00\x00\x00latin1\x86R"
    file = write(tmp_path / "gt.npy", (1,), bomb(b"(" + text + again * 3 + b"t"))
    monkeypatch.setattr("beenhere.photos.formats.pickled_arrays.MOST_ENTRIES", 191)
    with pytest.raises(DataError, match="holds more than 191 numbers"):
        read_index_lists(file)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=80), at=st.integers(0, 400), length=st.integers(0, 12))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, at: int, length: int) -> None:
    whole = pickle.dumps(objects([[1, 2], np.arange(3), (4,)]), protocol=4)
    file = write(tmp_path / "gt.npy", (3,), whole[:at] + data + whole[at + length :])
    try:
        found = read_index_lists(file)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert all(row.dtype == np.int64 for row in found)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=60), cut=st.integers(0, 150))
def test_any_file_is_read_or_refused(tmp_path: Path, data: bytes, cut: int) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(12).reshape(4, 3))
    (tmp_path / "gt.npy").write_bytes(buffer.getvalue()[:cut] + data)
    try:
        read_index_lists(tmp_path / "gt.npy")
    except DataError as error:
        assert str(tmp_path) in str(error)


def test_a_header_that_breaks_its_parser(tmp_path: Path) -> None:
    for text in (
        b"{" * 9000,
        b"(" * 200,
        b"{'descr': [['" + b"a" * 50,
        b"'\n  x\n y",
        b"1+" * 4000,
    ):
        file = tmp_path / "gt.npy"
        file.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
        with pytest.raises(DataError, match=r"is no \.npy file") as caught:
            read_index_lists(file)
        assert "\n" not in str(caught.value)


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_index_lists(tmp_path / "none.npy")
    np.save(tmp_path / "gt.npy", np.ones((2, 3)))
    with pytest.raises(DataError, match=r"float64 of shape \(2, 3\); expected integers"):
        read_index_lists(tmp_path / "gt.npy")
    np.save(tmp_path / "gt.npy", np.array([[0, 5], [1, 6], [2, 7]]))
    with pytest.raises(DataError, match="pairs, or two positives of each"):
        read_index_lists(tmp_path / "gt.npy")
    rows = np.empty((2, 2), object)
    rows[0, 0], rows[0, 1], rows[1, 0], rows[1, 1] = 0, [1], 0, [2]
    np.save(tmp_path / "gt.npy", rows, allow_pickle=True)
    with pytest.raises(DataError, match="not 0 to 1, each once"):
        read_index_lists(tmp_path / "gt.npy")
    np.save(tmp_path / "gt.npy", np.arange(100))
    whole = (tmp_path / "gt.npy").read_bytes()
    (tmp_path / "gt.npy").write_bytes(whole[:-8])
    with pytest.raises(DataError, match="cut off"):
        read_index_lists(tmp_path / "gt.npy")


def test_a_matrix_of_what_is_right_is_no_list(tmp_path: Path) -> None:
    matrix = np.array([[1, 0, 0], [0, 1, 1]])
    for array in (matrix, matrix.astype(np.uint8), objects([[1, 0, 0], [0, 1, 1]])):
        np.save(tmp_path / "gt.npy", array, allow_pickle=True)
        with pytest.raises(DataError, match="holds 2 rows of 3 noughts and ones: a matrix"):
            read_index_lists(tmp_path / "gt.npy")
    # No photo is named twice, or other numbers are named: lists.
    for lists in ([[1, 0], [0, 1]], [[0], [0]], [[2, 2, 1]], [[0, 0], [5, 6]]):
        np.save(tmp_path / "gt.npy", np.array(lists))
        assert lists_of(tmp_path / "gt.npy") == lists
