"""Findings: photos with the same kind of fault; and what each kind means, and what helps."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from beenhere.tools.doctor.photo_collection import PhotoCollection

Severity = Literal["score", "note"]
"""``"score"``: would change a score. ``"note"``: worth knowing."""

_SAME_BYTES, _SAME_LOOK = "(same bytes)", "(nearly the same picture)"


@dataclass(frozen=True)
class FindingKind:
    """A kind of fault.

    Attributes:
        severity: what it usually is; two kinds depend on the set, which their check decides.
        title: what is counted, in a few words.
        meaning: what it does to a score.
        remedy: what to do about it.
        pixels: whether photos have to be opened to see it.
        pictured: whether pictures show it.
    """

    severity: Severity
    title: str
    meaning: str
    remedy: str
    pixels: bool = False
    pictured: bool = False


_score, _note = partial(FindingKind, "score"), partial(FindingKind, "note")


def _copies(
    name: str, severity: Severity, photos: str, meaning: str, remedy: str
) -> dict[str, FindingKind]:
    """A kind for photos with equal bytes, and a ``near-`` one for those that look nearly equal."""
    return {
        near + name: FindingKind(severity, f"{photos} {cue}", meaning, remedy, True, True)
        for near, cue in (("", _SAME_BYTES), ("near-", _SAME_LOOK))
    }


KINDS: dict[str, FindingKind] = {
    "not-used": _score(
        "files that were found and cannot be used",
        "They are missing in every score: a set with fewer photos is another set.",
        "Mend them at the source, or fetch them again; `beenhere data show` lists them all.",
    ),
    "unreadable": _score(
        "photos that cannot be read",
        "As a query such a photo counts as wrong; in a database it is never found.",
        "Fetch them again, or leave them out.",
        pixels=True,
        pictured=True,
    ),
    "near-empty": _score(
        "photos with nearly nothing on them",
        "Nothing can be recognised on one colour: such a query is wrong, such a place untaught.",
        "Leave them out.",
        pixels=True,
        pictured=True,
    ),
    **_copies(
        "copy-across-splits",
        "score",
        "training photos that are also in val or test",
        "The model is tested on photos that it was trained on: the score is too high.",
        "Leave them out of the training set.",
    ),
    **_copies(
        "copy-of-query",
        "score",
        "database photos that are also queries",
        "A query finds itself: it counts as right, whatever the model can do.",
        "Leave them out of the database.",
    ),
    **_copies(
        "copy-elsewhere",
        "score",
        "photos that are there again at another place",
        "One picture stands for two places: one of them is wrong in the ground truth or labels.",
        "Find out which of the two is right, and leave the other out.",
    ),
    "shared-streets": _score(
        "training photos taken where val or test photos were",
        "The model has seen the streets that it is tested on: the score is too high for new ones.",
        "Leave these photos out of the training set, or say so beside the score.",
        pictured=True,
    ),
    "impossible-utm": _score(
        "easting or northing that no UTM zone has",
        "The position is wrong: right matches count as wrong and wrong ones as right.",
        "Mend the numbers at their source, or leave the photos out.",
    ),
    "disagreeing": _score(
        "photos whose UTM and latitude, longitude are two places",
        "Distances are measured in UTM: if that is the wrong one, right matches count as wrong.",
        "Find out which is right, and mend the other at the source; or leave these photos out.",
    ),
    "null-island": _score(
        "photos at latitude 0, longitude 0",
        "That is what a receiver writes without a fix: no match of such a photo can be right.",
        "Give them their position, or leave them out.",
    ),
    "swapped": _score(
        "photos with latitude and longitude swapped",
        "The position is wrong: no match of such a photo can be right.",
        "Swap the two numbers at the source, or leave these photos out.",
    ),
    "wrong-sign": _score(
        "photos with a lost or stray minus: north for south, east for west",
        "The position is wrong: no match of such a photo can be right.",
        "Turn the sign at the source, or leave these photos out.",
    ),
    "wrong-zone": _score(
        "photos in another UTM zone than they can be",
        "The position is hundreds of kilometres off: no match of such a photo can be right.",
        "Put in the right zone at the source, or leave these photos out.",
    ),
    "far-away": _note(
        "photos far from all others of their set",
        "If the position is wrong, no match of such a photo can be right.",
        "Look if they belong there; if not, mend the position at the source, or leave them out.",
    ),
    "jump": _score(
        "photos to which nobody can have moved so fast",
        "A position off by more than the threshold turns right matches into wrong ones.",
        "Look at the track; mend the position at the source, or leave these photos out.",
    ),
    "no-position": _note(
        "photos without a position",
        "In an evaluation set a match with such a photo counts as wrong: nobody can say that it is "
        "right.",
        "Positions are needed: `beenhere data track` gives them from a GPX track. Or list what is "
        "right in a `ground_truth.csv`. Where others of the set have one: leave these out.",
    ),
    "place-spread": _score(
        "training photos far from the middle of their place",
        "Training pulls together pictures that show different things.",
        "Mend the position or the place, or leave the photos out.",
        pictured=True,
    ),
    **_copies(
        "copy-val-test",
        "note",
        "validation photos that are also in test",
        "The checkpoint is chosen on photos of the test set: the score is a little too high.",
        "Leave them out of the validation set.",
    ),
    "copy": _note(
        f"photos that are there again {_SAME_BYTES}",
        "They take up room among the first N matches, or count as a training pair that teaches "
        "nothing.",
        "Leave all but one out.",
        pixels=True,
        pictured=True,
    ),
    "near-copy": _note(
        f"photos that are there again {_SAME_LOOK}",
        "Usual among frames of a video. Else as copies: a match or a training pair too easy.",
        "Nothing, if they are frames of a video; else leave all but one out.",
        pixels=True,
        pictured=True,
    ),
    "shared-streets-val-test": _note(
        "validation photos taken where test photos were",
        "The checkpoint is chosen on streets of the test: the score is a little too high for new "
        "ones.",
        "Nothing, where the benchmark has it so; else split by streets.",
    ),
    "no-positive": _note(
        "queries without a positive",
        "Each counts as wrong, whatever the model finds: no score can reach 100%.",
        "Nothing: leaving them out would make the score another one. Say how many there are.",
    ),
    "small-place": _note(
        "places with fewer photos than training takes of each",
        "They are left out of training, or give smaller groups.",
        "Nothing, or lower `batch.min_images`.",
    ),
    "in-no-set": _note(
        "photos beside the sets, in none of them",
        "Nobody trains or is tested on them as they lie; nothing else was looked for in them.",
        "Move them into a folder of their own, if they are to count.",
    ),
    "heading-range": _note(
        "headings outside of 0 to 360",
        "They are read as the same direction within 0 to 360. Other programs may not do so.",
        "Nothing; take care where another program reads these photos.",
    ),
    "no-heading": _note(
        "photos without a heading, in a set where others have one",
        "None, unless places are made by heading: those photos stay without a place.",
        "Nothing.",
    ),
    "future-date": _note(
        "photos dated in the future",
        "None on recall; splits by date and sequences by time are wrong for them.",
        "Mend the date (a camera's clock is off).",
    ),
    "no-such-date": _note(
        "photos with a date that no calendar has",
        "None on recall; they count as undated.",
        "Mend the date in the file's name.",
    ),
    "other-size": _note(
        "photos of another size than most of their set",
        "Photos of several sizes cannot share a batch unless they are resized, and some models "
        "score differently at another size.",
        "Give `model.preprocessing.image_size`; then nothing.",
        pixels=True,
    ),
}
"""By name, in the order of a report."""

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
"""The start of a suggestion says whether its photo is left out, or stays in to be mended."""


@dataclass(frozen=True)
class Finding:
    """Photos with the same kind of fault.

    Attributes:
        name: of its kind, in :data:`KINDS`.
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
    def kind(self) -> FindingKind:
        """Its title, its meaning and its remedy."""
        return KINDS[self.name]


