"""All photos of a set, or of a folder of sets, in one frame: leakage shows only across sets."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import EvaluationData
from beenhere.datasets.formats import PhotoSet, read_evaluation, read_photos, sets_in
from beenhere.datasets.ground_truth import GroundTruth
from beenhere.datasets.table import PhotoTable

Split = Literal["train", "val", "test"]
Side = Literal["database", "queries"]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Part:
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
class Pair:
    """The two parts of an evaluation set, by their numbers, and which photos are right."""

    database: int
    queries: int
    truth: GroundTruth


@dataclass(frozen=True)
class Collection:
    """Photos to examine.

    Attributes:
        root: what was read.
        parts: its tables.
        pairs: which of them belong together.
        frame: all photos, the parts' one after the other, with the columns of a photo table and
            ``part``, the number of each photo's part.
    """

    root: Path
    parts: tuple[Part, ...]
    pairs: tuple[Pair, ...]
    frame: pl.DataFrame

    @cached_property
    def positions(self) -> geo.Positions:
        """Every photo's."""
        return geo.joined([part.table.positions for part in self.parts])

    @cached_property
    def part(self) -> Rows:
        """The number of every photo's part."""
        return self.frame["part"].to_numpy().astype(np.intp)

    def rows_of(self, *splits: Split) -> Rows:
        """Photos of sets with these purposes."""
        wanted = [number for number, part in enumerate(self.parts) if part.split in splits]
        return np.flatnonzero(np.isin(self.part, wanted))

    def __len__(self) -> int:
        return self.frame.height


def gather(path: Path) -> Collection:
    """Read every set at a path: whatever ``beenhere data show`` knows.

    A set is for what its folder or one above it is called: ``train``, ``val`` or ``test``. A
    database with queries is for tests otherwise, and photos with places for training.

    Raises:
        DataError: nothing there, or something that cannot be read.
    """
    root = path.expanduser()
    tables: list[tuple[PhotoSet, Side | None, PhotoTable]] = []
    pairs = []
    for found in sets_in(root):
        if not found.evaluation:
            tables.append((found, None, read_photos(found.path)))
            continue
        sides = read_evaluation(EvaluationData(tree=found.path))
        pairs.append(Pair(len(tables), len(tables) + 1, sides.truth))
        tables += [(found, "database", sides.database), (found, "queries", sides.queries)]
    ends = np.cumsum([0, *(len(table) for _, _, table in tables)]).tolist()
    parts = tuple(
        Part(
            name=" ".join(filter(None, (_name(root, found.path), side))),
            folder=_below(root, found.path),
            split=_split(found, table),
            side=side,
            table=table,
            rows=slice(ends[number], ends[number + 1]),
        )
        for number, (found, side, table) in enumerate(tables)
    )
    frames = [
        part.table.frame.with_columns(part=pl.lit(number, pl.Int32))
        for number, part in enumerate(parts)
    ]
    return Collection(root, parts, tuple(pairs), pl.concat(frames))


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _name(root: Path, path: Path) -> str:
    below = _below(root, path)
    return root.absolute().name if below == "." else below


def _split(found: PhotoSet, table: PhotoTable) -> Split | None:
    for folder in reversed(found.path.absolute().parts):
        match folder:
            case "train" | "val" | "test":
                return folder
    if found.evaluation:
        return "test"
    return "train" if table.frame["place"].is_not_null().any() else None
