"""Makes a predictor's training examples: recordings, augmented copies of them, synthetic voices, and noise alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from obamanet.audio.augment.chain import BABBLE, AugmentOptions, augment, make_noise, random_kind
from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import normalise_utterance, silence_features
from obamanet.audio.stack import stack_features
from obamanet.constants import MOUTH_COUNT, SAMPLE_RATE
from obamanet.files import DAMAGED, atomic_path, open_arrays
from obamanet.progress import Progress
from obamanet.timing import frame_times, frames_to_cover
from obamanet.training.data.dataset import Clip, Piece
from obamanet.training.data.synthetic_voices import (
    LipTimes,
    SyntheticVoices,
    load_prose_of,
    load_sound_of,
    of_clips,
    transfer_keypoints,
)
from obamanet.types import AudioClip, FeatureSequence

NOISE_EXAMPLES = 96
"""Number of examples of noise and music without speech, for which the target is the rest mouth."""

NOISE_SECONDS = 4
"""Length of each of them, in seconds."""

BABBLE_VOICES = 6
"""Number of recordings that babble is mixed of."""

FEATURES_FILE = "heard.npz"
"""File in a run's folder that caches the features, which take minutes to compute."""


class Lips(IntEnum):
    """What is known of the mouth in a frame: all its keypoints, or that the lips meet, or are open, or nothing."""

    TRACKED = 0
    SHUT = 1
    OPEN = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Example:
    """One example of T frames.

    Attributes:
        inputs: stacked features, shape (T + delay, S).
        keypoints: shape (T, 20, 2), canonical; they count where ``lips`` is TRACKED.
        lips: :class:`Lips` of each frame, shape (T,) int8.
    """

    inputs: np.ndarray
    keypoints: np.ndarray
    lips: np.ndarray


@dataclass(frozen=True)
class TrainingExamples:
    """All examples by kind; ``noises`` are stacked features (T, S) without speech, ``val`` are for validation."""

    recorded: tuple[Example, ...]
    augmented: tuple[Example, ...]
    synthetic: tuple[Example, ...]
    prose: tuple[Example, ...]
    noises: tuple[np.ndarray, ...]
    val: tuple[Example, ...]


class Extractor(Protocol):
    """Extracts the features of a sound; ``silence`` (D,) are the features of one frame of silence."""

    silence: np.ndarray

    def extract(self, samples: np.ndarray) -> FeatureSequence:
        """Returns the normalised features of one utterance, ``samples`` (N,) at 16 kHz."""
        ...


