"""The saved index: photos, where they were taken, and their descriptors, to be searched."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beenhere.config import config_yaml
from beenhere.config.evaluation import ComputeConfig, ExtractConfig
from beenhere.config.models import DEFAULT_MODEL
from beenhere.config.retrieval import IndexConfig, IndexSearchConfig
from beenhere.devices import use_threads
from beenhere.errors import ConfigError, DataError
from beenhere.files.regular import named
from beenhere.photos.formats import read_given
from beenhere.photos.reference import REFERENCES, Kind, Points, Reference, reference_of
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.change import changing, keep_calibration
from beenhere.retrieval.index.checking import Check, check_index
from beenhere.retrieval.index.editing import (
    TRAINING,
    Added,
    Compacted,
    Removed,
    add_photos,
    build_index,
    index_folder,
    remove_photos,
)
from beenhere.retrieval.index.manifest import Manifest
from beenhere.retrieval.index.photo_store import Matches, PhotoStore, open_edit, open_store
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.locate.locator import Locator, Photos
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.vectors import StoredVectors

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel
    from beenhere.retrieval.hloc import GlobalDescriptors
    from beenhere.retrieval.index.search_recall import SearchRecall

# What computes descriptors is imported when it is called: torch, of which `open` needs nothing.


Columns = PhotoTable | Mapping[str, Any]
"""A table, or some columns of one by their names."""


class Index(Locator):
    """A saved index, open for searching and for changes; see :meth:`open` and :meth:`build`.

    Of an index in a folder it shows one state: what other processes write is seen after
    :meth:`refresh`, and disturbs nothing before. Of one in Milvus it shows the collection as it is.
    Its own changes are seen at once. Whatever asks Milvus raises DataError if it does not answer.

    Methods that change the index take ``wait``: seconds to wait for another process that changes
    it. They raise DataError if that goes on for longer, or the folder cannot be written.

    >>> beenhere.Index.open("city.index")
    Index('city.index', 24 photos, float32)

    Attributes:
        path: of the folder.
        store: where its photos lie; see :class:`beenhere.retrieval.index.photo_store.PhotoStore`.
    """

    def __init__(self, path: Path, snapshot: Snapshot, model: "VPRModel | None" = None) -> None:
        super().__init__()
        self.path = path
        self.store: PhotoStore = open_store(snapshot)
        self._snapshot = snapshot
        self._models: dict[str, VPRModel] = {}
        self._given = model
        if model is not None:
            self.check_model(model)

    @classmethod
    def open(cls, path: str | Path, model: "VPRModel | None" = None) -> "Index":
        """Open an index. Takes well under a second whatever its size: descriptors stay on disk.

        Give the model where it is not in the index (:func:`beenhere.wrap`) or has own parts.

        Raises:
            DataError: no index there, one of a newer format, or a part that is missing or has
                another size than was written; there is no such collection in Milvus.
            ConfigError: pymilvus is not installed.
            ModelError: the index or the collection is of another model.
        """
        folder = named(path)
        return cls(folder, Snapshot.open(folder), model)

    @classmethod
    def build(
        cls,
        photos: Photos,
        model: "VPRModel | str | Path" = DEFAULT_MODEL,
        path: str | Path | None = None,
        table: Columns | None = None,
        wait: float = 0,
        described: "GlobalDescriptors | None" = None,
        **options: Any,
    ) -> "Index":
        """Make an index of photos, and open it.

        Interrupted, the same call goes on where it was. Photos that cannot be read are left out:
        see :attr:`unreadable`. Raises as :func:`~beenhere.retrieval.index.editing.build_index`.

        >>> index = beenhere.Index.build("photos", "offline-lite0", "small.index", dtype="int8")
        >>> len(index), index.unreadable
        (24, {})

        Args:
            photos: a path of any known format, a table, or a list of photos, as for :meth:`add`.
            model: a checkpoint or run folder, ``"offline-lite0"``, a model, or a wrapped network.
            path: of the new folder; None: in the current one, the name of the photos' folder or
                table, with ``.index``.
            table: what is known of the photos of a list.
            described: a file of descriptors by the model; only those of other photos are computed.
            **options: those of :class:`beenhere.config.retrieval.IndexConfig`, such as
                ``dtype="float16"``, ``search="pq"``, ``whitening={"dim": 512}``,
                ``store="town.db/city"``, ``extract={"batch_size": 32}``.
        """
        config = config_yaml.validate(IndexConfig, options, "options of Index.build")
        if path is not None:
            folder = named(path)
        elif isinstance(photos, str | Path):
            folder = index_folder(named(photos))
        else:
            raise DataError("photos that are no folder or table have no name; give a path")
        found, in_memory = read_given(photos, table)
        build_index(folder, found, model, config, wait, "photos", in_memory, described)
        return cls.open(folder, None if isinstance(model, str | Path) or not model.own else model)

    def __len__(self) -> int:
        """Photos that can be found."""
        return len(self.store)

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r}, {len(self)} photos, {self.store})"

    @property
    def manifest(self) -> Manifest:
        """The folder of the index in numbers: its model, dtype, counts and files."""
        return self._snapshot.manifest

    @property
    def photos(self) -> PhotoTable:
        """Every row of the index; removed ones too, until it is compacted. Read when first asked.

        Of an index in Milvus they are read anew each time, by their paths, and :meth:`search`
        numbers those that it found.

        >>> index.photos.frame.select("path", "lat", "lon").height
        24

        Raises:
            DataError: a part is damaged; or Milvus holds more than 100,000 photos, which may be
                more than memory holds.
        """
        return self.store.photos

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """``(rows,)``: whether each row of :attr:`photos` counts; removed ones do not."""
        return self.store.allowed

    def searchable_photos(self) -> PhotoTable:
        """Those of :attr:`photos` that can be found; raises what that does."""
        photos, allowed = self.photos, self.allowed
        return photos if allowed.all() else photos.rows(allowed.nonzero()[0])

    def reference(self, by: str = "auto") -> Reference:
        """What says where its photos were taken; ``"auto"``: the first of these that any has."""
        return self.store.reference() if by == "auto" else reference_of((), by)

    def positions(self, by: Kind = "position") -> Points:
        """Where photos that can be found were taken; of more than 100,000 in Milvus, none."""
        return self.store.positions(REFERENCES[by])

    @property
    def segments(self) -> tuple[StoredVectors, ...]:
        """Descriptors, memory-mapped: one segment after the other they are :attr:`photos`' rows.

        Of a whitened index they have its numbers, not the model's. None of an index in Milvus.
        """
        return self._snapshot.segments

    @property
    def unreadable(self) -> dict[str, str]:
        """Path and reason of each photo that was given and could not be read."""
        return self._snapshot.unreadable

    @property
    def calibration(self) -> dict[str, Any] | None:
        """The values kept by :meth:`set_calibration`; None before. DataError: damaged."""
        return self._snapshot.calibration

    def set_calibration(self, values: dict[str, Any] | None, wait: float = 0) -> None:
        """Keep what turns evidence into probabilities; it stays when photos come and go.

        Numbers, texts, lists and mappings of them; None forgets what is kept.

        Raises:
            DataError: other values.
        """
        keep_calibration(self.path, values, wait)
        self.refresh()

    def refresh(self) -> None:
        """See what was written since it was opened; raises what :meth:`open` does."""
        self._snapshot = Snapshot.open(self.path)
        self.store = open_store(self._snapshot)

    def refreshed(self) -> "Index":
        """The index as it is now, beside this one, which stays as it is; raises as :meth:`open`.

        What was set up for the model is shared, unless it is another.
        """
        now = Index(self.path, Snapshot.open(self.path), self._given)
        if now.manifest.model == self.manifest.model:
            now._models, now._embedders = self._models, self._embedders
        now._kept_verifier = self._kept_verifier
        return now

    def model(self, device: str = "auto") -> "VPRModel":
        """The model whose descriptors the index holds; on the first GPU, if any, by ``"auto"``.

        Raises:
            ModelError: it is not as it was when the index was built, or is to be given to `open`.
            ConfigError: no such device.
        """
        from beenhere.retrieval.index.describing import indexed_model

        if device not in self._models or self._given is not None:
            found = indexed_model(self.path, self.manifest.model, device, self._given)
            self._models[device] = found
        return self._models[device]

    def check_model(self, model: "VPRModel") -> None:
        """Raise ModelError where a model is not the one whose descriptors the index holds."""
        from beenhere.retrieval.index.describing import check_model

        check_model(self.path, self.manifest.model, model)

    def extraction(self, config: ComputeConfig) -> ExtractConfig:
        """How descriptors are computed to be compared with the index's.

        Raises:
            ConfigError: another precision than the index's is asked for.
        """
        from beenhere.retrieval.index.describing import extraction

        return extraction(self.manifest.model, config, "float32")

    def search(
        self,
        descriptors: NDArray[np.floating],
        k: int,
        where: Filter | None = None,
        exact: bool = False,
    ) -> Matches:
        """The photos nearest to some queries, by cosine similarity.

        Looks through the search structure, where the index has one: similarities and order are
        exact, but a photo may be missed.

        >>> matches = index.search(index.describe("photos").vectors, k=3)
        >>> matches.similarity.shape
        (24, 3)

        Args:
            descriptors: ``(m, D)``, L2-normalised, by :meth:`describe`: D is the model's, and where
                the index is whitened they are projected here.
            k: how many for each, of as many as there are rows; in Milvus 16,384 at most.
            where: what the photos must be besides; None: all are searched.
            exact: whether to look at every photo, structure or not.

        Raises:
            ConfigError: ``where`` is no filter.
            DataError: descriptors of another shape, k out of range, or a damaged index; exact
                search of a Milvus collection that was made for hnsw, which Milvus cannot do.
        """
        if where is not None and not isinstance(where, Filter):
            raise ConfigError(
                f"where is {where!r}; expected a beenhere.retrieval.search.filters.Filter, such as "
                "Filter(near=(37.78, -122.42), radius=500), or None"
            )
        try:
            queries = np.asarray(descriptors, np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"descriptors cannot be read ({error}); expected numbers") from error
        dim = self.manifest.model.dim
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise DataError(
                f"descriptors are {queries.shape}; expected (queries, {dim}), by the model of "
                f"{self.path}"
            )
        if k < 1:
            raise DataError(f"k is {k}; expected 1 or more")
        use_threads()
        return Matches(*self.store.search(queries, k, where, exact))

    def covers(self, positions: Points, radius: float, by: Kind = "position") -> NDArray[np.bool_]:
        """``(m,)``: whether a photo of the index was taken near each of some positions.

        Near one that is not known is nothing. ``radius`` is 0 or more, metres or what ``by`` has.
        Milvus is asked once for each; by others than positions it is read as a whole.
        >>> index.covers(beenhere.geo.positions([37.749, 0.0], [-122.447, 0.0]), radius=25)
        array([ True, False])

        Raises:
            DataError: a damaged index.
        """
        return self.store.covers(positions, radius, REFERENCES[by])

    def train(self, search: str | dict[str, Any] = "auto", wait: float = 0) -> None:
        """Have the index searched in another way; descriptors stay as they are.

        A structure is trained where one is needed that is not there yet, over all photos.
        Interrupted, the index is searched as before. In Milvus only ``ef_search`` changes: to build
        another structure, a collection has to be taken away from all who search it.

        >>> index.train({"kind": "pq", "rescore": 100})

        Args:
            search: a kind, or options of :class:`beenhere.config.retrieval.SearchConfig`;
                ``"exact"`` needs no structure.

        Raises:
            ConfigError: an unknown option.
            DataError: another kind of search in Milvus.
        """
        config = config_yaml.validate(
            IndexSearchConfig, {"search": search}, "options of Index.train"
        )
        with changing(self.path, wait) as change:
            open_edit(change).train(config.search, TRAINING)
        self.refresh()

    def add(
        self,
        photos: Photos,
        table: Columns | None = None,
        model: "VPRModel | None" = None,
        wait: float = 0,
        described: "GlobalDescriptors | None" = None,
        **options: Any,
    ) -> Added:
        """Add photos; what the index knows already is not computed again, moved files neither.

        See :func:`beenhere.retrieval.index.editing.add_photos`.

        >>> added = index.add("more")
        >>> added.new, added.moved, added.photos
        (1, 0, 25)

        >>> frames = np.zeros((2, 96, 96, 3), np.uint8)
        >>> index.add(frames, {"path": ["cam/1", "cam/2"], "place": ["hall", "hall"]}).new
        2

        Args:
            photos: a path of any known format, a table, or a list of photos, each as
                :meth:`locate` takes it. Of those that are no files the index keeps descriptors
                alone, under the names that ``table`` gives them.
            table: what is known of the photos of a list, row by row: columns of a
                :class:`beenhere.PhotoTable`, or one.
            model: the index's, if it is at hand; None: it is read from the index.
            described: a file of descriptors by that model; only those of others are computed.
            **options: :class:`~beenhere.config.evaluation.ComputeConfig`'s: ``batch_size=32``, ...

        Raises:
            ConfigError: an unknown option, no such device, or another precision than the index's.
            DataError: no photos there, or something else; photos that are no files, without names.
            ModelError: a model that is not the index's.
        """
        config = config_yaml.validate(ComputeConfig, options, "options of Index.add")
        self.extraction(config)  # refuses what does not fit, before a model is read
        found, in_memory = read_given(photos, table)
        model = self.model(config.device) if model is None else model
        added = add_photos(self.path, found, config, model, wait, "photos", in_memory, described)
        self.refresh()
        return added

    def remove(self, *paths: str | Path, wait: float = 0) -> Removed:
        """Take photos out, by paths, folders or patterns; their files are not touched.

        >>> index.remove("*/IMG_001?.jpg").removed
        10

        Raises as :func:`beenhere.retrieval.index.editing.remove_photos`, and removes nothing then.
        """
        removed = remove_photos(self.path, paths, wait)
        self.refresh()
        return removed

    def compact(self, wait: float = 0) -> Compacted:
        """Give back the space of removed photos; rows get new numbers, in the same order.

        So a search structure is trained again; until it is, search is exact. Needs as much free
        space as the index will take: the old parts go last. In Milvus nothing is to be done.
        """
        with changing(self.path, wait) as change:
            before = change.manifest.bytes
            open_edit(change).compact(TRAINING)
            compacted = Compacted(before, change.manifest.bytes)
        self.refresh()
        return compacted

    def recall(self) -> "SearchRecall":
        """Costs and misses of each way to search, measured on photos of the index.

        Raises:
            DataError: fewer than two photos, a damaged index, or photos in Milvus, which searches
                in no other way than it was built for.
        """
        from beenhere.retrieval.index.search_recall import measure_recall

        return measure_recall(self._snapshot)

    def check(self) -> Check:
        """Read every file of the index, and every photo in Milvus: are they as they were written?

        >>> index.check().damages
        []
        """
        return check_index(self.path)
