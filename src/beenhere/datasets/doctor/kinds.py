"""What the doctor looks for: each kind of fault, what it does to a score, and what helps."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["score", "note"]
"""``"score"``: would change a score. ``"note"``: worth knowing."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        title: what is counted, in a few words.
        meaning: what it does to a score.
        remedy: what to do about it.
        pixels: whether photos have to be opened to see it.
        pictured: whether pictures show it.
    """

    title: str
    meaning: str
    remedy: str
    pixels: bool = False
    pictured: bool = False


_COPY_CUES = "(same bytes)"
_NEAR_CUES = "(nearly the same picture)"
_ACROSS = "The model is tested on photos that it was trained on: the score is too high."
_QUERY = "A query finds itself: it counts as right, whatever the model can do."
_ELSEWHERE = (
    "One picture stands for two places: one of them is wrong in the ground truth or labels."
)
_CHOSEN = "The checkpoint is chosen on photos of the test set: the score is a little too high."

KINDS: dict[str, Kind] = {
    "not-used": Kind(
        "files that were found and cannot be used",
        "They are missing in every score: a set with fewer photos is another set.",
        "Mend them at the source, or fetch them again; `beenhere data show` lists them all.",
    ),
    "unreadable": Kind(
        "photos that cannot be read",
        "As a query such a photo counts as wrong; in a database it is never found.",
        "Fetch them again, or leave them out.",
        pixels=True,
        pictured=True,
    ),
    "near-empty": Kind(
        "photos with nearly nothing on them",
        "Nothing can be recognised on one colour: such a query is wrong, such a place untaught.",
        "Leave them out.",
        pixels=True,
        pictured=True,
    ),
    "copy-across-splits": Kind(
        f"training photos that are also in val or test {_COPY_CUES}",
        _ACROSS,
        "Leave them out of the training set.",
        pixels=True,
        pictured=True,
    ),
    "near-copy-across-splits": Kind(
        f"training photos that are also in val or test {_NEAR_CUES}",
        _ACROSS,
        "Leave them out of the training set.",
        pixels=True,
        pictured=True,
    ),
    "copy-of-query": Kind(
        f"database photos that are also queries {_COPY_CUES}",
        _QUERY,
        "Leave them out of the database.",
        pixels=True,
        pictured=True,
    ),
    "near-copy-of-query": Kind(
        f"database photos that are also queries {_NEAR_CUES}",
        _QUERY,
        "Leave them out of the database.",
        pixels=True,
        pictured=True,
    ),
    "copy-elsewhere": Kind(
        f"photos that are there again at another place {_COPY_CUES}",
        _ELSEWHERE,
        "Find out which of the two is right, and leave the other out.",
        pixels=True,
        pictured=True,
    ),
    "near-copy-elsewhere": Kind(
        f"photos that are there again at another place {_NEAR_CUES}",
        _ELSEWHERE,
        "Find out which of the two is right, and leave the other out.",
        pixels=True,
        pictured=True,
    ),
    "shared-streets": Kind(
        "training photos taken where val or test photos were",
        "The model has seen the streets that it is tested on: the score is too high for new ones.",
        "Leave these photos out of the training set, or say so beside the score.",
        pictured=True,
    ),
    "impossible-utm": Kind(
        "easting or northing that no UTM zone has",
        "The position is wrong: right matches count as wrong and wrong ones as right.",
        "Mend the numbers at their source, or leave the photos out.",
    ),
    "disagreeing": Kind(
        "photos whose UTM and latitude, longitude are two places",
        "Distances are measured in UTM: if that is the wrong one, right matches count as wrong.",
        "Find out which is right, and mend the other at the source; or leave these photos out.",
    ),
    "null-island": Kind(
        "photos at latitude 0, longitude 0",
        "That is what a receiver writes without a fix: no match of such a photo can be right.",
        "Give them their position, or leave them out.",
    ),
    "swapped": Kind(
        "photos with latitude and longitude swapped",
        "The position is wrong: no match of such a photo can be right.",
        "Swap the two numbers at the source, or leave these photos out.",
    ),
    "wrong-sign": Kind(
        "photos with a lost or stray minus: north for south, east for west",
        "The position is wrong: no match of such a photo can be right.",
        "Turn the sign at the source, or leave these photos out.",
    ),
    "wrong-zone": Kind(
        "photos in another UTM zone than they can be",
        "The position is hundreds of kilometres off: no match of such a photo can be right.",
        "Put in the right zone at the source, or leave these photos out.",
    ),
    "far-away": Kind(
        "photos far from all others of their set",
        "If the position is wrong, no match of such a photo can be right.",
        "Look if they belong there; if not, mend the position at the source, or leave them out.",
    ),
    "jump": Kind(
        "photos to which nobody can have moved so fast",
        "A position off by more than the threshold turns right matches into wrong ones.",
        "Look at the track; mend the position at the source, or leave these photos out.",
    ),
    "no-position": Kind(
        "photos without a position",
        "In an evaluation set a match with such a photo counts as wrong: nobody can say that it is "
        "right.",
        "Positions are needed: `beenhere data track` gives them from a GPX track. Or list what is "
        "right in a `ground_truth.csv`. Where others of the set have one: leave these out.",
    ),
    "place-spread": Kind(
        "training photos far from the middle of their place",
        "Training pulls together pictures that show different things.",
        "Mend the position or the place, or leave the photos out.",
        pictured=True,
    ),
    "copy-val-test": Kind(
        f"validation photos that are also in test {_COPY_CUES}",
        _CHOSEN,
        "Leave them out of the validation set.",
        pixels=True,
        pictured=True,
    ),
    "near-copy-val-test": Kind(
        f"validation photos that are also in test {_NEAR_CUES}",
        _CHOSEN,
        "Leave them out of the validation set.",
        pixels=True,
        pictured=True,
    ),
    "copy": Kind(
        f"photos that are there again {_COPY_CUES}",
        "They take up room among the first N matches, or count as a training pair that teaches "
        "nothing.",
        "Leave all but one out.",
        pixels=True,
        pictured=True,
    ),
    "near-copy": Kind(
        f"photos that are there again {_NEAR_CUES}",
        "Usual among frames of a video. Else as copies: a match or a training pair too easy.",
        "Nothing, if they are frames of a video; else leave all but one out.",
        pixels=True,
        pictured=True,
    ),
    "shared-streets-val-test": Kind(
        "validation photos taken where test photos were",
        "The checkpoint is chosen on streets of the test: the score is a little too high for new "
        "ones.",
        "Nothing, where the benchmark has it so; else split by streets.",
    ),
    "no-positive": Kind(
        "queries without a positive",
        "Each counts as wrong, whatever the model finds: no score can reach 100%.",
        "Nothing: leaving them out would make the score another one. Say how many there are.",
    ),
    "small-place": Kind(
        "places with fewer photos than training takes of each",
        "They are left out of training, or give smaller groups.",
        "Nothing, or lower `batch.min_images`.",
    ),
    "in-no-set": Kind(
        "photos beside the sets, in none of them",
        "Nobody trains or is tested on them as they lie; nothing else was looked for in them.",
        "Move them into a folder of their own, if they are to count.",
    ),
    "heading-range": Kind(
        "headings outside of 0 to 360",
        "They are read as the same direction within 0 to 360. Other programs may not do so.",
        "Nothing; take care where another program reads these photos.",
    ),
    "no-heading": Kind(
        "photos without a heading, in a set where others have one",
        "None, unless places are made by heading: those photos stay without a place.",
        "Nothing.",
    ),
    "future-date": Kind(
        "photos dated in the future",
        "None on recall; splits by date and sequences by time are wrong for them.",
        "Mend the date (a camera's clock is off).",
    ),
    "no-such-date": Kind(
        "photos with a date that no calendar has",
        "None on recall; they count as undated.",
        "Mend the date in the file's name.",
    ),
    "other-size": Kind(
        "photos of another size than most of their set",
        "Photos of several sizes cannot share a batch unless they are resized, and some models "
        "score differently at another size.",
        "Give `model.preprocessing.image_size`; then nothing.",
        pixels=True,
    ),
}
"""By name, in the order of a report."""
