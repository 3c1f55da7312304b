"""``beenhere data``: sets made of photos: places, views, positions by track, layouts, a city."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from beenhere.cli.output import few, list_files, tally, tell, writing
from beenhere.cli.parameters import ADVANCED, Assignments, show_options
from beenhere.config.tools import CityConfig, FramesConfig, PlacesConfig, TrackConfig, ViewsConfig
from beenhere.config.training import ShardsConfig
from beenhere.errors import ConfigError, DataError
from beenhere.wording import count

if TYPE_CHECKING:
    from beenhere.tools.tracks.track import Track

show_options(PlacesConfig, ADVANCED, "cells")
show_options(PlacesConfig, Parameter(group=Group("How the ground is split", sort_key=2)), "split")
show_options(ViewsConfig, Parameter(negative_iterable=""), "size")


def places(
    photos: Path,
    out: Path,
    /,
    *,
    config: Annotated[PlacesConfig, Parameter(name="*")] = PlacesConfig(),
) -> None:
    """Make a training set of photos with positions: places, validation and test, ground apart.

    The photos stay where they are; the new folder holds tables of them, a configuration to start
    with, and a map of the split.

    Args:
        photos: a folder or table of photos with positions.
        out: a new or empty folder.
        config: how places are formed, and how the ground is split.
    """
    from beenhere.files.atomic import new_folder
    from beenhere.photos.formats import read_photos
    from beenhere.report.places_text import places_text
    from beenhere.tools.places import build_places, write_places

    with new_folder(out, photos.expanduser()) as folder:
        built = build_places(read_photos(photos), config)
        from beenhere.report.split_map import draw_split
        from beenhere.tools.places.places_folder import CONFIG, LEFT_OUT, MAP

        write_places(built, photos, folder, out)
        draw_split(built, folder / MAP)
    tell(str(out))
    print(places_text(built))
    tell(f"map        {out / MAP}")
    if built.left_out:
        tell(f"left out   {out / LEFT_OUT}")
    tell(f"Train with: beenhere train {out / CONFIG} --out runs/{out.absolute().name}")


def views(
    panoramas: Path,
    out: Path,
    /,
    *,
    config: Annotated[ViewsConfig, Parameter(name="*")] = ViewsConfig(),
    list_: Annotated[bool, Parameter(name="--list")] = False,
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
    from beenhere.tools.panoramas import write_views

    cut = write_views(panoramas.expanduser(), out.expanduser(), config)
    height, width = config.size
    tell(
        f"{out}: {count(len(cut.table), 'view')} of {count(cut.panoramas, 'panorama')}, "
        f"{config.fov:g} degrees wide, {width} x {height} pixels"
    )
    if cut.partial:
        tell(f"  views left out, as they reach beyond what a panorama shows: {cut.partial:,}")
    list_files("without a heading, as are their views", [(p, "") for p in cut.no_heading], list_)
    list_files("no panoramas, left as they are", cut.photos, list_)
    list_files("cannot be used", cut.unusable, list_)
    tell(f"Have a look: beenhere data show {out}")


def track(
    photos: Path,
    out: Path,
    /,
    *,
    gpx: list[Path],
    config: Annotated[TrackConfig, Parameter(name="*")] = TrackConfig(),
    frames: Annotated[FramesConfig, Parameter(name="*", group="A video's frames")] = FramesConfig(),
    list_: Annotated[bool, Parameter(name="--list")] = False,
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
    from beenhere.photos.formats.listing import TABLE_SUFFIXES
    from beenhere.tools.tracks import VIDEO_SUFFIXES, read_tracks

    photos, out = photos.expanduser(), out.expanduser()
    if out.exists():
        raise DataError(f"{out} is there already; give another name, or delete it")
    video = photos.suffix.lower() in VIDEO_SUFFIXES and not photos.is_dir()
    if frames.model_fields_set and not video:
        flag = "--" + min(frames.model_fields_set).replace("_", "-")
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
        tell(f"not used of {note}")
    if video:
        _frames(photos, found, out, config, frames)
    else:
        _photos(photos, found, out, config, list_)


def _photos(source: Path, found: "Track", out: Path, config: TrackConfig, every: bool) -> None:
    from beenhere.photos.formats import read_photos
    from beenhere.tools.tracks import track_photos

    tracked = track_photos(read_photos(source), found, config)
    out.parent.mkdir(parents=True, exist_ok=True)
    with writing(out):
        tracked.table.with_paths_from(out.parent).write(out)
    lacking = len(tracked.table) - tracked.placed - tracked.kept
    tell(
        f"{out}: {count(len(tracked.table), 'photo')}: {tracked.placed:,} placed by the track "
        f"({count(len(found), 'point')}), {tracked.kept:,} had a position, {lacking:,} "
        f"{'has' if lacking == 1 else 'have'} none"
    )
    agreed = tracked.agreement
    if agreed.median is not None:
        tell(
            f"  their own positions are {agreed.median:,.1f} m from the track at their times "
            f"(median of {agreed.photos:,})"
        )
    elif tracked.kept:
        print("  their own positions cannot be compared: the track says nothing at their times")
    if agreed.better_shift is not None:
        tell(
            f"  with --shift {config.shift + agreed.better_shift:g} they would be "
            f"{agreed.better_median:,.1f} m away: the clocks seem to differ; look, and run again"
        )
    list_files("without a position", tracked.missed, every)
    list_files("cannot be used", tracked.unusable, every)
    tell(f"Have a look: beenhere data show {out}")


def _frames(
    video: Path, found: "Track", out: Path, config: TrackConfig, frames: FramesConfig
) -> None:
    from beenhere.tools.tracks import track_video

    tracked = track_video(video, found, out, config, frames)
    tell(
        f"{out}: {count(len(tracked.table), 'frame')} of {video} ({tracked.seconds:,.0f} s from "
        f"{tracked.start.isoformat(timespec='seconds')} on)"
    )
    if tracked.uncovered >= 1:
        tell(f"  seconds for which the track has no position: {tracked.uncovered:,.0f}")
    tell(f"Have a look: beenhere data show {out}")


def convert(
    source: Annotated[Path, Parameter(name="IN")],
    out: str,
    /,
    *,
    to: Literal["gsv-xs", "utm", "csv", "parquet", "shards"],
    shards: Annotated[ShardsConfig, Parameter(group="With --to shards")] = ShardsConfig(),
) -> None:
    """Write a set of photos in another layout; what is there is not changed.

    Photos with new names are hard links where both lie on one disk, else copies; pixels and EXIF
    stay as they are. Tables point at photos where they lie.

    Args:
        source: a folder or table of photos, or a folder with several sets.
        out: a new or empty folder; for shards also a URL such as `s3://bucket/set`.
        to: gsv-xs: a folder a city, names with places; utm: names with positions, database and
            queries kept; csv, parquet: tables; shards: archives to train from.
        shards: the options of shards.
    """
    if to == "shards":
        _to_shards(source, out, shards)
        return
    if "://" in out:
        raise DataError(f"{out} is a URL, and only shards are written to one; give a folder")
    if shards != ShardsConfig():
        raise ConfigError(f"--shards.* goes with --to shards; got --to {to}")
    from beenhere.tools.convert import convert as write

    written = write(source, Path(out), to)
    how = tally({"hard links": written.linked, "copies": written.copied})
    tell(f"{out}: {sum(written.photos.values()):,} photos as {to}{f' ({how})' if how else ''}")
    width = max(16, *(len(folder) + 2 for folder in written.photos))
    for folder, number in written.photos.items():
        if folder:
            tell(f"  {folder:<{width}}{number:,}")
    if written.lost:
        tell(f"  {'not carried':<{width}}{'; '.join(written.lost)}")
    if written.unusable:
        tell(f"  {'not used':<{width}}{few(written.unusable)}")
    tell(f"Have a look: beenhere data show {out}")


def _to_shards(source: Path, out: str, options: ShardsConfig) -> None:
    from beenhere.tools.convert import read_parts
    from beenhere.training.shards.shard_writer import write_shards

    parts = read_parts(source.expanduser())
    if len(parts) != 1 or parts[0].tree is not None:
        training = [str(source / part.folder) for part in parts if part.tree is None]
        hint = f"; name {'one of ' * (len(training) > 1)}{', '.join(training)}" if training else ""
        raise DataError(f"{source}: shards are of one training set, and this is none{hint}")
    written = write_shards(parts[0].table, out, options)
    shards, places = count(written.shards, "shard"), count(written.places, "place")
    tell(f"{out}: {count(written.photos, 'photo')} of {places} in {shards}")
    if written.without_place:
        tell(f"  not carried     {written.without_place:,} photos without a place")
    if unusable := [*parts[0].table.unusable, *written.left_out]:
        tell(f"  not used        {few(unusable)}")
    tell(f"Have a look: beenhere data show {out}")
    tell(f"Train with: beenhere train CONFIG --set data.train={out}")


def city(
    out: Path,
    /,
    *,
    config: Annotated[CityConfig, Parameter(name="*")] = CityConfig(),
    set_: Assignments = (),
) -> None:
    """Render the synthetic demo city: sets named and laid out as GSV-XS, SF-XS and Tokyo-XS.

    No real place is shown. Interrupted, the same command goes on where it was.

    Args:
        out: a new or empty folder, or an unfinished city.
        config: how much to render.
        set_: an option by name, such as `places=50`; may be repeated.
    """
    from beenhere.city import write_city
    from beenhere.config import config_yaml

    folder = write_city(out, config_yaml.assign(config, set_), what="photos")
    tell(f"{folder.root}: {folder.photos:,} photos, {folder.places:,} training places")
    tell(f"Have a look: beenhere data show {folder.root}")
