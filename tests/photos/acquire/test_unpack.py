"""Archives as they should be, and archives made by somebody who means harm."""

import bz2
import gzip
import io
import lzma
import os
import random
import shutil
import stat
import struct
import tarfile
import warnings
import zipfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beenhere.errors import DataError
from beenhere.photos.acquire.unpack import (
    DamagedArchive,
    Unpacker,
    UnsafeArchive,
    is_archive,
    safe_path,
)

PHOTO = random.Random(0).randbytes(150_000)
FILES = {"set/train/a.jpg": PHOTO, "set/train/b.jpg": b"b", "set/empty.txt": b""}

Pack = Callable[[Path, dict[str, bytes]], Path]


def as_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_tar(path: Path, files: dict[str, bytes]) -> Path:
    return tar_of(path, [(tarfile.TarInfo(name), data) for name, data in files.items()])


def tar_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    kind = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, kind) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def of_type(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_of_type(path: Path, name: str, kind: int, data: bytes = b"x") -> Path:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, data)
    return path


def below(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "into"
    folder.mkdir(parents=True)
    return folder


def unpack(archive: Path, into: Path, **bounds: Any) -> int:
    return Unpacker([archive], **bounds).unpack(archive, into)


def refused(archive: Path, into: Path, **bounds: Any) -> str:
    """What is said of an archive; and nothing is written outside of the folder."""
    outer = into.parent
    before = set(outer.parent.iterdir())
    with pytest.raises(DataError) as caught:
        unpack(archive, into, **bounds)
    assert list(outer.iterdir()) == [into]
    assert set(outer.parent.iterdir()) == before
    assert not any(path.is_symlink() for path in into.rglob("*"))
    text = str(caught.value)
    assert "\n" not in text and text.startswith(str(archive))
    return text.removeprefix(f"{archive} ")


GOOD = ["set.zip", "set.tar", "set.tar.gz", "set.tgz", "set.tar.bz2", "set.tar.xz"]


@pytest.mark.parametrize("name", GOOD)
def test_good_archives(tmp_path: Path, into: Path, name: str) -> None:
    pack = as_zip if name.endswith("zip") else as_tar
    path = tmp_path / name
    if name == "set.tgz":
        pack(tmp_path / "x.tar.gz", FILES).rename(path)
    else:
        pack(path, FILES)
    assert unpack(path, into) == 3
    assert below(into) == FILES
    assert is_archive(name) and is_archive(name.upper())


@pytest.mark.parametrize("name", ["set.7z", "set.rar", "set.zip.part", "set.mat", "set.tar.zst"])
def test_names_of_no_archive(name: str) -> None:
    assert not is_archive(name)


def test_an_archive_is_known_by_its_bytes(tmp_path: Path, into: Path) -> None:
    assert unpack(as_zip(tmp_path / "set.tar.gz", FILES), into) == 3


def test_folders_and_modes(tmp_path: Path, into: Path) -> None:
    secret = tarfile.TarInfo("./set//secret.jpg")
    secret.mode = 0o7000
    folder = of_type("set/none", tarfile.DIRTYPE)
    folder.mode = 0
    assert unpack(tar_of(tmp_path / "s.tar", [(folder, b""), (secret, b"x")]), into) == 1
    assert below(into) == {"set/secret.jpg": b"x"}
    mode = (into / "set/secret.jpg").stat().st_mode
    assert mode & stat.S_IRUSR and not mode & (stat.S_ISUID | stat.S_IXUSR)


def test_what_macos_adds_is_left_out(tmp_path: Path, into: Path) -> None:
    litter = {"__MACOSX/set/._a.jpg": b"1", "set/._b.jpg": b"2", "set/.DS_Store": b"3"}
    assert unpack(as_zip(tmp_path / "s.zip", FILES | litter), into) == 3
    assert below(into) == FILES


def test_several_archives_into_one_folder(tmp_path: Path, into: Path) -> None:
    unpack(as_zip(tmp_path / "1.zip", {"set/a": b"1"}), into)
    unpack(as_tar(tmp_path / "2.tar", {"set/b": b"2"}), into)
    assert below(into) == {"set/a": b"1", "set/b": b"2"}
    third = as_zip(tmp_path / "3.zip", {"set/a": b"other"})
    assert "'set/a', which is there already" in refused(third, into)
    assert (into / "set/a").read_bytes() == b"1"


HOSTILE_NAMES = {
    "../../evil": "leads out of the folder",
    "set/../../evil": "leads out of the folder",
    "set/..": "leads out of the folder",
    "/etc/evil": "is absolute",
    "//evil": "is absolute",
    "C:/evil": "is absolute",
    "c:evil": "is absolute",
    "..\\evil": "has a backslash",
    "set\\a.jpg": "has a backslash",
    "set/a\nb.jpg": "has control characters",
    "set/\x1b[2J.jpg": "has control characters",
    f"set/{'a' * 256}": "is too long",
    f"set/{'ä' * 128}": "is too long",
    "/".join(["deep"] * 300): "is too long",
}


@pytest.mark.parametrize("pack", [as_zip, as_tar], ids=["zip", "tar"])
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=[name[:12] for name in HOSTILE_NAMES])
def test_names_that_mean_harm(tmp_path: Path, into: Path, name: str, pack: Pack) -> None:
    archive = pack(tmp_path / "evil.archive", {"set/good": b"1", name: b"evil"})
    assert HOSTILE_NAMES[name] in refused(archive, into)


