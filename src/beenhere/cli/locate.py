"""``beenhere locate``: where photos were taken, by an index."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from beenhere.cli.output import replacing
from beenhere.cli.photo_arguments import STANDARD_INPUT, named_photos
from beenhere.cli.search_filter import search_filter
from beenhere.config import LocateConfig
from beenhere.errors import ConfigError, DataError

if TYPE_CHECKING:
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.locate.answer import Location

Flag = Annotated[bool, Parameter(negative="")]
Form = Literal["json", "geojson", "csv"]


def locate(
    *photos: Annotated[str, Parameter(allow_leading_hyphen=True)],
    index: Path,
    near: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    radius: Annotated[float | None, Parameter(validator=Number(gte=0))] = None,
    dates: str | None = None,
    heading: float | None = None,
    tolerance: float | None = None,
    matches: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    verify: Flag = False,
    sequence: Flag = False,
    step: Annotated[float | None, Parameter(validator=Number(gte=0))] = None,
    json: Flag = False,
    geojson: Flag = False,
    csv: Flag = False,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    plot: Path | None = None,
    device: str = LocateConfig().extract.device,
    set_: Annotated[list[str], Parameter(name="--set", negative="", show_default=False)] = [],  # noqa: B006
) -> None:
    """Say where photos were taken, how surely, and what speaks for it; or "unknown place".

    A photo that cannot be read is named on standard error; the others are located all the same,
    and the exit code is 2.

    Args:
        photos: files, folders, patterns in quotes, or `-` for one photo on standard input.
        index: folder of the index; see `beenhere index build`.
        near: search only around this latitude and longitude, such as `37.78,-122.42`.
        radius: metres from `--near`.
        dates: search only photos of these dates, such as `2015..2016-03`, `2015..` or `..2016`.
        heading: search only photos that look this way, in degrees clockwise from north.
        tolerance: degrees from `--heading`, either way round.
        matches: how many photos of the index to look at for each photo [default: 20, or as the
            index was calibrated].
        threshold: probability from which on a place counts as known [default: the calibration's].
        verify: compare local features with those of the first matches.
        sequence: the photos, in the order given, are one path.
        step: metres at most between two photos of the path; 0: all show one place [default: by
            the times in EXIF].
        json: print JSON.
        geojson: print GeoJSON.
        csv: print CSV.
        out: file to write instead of standard output.
        plot: also draw each answer on a map, beside the photos: a `.png` or `.jpg` file, or a
            folder for several.
        device: such as `cpu` or `cuda`; auto: a GPU if there is one.
        set_: an option by name, such as `verification.features=xfeat`; may be repeated.
    """
    from beenhere import config_yaml
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.locate.decision import locate_options

    form = _form(json, geojson, csv)
    if step is not None and not sequence:
        raise ConfigError("--step is given without --sequence; give both or neither")
    where = search_filter(near, radius, dates, heading, tolerance)
    _check_output(out)
    paths, refused = named_photos(photos)
    opened = Index.open(index)
    given = {"threshold": threshold, "matches": matches, "extract.device": device}
    said = {name: value for name, value in given.items() if value is not None}
    config = config_yaml.assign(locate_options(opened.calibration, said, "options"), set_)
    options = config_yaml.plain(config)
    pictures = _pictures(plot, paths) if plot is not None else []
    contents: list[str | bytes] = [_content(path) for path in paths]
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
    _write(_text(known, form), out)
    if pictures:
        _draw(opened, answers, contents, pictures)
    if opened.calibration is None and known:
        _say(
            f"{index} is not calibrated: no radius, no probability, and no photo is found to be "
            "unknown; see 'beenhere calibrate --help'"
        )
    for path, reason in refused:
        _say(f"{path}: {reason}; not located")
    if refused:
        sys.exit(DataError.exit_code)


def _form(json: bool, geojson: bool, csv: bool) -> Form | None:
    choices: dict[Form, bool] = {"json": json, "geojson": geojson, "csv": csv}
    chosen = [form for form, wanted in choices.items() if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(f'--{form}' for form in chosen)} are given; choose one")
    return chosen[0] if chosen else None


def _check_output(out: Path | None) -> None:
    """Before the work, not after it."""
    if out is not None and out.is_dir():
        raise DataError(f"{out}: is a folder; expected the name of a file")
    if out is not None and not out.parent.is_dir():
        raise DataError(f"{out}: there is no folder {out.parent}; make it first")


def _content(path: str) -> str | bytes:
    return sys.stdin.buffer.read() if path == STANDARD_INPUT else path


def _text(locations: Sequence["Location"], form: Form | None) -> str:
    if form == "geojson":
        from beenhere.report.location_geojson import to_geojson

        return to_geojson(locations)
    if form is not None:
        from beenhere.report.location_files import to_csv, to_json

        return (to_json if form == "json" else to_csv)(locations)
    from beenhere.report.location_text import describe_location

    lines = []
    for location in locations:
        lines += [location.query, *(f"  {line}" for line in describe_location(location))]
    if len(locations) > 1:
        known = sum(location.known for location in locations)
        lines.append(f"{len(locations)} photos: {known} located, {len(locations) - known} unknown")
    return "".join(f"{line}\n" for line in lines)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    with replacing(out) as new:
        new.write_text(text, encoding="utf-8")


def _pictures(plot: Path, paths: Sequence[str]) -> list[Path]:
    """Where each photo's picture goes; a folder is made if only it is missing."""
    from beenhere.report.location_picture import SUFFIXES, check_picture, is_picture

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
    if not plot.is_dir() and not plot.parent.is_dir():
        raise DataError(f"{plot}: there is no folder {plot.parent}; make it first")
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
            with replacing(picture) as new:
                draw_location(answer, photo, positions, new)


def _say(text: str) -> None:
    print(f"beenhere: {text}", file=sys.stderr)
