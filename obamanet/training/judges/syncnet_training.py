"""Trains SyncNet: embeddings of mouth and sound are near each other when they belong together.

InfoNCE (van den Oord et al. 2018) over windows and frames: every window of about a second is matched with its own
sound among all others of the same sentence, shifts of a single frame included, and every frame among all frames of the
batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import normalise_utterance, silence_features
from obamanet.constants import FEATURE_RATE, MOUTH
from obamanet.errors import DatasetError, OptionError
from obamanet.files import atomic_path
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical
from obamanet.networks.config import LOST_FRAMES, SOUND_STEPS, SyncNetConfig
from obamanet.progress import Progress
from obamanet.timing import frame_times, resample_in_time
from obamanet.training.data.dataset import Dataset, Piece, Split
from obamanet.training.judges.judge_card import SYNCNET
from obamanet.training.judges.train_judge import JudgeTraining, train_judge
from obamanet.training.loop.ema_learner import EmaLearner, Losses
from obamanet.training.loop.log import logged
from obamanet.training.loop.runner import NOT_STATED, Limits, TrainReport
from obamanet.training.loop.training_options import EmaOptions
from obamanet.types import FeatureSequence

if TYPE_CHECKING:
    import keras

JUDGED_RATE = FEATURE_RATE / SOUND_STEPS
"""Video frames per second, 25, to which every mouth is brought."""

WINDOW = int(JUDGED_RATE) - LOST_FRAMES
"""Embeddings in one second: 13, which together look at 25 frames."""

MAX_LAG: Final = 15
"""Frames. Lags from -0.6 s to 0.6 s are tried, as SyncNet's evaluation does (Chung and Zisserman 2016)."""

MEAN_FRAMES = 50
"""Frames to either side, 2 s, of the moving mean that is subtracted: it is the face's shape and the head's turn."""

WARM_UP: Final = 50
"""Steps over which the learning rate rises: batch normalisation's first statistics are poor."""

MOUTH_DEVIATION = 0.017
"""Eye distances. Standard deviation of a speaking mouth's coordinates over time, by which they are divided."""

MIRRORED_MOUTH = np.array([*range(6, -1, -1), *range(11, 6, -1), *range(16, 11, -1), 19, 18, 17])
"""Index of each mouth point's mirror image among the 20."""


@dataclass(frozen=True)
class SyncNetOptions(EmaOptions):
    """How SyncNet is trained.

    Attributes:
        width: filters per layer.
        size: of the embeddings.
        dropout: share of filters left out in training.
        frames: of one example, 25 per second.
        window_sharpness: inverse temperature of the loss over windows.
        frame_sharpness: inverse temperature of the loss over frames.
        frame_weight: of the loss over frames.
        amplitude: augmentation: largest relative change of the movement's size.
        speed: augmentation: largest relative change of the speed of both streams.
        jitter: augmentation: standard deviation of every landmark, in units of the network's input.
        placement: augmentation: standard deviation of the whole mouth, in units of the network's input.
        noise: augmentation: standard deviation of every sound value.
        colour: augmentation: standard deviation of every band.
        masking: augmentation: share of examples that lack some bands.
        mirrored: augmentation: share of examples that are mirrored.
    """

    steps: int = 600
    width: int = 64
    size: int = 64
    dropout: float = 0.2
    frames: int = 70
    window_sharpness: float = 20.0
    frame_sharpness: float = 8.0
    frame_weight: float = 0.5
    amplitude: float = 0.3
    speed: float = 0.1
    jitter: float = 0.1
    placement: float = 0.3
    noise: float = 0.2
    colour: float = 0.3
    masking: float = 0.3
    mirrored: float = 0.5

    def __post_init__(self) -> None:
        """Refuses what is outside the allowed values."""
        super().__post_init__()
        if self.frames < LOST_FRAMES + 2 * WINDOW:
            raise OptionError(
                f"an example is too short: got {self.frames} frames, needed are {LOST_FRAMES + 2 * WINDOW}"
            )


