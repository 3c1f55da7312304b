"""What is to be converted: every set below a path, with where it lies there."""

from dataclasses import dataclass
from pathlib import Path

from beenhere.config import EvaluationData
from beenhere.datasets.formats import read_evaluation, read_photos, sets_in
from beenhere.datasets.table import PhotoTable


@dataclass(frozen=True)
class SourcePart:
    """Photos that stay together.

    Attributes:
        table: its photos.
        folder: where they lie below the source, with ``/``; ``""`` for the source itself.
        tree: of a database or queries, the folder that holds both; else None.
        listed: whether lists, not positions, say which of them are positives.
    """

    table: PhotoTable
    folder: str
    tree: str | None = None
    listed: bool = False


def read_parts(source: Path) -> list[SourcePart]:
    """Training sets as one part each, a database with queries as two.

    Raises:
        DataError: nothing there that can be read.
    """
    parts = []
    for found in sets_in(source):
        folder = found.path.relative_to(source).as_posix() if found.path != source else ""
        if not found.evaluation:
            parts.append(SourcePart(read_photos(found.path), folder))
            continue
        tables = read_evaluation(EvaluationData(tree=found.path))
        for name, table in (("database", tables.database), ("queries", tables.queries)):
            inside = f"{folder}/{name}" if folder else name
            parts.append(SourcePart(table, inside, folder, tables.listed is not None))
    return parts