def test_a_zero_in_a_name_of_a_zip(tmp_path: Path, into: Path) -> None:
    archive = as_zip(tmp_path / "evil.zip", {"set/a?.jpg": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"a?.jpg", b"a\0.jpg"))
    assert "control characters" in refused(archive, into)


def test_a_name_that_is_not_utf8(tmp_path: Path, into: Path) -> None:
    info = tarfile.TarInfo("set/Z\udcfcrich.jpg")
    assert "is not UTF-8" in refused(tar_of(tmp_path / "evil.tar", [(info, b"x")]), into)


@given(st.text(alphabet="a./\\:\0C", max_size=12))
def test_a_path_never_leads_out(name: str) -> None:
    try:
        path = safe_path(name)
    except UnsafeArchive:
        return
    root = "/root/of/all"
    assert os.path.normpath(f"{root}/{path}") == str(Path(root) / path)
    assert os.path.normpath(f"{root}/{name}") == str(Path(root) / path)


LINKS = {
    "a symbolic link": tarfile.SYMTYPE,
    "a hard link": tarfile.LNKTYPE,
    "a device": tarfile.CHRTYPE,
    "a device ": tarfile.BLKTYPE,
    "a pipe": tarfile.FIFOTYPE,
}


@pytest.mark.parametrize("what", LINKS)
def test_links_and_devices_in_a_tar(tmp_path: Path, into: Path, what: str) -> None:
    link = of_type("set/link", LINKS[what], str(tmp_path))
    through = tarfile.TarInfo("set/link/evil")
    archive = tar_of(tmp_path / "evil.tar", [(link, b""), (through, b"evil")])
    assert what.strip() in refused(archive, into)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip(tmp_path: Path, into: Path, kind: int) -> None:
    archive = zip_of_type(tmp_path / "evil.zip", "set/link", kind, b"/etc/passwd")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("set/link/evil", b"evil")
    text = refused(archive, into)
    assert ("a symbolic link" if kind == stat.S_IFLNK else "neither file nor folder") in text


@pytest.mark.parametrize("pack", [as_zip, as_tar], ids=["zip", "tar"])
def test_files_where_folders_are(tmp_path: Path, into: Path, pack: Pack) -> None:
    archive = pack(tmp_path / "evil", {"set/a": b"1", "set/a/b": b"2"})
    assert "below a file" in refused(archive, into)
    shutil.rmtree(into / "set")
    archive = pack(tmp_path / "evil", {"set/a/b": b"2", "set/a": b"1"})
    assert "which is there already" in refused(archive, into)


def test_names_twice(tmp_path: Path, into: Path) -> None:
    path = tmp_path / "evil.zip"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("set/a", b"1")
            archive.writestr("set/a", b"2")
    assert "'set/a', which is there already" in refused(path, into)
    shutil.rmtree(into / "set")
    twice = [(tarfile.TarInfo("set/a"), b"1"), (tarfile.TarInfo("./set/a"), b"2")]
    assert "which is there already" in refused(tar_of(tmp_path / "evil.tar", twice), into)


@pytest.mark.parametrize("end", ["zip", "tar.gz", "tar.xz"])
def test_bombs(tmp_path: Path, into: Path, end: str) -> None:
    pack = as_zip if end == "zip" else as_tar
    archive = pack(tmp_path / f"bomb.{end}", {"set/zeros": bytes(65_000_000)})
    assert archive.stat().st_size < 200_000
    assert "grows to 65.0 MB or more, beyond 100 times its size" in refused(archive, into)
    assert below(into) == {}