@dataclass(frozen=True)
class Sample:
    """Network inputs of one piece: ``mouth`` (T, 40) at 25 frames per second, ``sound`` (4 T, bands)."""

    mouth: np.ndarray
    sound: np.ndarray


def mouth_values(keypoints: np.ndarray) -> np.ndarray:
    """Returns SyncNet's input for canonical ``keypoints`` (T, 20, 2) at 25 frames per second: (T, 40) float32.

    Of each coordinate its mean over the 2 s before and after is subtracted; the rest is divided by
    :data:`MOUTH_DEVIATION`.
    """
    flat = keypoints.reshape(len(keypoints), -1).astype(np.float64)
    total = np.concatenate([np.zeros((1, flat.shape[1])), np.cumsum(flat, axis=0)])
    places = np.arange(len(flat))
    first, last = np.maximum(places - MEAN_FRAMES, 0), np.minimum(places + MEAN_FRAMES + 1, len(flat))
    slow = (total[last] - total[first]) / (last - first)[:, None]
    return ((flat - slow) / MOUTH_DEVIATION).astype(np.float32)


def sound_values(features: FeatureSequence, count: int) -> np.ndarray:
    """Returns SyncNet's input for a sound.

    Args:
        features: 26 log filterbank energies, not normalised.
        count: video frames at 25 per second.

    Returns:
        (4 count, 26) float32, normalised over the utterance; silence where the sound has ended.
    """
    normalised = normalise_utterance(features).values[: SOUND_STEPS * count]
    missing = SOUND_STEPS * count - len(normalised)
    return np.concatenate([normalised, np.tile(silence_features(normalised.shape[1]), (missing, 1))]).astype(np.float32)


