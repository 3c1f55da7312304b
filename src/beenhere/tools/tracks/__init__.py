from beenhere.tools.tracks.photo_positions import TrackedPhotos, track_photos
from beenhere.tools.tracks.track import read_tracks
from beenhere.tools.tracks.video import VIDEO_SUFFIXES, TrackedFrames, track_video

__all__ = [
    "VIDEO_SUFFIXES",
    "TrackedFrames",
    "TrackedPhotos",
    "read_tracks",
    "track_photos",
    "track_video",
]
