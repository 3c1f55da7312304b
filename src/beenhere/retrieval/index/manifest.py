"""``index.yaml``, the contents of an index: replacing it is what commits a change.

Every other file is a part: written once under a name that was never used before, named in the
manifest with its size and SHA-256, and removed when no manifest names it any more. The manifest's
last line is the SHA-256 of the lines before it.
"""

import hashlib
import logging
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import Field, field_validator

from beenhere.config import config_yaml
from beenhere.config.options import Options
from beenhere.config.retrieval import MilvusAddress, SearchConfig, WhiteningConfig
from beenhere.errors import ConfigError, DataError
from beenhere.files.atomic import write_file
from beenhere.files.bounded_yaml import dump_yaml, load_yaml
from beenhere.files.locks import holder
from beenhere.files.regular import read_regular
from beenhere.photos.table import SCHEMA, PhotoTable

MANIFEST, LOCK = "index.yaml", ".lock"
PARTS, MODEL, STAGING = "parts", "model", "staging"
"""Folders of an index; ``staging`` holds what an interrupted build or add has computed."""

FORMAT = "beenhere-index"
FORMAT_VERSION = 6
"""Raised when an older reader would misread the folder.

2 came with search structures, whitening and calibration, 3 with the names of today for the options
of search, 4 with whitening that keeps all numbers, 5 with photos on a plan or in a sequence, 6 with
checksums of descriptors; older ones are read.
"""

COLUMNS = SCHEMA | {"sha256": pl.Binary, "size": pl.Int64, "mtime_ns": pl.Int64}
"""The columns of a segment's photos: a photo table's (with absolute paths), and those of the file
when it was added: its content's SHA-256 (32 bytes), bytes, and mtime in ns."""

UNREADABLE_COLUMNS: dict[str, type[pl.DataType]] = {"path": pl.String, "reason": pl.String}

_SEAL = b"# sha256 "
_PART_FILE = re.compile(rf"({PARTS}|{MODEL})/\w[\w.-]*")
# Format 2 was written before these were renamed; its files keep the old names.
_NAME_ON_DISK = {"removed_rows": "marks", "unreadable_photos": "left_out"}
# Options of search by their names before format 3, and kinds that pq surpassed in everything but
# training time.
_RENAMED = {
    "lists": "nlist",
    "probes": "nprobe",
    "links": "M",
    "build_effort": "ef_construction",
    "effort": "ef_search",
}
_DROPPED = ("int8", "binary")

log = logging.getLogger(__name__)


class Part(Options):
    """One file: its path in the index, with ``/``, its size and its SHA-256 in hexadecimal."""

    file: str
    bytes: int
    sha256: str

    @field_validator("file")
    @classmethod
    def _inside(cls, file: str) -> str:
        if not _PART_FILE.fullmatch(file):
            raise ValueError(f"expected the name of a file in {PARTS}/ or {MODEL}/")
        return file


@dataclass(frozen=True)
class VectorFiles:
    """Files of vectors that lie together; see :class:`Segment`."""

    rows: int
    vectors: Part
    scales: Part | None
    sums: Part | None