def test_bytes_and_files_are_bounded(tmp_path: Path, into: Path) -> None:
    archive = as_zip(tmp_path / "a.zip", {"set/a": PHOTO, "set/b": PHOTO})
    assert "beyond the 200 kB that it may hold" in refused(archive, into, most_bytes=200_000)
    assert "holds more than 1 files" in refused(archive, into, most_files=1)
    archive = as_tar(tmp_path / "a.tar", {"set/a": PHOTO, "set/b": PHOTO})
    assert "beyond the 200 kB that it may hold" in refused(archive, into, most_bytes=200_000)
    shutil.rmtree(into / "set")
    assert "holds more than 1 files" in refused(archive, into, most_files=1)


def test_the_disk_is_asked_first(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = as_zip(tmp_path / "a.zip", {"set/a": PHOTO})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 1000))
    with pytest.raises(DataError, match=r"^what is in a.zip takes 150 kB, and .* has 1\.0 kB left"):
        unpack(archive, into)
    archive = as_tar(tmp_path / "a.tar", {"set/a": PHOTO})
    assert "grows to 150 kB or more, beyond what is left on the disk" in refused(archive, into)
    assert below(into) == {}


def test_what_the_system_says_on_writing(tmp_path: Path, into: Path) -> None:
    deep = into / "/".join(["x" * 250] * 13)
    deep.mkdir(parents=True)
    archive = as_zip(tmp_path / "a.zip", {"/".join(["y" * 250] * 4): PHOTO})
    with pytest.raises(DataError, match=r"cannot be unpacked to .* \(file name too long\)"):
        unpack(archive, deep)


def lying_zip(path: Path, size: int) -> Path:
    """A zip of one file of 150 kB that says everywhere that it has another size."""
    as_zip(path, {"set/a": PHOTO})
    data = bytearray(path.read_bytes())
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[local + 22 : local + 26] = struct.pack("<I", size)
    data[central + 24 : central + 28] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [10, 149_999, 150_001, 10_000_000])
def test_sizes_that_are_not_so(tmp_path: Path, into: Path, size: int) -> None:
    assert "is cut off or damaged" in refused(lying_zip(tmp_path / "evil.zip", size), into)
    assert all(len(data) <= size for data in below(into).values())


def test_bytes_are_counted_where_a_reader_gives_more_than_the_size(
    tmp_path: Path, into: Path
) -> None:
    # Python's readers stop at the size that is said; what is written is counted all the same.
    archive = as_zip(tmp_path / "a.zip", {"a": b"1"})
    endless = io.BytesIO(bytes(5_000_000))
    unpacker = Unpacker([archive], most_bytes=2_000_000)
    unpacker.unpack(archive, into)
    with pytest.raises(UnsafeArchive, match=r"beyond the 2\.0 MB that it may hold"):
        unpacker.write("set/a", 10, endless, into)
    assert len(below(into)["set/a"]) <= 2_000_000


def test_a_size_beyond_all_bounds(tmp_path: Path, into: Path) -> None:
    assert "grows to 4.3 GB" in refused(lying_zip(tmp_path / "evil.zip", 0xFFFFFFF0), into)


def test_a_tar_header_of_impossible_size(tmp_path: Path, into: Path) -> None:
    # A "long name" of a terabyte, which would be read into memory.
    info = of_type("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 1 << 40
    path = tmp_path / "evil.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    assert "header of impossible size" in refused(path, into)


def test_a_tar_whose_folder_hides_a_terabyte(tmp_path: Path, into: Path) -> None:
    info = of_type("set", tarfile.CONTTYPE)
    info.size = 1 << 40
    path = tmp_path / "evil.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    assert "grows to 1.1 TB" in refused(path, into)


@pytest.mark.parametrize("name", GOOD[:3] + GOOD[4:])
def test_archives_that_are_cut_off(tmp_path: Path, into: Path, name: str) -> None:
    pack = as_zip if name.endswith("zip") else as_tar
    whole = pack(tmp_path / name, FILES).read_bytes()
    path = tmp_path / name
    for share in (0.02, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        if share == 0.999 and name == "set.tar":
            continue  # only zeros are missing
        with pytest.raises(DamagedArchive, match=r"is cut off or damaged|is neither zip nor tar"):
            unpack(path, into)
        shutil.rmtree(into)
        into.mkdir()


def test_a_tar_cut_between_two_files(tmp_path: Path, into: Path) -> None:
    whole = as_tar(tmp_path / "a.tar", {"set/a": bytes(512), "set/b": bytes(512)}).read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:1024])
    assert "is cut off or damaged (no end of archive)" in refused(tmp_path / "a.tar", into)


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz", "set.tar.bz2", "set.tar.xz"])
def test_bytes_that_changed_on_the_way(tmp_path: Path, into: Path, name: str) -> None:
    pack = as_zip if name.endswith("zip") else as_tar
    path = pack(tmp_path / name, FILES)
    data = bytearray(path.read_bytes())
    data[70_000] ^= 0x55
    path.write_bytes(data)
    assert "is cut off or damaged" in refused(path, into)


