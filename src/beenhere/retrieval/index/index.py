"""The saved index: photos, where they were taken, and their descriptors, to be searched."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import config_yaml
from beenhere.config.evaluation import ComputeConfig
from beenhere.config.retrieval import IndexConfig, IndexSearchConfig, LocateConfig
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.calibrating import keep_calibration
from beenhere.retrieval.index.checking import Check, check_index
from beenhere.retrieval.index.compaction import Compacted, compact_index
from beenhere.retrieval.index.manifest import Manifest
from beenhere.retrieval.index.matches import Matches
from beenhere.retrieval.index.removing import Removed, remove_photos
from beenhere.retrieval.index.searching import (
    check_condition,
    checked_descriptors,
    search_snapshot,
)
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.index.structures import train_index
from beenhere.retrieval.locate.asking import locate_options
from beenhere.retrieval.search.vectors import StoredVectors

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel
    from beenhere.retrieval.extract import Descriptors
    from beenhere.retrieval.index.adding import Added
    from beenhere.retrieval.locate.answer import Location
    from beenhere.retrieval.locate.locator import Located, Locator
    from beenhere.retrieval.locate.photo_input import Given
    from beenhere.retrieval.search.filters import Filter

# What computes descriptors is imported when it is called: torch takes seconds, and to open an
# index and look at it needs none of it.


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
        self._kept_locator: Locator | None = None

    @classmethod
    def open(cls, path: str | Path) -> "Index":
        """Open an index. Takes well under a second whatever its size: descriptors stay on disk.

        Raises:
            DataError: no index there, one of a newer format, or a part that is missing or has
                another size than was written.
        """
        snapshot = Snapshot.open(Path(path))
        if snapshot.manifest.store is not None:
            from beenhere.retrieval.milvus import MilvusIndex

            return MilvusIndex(Path(path), snapshot)
        return cls(Path(path), snapshot)

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
            **options: those of :class:`beenhere.config.retrieval.IndexConfig`,
                such as ``dtype="float16"``,
                ``search="pq"``, ``whitening={"dim": 512}``, ``extract={"batch_size": 32}``.

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
        """Descriptors, memory-mapped: one segment after the other they are :attr:`photos`' rows.

        Of a whitened index they have its numbers, not the model's.
        """
        return self._snapshot.segments

    @property
    def unreadable(self) -> dict[str, str]:
        """Path and reason of each photo that was given and could not be read."""
        return self._snapshot.left_out

    @property
    def calibration(self) -> dict[str, Any] | None:
        """The values that were kept by :meth:`set_calibration`; None before.

        Raises:
            DataError: the part is damaged.
        """
        return self._snapshot.calibration

    def set_calibration(self, values: dict[str, Any] | None, wait: float = 0) -> None:
        """Keep what turns evidence into probabilities; it stays when photos come and go.

        Args:
            values: numbers, texts, lists and mappings of them; None forgets what is kept.
            wait: seconds to wait for another process that writes the index.

        Raises:
            DataError: other values; another process writes the index, or it cannot be written.
        """
        keep_calibration(self.path, values, wait)
        self.refresh()

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

        They have the model's dimension; :meth:`search` whitens them where the index is whitened.

        Args:
            photos: a table, or a path of any format that is known.
            **options: those of :class:`beenhere.config.evaluation.ComputeConfig`,
                such as ``device="cpu"``.

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
        self,
        descriptors: NDArray[np.floating],
        k: int,
        where: "Filter | None" = None,
        exact: bool = False,
    ) -> Matches:
        """The photos nearest to some queries, by cosine similarity.

        Looks through the search structure, where the index has one: similarities and order are
        exact, but a photo may be missed.

        Args:
            descriptors: ``(m, D)``, L2-normalised, by :meth:`describe`: D is the model's, and where
                the index is whitened they are projected here.
            k: how many photos for each; where there are fewer, the rest says so.
            where: what the photos must be besides; None: all are searched.
            exact: whether to look at every photo, structure or not.

        Raises:
            ConfigError: ``where`` is no filter.
            DataError: descriptors of another shape, k below 1, or a damaged index.
        """
        check_condition(where)
        queries = checked_descriptors(self.path, self.manifest, descriptors, k)
        return search_snapshot(self._snapshot, queries, k, where, exact)

    def covers(self, positions: geo.Positions, radius: float) -> NDArray[np.bool_]:
        """Whether a photo of the index was taken near each of some positions.

        Args:
            positions: ``(m,)``; near one that is not known is nothing.
            radius: metres at most, 0 or more.

        Returns:
            ``(m,)``.

        Raises:
            DataError: a damaged index.
        """
        photos = self.photos.positions[self.allowed.nonzero()[0]]
        return np.array([len(rows) > 0 for rows in geo.within(photos, positions, radius)], bool)

    def train(self, search: str | dict[str, Any] = "auto", wait: float = 0) -> None:
        """Have the index searched in another way; descriptors stay as they are.

        A structure is trained where one is needed that is not there yet, over all photos.

        Args:
            search: a kind, or options of :class:`beenhere.config.retrieval.SearchConfig`, such as
                ``{"kind": "pq", "rescore": 100}``; ``"exact"`` needs no structure.
            wait: seconds to wait for another process that writes the index.

        Raises:
            ConfigError: an unknown option.
            DataError: another process writes the index, or it cannot be written.
        """
        config = config_yaml.validate(
            IndexSearchConfig, {"search": search}, "options of Index.train"
        )
        train_index(self.path, config.search, wait, "photos in the search structure")
        self.refresh()

    def locate(
        self,
        photo: "Given",
        where: "Filter | None" = None,
        verify: bool = False,
        **options: Any,
    ) -> "Location":
        """Where a photo was taken, how surely, and on what evidence.

        The second call takes one forward pass and one search: the model stays loaded.

            >>> index = beenhere.Index.open("city.index")
            >>> location = index.locate("holiday.jpg")
            >>> location.place.lat, location.place.lon, location.probability

        Args:
            photo: a path, bytes of a file, an open binary file, an image of Pillow's, or an array
                ``(H, W)`` or ``(H, W, 3)``, uint8 or floating point in [0, 1].
            where: what matches must be besides, such as near a last GPS fix.
            verify: compare local features with those of the first matches, which have to lie where
                the index says.
            **options: those of :class:`beenhere.config.retrieval.LocateConfig`,
                such as ``threshold=0.9``,
                ``extract={"device": "cpu"}``. What is not given is as it was when the index was
                calibrated.

        Raises:
            PhotoError: the photo cannot be read.
            ConfigError: an unknown option, ``where`` is no filter, a threshold for an index that
                is not calibrated, or an option that makes other evidence than it was calibrated
                for, such as ``matches``.
            DataError: a part of the index is damaged.
            ModelError: the photo has a size that the model cannot take.
        """
        return self._locator.locate(photo, where, verify, self._locating(options, "locate"))

    def locate_many(
        self,
        photos: "Sequence[Given]",
        where: "Filter | None" = None,
        verify: bool = False,
        **options: Any,
    ) -> "Located":
        """Where each of several photos was taken; they go through the model in batches.

        Args:
            photos: each as :meth:`locate` takes it; those that cannot be read are named.
            where: as for :meth:`locate`. verify: alike. **options: alike.

        Raises:
            ConfigError, DataError, ModelError: as :meth:`locate`.
        """
        config = self._locating(options, "locate_many")
        return self._locator.locate_many(photos, where, verify, config)

    def locate_sequence(
        self,
        photos: "Sequence[Given]",
        step: float | None = None,
        where: "Filter | None" = None,
        verify: bool = False,
        **options: Any,
    ) -> "Located":
        """Where the photos of a path were taken: what one does not tell, those around it may.

        Args:
            photos: in the order in which they were taken, each as :meth:`locate` takes it.
            step: metres at most between two of them; 0: all show one place. None: as far as one
                gets between the times in their EXIF headers.
            where: as for :meth:`locate`. verify: alike. **options: alike.

        Returns:
            An answer for each photo; its probability is that given all of them.

        Raises:
            ConfigError, ModelError: as :meth:`locate`.
            DataError: as :meth:`locate`; or no step is given, and the times are not known.
        """
        config = self._locating(options, "locate_sequence")
        return self._locator.locate_sequence(photos, step, where, verify, config)

    def _locating(self, options: dict[str, Any], method: str) -> LocateConfig:
        return locate_options(self.calibration, options, f"options of Index.{method}")

    @property
    def _locator(self) -> "Locator":
        from beenhere.retrieval.locate.locator import Locator

        if self._kept_locator is None:
            self._kept_locator = Locator(self)
        return self._kept_locator

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
            **options: those of :class:`beenhere.config.evaluation.ComputeConfig`,
                such as ``batch_size=32``.

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
        compacted = compact_index(self.path, wait, "photos in the search structure")
        self.refresh()
        return compacted

    def check(self) -> Check:
        """Read every file of the index on the disk, and see whether it is as it was written."""
        return check_index(self.path)


def _table(photos: PhotoTable | str | Path) -> PhotoTable:
    return photos if isinstance(photos, PhotoTable) else read_photos(photos)
