"""Recorded sentences said again by other voices, with where in the recording each moment lies.

DIR/synthetic_voices.json        schema, how they were made, the list
DIR/<clip>-<number>.npz    sound (N,) int16 at 16 kHz, times (F,) float32: seconds in the clip, one per 10 ms of sound
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from obamanet.constants import FEATURE_RATE
from obamanet.errors import DatasetError
from obamanet.files import atomic_path, atomic_write_json, open_arrays, read_json

SCHEMA = 1
INDEX = "synthetic_voices.json"
FULL_SCALE = 32767


@dataclass(frozen=True)
class SyntheticUtterance:
    """A synthetic utterance: of which ``clip`` (its folder's name), by which ``voice`` and how, and its ``file``.

    ``rate`` is times the voice's usual speed, ``pitch`` 0 to 100 on its own scale.
    """

    clip: str
    voice: str
    rate: float
    pitch: int
    file: str


@dataclass(frozen=True)
class SyntheticVoices:
    """All synthetic voices in ``folder``, and ``made``: how, in words."""

    folder: Path
    made: str
    entries: tuple[SyntheticUtterance, ...]

    @property
    def digest(self) -> str:
        """What tells these synthetic voices from others: a hash of the list."""
        return hashlib.sha256(json.dumps([asdict(entry) for entry in self.entries]).encode()).hexdigest()[:16]


def save_synthetic_voices(synthetic_voices: SyntheticVoices) -> None:
    """Write the list, last of all files."""
    content = {
        "schema": SCHEMA,
        "made": synthetic_voices.made,
        "synthetic-voices": [asdict(e) for e in synthetic_voices.entries],
    }
    atomic_write_json(synthetic_voices.folder / INDEX, content)


def load_synthetic_voices(folder: Path) -> SyntheticVoices:
    """Read the list in ``folder``; raises :class:`DatasetError` when it is none."""
    path = folder / INDEX
    try:
        content = read_json(path)
        if content["schema"] != SCHEMA:
            raise DatasetError(f"{path}: schema is {content['schema']!r}, readable is {SCHEMA}; make them anew")
        return SyntheticVoices(
            folder, content["made"], tuple(SyntheticUtterance(**entry) for entry in content["synthetic-voices"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"no synthetic voices: {path}: {error}; make them with: obamanet synthetic-voices") from None


def save_sound(path: Path, samples: np.ndarray, times: np.ndarray) -> None:
    """Write ``samples`` (N,) in [-1, 1] at 16 kHz and ``times`` (F,), seconds in the clip for each 10 ms."""
    with atomic_path(path) as part, part.open("wb") as file:
        sound = np.round(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16)
        np.savez_compressed(file, sound=sound, times=times.astype(np.float32))


def load_sound_of(synthetic_voices: SyntheticVoices, entry: SyntheticUtterance) -> tuple[np.ndarray, np.ndarray]:
    """Return samples (N,) float32 in [-1, 1] at 16 kHz and times (F,) of one synthetic utterance.

    Raises :class:`DatasetError` for a damaged file.
    """
    path = synthetic_voices.folder / entry.file
    try:
        with open_arrays(path) as arrays:
            return arrays["sound"].astype(np.float32) / FULL_SCALE, arrays["times"].astype(np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"synthetic utterance is damaged: {path}: {error}; make them anew") from None


def transfer_keypoints(keypoints: np.ndarray, fps: float, times: np.ndarray, count: int) -> np.ndarray:
    """Return the clip's ``keypoints`` (T, 20, 2) at the moments of a synthetic utterance: ``count`` frames at ``fps``.

    ``times`` (F,) are seconds in the clip for each 10 ms of the synthetic utterance; beyond the clip its ends are held.
    """
    moments = np.interp(np.arange(count) / fps, np.arange(len(times)) / float(FEATURE_RATE), times) * fps
    places = np.clip(moments, 0, len(keypoints) - 1)
    left = np.floor(places).astype(np.int64)
    right = np.minimum(left + 1, len(keypoints) - 1)
    share = (places - left)[:, None, None]
    return (keypoints[left] * (1 - share) + keypoints[right] * share).astype(np.float32)


def of_clips(synthetic_voices: SyntheticVoices, clips: Sequence[str]) -> tuple[SyntheticUtterance, ...]:
    """Return the synthetic voices of the named ``clips`` alone, so that the split holds for them too."""
    wanted = set(clips)
    return tuple(entry for entry in synthetic_voices.entries if entry.clip in wanted)
