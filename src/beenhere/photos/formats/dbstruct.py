"""Pittsburgh 30k and 250k, and Tokyo 24/7, as their authors hand them out: by ``.mat`` files.

A ``.mat`` file of Matlab names the images of one split and where they were taken, in UTM
(Arandjelovic et al., "NetVLAD", 2016, which cut Torii et al.'s Pittsburgh set into these splits).
Photos within 25 m are right (``posDistThr``).
"""

import os
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.files.regular import read_regular
from beenhere.photos.catalog.marker import is_set
from beenhere.photos.formats.image_lists import find_named
from beenhere.photos.formats.mat_sizes import check_sizes
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.table import PhotoTable
from beenhere.wording import one_line

PITTSBURGH = ("pitts30k", "pitts250k")
_SPLITS = ("test", "val")
UTM_OF = {"db": "utmDb", "q": "utmQ"}
EASTINGS = 1e5, 9e5
"""Metres, between which those of a zone lie: its middle has 500,000, its border 334 km from it."""
_HDF5 = b"MATLAB 7.3 MAT-file"
_QUERY_FOLDERS = ("247query_subset_v2", "query", "queries", "247query_v3", "247query_v2")
_DATABASE_FOLDERS = ("", "tokyo247", "images", "database")


class _Unread(DataError):
    """A file of a version that is not read."""


def fits_pittsburgh(name: str, folder: Path) -> bool:
    """Whether a folder holds Pittsburgh, and ``name``'s splits are the first to take."""
    return _pittsburgh_sets(folder)[:1] == [name]


def pittsburgh_protocols(folder: Path) -> list[str]:
    """``test`` and ``val``; of the other set in the same folder by its full name."""
    first, *others = _pittsburgh_sets(folder)
    own = [split for split in _SPLITS if _mat(folder, f"{first}_{split}")]
    return own + [
        f"{name}-{split}" for name in others for split in _SPLITS if _mat(folder, f"{name}_{split}")
    ]


def read_pittsburgh(folder: Path, protocol: str) -> EvaluationTables:
    """One split of Pittsburgh: images as its ``.mat`` names them."""
    whole = protocol if "-" in protocol else f"{_pittsburgh_sets(folder)[0]}-{protocol}"
    mat = _mat(folder, whole.replace("-", "_"))
    assert mat is not None  # pittsburgh_protocols offers only what is there
    return EvaluationTables(*_pittsburgh_tables(mat, folder), whole)


def read_pittsburgh_training(folder: Path) -> PhotoTable | None:
    """Database and queries of the training split together, if its ``.mat`` file is here.

    They have no places: ``beenhere data places`` forms them.
    """
    mat = _mat(folder, f"{_pittsburgh_sets(folder)[0]}_train")
    if mat is None:
        return None
    database, queries = _pittsburgh_tables(mat, folder)
    return PhotoTable(
        pl.concat([database.frame, queries.frame]),
        [*database.unusable, *queries.unusable],
        source=database.source,
    )


def fits_tokyo(folder: Path) -> bool:
    """Whether a folder holds Tokyo 24/7 with its ``.mat`` file."""
    return _mat(folder, "tokyo247") is not None


def read_tokyo(folder: Path, protocol: str) -> EvaluationTables:
    """Tokyo 24/7; images may be ``.png`` where the ``.mat`` says ``.jpg``."""
    mat = _mat(folder, "tokyo247")
    assert mat is not None  # fits_tokyo has seen it
    bases = [folder, folder / "tokyo247"]
    queries = [base / name for base in bases for name in _QUERY_FOLDERS]
    return EvaluationTables(
        _table(mat, "db", [folder / name for name in _DATABASE_FOLDERS], "54S"),
        _table(mat, "q", [*queries, *bases], "54S"),
        f"tokyo_247-{protocol}",
    )


def _pittsburgh_sets(folder: Path) -> list[str]:
    """Which of the sets are here, the one that is meant first."""
    if not (folder / "queries_real").is_dir():
        return []
    found = [
        name for name in PITTSBURGH if any(_mat(folder, f"{name}_{split}") for split in _SPLITS)
    ]
    return sorted(found, key=lambda name: not is_set(folder, name))


