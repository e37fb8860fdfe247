"""Sentences spoken by TTS voices: recorded ones with their time in the recording, and prose with the times of its lips.

DIR/synthetic_voices.json   schema, how they were made, the lists
DIR/<clip>-<number>.npz     sound (N,) int16 at 16 kHz, times (F,) float32: seconds in the clip, one per 10 ms of sound
DIR/prose-<...>.npz         sound (N,) int16 at 16 kHz, shut (K, 2) and opened (M, 2) float32: spans in seconds
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from obamanet.constants import FEATURE_RATE
from obamanet.errors import DatasetError
from obamanet.files import DAMAGED, atomic_path, atomic_write_json, open_arrays, read_json
from obamanet.types import Span

SCHEMA = 1
"""Version of the folder's layout."""

INDEX = "synthetic_voices.json"
"""File of the list."""

FULL_SCALE = 32767
"""Largest 16 bit sample."""


@dataclass(frozen=True)
class SyntheticUtterance:
    """One synthetic utterance.

    Attributes:
        clip: folder name of the recorded clip whose sentence it speaks.
        voice: name of the TTS voice.
        rate: speed, 1 for the voice's default.
        pitch: 0 to 100, on the voice's own scale.
        file: file name in the folder of synthetic voices.
    """

    clip: str
    voice: str
    rate: float
    pitch: int
    file: str


@dataclass(frozen=True)
class ProseUtterance:
    """One sentence of prose, which nobody recorded: what the lips do in it is known where they meet and in vowels.

    Attributes:
        voice: name of the TTS voice.
        rate: speed, 1 for the voice's default.
        pitch: 0 to 100, on the voice's own scale.
        file: file name in the folder of synthetic voices.
    """

    voice: str
    rate: float
    pitch: int
    file: str


@dataclass(frozen=True)
class LipTimes:
    """When the lips are ``shut`` in an utterance and when they are ``opened``, in seconds; unknown in between."""

    shut: tuple[Span, ...]
    opened: tuple[Span, ...]


@dataclass(frozen=True)
class SyntheticVoices:
    """The synthetic utterances in ``folder``, of recorded sentences and of ``prose``, and how they were ``made``."""

    folder: Path
    made: str
    entries: tuple[SyntheticUtterance, ...]
    prose: tuple[ProseUtterance, ...] = ()

    @property
    def digest(self) -> str:
        """Hash of the lists: 16 hexadecimal digits."""
        listed = [*map(asdict, self.entries), *map(asdict, self.prose)]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]


def save_synthetic_voices(synthetic_voices: SyntheticVoices) -> None:
    """Writes the list; called after all files in it are written."""
    content = {
        "schema": SCHEMA,
        "made": synthetic_voices.made,
        "synthetic-voices": [asdict(e) for e in synthetic_voices.entries],
        "prose": [asdict(e) for e in synthetic_voices.prose],
    }
    atomic_write_json(synthetic_voices.folder / INDEX, content)


def load_synthetic_voices(folder: Path) -> SyntheticVoices:
    """Reads the list in ``folder``; raises :class:`DatasetError` when it is absent or damaged."""
    path = folder / INDEX
    try:
        content = read_json(path)
        if content["schema"] != SCHEMA:
            raise DatasetError(f"{path}: schema is {content['schema']!r}, readable is {SCHEMA}; make them anew")
        return SyntheticVoices(
            folder,
            content["made"],
            tuple(SyntheticUtterance(**entry) for entry in content["synthetic-voices"]),
            tuple(ProseUtterance(**entry) for entry in content.get("prose", ())),
        )
    except DAMAGED as error:
        raise DatasetError(f"no synthetic voices: {path}: {error}; make them with: obamanet synthetic-voices") from None


