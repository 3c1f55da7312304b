"""A set of photos in words: the lines of ``beenhere data show``."""

from collections.abc import Iterable, Sequence
from statistics import median

from beenhere.geo import Extent
from beenhere.photos.formats.listing import LEFT_OUT
from beenhere.photos.ground_truth import EvaluationTables, ListedTruth
from beenhere.photos.reference import Reference, points_of, reference_of, within
from beenhere.photos.summary import (
    Sizes,
    Summary,
    photo_sizes,
    summarise,
)
from beenhere.photos.table import PhotoTable
from beenhere.training.shards import Shards
from beenhere.wording import count, file_size, whole_metres

_NAMED = 3
"""Things that are named of a longer list."""


def photo_set_text(table: PhotoTable, root: str, every: bool = False) -> list[str]:
    """The contents of a table, and the files that were found there and could not be used.

    Args:
        root: the start of the paths that is left out.
        every: name every file that cannot be used, not only a few.
    """
    summary, sizes = summarise(table), photo_sizes(table)
    lines = _described(table.source, summary, sizes)
    left_out = [note for _, note in table.notes if note.startswith(LEFT_OUT)]
    lines += [_row("left out", note.removeprefix(LEFT_OUT)) for note in left_out]
    lines += _problems("not used", table.unusable + sizes.unusable, root, every)
    notes = [each for each in table.notes if not each[1].startswith(LEFT_OUT)]
    return lines + _problems("notes", notes, root, every)


def shards_text(shards: Shards, every: bool = False) -> list[str]:
    """The contents of shards by their manifest, and what was left out when they were written."""
    manifest = shards.manifest
    source = f"tar shards, by {manifest.written_by}"
    lines = _described(source, manifest.summary(shards.written), manifest.sizes())
    files = f"{count(len(manifest.shards), 'shard')}, {file_size(manifest.bytes)}"
    lines.insert(1, _row("files", files))
    if manifest.without_place:
        lines.append(_row("not here", f"{count(manifest.without_place, 'photo')} without a place"))
    return lines + _problems("left out", manifest.left_out, "", every)


def positives(tables: EvaluationTables, radius: float | None) -> str:
    """How many queries have a database photo that is right: on their list, or within the radius.

    Lists and names of places say it where there are any; the radius does not count then.

    Args:
        tables: of an evaluation.
        radius: None: what goes with what says where photos were taken, 25 m of positions.
    """
    queries, truth, reference = tables.queries, tables.truth, tables.reference
    if tables.listed is not None:
        return _row("positives", _listed(tables.listed))
    for points, what in zip(tables.points, ("database photo", "query"), strict=True):
        if not points.known.any():
            return _row("positives", f"unknown: no {what} has a position")
    radius = reference.radius if radius is None else radius
    found = sum(len(rows) > 0 for rows in truth.positives(None if truth.listed else radius))
    nowhere = len(queries) - int(tables.points[1].known.sum())
    share = _share(found, len(queries), " queries")
    text = f"{share} have a database photo {_within(reference, radius)}"
    return _row("positives", f"{text}; {nowhere:,} without a position" if nowhere else text)


def _within(reference: Reference, radius: float) -> str:
    if reference.kind == "place":
        return "of the same place"
    return f"within {radius:g}{reference.unit}"


def _listed(listed: ListedTruth) -> str:
    counts = sorted(len(rows) for rows in listed.positives(None))
    some = [number for number in counts if number]
    text = f"{_share(len(some), len(counts), ' queries')} have a photo on the list"
    if listed.source is not None:
        text += f" of {listed.source}"
    if some:
        text += (
            f", {some[0]:,} each" if some[0] == some[-1] else f", {some[0]:,} to {some[-1]:,} each"
        )
    none = len(counts) - len(some)
    return f"{text}; {none:,} {'has' if none == 1 else 'have'} none" if none else text


def neighbours(table: PhotoTable, radius: float | None) -> str:
    """How many photos have another within the radius; see :func:`positives`."""
    reference = reference_of([table])
    points = points_of(table, reference)
    if not points.known.any():
        return _row("neighbours", "unknown: no photo has a position")
    radius = reference.radius if radius is None else radius
    found = sum(len(rows) > 1 for rows in within(points, points, radius))
    share = _share(found, len(table), " photos")
    return _row("neighbours", f"{share} have another {_within(reference, radius)}")


