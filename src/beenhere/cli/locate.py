"""``beenhere locate``: where photos were taken, by an index."""

import glob
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from beenhere.cli.output import check_output_file, check_parent, output_file, say, tally, writing
from beenhere.cli.parameters import ADVANCED, Assignments, Distance, Out, Parts, Positive, Share
from beenhere.config.own_parts import name_parts
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError, DataError
from beenhere.wording import did_you_mean

if TYPE_CHECKING:
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.locate.answer import Location
    from beenhere.retrieval.search.filters import Filter

Form = Literal["json", "geojson", "csv"]

STANDARD_INPUT = "-"

_FORM = Parameter(group=Group("Output", sort_key=2))
_WHICH = Parameter(group=Group("Search only some photos of the index", sort_key=2))


def locate(
    *photos: Annotated[str, Parameter(allow_leading_hyphen=True)],
    index: Path,
    matches: Positive | None = None,
    threshold: Share | None = None,
    verify: Annotated[bool | None, Parameter(negative_bool="no-")] = None,
    sequence: bool = False,
    step: Distance | None = None,
    json: Annotated[bool, _FORM] = False,
    geojson: Annotated[bool, _FORM] = False,
    csv: Annotated[bool, _FORM] = False,
    out: Annotated[Out | None, _FORM] = None,
    plot: Annotated[Path | None, _FORM] = None,
    near: Annotated[str | None, _WHICH, Parameter(allow_leading_hyphen=True)] = None,
    radius: Annotated[Distance | None, _WHICH] = None,
    dates: Annotated[str | None, _WHICH] = None,
    heading: Annotated[float | None, _WHICH] = None,
    tolerance: Annotated[float | None, _WHICH] = None,
    device: Annotated[str, ADVANCED] = LocateConfig().extract.device,
    set_: Annotated[Assignments, ADVANCED] = (),
    parts: Parts = (),
) -> None:
    """Say where photos were taken, how surely, and what speaks for it.

    A place is known, a guess, or unknown. Of a calibrated index the probability decides (see
    `beenhere calibrate`); of any other, how many local features the best match shares with the
    photo, and how many more than any match elsewhere.

    A photo that cannot be read is named on standard error; the others are located all the same,
    and the exit code is 2.

    Args:
        photos: files, folders, patterns in quotes, or `-` for one photo on standard input.
        index: folder of the index; see `beenhere index build`.
        matches: how many photos of the index to look at for each photo [default: 20, or as the
            index was calibrated].
        threshold: probability from which on a place counts as known [default: the calibration's].
        verify: compare local features with those of the first matches [default: unless the index
            was calibrated without].
        sequence: the photos, in the order given, are one path.
        step: metres at most between two photos of the path; 0: all show one place [default: by
            the times in EXIF].
        json: print JSON.
        geojson: print GeoJSON.
        csv: print CSV.
        out: file to write instead of standard output.
        plot: also draw each answer on a map, beside the photos: a `.png` or `.jpg` file, or a
            folder for several.
        near: search only around this latitude and longitude, such as `37.78,-122.42`.
        radius: metres from `--near`.
        dates: search only photos of these dates, such as `2015..2016-03`, `2015..` or `..2016`.
        heading: search only photos that look this way, in degrees clockwise from north.
        tolerance: degrees from `--heading`, either way round.
        device: such as `cpu` or `cuda`; auto: a GPU if there is one.
        set_: an option by name, such as `verification.features=xfeat`; may be repeated.
    """
    from beenhere.config import config_yaml
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.locate.decision import locate_options

    if parts:
        name_parts(parts)
    form = _form(json, geojson, csv)
    if step is not None and not sequence:
        raise ConfigError("--step is given without --sequence; give both or neither")
    where = search_filter(near, radius, dates, heading, tolerance)
    if out is not None:  # before the work, not after it
        check_output_file(out)
    paths, refused = named_photos(photos)
    opened = Index.open(index)
    given = {"threshold": threshold, "matches": matches, "extract.device": device}
    said = {name: value for name, value in given.items() if value is not None}
    config = config_yaml.assign(locate_options(opened.calibration, said, "options"), set_)
    options = config_yaml.plain(config)
    pictures = _pictures(plot, paths) if plot is not None else []
    contents = [sys.stdin.buffer.read() if path == STANDARD_INPUT else path for path in paths]
    if sequence:
        located = opened.locate_sequence(contents, step, where, verify, **options)
    else:
        located = opened.locate_many(contents, where, verify, **options)
    answers = [
        None if found is None else replace(found, query=path)
        for found, path in zip(located.locations, paths, strict=True)
    ]
    known = [answer for answer in answers if answer is not None]
    failed = [path for path, answer in zip(paths, answers, strict=True) if answer is None]
    reasons = [reason for _, reason in located.unreadable]
    refused += zip(failed, reasons, strict=True)
    text = _text(known, form)
    if out is None:
        sys.stdout.write(text)
    else:
        with output_file(out) as new:
            new.write_text(text, encoding="utf-8")
    if pictures:
        _draw(opened, answers, contents, pictures)
    for path, reason in refused:
        say(f"{path}: {reason}; not located")
    if refused:
        sys.exit(DataError.exit_code)


