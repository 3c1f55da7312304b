"""``beenhere data views``: cut panoramas into views with their headings."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beenhere.config import ViewsConfig

SHOWN = 5
"""Files of a kind that are named, unless all are asked for."""


def views(
    panoramas: Path,
    out: Path,
    /,
    *,
    config: Annotated[ViewsConfig, Parameter(name="*", negative_iterable="")] = ViewsConfig(),
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
) -> None:
    """Cut equirectangular panoramas into views, each with its position, heading and date.

    A picture is taken for a panorama if its XMP tags say so, or if it is twice as wide as high;
    other photos are named and left. Interrupted, the same command goes on where it was.

    Args:
        panoramas: a folder or table of photos, or one panorama.
        out: a new or empty folder, or an unfinished one.
        config: which views.
        list_: name every file that was left, not only a few.
    """
    from beenhere.datasets.panoramas import write_views
    from beenhere.wording import count

    cut = write_views(panoramas.expanduser(), out.expanduser(), config)
    height, width = config.size
    print(
        f"{out}: {count(len(cut.table), 'view')} of {count(cut.panoramas, 'panorama')}, "
        f"{config.fov:g} degrees wide, {width} x {height} pixels"
    )
    if cut.partial:
        print(f"  views left out, as they reach beyond what a panorama shows: {cut.partial:,}")
    limit = None if list_ else SHOWN
    _name("without a heading, as are their views", [(p, "") for p in cut.no_heading], limit)
    _name("no panoramas, left as they are", cut.photos, limit)
    _name("cannot be used", cut.unusable, limit)
    print(f"Have a look: beenhere data show {out}")


def _name(what: str, files: list[tuple[str, str]], limit: int | None) -> None:
    if files:
        print(f"  {what}: {len(files):,}")
        for path, why in files[:limit]:
            print(f"    {path}{': ' if why else ''}{why}")
        if limit is not None and len(files) > limit:
            print(f"    ... and {len(files) - limit:,} more (--list)")
