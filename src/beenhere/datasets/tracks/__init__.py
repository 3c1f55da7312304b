from beenhere.datasets.tracks.ffmpeg import VIDEO_SUFFIXES
from beenhere.datasets.tracks.frames import TrackedFrames, track_video
from beenhere.datasets.tracks.gpx import read_tracks
from beenhere.datasets.tracks.photos import TrackedPhotos, track_photos

__all__ = [
    "VIDEO_SUFFIXES",
    "TrackedFrames",
    "TrackedPhotos",
    "read_tracks",
    "track_photos",
    "track_video",
]
