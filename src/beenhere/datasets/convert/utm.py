"""To photos with ``@`` names, as SF-XS has them: database and queries, or all in one folder."""

from pathlib import Path

import polars as pl

from beenhere.datasets.convert.at_name import at_names
from beenhere.datasets.convert.source import SourcePart
from beenhere.datasets.convert.truth import carry_truth
from beenhere.datasets.convert.written import Written
from beenhere.datasets.formats.listing import CONDITIONS
from beenhere.files.links import link_or_copy


def write_utm(parts: list[SourcePart], folder: Path, written: Written) -> None:
    """Write every part into the folder of its name, and what names cannot say beside them.

    That is ``conditions.csv``, and ``ground_truth.csv`` where lists say what is right.
    """
    conditions: dict[str, list[pl.DataFrame]] = {}
    named: dict[str, list[str]] = {}
    for part in parts:
        names = named[part.folder] = at_names(part.table, [""] * len(part.table))
        place_part(part.table.paths, names, folder / part.folder, written)
        written.photos[part.folder] = len(names)
        if part.tree is not None:
            side = part.folder.rpartition("/")[2]
            rows = pl.DataFrame(
                {"path": [f"{side}/{name}" for name in names]}, schema={"path": pl.String}
            ).with_columns(part.table.frame["condition"])
            conditions.setdefault(part.tree, []).append(rows.drop_nulls())
        _say_lost(part, written)
    for tree, tables in conditions.items():
        table = pl.concat(tables)
        if table.height:
            table.write_csv(folder / tree / CONDITIONS)
    carry_truth(parts, named, folder)


def place_part(paths: list[str], names: list[str], folder: Path, written: Written) -> None:
    """Photos under their new names, in a folder or folders below it."""
    targets = [folder / name for name in names]
    for each in {folder, *(target.parent for target in targets)}:
        each.mkdir(parents=True, exist_ok=True)
    linked = link_or_copy(paths, targets)
    written.linked += linked
    written.copied += len(names) - linked


def _say_lost(part: SourcePart, written: Written) -> None:
    frame, where = part.table.frame, part.folder or "the photos"
    columns = ["place", "city"] if part.tree is not None else ["place", "city", "condition"]
    for column in columns:
        number = frame[column].n_unique() - int(frame[column].null_count() > 0)
        if number:
            plural = {"place": "places", "city": "cities", "condition": "conditions"}[column]
            written.lost.append(f"{number:,} {plural if number > 1 else column} of {where}")
