"""An index whose photos and descriptors lie in a Milvus collection."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import config_yaml
from beenhere.config.evaluation import ComputeConfig
from beenhere.errors import DataError
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.checking import Check, check_index
from beenhere.retrieval.index.compaction import Compacted
from beenhere.retrieval.index.index import Index
from beenhere.retrieval.index.matches import Matches
from beenhere.retrieval.index.removing import Removed
from beenhere.retrieval.index.searching import check_condition, checked_descriptors
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.milvus.address import Address
from beenhere.retrieval.milvus.checking import damages_of
from beenhere.retrieval.milvus.collection import Collection
from beenhere.retrieval.milvus.removing import remove_from_collection
from beenhere.retrieval.milvus.searching import covered_by, search_collection

if TYPE_CHECKING:
    from beenhere.retrieval.index.adding import Added
    from beenhere.retrieval.search.filters import Filter


class MilvusIndex(Index):
    """An index like others, for more photos than one machine holds; :meth:`Index.open` makes it.

    It shows the collection as it is: what other processes write is seen by the next search.

    Attributes:
        path: of the folder.
        collection: of the photos.
    """

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        super().__init__(path, snapshot)
        self.collection = _open(snapshot)

    def __len__(self) -> int:
        return self.collection.count()

    def __repr__(self) -> str:
        return f"MilvusIndex({str(self.path)!r}, {len(self)} photos, {self.collection.address})"

    @property
    def photos(self) -> PhotoTable:
        """Not to be had: there may be more than memory holds.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"{self.path}: its photos lie in {self.collection.address}, maybe more than memory "
            "holds; those that a search finds are in the photos of its matches"
        )

    def refresh(self) -> None:
        """See the folder's calibration as it is now; photos are seen without.

        Raises:
            DataError: as :meth:`Index.open`.
        """
        super().refresh()
        self.collection = _open(self._snapshot)

    def search(
        self,
        descriptors: NDArray[np.floating],
        k: int,
        where: "Filter | None" = None,
        exact: bool = False,
    ) -> Matches:
        """The photos nearest to some queries; rows are those of the matches' own photos.

        Args:
            descriptors, k, where: as in :meth:`Index.search`; k is 16,384 at most.
            exact: of a collection that was made for exact search it is; of another it is refused.

        Raises:
            ConfigError: ``where`` is no filter.
            DataError: descriptors of another shape, a k that is out of range, exact search of a
                collection for hnsw, or Milvus does not answer.
        """
        check_condition(where)
        queries = checked_descriptors(self.path, self.manifest, descriptors, k)
        if exact and self.collection.graph:
            raise DataError(
                f"{self.collection.address} was made for hnsw, and finds nearly all; for exact "
                "search build an index with search exact"
            )
        similarity, rows, found = search_collection(self.collection, queries, k, where)
        return Matches(similarity, rows, found)

    def covers(self, positions: geo.Positions, radius: float) -> NDArray[np.bool_]:
        """Whether a photo was taken near each of some positions, as :meth:`Index.covers`.

        Milvus is asked once for each.

        Raises:
            DataError: Milvus does not answer.
        """
        return covered_by(self.collection, positions, radius)

    def add(
        self,
        photos: PhotoTable | str | Path,
        model: "Any | None" = None,
        wait: float = 0,
        **options: Any,
    ) -> "Added":
        """Add photos, as :meth:`Index.add` does; batch by batch, each found as soon as it is there.

        A removed photo that comes back is computed again.

        Raises:
            ConfigError, DataError, ModelError: as :meth:`Index.add`, and Milvus does not answer.
        """
        from beenhere.retrieval.index.models import extraction
        from beenhere.retrieval.milvus.adding import put_in_collection

        start = time.perf_counter()
        config = config_yaml.validate(ComputeConfig, options, "options of Index.add")
        extraction(self.manifest.model, config, "float32")  # refuses what does not fit, at once
        if model is None:
            model = self.model(config.device)
        self.check_model(model)
        table = photos if isinstance(photos, PhotoTable) else read_photos(photos)
        with changing(self.path, wait) as change:
            added = put_in_collection(
                change, self.collection, table, model, config, "photos", start
            )
        super().refresh()
        return added

    def remove(self, *paths: str | Path, wait: float = 0) -> Removed:
        """Take photos out, by paths, folders or patterns; their files are not touched.

        Raises:
            DataError: as :meth:`Index.remove`, and Milvus does not answer.
        """
        with changing(self.path, wait) as change:
            removed = remove_from_collection(change, self.collection, paths)
        super().refresh()
        return removed

    def train(self, search: str | dict[str, Any] = "auto", wait: float = 0) -> None:
        """Not for photos in Milvus, where search is settled when the index is built.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"{self.path}: its photos lie in Milvus, where search exact or hnsw is chosen when the "
            "index is built; build another"
        )

    def compact(self, wait: float = 0) -> Compacted:
        """Not for photos in Milvus, which gives back space by itself.

        Raises:
            DataError: always.
        """
        raise DataError(f"{self.path}: its photos lie in Milvus, which gives back space by itself")

    def check(self) -> Check:
        """Read every file of the folder and every photo of the collection."""
        found = check_index(self.path)
        wrong = [*found.damages, *damages_of(self.collection)]
        return Check(found.parts, found.bytes, wrong, found.leftovers)


def _open(snapshot: Snapshot) -> Collection:
    manifest = snapshot.manifest
    assert manifest.store is not None
    address = Address(manifest.store.address, manifest.store.collection)
    return Collection.open(address, manifest.model, manifest.search)
