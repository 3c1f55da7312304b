"""``index.yaml``: what an index holds. Renaming a new one to its name is what commits a change.

Every other file is a part: written once under a name that was never used before, named in the
manifest with its size and SHA-256, and removed when no manifest names it any more. The manifest's
last line is the SHA-256 of the lines before it.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import yaml

from beenhere.config import config_yaml
from beenhere.errors import ConfigError, DataError
from beenhere.retrieval.index.locking import writer_of
from beenhere.retrieval.index.manifest import FORMAT_VERSION, Manifest
from beenhere.retrieval.search.choice import read_search

MANIFEST = "index.yaml"
FORMAT = "beenhere-index"

_SEAL = b"# sha256 "
# Ten times as fast, where PyYAML has it; as safe.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an index.

    Raises:
        DataError: no index there, one of a newer format, or a damaged manifest.
    """
    file = folder / MANIFEST
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(_none_here(folder)) from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    values = _parsed(data)
    if values is not None and values.get("format") != FORMAT:
        raise DataError(f"{file}: not an index of this program; expected 'format: {FORMAT}'")
    number = values.get("format_version") if values is not None else None
    if values is not None and isinstance(number, int) and number > FORMAT_VERSION:
        raise DataError(
            f"{file}: written by a newer beenhere ({values.get('beenhere')}), format {number}; "
            f"this one reads {FORMAT_VERSION}: update beenhere"
        )
    body, _, seal = data.rpartition(_SEAL)
    if values is None or seal.strip() != _digest(body):
        raise DataError(
            f"{file} is damaged: its last line is not the SHA-256 of the others; bring back a copy "
            "of the folder, or build the index again"
        )
    try:
        return config_yaml.validate(Manifest, read_search(values), str(file))
    except ConfigError as error:
        raise DataError(str(error)) from error


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Replace the manifest at once: a kill or a power cut leaves the old one there, or the new.

    Raises:
        OSError: the disk is full, say; the old one is in place, unless only its folder could not
            be brought to the disk.
    """
    values = config_yaml.plain(manifest)
    body = yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode()
    new = folder / f"{MANIFEST}.new"
    with new.open("wb") as file:
        file.write(body + _SEAL + _digest(body) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MANIFEST)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":  # cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        values = yaml.load(data.decode(), _LOADER)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    return values if isinstance(values, dict) else None


def _none_here(folder: Path) -> str:
    writer = writer_of(folder)
    if writer is not None:
        return f"{folder} is being built by {writer}; try again when it has ended"
    if (folder / "staging").is_dir():
        return (
            f"{folder}: its building was interrupted; go on with the same command: "
            f"beenhere index build PHOTOS --model MODEL -o {folder}"
        )
    there = "holds no index" if folder.exists() else "does not exist"
    return f"{folder} {there}; make one: beenhere index build PHOTOS --model MODEL -o {folder}"