def _described(source: str, summary: Summary, sizes: Sizes) -> list[str]:
    rows = [("format", source), ("photos", _photos(summary))]
    if summary.places:
        rows.append(("places", places_of(summary.places)))
    if summary.cities:
        rows.append(("cities", f"{len(summary.cities)}: {_most(summary.cities.items())}"))
    if summary.conditions:
        rows.append(("conditions", _most(summary.conditions.items())))
    if summary.extent is not None:
        rows += _extent(summary.extent)
    headings = _share(summary.with_heading, summary.photos)
    rows += [
        ("taken", _dates(summary)),
        ("headings", headings if summary.with_heading else "no photo has a heading"),
    ]
    if sizes.counts:
        rows.append(("pixels", _sizes(sizes, summary.photos)))
    return [_row(*row) for row in rows]


def _row(label: str, text: str) -> str:
    return f"  {label:<11}{text}"


def _photos(summary: Summary) -> str:
    return f"{summary.photos:,}, {summary.known_places()}" if summary.photos else "none"


def places_of(counts: Sequence[int]) -> str:
    """Places with so many photos each, ascending: ``"12, 4 to 9 photos each, median 5"``."""
    each = f"{counts[0]} to {counts[-1]} photos each, median {median(counts):g}"
    if counts[0] == counts[-1]:
        each = f"{counts[0]} photos each"
    return f"{len(counts):,}, {each}"


def _most(counts: Iterable[tuple[str, int]]) -> str:
    named = [f"{name} {number:,}" for name, number in counts]
    more = len(named) - 2 * _NAMED
    return ", ".join(named[: 2 * _NAMED]) + (f" and {more} more" if more > 0 else "")


def _extent(extent: Extent) -> list[tuple[str, str]]:
    first = f"{_degrees(extent.south, 'NS')}, {_degrees(extent.west, 'EW')}"
    if extent.width == 0 and extent.height == 0:
        return [("extent", f"one point, {first}")]
    size = (
        f"{whole_metres(extent.width)} west to east, {whole_metres(extent.height)} south to north"
    )
    last = f"{_degrees(extent.north, 'NS')}, {_degrees(extent.east, 'EW')}"
    return [("extent", size), ("", f"{first} to {last}")]


def _degrees(value: float, letters: str) -> str:
    return f"{abs(value):.5f} {letters[value < 0]}"


def _dates(summary: Summary) -> str:
    if summary.first is None or summary.last is None:
        return "no photo has a date"
    first, last = summary.first[:10], summary.last[:10]
    when = first if first == last else f"{first} to {last}"
    missing = summary.photos - summary.with_date
    return f"{when}, {missing:,} without a date" if missing else when


def _sizes(sizes: Sizes, photos: int) -> str:
    total = sum(sizes.counts.values())
    named = [f"{width} x {height}" for width, height in sizes.counts]
    sample = f", by a sample of {sizes.files:,}" if sizes.files < photos else ""
    if len(named) == 1:
        return f"{named[0]} (width x height){sample}"
    shares = [f"{100 * number / total:.0f}%" for number in sizes.counts.values()]
    some = [f"{name} ({share})" for name, share in zip(named, shares, strict=True)][:_NAMED]
    more = len(named) - len(some)
    others = f", {more:,} other size{'s' if more > 1 else ''}" if more else ""
    return ", ".join(some) + others + sample


def _share(part: int, whole: int, of: str = "") -> str:
    return f"{part:,} of {whole:,}{of} ({_percent(part, whole)})" if whole else "none of 0"


def _percent(part: int, whole: int) -> str:
    """Never 0% or 100% where it is not so."""
    percent = 100 * part / whole
    rounded = f"{percent:.1f}%"
    if (rounded == "100.0%" and part < whole) or (rounded == "0.0%" and part > 0):
        return "above 99.9%" if rounded == "100.0%" else "below 0.1%"
    return f"{percent:.0f}%" if part in (0, whole) else rounded


def _problems(label: str, found: list[tuple[str, str]], root: str, every: bool) -> list[str]:
    """Grouped by reason, the most frequent first."""
    if not found:
        return []
    groups: dict[str, list[str]] = {}
    for path, reason in found:
        groups.setdefault(reason, []).append(path.removeprefix(root).lstrip("/"))
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    shown = ordered if every else ordered[: 2 * _NAMED]
    lines = [_row(label, count(len(found), "file"))]
    for reason, paths in shown:
        named = paths if every else paths[:_NAMED]
        more = len(paths) - len(named)
        lines.append(f"    {reason} ({len(paths):,})")
        lines += [f"      {path}" for path in named]
        if more:
            lines.append(f"      ... and {more:,} more (--list names them)")
    hidden = len(ordered) - len(shown)
    if hidden:
        lines.append(f"    ... and {hidden:,} other reasons (--list names them)")
    return lines
