"""The photos that an evaluation set tests on: those of all its protocols, each of them once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from beenhere.config import EvaluationData
from beenhere.datasets.formats import protocols_of, read_evaluation
from beenhere.datasets.formats.dbstruct import PITTSBURGH
from beenhere.datasets.ground_truth import EvaluationTables, GroundTruth, ListedTruth, PositionTruth
from beenhere.datasets.table import PhotoTable


@dataclass(frozen=True)
class Tested:
    """A database, and all queries to it.

    Attributes:
        protocol: the first that has this database; None where the set has no protocols.
    """

    protocol: str | None
    database: PhotoTable
    queries: PhotoTable
    truth: GroundTruth


def tested(folder: Path) -> list[Tested]:
    """Each database of a set, with the queries of all protocols that search in it.

    A query of several protocols counts once, with what the first of them says is right.

    Raises:
        DataError: something that cannot be read.
    """
    by_database: dict[tuple[str, ...], Tested] = {}
    protocols: Sequence[str | None] = _own_protocols(folder) or [None]
    for protocol in protocols:
        data = EvaluationData(tree=folder, protocol=protocol)
        tables = read_evaluation(data, strict=False)
        key = tuple(tables.database.paths)
        known = by_database.get(key)
        if known is None:
            by_database[key] = Tested(protocol, tables.database, tables.queries, tables.truth)
        else:
            by_database[key] = _with_more(known, tables)
    return list(by_database.values())


def _own_protocols(folder: Path) -> list[str]:
    """Without those of the other Pittsburgh set beside: its photos are the same ones, and more."""
    return [name for name in protocols_of(folder) if not name.startswith(PITTSBURGH)]


def _with_more(known: Tested, tables: EvaluationTables) -> Tested:
    new = ~tables.queries.frame["path"].is_in(known.queries.frame["path"].implode())
    if not new.any():
        return known
    rows = new.arg_true().to_list()
    queries = PhotoTable(
        pl.concat([known.queries.frame, tables.queries.frame.filter(new)]),
        list(dict.fromkeys([*known.queries.unusable, *tables.queries.unusable])),
        list(dict.fromkeys([*known.queries.notes, *tables.queries.notes])),
        known.queries.source,
        pl.concat([known.queries.headings_outside, tables.queries.headings_outside]).unique(
            maintain_order=True
        ),
    )
    truth: GroundTruth
    if known.truth.listed:
        more = tables.truth.positives(None)
        lists = [*known.truth.positives(None), *(more[row] for row in rows)]
        truth = ListedTruth(lists, len(known.database))
    else:
        truth = PositionTruth(known.database.positions, queries.positions)
    return Tested(known.protocol, known.database, queries, truth)
