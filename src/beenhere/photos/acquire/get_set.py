"""A named set from its servers to a folder that can be used."""

import hashlib
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path

import urllib3
import yaml

from beenhere.errors import DataError
from beenhere.files.atomic import holds_something, need_space, new_folder, write_file
from beenhere.files.bounded_yaml import load_yaml
from beenhere.files.locks import locked
from beenhere.files.regular import read_regular
from beenhere.photos.acquire.set_folder import check_contents, errors_about, lay_out, read_contents
from beenhere.photos.acquire.sources import DriveSource, Timeout, UrlSource
from beenhere.photos.acquire.transfer import RETRY, TIMEOUT, fetch
from beenhere.photos.acquire.unpack import DamagedArchive, Unpacker, is_archive
from beenhere.photos.catalog import NamedSet, RemoteFile
from beenhere.progress import progress

_CHUNK = 1 << 20


def get_set(
    entry: NamedSet, to: Path, *, retry: urllib3.Retry = RETRY, timeout: Timeout = TIMEOUT
) -> bool:
    """Have a set in ``to/NAME``: whole, checked, and marked with what it holds.

    Interrupted or killed, the next call goes on where this one was: downloads lie in
    ``to/.download-NAME`` until the set is there.

    Args:
        entry: of the catalogue, with files that a program can fetch.
        to: the folder of all sets.
        retry, timeout: as :func:`~beenhere.photos.acquire.transfer.fetch` has them.

    Returns:
        False where the set was there already, and has been checked.

    Raises:
        DataError: it cannot be had, is not what was expected, or does not fit; nothing is at
            ``to/NAME`` then that was not there before.
    """
    target = to / entry.name
    downloads = to / f".download-{entry.name}"
    to.mkdir(parents=True, exist_ok=True)
    busy = f"another process gets {entry.name} to {to} right now; wait until that has ended"
    with locked(to / f"{downloads.name}.lock", busy, keep=False):
        there = holds_something(target)
        if there:
            check_contents(entry, target, read_contents(entry, target))
        else:
            if target.exists():
                target.rmdir()
            if not entry.files:
                raise DataError(by_hand(entry, to))
            downloads.mkdir(exist_ok=True)
            try:
                _fetch_all(entry, to, downloads, retry, timeout)
                _build(entry, target, downloads)
            except BaseException:
                with suppress(OSError):
                    downloads.rmdir()  # where there is nothing to go on from
                raise
        shutil.rmtree(downloads, ignore_errors=True)
    return not there


def by_hand(entry: NamedSet, to: Path) -> str:
    """The steps of a person to a set that no program can fetch."""
    return (
        f"{entry.name} cannot be fetched by a program. {' '.join(entry.steps.split())} "
        f"Then: {_import_command(entry, to)}"
    )


def _import_command(entry: NamedSet, to: Path) -> str:
    return f"beenhere data import {entry.name} FOLDER --to {to}"


def _fetch_all(
    entry: NamedSet, to: Path, downloads: Path, retry: urllib3.Retry, timeout: Timeout
) -> None:
    missing = [file for file in entry.files if not (downloads / file.name).exists()]
    needed = sum(file.bytes or 0 for file in missing) + (entry.disk_bytes or 0)
    need_space(to, needed, f"{entry.name} with its archives")
    for file in missing:
        source = source_of(file)

        def space(coming: int, whole: int, name: str = file.name) -> None:
            unpacked = entry.disk_bytes or whole  # photos hardly shrink when they are packed
            need_space(to, coming + unpacked, f"{name} with what is in it")

        fetch(
            source,
            downloads / file.name,
            f"open {source.browser} in a browser and save {file.name}, then type: "
            f"{_import_command(entry, to)}",
            size=file.bytes,
            space=space,
            retry=retry,
            timeout=timeout,
        )


def source_of(file: RemoteFile) -> UrlSource:
    """Where a file is fetched from.

    Raises:
        DataError: the catalogue does not say it.
    """
    if file.drive is not None:
        return DriveSource(file.drive)
    if file.url is None:
        raise DataError(f"{file.name}: the catalogue has neither an address nor an id for it")
    return UrlSource(file.url)


