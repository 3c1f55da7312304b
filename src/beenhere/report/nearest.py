"""The photos that a search found, for people and for other programs: text, JSON, CSV."""

from collections.abc import Iterator
from typing import Any

from beenhere.files.csv_text import csv_text
from beenhere.photos.reference import is_placed
from beenhere.report.location import json_text, where_in_words
from beenhere.retrieval.locate.answer import Match, Nearest
from beenhere.wording import printable

CSV_COLUMNS = (
    *("query", "rank", "path", "similarity", "lat", "lon", "heading", "captured"),
    *("x", "y", "frame", "map", "place"),
)
"""One row a photo that was found; empty where nothing is known."""


def nearest_text(found: Nearest) -> str:
    """Each query's name, and a line for each photo: rank, similarity, path, and where it is."""
    lines = []
    for query, matches in _read(found):
        lines.append(query)
        lines += [
            f"  {match.rank:>3}  {match.similarity:.3f}  {_named(match)}" for match in matches
        ]
        if not matches:
            lines.append("  no photo")
    return "".join(f"{printable(line)}\n" for line in lines)


def _named(match: Match) -> str:
    return f"{match.path}  {where_in_words(match)}" if is_placed(match) else match.path


def nearest_json(found: Nearest) -> str:
    """An array with an object a query: ``query``, and ``matches`` with the CSV's other fields."""
    values = [
        {"query": query, "matches": [_values(match) for match in matches]}
        for query, matches in _read(found)
    ]
    return json_text(values)


def nearest_csv(found: Nearest) -> str:
    """A header of :data:`CSV_COLUMNS`, then a row for each photo that was found, by query."""
    rows = [
        {"query": query, **_values(match)} for query, matches in _read(found) for match in matches
    ]
    return csv_text(CSV_COLUMNS, rows)


def _read(found: Nearest) -> Iterator[tuple[str, tuple[Match, ...]]]:
    for query, matches in zip(found.queries, found.matches, strict=True):
        if matches is not None:
            yield query, matches


def _values(match: Match) -> dict[str, Any]:
    attributes = {name: "name" if name == "place" else name for name in CSV_COLUMNS[1:]}
    return {name: getattr(match, attribute) for name, attribute in attributes.items()}
