"""Write a set in another layout."""

from pathlib import Path
from typing import Literal

from beenhere.datasets.convert.gsv_xs import write_gsv_xs
from beenhere.datasets.convert.source import read_parts
from beenhere.datasets.convert.tables import write_tables
from beenhere.datasets.convert.utm import write_utm
from beenhere.datasets.convert.written import Written
from beenhere.files.atomic import new_folder

FolderLayout = Literal["gsv-xs", "utm", "csv", "parquet"]


def convert(source: Path, out: Path, layout: FolderLayout) -> Written:
    """Write every set below a path into a new folder, which is there whole or not there.

    Args:
        source: a folder or table of photos; it is not changed.
        out: a new or empty folder.
        layout: ``gsv-xs`` and ``utm``: photos with ``@`` names, hard links where possible;
            ``csv`` and ``parquet``: tables of photos that stay where they are.

    Raises:
        DataError: nothing to read, ``out`` is taken, or the layout cannot hold what is there.
    """
    source = source.expanduser()
    with new_folder(out, source) as folder:
        parts = read_parts(source)
        written = Written()
        for part in parts:
            written.unusable += part.table.unusable
            written.lost += part.left
        if layout == "gsv-xs":
            write_gsv_xs(parts, folder, source, written)
        elif layout == "utm":
            write_utm(parts, folder, written)
        else:
            write_tables(parts, folder, out, f".{layout}", written)
    return written
