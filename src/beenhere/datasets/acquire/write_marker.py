"""Leave word in a set's folder of what it holds."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import yaml

from beenhere.datasets.acquire.expect import Held, photo_counts, protocol_counts
from beenhere.datasets.catalog.entry import NamedSet
from beenhere.datasets.catalog.marker import MARKER, SetMarker


def write_marker(entry: NamedSet, folder: Path, files: Mapping[str, str], held: Held) -> None:
    """Write ``beenhere-set.yaml``; from then on each read of the folder asserts its counts.

    Args:
        folder: the set's root.
        files: what it was unpacked from, by name: the checksum, such as ``"sha256:..."``.
        held: what has been counted there.
    """
    marker = SetMarker(
        set=entry.name,
        laid_out=datetime.date.today(),
        files=dict(files),
        photos=photo_counts(held.photos, folder),
        protocols=protocol_counts(held.protocols),
    )
    text = yaml.safe_dump(marker.model_dump(mode="python"), sort_keys=False, allow_unicode=True)
    (folder / MARKER).write_text(
        f"# What this folder held when it was laid out; 'beenhere' asserts it.\n{text}",
        encoding="utf-8",
    )
