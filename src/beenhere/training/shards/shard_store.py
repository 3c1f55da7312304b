"""The store that shards lie in: a folder, or a URL that fsspec reads and writes."""

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from beenhere.errors import BeenhereError, ConfigError, DataError
from beenhere.files.atomic import replacing
from beenhere.files.regular import regular
from beenhere.photos.formats.reading import SHARDS_MANIFEST, holds_shards
from beenhere.wording import one_line

WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each further try of what failed: about a minute in all."""
ANSWER_SECONDS = 120.0
"""Seconds for one piece of a file, where the file system can be told; then it is tried anew."""
SMALLEST = 64 << 10
"""Bytes that are asked for at least, after what was asked for broke again and again."""

T = TypeVar("T")

_PACKAGES = {"s3": "beenhere[s3]", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_HOPELESS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
# Named, not imported: botocore is there only where s3fs is.
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")


def is_url(path: str | Path) -> bool:
    """Whether it is a URL, not a path."""
    return isinstance(path, str) and "://" in path


def is_shards(path: str | Path) -> bool:
    """Whether it is a URL, a folder that holds shards, or the manifest of one."""
    return is_url(path) or holds_shards(Path(path).expanduser())


class ShardStore:
    """A folder or URL. Nothing is opened before a method is called; pickled, it opens anew.

    What fails on the way is tried again, with growing waits, unless no further try can help.

    Args:
        where: a folder, a URL such as ``s3://bucket/gsv``, or either with ``/shards.yaml`` behind.

    Raises:
        ConfigError: a URL with a password or key in it.
    """

    def __init__(self, where: str | Path) -> None:
        if is_url(where):
            self.name = str(where).removesuffix("/").removesuffix(f"/{SHARDS_MANIFEST}")
            _refuse_secrets(self.name)
        else:
            path = Path(where).expanduser()
            self.name = str(path.parent if path.name == SHARDS_MANIFEST else path)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}

    @property
    def local(self) -> Path | None:
        """The folder; None for a URL."""
        return None if is_url(self.name) else Path(self.name)

    def file(self, name: str) -> str:
        """Name of one of the files, for messages."""
        return f"{self.name}/{name}"

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """fsspec's file system, and the path in it."""
        import fsspec

        protocol = self.name.partition("://")[0] if is_url(self.name) else "file"
        try:
            found, root = fsspec.core.url_to_fs(self.name)
        except ImportError as error:
            package = _PACKAGES.get(protocol)
            what = f"pip install '{package}'" if package else one_line(error)
            raise ConfigError(
                f"{self.name}: {protocol}:// needs a package that is not installed; {what}"
            ) from error
        except ValueError as error:
            raise ConfigError(
                f"{self.name}: {one_line(error)}; expected a folder or a URL such as "
                "s3://bucket/folder"
            ) from error
        return found, root

    def read(self, name: str) -> bytes:
        """A whole file.

        Raises:
            FileNotFoundError: there is none.
            DataError: it cannot be read.
        """
        self._refuse_special(name)
        system, root = self._opened
        return self._retried(name, "reading", lambda: _cat(system, f"{root}/{name}"))

    def _refuse_special(self, name: str) -> None:
        """A pipe in a folder would be waited for."""
        if self.local is not None:
            try:
                regular(self.local / name)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise DataError(f"{self.file(name)}: reading failed: {error.strerror}") from error

    def read_range(self, name: str, start: int, end: int, stop: threading.Event) -> bytes:
        """Bytes ``start`` to ``end`` of a file; fewer only where the file ends before.

        What breaks is asked for again in halves, so that it goes on over a connection that never
        lasts: at the byte where the last whole part ended.

        Raises:
            DataError: there is no such file, or it cannot be read; with the byte.
        """
        with suppress(FileNotFoundError):
            self._refuse_special(name)
        system, root = self._opened
        parts: list[bytes] = []
        here, ask = start, end - start

        def part() -> bytes:
            nonlocal ask
            try:
                return _cat(system, f"{root}/{name}", here, min(here + ask, end))
            except Exception:
                # Some stores refuse a range behind the end.
                with suppress(Exception):
                    system.invalidate_cache()
                    if int(system.info(f"{root}/{name}")["size"]) <= here:
                        return b""
                ask = max(ask // 2, SMALLEST)
                raise

        while here < end:
            try:
                parts.append(self._retried(name, f"reading at byte {here:,}", part, stop))
            except FileNotFoundError as error:
                raise DataError(
                    f"{self.file(name)} is not there; {SHARDS_MANIFEST} names it"
                ) from error
            if not parts[-1]:
                break
            here += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Where to write what shall be a file here: whole under its name at a clean end.

        Raises:
            DataError: it cannot be written; nothing of it is there then.
        """
        if self.local is not None:
            target = self.local / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with replacing(target) as new:
                    yield new
            except OSError as error:
                raise DataError(f"{target}: cannot be written ({error.strerror})") from error
            return
        system, root = self._opened
        with tempfile.TemporaryDirectory(prefix="beenhere-") as folder:
            file = Path(folder) / "file"
            yield file
            try:
                self._retried(name, "writing", lambda: system.put_file(str(file), f"{root}/{name}"))
            except FileNotFoundError as error:  # the bucket, not the file
                raise DataError(
                    f"{self.file(name)}: cannot be written: {one_line(error)}"
                ) from error

    def write(self, name: str, data: bytes) -> None:
        """A small file, as :meth:`writing` does."""
        with self.writing(name) as new:
            new.write_bytes(data)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes of the files of a folder here, by name; empty where there is none."""
        system, root = self._opened
        path = f"{root}/{folder}".rstrip("/")

        def listed() -> dict[str, int]:
            system.invalidate_cache()
            try:
                found = system.ls(path, detail=True)
            except FileNotFoundError:
                return {}
            files = {str(one["name"]).rpartition("/")[2]: one["size"] or 0 for one in found}
            return {name: int(size) for name, size in files.items() if name}

        return self._retried(folder or ".", "listing", listed)

    def remove(self, name: str) -> None:
        """A file here, or a folder with all that it holds."""
        system, root = self._opened
        # A try whose answer was lost may have removed it: the next one finds nothing.
        with suppress(FileNotFoundError):
            self._retried(name, "removing", lambda: system.rm(f"{root}/{name}", recursive=True))

    def _retried(
        self,
        name: str,
        doing: str,
        attempt: Callable[[], T],
        stop: threading.Event | None = None,
    ) -> T:
        """Try, wait, try again; file systems raise whatever the libraries below them do."""
        stop = stop or threading.Event()
        for wait in (*WAITS, None):
            try:
                return attempt()
            except FileNotFoundError:
                raise
            except (*_HOPELESS, BeenhereError) as error:
                raise DataError(f"{self.file(name)}: {doing} failed: {one_line(error)}") from error
            except Exception as error:
                if type(error).__name__ in _NO_CREDENTIALS:
                    raise DataError(
                        f"{self.name}: no credentials to open it; set them in the environment or "
                        "in the configuration file of the store's own tools"
                    ) from error
                if wait is None or stop.wait(wait):
                    raise DataError(
                        f"{self.file(name)}: {doing} failed {len(WAITS) + 1} times, the last by: "
                        f"{one_line(error)}; see that the store can be reached, and start again"
                    ) from error
        raise AssertionError("the last try returns or raises")


def _cat(system: Any, path: str, start: int | None = None, end: int | None = None) -> bytes:
    from fsspec.asyn import sync

    data: bytes
    if system.async_impl and not system.asynchronous:
        # A connection that says nothing more is left after ANSWER_SECONDS.
        data = sync(
            system.loop, system._cat_file, path, start=start, end=end, timeout=ANSWER_SECONDS
        )
    else:
        data = system.cat_file(path, start=start, end=end)
    return data


def _refuse_secrets(url: str) -> None:
    start, _, rest = url.partition("://")
    if "@" in rest.partition("/")[0] or "?" in rest:
        shown = re.sub(r"^[^/]*@", "", rest.partition("?")[0])
        raise ConfigError(
            f"{start}://{shown}: the URL holds a password, key or signature, which would be "
            "written into logs and runs; give the URL without, and the credentials by the "
            "environment or the configuration file of the store's own tools"
        )
