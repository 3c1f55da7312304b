"""Which format a path has, found out by looking; and the table in it."""

from pathlib import Path

from beenhere.datasets.catalog.marker import assert_photos
from beenhere.datasets.formats.at_names import is_at_name, read_at_names
from beenhere.datasets.formats.exif_folder import read_exif_folder
from beenhere.datasets.formats.gsv_cities import is_gsv_cities, read_gsv_cities
from beenhere.datasets.formats.listing import (
    PHOTO_SUFFIXES,
    TABLE_SUFFIXES,
    Listing,
    list_photos,
)
from beenhere.datasets.formats.msls import msls_training_cities, read_msls_cities
from beenhere.datasets.formats.photo_list import photo_list_in, read_photo_list
from beenhere.datasets.formats.published import published_at
from beenhere.datasets.formats.sets import sets_of
from beenhere.datasets.formats.sides import sides
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError

SHARDS_MANIFEST = "shards.yaml"
"""The file that makes a folder one of tar shards; see :mod:`beenhere.training.shards`."""


def read_photos(path: Path, strict: bool = True) -> PhotoTable:
    """The photos at a path, in a known order, whatever format they come in.

    A CSV or Parquet file, a photo, or a folder: GSV-Cities; cities of MSLS; a published set, whose
    training photos these are; photos most of whose names hold ``@`` fields; one table of photos;
    photos with EXIF. In a folder the first that fits is taken, and everything below it counts. In a
    set that was got by name its counts are asserted.

    Args:
        strict: whether a cell of a table that cannot be what its column needs is an error; else
            its row is listed as unusable, with the reason.

    Raises:
        DataError: nothing there, no photos in it, or several sets in it: the message names them;
            a set that is not whole: the message explains it.
    """
    path = path.expanduser()
    table = _read(path, strict)
    assert_photos(path, table)
    return table


def _read(path: Path, strict: bool) -> PhotoTable:
    if holds_shards(path):
        raise DataError(
            f"{path}: holds tar shards, which are trained on (data.train={path}) and shown by "
            "beenhere data show; give the photos themselves"
        )
    if path.is_file():
        return _read_file(path, strict)
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    if is_gsv_cities(path):
        return read_gsv_cities(path)
    cities = msls_training_cities(path)
    if cities:
        return read_msls_cities(cities)
    published = published_at(path)
    if published is not None:
        training = published.training(path)
        if training is not None:
            return training
        raise DataError(
            f"{path}: holds a database and queries ({published.name}); evaluate the whole, or name "
            "one folder of photos in it"
        )
    listing = list_photos(path)
    _refuse_several(listing)
    named = sum(map(is_at_name, listing.photos))
    if 2 * named > len(listing.photos):
        return read_at_names(listing)
    table = photo_list_in(listing)
    if table is not None:
        return read_photo_list(table, strict)
    if not listing.photos and not listing.unusable:
        raise DataError(_nothing(listing))
    return read_exif_folder(listing)


def holds_shards(path: Path) -> bool:
    """Whether a path is a folder of tar shards, or the manifest of one."""
    if path.name == SHARDS_MANIFEST:
        return path.is_file()
    return (path / SHARDS_MANIFEST).is_file()


def _refuse_several(listing: Listing) -> None:
    """Photos to train on, to search and to find are never thrown together."""
    sets = sets_of(listing).sets
    if not sets:
        return
    names: list[Path] = []
    for each in sets:
        names += (sides(each.path) or [each.path]) if each.evaluation else [each.path]
    raise DataError(
        f"{listing.root}: holds several sets of photos; name one of {', '.join(map(str, names))}"
    )


def _read_file(path: Path, strict: bool) -> PhotoTable:
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return read_photo_list(path, strict)
    if suffix in PHOTO_SUFFIXES:
        return read_exif_folder(Listing(path.parent, photos=[path.name]))
    raise DataError(
        f"{path}: ends in {suffix!r}; expected a folder of photos, or a file that ends in "
        f"{', '.join(sorted(TABLE_SUFFIXES))}"
    )


def _nothing(listing: Listing) -> str:
    if not listing.others:
        return f"{listing.root}: is empty; expected photos in it"
    some = ", ".join(listing.others[:3])
    return (
        f"{listing.root}: holds no photos; found {some}"
        f"{', ...' if len(listing.others) > 3 else ''}, expected files such as .jpg or .png"
    )
