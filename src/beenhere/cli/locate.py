"""``beenhere locate``: where photos were taken, by an index."""

import glob
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from beenhere.cli.output import (
    OF_FILES,
    check_parent,
    form_of,
    output_file,
    say,
    tally,
    warn_of_near,
    writing,
)
from beenhere.cli.parameters import (
    ADVANCED,
    ALL_PHOTOS,
    Assignments,
    Distance,
    Out,
    Parts,
    Positive,
    Share,
    WhichPhotos,
)
from beenhere.cli.tag import NO_TAGS, TagOptions, write_into_photos
from beenhere.config.own_parts import name_parts
from beenhere.config.retrieval import LocateConfig
from beenhere.devices import quiet_threads
from beenhere.errors import ConfigError, DataError
from beenhere.wording import count, did_you_mean, printable

if TYPE_CHECKING:
    from beenhere.client import Client
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.locate.answer import Location

FORMS = ("json", "geojson", "csv", "kml", "gpx")

STANDARD_INPUT = "-"

_FORM = Parameter(group=Group("Output", sort_key=2))


def locate(
    *photos: Annotated[str, Parameter(allow_leading_hyphen=True)],
    index: Path | None = None,
    server: str | None = None,
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
    tags: TagOptions = NO_TAGS,
    which: WhichPhotos = ALL_PHOTOS,
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
        photos: files, folders, tables (.csv, .parquet), patterns in quotes, or `-` for one photo
            on standard input.
        index: folder of the index, see `beenhere index build`; of a server the index's name.
        server: address of a `beenhere serve` that is asked instead, such as
            `http://127.0.0.1:8000`; BEENHERE_TOKEN holds the token that it asks for.
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
        out: file to write instead of standard output; its name says the form: `.json`, `.geojson`,
            `.csv`, `.kml` or `.gpx` (waypoints).
        plot: also draw the answers: one on a map, a plan (x and y) or a line (frames) beside the
            photos as a `.png` or `.jpg` file; all on one map to pan and zoom as an `.html` page; or
            a folder for both.
        tags: which positions to write where.
        which: which photos to search.
        device: such as `cpu` or `cuda`; auto: a GPU if there is one.
        set_: an option by name, such as `verification.features=xfeat`; may be repeated.
    """
    if parts:
        name_parts(parts)
    form = form_of(out, FORMS, _asked({"json": json, "geojson": geojson, "csv": csv}))
    if tags is not NO_TAGS:
        tags.check()
    if step is not None and not sequence:
        raise ConfigError("--step is given without --sequence; give both or neither")
    where = which.filter()
    paths, refused = named_photos(photos)
    options: dict[str, Any] = {"threshold": threshold, "matches": matches}
    options = {name: value for name, value in options.items() if value is not None}
    quiet_threads()
    here = None
    if server is None:
        here, options = _opened(index, {**options, "extract.device": device}, set_)
        warn_of_near(here, where)
    elif plot or set_:
        raise ConfigError("--plot and --set go with an index that is here, not with --server")
    asked = _client(server, index) if here is None else here
    drawings = _drawings(plot, paths)
    contents = [sys.stdin.buffer.read() if path == STANDARD_INPUT else path for path in paths]
    if sequence:
        located = asked.locate_sequence(contents, step, where, verify, **options)
    else:
        located = asked.locate_many(contents, where, verify, **options)
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
        say(f"written to {out}: {count(len(known), 'answer')}{_of_what(known)}")
    if form in ("geojson", "kml", "gpx") and not any(map(_has_point, known)):
        say(f"no photo has a position to draw, so the {form.upper()} holds no point")
    if plot is not None and here is not None:
        _draw(here, answers, contents, drawings)
    unwritten: list[tuple[str, str]] = []
    if tags is not NO_TAGS and tags.wanted:
        from beenhere.report.location import location_values

        unwritten = write_into_photos([location_values(answer) for answer in known], tags)
    for path, reason in refused:
        say(f"{path}: {reason}; not located")
    for path, reason in unwritten:
        say(f"{path}: {reason}; not written")
    if refused or unwritten:
        sys.exit(DataError.exit_code)


def _client(server: str | None, index: Path | None) -> "Client":
    from beenhere.client import Client

    return Client(server or "", None if index is None else str(index))


def _opened(
    folder: Path | None, given: dict[str, Any], assignments: Sequence[str]
) -> "tuple[Index, dict[str, Any]]":
    """An index, and the options to ask it with."""
    if folder is None:
        raise ConfigError("--index is missing; give the folder of an index, or --server URL")
    from beenhere.config import config_yaml
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.locate.decision import locate_options

    index = Index.open(folder)
    config = config_yaml.assign(locate_options(index.calibration, given, "options"), assignments)
    return index, config_yaml.plain(config)


def _asked(forms: dict[str, bool]) -> str | None:
    chosen = [form for form, wanted in forms.items() if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(f'--{form}' for form in chosen)} are given; choose one")
    return chosen[0] if chosen else None


def _text(locations: Sequence["Location"], form: str | None) -> str:
    from beenhere.report.location import describe_location, to_csv, to_json
    from beenhere.report.map_layers import to_geojson, to_gpx, to_kml

    if form is not None:
        writers = (to_json, to_geojson, to_csv, to_kml, to_gpx)
        return dict(zip(FORMS, writers, strict=True))[form](locations)
    lines = []
    for location in locations:
        lines += [location.query, *(f"  {line}" for line in describe_location(location))]
    if len(locations) > 1:
        lines.append(f"{len(locations)} photos{_of_what(locations)}")
    return "".join(f"{printable(line)}\n" for line in lines)


def _of_what(locations: Sequence["Location"]) -> str:
    """Such as ``": 3 known, 1 guess"``."""
    counts = Counter(location.status for location in locations)
    kinds = {
        "known": counts["known"],
        "guess" if counts["guess"] == 1 else "guesses": counts["guess"],
        "unknown": counts["unknown"],
    }
    return f": {tally(kinds)}" if locations else ""


def _has_point(location: "Location") -> bool:
    place = location.place
    return location.status != "unknown" and place is not None and place.lat is not None


OVERVIEW = "all.html"
"""The page of all answers, in a folder of pictures."""


@dataclass(frozen=True)
class _Drawings:
    """Where the page of all answers goes, and each photo's picture."""

    page: Path | None = None
    pictures: Sequence[Path] = ()


def _drawings(plot: Path | None, paths: Sequence[str]) -> _Drawings:
    """What is to be drawn where; a folder is made if only it is missing."""
    from beenhere.report.pictures import SUFFIXES, check_picture, is_picture

    if plot is None:
        return _Drawings()
    if plot.suffix.lower() == ".html" and not plot.is_dir():
        check_parent(plot)
        return _Drawings(page=plot)
    if is_picture(plot) and not plot.is_dir():
        if plot.suffix.lower() not in SUFFIXES:
            raise ConfigError(
                f"--plot is {plot}, which ends in {plot.suffix!r}; expected .png, .jpg or .html, "
                "or a folder"
            )
        if len(paths) > 1:
            raise ConfigError(
                f"--plot is {plot} for {len(paths)} photos; give a folder for their pictures, or "
                f"one page of all, such as {plot.with_suffix('.html')}"
            )
        if plot.exists() and any(Path(path).resolve() == plot.resolve() for path in paths):
            raise ConfigError(f"--plot is {plot}, the photo itself; give another name")
        check_picture(plot)
        return _Drawings(pictures=[plot])
    if plot.suffix.lower() in OF_FILES and not plot.is_dir():
        raise ConfigError(
            f"--plot is {plot}, which ends in {plot.suffix!r}; expected .png, .jpg or .html, or a "
            "folder"
        )
    if any(plot.resolve() == Path(path).resolve().parent for path in paths):
        raise ConfigError(
            f"--plot is {plot}, where the photos lie, and pictures have their names; give another "
            "folder"
        )
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
    return _Drawings(plot / OVERVIEW, pictures)


def _draw(
    index: "Index",
    answers: Sequence["Location | None"],
    photos: Sequence[str | bytes],
    drawings: _Drawings,
) -> None:
    from beenhere.photos.reference import kind_of
    from beenhere.report.location_picture import draw_location
    from beenhere.report.overview import write_overview

    kinds = [kind_of(answer.place) for answer in answers if answer and answer.place]
    positions = index.positions(kinds[0] if kinds else index.reference().kind)
    if drawings.page is not None:
        found = [(one, photo) for one, photo in zip(answers, photos, strict=True) if one]
        with writing(drawings.page):
            write_overview(
                [one for one, _ in found], [photo for _, photo in found], positions, drawings.page
            )
    # A page alone has no pictures.
    for answer, photo, picture in zip(answers, photos, drawings.pictures, strict=False):
        if answer is not None:
            with writing(picture):
                draw_location(answer, photo, positions, picture)


def named_photos(
    names: Sequence[str], command: Callable[..., None] = locate
) -> tuple[list[str], list[tuple[str, str]]]:
    """The files that are meant, each once, in the order given; and what cannot be a photo.

    A folder stands for all photos in it and below, a table for those that it lists, a pattern
    (``*``, ``?``, ``[a-z]``, ``**``) for the photos that it fits, ``-`` for itself. ``command`` has
    the options, for errors.

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
            options = [f"--{each.rstrip('_')}" for each in _option_names(command)]
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


def _option_names(command: Callable[..., None]) -> Iterator[str]:
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(parameter.default):
            yield from (field.name for field in fields(parameter.default))
        else:
            yield name


def _meant(name: str) -> Iterator[tuple[str, str | None]]:
    from beenhere.photos.formats.listing import TABLE_SUFFIXES, is_photo

    path = Path(name).expanduser()
    if path.is_dir():
        yield from _below(path)
    elif path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
        yield from _listed(path)
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


def _listed(table: Path) -> Iterator[tuple[str, str | None]]:
    from beenhere.photos.formats import read_photos

    found = read_photos(table, strict=False)
    for path in found.paths:
        yield str(Path(path)), None
    for path, reason in found.unusable:
        yield str(Path(path)), reason


def _readable(path: str) -> tuple[str, str | None]:
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "replace"), "its name is not UTF-8: rename it"
    return path, None