class Segment(Options):
    """Photos that were added together, and their descriptors, row by row.

    Attributes:
        rows: how many, removed ones with them.
        vectors: ``.npy``, ``(rows, D)``.
        scales: ``.npy``, ``(rows,)`` float32, of int8 vectors; else None.
        sums: ``.npy``, ``(rows,)`` uint64, a checksum of each vector with its scale; None of an
            index that was written before there were any.
        photos: ``.parquet``, the columns of :data:`COLUMNS`.
    """

    rows: int = Field(ge=1)
    vectors: Part
    scales: Part | None
    sums: Part | None = None
    photos: Part

    @property
    def files(self) -> VectorFiles:
        """All but the photos."""
        return VectorFiles(self.rows, self.vectors, self.scales, self.sums)

    def parts(self) -> Iterator[Part]:
        """Its files."""
        yield from filter(None, (self.vectors, self.scales, self.sums, self.photos))


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
    dim: int = Field(ge=1)
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
    """The structure that an approximate search looks through.

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
    """Values that turn evidence into probabilities; fitted on queries whose places are known.

    Attributes:
        photos: in the index when it was fitted.
        part: ``.yaml``, plain values.
    """

    photos: int
    part: Part


class Manifest(Options):
    """The contents of an index.

    Attributes:
        format, format_version: what reads it.
        beenhere: the version that wrote it. written: when, ISO 8601, UTC.
        generation: how many changes it has seen.
        last_part: the highest number that the name of a part has ever had.
        metric: of the descriptors, which are L2-normalised.
        dtype: in which they are kept.
        photos: that can be found. removed: rows that do not count any more. unreadable: photos
            that could not be read.
        segments: whose rows, one after the other, are the rows of the index.
        removed_rows: ``.npy``, int64, ascending; None without one.
        unreadable_photos: ``.parquet``, their paths and reasons; None without one.
        search: how it is to be searched. structure: for that; None where search is exact.
        whitening: of its descriptors; None: they are the model's own.
        calibration: None before one was fitted.
        store: where photos and descriptors lie, if not in segments; ``photos`` is then how many
            there were when the manifest was written.
    """

    format: Literal["beenhere-index"] = "beenhere-index"
    format_version: int = FORMAT_VERSION
    beenhere: str
    written: str = ""
    generation: int = 0
    last_part: int = 0
    model: IndexedModel
    metric: Literal["cosine"] = "cosine"
    dtype: Literal["float32", "float16", "int8"]
    photos: int = 0
    removed: int = 0
    unreadable: int = 0
    segments: tuple[Segment, ...] = ()
    removed_rows: Part | None = None
    unreadable_photos: Part | None = None
    search: SearchConfig = SearchConfig()
    structure: TrainedStructure | None = None
    whitening: LearnedWhitening | None = None
    calibration: KeptCalibration | None = None
    store: MilvusAddress | None = None

    @property
    def dim(self) -> int:
        """Numbers in a descriptor as it is kept; queries have those of the model."""
        whitened = self.whitening.options.dim if self.whitening is not None else None
        return self.model.dim if whitened is None else whitened

    @property
    def rows(self) -> int:
        """Of all segments, removed ones with them."""
        return sum(segment.rows for segment in self.segments)

    def parts(self) -> Iterator[Part]:
        """Every file but the manifest."""
        yield from self.model.parts
        for segment in self.segments:
            yield from segment.parts()
        yield from filter(None, (self.removed_rows, self.unreadable_photos))
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
        DataError: no index there, one of a newer format, a damaged manifest, or see
            :func:`check_entries`.
    """
    check_entries(folder)
    file = folder / MANIFEST
    try:
        data = read_regular(file, follow=False)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(_none_here(folder)) from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        values = load_yaml(data.decode())
    except (yaml.YAMLError, UnicodeDecodeError):
        values = None
    if isinstance(values, dict):
        # Before the seal is looked at: another program's file has none, a newer one's may differ.
        if values.get("format") != FORMAT:
            raise DataError(f"{file}: not an index of this program; expected 'format: {FORMAT}'")
        number = values.get("format_version")
        if isinstance(number, int) and number > FORMAT_VERSION:
            raise DataError(
                f"{file}: written by a newer beenhere ({values.get('beenhere')}), format {number}; "
                f"this one reads {FORMAT_VERSION}: update beenhere"
            )
    body, _, seal = data.rpartition(_SEAL)
    if not isinstance(values, dict) or seal.strip() != _digest(body):
        raise DataError(
            f"{file} is damaged: its last line is not the SHA-256 of the others; bring back a copy "
            "of the folder, or build the index again"
        )
    for name, old in _NAME_ON_DISK.items():
        if old in values:
            values[name] = values.pop(old)
    try:
        return config_yaml.validate(Manifest, _with_names_of_today(values), str(file))
    except ConfigError as error:
        raise DataError(str(error)) from error