class ExampleMaker:
    """Makes the training examples.

    Args:
        extractor: extracts the features.
        fps: video frames per second.
        delay: look-ahead in frames; inputs are that much longer than keypoints.
        seed: with the clip's name the seed of all that is random.
        progress: gets the progress over sounds.
    """

    def __init__(self, extractor: Extractor, fps: Fraction, delay: int, seed: int, progress: Progress) -> None:
        self._extractor, self._fps, self._delay = extractor, fps, delay
        self._seed, self._progress = seed, progress
        self._options = AugmentOptions()

    def make(
        self,
        train: Sequence[tuple[Piece, np.ndarray]],
        val: Sequence[tuple[Piece, np.ndarray]],
        copies: int,
        synthetic_voices: SyntheticVoices | None,
        folder: Path,
    ) -> TrainingExamples:
        """Returns the training examples; their features are cached in ``folder``.

        Args:
            train: training pieces, each with the canonical keypoints (T, 20, 2) of its frames.
            val: validation pieces, likewise.
            copies: augmented copies of each training piece.
            synthetic_voices: those of the training pieces are used; None for none.
            folder: the run's.
        """
        cached = _read(folder / FEATURES_FILE)
        features = cached or self._extract_all(
            [piece for piece, _ in train], [piece for piece, _ in val], copies, synthetic_voices
        )
        if not cached:
            with atomic_path(folder / FEATURES_FILE) as part, part.open("wb") as file:
                np.savez(file, **features)  # type: ignore[arg-type]  # numpy takes any name for an array
        mouths = {piece.clip.folder.name: keypoints for piece, keypoints in train if piece.is_whole}
        synthetic = []
        for entry in of_clips(synthetic_voices, list(mouths)) if synthetic_voices else ():
            inputs, times = features[f"synthetic utterance {entry.file}"], features[f"times {entry.file}"]
            count = len(inputs) - self._delay
            synthetic.append(tracked(inputs, transfer_keypoints(mouths[entry.clip], float(self._fps), times, count)))
        spoken = synthetic_voices.prose if synthetic_voices else ()
        return TrainingExamples(
            recorded=tuple(self._example(features["clip " + _name(p)], p, mouth) for p, mouth in train),
            augmented=tuple(
                self._example(features[f"copy {copy} {_name(p)}"], p, mouth)
                for p, mouth in train
                for copy in range(copies)
            ),
            synthetic=tuple(synthetic),
            prose=tuple(
                Example(inputs, np.zeros((len(lips), MOUTH_COUNT, 2), np.float32), lips)
                for inputs, lips in (
                    (features[f"{kind} {entry.file}"] for kind in ("prose", "lips")) for entry in spoken
                )
            ),
            noises=tuple(features[name] for name in features if name.startswith("noise ")),
            val=tuple(self._example(features["clip " + _name(p)], p, mouth) for p, mouth in val),
        )

    def _example(self, inputs: np.ndarray, piece: Piece, mouth: np.ndarray) -> Example:
        return tracked(inputs[piece.start : piece.stop + self._delay], mouth)

    def _extract_all(
        self, train: Sequence[Piece], val: Sequence[Piece], copies: int, synthetic_voices: SyntheticVoices | None
    ) -> dict[str, np.ndarray]:
        features: dict[str, np.ndarray] = {}
        clips = {_name(piece): piece.clip for piece in (*train, *val)}
        train_names = sorted({_name(piece) for piece in train})
        sounds = {name: _samples(clip) for name, clip in clips.items()}
        others = [sounds[name] for name in train_names]
        for name, clip in self._progress.track(clips.items(), "listening to the recordings", len(clips)):
            frames = len(clip.segment)
            features["clip " + name] = self.stacked(sounds[name], frames)
        whole = [_name(piece) for piece in train if piece.is_whole]
        entries = of_clips(synthetic_voices, whole) if synthetic_voices else ()
        for number, entry in enumerate(self._progress.track(entries, "listening to other voices", len(entries))):
            assert synthetic_voices is not None
            sound, times = load_sound_of(synthetic_voices, entry)
            if number % 50 == 0:
                others.append(sound)
            if number % 2:
                sound = self._augmented(sound, entry.file, others)
            frames = frames_to_cover(Fraction(len(sound), SAMPLE_RATE), self._fps)
            features[f"synthetic utterance {entry.file}"], features[f"times {entry.file}"] = (
                self.stacked(sound, frames),
                times,
            )
        spoken = synthetic_voices.prose if synthetic_voices else ()
        for number, said in enumerate(self._progress.track(spoken, "listening to prose", len(spoken))):
            assert synthetic_voices is not None
            sound, lips = load_prose_of(synthetic_voices, said)
            frames = frames_to_cover(Fraction(len(sound), SAMPLE_RATE), self._fps)
            if number % 2:
                sound = self._augmented(sound, said.file, others)
            features[f"prose {said.file}"] = self.stacked(sound, frames)
            features[f"lips {said.file}"] = lips_of(lips, frame_times(frames, self._fps))
        for name in self._progress.track(train_names, "listening through noise", len(train_names)):
            for copy in range(copies):
                sound = self._augmented(sounds[name], f"{copy} {name}", others)
                features[f"copy {copy} {name}"] = self.stacked(sound, len(clips[name].segment))
        for number in range(NOISE_EXAMPLES):
            noise = self._noise(number)
            features[f"noise {number}"] = self.stacked(noise, int(NOISE_SECONDS * self._fps))
        return features

    def stacked(self, sound: np.ndarray, frames: int) -> np.ndarray:
        """Returns the stacked features of ``sound`` (N,), (frames + delay, S) float16, for ``frames`` video frames."""
        stacked = stack_features(
            self._extractor.extract(sound), self._fps, 0, frames + self._delay, self._extractor.silence
        )
        # Half precision: the noise added in training is a hundred times its rounding.
        return stacked.astype(np.float16)

    def _augmented(self, sound: np.ndarray, name: str, others: Sequence[np.ndarray]) -> np.ndarray:
        random = self._random(name)
        chosen = [others[int(random.integers(len(others)))] for _ in range(BABBLE_VOICES)]
        return augment(sound, self._options, random, chosen)

    def _noise(self, number: int) -> np.ndarray:
        random = self._random(f"noise {number}")
        kind = random_kind(random)
        assert kind != BABBLE
        return make_noise(kind, random, NOISE_SECONDS * SAMPLE_RATE)

    def _random(self, name: str) -> np.random.Generator:
        return np.random.default_rng((self._seed, zlib.crc32(name.encode())))


def tracked(inputs: np.ndarray, keypoints: np.ndarray) -> Example:
    """Returns an example all of whose ``keypoints`` (T, 20, 2) are known; ``inputs`` (T + delay, S)."""
    return Example(inputs, keypoints, np.full(len(keypoints), Lips.TRACKED, np.int8))


def lips_of(lips: LipTimes, times: np.ndarray) -> np.ndarray:
    """Returns :class:`Lips` of each frame, (T,) int8, at ``times`` (T,) seconds; of each closure at least one frame."""
    frames = np.full(len(times), Lips.UNKNOWN, np.int8)
    for spans, kind in ((lips.opened, Lips.OPEN), (lips.shut, Lips.SHUT)):
        for span in spans:
            frames[(times >= span.start) & (times <= span.end)] = kind
            if kind is Lips.SHUT:
                frames[np.argmin(np.abs(times - (span.start + span.end) / 2))] = kind
    return frames


def loudness(clip: Clip, fps: Fraction) -> np.ndarray:
    """Returns the mean normalised log filterbank energy of each frame of ``clip``, (T,); lower in silence."""
    options = FeatureOptions()
    features = normalise_utterance(extract_features(AudioClip(_samples(clip), SAMPLE_RATE), options))
    return stack_features(features, fps, 0, len(clip.segment), silence_features(options.count)).mean(axis=1)


def _name(piece: Piece) -> str:
    return piece.clip.folder.name


def _samples(clip: Clip) -> np.ndarray:
    assert clip.sound is not None
    return load_sound(clip.sound).samples


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """Returns the cached features by name; None when there are none or the file is damaged."""
    try:
        with open_arrays(path) as arrays:
            return {name: arrays[name] for name in arrays}
    except DAMAGED:
        return None
