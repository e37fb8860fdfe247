"""LSE-C and LSE-D (Prajwal et al. 2020): Chung's SyncNet on one video, when the user has its weights.

The preprocessing is that of joonson/syncnet_python and Wav2Lip's evaluation/scores_LSE: 25 frames per second, a
square about the face that a median over 13 frames keeps steady, cut 0.40 wider and made 224 pixels, 13 MFCC of 16 kHz
sound of 16 bit, windows of 5 frames against 20 MFCC frames, shifts of up to 15 frames. Three things differ, and a
published figure can differ by as much: the face box is made of the 68 landmarks, since S3FD is not here; nothing is
stored as JPEG or XviD in between; clips below 4 s are measured too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from obamanet.audio.features import MFCC, FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.constants import SAMPLE_RATE
from obamanet.engine.network import Network
from obamanet.engine.onnxruntime_engine import OnnxruntimeNetwork
from obamanet.engine.syncnet_v2_graph import stream_network
from obamanet.errors import EvaluationError
from obamanet.evaluation.judges.torch_file import read_tensors
from obamanet.evaluation.tracks import ClipTrack
from obamanet.networks.syncnet_v2 import (
    FACE,
    FACE_SIDE,
    SOUND,
    SOUND_STEPS,
    WINDOW_FRAMES,
    frame_channels,
    weight_shapes,
)
from obamanet.timing import frame_times, resample_in_time
from obamanet.types import AudioClip
from obamanet.video.reader import read_frames

SYNCNET_FPS = Fraction(25)

SAMPLES_PER_FRAME = 640
"""At 16 kHz and 25 frames per second."""

STEPS_PER_FRAME = 4
"""MFCC frames of 10 ms."""

MAX_SHIFT = 15
"""Frames by which the sound is moved to and fro (``vshift``)."""

CROP_SCALE = 0.40
"""Of half the face box: so much wider on either side, and twice as much below (``crop_scale``)."""

MEDIAN_FRAMES: Final = 13
"""Frames under the median that smooths the face box."""

BORDER_GREY = 110
"""Grey level beyond the frame's edge."""

FOREHEAD = 0.3
"""Of the height from brows to chin, by which a face box of WIDER FACE, which S3FD learned from, reaches above."""

MIN_FRAMES = 2 * MAX_SHIFT + 6
"""Of face and sound together, 1.44 s: in a shorter clip most shifts compare most faces with no sound at all."""

DISTANCE_EPSILON = 1e-6
"""What torch.nn.functional.pairwise_distance adds to each difference."""

FULL_SCALE: Final = 32768
"""Largest magnitude of a 16 bit sample."""

BATCH: Final = 8
"""Windows embedded at once."""

UNUSED_WEIGHT = ".num_batches_tracked"
"""A counter that later versions of PyTorch keep with each batch normalisation."""

CROP = "LSE: box of the 68 points, 0.3 higher, median of 13 frames, cut 0.40 wider as run_pipeline.py does, 224 px"


@dataclass(frozen=True)
class LipSyncError:
    """LSE of one video.

    Attributes:
        distance: LSE-D, lower is better.
        confidence: LSE-C, higher is better.
        offset: frames at 25 per second, positive where the sound is early, as SyncNet's own sign is.
    """

    distance: float
    confidence: float
    offset: int


