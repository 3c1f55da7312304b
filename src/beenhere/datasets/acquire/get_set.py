"""A named set from its servers to a folder that can be used."""

import shutil
from contextlib import suppress
from pathlib import Path

from beenhere.datasets.acquire.expect import check_counts, compare_counts, counted
from beenhere.datasets.acquire.find_root import find_root
from beenhere.datasets.acquire.lift import lift
from beenhere.datasets.acquire.write_marker import write_marker
from beenhere.datasets.catalog.entry import NamedSet, RemoteFile
from beenhere.datasets.catalog.marker import MARKER
from beenhere.datasets.download.allowance import Allowance
from beenhere.datasets.download.checksums import FirstUse, checksum
from beenhere.datasets.download.drive import DriveSource
from beenhere.datasets.download.patience import PATIENT, Patience
from beenhere.datasets.download.sources import Source, UrlSource
from beenhere.datasets.download.transfer import fetch
from beenhere.datasets.download.unpack import DamagedArchive, Limits, is_archive
from beenhere.errors import DataError
from beenhere.files.atomic import holds_something, need_space, staged
from beenhere.files.locks import locked


def get_set(entry: NamedSet, to: Path, patience: Patience = PATIENT) -> bool:
    """Have a set in ``to/NAME``: whole, checked, and marked with what it holds.

    Interrupted or killed, the next call goes on where this one was: downloads lie in
    ``to/.download-NAME`` until the set stands.

    Args:
        entry: of the catalogue, with files that a program can fetch.
        to: the folder of all sets.
        patience: when to wait for a server and when to give up.

    Returns:
        False where the set stood there already, and has been checked.

    Raises:
        DataError: it cannot be had, is not what was expected, or does not fit; nothing is at
            ``to/NAME`` then that was not there before.
    """
    target = to / entry.name
    downloads = to / f".download-{entry.name}"
    to.mkdir(parents=True, exist_ok=True)
    busy = f"another process gets {entry.name} to {to} right now; wait until that has ended"
    with locked(to / f"{downloads.name}.lock", busy, keep=False):
        new = not holds_something(target)
        if new:
            if target.exists():
                target.rmdir()
            if not entry.files:
                raise DataError(by_hand(entry, to))
            downloads.mkdir(exist_ok=True)
            try:
                _build(entry, target, downloads, patience)
            except BaseException:
                with suppress(OSError):
                    downloads.rmdir()  # where there is nothing to go on from
                raise
        else:
            check_counts(entry, target)
        shutil.rmtree(downloads, ignore_errors=True)
    return new


def by_hand(entry: NamedSet, to: Path) -> str:
    """What a person does to have a set that no program can fetch."""
    return (
        f"{entry.name} cannot be fetched by a program. {' '.join(entry.steps.split())} "
        f"Then: {_import_command(entry, to)}"
    )


def _build(entry: NamedSet, target: Path, downloads: Path, patience: Patience) -> None:
    to = target.parent
    paths = {file: downloads / file.name for file in entry.files}
    missing = [file for file, path in paths.items() if not path.exists()]
    need_space(
        to,
        sum(file.bytes or 0 for file in missing) + (entry.disk_bytes or 0),
        f"{entry.name} with its archives",
    )
    for file in missing:
        _fetch(file, paths[file], entry, to, patience)
    first = FirstUse(to, entry.name)
    sums = {file.name: _verified(file, path, entry, first) for file, path in paths.items()}
    with staged(target) as folder:
        allowance = Allowance(list(paths.values()), _limits(entry))
        for path in paths.values():
            _unpack(path, folder, allowance)
        try:
            allowance.unpack_inner(folder, entry.name)
            lift(find_root(entry, folder), folder)
            (folder / MARKER).unlink(missing_ok=True)  # of what somebody else laid out
            held = counted(entry, folder)
            compare_counts(entry, folder, held)
        except DataError as error:
            # The staged folder is gone when this is read.
            came = " and ".join(sums)
            raise DataError(str(error).replace(str(folder), f"what came in {came}")) from error
        write_marker(entry, folder, sums, held)
    # Only now: what proved to be of no use must not be asked for ever after.
    first.record(sums)


def _fetch(file: RemoteFile, path: Path, entry: NamedSet, to: Path, patience: Patience) -> None:
    source = _source(file)
    in_browser = (
        f"open {source.browser} in a browser and save {file.name}, "
        f"then type: {_import_command(entry, to)}"
    )

    def space(coming: int, whole: int) -> None:
        unpacked = entry.disk_bytes or whole  # photos hardly shrink when they are packed
        need_space(to, coming + unpacked, f"{file.name} with what is in it")

    fetch(source, path, in_browser, size=file.bytes, space=space, patience=patience)


def _verified(file: RemoteFile, path: Path, entry: NamedSet, first: FirstUse) -> str:
    """See that a file is the right one; its SHA-256."""
    if file.checksum is None:
        found = checksum(path)
        first.check(file.name, found)
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


def _source(file: RemoteFile) -> Source:
    if file.drive is not None:
        return DriveSource(file.drive)
    if file.url is None:
        raise DataError(f"{file.name}: the catalogue has neither an address nor an id for it")
    return UrlSource(file.url)


def _unpack(file: Path, folder: Path, allowance: Allowance) -> None:
    if not is_archive(file.name):
        shutil.copyfile(file, folder / file.name)
        return
    try:
        allowance.unpack(file, folder, file.name)
    except DamagedArchive as error:
        file.unlink()
        raise DataError(f"{error}; it has been removed: try again to fetch it anew") from error


def _limits(entry: NamedSet) -> Limits:
    """What the set may hold: a few times what the catalogue says, which may be rounded."""
    return Limits() if entry.disk_bytes is None else Limits(bytes=3 * entry.disk_bytes)


def _import_command(entry: NamedSet, to: Path) -> str:
    return f"beenhere data import {entry.name} FOLDER --to {to}"
