"""See whether a collection holds what it should."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from beenhere.errors import DataError
from beenhere.retrieval.index.checking import NORM_TOLERANCE
from beenhere.retrieval.milvus.collection import Collection
from beenhere.retrieval.milvus.rows import photo_frame
from beenhere.wording import one_line


def damages_of(collection: Collection) -> Iterator[str]:
    """A line for each thing that is wrong; every photo and descriptor is read.

    Raises:
        DataError: Milvus does not answer.
    """
    paths: dict[str, str] = {}
    for batch, vectors in collection.every_vector():
        for entity in batch:
            key, path = entity["id"], entity["path"]
            if not key.startswith(entity["sha256"]):
                yield f"{collection.address}: {path} has the key of another photo ({key[:16]})"
            if paths.setdefault(path, key) != key:
                yield f"{collection.address}: {path} stands in two rows; expected each photo once"
        try:
            photo_frame(batch)
        except (ValueError, TypeError, DataError, pl.exceptions.PolarsError) as error:
            text = one_line(error)
            yield f"{collection.address}: photos near {batch[0]['path']} cannot be read ({text})"
        lengths = np.linalg.norm(vectors, axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= NORM_TOLERANCE["float32"]))
        for row in wrong.tolist():
            yield (
                f"{collection.address}: the descriptor of {batch[row]['path']} has length "
                f"{lengths[row]:g}; expected 1"
            )
