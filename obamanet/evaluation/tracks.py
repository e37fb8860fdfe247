"""The face in a video, tracked once and cached in the user's cache by the video's content."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet.constants import LANDMARKS_WITH_IRISES
from obamanet.errors import FaceError, OutputError
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import Landmarker, load_landmarker
from obamanet.face.track import track_face
from obamanet.files import DAMAGED, atomic_path, open_arrays, sha256_of
from obamanet.video.reader import probe_video, read_frames

CACHE_VARIABLE = "OBAMANET_CACHE_DIR"
"""Environment variable that names the cache folder."""

TRACKER = "MediaPipe face mesh, 68 points and irises, smoothed"
TRACKER_VERSION = 3
"""Part of the cache's key; raise it when tracking gives other landmarks."""


@dataclass(frozen=True)
class ClipTrack:
    """The face of one video.

    Attributes:
        times: of the frames, seconds (T,).
        landmarks: smoothed, pixels (T, 78, 2), NaN where there is no face.
        seen: frames with a face, (T,) bool.
        size: width and height of the frames in pixels.
        fps: the standard frame rate nearest to the video's.
        end: of the last frame, seconds.
        variable: whether the frame rate varies.
        has_sound: whether the video has sound.
    """

    times: np.ndarray
    landmarks: np.ndarray
    seen: np.ndarray
    size: tuple[int, int]
    fps: Fraction
    end: float
    variable: bool
    has_sound: bool


class Tracker:
    """Tracks faces and caches the tracks by the videos' content; build it once per process, as it holds models."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache or cache_folder()
        self._landmarker: Landmarker | None = None

    def track(self, path: Path) -> ClipTrack:
        """Returns the face in the video at ``path``.

        Raises:
            VideoError: the file is no readable video.
            FaceError: no face is found.
        """
        info = probe_video(path)
        cached = self._cache / "tracks" / f"{sha256_of(path)}-{TRACKER_VERSION}.npz"
        arrays = _read(cached) or self._track_frames(path, cached)
        times, landmarks, seen = arrays
        size = (info.width, info.height)
        return ClipTrack(times, landmarks, seen, size, info.fps, info.duration, info.variable_rate, info.has_sound)

    def _track_frames(self, path: Path, cached: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        landmarker = self._landmarker = self._landmarker or load_landmarker(Landmarks.MESH)
        times: list[float] = []

        def images() -> Iterator[np.ndarray]:
            for frame in read_frames(path):
                times.append(frame.time)
                yield frame.image

        try:
            track = track_face(images(), landmarker)
        except FaceError as error:
            raise FaceError(f"{error}: {path}") from None
        arrays = np.array(times), track.landmarks, track.segment >= 0
        # A full or forbidden cache costs time at the next run, not this one's result.
        with suppress(OutputError), atomic_path(cached) as part, part.open("wb") as file:
            np.savez_compressed(file, times=arrays[0], landmarks=arrays[1], seen=arrays[2])
        return arrays


def cache_folder() -> Path:
    """Returns the user's cache folder: OBAMANET_CACHE_DIR, or the system's usual place."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("obamanet", appauthor=False)


def _read(cached: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Returns the cached arrays, or None when there are none or they are damaged."""
    try:
        with open_arrays(cached) as arrays:
            times, landmarks, seen = arrays["times"], arrays["landmarks"], arrays["seen"]
    except DAMAGED:
        return None
    fits = landmarks.shape == (len(times), LANDMARKS_WITH_IRISES, 2) and seen.shape == (len(times),) and len(times) > 0
    return (times, landmarks, seen) if fits else None
