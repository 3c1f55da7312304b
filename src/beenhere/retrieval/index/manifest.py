"""``index.yaml``: what an index holds. Renaming a new one to its name is what commits a change.

Every other file is a part: written once under a name that was never used before, named in the
manifest with its size and SHA-256, and removed when no manifest names it any more. The manifest's
last line is the SHA-256 of the lines before it.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from beenhere import config_yaml
from beenhere.config import Options, SearchConfig, WhiteningConfig
from beenhere.errors import ConfigError, DataError

MANIFEST = "index.yaml"
FORMAT = "beenhere-index"
FORMAT_VERSION = 2
"""Raised when an older reader would misread the folder.

2 came with search structures, whitening and calibration; an index of 1 has none, and is read.
"""

_SEAL = b"# sha256 "
# Ten times as fast, where PyYAML has it; as safe.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an index.

    Raises:
        DataError: no index there, one of a newer format, or a damaged manifest.
    """
    file = folder / MANIFEST
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(_none_here(folder)) from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    values = _parsed(data)
    if values is not None and values.get("format") != FORMAT:
        raise DataError(f"{file}: not an index of this program; expected 'format: {FORMAT}'")
    number = values.get("format_version") if values is not None else None
    if values is not None and isinstance(number, int) and number > FORMAT_VERSION:
        raise DataError(
            f"{file}: written by a newer beenhere ({values.get('beenhere')}), format {number}; "
            f"this one reads {FORMAT_VERSION}: update beenhere"
        )
    body, _, seal = data.rpartition(_SEAL)
    if values is None or seal.strip() != _digest(body):
        raise DataError(
            f"{file} is damaged: its last line is not the SHA-256 of the others; bring back a copy "
            "of the folder, or build the index again"
        )
    try:
        return config_yaml.validate(Manifest, values, str(file))
    except ConfigError as error:
        raise DataError(str(error)) from error


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Replace the manifest at once: a kill or a power cut leaves the old one there, or the new.

    Raises:
        OSError: the disk is full, say; the old one is in place, unless only its folder could not
            be brought to the disk.
    """
    values = config_yaml.plain(manifest)
    body = yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode()
    new = folder / f"{MANIFEST}.new"
    with new.open("wb") as file:
        file.write(body + _SEAL + _digest(body) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / MANIFEST)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":  # cannot open folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        values = yaml.load(data.decode(), _LOADER)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    return values if isinstance(values, dict) else None


def _none_here(folder: Path) -> str:
    if (folder / "staging").is_dir():
        return (
            f"{folder}: its building was interrupted; go on with the same command: "
            f"beenhere index build PHOTOS --model MODEL -o {folder}"
        )
    there = "holds no index" if folder.exists() else "does not exist"
    return f"{folder} {there}; make one: beenhere index build PHOTOS --model MODEL -o {folder}"
