"""File names of the benchmarks: fields between ``@``, positions in UTM and WGS84."""

from dataclasses import dataclass

import numpy as np

from beenhere.datasets.city.moment import Moment
from beenhere.geo import to_wgs84, zone_code, zone_name

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True)
class Fields:
    """What a name tells, besides the position.

    Attributes:
        pano: id of the panorama. heading, date, note: as they are written; empty if unknown.
    """

    pano: str
    heading: str
    date: str
    note: str


def photo_names(
    easting: list[float], northing: list[float], zone: str, fields: list[Fields]
) -> list[str]:
    """One file name a photo.

    The fields are easting, northing, zone number and letter, latitude, longitude, panorama, tile,
    heading, pitch, roll, height, date, note and extension. Latitude and longitude follow from the
    easting and northing as they are written, with two decimals.
    """
    easting, northing = [round(e, 2) for e in easting], [round(n, 2) for n in northing]
    lat, lon = to_wgs84(easting, northing, [zone_code(zone)] * len(easting))
    names = []
    for e, n, y, x, f in zip(easting, northing, lat, lon, fields, strict=True):
        # The letter follows from the latitude; the number stays the city's.
        letter = (zone_name(float(y), float(x)) or zone)[-1]
        position = f"@{e:010.2f}@{n:010.2f}@{zone[:-1]}@{letter}@{y:09.5f}@{x:010.5f}"
        names.append(f"{position}@{f.pano}@@{f.heading}@@@@{f.date}@{f.note}@.jpg")
    return names


def draw_pano(rng: np.random.Generator) -> str:
    """An id of 22 letters, such as street-level panoramas have."""
    return "".join(_BASE64[i] for i in rng.integers(0, 64, 22))


def month_of(moment: Moment) -> str:
    """``YYYYMM``."""
    return f"{moment.year:04d}{moment.month:02d}"


def day_of(moment: Moment) -> str:
    """``YYYYMMDD``."""
    return f"{moment.date:08d}"
