"""All photos of a set, or of a folder of sets, in one frame: leakage shows only across sets."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.training import EvaluationData
from beenhere.photos.formats import (
    find_sets,
    protocols_of,
    read_evaluation,
    read_photos,
    training_photos,
)
from beenhere.photos.formats.dbstruct import PITTSBURGH
from beenhere.photos.ground_truth import EvaluationTables, GroundTruth, ListedTruth
from beenhere.photos.table import PhotoTable

Split = Literal["train", "val", "test"]
Side = Literal["database", "queries"]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class CollectionPart:
    """One table of a collection.

    Attributes:
        name: such as ``"sf_xs/test queries"``.
        folder: of its set, below the collection's root; ``"."`` for the root itself.
        split: what the set is for; None where nothing tells.
        side: of an evaluation set; None of other photos.
        rows: of the collection's frame.
    """

    name: str
    folder: str
    split: Split | None
    side: Side | None
    table: PhotoTable
    rows: slice


@dataclass(frozen=True)
class EvaluationPair:
    """The two parts of an evaluation set, by their numbers, and which photos are right."""

    database: int
    queries: int
    truth: GroundTruth


@dataclass(frozen=True)
class PhotoCollection:
    """Photos to examine.

    Attributes:
        root: what was read.
        parts: its tables.
        pairs: which of them belong together.
        frame: all photos, the parts' one after the other, with the columns of a photo table and
            ``part``, the number of each photo's part.
        loose: ``(path, reason)`` of photos below the root that are in no set.
    """

    root: Path
    parts: tuple[CollectionPart, ...]
    pairs: tuple[EvaluationPair, ...]
    frame: pl.DataFrame
    loose: tuple[tuple[str, str], ...] = ()

    @cached_property
    def positions(self) -> geo.Positions:
        """Every photo's."""
        return geo.joined([part.table.positions for part in self.parts])

    @cached_property
    def part(self) -> Rows:
        """The number of every photo's part."""
        return self.frame["part"].to_numpy().astype(np.intp)

    @cached_property
    def evaluated(self) -> frozenset[int]:
        """The numbers of the parts that a score is measured on."""
        return frozenset(number for pair in self.pairs for number in (pair.database, pair.queries))

    def rows_of(self, *splits: Split) -> Rows:
        """Photos of sets with these purposes."""
        wanted = [number for number, part in enumerate(self.parts) if part.split in splits]
        return np.flatnonzero(np.isin(self.part, wanted))

    def __len__(self) -> int:
        return self.frame.height


def gather(path: Path) -> PhotoCollection:
    """Read every set at a path: whatever ``beenhere data show`` knows.

    Of a published set these are the photos of all its protocols, and of its training split. Rows
    of a table that cannot be used are listed, and end nothing.

    A set is for what its protocol says, else what its folder or one above it is called, up to the
    root: ``train``, ``val`` or ``test``. A database with queries is for tests otherwise, and photos
    with places for training.

    Raises:
        DataError: nothing there, or something that cannot be read.
    """
    root = path.expanduser()
    found = find_sets(root)
    parts: list[CollectionPart] = []
    pairs: list[EvaluationPair] = []

    def add(folder: Path, split: Split | None, side: Side | None, table: PhotoTable) -> None:
        start = parts[-1].rows.stop if parts else 0
        rows = slice(start, start + len(table))
        name = folder.as_posix() if folder.parts else root.absolute().name
        name = f"{name} {side}" if side else name
        parts.append(CollectionPart(name, folder.as_posix(), split, side, table, rows))

    for each in found.sets:
        # A table that is a set by itself gets a folder of its name.
        alone = each.path.is_file() and each.path != root
        folder = (each.path.with_suffix("") if alone else each.path).relative_to(root)
        split = _split(root.absolute().name, *each.path.relative_to(root).parts)
        if not each.evaluation:
            table = read_photos(each.path, strict=False)
            labelled = table.frame["place"].is_not_null().any()
            add(folder, split or ("train" if labelled else None), None, table)
            continue
        training = training_photos(each.path)
        if training is not None:
            add(folder / "train", "train", None, training)
        databases = _databases(each.path)
        for protocol, tables in databases:
            own = _split((protocol or "").partition("-")[0]) or split or "test"
            inside = folder
            if protocol is not None and len(databases) > 1:
                inside /= protocol  # several databases need folders of their own
            elif protocol is not None and training is not None:
                inside /= own
            pairs.append(EvaluationPair(len(parts), len(parts) + 1, tables.truth))
            add(inside, own, "database", tables.database)
            add(inside, own, "queries", tables.queries)
    frames = [
        part.table.frame.with_columns(part=pl.lit(number, pl.Int32))
        for number, part in enumerate(parts)
    ]
    return PhotoCollection(root, tuple(parts), tuple(pairs), pl.concat(frames), tuple(found.loose))


def _split(*names: str) -> Split | None:
    """By the last of such a name; what is above the root says nothing about a set."""
    for name in reversed(names):
        match name:
            case "train" | "val" | "test":
                return name
    return None


def _databases(folder: Path) -> list[tuple[str | None, EvaluationTables]]:
    """Each database of a set with the first protocol that has it, and the queries of all.

    A query of several protocols counts once, with what the first of them says is right.
    """
    # Not those of the other Pittsburgh set there: its photos are the same ones, and more.
    protocols: list[str | None] = [
        name for name in protocols_of(folder) if not name.startswith(PITTSBURGH)
    ]
    found: dict[tuple[str, ...], tuple[str | None, EvaluationTables]] = {}
    for protocol in protocols or [None]:
        tables = read_evaluation(EvaluationData(tree=folder, protocol=protocol), strict=False)
        key = tuple(tables.database.paths)
        if key in found:
            first, known = found[key]
            found[key] = first, _with_queries_of(tables, known)
        else:
            found[key] = protocol, tables
    return list(found.values())


def _with_queries_of(more: EvaluationTables, known: EvaluationTables) -> EvaluationTables:
    """The known tables, and those queries of the others that they lack."""
    old, other = known.queries, more.queries
    new = ~other.frame["path"].is_in(old.frame["path"].implode())
    if not new.any():
        return known
    queries = PhotoTable(
        pl.concat([old.frame, other.frame.filter(new)]),
        list(dict.fromkeys([*old.unusable, *other.unusable])),
        list(dict.fromkeys([*old.notes, *other.notes])),
        old.source,
        pl.concat([old.headings_outside, other.headings_outside]).unique(maintain_order=True),
    )
    listed = known.listed
    if listed is not None:
        theirs = more.truth.positives(None)
        lists = [*listed.positives(None), *(theirs[row] for row in new.arg_true())]
        listed = ListedTruth(lists, len(known.database))
    return EvaluationTables(known.database, queries, known.name, listed)
