"""Time offset of sound and mouth by this project's own SyncNet.

It was trained on one English talker saying 51 words; for other talkers and languages it is a second opinion beside
:mod:`obamanet.evaluation.sync`, which has no trained weights. Its zero is that of its training recordings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from obamanet.engine.network import load_network
from obamanet.evaluation.judges.judge_folders import read_judge
from obamanet.evaluation.sync import LagCurve, SyncOffset, find_offset
from obamanet.networks.config import LOST_FRAMES, SOUND_STEPS
from obamanet.timing import frame_times, resample_in_time
from obamanet.training.judges.judge_card import SYNCNET
from obamanet.training.judges.syncnet_training import JUDGED_RATE, MAX_LAG, lag_distances, mouth_values, sound_values
from obamanet.types import FeatureSequence

MIN_LENGTH: Final = LOST_FRAMES + 2 * MAX_LAG + 1
"""Frames at 25 per second: a clip shorter than 1.72 s is not embedded at every lag."""

CHUNK = 1500
"""Embeddings computed at once, one minute; changes memory, not the result."""

MIN_SPREAD: Final = 1e-4
"""Embeddings, of length 1, that vary less come from an input that does not change; rounding is 1e-6."""


class OwnSyncNet:
    """The SyncNet that comes with the program, or one of the user's own; build it once per process.

    Args:
        folder: a run of ``obamanet train syncnet``; None for the one that comes with the program.

    Raises:
        EvaluationError: the folder holds no SyncNet that can be used here.
        EngineError: its ONNX file cannot be run.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._network = load_network(read_judge(SYNCNET, folder).network)

    def embed(self, keypoints: np.ndarray, times: np.ndarray, sound: FeatureSequence) -> tuple[np.ndarray, np.ndarray]:
        """Embeds a mouth and its sound.

        Args:
            keypoints: canonical (N, 20, 2).
            times: of the keypoints, seconds (N,).
            sound: 26 log filterbank energies, not normalised.

        Returns:
            The embeddings of mouth and sound, (T - 12, E) each; T are the frames at 25 per second that both have.

        Raises:
            ValueError: T is less than 13.
        """
        count = min(int(sound.duration * JUDGED_RATE), int(times[-1] * float(JUDGED_RATE)) + 1) if len(times) else 0
        if count <= LOST_FRAMES:
            raise ValueError(f"too short: {count / float(JUDGED_RATE):.2f} s")
        mouth = resample_in_time(keypoints.astype(np.float64), times, frame_times(count, JUDGED_RATE))
        mouth_input, sound_input = mouth_values(mouth), sound_values(sound, count)
        parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for first in range(0, count - LOST_FRAMES, CHUNK):
            stop = min(first + CHUNK + LOST_FRAMES, count)
            both = self._network(
                mouth_input[None, first:stop], sound_input[None, SOUND_STEPS * first : SOUND_STEPS * stop]
            )
            for embeddings, part in zip(parts, both, strict=True):
                embeddings.append(part[0])
        return np.concatenate(parts[0]), np.concatenate(parts[1])

    def lag_curve(self, keypoints: np.ndarray, times: np.ndarray, sound: FeatureSequence) -> LagCurve:
        """Returns minus the mean distance of the embeddings at each lag, a flat curve when the mouth does not move.

        Arguments as :meth:`embed` takes them.

        Raises:
            ValueError: there are less than 1.72 s of either, or the sound is silent.
        """
        mouths, sounds = self.embed(keypoints, times, sound)
        if len(mouths) + LOST_FRAMES < MIN_LENGTH:
            raise ValueError(
                f"too short: {(len(mouths) + LOST_FRAMES) / float(JUDGED_RATE):.2f} s, "
                f"needed are {MIN_LENGTH / float(JUDGED_RATE):.2f} s"
            )
        if np.ptp(sounds, axis=0).max() < MIN_SPREAD:
            raise ValueError("the sound is silent")
        lags = np.arange(-MAX_LAG, MAX_LAG + 1)
        # A still mouth is nearer to some sounds than to others, which says nothing about time.
        still = np.ptp(mouths, axis=0).max() < MIN_SPREAD
        distances = np.zeros(len(lags)) if still else lag_distances(mouths, sounds, lags.tolist())
        return LagCurve(lags / float(JUDGED_RATE), -distances)

    def offset(self, keypoints: np.ndarray, times: np.ndarray, sound: FeatureSequence) -> SyncOffset:
        """Returns offset and confidence, the median minus the smallest distance; both 0 for a mouth that does not move.

        Arguments and errors as :meth:`lag_curve`.
        """
        return find_offset(self.lag_curve(keypoints, times, sound))
