"""What speaks for a place, in a few numbers that a calibration turns into a probability."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from beenhere.retrieval.locate.answer import Match, Place

FEATURES = ("similarity", "margin", "share", "spread", "inliers", "inlier_margin")
"""Names of the numbers, in their order."""


def evidence(
    place: Place, runner_up: Place | None, matches: Sequence[Match]
) -> NDArray[np.float64]:
    """The evidence for a place, ``(6,)``, by :data:`FEATURES`.

    - ``similarity``: highest cosine of the place's matches, [-1, 1].
    - ``margin``: that less the highest cosine of the runner-up's matches. Where there is none, less
      that of all other matches; where all are the place's, less the lowest that was looked at.
    - ``share``: of the evidence of all matches, (0, 1].
    - ``spread``: metres.
    - ``inliers``: most of any of the place's matches, 0 if only others were verified; NaN where
      none of all matches was.
    - ``inlier_margin``: that less the most of any of the runner-up's matches, or of all other
      matches, or 0; NaN where none was verified.

    Args:
        place: that the evidence is for.
        runner_up: the next likeliest, if there is one.
        matches: all that were looked at, the place's own among them.
    """
    own = {match.rank for match in place.matches}
    others = [match for match in matches if match.rank not in own]
    rivals = runner_up.matches if runner_up is not None else others
    similarity = max(match.similarity for match in place.matches)
    rival = max(
        (match.similarity for match in rivals),
        default=min(match.similarity for match in place.matches),
    )
    verified = any(match.inliers is not None for match in matches)
    inliers = _inliers(place.matches) if verified else np.nan
    return np.array(
        [
            similarity,
            similarity - rival,
            place.share,
            place.spread,
            inliers,
            inliers - _inliers(rivals),
        ]
    )


def _inliers(matches: Sequence[Match]) -> int:
    return max((match.inliers or 0 for match in matches), default=0)
