"""See whether every part of an index is as it was written, and whether the parts agree."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from beenhere.errors import DataError
from beenhere.retrieval.index.change import leftovers
from beenhere.retrieval.index.manifest import Manifest, read_manifest
from beenhere.retrieval.index.photo_store import open_store
from beenhere.retrieval.index.segments import block_rows
from beenhere.retrieval.index.snapshot import Snapshot, damage_of, wrong_lengths
from beenhere.retrieval.search.vectors import blocks


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        parts: how many files were read. bytes: of them.
        damages: a line each, with the part's file; empty where all is well.
        leftovers: files of changes that were not finished; they do no harm, and the next change
            removes them.
    """

    parts: int
    bytes: int
    damages: list[str]
    leftovers: list[str]


def check_index(folder: Path) -> Check:
    """Read all of an index: sizes, SHA-256, shapes, numbers, lengths, rows.

    Raises:
        DataError: no index, one of a newer format, or a damaged manifest; Milvus does not answer.
    """
    manifest = read_manifest(folder)
    while True:
        damages = list(_damages(folder, manifest))
        newer = read_manifest(folder)
        if not damages or newer.generation == manifest.generation:
            break
        manifest = newer  # what was missing had been replaced by a writer
    parts = list(manifest.parts())
    left = [str(path.relative_to(folder)) for path in leftovers(folder, manifest)]
    return Check(len(parts), sum(part.bytes for part in parts), damages, left)


def _damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    whole = True
    for part in manifest.parts():
        damage = damage_of(folder, part)
        if damage is not None:
            whole = False
            yield damage
    if whole:  # else what follows would only say again what is damaged
        yield from _disagreements(folder)


def _disagreements(folder: Path) -> Iterator[str]:
    """Faults in parts that are as they were written, which only a fault of ours can make."""
    try:
        index = Snapshot.open(folder)
        paths, unreadable = index.photos.paths, index.unreadable
        structure, whitening, _ = index.structure, index.whitening, index.calibration
    except DataError as error:
        yield str(error)
        return
    manifest = index.manifest
    living = [path for path, allowed in zip(paths, index.allowed, strict=True) if allowed]
    yield from open_store(index).damages()
    if len(unreadable) != manifest.unreadable:
        yield f"{folder}: lists {len(unreadable)} unreadable photos, not {manifest.unreadable}"
    twice = [path for path, count in Counter(living).items() if count > 1]
    if twice:
        yield f"{folder}: {twice[0]} stands in {len(twice)} rows; expected each photo once"
    if structure is not None and manifest.structure is not None:
        expected = manifest.structure.kind, manifest.structure.rows
        if (structure.kind, len(structure)) != expected:
            yield (
                f"{folder / manifest.structure.part.file}: a structure {structure.kind} over "
                f"{len(structure)} photos; expected {expected[0]} over {expected[1]}"
            )
    if whitening is not None and manifest.whitening is not None:
        numbers = manifest.model.dim, manifest.dim
        if (len(whitening.mean), whitening.dim) != numbers:
            yield (
                f"{folder / manifest.whitening.part.file}: a whitening from {len(whitening.mean)} "
                f"to {whitening.dim} numbers; expected from {numbers[0]} to {numbers[1]}"
            )
    for segment, vectors in zip(manifest.segments, index.segments, strict=True):
        wrong = (
            f"{folder / segment.vectors.file}: descriptor {rows[row]} {fault}"
            for block, rows in blocks([vectors], block_rows(vectors.dim), None)
            for row, fault in wrong_lengths(block.floats(0, len(block)), manifest.dtype)
        )
        try:
            yield from islice(wrong, 1)
        except DataError as error:  # of checksums
            yield str(error).partition(";")[0]