def save_sound(path: Path, samples: np.ndarray, times: np.ndarray) -> None:
    """Writes one synthetic utterance.

    Args:
        path: the file, NAME.npz.
        samples: sound (N,) in [-1, 1] at 16 kHz.
        times: (F,) seconds in the clip, one per 10 ms of sound.
    """
    _save(path, samples, times=times.astype(np.float32))


def save_prose(path: Path, samples: np.ndarray, lips: LipTimes) -> None:
    """Writes one utterance of prose into NAME.npz: ``samples`` (N,) in [-1, 1] at 16 kHz, and its ``lips``."""
    shut, opened = (
        np.array([(span.start, span.end) for span in spans], np.float32).reshape(-1, 2)
        for spans in (lips.shut, lips.opened)
    )
    _save(path, samples, shut=shut, opened=opened)


def load_sound_of(synthetic_voices: SyntheticVoices, entry: SyntheticUtterance) -> tuple[np.ndarray, np.ndarray]:
    """Reads one synthetic utterance; raises :class:`DatasetError` for a damaged file.

    Returns:
        samples: (N,) float32 in [-1, 1] at 16 kHz.
        times: (F,) float64, seconds in the clip, one per 10 ms of sound.
    """
    samples, arrays = _load(synthetic_voices.folder / entry.file, "times")
    return samples, arrays["times"].astype(np.float64)


def load_prose_of(synthetic_voices: SyntheticVoices, entry: ProseUtterance) -> tuple[np.ndarray, LipTimes]:
    """Reads one utterance of prose: samples (N,) float32 in [-1, 1] at 16 kHz, and its lips.

    Raises:
        DatasetError: the file is damaged.
    """
    samples, arrays = _load(synthetic_voices.folder / entry.file, "shut", "opened")
    shut, opened = (tuple(Span(float(a), float(b)) for a, b in arrays[name].reshape(-1, 2)) for name in arrays)
    return samples, LipTimes(shut, opened)


def _save(path: Path, samples: np.ndarray, **about: np.ndarray) -> None:
    """Writes one utterance, ``samples`` (N,) in [-1, 1] at 16 kHz, with what is known ``about`` it."""
    sound = np.round(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16)
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(file, sound=sound, **about)  # type: ignore[arg-type]  # numpy takes any name for an array


def _load(path: Path, *names: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reads samples (N,) float32 in [-1, 1] and the arrays ``names``; raises DatasetError when the file is damaged."""
    try:
        with open_arrays(path) as arrays:
            return arrays["sound"].astype(np.float32) / FULL_SCALE, {name: arrays[name] for name in names}
    except DAMAGED as error:
        raise DatasetError(f"synthetic utterance is damaged: {path}: {error}; make them anew") from None


def transfer_keypoints(keypoints: np.ndarray, fps: float, times: np.ndarray, count: int) -> np.ndarray:
    """Transfers a clip's keypoints to a synthetic utterance of its sentence, by linear interpolation in time.

    Args:
        keypoints: of the clip, (T, 20, 2).
        fps: frames per second of the clip and of the result.
        times: (F,) seconds in the clip, one per 10 ms of the synthetic utterance.
        count: frames of the result.

    Returns:
        Keypoints (count, 20, 2) float32; before and after the clip its first and last are held.
    """
    moments = np.interp(np.arange(count) / fps, np.arange(len(times)) / float(FEATURE_RATE), times) * fps
    places = np.clip(moments, 0, len(keypoints) - 1)
    left = np.floor(places).astype(np.int64)
    right = np.minimum(left + 1, len(keypoints) - 1)
    share = (places - left)[:, None, None]
    return (keypoints[left] * (1 - share) + keypoints[right] * share).astype(np.float32)


def of_clips(synthetic_voices: SyntheticVoices, clips: Sequence[str]) -> tuple[SyntheticUtterance, ...]:
    """Returns the utterances of the sentences of ``clips`` only, so that they are on the same side of the split."""
    wanted = set(clips)
    return tuple(entry for entry in synthetic_voices.entries if entry.clip in wanted)
