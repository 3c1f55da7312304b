"""The saved index: photos, where they were taken, and their descriptors, to be searched."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beenhere import config_yaml
from beenhere.config import ComputeConfig, IndexConfig
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError
from beenhere.retrieval.index.checking import Check, check_index
from beenhere.retrieval.index.compaction import Compacted, compact_index
from beenhere.retrieval.index.manifest import Manifest
from beenhere.retrieval.index.removing import Removed, remove_photos
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.vectors import StoredVectors

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel
    from beenhere.retrieval.extract import Descriptors
    from beenhere.retrieval.index.adding import Added
    from beenhere.retrieval.search.filters import Filter

# What computes descriptors is imported when it is called: torch takes seconds, and to open an
# index and look at it needs none of it.


@dataclass(frozen=True, eq=False)
class Matches:
    """The photos nearest to some queries, nearest first.

    Attributes:
        similarity: ``(m, k)`` float32, cosine; NaN where there are fewer than k photos.
        rows: ``(m, k)`` int64 rows of :attr:`photos`; -1 there.
        index: the state that was searched.
    """

    similarity: NDArray[np.float32]
    rows: NDArray[np.int64]
    index: Snapshot

    @property
    def photos(self) -> PhotoTable:
        """Every row of the index as it was searched, removed ones too."""
        return self.index.photos

    def paths(self, query: int) -> list[str]:
        """Of the photos found for a query, nearest first."""
        found = self.rows[query]
        return self.photos.frame["path"].gather(found[found >= 0]).to_list()


class Index:
    """A saved index, open for searching and for changes; see :meth:`open` and :meth:`build`.

    It shows one state of the folder: what other processes write is seen after :meth:`refresh`, and
    disturbs nothing before. Its own changes are seen at once.

        >>> index = beenhere.Index.open("city.index")
        >>> queries = index.describe("holiday")
        >>> index.search(queries.vectors, k=5).paths(0)

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        self.path = path
        self._snapshot = snapshot
        self._models: dict[str, VPRModel] = {}

    @classmethod
    def open(cls, path: str | Path) -> "Index":
        """Open an index. Takes well under a second whatever its size: descriptors stay on disk.

        Raises:
            DataError: no index there, one of a newer format, or a part that is missing or has
                another size than was written.
        """
        return cls(Path(path), Snapshot.open(Path(path)))

    @classmethod
    def build(
        cls,
        photos: PhotoTable | str | Path,
        model: "VPRModel | str | Path",
        path: str | Path,
        wait: float = 0,
        **options: Any,
    ) -> "Index":
        """Make an index of photos, and open it.

        Interrupted, the same call goes on where it was. Photos that cannot be read are left out:
        see :attr:`unreadable`.

        Args:
            photos: a table, or a path of any format that is known.
            model: a checkpoint or run folder, ``"offline-lite0"``, or a model.
            path: of the new folder.
            wait: seconds to wait for another process that writes it.
            **options: those of :class:`beenhere.config.IndexConfig`, such as ``dtype="float16"``,
                ``extract={"batch_size": 32}``.

        Raises:
            ConfigError: an unknown option, or no such device.
            DataError: no photos there; the folder holds an index of others, or other things;
                another process writes it; or it cannot be written.
            ModelError: no such model, or the folder holds an index of another one.
        """
        from beenhere.retrieval.index.building import build_index

        config = config_yaml.validate(IndexConfig, options, "options of Index.build")
        build_index(Path(path), _table(photos), model, config, wait, "photos")
        return cls.open(path)

    def __len__(self) -> int:
        """Photos that can be found."""
        return self.manifest.photos

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r}, {len(self)} photos, {self.manifest.dtype})"

    @property
    def manifest(self) -> Manifest:
        """What the index holds, in numbers: its model, dtype, counts and files."""
        return self._snapshot.manifest

    @property
    def photos(self) -> PhotoTable:
        """Every row of the index; removed ones too, until it is compacted. Read when first asked.

        Raises:
            DataError: a part is damaged.
        """
        return self._snapshot.photos

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """``(rows,)``: whether each row of :attr:`photos` counts; removed ones do not."""
        return self._snapshot.allowed

    @property
    def segments(self) -> tuple[StoredVectors, ...]:
        """Descriptors, memory-mapped: one segment after the other they are :attr:`photos`' rows."""
        return self._snapshot.segments

    @property
    def unreadable(self) -> dict[str, str]:
        """Path and reason of each photo that was given and could not be read."""
        return self._snapshot.left_out

    def refresh(self) -> None:
        """See what was written since it was opened.

        Raises:
            DataError: as :meth:`open`.
        """
        self._snapshot = Snapshot.open(self.path)

    def model(self, device: str = "auto") -> "VPRModel":
        """The model whose descriptors the index holds; read once for a device.

        Args:
            device: such as ``"cuda"``; ``"auto"``: the first GPU if there is one, else the CPU.

        Raises:
            ModelError: it is not as it was when the index was built.
            ConfigError: no such device.
        """
        from beenhere.retrieval.index.models import indexed_model

        if device not in self._models:
            self._models[device] = indexed_model(self.path, self.manifest.model, device)
        return self._models[device]

    def check_model(self, model: "VPRModel") -> None:
        """See that a model is the one whose descriptors the index holds.

        Raises:
            ModelError: it is another; both are named.
        """
        from beenhere.retrieval.index.models import check_model

        check_model(self.path, self.manifest.model, model)

    def describe(self, photos: PhotoTable | str | Path, **options: Any) -> "Descriptors":
        """Descriptors of photos to search for, computed as those of the index were.

        Args:
            photos: a table, or a path of any format that is known.
            **options: those of :class:`beenhere.config.ComputeConfig`, such as ``device="cpu"``.

        Raises:
            ConfigError: an unknown option, no such device, or another precision than the index's.
            DataError: no photos there.
            ModelError: a photo has a size that the model cannot take.
        """
        from beenhere.retrieval.extract import extract
        from beenhere.retrieval.index.models import extraction

        config = config_yaml.validate(ComputeConfig, options, "options of Index.describe")
        computing = extraction(self.manifest.model, config, "float32")
        return extract(self.model(config.device), _table(photos), computing, None, None)

    def search(
        self, descriptors: NDArray[np.floating], k: int, where: "Filter | None" = None
    ) -> Matches:
        """The photos nearest to some queries, by cosine similarity; exact.

        Args:
            descriptors: ``(m, D)``, L2-normalised, by :meth:`describe`.
            k: how many photos for each; where there are fewer, the rest says so.
            where: what the photos must be besides; None: all are searched.

        Raises:
            DataError: descriptors of another shape, k below 1, or a damaged index.
        """
        index = self._snapshot
        queries = np.asarray(descriptors, np.float32)
        dim = index.manifest.model.dim
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise DataError(
                f"descriptors are {queries.shape}; expected (queries, {dim}), by the model of "
                f"{self.path}"
            )
        if k < 1:
            raise DataError(f"k is {k}; expected 1 or more")
        allowed = index.allowed if len(index.removed) else None
        if where is not None:
            chosen = where.rows(index.photos)
            allowed = chosen if allowed is None else allowed & chosen
        if index.segments:
            from beenhere.retrieval.search.exact import search_exact

            similarity, rows = search_exact(index.segments, queries, k, allowed)
        else:
            similarity = np.full((len(queries), k), np.nan, np.float32)
            rows = np.full((len(queries), k), -1, np.int64)
        return Matches(similarity, rows, index)

    def add(
        self,
        photos: PhotoTable | str | Path,
        model: "VPRModel | None" = None,
        wait: float = 0,
        **options: Any,
    ) -> "Added":
        """Add photos; what the index knows already is not computed again.

        Moved and replaced files are recognised; see
        :func:`beenhere.retrieval.index.adding.add_photos`.

        Args:
            photos: a table, or a path of any format that is known.
            model: the index's, if it is at hand; None: it is read from the index.
            wait: seconds to wait for another process that writes it.
            **options: those of :class:`beenhere.config.ComputeConfig`, such as ``batch_size=32``.

        Raises:
            ConfigError: an unknown option, no such device, or another precision than the index's.
            DataError: no photos there, another process writes the index, or it cannot be written.
            ModelError: a model that is not the index's.
        """
        from beenhere.retrieval.index.adding import add_photos

        config = config_yaml.validate(ComputeConfig, options, "options of Index.add")
        if model is None:
            model = self.model(config.device)
        added = add_photos(self.path, _table(photos), config, model, wait, "photos")
        self.refresh()
        return added

    def remove(self, *paths: str | Path, wait: float = 0) -> Removed:
        """Take photos out, by paths, folders or patterns; their files are not touched.

        Args:
            *paths: see :func:`beenhere.retrieval.index.removing.remove_photos`.
            wait: seconds to wait for another process that writes the index.

        Raises:
            DataError: a path that stands for no photo of the index, in which case nothing is
                removed; another process writes the index, or it cannot be written.
        """
        removed = remove_photos(self.path, paths, wait)
        self.refresh()
        return removed

    def compact(self, wait: float = 0) -> Compacted:
        """Give back the space of removed photos; rows get new numbers.

        Args:
            wait: seconds to wait for another process that writes the index.

        Raises:
            DataError: another process writes the index, or it cannot be written.
        """
        compacted = compact_index(self.path, wait)
        self.refresh()
        return compacted

    def check(self) -> Check:
        """Read every file of the index on the disk, and see whether it is as it was written."""
        return check_index(self.path)


def _table(photos: PhotoTable | str | Path) -> PhotoTable:
    return photos if isinstance(photos, PhotoTable) else PhotoTable.read(photos)
