"""What photo files hold, as SHA-256: a photo is known again under another name."""

import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from beenhere.devices import cores
from beenhere.errors import PhotoError
from beenhere.progress import progress
from beenhere.retrieval.descriptor_store import PhotoKey

_CHUNK = 256
_FLUSH_SECONDS = 2.0


def hash_files(
    keys: Sequence[PhotoKey], journal: Path, what: str | None
) -> dict[PhotoKey, bytes | PhotoError]:
    """The SHA-256 (32 bytes) of each file, or why it cannot be read.

    Args:
        keys: of the files.
        journal: a file that remembers what was read, so that an interrupted call goes on there.
        what: what the progress bar says; None: be silent.

    Raises:
        OSError: the journal cannot be written.
    """
    known = _read_journal(journal)
    found: dict[PhotoKey, bytes | PhotoError] = {key: known[key] for key in keys if key in known}
    todo = [key for key in keys if key not in found]
    if not todo:
        return found
    journal.parent.mkdir(parents=True, exist_ok=True)
    watched = progress(what, len(todo)) if what else nullcontext(lambda steps: None)
    with ThreadPoolExecutor(cores()) as pool, journal.open("ab") as file, watched as advance:
        file.write(b"\n")  # ends a line that was cut off
        flushed = time.monotonic()
        for start in range(0, len(todo), _CHUNK):
            chunk = todo[start : start + _CHUNK]
            for key, content in zip(chunk, pool.map(_hash, chunk), strict=True):
                found[key] = content
                if isinstance(content, bytes):
                    file.write(json.dumps([*key, content.hex()]).encode() + b"\n")
            if time.monotonic() - flushed > _FLUSH_SECONDS:
                file.flush()
                flushed = time.monotonic()
            advance(len(chunk))
    return found


def _hash(key: PhotoKey) -> bytes | PhotoError:
    try:
        with Path(key.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return PhotoError(key.path, (error.strerror or str(error)).lower())


def _read_journal(journal: Path) -> dict[PhotoKey, bytes]:
    """What its whole lines say; a killed process may have left a part of one."""
    known: dict[PhotoKey, bytes] = {}
    if not journal.exists():
        return known
    with journal.open("rb") as lines:
        for line in lines:
            try:
                path, size, mtime_ns, content = json.loads(line)
                digest = bytes.fromhex(content)
            except (ValueError, TypeError):
                continue
            if len(digest) == hashlib.sha256().digest_size:
                known[PhotoKey(path, size, mtime_ns)] = digest
    return known