def finding(
    name: str, cases: pl.DataFrame, summary: str = "", severity: Severity | None = None
) -> list[Finding]:
    """One finding, or none where there are no cases; as severe as its kind, unless it is said."""
    return [Finding(name, severity or KINDS[name].severity, cases, summary)] if len(cases) else []


def cases(
    collection: PhotoCollection,
    rows: ArrayLike,
    detail: str | Sequence[str] | pl.Series,
    suggestion: str | Sequence[str | None] | None = None,
    other: ArrayLike | None = None,
) -> pl.DataFrame:
    """Cases of some photos of a collection, with the columns of :data:`CASES`.

    Args:
        rows: ``(n,)`` of the collection's frame.
        detail, suggestion: a text for all, or ``(n,)``; a suggestion may be None.
        other: ``(n,)`` rows of the photos they go with, if there are any.
    """
    chosen = np.asarray(rows, np.int64)
    mates = None if other is None else np.asarray(other, np.int64)
    paths, parts = collection.frame["path"], collection.frame["part"]

    def each(values: str | Sequence[str | None] | pl.Series | None) -> Any:
        return [values] * len(chosen) if values is None or isinstance(values, str) else values

    columns = {
        "path": paths[chosen],
        "part": parts[chosen],
        "other": each(None if mates is None else paths[mates]),
        "other_part": each(None if mates is None else parts[mates]),
        "detail": each(detail),
        "suggestion": each(suggestion),
    }
    return pl.DataFrame(columns, schema=CASES)


def or_mend(what: str) -> str:
    """The suggestion to leave a photo out that somebody may be able to mend: such as its zone."""
    return f"{LEAVE_OUT} (or {what} at the source, and check again)"


def distance_text(metres: float) -> str:
    """Such as ``"240 m"``, ``"1,059 km"``."""
    return f"{metres / 1000:,.0f} km" if metres >= 10_000 else f"{metres:,.0f} m"
