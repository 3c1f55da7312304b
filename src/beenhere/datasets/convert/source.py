"""What is to be converted: every set below a path, with where it lies there."""

from dataclasses import dataclass, replace
from pathlib import Path

from beenhere.config import EvaluationData
from beenhere.datasets.formats import (
    find_sets,
    protocols_of,
    read_evaluation,
    read_photos,
    training_photos,
)
from beenhere.datasets.ground_truth import ListedTruth
from beenhere.datasets.table import PhotoTable


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


def read_parts(source: Path) -> list[SourcePart]:
    """Training sets as one part each, a database with queries as two.

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
        beside = f"{folder}/" if folder else ""
        left = (*_notes(tables.queries), *_other_protocols(found.path, folder))
        if training is not None:  # then the sides need a folder of their own
            folder = f"{beside}{protocols_of(found.path)[0].partition('-')[0]}"
        inside = f"{folder}/" if folder else ""
        parts += [
            SourcePart(tables.database, f"{inside}database", folder, left=_notes(tables.database)),
            SourcePart(tables.queries, f"{inside}queries", folder, tables.listed, left),
        ]
        if training is not None:
            parts.append(SourcePart(training, f"{beside}train", left=_notes(training)))
    if below.loose:
        count, some = len(below.loose), Path(below.loose[0][0]).name
        said = f"{count:,} photo{'s' * (count > 1)} in no set, such as {some}"
        parts[0] = replace(parts[0], left=(*parts[0].left, said))
    return parts


def _folder(source: Path, path: Path) -> str:
    """Below the source; a table that is a set by itself gets a folder of its name."""
    if path == source:
        return ""
    return (path.with_suffix("") if path.is_file() else path).relative_to(source).as_posix()


def _notes(table: PhotoTable) -> tuple[str, ...]:
    return tuple(f"{Path(file).name}: {text}" for file, text in table.notes)


def _other_protocols(path: Path, folder: str) -> tuple[str, ...]:
    """What is read is the first."""
    others = protocols_of(path)[1:]
    if not others:
        return ()
    return (f"the protocol{'s' * (len(others) > 1)} {', '.join(others)} of {folder or 'the set'}",)
