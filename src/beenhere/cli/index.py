"""``beenhere index``: make an index of photos, change it, check it, and say what it holds."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beenhere.cli.output import agreed, few, note_lines, tally, tell
from beenhere.cli.parameters import (
    ADVANCED,
    NOT_DESCRIBED,
    Assignments,
    DescribedIn,
    Out,
    Parts,
    Wait,
    show_last,
    show_options,
)
from beenhere.config.evaluation import ComputeConfig
from beenhere.config.models import DEFAULT_MODEL
from beenhere.config.own_parts import name_parts
from beenhere.config.retrieval import IndexConfig, IndexSearchConfig, SearchConfig
from beenhere.wording import count, file_size

if TYPE_CHECKING:
    from beenhere.photos.summary import Summary
    from beenhere.retrieval.hloc import GlobalDescriptors
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.index.editing import Added
    from beenhere.retrieval.index.manifest import Manifest
    from beenhere.retrieval.index.search_recall import SearchRecall

show_last(IndexConfig, but=("search", "store"))
show_last(SearchConfig, but=("kind",))
show_options(
    IndexConfig,
    Parameter(
        show_default=lambda value: value if value == "auto" else f"{value} if another is given"
    ),
    "whitening",
)


def build(
    photos: Path,
    /,
    *,
    model: str = DEFAULT_MODEL,
    out: Out | None = None,
    described: DescribedIn = NOT_DESCRIBED,
    config: Annotated[IndexConfig, Parameter(name="*")] = IndexConfig(),
    wait: Annotated[Wait, ADVANCED] = 0,
    set_: Annotated[Assignments, ADVANCED] = (),
    parts: Parts = (),
) -> None:
    """Make an index of photos, to tell where other photos were taken.

    Interrupted, the same command goes on where it was. Photos that cannot be read are left out
    and named. The model is kept in the index, a published one by its name. `--search pq` stands
    for `--search.kind pq`.

    Args:
        photos: a folder, or a CSV or Parquet table; see `beenhere data show`.
        model: one by name, such as `megaloc` (`beenhere model list` has them all) or
            `offline-lite0`, which needs no training; a checkpoint or run folder; or a function of
            your own as `my_module:network`.
        out: folder of the index [default: the name of the photos' folder or table, with `.index`].
        config: dtype, whitening, search, and how descriptors are computed.
        wait: seconds to wait for another process that writes the index.
        set_: an option by name, such as `extract.batch_size=16`; may be repeated.
    """
    from beenhere.config import config_yaml
    from beenhere.photos.formats import read_photos
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.index.editing import build_index, index_folder

    name_parts(parts)
    options = config_yaml.assign(config, set_)
    out = index_folder(photos) if out is None else out
    table = read_photos(photos)
    for line in note_lines(table.notes):
        tell(line)
    file = described.by(table)
    added = build_index(out, table, model, options, wait, "photos", described=file)
    if added.unchanged and not added.new:
        tell(f"{out} holds these {added.photos:,} photos already: nothing to do")
    else:
        tell(f"{out}: {count(added.photos, 'photo')} by {model}, in {added.seconds:.0f} s")
        opened = Index.open(out)
        held = opened.store.summary()
        if held is not None:
            tell(f"where they are: {_where(held)}")
        tell(f"search: {opened.store.search_line()}")
        name = shlex.quote(str(out))
        placed = held is None or held.nowhere < held.photos
        ask = f"locate PHOTO --index {name}" if placed else f"search {name} PHOTO"
        tell(f"Ask it: beenhere {ask}")
    _say_rest(added, out, file)


def add(
    index: Path,
    photos: Path,
    /,
    *,
    described: DescribedIn = NOT_DESCRIBED,
    wait: Wait = 0,
    extract: Annotated[ComputeConfig, ADVANCED] = ComputeConfig(),
    parts: Parts = (),
) -> None:
    """Add photos to an index; only what is new or changed is computed.

    Photos that were moved or renamed are known again by their content. Where a file holds another
    photo than before, the old one goes.

    Args:
        index: folder of the index.
        photos: a folder, or a CSV or Parquet table; see `beenhere data show`.
        wait: seconds to wait for another process that writes the index.
        extract: how descriptors are computed.
    """
    from beenhere.photos.formats import read_photos
    from beenhere.retrieval.index import Index

    name_parts(parts)
    opened = Index.open(index)  # before photos are looked at, which may take long
    table = read_photos(photos)
    for line in note_lines(table.notes):
        tell(line)
    file = described.by(table)
    added = opened.add(table, wait=wait, described=file, **extract.model_dump())
    kinds = "new", "moved", "replaced", "restored", "updated", "unchanged"
    counts = {kind: getattr(added, kind) for kind in kinds}
    tell(f"{index}: {tally(counts) or 'nothing added'}; {added.photos:,} photos now")
    _say_rest(added, index, file)


def remove(index: Path, paths: list[str], /, *, yes: bool = False, wait: Wait = 0) -> None:
    """Take photos out of an index; their files are not touched.

    More than half of them go only if you agree.

    Args:
        index: folder of the index.
        paths: photos, folders, or patterns in quotes, such as `"*/2019/*.jpg"`.
        yes: agree, whatever they stand for.
        wait: seconds to wait for another process that writes the index.
    """
    from beenhere.retrieval.index.editing import remove_photos

    def agree(gone: int, photos: int) -> None:
        if 2 * gone > photos and not yes:
            what = f"{gone:,} of the {photos:,} photos of {index} would go"
            agreed(f"{what}. Press Enter to remove them, Ctrl-C to leave. ", f"{what}; add --yes")

    removed = remove_photos(index, paths, wait, agree)
    tell(f"{index}: {count(removed.removed, 'photo')} removed, {removed.photos:,} left")


def compact(index: Path, /, *, wait: Wait = 0) -> None:
    """Give back the space of removed photos.

    Args:
        index: folder of the index; its disk needs as much free space as the index will take.
        wait: seconds to wait for another process that writes the index.
    """
    from beenhere.retrieval.index import Index

    done = Index.open(index).compact(wait)
    tell(f"{index}: {file_size(done.bytes_after)}, was {file_size(done.bytes_before)}")


def train(
    index: Path,
    /,
    *,
    config: Annotated[IndexSearchConfig, Parameter(name="*")] = IndexSearchConfig(),
    wait: Annotated[Wait, ADVANCED] = 0,
) -> None:
    """Have an index searched in another way; its descriptors stay as they are.

    A search structure is trained where one is needed; `--search exact` goes back to none.
    `--search pq` stands for `--search.kind pq`.

    Args:
        index: folder of the index.
        config: exact, or by which structure.
        wait: seconds to wait for another process that writes the index.
    """
    from beenhere.retrieval.index import Index

    opened = Index.open(index)
    opened.train(config.search.model_dump(), wait)
    tell(f"{index}: {opened.store.search_line()}")


def check(index: Path, /) -> None:
    """Read every file of an index, and see that it is as it was written; exit 1 if one is not.

    Of an index in Milvus every photo there is read too.

    Args:
        index: folder of the index.
    """
    from beenhere.retrieval.index.checking import check_index

    found = check_index(index)  # a damaged one cannot be opened
    for damage in found.damages:
        tell(damage)
    if found.leftovers:
        files = count(len(found.leftovers), "file")
        tell(f"{files} left by an interrupted change; the next change removes them")
    if found.damages:
        tell(
            f"{index} is damaged: bring back a copy of the folder, or build it again",
            file=sys.stderr,
        )
        sys.exit(1)
    tell(f"{index}: {found.parts} files, {file_size(found.bytes)}, all as they were written")


def _where(held: "Summary") -> str:
    """How many photos have what, and what follows where none has anything."""
    if held.nowhere < held.photos:
        return held.known_places()
    return (
        "nothing says it (no position, no x and y, frame or place in a table), so search finds "
        "photos, and locate no place"
    )


def _say_rest(added: "Added", index: Path, file: "GlobalDescriptors | None") -> None:
    if file is not None:
        tell(f"{count(file.found, 'descriptor')} taken from {file.file}")
    if not added.unreadable:
        return
    every = f" (all by beenhere index info {index} --json)"
    tell(f"photos that cannot be read, left out: {few(list(added.unreadable.items()), every)}")


def info(index: Path, /, *, recall: bool = False, json: bool = False) -> None:
    """Photos, model, search and size of an index.

    Args:
        index: folder of the index.
        recall: measure, on photos of the index, what each way to search costs and misses; takes a
            minute or more.
        json: print everything as JSON, with every photo that could not be read.
    """
    from dataclasses import asdict
    from json import dumps

    from beenhere.config import config_yaml
    from beenhere.retrieval.index import Index

    opened = Index.open(index)
    manifest = opened.manifest
    measured = opened.recall() if recall else None
    photos, facts = _photos(opened)
    if json:
        found = {
            "index": str(index),
            "bytes": manifest.bytes,
            "left_out_photos": opened.unreadable,
            **config_yaml.plain(manifest),
            **facts,
        }
        if manifest.calibration is not None:
            found["calibration"]["values"] = opened.calibration
        if measured is not None:
            found["recall"] = asdict(measured)
        print(dumps(found, indent=1, ensure_ascii=False))
        return
    model = manifest.model
    name = model.name or model.provenance.get("model") or "a model"
    lines = {
        "photos": photos,
        "removed": f"{manifest.removed:,}" + (", see compact" if manifest.removed else ""),
        "unreadable": f"{manifest.unreadable:,}" + (", see --json" if manifest.unreadable else ""),
        "model": f"{name} ({model.fingerprint[:16]}), in the precision {model.precision}",
        "descriptors": f"{manifest.dim} numbers in {manifest.dtype}{_whitened(manifest)}",
        "search": opened.store.search_line(),
        "calibration": _calibration_lines(manifest, opened.calibration, index),
        "size": opened.store.size_line(),
        "written": f"{manifest.written} by beenhere {manifest.beenhere}",
    }
    tell(str(index))
    for what, value in lines.items():
        first, *more = [value] if isinstance(value, str) else value
        tell(f"  {what:<12}{first}")
        for line in more:
            tell(f"  {'':<12}{line}")
    if measured is not None:
        _print_recall(measured)


def _photos(index: "Index") -> tuple[str, dict[str, Any]]:
    """The photos of an index, in words and in numbers."""
    held, number = index.store.summary(), len(index)
    if held is None:
        return f"{number:,}", {"photos": number}
    text = f"{number:,}, {held.known_places()}"
    if held.first is not None:
        text += f", taken {held.first} to {held.last}"
    numbers = {"positioned": held.with_position, "dated": held.with_date}
    numbers |= {
        "with_xy": held.with_xy,
        "with_frame": held.with_frame,
        "with_place": held.with_place,
    }
    return text, numbers | {"first": held.first, "last": held.last}


def _whitened(manifest: "Manifest") -> str:
    if manifest.whitening is None:
        return ""
    learned = manifest.whitening
    if learned.options.dim is None:
        return f", whitened by the power {learned.options.power:g} on {learned.photos:,} photos"
    return f", whitened from {manifest.model.dim} on {learned.photos:,} photos"


def _print_recall(measured: "SearchRecall") -> None:
    first, *_ = measured.table
    tell(f"measured with {measured.queries:,} of its photos as queries, none its own match:")
    columns = [f"first {k} kept" if k > 1 else "first kept" for k in first.kept]
    print("  ".join(["  search        ", *columns, "bytes a photo", "ms a query", "alone"]))
    for row in measured.table:
        kept = [
            f"{share:>{len(column)}.2%}"
            for share, column in zip(row.kept.values(), columns, strict=True)
        ]
        mark = "*" if row.kind == measured.in_force else " "
        times = f"{row.together_ms:10.2f}", f"{row.alone_ms:5.1f}"
        print("  ".join([f"{mark} {row.kind:<14}", *kept, f"{row.photo_bytes:13,.0f}", *times]))
    print("  * in force; bytes of a structure come on top of those of exact search")


def _calibration_lines(
    manifest: "Manifest", values: Mapping[str, Any] | None, index: Path
) -> list[str]:
    """For which answers a calibration was fitted, when and on what; its notes; changed photos.

    Args:
        manifest: of the index. values: of its calibration, which may lack any of them.
        index: folder, as a person calls it.
    """
    if manifest.calibration is None or values is None:
        return [f"none; fit one: beenhere calibrate {index} --queries PHOTOS"]
    from beenhere.photos.reference import REFERENCES

    ways = ("plain", "verified")
    given = {way: values[way] for way in ways if isinstance(values.get(way), Mapping)}
    how = _mapping(values, "fitted")
    line = " and ".join(given) or "of another program"
    if list(given) == ["plain"]:
        line = "plain only"
    by = REFERENCES.get(_mapping(values, "locate").get("by", "position"))
    if by is not None and by.kind != "position":
        line += f", by {by.words}"
    facts = [_mapping(confidence, "fitted") for confidence in given.values()]
    date = str(how.get("at", "")).partition("T")[0]
    inside, outside = (_each(facts, kind, ",") for kind in ("inside", "outside"))
    line += f", fitted {date}".rstrip() if date or inside else ""
    if inside and outside:
        line += f" on {inside} queries inside and {outside} outside"
    threshold = _each(list(given.values()), "threshold", ".2f")
    line += f"; threshold {threshold}" if threshold else ""
    lines = [line]
    fitted = manifest.calibration.photos
    if fitted != manifest.photos:
        now = f"where now are {manifest.photos:,}: fit it again"
        lines.append(f"fitted with {fitted:,} photos, {now}")
    ways_of: dict[str, list[str]] = {}
    for way, notes in _mapping(how, "notes").items():
        for note in notes:
            ways_of.setdefault(note, []).append(way)
    for note, found in ways_of.items():
        apart = f" ({' and '.join(found)})" if len(found) < len(given) else ""
        lines.append(f"note{apart}: {note}")
    return lines


def _mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _each(facts: list[Mapping[str, Any]], name: str, form: str) -> str:
    """A number of each way, such as ``0.64 / 0.85``; once where they are the same."""
    numbers = [f"{fact[name]:{form}}" for fact in facts if isinstance(fact.get(name), int | float)]
    return " / ".join(dict.fromkeys(numbers))
