"""Photos' names that :mod:`beenhere.datasets.formats.at_names` reads, with what is known of them.

``@easting@northing@zone number@zone letter@latitude@longitude@panorama@tile@heading@pitch@roll@
height@timestamp@note@.jpg``: metres to the centimetre, degrees to a millimetre on the ground, the
heading to the last digit.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from beenhere.datasets.formats.at_names import is_at_name
from beenhere.datasets.table import PhotoTable

MOST_BYTES = 240
"""Of a name: file systems take 255, and programs add an end to it."""

_PANORAMA, _TILE, _PITCH, _ROLL, _HEIGHT = 7, 8, 10, 11, 12
_FIELDS = 13
# What a field or a file name of Windows cannot hold.
_UNFIT = re.compile(r'[@/\\:*?"<>|\x00-\x1f\x7f]')


def fit(text: str) -> str:
    """A text that can be a field of a name, and a folder."""
    return _UNFIT.sub("-", text).strip()


def at_names(table: PhotoTable, notes: Sequence[str]) -> list[str]:
    """A name for each photo; names that differ by no more than case do not occur.

    The photo's old name (of an ``@`` name its panorama, tile, pitch, roll and height) goes into the
    fields that are for it; where two photos would get one name, a number is added, by path.

    Args:
        notes: the last field of each, ``""`` for none; :func:`fit` texts.
    """
    rows = sorted(range(len(table)), key=lambda row: table.frame["path"][row])
    given = table.frame.rows(named=True)
    names: list[str] = [""] * len(given)
    taken: Counter[str] = Counter()
    for row in rows:
        names[row] = _free(_names(given[row], notes[row]), taken)
    return names


def _free(candidates: Iterator[str], taken: Counter[str]) -> str:
    for name in candidates:
        if not taken[name.casefold()]:
            break
    taken[name.casefold()] += 1
    return name


def _names(photo: dict[str, Any], note: str) -> Iterator[str]:
    """The name, then the same with numbers."""
    old = photo["path"].rpartition("/")[2]
    stem, dot, end = old.rpartition(".")
    own = ["", *([""] * _FIELDS)]
    if is_at_name(old):
        own = [*stem.split("@"), *own]
    else:
        own[_PANORAMA] = fit(stem if dot else old)
    before = "@".join(["", *_where(photo)])
    after = "@".join(
        [
            fit(own[_TILE]),
            _number(photo["heading"]),
            *(fit(own[field]) for field in (_PITCH, _ROLL, _HEIGHT)),
            _moment(photo["captured"]),
            note,
            f"{dot}{end}",
        ]
    )
    panorama = fit(own[_PANORAMA])
    room = MOST_BYTES - len(f"{before}@@{after}".encode())
    if len(panorama.encode()) > room:
        tag = hashlib.sha256(panorama.encode()).hexdigest()[:8]
        panorama = panorama.encode()[: max(0, room - 16)].decode("utf-8", "ignore") + tag
    yield f"{before}@{panorama}@{after}"
    number = 2
    while True:
        yield f"{before}@{panorama}-{number}@{after}"
        number += 1


def _where(photo: dict[str, Any]) -> list[str]:
    zone = photo["zone"]
    utm = ["", "", "", ""]
    if zone is not None:
        utm = [f"{photo['easting']:.2f}", f"{photo['northing']:.2f}", zone[:-1], zone[-1]]
    if photo["lat"] is None:
        return [*utm, "", ""]
    return [*utm, _degrees(photo["lat"]), _degrees(photo["lon"])]


def _degrees(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")


def _number(value: float | None) -> str:
    return "" if value is None else repr(value).removesuffix(".0")


def _moment(captured: str | None) -> str:
    """The date without what a file name cannot hold, such as ``20150601T123000Z``."""
    if captured is None:
        return ""
    return captured[:10].replace("-", "") + captured[10:].replace(":", "")