def lag_distances(mouth: np.ndarray, sound: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    """Returns the mean distance of two series of embeddings at each lag.

    Args:
        mouth: embeddings (T, E).
        sound: embeddings (S, E).
        lags: frames (L,).

    Returns:
        (L,): at lag k the mean over n of |mouth[n] - sound[n + k]|, NaN where nothing overlaps.
    """
    found = []
    for lag in lags:
        first, last = max(0, -lag), min(len(mouth), len(sound) - lag)
        pairs = mouth[first:last] - sound[first + lag : last + lag] if last > first else np.zeros((0, 1))
        found.append(np.linalg.norm(pairs, axis=-1).mean() if len(pairs) else np.nan)
    return np.array(found)


def train_syncnet(
    dataset: Dataset,
    split: Split,
    folder: Path,
    options: SyncNetOptions,
    *,
    licence: str = NOT_STATED,
    attribution: str = NOT_STATED,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains SyncNet, or continues the run in ``folder``.

    Args:
        dataset: prepared recordings.
        split: training and validation pieces.
        folder: of the run; afterwards it holds the best SyncNet as a bundle too.
        options: how it is trained.
        licence: of the recordings, for the card.
        attribution: of the recordings, for the card.
        limits: when to stop early.
        progress: shows how far it is.

    Raises:
        DatasetError: no piece has sound and is long enough.
        OptionError: ``folder`` holds another run.
    """
    config = SyncNetConfig(width=options.width, size=options.size, dropout=options.dropout)

    def load(progress: Progress) -> tuple[list[Sample], list[Sample]]:
        train = load_samples(split.train, dataset, options.frames, progress)
        return train, load_samples(split.val, dataset, options.frames, progress)

    def build() -> keras.Model:
        from obamanet.networks.syncnet import build_syncnet

        return build_syncnet(config)

    def about(report: TrainReport) -> dict[str, Any]:
        best = logged(folder, report.best_step)
        return {"validation": {name: best[name] for name in ("step", "score", "told_apart", "in_time") if name in best}}

    training = JudgeTraining(
        SYNCNET,
        config,
        build,
        load,
        learner=lambda val: SyncNetLearner(config, options, val),
        batches=lambda train: SampleSource(train, options).batch,
        about=about,
    )
    rights = {"licence": licence, "attribution": attribution}
    return train_judge(training, split, folder, options, **rights, limits=limits, progress=progress)


def load_samples(pieces: Sequence[Piece], dataset: Dataset, frames: int, progress: Progress) -> list[Sample]:
    """Returns mouth and sound of the ``pieces`` that have sound and at least ``frames`` frames at 25 per second.

    Raises:
        DatasetError: there are none.
    """
    samples = []
    for piece in progress.track(pieces, "reading sound", len(pieces)):
        if piece.clip.sound is None:
            continue
        placement = fit_placement(piece.landmarks, fit_template(piece.landmarks))
        upright = to_canonical(piece.landmarks, placement)[:, MOUTH]
        start, end = float(piece.start / dataset.fps), float(piece.stop / dataset.fps)
        sound = load_sound(piece.clip.sound)
        count = int(round((end - start) * float(JUDGED_RATE), 6))
        times = start + frame_times(count, JUDGED_RATE)
        mouth = resample_in_time(upright, frame_times(piece.stop, dataset.fps)[piece.start :], times)
        values = sound_values(extract_features(sound, FeatureOptions()), int(np.ceil(end * float(JUDGED_RATE))) + 1)
        first = round(start * float(FEATURE_RATE))
        if count >= frames:
            samples.append(Sample(mouth_values(mouth), values[first : first + SOUND_STEPS * count]))
    if not samples:
        raise DatasetError(
            f"{dataset.folder}: no piece with sound and {frames / float(JUDGED_RATE):.1f} s on one side of the split"
        )
    return samples


class SampleSource:
    """Training examples: stretches of samples at changed speed, augmented in both streams."""

    def __init__(self, samples: Sequence[Sample], options: SyncNetOptions) -> None:
        self._samples = samples
        self._options = options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns mouths (B, T, 40) and sounds (B, 4 T, bands) float32 for ``step``."""
        random = np.random.default_rng((self._options.seed, step))
        count = self._options.batch_size
        chosen = random.choice(len(self._samples), count, replace=count > len(self._samples))
        examples = [self._example(self._samples[int(index)], random) for index in chosen]
        return np.stack([sample.mouth for sample in examples]), np.stack([sample.sound for sample in examples])

    def _example(self, sample: Sample, random: np.random.Generator) -> Sample:
        options = self._options
        length = len(sample.mouth)
        fastest = min(1 + options.speed, (length - 1) / options.frames)
        pace = random.uniform(min(1 - options.speed, fastest), fastest)
        start = random.uniform(0, length - pace * options.frames)
        places = start + pace * np.arange(options.frames)
        finer = start + pace * np.arange(SOUND_STEPS * options.frames) / SOUND_STEPS
        mouth = resample_in_time(sample.mouth, np.arange(length), places)
        sound = resample_in_time(sample.sound, np.arange(len(sample.sound)) / SOUND_STEPS, finer)
        return Sample(self._augmented_mouth(mouth, random), self._augmented_sound(sound, random))

    def _augmented_mouth(self, mouth: np.ndarray, random: np.random.Generator) -> np.ndarray:
        options = self._options
        points = mouth.reshape(len(mouth), -1, 2)
        if random.random() < options.mirrored:
            points = points[:, MIRRORED_MOUTH] * (-1, 1)
        size = 1 + random.uniform(-options.amplitude, options.amplitude, 2)
        moved = random.normal(0.0, options.placement, 2)
        shaking = random.normal(0.0, options.jitter * random.random(), points.shape)
        return (points * size + moved + shaking).reshape(mouth.shape).astype(np.float32)

    def _augmented_sound(self, sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
        options = self._options
        bands = sound.shape[1]
        augmented = sound + random.normal(0.0, options.colour, bands) * random.random()
        augmented = augmented + random.normal(0.0, options.noise * random.random(), sound.shape)
        if random.random() < options.masking:
            width = int(random.integers(1, max(2, bands // 4)))
            first = int(random.integers(0, bands - width + 1))
            # 0 is each band's mean (SpecAugment, Park et al. 2019).
            augmented[:, first : first + width] = 0.0
        return augmented.astype(np.float32)


class SyncNetLearner(EmaLearner):
    """Trains SyncNet step by step; see :class:`obamanet.training.loop.runner.Learner`."""

    def __init__(self, config: SyncNetConfig, options: SyncNetOptions, val: Sequence[Sample]) -> None:
        import tensorflow as tf

        from obamanet.networks.syncnet import build_syncnet

        super().__init__(partial(build_syncnet, config), options, weight_decay=1e-3, warm_up=WARM_UP)
        self._options, self._val = options, val
        shapes = [(1, None, config.points), (1, None, config.bands)]
        self._judge = tf.function(
            lambda mouth, sound: self._ema([mouth, sound], training=False),
            input_signature=[tf.TensorSpec(shape) for shape in shapes],
            autograph=False,
        )

    def validate(self) -> dict[str, float]:
        """Returns the metrics over the validation samples.

        Returns:
            ``score``, the loss over windows; ``told_apart``, the share of seconds that are nearer to their own sound
            than to the sound one second off; ``in_time``, the share of samples whose smallest distance lies within one
            frame of lag 0.
        """
        losses, apart, in_time = [], [], []
        sharpness = self._options.window_sharpness
        for sample in self._val:
            mouth, sound = (np.asarray(values)[0] for values in self._judge(sample.mouth[None], sample.sound[None]))
            similarity = _along_windows(mouth @ sound.T)
            own = np.diagonal(similarity)
            for axis in (0, 1):
                losses.append(
                    (np.log(np.exp(sharpness * (similarity - 1)).sum(axis=axis)) - sharpness * (own - 1)).mean()
                )
            for off in (-int(JUDGED_RATE), int(JUDGED_RATE)):
                wrong = np.diagonal(similarity, off)
                apart.append((own[max(0, -off) :][: len(wrong)] > wrong).mean())
            distances = lag_distances(mouth, sound, range(-MAX_LAG, MAX_LAG + 1))
            in_time.append(abs(int(np.argmin(distances)) - MAX_LAG) <= 1)
        return {
            "score": float(np.mean(losses)),
            "told_apart": float(np.mean(apart)),
            "in_time": float(np.mean(in_time)),
        }

    def sample(self, folder: Path, step: int) -> None:
        """Draws the similarity of each mouth and each sound embedding of the first validation sample."""
        from matplotlib.figure import Figure

        sample = self._val[0]
        mouth, sound = (np.asarray(values)[0] for values in self._judge(sample.mouth[None], sample.sound[None]))
        figure = Figure(figsize=(4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(mouth @ sound.T, vmin=-1, vmax=1, cmap="coolwarm")
        axes.set(xlabel="sound (frame)", ylabel="mouth (frame)", title=f"step {step}")
        with atomic_path(folder / f"step_{step:07d}.png") as part:
            figure.savefig(part, dpi=80)

    def losses(self, *batch: Any) -> Losses:
        """Returns the losses on mouths (B, T, 40) and sounds (B, 4 T, bands)."""
        import tensorflow as tf

        options = self._options
        mouths, sounds = self._network(list(batch), training=True)
        windows = _along_windows(tf.matmul(mouths, sounds, transpose_b=True))
        size = mouths.shape[-1]
        frames = tf.matmul(tf.reshape(mouths, (-1, size)), tf.reshape(sounds, (-1, size)), transpose_b=True)
        losses = {
            "window": _cross_entropy(options.window_sharpness * windows),
            "frame": _cross_entropy(options.frame_sharpness * frames[None]),
        }
        return Losses(losses["window"] + options.frame_weight * losses["frame"], losses)


def _along_windows(similarity: Any) -> Any:
    """Returns the moving mean of ``similarity`` (..., T, S) along its diagonals, over WINDOW values."""
    rows, columns = similarity.shape[-2] - WINDOW + 1, similarity.shape[-1] - WINDOW + 1
    return sum(similarity[..., i : i + rows, i : i + columns] for i in range(WINDOW)) / WINDOW


def _cross_entropy(logits: Any) -> Any:
    """Returns the mean cross-entropy of rows and columns of ``logits`` (B, N, N), their targets on the diagonal."""
    import tensorflow as tf

    own = tf.linalg.diag_part(logits)
    return sum(tf.reduce_mean(tf.reduce_logsumexp(logits, axis=axis) - own) for axis in (1, 2)) / 2
