"""Reads lips: what a video's mouth says, without its sound, in GRID's closed vocabulary and grammar.

The word error of a generated video says how much of the speech can be seen in it; it means something only beside the
word error on the recording. The judge knows 51 words and one order of them, and one talker's mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from obamanet.engine.network import load_network
from obamanet.evaluation.judges.judge_folders import read_judge
from obamanet.timing import nearest_in_time
from obamanet.training.judges.grid_grammar import SLOTS, decode, word_error
from obamanet.training.judges.judge_card import LIPREADER
from obamanet.training.judges.lip_reader_training import frame_scores
from obamanet.training.judges.mouth_crops import READ_FPS, place_mouths

__all__ = ["LipReader", "MouthPair", "word_error"]

NO_TRANSCRIPT = "no transcript of GRID's grammar"
"""Why a clip is not read: the words are known of the protocol's own clips alone."""


class LipReader:
    """A trained lip reader; build it once per process.

    Args:
        folder: a run of ``obamanet train lipreader``; None for the lip reader that comes with the program.

    Raises:
        EvaluationError: the folder holds no lip reader that can be used here.
        EngineError: its ONNX file cannot be run.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._network = load_network(read_judge(LIPREADER, folder).network)

    def read(self, mouths: Sequence[np.ndarray] | np.ndarray, times: np.ndarray) -> tuple[str, ...]:
        """Reads a sentence.

        Args:
            mouths: T mouths, cut by :class:`obamanet.training.judges.mouth_crops.MouthPlaces`.
            times: of the frames, seconds (T,). Where a frame is missing or the rate is not the network's, the frame
                nearest in time is taken.

        Returns:
            The six words of the most likely sentence.

        Raises:
            ValueError: there are fewer frames than words.
        """
        steps = round((times[-1] - times[0]) * READ_FPS) + 1 if len(times) else 0
        if steps < len(SLOTS):
            raise ValueError(f"{steps} frames at {READ_FPS} fps are too few for {len(SLOTS)} words")
        nearest = nearest_in_time(times, times[0] + np.arange(steps) / READ_FPS)
        return decode(frame_scores(lambda windows: self._network(windows)[0], np.stack(list(mouths))[nearest]))


class MouthPair:
    """The mouths of a generated video and its recording, gathered frame by frame.

    Args:
        ours: landmarks of the generated face in the frames that will be added, pixels (F, 68, 2).
        real: those of the recorded face.
        times: of the frames, seconds (F,).
    """

    def __init__(self, ours: np.ndarray, real: np.ndarray, times: np.ndarray) -> None:
        self._places = place_mouths(ours), place_mouths(real)
        self._mouths: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        self._times = times

    def add_frame(self, picture: np.ndarray, truth: np.ndarray) -> None:
        """Cuts and keeps the mouths of the next frame of both videos, (H, W, 3) uint8 BGR."""
        for places, mouths, image in zip(self._places, self._mouths, (picture, truth), strict=True):
            mouths.append(places.cut(image, len(mouths)))

    def word_errors(self, reader: LipReader, words: Sequence[str]) -> tuple[float, float]:
        """Returns the word errors of the generated and of the recorded mouth in per cent.

        Args:
            reader: the lip reader.
            words: the words spoken.

        Raises:
            ValueError: the video is too short for a sentence.
        """
        times = self._times[: len(self._mouths[0])]
        ours, real = (100 * word_error(words, reader.read(mouths, times)) for mouths in self._mouths)
        return ours, real