def _form(json: bool, geojson: bool, csv: bool) -> Form | None:
    choices: dict[Form, bool] = {"json": json, "geojson": geojson, "csv": csv}
    chosen = [form for form, wanted in choices.items() if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(f'--{form}' for form in chosen)} are given; choose one")
    return chosen[0] if chosen else None


def _text(locations: Sequence["Location"], form: Form | None) -> str:
    from beenhere.report.location import describe_location, to_csv, to_geojson, to_json

    if form is not None:
        return {"json": to_json, "geojson": to_geojson, "csv": to_csv}[form](locations)
    lines = []
    for location in locations:
        lines += [location.query, *(f"  {line}" for line in describe_location(location))]
    if len(locations) > 1:
        counts = Counter(location.status for location in locations)
        kinds = {
            "known": counts["known"],
            "guess" if counts["guess"] == 1 else "guesses": counts["guess"],
            "unknown": counts["unknown"],
        }
        lines.append(f"{len(locations)} photos: {tally(kinds)}")
    return "".join(f"{line}\n" for line in lines)


def _pictures(plot: Path, paths: Sequence[str]) -> list[Path]:
    """Where each photo's picture goes; a folder is made if only it is missing."""
    from beenhere.report.pictures import SUFFIXES, check_picture, is_picture

    if is_picture(plot) and not plot.is_dir():
        if plot.suffix.lower() not in SUFFIXES:
            raise ConfigError(
                f"--plot is {plot}, which ends in {plot.suffix!r}; expected .png or .jpg, or a "
                "folder"
            )
        if len(paths) > 1:
            raise ConfigError(
                f"--plot is {plot} for {len(paths)} photos; give a folder for their pictures"
            )
        check_picture(plot)
        return [plot]
    if not plot.is_dir():
        check_parent(plot)
    plot.mkdir(exist_ok=True)
    taken: dict[str, int] = {}
    pictures = []
    for path in paths:
        stem = "photo" if path == STANDARD_INPUT else Path(path).stem
        taken[stem] = taken.get(stem, 0) + 1
        number = f"-{taken[stem]}" if taken[stem] > 1 else ""
        pictures.append(plot / f"{stem}{number}.jpg")
    return pictures


def _draw(
    index: "Index",
    answers: Sequence["Location | None"],
    photos: Sequence[str | bytes],
    pictures: Sequence[Path],
) -> None:
    from beenhere.report.location_picture import draw_location

    positions = index.positions()
    for answer, photo, picture in zip(answers, photos, pictures, strict=True):
        if answer is not None:
            with writing(picture):
                draw_location(answer, photo, positions, picture)


