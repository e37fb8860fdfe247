"""Trains the lip reader: mouth windows without sound to the words of GRID's closed vocabulary.

A judge must not be trained on what it judges: it learns from recordings alone, never from generated pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from obamanet.errors import DatasetError
from obamanet.files import atomic_path
from obamanet.networks.config import LipReaderConfig
from obamanet.progress import Progress
from obamanet.render.crop import to_square
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Clip, Dataset, Piece, Split
from obamanet.training.judges.grid_grammar import (
    CLASSES,
    PAUSE,
    SLOT_NAMES,
    VOCABULARY,
    decode,
    frame_classes,
    sentence_times,
    word_error,
)
from obamanet.training.judges.judge_card import LIPREADER
from obamanet.training.judges.mouth_crops import (
    HEIGHT,
    MARGIN,
    READ_FPS,
    WIDTH,
    network_windows,
    normalise,
    place_mouths,
)
from obamanet.training.judges.train_judge import JudgeTraining, train_judge
from obamanet.training.loop.ema_learner import EmaLearner, Losses
from obamanet.training.loop.runner import NOT_STATED, Limits, TrainReport
from obamanet.training.loop.training_options import EmaOptions

if TYPE_CHECKING:
    import keras

WARM_UP = 50
"""Steps over which the learning rate rises."""

WINDOW = 52
"""Frames of one training example: a sentence of GRID, spoken, takes 34 of the clip's 75 in the median."""


@dataclass(frozen=True)
class LipReaderOptions(EmaOptions):
    """How a lip reader is trained.

    Attributes:
        filters: of each convolution over the picture.
        units: of each convolution over time.
        dropout: share of values left out in training.
        speed: augmentation: largest relative change of the speed.
        shift: augmentation: standard deviation of the window's place, pixels.
        turn: augmentation: standard deviation of the window's tilt, radians.
        zoom: augmentation: standard deviation of the logarithm of the window's scale.
        noise: augmentation: standard deviation of every normalised grey value.
        label_smoothing: probability spread over all classes.
    """

    steps: int = 1600
    filters: tuple[int, ...] = (16, 32, 48)
    units: int = 128
    dropout: float = 0.4
    speed: float = 0.2
    shift: float = 1.2
    turn: float = 0.05
    zoom: float = 0.05
    noise: float = 0.08
    label_smoothing: float = 0.1


@dataclass(frozen=True)
class Sentence:
    """One recorded sentence: ``mouths`` (T, H, W) uint8 with margin, ``classes`` (T,), and the ``words`` spoken."""

    mouths: np.ndarray
    classes: np.ndarray
    words: tuple[str, ...]


