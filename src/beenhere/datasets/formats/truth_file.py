"""Writes the ``ground_truth.csv`` that :mod:`beenhere.datasets.formats.listed_truth` reads."""

import posixpath
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.datasets.formats.listed_truth import TRUTH_FILES


def write_truth(
    folder: Path,
    positives: Sequence[NDArray[np.intp]],
    database: Sequence[str],
    queries: Sequence[str],
) -> Path:
    """Write which database photos are right for which query, a pair in each row.

    Args:
        folder: holds ``database/`` and ``queries/``.
        positives: for each query the numbers of its database photos.
        database, queries: paths, as a table in ``database/`` and one in ``queries/`` names them.

    Returns:
        The file.
    """
    # Neither side is a link, so ".." right behind it leads into the folder.
    found, asked = (
        [posixpath.normpath(posixpath.join(side, path)) for path in paths]
        for side, paths in (("database", database), ("queries", queries))
    )
    rows = {
        "query": [asked[query] for query, some in enumerate(positives) for _ in some],
        "database": [found[row] for some in positives for row in some.tolist()],
    }
    file = folder / TRUTH_FILES[0]
    pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String)).write_csv(file)
    return file