def search_filter(
    near: str | None,
    radius: float | None,
    dates: str | None,
    heading: float | None,
    tolerance: float | None,
) -> "Filter | None":
    """The conditions that were given; None if none was.

    Args:
        near: latitude and longitude, ``"37.78,-122.42"``. radius: metres.
        dates: ``"2015..2016-03"``; an end may be left open; one date stands for both ends.
        heading: degrees clockwise from north. tolerance: degrees.

    Raises:
        ConfigError: a text of another form, a value out of its range, or half of a condition.
    """
    if (near is None) != (radius is None):
        raise ConfigError(
            "--near and --radius go together, such as --near 37.78,-122.42 --radius 500"
        )
    if (heading is None) != (tolerance is None):
        raise ConfigError(
            "--heading and --tolerance go together, such as --heading 90 --tolerance 45"
        )
    if near is None and dates is None and heading is None:
        return None
    from beenhere.retrieval.search.filters import Filter

    return Filter(
        near=None if near is None else _position(near),
        radius=radius,
        dates=None if dates is None else _dates(dates),
        heading=heading,
        tolerance=tolerance,
    )


def _position(text: str) -> tuple[float, float]:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--near is {text!r}; expected latitude and longitude, such as 37.78,-122.42"
        ) from None
    return lat, lon


def _dates(text: str) -> tuple[str | None, str | None]:
    first, dots, last = text.partition("..")
    if not first and not last:
        raise ConfigError(f"--dates is {text!r}; expected such as 2015..2016-03, 2015.. or ..2016")
    return first or None, (last or None) if dots else first


def named_photos(
    names: Sequence[str], command: Callable[..., None] = locate
) -> tuple[list[str], list[tuple[str, str]]]:
    """The files that are meant, each once, in the order given; and what cannot be a photo.

    A folder stands for all photos in it and below, a pattern (``*``, ``?``, ``[a-z]``, ``**``) for
    the photos that it fits, ``-`` for itself. ``command`` has the options, for errors.

    Returns:
        Paths, and ``(path, reason)`` of what looks like a photo and cannot be one.

    Raises:
        ConfigError: no name at all, an empty one, or an option that there is not.
        DataError: nothing there, or no photos in a folder.
    """
    if not names:
        raise ConfigError(
            "no photo is named; give files, folders, patterns in quotes, or - for a photo on "
            "standard input"
        )
    photos: dict[str, None] = {}
    unusable: dict[str, str] = {}
    for name in names:
        if not name:
            raise ConfigError("the name of a photo is empty; give . for all photos of this folder")
        if name.startswith("-") and name != STANDARD_INPUT:
            options = [f"--{each.rstrip('_')}" for each in inspect.signature(command).parameters]
            raise ConfigError(
                f"there is no option {name}; {did_you_mean(name, options)}see 'beenhere "
                f"{command.__name__} --help'. A photo of that name is ./{name}"
            )
        for path, reason in _meant(name):
            if reason is None:
                photos[path] = None
            else:
                unusable[path] = reason
    return list(photos), list(unusable.items())


def _meant(name: str) -> Iterator[tuple[str, str | None]]:
    from beenhere.photos.formats.listing import is_photo

    path = Path(name).expanduser()
    if path.is_dir():
        yield from _below(path)
    elif name == STANDARD_INPUT or os.path.lexists(path):
        yield _readable(str(path))
    elif glob.has_magic(name):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob is relative
        files = [each for each in found if is_photo(each)]
        if not files:
            raise DataError(f"{name}: no photo fits this pattern")
        yield from map(_readable, files)
    else:
        yield name, "no such file"


def _below(folder: Path) -> Iterator[tuple[str, str | None]]:
    from beenhere.photos.formats.listing import list_photos

    listing = list_photos(folder)
    if not listing.photos and not listing.unusable:
        raise DataError(f"{folder}: holds no photos; expected files such as .jpg or .png in it")
    for _, note in listing.notes():
        say(note)
    for path in listing.paths(listing.photos):
        yield path, None
    yield from listing.unusable


def _readable(path: str) -> tuple[str, str | None]:
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "replace"), "its name is not UTF-8: rename it"
    return path, None
