"""A file of which a part has been fetched, and the version that it is a part of."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Version:
    """What tells one version of a file at a server from the next.

    Attributes:
        source: where it is from, such as its URL.
        etag: of the answer, or None.
        modified: ``Last-Modified`` of the answer, or None.
        size: bytes of the whole file, or None.
    """

    source: str
    etag: str | None
    modified: str | None
    size: int | None

    @property
    def validator(self) -> str | None:
        """What ``If-Range`` takes: a strong ETag, or else the date (RFC 9110, section 13.1.5)."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        return self.modified


class Partial:
    """``NAME.part`` beside what will be ``NAME``, and ``NAME.part.json`` with its version."""

    def __init__(self, file: Path, source: str) -> None:
        self.file = file
        self._bytes = file.with_name(f"{file.name}.part")
        self._about = file.with_name(f"{file.name}.part.json")
        self._source = source
        self.version = self._read_version()

    @property
    def have(self) -> int:
        """Bytes from the start that can be gone on from."""
        if self.version is None or not self._bytes.exists():
            return 0
        return self._bytes.stat().st_size

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to fetch."""
        return self.version is not None and self.version.size == self.have

    def begin(self, version: Version) -> None:
        """Forget what was there, and be a part of this version from now on."""
        self.forget()
        new = self._about.with_name(f"{self._about.name}.new")
        new.write_text(json.dumps(asdict(version)), encoding="utf-8")
        new.replace(self._about)
        self.version = version

    def forget(self) -> None:
        """Remove what is there."""
        # The bytes first: without them their version says nothing wrong.
        self._bytes.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)
        self.version = None

    def appending(self) -> IO[bytes]:
        """Open to write at the end."""
        return self._bytes.open("ab")

    def finish(self) -> None:
        """Give the file its name, after its bytes have reached the disk."""
        with self._bytes.open("ab") as file:
            os.fsync(file.fileno())
        self._bytes.replace(self.file)
        self._about.unlink(missing_ok=True)

    def _read_version(self) -> Version | None:
        try:
            version = Version(**json.loads(self._about.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return version if version.source == self._source else None