def train_lip_reader(
    dataset: Dataset,
    split: Split,
    alignments: Path,
    folder: Path,
    options: LipReaderOptions,
    *,
    licence: str = NOT_STATED,
    attribution: str = NOT_STATED,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a lip reader, or continues the run in ``folder``.

    Args:
        dataset: prepared clips of GRID.
        split: training and validation sentences.
        alignments: folder with a ``*.align`` file of word times for each clip.
        folder: of the run; afterwards it holds the best lip reader as a bundle too.
        options: how it is trained.
        licence: of the recordings, for the card.
        attribution: of the recordings, for the card.
        limits: when to stop early.
        progress: shows how far it is.

    Raises:
        DatasetError: a clip is no sentence of GRID or has another frame rate.
        OptionError: ``folder`` holds another run.
    """
    if dataset.fps != READ_FPS:
        raise DatasetError(f"{dataset.folder}: {dataset.fps} frames per second; the lip reader needs {READ_FPS}")
    config = LipReaderConfig(HEIGHT, WIDTH, CLASSES, options.filters, options.units, options.dropout)

    def load(progress: Progress) -> tuple[list[Sentence], list[Sentence]]:
        pieces = [*split.train, *split.val]
        sentences = [
            read_sentence(piece, alignments) for piece in progress.track(pieces, "reading mouths", len(pieces))
        ]
        return sentences[: len(split.train)], sentences[len(split.train) :]

    def build() -> keras.Model:
        from obamanet.networks.lip_reader import build_lip_reader

        return build_lip_reader(config)

    training = JudgeTraining(
        LIPREADER,
        config,
        build,
        load,
        learner=lambda val: LipReaderLearner(config, options, val),
        batches=lambda train: SentenceSource(train, options).batch,
        about=lambda report: {
            "validation": {"step": report.best_step, "word_error": report.best_score},
            "fps": READ_FPS,
            "grammar": " ".join(SLOT_NAMES),
            "vocabulary": list(VOCABULARY),
        },
    )
    rights = {"licence": licence, "attribution": attribution}
    return train_judge(training, split, folder, options, **rights, limits=limits, progress=progress)


def read_sentence(piece: Piece, alignments: Path) -> Sentence:
    """Returns the mouths and words of ``piece``, a whole clip of GRID, from its prepared frames."""
    clip, frames = piece.clip, np.arange(piece.start, piece.stop)
    words = sentence_times(alignments, clip.name)
    times = frame_times(piece.stop, Fraction(READ_FPS))[frames]
    return Sentence(cut_prepared(clip, frames), frame_classes(words, times), tuple(said.word for said in words))


def cut_prepared(clip: Clip, frames: np.ndarray) -> np.ndarray:
    """Returns the mouths in ``frames`` (T,) of a prepared clip, as :meth:`MouthPlaces.cut` gives them."""
    first = read_frame(clip.frame_path(int(frames[0])))
    places = place_mouths(to_square(clip.landmarks[frames], clip.box, first.shape[0]))
    return np.stack([places.cut(read_frame(clip.frame_path(int(frame))), row) for row, frame in enumerate(frames)])


def read_frame(path: Path) -> np.ndarray:
    """Returns the picture at ``path`` (H, W, 3) uint8 BGR; raises :class:`DatasetError` when it cannot be read."""
    image = cv2.imread(str(path))
    if image is None:
        raise DatasetError(f"frame cannot be read: {path}; run obamanet prepare again")
    return image


def frame_scores(run: Callable[[np.ndarray], Any], mouths: np.ndarray) -> np.ndarray:
    """Scores the frames of one clip.

    Args:
        run: the network, (2, T, HEIGHT, WIDTH) to logits (2, T, CLASSES).
        mouths: as :meth:`obamanet.training.judges.mouth_crops.MouthPlaces.cut` gives them.

    Returns:
        Log-probabilities (T, CLASSES), the mean over the clip and its mirror image.
    """
    windows = network_windows(mouths)
    logits = np.asarray(run(np.stack([windows, windows[..., ::-1]])), dtype=np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return np.asarray((logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))).mean(axis=0))


class SentenceSource:
    """Training examples: sentences with random place, light, blur and speed, since there are only hundreds of them."""

    def __init__(self, sentences: Sequence[Sentence], options: LipReaderOptions) -> None:
        self._sentences = sentences
        self._options = options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns windows (B, WINDOW, HEIGHT, WIDTH) float32 and classes (B, WINDOW) int32 for ``step``."""
        random = np.random.default_rng((self._options.seed, step))
        chosen = random.integers(len(self._sentences), size=self._options.batch_size)
        examples = [self._example(self._sentences[number], random) for number in chosen]
        return np.stack([windows for windows, _ in examples]), np.stack([classes for _, classes in examples])

    def _example(self, sentence: Sentence, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        positions = self._paced(sentence, random)
        before = np.floor(positions).astype(int)
        after = np.minimum(before + 1, len(sentence.mouths) - 1)
        share = (positions - before)[:, None, None]
        mouths = (1 - share) * sentence.mouths[before] + share * sentence.mouths[after]
        windows = self._lit(normalise(self._moved(mouths.astype(np.float32), random)), random)
        return windows, sentence.classes[np.rint(positions).astype(int)]

    def _paced(self, sentence: Sentence, random: np.random.Generator) -> np.ndarray:
        """Returns the frames (WINDOW,), between frames too, that are shown of ``sentence``."""
        spoken = np.flatnonzero(sentence.classes != PAUSE)
        pace = 1 + random.uniform(-self._options.speed, self._options.speed)
        length = (WINDOW - 1) * pace
        bounds = sorted((spoken[0] - 1.0, spoken[-1] + 1.0 - length))
        positions = random.uniform(*bounds) + pace * np.arange(WINDOW)
        return np.clip(positions, 0, len(sentence.mouths) - 1)

    def _moved(self, mouths: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Returns ``mouths`` (T, H + 2 MARGIN, W + 2 MARGIN) cut to windows that lie a little elsewhere."""
        options = self._options
        angle, zoom = random.normal(0, options.turn), float(np.exp(random.normal(0, options.zoom)))
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if random.random() < 0.5:
            turn[:, 0] *= -1
        middle = (np.array([WIDTH, HEIGHT]) - 1) / 2
        # The landmarks tremble from frame to frame, by less than between clips.
        moves = random.normal(0, options.shift, 2) + random.normal(0, 0.2 * options.shift, (len(mouths), 2))
        shifts = middle + moves - turn @ (middle + MARGIN)
        blur = random.uniform(0.3, 1.0) if random.random() < 0.5 else 0.0
        windows = []
        for mouth, shift in zip(mouths, shifts, strict=True):
            matrix = np.concatenate([turn, shift[:, None]], axis=1)
            window = cv2.warpAffine(mouth, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
            windows.append(cv2.GaussianBlur(window, (0, 0), blur) if blur else window)
        return np.stack(windows)

    def _lit(self, windows: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Returns normalised ``windows`` with other light and contrast, noise, and a stretch of frames missing."""
        across, down = np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT))
        slope = random.normal(0, 0.15, 2)
        lit = windows * np.exp(random.normal(0, 0.1)) + slope[0] * across + slope[1] * down
        lit += random.normal(0, self._options.noise, lit.shape)
        if random.random() < 0.5:
            count, first = int(random.integers(1, 4)), int(random.integers(0, len(lit) - 4))
            lit[first : first + count] = lit[first]
        return lit.astype(np.float32)


class LipReaderLearner(EmaLearner):
    """Trains a lip reader step by step; see :class:`obamanet.training.loop.runner.Learner`."""

    def __init__(self, config: LipReaderConfig, options: LipReaderOptions, val: Sequence[Sentence]) -> None:
        import tensorflow as tf

        from obamanet.networks.lip_reader import build_lip_reader

        super().__init__(partial(build_lip_reader, config), options, weight_decay=0.01, warm_up=WARM_UP)
        self._options, self._val = options, val
        self._run = tf.function(
            lambda windows: self._ema(windows, training=False),
            input_signature=[tf.TensorSpec((None, None, config.height, config.width))],
            autograph=False,
        )

    def validate(self) -> dict[str, float]:
        """Returns the word error in per cent over the val sentences, and that of each slot."""
        wrong = np.array(
            [
                [word_error((said,), (read,)) for said, read in zip(sentence.words, self._read(sentence), strict=True)]
                for sentence in self._val
            ]
        )
        by_slot = 100 * wrong.mean(axis=0)
        return {"score": float(by_slot.mean()), **dict(zip(SLOT_NAMES, map(float, by_slot), strict=True))}

    def sample(self, folder: Path, step: int) -> None:
        """Draws the probability of each class in each frame of the first validation sentence."""
        from matplotlib.figure import Figure

        sentence = self._val[0]
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(np.exp(frame_scores(self._run, sentence.mouths)).T, aspect="auto", vmin=0, vmax=1, cmap="gray_r")
        axes.plot(sentence.classes, "r_", markersize=5)
        axes.set_yticks(range(CLASSES), ("", *VOCABULARY), fontsize=5)
        axes.set(xlabel="frame", title=f"step {step}: {' '.join(self._read(sentence))}; said in red")
        with atomic_path(folder / f"step_{step:07d}.png") as part:
            figure.savefig(part, dpi=80)

    def _read(self, sentence: Sentence) -> tuple[str, ...]:
        return decode(frame_scores(self._run, sentence.mouths))

    def losses(self, *batch: Any) -> Losses:
        """Returns the loss on windows (B, T, HEIGHT, WIDTH) and classes (B, T), and the share of frames read right."""
        import tensorflow as tf

        windows, classes = batch
        soft = self._options.label_smoothing
        wanted = tf.one_hot(classes, CLASSES) * (1 - soft) + soft / CLASSES
        logits = self._network(windows, training=True)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), classes)
        return Losses(loss, {"loss": loss, "frames_right": tf.reduce_mean(tf.cast(right, tf.float32))})