def _pittsburgh_tables(mat: Path, folder: Path) -> tuple[PhotoTable, PhotoTable]:
    queries = [folder / "queries_real"]
    return _table(mat, "db", [folder], "17T"), _table(mat, "q", queries, "17T")


def _mat(folder: Path, stem: str) -> Path | None:
    candidates = (folder / "datasets" / f"{stem}.mat", folder / f"{stem}.mat")
    return next((file for file in candidates if file.is_file()), None)


def _table(mat: Path, side: str, folders: Sequence[Path], zone: str) -> PhotoTable:
    names, utm = _side(mat, side)
    folder, names = _where(folders, names)
    utm = np.where(_in_zone(mat, side, utm)[:, None], utm, np.nan)
    facts = pl.DataFrame({"easting": utm[:, 0], "northing": utm[:, 1]}).fill_nan(None)
    facts = facts.with_columns(zone=pl.when(pl.col("easting").is_not_null()).then(pl.lit(zone)))
    return find_named(folder, names).table(f"photos; which and where, {mat.name} says", facts)


def _in_zone(mat: Path, side: str, utm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``(n,)``: whether easting and northing are some of a UTM zone; else they are not known.

    Raises:
        DataError: most are not: they are degrees, or the wrong way round.
    """

    def good(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (east > EASTINGS[0]) & (east < EASTINGS[1]) & (north >= 0) & (north <= 1e7)

    fits = good(*utm.T)
    if len(utm) and 2 * fits.sum() < np.isfinite(utm).all(axis=1).sum():
        swapped = 2 * good(*utm.T[::-1]).sum() > len(utm)
        looks = "these look swapped" if swapped else "these look like something else"
        if 2 * (np.abs(utm) <= 360).all(axis=1).sum() > len(utm):
            looks = "these look like degrees"
        some = ", ".join(f"{value:g}" for value in utm[np.argmin(fits)])
        raise DataError(
            f"{mat}: {UTM_OF[side]} has {some}; expected easting and northing in metres of a UTM "
            f"zone, in this order, and {looks}"
        )
    return fits


def _side(mat: Path, side: str) -> tuple[list[str], NDArray[np.float64]]:
    """Names and ``(n, 2)`` easting and northing of ``"db"`` or ``"q"``."""
    from scipy.io import loadmat

    images, places = f"{side}ImageFns", UTM_OF[side]
    try:
        data = read_regular(mat)
        if data.startswith(_HDF5):
            raise _Unread(
                f"{mat}: is saved in Matlab's version 7.3, which is not read here; load it in "
                f"Matlab and save it as version 7: save('{mat.name}', 'dbStruct', '-v7')"
            )
        check_sizes(data)
        struct = loadmat(BytesIO(data), variable_names=["dbStruct"])["dbStruct"][0, 0]
        # A cell array: each cell is an array of one text.
        names = [str(np.ravel(cell)[0].item()) for cell in np.ravel(struct[images])]
        utm = np.asarray(struct[places], np.float64).T
    except _Unread:
        raise
    # scipy does not document what it raises for a broken file.
    except Exception as error:
        problem = one_line(error, 100)
        raise DataError(
            f"{mat}: expected a Matlab struct dbStruct with {images} and {places} ({problem})"
        ) from error
    if utm.shape != (len(names), 2):
        raise DataError(
            f"{mat}: {images} has {len(names)} names and {places} the shape {utm.T.shape}; "
            f"expected (2, {len(names)})"
        )
    return names, utm


def _where(folders: Sequence[Path], names: list[str]) -> tuple[Path, list[str]]:
    """The folder, and the ending, with which the first names are found; else the first of all."""
    png = [re.sub(r"\.jpe?g$", ".png", name, flags=re.IGNORECASE) for name in names]
    for spelled in (names, png):
        some = spelled[:: max(1, len(spelled) // 20)]
        for folder in folders:
            if any(os.path.exists(folder / name) for name in some):  # noqa: PTH110
                return folder, spelled
    return folders[0], names