def _build(entry: NamedSet, target: Path, downloads: Path) -> None:
    """The set's folder out of the files that have been fetched."""
    paths = [downloads / file.name for file in entry.files]
    record = ChecksumRecord(target.parent, entry.name)
    sums = {file.name: _verified(file, downloads, entry, record) for file in entry.files}
    # A few times what the catalogue says, which may be rounded.
    most = None if entry.disk_bytes is None else 3 * entry.disk_bytes
    unpacker = Unpacker(paths, most_bytes=most)
    with new_folder(target) as folder:
        for path in paths:
            if not is_archive(path.name):
                shutil.copyfile(path, folder / path.name)
                continue
            try:
                unpacker.unpack(path, folder, path.name)
            except DamagedArchive as error:
                path.unlink()
                raise DataError(
                    f"{error}; it has been removed: try again to fetch it anew"
                ) from error
        with errors_about(f"what came in {' and '.join(sums)}", folder):
            unpacker.unpack_inner(folder, entry.name)
            lay_out(entry, folder, sums)
    # Only now: what proved to be of no use must not be asked for ever after.
    record.add(sums)


def _verified(file: RemoteFile, downloads: Path, entry: NamedSet, record: "ChecksumRecord") -> str:
    """See that a file is the right one; its SHA-256."""
    path = downloads / file.name
    if file.checksum is None:
        found = checksum(path)
        record.check(file.name, found)
        return found
    algorithm = file.checksum.partition(":")[0]
    found = checksum(path, algorithm)
    if found != file.checksum:
        path.unlink()
        raise DataError(
            f"{file.name} is not the file that was published: its checksum is {found}, "
            f"expected {file.checksum}; it has been removed: try again, or see {entry.page}"
        )
    return found if algorithm == "sha256" else checksum(path)


def checksum(file: Path, algorithm: str = "sha256") -> str:
    """Such as ``"sha256:9f86..."`` or ``"md5:..."``; shows progress."""
    # MD5 guards against what went wrong on the way, and is all that some publishers give.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    total = -(-file.stat().st_size // _CHUNK)
    with file.open("rb") as opened, progress(f"checking {file.name}, MiB", total) as advance:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
            advance(1)
    return f"{algorithm}:{digest.hexdigest()}"


class OtherFileError(DataError):
    """A file is whole, and not the one that came the first time."""


class ChecksumRecord:
    """Checksums of the files of one set when they came the first time.

    They are in ``.checksums/NAME.yaml`` in the folder of all sets, where they outlive the set
    itself: fetched again, it has to be the same.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / ".checksums" / f"{name}.yaml"

    def check(self, name: str, found: str) -> None:
        """See that a file is the one that came the first time, if it did.

        Raises:
            OtherFileError: it is another.
            DataError: the record cannot be read.
        """
        first = self._read().get(name)
        if first is not None and first["checksum"] != found:
            raise OtherFileError(
                f"{name} is not the file that came on {first['date']}: its checksum is {found}, "
                f"was {first['checksum']}. Scores on the two may differ. To take the new one, "
                f"delete {self.file}"
            )

    def has_others(self, name: str) -> bool:
        """Whether files came, and this one was not among them."""
        known = self._read()
        return bool(known) and name not in known

    def add(self, found: dict[str, str]) -> None:
        """Remember files by their names; those already known stay as they are."""
        today = date.today().isoformat()
        new = {name: {"checksum": text, "date": today} for name, text in found.items()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_file(self.file, yaml.safe_dump(new | self._read()))

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found = load_yaml(read_regular(self.file))
            return {
                name: {key: str(each[key]) for key in ("checksum", "date")}
                for name, each in found.items()
            }
        except FileNotFoundError:
            return {}
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.file} cannot be read; mend it, or delete it: the files that come next "
                "are then taken as they are"
            ) from error
