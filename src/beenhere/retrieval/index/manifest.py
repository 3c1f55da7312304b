"""What an index holds, in its own words: the values of its manifest.

:mod:`beenhere.retrieval.index.manifest_file` reads and writes them.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from beenhere.config.options import Options
from beenhere.config.retrieval import SearchConfig, WhiteningConfig

FORMAT_VERSION = 2
"""Raised when an older reader would misread the folder.

2 came with search structures, whitening and calibration; an index of 1 has none, and is read.
"""


class Part(Options):
    """One file: its path in the index, with ``/``, its size and its SHA-256 in hexadecimal."""

    file: str
    bytes: int
    sha256: str


class Segment(Options):
    """Photos that were added together, and their descriptors, row by row.

    Attributes:
        rows: how many, removed ones with them.
        vectors: ``.npy``, ``(rows, D)``.
        scales: ``.npy``, ``(rows,)`` float32, of int8 vectors; else None.
        photos: ``.parquet``, the columns of :data:`beenhere.retrieval.index.photos.COLUMNS`.
    """

    rows: int = Field(ge=1)
    vectors: Part
    scales: Part | None
    photos: Part


class IndexedModel(Options):
    """The model whose descriptors an index holds.

    Attributes:
        name: of a built-in model, which is then not kept; else None.
        fingerprint: see :meth:`beenhere.models.model.VPRModel.fingerprint`.
        dim: D.
        precision: in which every descriptor was computed, ``32`` or ``bf16``; others differ a
            little, and never stand in one index.
        config: the options of the model.
        provenance: how its weights came to be.
        parts: of the checkpoint folder in the index.
    """

    name: str | None
    fingerprint: str
    dim: int
    precision: Literal["32", "bf16"]
    config: dict[str, Any]
    provenance: dict[str, Any]
    parts: tuple[Part, ...]


class LearnedWhitening(Options):
    """PCA-whitening of every descriptor that is kept, and of every query.

    Attributes:
        options: with which it was learned.
        photos: on whose descriptors it was learned.
        part: ``.safetensors``; see :class:`beenhere.retrieval.search.whitening.Whitening`.
    """

    options: WhiteningConfig
    photos: int
    part: Part


class TrainedStructure(Options):
    """What an approximate search looks through.

    Attributes:
        kind: of :data:`beenhere.retrieval.search.kinds.KINDS`. reason: why it was chosen.
        options: with which it was trained.
        rows: that it covers, the first ones of the index; those behind are searched exactly.
        part: ``.faiss``; see :class:`beenhere.retrieval.search.approximate.Structure`.
    """

    kind: str
    reason: str
    options: SearchConfig
    rows: int = Field(ge=1)
    part: Part


class KeptCalibration(Options):
    """What turns evidence into probabilities; fitted on queries whose places are known.

    Attributes:
        photos: in the index when it was fitted.
        part: ``.yaml``, plain values.
    """

    photos: int
    part: Part


class Store(Options):
    """A Milvus collection; see :class:`beenhere.retrieval.milvus.address.Address`.

    Attributes:
        address: of the server, or the path of a Milvus Lite database.
        collection: its name there.
    """

    address: str
    collection: str


class Manifest(Options):
    """What an index holds.

    Attributes:
        format, format_version: what reads it.
        beenhere: the version that wrote it. written: when, ISO 8601, UTC.
        generation: how many changes it has seen.
        last_part: the highest number that the name of a part has ever had.
        metric: of the descriptors, which are L2-normalised.
        dtype: in which they are kept.
        photos: that can be found. removed: those that are marked. unreadable: those left out.
        segments: whose rows, one after the other, are the rows of the index.
        marks: ``.npy``, the rows that are removed, int64, ascending; None without one.
        left_out: ``.parquet``, path and reason of what could not be read; None without one.
        search: how it is to be searched. structure: for that; None where search is exact.
        whitening: of its descriptors; None: they are the model's own.
        calibration: None before one was fitted.
        store: where photos and descriptors lie, if not in segments; ``photos`` is then how many
            there were when the manifest was written.
    """

    format: Literal["beenhere-index"] = "beenhere-index"
    format_version: int = FORMAT_VERSION
    beenhere: str
    written: str
    generation: int
    last_part: int
    model: IndexedModel
    metric: Literal["cosine"] = "cosine"
    dtype: Literal["float32", "float16", "int8"]
    photos: int
    removed: int
    unreadable: int
    segments: tuple[Segment, ...]
    marks: Part | None
    left_out: Part | None
    search: SearchConfig = SearchConfig()
    structure: TrainedStructure | None = None
    whitening: LearnedWhitening | None = None
    calibration: KeptCalibration | None = None
    store: Store | None = None

    @property
    def dim(self) -> int:
        """Numbers in a descriptor as it is kept; queries have those of the model."""
        return self.model.dim if self.whitening is None else self.whitening.options.dim

    @property
    def rows(self) -> int:
        """Of all segments, removed ones with them."""
        return sum(segment.rows for segment in self.segments)

    def parts(self) -> Iterator[Part]:
        """Every file but the manifest."""
        yield from self.model.parts
        for segment in self.segments:
            yield segment.vectors
            if segment.scales is not None:
                yield segment.scales
            yield segment.photos
        yield from (part for part in (self.marks, self.left_out) if part is not None)
        for kept in (self.structure, self.whitening, self.calibration):
            if kept is not None:
                yield kept.part

    @property
    def bytes(self) -> int:
        """Of all parts."""
        return sum(part.bytes for part in self.parts())
