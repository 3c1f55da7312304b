"""All that a process serves: the indexes, the threads that work for them, the photos that come."""

import asyncio
import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import Request
from starlette.datastructures import UploadFile

from beenhere.config.serve import ServeConfig
from beenhere.errors import BeenhereError, ConfigError
from beenhere.files.atomic import write_file
from beenhere.serve.guard import Refused
from beenhere.serve.queue import Ticket, WorkQueue
from beenhere.serve.served import Served, Upload
from beenhere.serve.state import Missing
from beenhere.serve.tiles import TileSet

T = TypeVar("T")

LOOK_AGAIN = 1.0
"""Seconds after which it is seen whether an index has changed."""

THUMBNAILS_WAITING = 400
"""A page may ask for as many at once."""


class Service:
    """All that is served, and the threads that work for it; one for each process.

    Args:
        served: the indexes, by name.
        config: limits.
        token: that requests must bring; None: none.
        tiles: the base map.
    """

    def __init__(
        self,
        served: dict[str, Served],
        config: ServeConfig,
        token: str | None,
        tiles: TileSet | None,
    ) -> None:
        self.served, self.config, self.token, self.tiles = served, config, token, tiles
        self.failed: str | None = None
        """Why it cannot become ready."""

    def begin(self, threads: int, begin_thread: Callable[[], None]) -> None:
        """Start the threads that locate photos, and those that make small pictures."""
        self.queue = WorkQueue(threads, self.config.queue, "locate", begin_thread)
        self.pictures = WorkQueue(1, THUMBNAILS_WAITING, "pictures", begin_thread)

    async def watch(self) -> None:
        """Make the indexes ready, and then see what is written to them."""
        try:
            for one in self.served.values():
                await asyncio.to_thread(one.begin)
        except BeenhereError as error:
            self.failed = str(error)
            print(f"beenhere: {error}", file=sys.stderr, flush=True)
            return
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            for one in self.served.values():
                before = one.damage
                await asyncio.to_thread(one.refresh)
                if one.damage and one.damage != before:
                    print(f"beenhere: {one.damage}; still serving", file=sys.stderr, flush=True)

    def one(self, name: str | None) -> Served:
        """The index of a name; the only one, if none is given.

        Raises:
            Missing: there is none of that name.
            ConfigError: there are several, and none is named.
        """
        if name is None:
            if len(self.served) > 1:
                names = ", ".join(self.served)
                raise ConfigError(f"index is missing, and there are several: {names}")
            return next(iter(self.served.values()))
        if name not in self.served:
            names = ", ".join(self.served)
            raise Missing(f"there is no index {name[:100]!r}; there are {names}")
        return self.served[name]

    async def work(self, request: Request, job: Callable[[Ticket], T], small: bool = False) -> T:
        """Have something computed while who asked is there, within the deadline."""

        async def gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        queue = self.pictures if small else self.queue
        return await queue.run(job, self.config.deadline, gone)

    async def photos(self, request: Request, name: str | None) -> list[Upload]:
        """The photos of a request, all of it received.

        Raises:
            Refused: of another type, too large, or none.
        """
        self.queue.admit()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            form = await request.form(max_files=self.config.files, max_fields=0)
            sent = [part for part in form.getlist("photo") if isinstance(part, UploadFile)]
            if not sent:
                raise Refused(400, "no photo came; send them as parts named photo")
            photos = [
                Upload(_name(part.filename, f"photo {number}"), part.file, part.size or 0)
                for number, part in enumerate(sent, 1)
            ]
        elif kind.startswith("image/") or kind in ("application/octet-stream", ""):
            file = io.BytesIO()
            async for chunk in request.stream():
                file.write(chunk)
                if file.tell() > self.config.file_mb * 10**6:
                    raise Refused(413, f"a photo of more than {self.config.file_mb} MB")
            if not file.tell():
                raise Refused(400, "no photo came; send one as the body, or several as parts")
            photos = [Upload(_name(name, "photo"), file, file.tell())]
        else:
            raise Refused(
                415,
                f"Content-Type is {kind[:60]!r}; send photos as multipart/form-data in parts named "
                "photo, or one as image/jpeg or application/octet-stream",
            )
        if self.config.keep is not None:
            await asyncio.to_thread(_keep, photos, self.config.keep)
        return photos


def _name(given: str | None, otherwise: str) -> str:
    """A name for a photo, as it was sent: it is shown, and opens nothing."""
    return (given or "").strip()[:4096] or otherwise


def _keep(photos: list[Upload], folder: Path) -> None:
    """Write photos to a folder by their contents, each once; their names choose no path."""
    for photo in photos:
        photo.file.seek(0)
        content = photo.file.read()
        suffix = "".join(c for c in Path(photo.name).suffix.lower() if c.isalnum())[:5]
        file = folder / f"{hashlib.sha256(content).hexdigest()}{'.' if suffix else ''}{suffix}"
        if not file.exists():
            write_file(file, content)
