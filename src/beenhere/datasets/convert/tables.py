"""To tables of photos that stay where they are."""

from pathlib import Path

from beenhere.datasets.convert.source import SourcePart
from beenhere.datasets.convert.truth import carry_truth
from beenhere.datasets.convert.written import Written


def write_tables(
    parts: list[SourcePart], folder: Path, out: Path, suffix: str, written: Written
) -> None:
    """Write ``photos.csv`` or ``photos.parquet`` into the folder of each part's name.

    Beside them lies ``ground_truth.csv`` where lists say what is right.

    Args:
        folder: where they are written. out: what that folder will be called: paths are from there.
        suffix: ``".csv"`` or ``".parquet"``.
    """
    named = {}
    for part in parts:
        (folder / part.folder).mkdir(parents=True, exist_ok=True)
        table = part.table.with_paths_from(out / part.folder)
        table.write(folder / part.folder / f"photos{suffix}")
        written.photos[part.folder] = len(table)
        named[part.folder] = table.paths
    carry_truth(parts, named, folder)