def check_entries(folder: Path) -> None:
    """See that an index is made of files and folders of its own, wherever it has come from.

    A link in it would have others read, and what a writer removes or appends to be, elsewhere.

    Raises:
        DataError: something in it is a link, a pipe, a socket or a device.
    """
    pending = [folder / name for name in (MANIFEST, LOCK, PARTS, MODEL, STAGING)]
    while pending:
        path = pending.pop()
        try:
            kind = path.lstat().st_mode
            if stat.S_ISDIR(kind):
                pending += path.iterdir()
        except (FileNotFoundError, NotADirectoryError):  # never there, or removed by a writer
            continue
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):
            what = "a link" if stat.S_ISLNK(kind) else "no regular file"
            raise DataError(
                f"{path} is {what}; an index holds files of its own alone: nothing was read or "
                "written; remove it, or copy the index by cp -rL"
            )


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Replace the manifest at once: a kill or a power cut leaves the old one there, or the new.

    Raises:
        OSError: the disk is full, say; the old one is in place.
    """
    values = config_yaml.plain(manifest)
    on_disk = {_NAME_ON_DISK.get(name, name): value for name, value in values.items()}
    body = dump_yaml(on_disk).encode()
    write_file(folder / MANIFEST, body + _SEAL + _digest(body) + b"\n")


def written_at(folder: Path, manifest: Manifest) -> float:
    """When an index was last changed, in seconds since 1970 UTC; never later than it was."""
    file = (folder / MANIFEST).stat().st_mtime  # to the nanosecond, but a copy has its own
    if not manifest.written:
        return file
    return min(file, datetime.fromisoformat(manifest.written).timestamp() + 1)


def photo_table(frame: pl.DataFrame) -> PhotoTable:
    """The rows of a frame with :data:`COLUMNS` as a photo table.

    Raises:
        DataError: values that a photo table cannot hold.
    """
    return PhotoTable(frame.select(list(SCHEMA)), source="a saved index")


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _none_here(folder: Path) -> str:
    writer = holder(folder / LOCK)
    if writer is not None:
        return f"{folder} is being built by {writer}; try again when it has ended"
    if (folder / STAGING).is_dir():
        return (
            f"{folder}: its building was interrupted; go on with the same command: "
            f"beenhere index build PHOTOS --model MODEL -o {folder}"
        )
    there = "holds no index" if folder.exists() else "does not exist"
    beside = folder.with_name(f"{folder.name}.index")
    if (beside / MANIFEST).is_file():
        return f"{folder} {there}; did you mean {beside}?"
    make = f"{folder} -o {beside}" if folder.exists() else f"PHOTOS -o {folder}"
    return f"{folder} {there}; make one: beenhere index build {make}"


def _with_names_of_today(manifest: dict[str, Any]) -> dict[str, Any]:
    """The values of a manifest, with the names of today where it was written before.

    An index of a kind of search that was dropped is searched exactly, its structure is not read,
    and from its next change on it is searched as ``auto`` chooses.
    """
    manifest = {**manifest, "search": _renamed(manifest.get("search", {}))}
    model = manifest.get("model")
    if isinstance(model, dict) and model.get("name") == "offline-lite0":
        aggregator = (model.get("config") or {}).get("aggregator")
        if isinstance(aggregator, dict) and aggregator.get("name") == "gem":
            manifest["model"] = {**model, "name": "offline-lite0-gem"}
    structure = manifest.get("structure")
    if isinstance(structure, dict):
        dropped = structure.get("kind") in _DROPPED
        options = _renamed(structure.get("options"))
        manifest["structure"] = None if dropped else {**structure, "options": options}
        if dropped:
            log.warning(
                "search by %s is no more (pq is smaller and faster): this index is searched "
                "exactly; choose again: beenhere index train INDEX",
                structure["kind"],
            )
    return manifest


def _renamed(options: Any) -> Any:
    if not isinstance(options, dict):
        return options
    options = {_RENAMED.get(name, name): value for name, value in options.items()}
    return options | {"kind": "auto"} if options.get("kind") in _DROPPED else options
