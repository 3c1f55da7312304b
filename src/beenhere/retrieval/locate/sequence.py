"""Several photos along a path: what each frame says, and how far one can get between two.

A hidden Markov model (Rabiner, 1989). The states of a frame are the places where it may have been
taken; those of the frames around it, since it may have missed where they were right; and
"unknown", for a place that is not in the map. What a frame says of its states are probabilities,
not likelihoods, so each is divided by how probable the state is before anything is seen (Bourlard
and Morgan, 1994). Here the steps between frames are: a step says how much likelier it is to come
from one place to the other than to be there by chance.

The frames of a path are not independent, as that model has them: they see the same facade, and
are misled by it alike. So what the frames on one side say is raised to a power below 1 with every
frame it passes (the power steady model: Smith, "A generalization of the Bayesian steady
forecasting model", 1979): the next frame counts by that power, the one after it by its square.

Nor can a path tell a right place from one beside it, which lies within reach as well. So with a
calibration a frame is called no surer than it and the frames around it are in the mean of what they
say of its place: frames lend each other what one of them lacks, but together know no more.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.photos.exif import read_facts
from beenhere.photos.photo_file import PhotoInput
from beenhere.photos.reference import Points, distance, joined, kind_of, points_at
from beenhere.retrieval.locate.answer import Candidates

Floats = NDArray[np.float64]

MOST_PLACES = 10
"""Places of a frame that are followed."""

AROUND = 3
"""Frames before and after, of which a frame may have missed the place."""

CARRIED = 3
"""Places of each of these that are tried."""

MISSED = 0.5
"""How much of "unknown" is a place in the map that the frame missed."""

MOST_SPEED = 15.0
"""Metres a second between frames with a time: people walk, cycle, or drive in a city."""

CHANCE = 0.1
"""How often a wrong place lies within reach of another frame's by chance. Not rarer: the frames of
a path look alike, and err alike."""

ELSEWHERE = 0.01
"""How much likelier than by chance a step to a place out of reach is: a wrong time, a cut."""

LOSE = 0.1
"""How much likelier than by chance a step out of what is known, or back, is."""

PASSED_ON = 0.5
"""The power of what is passed on from a frame to the next: however long a path, the others count
as two more frames. Of 1, 0.7, 0.5 and 0.35 the largest at which the radii of known frames held
85% or more on paths of 2, 5 and 10 frames."""

UNKNOWN = 0.1
"""Share of the evidence for "unknown" where the index is not calibrated."""


def path_states(
    frames: Sequence[Candidates],
    probabilities: Sequence[float | None],
    metres: Sequence[float],
    radius: float,
) -> list[Floats]:
    """For each frame the probabilities of its places, given all frames, and of none of them.

    With a calibration the likeliest is no likelier than in the mean of its frame and those around
    it, each by itself; those that do not say that place count 0.

    Args:
        frames: ``T``, in their order.
        probabilities: that the first place of each is right, by the frame alone; None where the
            index is not calibrated.
        metres: ``T - 1``, that may lie between a frame and the next.
        radius: metres of a place, by which positions may be off.
    """
    if not frames:
        return []
    placed = [place for frame in frames for place in frame.places]
    kind = kind_of(placed[0]) if placed else "position"
    own = [points_at(frame.places, kind) for frame in frames]
    first = [points_at(frame.places[:CARRIED], kind) for frame in frames]
    states, evidence = [], []
    for number, (frame, probability) in enumerate(zip(frames, probabilities, strict=True)):
        around = range(max(number - AROUND, 0), min(number + AROUND + 1, len(frames)))
        nothing = own[number][:0]
        others = joined([nothing, *(first[other] for other in around if other != number)])
        missed = _missed(others, own[number], radius)
        alone = frame_evidence([place.share for place in frame.places], probability)
        carried = np.full(len(missed), alone[-1] * MISSED * CHANCE)
        states.append(joined([own[number], missed]))
        evidence.append(np.concatenate([alone[:-1], carried, alone[-1:]]))
    steps = [
        step_factors(before, after, reach, radius)
        for (before, after), reach in zip(pairwise(states), metres, strict=True)
    ]
    # Without a calibration nobody is told how sure a place is, and independent frames find more.
    calibrated = any(probability is not None for probability in probabilities)
    given_all = posteriors(evidence, steps, PASSED_ON if calibrated else 1.0)
    found = [state[: len(frame.places)] for state, frame in zip(given_all, frames, strict=True)]
    if calibrated:
        travelled = np.concatenate([[0.0], np.cumsum(metres)])
        found = [
            _no_surer_than_frames(number, places, own, evidence, travelled, radius)
            for number, places in enumerate(found)
        ]
    return [np.append(places, max(1 - places.sum(), 0.0)) for places in found]


def _no_surer_than_frames(
    number: int,
    places: Floats,
    own: Sequence[Points],
    evidence: Sequence[Floats],
    travelled: Floats,
    radius: float,
) -> Floats:
    """The probabilities of a frame's places, lowered alike until the likeliest is no surer than
    it is by the frames themselves, in the mean.

    Args:
        number: of the frame. places: ``(n,)``.
        own: places of each frame. evidence: of these, before the others.
        travelled: ``(T,)`` metres to each frame.
    """
    if len(places) == 0:
        return places
    best = int(places.argmax())
    around = range(max(number - AROUND, 0), min(number + AROUND + 1, len(own)))
    said = []
    for other in around:
        reach = abs(travelled[other] - travelled[number]) + radius
        near = _metres(own[number][best : best + 1], own[other])[0] <= reach
        said.append(float(evidence[other][: len(near)][near].max(initial=0.0)))
    return np.asarray(places * min(1.0, float(np.mean(said)) / places[best]))


def _missed(others: Points, own: Points, radius: float) -> Points:
    """Those of the others that lie farther than the radius from all of a frame's own places, and
    from each other: a place that several frames saw is one."""
    apart = (_metres(others, own) > radius).all(axis=1)
    between = _metres(others, others)
    kept: list[int] = []
    for row in np.flatnonzero(apart).tolist():
        if (between[row, kept] > radius).all():
            kept.append(row)
    return others[np.array(kept, np.intp)]


def _metres(a: Points, b: Points) -> Floats:
    """``(len(a), len(b))``."""
    n, m = len(a), len(b)
    pairs = distance(a[np.repeat(np.arange(n), m)], b[np.tile(np.arange(m), n)])
    return pairs.reshape(n, m)


def frame_evidence(shares: Sequence[float], probability: float | None) -> Floats:
    """Probabilities of the states by one frame alone, ``(n + 1,)``, the unknown last; sum 1.

    Args:
        shares: of the evidence, of each of its ``n`` places, the likeliest first.
        probability: that the first one is right; None where the index is not calibrated. If it is
            not, another is as likely as its share, and none of them as the rest.
    """
    states = np.array([*shares, 0.0])
    if len(states) == 1:
        return np.ones(1)
    if probability is None:
        states *= (1 - UNKNOWN) / states.sum()
        states[-1] = UNKNOWN
        return states
    states *= 1 - probability
    states[0] = probability
    states[-1] = max(1 - states.sum(), 0.0)
    return states


def step_factors(before: Points, after: Points, reach: float, blur: float) -> Floats:
    """How much likelier than by chance each step between two frames is.

    Args:
        before: ``n`` places of a frame. after: ``m`` places of the next one.
        reach: metres that may lie between the two frames.
        blur: metres by which positions may be off: beyond the reach the factor falls as a normal
            distribution of this width.

    Returns:
        ``(n + 1, m + 1)``, the unknown last.
    """
    n, m = len(before), len(after)
    beyond = np.maximum(_metres(before, after) - reach, 0)
    factors = np.full((n + 1, m + 1), LOSE)
    factors[:n, :m] = np.exp(-0.5 * (beyond / blur) ** 2) / CHANCE + ELSEWHERE
    factors[n, m] = 1.0
    return factors


def posteriors(evidence: Sequence[Floats], steps: Sequence[Floats], power: float) -> list[Floats]:
    """The probability of each state given all frames, forward and backward (Rabiner, 1989, III).

    Args:
        evidence: of ``T`` frames, each ``(s_t,)``.
        steps: ``T - 1`` of ``(s_t, s_t+1)``.
        power: of what is passed on from a frame to the next, (0, 1] (Smith, 1979). 1: frames are
            independent.

    Returns:
        ``T`` times ``(s_t,)``, each adding up to 1. At a power of 1: the sum over all paths through
        the state of the product of their evidence and steps, over that of all paths.
    """
    before = _passed_on(evidence, steps, power)
    after = _passed_on(evidence[::-1], [step.T for step in reversed(steps)], power)
    both = [
        own * said * more for own, said, more in zip(evidence, before, reversed(after), strict=True)
    ]
    return [product / product.sum() for product in both]


def _passed_on(evidence: Sequence[Floats], steps: Sequence[Floats], power: float) -> list[Floats]:
    """Likelihoods of the states of each frame by all before it, up to a factor."""
    passed = [np.ones(len(evidence[0]))]
    for states, step in zip(evidence[:-1], steps, strict=True):
        reached = (passed[-1] * states) @ step
        passed.append((reached / reached.sum()) ** power)
    return passed


def reaches(
    photos: Sequence[PhotoInput], numbers: Sequence[int], step: float | None
) -> list[float]:
    """Metres that may lie between each photo and the next, ``n - 1``.

    Args:
        photos: in the order in which they were taken.
        numbers: ``n``, of each in the sequence that was given: some could not be read.
        step: metres at most between two; 0 for photos of one place. None: by the times in their
            EXIF headers, at :data:`MOST_SPEED`.

    Raises:
        DataError: no step, and a photo whose time is not known to the second, or before that of
            the photo before it; or a step below 0.
    """
    if step is not None:
        if not 0 <= step < np.inf:
            raise DataError(f"step is {step}; expected metres, 0 or more")
        return [step * (after - before) for before, after in pairwise(numbers)]
    metres = []
    for (photo, time), (next_photo, next_time) in pairwise((p, _time(p)) for p in photos):
        seconds = (next_time - time).total_seconds()
        if seconds < 0:
            raise DataError(
                f"{next_photo.name} was taken before {photo.name}; give the photos in their order, "
                "or a step in metres between them"
            )
        metres.append(MOST_SPEED * seconds)
    return metres


def _time(photo: PhotoInput) -> datetime:
    captured = None
    if isinstance(photo.photo, str | Path | bytes):
        captured = read_facts(photo.photo).captured
    if captured is None or len(captured) < len("2015-06-01T12:30:00"):
        raise DataError(
            f"{photo.name} does not say when it was taken, to the second; give a step in metres "
            "between photos"
        )
    # In which time zone matters little: one camera keeps to one.
    return datetime.fromisoformat(captured[:19])
