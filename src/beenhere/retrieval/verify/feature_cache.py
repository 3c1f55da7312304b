"""Local features of photos, kept for the next query of the same street."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from beenhere.errors import PhotoError
from beenhere.retrieval.verify.local_features import LocalFeatures
from beenhere.wording import one_line

Version = tuple[str, int, int]
"""A path with its file's time of change (ns) and size (bytes)."""


class FeatureCache:
    """The features of the photos asked for last, up to a number of bytes; safe across threads.

    Args:
        max_bytes: of the features; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._kept: OrderedDict[Version, LocalFeatures] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, version: Version) -> LocalFeatures | None:
        """The features of a photo, if they are still kept."""
        with self._lock:
            features = self._kept.get(version)
            if features is not None:
                self._kept.move_to_end(version)
            return features

    def put(self, version: Version, features: LocalFeatures) -> None:
        """Keep them; those that nobody asked for longest make room."""
        with self._lock:
            if version in self._kept:
                return
            self._kept[version] = features
            self.nbytes += features.nbytes
            while self.nbytes > self.max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self.nbytes -= oldest.nbytes


def version(path: str) -> Version:
    """Which file lies there now.

    Raises:
        PhotoError: none, or one that cannot be reached.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError as error:
        raise PhotoError(path, "no such file") from error
    except (OSError, ValueError) as error:
        raise PhotoError(path, f"cannot be reached: {one_line(error, None)}") from error
    return path, status.st_mtime_ns, status.st_size
