"""The search structure of an index: trained where the choice calls for one, and kept."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from beenhere.config.retrieval import SearchConfig
from beenhere.progress import progress
from beenhere.retrieval.index.change import Change, changing
from beenhere.retrieval.index.manifest import Manifest, TrainedStructure
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.choice import choose

LAG = 0.1
"""Of the rows that a structure covers; as many may lie behind it. These are searched exactly, which
takes about as long as to look through the structure itself (pq is some 7 times as fast as that)."""

_WHEN_SEARCHING = {"kind", "rescore", "nprobe", "ef_search"}
"""Options that may change without another training."""


def train_index(
    folder: Path, search: SearchConfig, wait: float = 0, what: str | None = None
) -> Manifest:
    """Have an index searched in another way; descriptors stay as they are.

    A structure is trained unless there is one already, so trained, over all rows. Interrupted, the
    index is searched as before.

    Args:
        folder: of the index.
        search: how it is to be searched from now on.
        wait: seconds to wait for another writer.
        what: what the progress bar says; None: be silent.

    Returns:
        What the index holds then.

    Raises:
        DataError: no index, a damaged one, another process writes it, or it cannot be written.
    """
    with changing(folder, wait) as change:
        settle(change, search, 0, what)
        return change.manifest


def settle_as_before(change: Change, what: str | None) -> None:
    """After a change of photos: see that the structure suits them, and train another if not.

    The photos are committed: whoever is interrupted here loses no more than the training.

    Raises:
        OSError: the disk is full, say.
    """
    settle(change, change.manifest.search, LAG, what)


def settle(change: Change, search: SearchConfig, lag: float, what: str | None) -> None:
    """Bring the index to the structure that its size calls for; a damaged one is replaced.

    Args:
        change: of the index.
        search: how it is to be searched.
        lag: rows that may lie behind the structure that is there, as a share of its own.
        what: what the progress bar says; None: be silent.

    Raises:
        OSError: the disk is full, say.
    """
    manifest, before = change.manifest, change.before
    assert before is not None
    structure = manifest.structure
    kind, reason = choose(manifest.rows, manifest.dim, search)
    if kind == "exact":
        structure = None
    elif (
        structure is None
        or structure.kind != kind
        or _learned_with(structure.options) != _learned_with(search)
        or manifest.rows - structure.rows > lag * structure.rows
        or not before.whole(structure.part)
    ):
        structure = _trained(change, before, search, reason, what)
    if (search, structure) != (manifest.search, manifest.structure):
        change.commit_search(search, structure)


def _trained(
    change: Change, before: Snapshot, search: SearchConfig, reason: str, what: str | None
) -> TrainedStructure:
    from beenhere.retrieval.search.approximate import Structure  # imports torch

    rows = before.manifest.rows
    with progress(what, rows) if what else nullcontext(lambda rows: None) as advance:
        structure = Structure.train(before.segments, search, advance)
    path = change.new_part("structure.faiss")
    structure.save(path)
    return TrainedStructure(
        kind=structure.kind, reason=reason, options=search, rows=rows, part=change.sealed(path)
    )


def _learned_with(options: SearchConfig) -> dict[str, Any]:
    return options.model_dump(exclude=_WHEN_SEARCHING)
