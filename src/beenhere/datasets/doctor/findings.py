"""A finding: photos with the same kind of fault."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.kinds import KINDS, Kind, Severity

CASES: dict[str, type[pl.DataType]] = {
    "path": pl.String,
    "part": pl.Int32,
    "other": pl.String,
    "other_part": pl.Int32,
    "detail": pl.String,
    "suggestion": pl.String,
}
"""Columns of a finding's cases: the photo, the number of its part, the photo it goes with and that
one's part (null if there is none), what is wrong in a few words, and what to do: a text that starts
with :data:`LEAVE_OUT` or :data:`MEND`, or null for nothing."""

LEAVE_OUT, MEND = "leave out", "mend"
"""What a suggestion starts with: such a photo is left out; such a photo stays in."""


@dataclass(frozen=True)
class Finding:
    """Photos with the same kind of fault.

    Attributes:
        name: of its kind, in :data:`beenhere.datasets.doctor.kinds.KINDS`.
        severity: ``"score"`` if it would change a score, ``"note"`` if it is worth knowing.
        cases: one row a photo (or place), the worst first; columns of :data:`CASES`.
        summary: what the cases say together, in one sentence; may be empty.
    """

    name: str
    severity: Severity
    cases: pl.DataFrame
    summary: str = ""

    def __len__(self) -> int:
        return self.cases.height

    @property
    def kind(self) -> Kind:
        """What it is, what it means and what helps."""
        return KINDS[self.name]


def cases(
    collection: Collection,
    rows: ArrayLike,
    detail: Sequence[str] | pl.Series,
    suggestion: str | Sequence[str | None] | None,
    other: ArrayLike | None = None,
) -> pl.DataFrame:
    """Cases of some photos of a collection.

    Args:
        rows: ``(n,)`` of the collection's frame.
        detail: ``(n,)`` texts.
        suggestion: one for all, or ``(n,)``.
        other: ``(n,)`` rows of the photos they go with, if there are any.
    """
    chosen: NDArray[np.int64] = np.asarray(rows, np.int64)
    mates = None if other is None else np.asarray(other, np.int64)
    paths, parts = collection.frame["path"], collection.frame["part"]
    nothing = [None] * len(chosen)
    given = (
        [suggestion] * len(chosen)
        if suggestion is None or isinstance(suggestion, str)
        else (list(suggestion))
    )
    return pl.DataFrame(
        {
            "path": paths[chosen],
            "part": parts[chosen],
            "other": nothing if mates is None else paths[mates],
            "other_part": nothing if mates is None else parts[mates],
            "detail": detail,
            "suggestion": given,
        },
        schema=CASES,
    )


def finding(name: str, severity: Severity, of: pl.DataFrame, summary: str = "") -> list[Finding]:
    """One finding, or none where there are no cases."""
    return [Finding(name, severity, of, summary)] if of.height else []


def or_mend(what: str) -> str:
    """The suggestion to leave a photo out that somebody may be able to mend: such as its zone."""
    return f"{LEAVE_OUT} (or {what} at the source, and check again)"


def distance_text(metres: float) -> str:
    """Such as ``"240 m"``, ``"1,059 km"``."""
    return f"{metres / 1000:,.0f} km" if metres >= 10_000 else f"{metres:,.0f} m"
