"""The lists of what is right, under the photos' new names."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from beenhere.datasets.convert.source import SourcePart
from beenhere.datasets.formats.listed_truth import write_truth


def carry_truth(parts: list[SourcePart], named: Mapping[str, list[str]], folder: Path) -> None:
    """Write ``ground_truth.csv`` beside each database whose positives are listed.

    Args:
        parts: queries follow their database.
        named: by ``SourcePart.folder`` its photos, in their order, as they are called there.
        folder: where everything is written.
    """
    for database, queries in pairwise(parts):
        if queries.listed is not None and queries.tree is not None:
            positives = queries.listed.positives(None)
            sides = named[database.folder], named[queries.folder]
            write_truth(folder / queries.tree, positives, *sides)
