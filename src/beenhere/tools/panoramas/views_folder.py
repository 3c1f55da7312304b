"""Cuts the panoramas of a folder or table into views, written with their table."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import torch
import yaml

from beenhere import __version__
from beenhere.config.tools import ViewsConfig
from beenhere.devices import cores
from beenhere.errors import DataError, PhotoError
from beenhere.files.atomic import refuse_inside, replacing, write_file
from beenhere.files.regular import read_regular
from beenhere.photos.exif import PhotoFacts, jpeg_bytes
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.tools.panoramas.cut import cut_views, view_on_sphere
from beenhere.tools.panoramas.find import Panorama, find_panoramas

TABLE = "photos.csv"
"""The table of the views, beside them; written when all are."""
RECORD = "views.yaml"
"""Written last: its presence says that a folder is complete."""
UNFINISHED = "views.unfinished.yaml"
"""Stands beside the views while they are being cut, with the options they follow."""

_CARRIED = ("lat", "lon", "easting", "northing", "zone", "captured", "city", "condition")


@dataclass(frozen=True)
class PanoramaView:
    """One view of a panorama.

    Attributes:
        name: its file, relative to the folder of views.
        yaw: degrees clockwise from the panorama's middle.
        heading: degrees clockwise from north, [0, 360); None if the panorama's is not known.
    """

    name: str
    yaw: float
    heading: float | None


@dataclass
class ViewsFolder:
    """Views that were cut, and photos that were not.

    Attributes:
        table: the views; paths are relative to their folder.
        panoramas: how many were cut.
        no_heading: paths of panoramas of which no heading is known.
        partial: views that were left out, as they reach beyond what a panorama shows.
        photos: ``(path, why)`` of photos that are no panoramas.
        unusable: ``(path, reason)`` of files that cannot be read.
    """

    table: PhotoTable
    panoramas: int
    no_heading: list[str] = field(default_factory=list)
    partial: int = 0
    photos: list[tuple[str, str]] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)


def write_views(source: Path, out: Path, options: ViewsConfig) -> ViewsFolder:
    """Cut every panorama of ``source`` into views below ``out``.

    Each view is a JPEG with EXIF (position, heading, date), and ``photos.csv`` lists them all. An
    interrupted run goes on where it was: views that are there are kept. A panorama that cannot be
    read is named, and the others are cut.

    Args:
        source: whatever :func:`~beenhere.photos.formats.read_photos` reads.
        out: a new or empty folder, or an unfinished one of the same source and options.

    Raises:
        DataError: no panorama in ``source``; ``out`` lies inside it, is finished, or holds
            something else.
    """
    refuse_inside(out, source)
    record = _record(source, options)
    _check(out, record)
    found = find_panoramas(read_photos(source))
    if not found.panoramas:
        path, why = (found.photos or found.unusable)[0]
        raise DataError(f"{source}: no panorama among its photos; {path}: {why}")
    names = _names([panorama.path for panorama in found.panoramas])
    plans = [
        (panorama, _views(panorama, name, options))
        for panorama, name in zip(found.panoramas, names, strict=True)
    ]
    out.mkdir(parents=True, exist_ok=True)
    write_file(out / UNFINISHED, record.encode())
    unusable = _cut(plans, out, options)
    bad = {path for path, _ in unusable}
    kept = [(panorama, views) for panorama, views in plans if panorama.path not in bad]
    table = _table(kept)
    with replacing(out / TABLE) as new:
        table.write(new)
    (out / UNFINISHED).replace(out / RECORD)
    return ViewsFolder(
        table=table,
        panoramas=len(kept),
        no_heading=[panorama.path for panorama, _ in kept if panorama.sphere.heading is None],
        partial=sum(options.views - len(views) for _, views in kept),
        photos=found.photos,
        unusable=sorted([*found.unusable, *unusable]),
    )


def _record(source: Path, options: ViewsConfig) -> str:
    """All that decides the views, as YAML; the number of workers does not."""
    record = {
        "made_by": f"beenhere {__version__}",
        "panoramas": str(source.resolve()),
        "options": options.model_dump(mode="json", exclude={"workers"}),
    }
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True)


def _check(out: Path, record: str) -> None:
    """Raise where nothing may be written."""
    if not out.exists():
        return
    if not out.is_dir():
        raise DataError(f"{out} is a file; expected a folder to write the views to")
    if (out / RECORD).exists():
        raise DataError(f"{out} holds views already; choose another folder for more")
    if (out / UNFINISHED).exists():
        if read_regular(out / UNFINISHED).decode() != record:
            raise DataError(
                f"{out} holds unfinished views of other panoramas or options, see its "
                f"{UNFINISHED}; choose another folder or delete this one"
            )
    elif any(out.iterdir()):
        raise DataError(f"{out} is not empty; choose a new or empty folder for the views")


def _names(paths: list[str]) -> list[str]:
    """A name for each panorama's views: where it lies below the folder that holds them all.

    An ``@`` would make the name of a view one that holds a position, so it goes. Where two names
    would be one, the end of the file's name stays in it.
    """
    root = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    relative = [PurePath(path).relative_to(root) for path in paths]
    short = [_plain(path.with_suffix("")) for path in relative]
    times = Counter(short)
    return [
        name if times[name] == 1 else f"{_plain(path)}_{number}"
        for number, (name, path) in enumerate(zip(short, relative, strict=True))
    ]


def _plain(path: PurePath) -> str:
    return path.as_posix().replace("/@", "/").replace("@", "_").strip("_")


def _views(panorama: Panorama, name: str, options: ViewsConfig) -> list[PanoramaView]:
    """The views that lie within what the panorama shows."""
    views = []
    for number in range(options.views):
        direction = options.turn + number * 360.0 / options.views
        middle = panorama.sphere.heading
        yaw = direction if middle is None else direction - middle
        if panorama.sphere.cover.holds(*view_on_sphere(panorama.sphere, yaw, options)):
            heading = None if middle is None else direction % 360.0 % 360.0
            views.append(PanoramaView(f"{name}_{number:02}.jpg", yaw, heading))
    return views


def _cut(
    plans: list[tuple[Panorama, list[PanoramaView]]], out: Path, options: ViewsConfig
) -> list[tuple[str, str]]:
    """Write the views that are not there yet; returns the panoramas that cannot be read."""
    lacking = [
        (panorama, [view for view in views if not (out / view.name).exists()])
        for panorama, views in plans
    ]
    work = [(panorama, views) for panorama, views in lacking if views]
    for folder in {(out / view.name).parent for _, views in work for view in views}:
        folder.mkdir(parents=True, exist_ok=True)
    # Asked once, so that this thread keeps its own number when the others set theirs.
    torch.get_num_threads()
    pool = ThreadPoolExecutor(options.workers or cores(), "views", torch.set_num_threads, (1,))
    unusable = []
    try:
        jobs = {
            pool.submit(_cut_one, panorama, views, out, options): panorama.path
            for panorama, views in work
        }
        with progress("panoramas", len(work)) as advance:
            for job in as_completed(jobs):
                try:
                    job.result()
                except PhotoError as error:
                    unusable.append((jobs[job], error.reason))
                advance(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return unusable


def _cut_one(
    panorama: Panorama, views: list[PanoramaView], out: Path, options: ViewsConfig
) -> None:
    height, width = options.size
    row = panorama.row
    where = row["lat"], row["lon"], panorama.altitude
    pixels = cut_views(panorama.path, panorama.sphere, [view.yaw for view in views], options)
    for view, picture in zip(views, pixels, strict=True):
        facts = PhotoFacts(width, height, *where, view.heading, row["captured"])
        write_file(out / view.name, jpeg_bytes(picture, facts, options.quality))


def _table(cut: list[tuple[Panorama, list[PanoramaView]]]) -> PhotoTable:
    every = [(panorama.row, view) for panorama, views in cut for view in views]
    return PhotoTable.from_columns(
        {
            "path": [view.name for _, view in every],
            "heading": [view.heading for _, view in every],
            **{name: [row[name] for row, _ in every] for name in _CARRIED},
        },
        source="views of panoramas",
    )