class ChungSyncNet:
    """SyncNet with the weights of ``syncnet_v2.model``; build it once per process.

    Raises:
        EvaluationError: the file cannot be read or holds another network.
    """

    def __init__(self, path: Path) -> None:
        weights = checked_weights(path)
        self._face, self._sound = (OnnxruntimeNetwork(stream_network(stream, weights)) for stream in (FACE, SOUND))

    def measure(self, path: Path, track: ClipTrack) -> LipSyncError:
        """Returns LSE of a video.

        Args:
            path: the video.
            track: its face.

        Raises:
            ValueError: face and sound together are shorter than 1.44 s.
            ObamanetError: the sound cannot be read.
        """
        first, boxes = face_boxes(track)
        sound = load_sound(path).samples[first * SAMPLES_PER_FRAME : (first + len(boxes)) * SAMPLES_PER_FRAME]
        frames = min(len(boxes), len(sound) // SAMPLES_PER_FRAME)
        if frames < MIN_FRAMES:
            seconds, needed = (float(number / SYNCNET_FPS) for number in (frames, MIN_FRAMES))
            raise ValueError(f"too short: {seconds:.2f} s, needed are {needed:.2f} s")
        # One window less than there is room for, as in the original.
        count = frames - 5
        pictures = (frame.image for frame in islice(read_frames(path, SYNCNET_FPS), first, None))
        crops = (face_crop(picture, box) for picture, box in zip(pictures, boxes, strict=False))
        faces = self._embed(self._face, islice(_face_windows(crops), count))
        # A video whose header promises frames that do not come has fewer windows.
        sounds = self._embed(self._sound, islice(_sound_windows(sound), len(faces)))
        return lip_sync_error(shift_distances(faces, sounds))

    @staticmethod
    def _embed(network: Network, windows: Iterator[np.ndarray]) -> np.ndarray:
        parts = []
        while batch := list(islice(windows, BATCH)):
            parts.append(network(np.stack(batch).astype(np.float32))[0])
        return np.concatenate(parts)


def checked_weights(path: Path) -> dict[str, np.ndarray]:
    """Returns the weights in the file ``path``; raises :class:`EvaluationError` when they are another network's."""
    found = {name: value for name, value in read_tensors(path).items() if not name.endswith(UNUSED_WEIGHT)}
    wanted = weight_shapes()
    for name in sorted(found.keys() | wanted.keys()):
        ours, theirs = (shapes.get(name, "nothing") for shapes in (wanted, {n: a.shape for n, a in found.items()}))
        if ours != theirs:
            raise EvaluationError(f"not the weights of syncnet_v2.model: {path}: {name} is {theirs}, needed is {ours}")
    return found


def face_boxes(track: ClipTrack) -> tuple[int, np.ndarray]:
    """Returns the smoothed face boxes of a video at 25 frames per second.

    Returns:
        The first frame with a face, and the boxes (T, 3) from there to the last one: middle x, middle y and half the
        side in pixels. Frames without a face are interpolated.

    Raises:
        ValueError: there are fewer than 13 frames.
    """
    from scipy.signal import medfilt

    known, landmarks = track.times[track.seen], track.landmarks[track.seen].astype(np.float64)
    first, last = (round(float(time * SYNCNET_FPS)) for time in (known[0], known[-1]))
    last = min(last, max(first, int(track.end * float(SYNCNET_FPS)) - 1))
    if last - first + 1 < MEDIAN_FRAMES:
        raise ValueError(
            f"too short: a face in {last - first + 1} frames at {SYNCNET_FPS} fps, needed are {MEDIAN_FRAMES}"
        )
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    low[:, 1] -= FOREHEAD * (high[:, 1] - low[:, 1])
    boxes = np.column_stack([(low + high) / 2, (high - low).max(axis=1) / 2])
    boxes = resample_in_time(boxes, known, frame_times(last + 1, SYNCNET_FPS)[first:])
    return first, np.column_stack([medfilt(column, MEDIAN_FRAMES) for column in boxes.T])


def face_crop(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cuts a face out of a frame.

    Args:
        picture: the frame, (H, W, 3) uint8 BGR.
        box: middle x, middle y and half the side in pixels.

    Returns:
        The crop, (224, 224, 3) uint8: from 1 half side above the middle to 1.8 below it, and 1.4 to the left and right;
        grey beyond the frame.
    """
    x, y, half = (float(value) for value in box)
    border = int(half * (1 + 2 * CROP_SCALE))
    padded = cv2.copyMakeBorder(picture, *(border,) * 4, cv2.BORDER_CONSTANT, value=(BORDER_GREY,) * 3)
    x, y = x + border, y + border
    top, bottom = int(y - half), int(y + half * (1 + 2 * CROP_SCALE))
    left, right = int(x - half * (1 + CROP_SCALE)), int(x + half * (1 + CROP_SCALE))
    return cv2.resize(padded[max(0, top) : bottom, max(0, left) : right], (FACE_SIDE, FACE_SIDE))


def shift_distances(faces: np.ndarray, sounds: np.ndarray) -> np.ndarray:
    """Returns the distance of each face to the sounds up to 15 frames before and after it.

    Args:
        faces: embeddings (T, D).
        sounds: embeddings (T, D); zeros beyond the ends.

    Returns:
        Distances (T, 31) float32; column 15 + k holds |face[n] - sound[n + k] + 1e-6|.
    """
    padded = np.pad(sounds, ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
    columns = [
        np.linalg.norm(faces - padded[shift : shift + len(faces)] + np.float32(DISTANCE_EPSILON), axis=1)
        for shift in range(2 * MAX_SHIFT + 1)
    ]
    return np.stack(columns, axis=1)


def lip_sync_error(distances: np.ndarray) -> LipSyncError:
    """Returns LSE of ``distances`` (T, 31): over the means m of its columns, D = min m and C = median m - min m."""
    means = distances.mean(axis=0)
    best = int(means.argmin())
    distance = float(means[best])
    return LipSyncError(distance, float(np.median(means)) - distance, MAX_SHIFT - best)


def _face_windows(crops: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    window: deque[np.ndarray] = deque(maxlen=WINDOW_FRAMES)
    for crop in crops:
        window.append(crop)
        if len(window) == WINDOW_FRAMES:
            yield frame_channels(window)


def _sound_windows(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yields MFCC (13, 20, 1) of ``samples`` (N,) in [-1, 1] from each frame's start on."""
    whole = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    cepstrum = extract_features(AudioClip(whole, SAMPLE_RATE), FeatureOptions(kind=MFCC)).values
    for start in range(0, len(cepstrum) - SOUND_STEPS + 1, STEPS_PER_FRAME):
        yield cepstrum[start : start + SOUND_STEPS].T[..., None]
