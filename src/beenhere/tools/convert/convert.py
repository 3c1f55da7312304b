"""Write a set in another layout."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import polars as pl

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.files.atomic import new_folder, write_file
from beenhere.files.links import link_or_copy
from beenhere.photos.formats import (
    find_sets,
    protocols_of,
    read_evaluation,
    read_photos,
    training_photos,
)
from beenhere.photos.formats.listed_truth import write_truth
from beenhere.photos.formats.listing import CONDITIONS
from beenhere.photos.formats.sets import SPLITS
from beenhere.photos.ground_truth import ListedTruth
from beenhere.photos.table import PhotoTable
from beenhere.tools.convert.photo_names import at_names, fit, gsv_xs_names
from beenhere.wording import count

FolderLayout = Literal["gsv-xs", "utm", "csv", "parquet"]


@dataclass(frozen=True)
class SourcePart:
    """Photos that stay together.

    Attributes:
        table: its photos.
        folder: where they lie below the source, with ``/``; ``""`` for the source itself.
        tree: of a database or queries, the folder that holds both; else None.
        listed: of queries, their positives in the part before, where lists say it.
        left: in words, what no layout can take along.
    """

    table: PhotoTable
    folder: str
    tree: str | None = None
    listed: ListedTruth | None = None
    left: tuple[str, ...] = ()


@dataclass
class Conversion:
    """How much a conversion wrote, and what is lost on the way.

    Attributes:
        photos: by folder below the new one, ``""`` for itself.
        linked: photos that are hard links to the old ones. copied: those that are copies; those
            in tables are neither.
        lost: in words, what the new layout cannot say.
        unusable: ``(path, reason)`` of what was found and could not be read.
    """

    photos: dict[str, int] = field(default_factory=dict)
    linked: int = 0
    copied: int = 0
    lost: list[str] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)


def convert(source: Path, out: Path, layout: FolderLayout) -> Conversion:
    """Write every set below a path into a new folder, which is there whole or not there.

    Where lists say what is right, ``ground_truth.csv`` lies beside the database and the queries.

    Args:
        source: a folder or table of photos; it is not changed.
        out: a new or empty folder.
        layout: ``gsv-xs`` and ``utm``: photos with ``@`` names, hard links where possible;
            ``csv`` and ``parquet``: tables of photos that stay where they are.

    Raises:
        DataError: nothing to read, ``out`` is taken, or the layout cannot hold what is there.
    """
    source = source.expanduser()
    with new_folder(out, source) as folder:
        parts = read_parts(source)
        done = Conversion()
        for part in parts:
            done.unusable += part.table.unusable
            done.lost += part.left
        names: dict[str, list[str]] = {}
        for part in parts:
            inside = folder / part.folder
            inside.mkdir(parents=True, exist_ok=True)
            if layout == "csv" or layout == "parquet":
                table = part.table.with_paths_from(out / part.folder)
                table.write(inside / f"photos.{layout}")
                new = table.paths
            elif layout == "utm":
                new = at_names(part.table, [""] * len(part.table))
                _link(part.table.paths, new, inside, done)
                done.lost += _lost_in_utm(part)
            else:
                _refuse_for_gsv_xs(part, source)
                new, lost = gsv_xs_names(part.table, _city_of(source))
                _link(part.table.paths, new, inside, done)
                done.lost += lost
            names[part.folder] = new
            done.photos[part.folder] = len(new)
        if layout == "utm":
            _write_conditions(parts, names, folder)
        for database, queries in pairwise(parts):
            if queries.listed is not None and queries.tree is not None:
                positives = queries.listed.positives(None)
                sides = names[database.folder], names[queries.folder]
                write_truth(folder / queries.tree, positives, *sides)
    return done


def read_parts(source: Path) -> list[SourcePart]:
    """Training sets as one part each, a database with queries as two, the database first.

    Of a published set with a training split that is a part of its own.

    Raises:
        DataError: nothing there that can be read.
    """
    parts = []
    below = find_sets(source)
    for found in below.sets:
        folder = _folder(source, found.path)
        if not found.evaluation:
            table = read_photos(found.path)
            parts.append(SourcePart(table, folder, left=_notes(table)))
            continue
        tables = read_evaluation(EvaluationData(tree=found.path))
        training = training_photos(found.path)
        protocols = protocols_of(found.path)
        left = _notes(tables.queries)
        if len(protocols) > 1:  # what is read is the first
            others = "protocol" if len(protocols) == 2 else "protocols"
            left += (f"the {others} {', '.join(protocols[1:])} of {folder or 'the set'}",)
        above = f"{folder}/" if folder else ""
        if training is not None:  # then the sides need a folder of their own
            folder = f"{above}{protocols[0].partition('-')[0]}"
        inside = f"{folder}/" if folder else ""
        parts += [
            SourcePart(tables.database, f"{inside}database", folder, left=_notes(tables.database)),
            SourcePart(tables.queries, f"{inside}queries", folder, tables.listed, left),
        ]
        if training is not None:
            parts.append(SourcePart(training, f"{above}train", left=_notes(training)))
    if below.loose:
        some = Path(below.loose[0][0]).name
        loose = f"{count(len(below.loose), 'photo')} in no set, such as {some}"
        parts[0] = replace(parts[0], left=(*parts[0].left, loose))
    return parts


def _folder(source: Path, path: Path) -> str:
    """Below the source; a table that is a set by itself gets a folder of its name."""
    if path == source:
        return ""
    return (path.with_suffix("") if path.is_file() else path).relative_to(source).as_posix()


def _notes(table: PhotoTable) -> tuple[str, ...]:
    return tuple(f"{Path(file).name}: {text}" for file, text in table.notes)


def _link(paths: list[str], names: list[str], folder: Path, done: Conversion) -> None:
    """Photos under their new names, in a folder or folders below it."""
    targets = [folder / name for name in names]
    for each in {target.parent for target in targets}:
        each.mkdir(parents=True, exist_ok=True)
    linked = link_or_copy(paths, targets)
    done.linked += linked
    done.copied += len(names) - linked


def _lost_in_utm(part: SourcePart) -> list[str]:
    """Labels that names cannot hold; of a database and queries ``conditions.csv`` has those."""
    columns = {"place": "places", "city": "cities", "condition": "conditions"}
    if part.tree is not None:
        del columns["condition"]
    numbers = {name: part.table.frame[name].drop_nulls().n_unique() for name in columns}
    return [
        f"{count(number, name, columns[name])} of {part.folder or 'the photos'}"
        for name, number in numbers.items()
        if number
    ]


def _write_conditions(parts: list[SourcePart], names: dict[str, list[str]], folder: Path) -> None:
    """Write ``conditions.csv`` beside each database and queries that have any."""
    rows: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        if part.tree is not None:
            side = part.folder.rpartition("/")[2]
            paths = pl.Series("path", [f"{side}/{name}" for name in names[part.folder]], pl.String)
            table = pl.DataFrame([paths, part.table.frame["condition"]]).drop_nulls()
            rows.setdefault(part.tree, []).append(table)
    for tree, tables in rows.items():
        table = pl.concat(tables)
        if table.height:
            write_file(folder / tree / CONDITIONS, table.write_csv())


def _refuse_for_gsv_xs(part: SourcePart, source: Path) -> None:
    if part.tree is not None:
        raise DataError(
            f"{source / part.tree}: is a database with queries, and gsv-xs is for training "
            "photos with places; convert it --to utm, and the training photos by themselves"
        )
    if part.table.frame["place"].is_null().all():
        raise DataError(
            f"{source / part.folder}: no photo has a place, as gsv-xs needs; form them by "
            "`beenhere data places`, or convert --to utm"
        )


def _city_of(source: Path) -> str:
    """A city's name, if there is no better: that of the folder, or of the one above ``train``."""
    folder = source.absolute().parent if source.is_file() else source.absolute()
    name = folder.parent.name if folder.name in SPLITS else folder.name
    return fit(name).strip(".") or "City"
