"""Sets given by three ``.npy`` files: names of the database, names of the queries, and lists.

GSV-Cities ships them beside its code (``X_dbImages.npy``, ``X_qImages.npy``, ``X_gt.npy``), and
OpenVPRLab beside its images (``X_ref_image_names.npy``, ``X_query_image_names.npy``,
``X_ground_truth*.npy``). Names are relative to the folder of the three.
"""

from pathlib import Path
from typing import NamedTuple

from beenhere.datasets.formats.named_images import NamedImages, find_named
from beenhere.datasets.formats.npy_lists import read_index_lists, read_names
from beenhere.datasets.ground_truth import EvaluationTables, ListedTruth
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError

_WAYS = (
    ("_dbImages.npy", "_qImages.npy", "_gt*.npy"),
    ("_ref_image_names.npy", "_query_image_names.npy", "_ground_truth*.npy"),
)


class _Files(NamedTuple):
    database: Path
    queries: Path
    truth: Path


def fits_image_lists(folder: Path) -> bool:
    """Whether a folder has such a set."""
    return bool(_found(folder))


def image_list_protocols(folder: Path) -> list[str]:
    """What stands before the names of the files, one for each set."""
    return list(_found(folder))


def read_image_lists(folder: Path, protocol: str) -> EvaluationTables:
    """The images of the lists; one that is not there moves no other.

    Raises:
        DataError: lists that do not fit each other.
    """
    files = _found(folder)[protocol]
    database, queries = (find_named(folder, read_names(file)) for file in files[:2])
    lists = read_index_lists(files.truth)
    if len(lists) != len(queries.row):
        raise DataError(
            f"{files.truth}: has lists for {len(lists)} queries; expected {len(queries.row)}, as "
            f"{files.queries.name} names them"
        )
    most = max((int(one.max()) for one in lists if len(one)), default=0)
    if most >= len(database.row):
        raise DataError(
            f"{files.truth}: lists database photo {most}; {files.database.name} names "
            f"{len(database.row)}, from 0"
        )
    listed = ListedTruth(database.rows_of([lists[at] for at in queries.kept]), len(database.paths))
    tables = (_table(database, files.database), _table(queries, files.queries))
    return EvaluationTables(*tables, protocol, listed)


def _found(folder: Path) -> dict[str, _Files]:
    found = {}
    for database, queries, truth in _WAYS:
        for file in sorted(folder.glob(f"*{database}")):
            name = file.name.removesuffix(database)
            lists = sorted(folder.glob(f"{name}{truth}"))
            if (folder / f"{name}{queries}").is_file() and len(lists) == 1:
                found[name] = _Files(file, folder / f"{name}{queries}", lists[0])
    return found


def _table(images: NamedImages, file: Path) -> PhotoTable:
    source = f"photos that {file.name} names"
    return PhotoTable.from_columns({"path": images.paths}, images.unusable, source=source)