def test_a_checksum_at_the_end_of_a_stream(tmp_path: Path, into: Path) -> None:
    path = as_tar(tmp_path / "set.tar.gz", FILES)
    data = bytearray(path.read_bytes())
    data[-6] ^= 0x55
    path.write_bytes(data)
    assert "CRC check failed" in refused(path, into)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello" * 200, gzip.compress(b"one file"), bytes(2000)],
    ids=["nothing", "text", "gzip", "zeros"],
)
def test_what_is_no_archive(tmp_path: Path, into: Path, data: bytes) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    with pytest.raises(DamagedArchive):
        unpack(path, into)


def test_a_web_page_that_was_saved_as_an_archive(tmp_path: Path, into: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(b"\n<!DOCTYPE html><title>Quota exceeded</title>")
    assert "is a web page, not an archive" in refused(path, into)


def test_a_locked_zip(tmp_path: Path, into: Path) -> None:
    path = as_zip(tmp_path / "set.zip", {"set/a": b"1"})
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + at] |= 1
    path.write_bytes(data)
    assert "is locked by a password" in refused(path, into)


def test_a_zip_packed_by_a_method_that_python_lacks(tmp_path: Path, into: Path) -> None:
    path = as_zip(tmp_path / "set.zip", {"set/a": b"1"})
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(magic) + at] = 9
    path.write_bytes(data)
    assert "packed by method 9, which Python cannot read" in refused(path, into)


def test_archives_in_an_archive_are_unpacked_once(tmp_path: Path, into: Path) -> None:
    inmost = as_zip(tmp_path / "3.zip", {"c": b"3"}).read_bytes()
    inner = as_tar(tmp_path / "2.tar.gz", {"set/b": b"2", "set/3.zip": inmost}).read_bytes()
    outer = as_zip(tmp_path / "1.zip", {"v1/data.tar.gz": inner, "v1/a": b"1"})
    unpacker = Unpacker([outer])
    unpacker.unpack(outer, into)
    assert unpacker.unpack_inner(into) == 1
    assert below(into) == {"v1/a": b"1", "v1/set/b": b"2", "v1/set/3.zip": inmost}


@pytest.mark.parametrize("bytes", [None, 50_000_000])
def test_bombs_in_an_archive_share_one_bound(tmp_path: Path, into: Path, bytes: int | None) -> None:
    bomb = as_zip(tmp_path / "bomb.zip", {"zeros": b"\0" * 20_000_000}).read_bytes()
    outer = as_zip(tmp_path / "outer.zip", {f"{n}/{n}.zip": bomb for n in range(10)})
    unpacker = Unpacker([outer], most_bytes=bytes)
    unpacker.unpack(outer, into)
    with pytest.raises(DataError, match=r"grows to 20\.0 MB or more, beyond the .* that it may"):
        unpacker.unpack_inner(into)
    written = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    assert written < 64_000_000


def test_all_packers_agree(tmp_path: Path, into: Path) -> None:
    """Streams of several parts, as parallel packers write them."""
    tar = as_tar(tmp_path / "x.tar", FILES).read_bytes()
    for number, packed in enumerate((gzip.compress, bz2.compress, lzma.compress)):
        path = tmp_path / str(number)
        path.write_bytes(packed(tar[:70_000]) + packed(tar[70_000:]))
        (into / str(number)).mkdir()
        assert unpack(path, into / str(number)) == 3


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_that_follow_one_another(tmp_path: Path, into: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.type, body = kind, b"9 a=b\n\n\0"
    info.size = len(body)
    header = info.tobuf(tarfile.USTAR_FORMAT) + body.ljust(512, b"\0")
    archive = tmp_path / "x.tar"
    archive.write_bytes(5000 * header + bytes(1024))
    with pytest.raises(DamagedArchive, match="recursion"):
        Unpacker([archive]).unpack(archive, into)
