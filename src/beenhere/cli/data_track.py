"""``beenhere data track``: positions for photos or video frames, by time, from GPS tracks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.cli.output import replacing
from beenhere.config import FramesConfig, TrackConfig
from beenhere.errors import ConfigError, DataError

if TYPE_CHECKING:
    from beenhere.datasets.tracks import TrackedPhotos
    from beenhere.datasets.tracks.track import Track

SHOWN = 5
"""Files of a kind that are named, unless all are asked for."""


def track(
    photos: Path,
    out: Path,
    /,
    *,
    gpx: Annotated[list[Path], Parameter(negative="")],
    config: Annotated[TrackConfig, Parameter(name="*")] = TrackConfig(),
    frames: Annotated[FramesConfig, Parameter(name="*", group="A video's frames")] = FramesConfig(),
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
) -> None:
    """Positions by time, from GPS tracks, for photos without one, or for frames of a video.

    Photos stay as they are: OUT is a table that refers to them. Of a video, OUT becomes a folder
    with frames, each with its position in its EXIF, and their table.

    Args:
        photos: a folder or table of photos, a photo, or a video.
        out: for photos a new table, which ends in .csv or .parquet; for a video a new folder.
        gpx: a GPX file, or a folder of them; may be repeated.
        config: clocks, gaps and the camera's mount.
        frames: which frames of a video.
        list_: name every photo that got no position, not only a few.
    """
    from beenhere.datasets.formats.listing import TABLE_SUFFIXES
    from beenhere.datasets.tracks import VIDEO_SUFFIXES, read_tracks

    photos, out = photos.expanduser(), out.expanduser()
    if out.exists():
        raise DataError(f"{out} is there already; give another name, or delete it")
    video = photos.suffix.lower() in VIDEO_SUFFIXES and not photos.is_dir()
    given = frames.model_fields_set
    if given and not video:
        flag = "--" + sorted(given)[0].replace("_", "-")
        raise ConfigError(f"{flag} is for a video; {photos} is none")
    ending = out.suffix.lower()
    if video and ending in TABLE_SUFFIXES:
        raise DataError(
            f"{out} is to be a folder of frames, with a table in it; give a name without "
            f"{out.suffix}"
        )
    if not video and ending not in (".csv", ".parquet"):
        raise DataError(f"{out} is to be a table of photos; expected a name in .csv or .parquet")
    if not photos.exists():
        raise DataError(f"{photos}: no such file or folder")
    found = read_tracks([path.expanduser() for path in gpx])
    for note in found.notes:
        print(f"not used of {note}")
    if video:
        _frames(photos, found, out, config, frames)
    else:
        _photos(photos, found, out, config, None if list_ else SHOWN)


def _photos(
    source: Path, found: "Track", out: Path, config: TrackConfig, limit: int | None
) -> None:
    from beenhere.datasets.formats import read_photos
    from beenhere.datasets.tracks import track_photos
    from beenhere.wording import count

    tracked = track_photos(read_photos(source), found, config)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as new:
        tracked.table.with_paths_from(out.parent).write(new)
    lacking = len(tracked.table) - tracked.placed - tracked.kept
    print(
        f"{out}: {count(len(tracked.table), 'photo')}: {tracked.placed:,} placed by the track "
        f"({count(len(found), 'point')}), {tracked.kept:,} had a position, {lacking:,} "
        f"{'has' if lacking == 1 else 'have'} none"
    )
    _say_agreement(tracked, config)
    for what, files in (
        ("without a position", tracked.missed),
        ("cannot be used", tracked.unusable),
    ):
        if files:
            print(f"  {what}: {len(files):,}")
            print(*(f"    {path}: {why}" for path, why in files[:limit]), sep="\n")
        if limit is not None and len(files) > limit:
            print(f"    ... and {len(files) - limit:,} more (--list)")
    print(f"Have a look: beenhere data show {out}")


def _say_agreement(tracked: "TrackedPhotos", config: TrackConfig) -> None:
    agreed = tracked.agreement
    if agreed.median is not None:
        print(
            f"  their own positions are {agreed.median:,.1f} m from the track at their times "
            f"(median of {agreed.photos:,})"
        )
    elif tracked.kept:
        print("  their own positions cannot be compared: the track says nothing at their times")
    if agreed.better_shift is not None:
        print(
            f"  with --shift {config.shift + agreed.better_shift:g} they would be "
            f"{agreed.better_median:,.1f} m away: the clocks seem to differ; look, and run again"
        )


def _frames(
    video: Path, found: "Track", out: Path, config: TrackConfig, frames: FramesConfig
) -> None:
    from beenhere.datasets.tracks import track_video
    from beenhere.wording import count

    tracked = track_video(video, found, out, config, frames)
    print(
        f"{out}: {count(len(tracked.table), 'frame')} of {video} ({tracked.seconds:,.0f} s from "
        f"{tracked.start.isoformat(timespec='seconds')} on)"
    )
    if tracked.uncovered >= 1:
        print(f"  seconds for which the track has no position: {tracked.uncovered:,.0f}")
    print(f"Have a look: beenhere data show {out}")
