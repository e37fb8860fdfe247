"""Trains a person's predictor: sound features to PCA mouth keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions
from obamanet.audio.stack import stacked_size
from obamanet.constants import INNER_BOTTOM, INNER_LIPS, INNER_TOP, LEFT_CORNER, MOUTH, RIGHT_CORNER
from obamanet.errors import DatasetError, OptionError
from obamanet.files import sha256_of
from obamanet.keypoints.head import fit_head
from obamanet.keypoints.jaw import fit_jaw
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.pca import fit_pca
from obamanet.keypoints.placement import fit_template
from obamanet.networks.config import PredictorConfig
from obamanet.person import MOUTH_FILE, MouthModel, save_mouth
from obamanet.progress import Progress
from obamanet.sources import add_sources
from obamanet.speech.feature_extractor import FeatureExtractor, encoder_digest, feature_size
from obamanet.training.data.dataset import Dataset, Piece, Split
from obamanet.training.data.synthetic_voices import SyntheticVoices
from obamanet.training.loop.ema_learner import Losses
from obamanet.training.loop.plots import draw_openings
from obamanet.training.loop.runner import (
    EXPECTED,
    Limits,
    Schedule,
    TrainReport,
    claim_run,
    own_folder,
    run_training,
    start_hint,
)
from obamanet.training.loop.trained_networks import TrainedPredictor, load_weights
from obamanet.training.loop.training_options import EmaOptions, check_amounts
from obamanet.training.speech.canonical_pieces import canonical_landmarks, canonical_mouth
from obamanet.training.speech.lstm_learner import LstmLearner
from obamanet.training.speech.training_examples import (
    FEATURES_FILE,
    Example,
    ExampleMaker,
    Lips,
    TrainingExamples,
    loudness,
)

TEMPLATE_FRAMES = 2000
"""Number of frames, spread over the footage, that the mean face is computed from; more change it by < 0.01 pixel."""

INNER_LIP_WEIGHT = 2.0
"""Loss weight of the inner lips, 1 for the outer ones: viewers read the gap between the inner lips."""

OPEN_FROM = 1.0
"""Share of the 75th percentile of the recorded opening that lips have at least in a vowel of prose."""

SILENT_BELOW = 0.6
"""Threshold of silence: a frame is silent whose mean normalised feature is at most this times the minimum, which is
negative."""


@dataclass(frozen=True)
class KeypointOptions(EmaOptions):
    """Options of a predictor's training.

    Attributes:
        units: values per LSTM layer.
        layers: number of LSTM layers.
        lookahead: seconds of sound after a frame that its prediction uses, 0 to 2.
        bidirectional: run the LSTM in both directions; there is no look-ahead then.
        dropout: share of values dropped in training, 0 to below 1.
        sequence: length of one training example, 1 to 60 seconds.
        velocity_weight: weight of the loss on differences between frames; that on position has 1.
        opening_weight: weight of the loss on the gap between the inner lips.
        width_weight: weight of the loss on the distance between the mouth corners.
        lips_weight: weight of the loss on lips that meet and that open in prose, whose keypoints are not known.
        noise: standard deviation of the Gaussian noise added to the features.
        copies: augmented copies of each recording, 0 to 20.
        augmented: share of the examples that are augmented copies: noise, rooms, telephone lines, shifted voices.
        synthetic: share of the examples that are synthetic voices, where there are any.
        prose: share of the examples that are prose by synthetic voices, where there is any.
        features: kind of sound features.

    Raises:
        OptionError: an option is out of range.
    """

    steps: int = 1400
    batch_size: int = 32
    units: int = 128
    layers: int = 2
    lookahead: float = 0.2
    bidirectional: bool = False
    dropout: float = 0.3
    sequence: float = 4.0
    velocity_weight: float = 1.0
    opening_weight: float = 2.0
    width_weight: float = 2.0
    lips_weight: float = 4.0
    noise: float = 0.2
    copies: int = 3
    augmented: float = 0.2
    synthetic: float = 0.3
    prose: float = 0.2
    features: str = SPEECH

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        weights = ("velocity_weight", "opening_weight", "width_weight", "lips_weight")
        names = (*weights, "noise", "augmented", "synthetic", "prose")
        check_amounts(**{name: getattr(self, name) for name in names})
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout is out of range: got {self.dropout}, allowed is 0 to below 1")
        if not 0 <= self.lookahead <= 2:
            raise OptionError(f"lookahead is out of range: got {self.lookahead} s, allowed is 0 to 2")
        if not 0 <= self.copies <= 20:
            raise OptionError(f"augmented copies are out of range: got {self.copies}, allowed is 0 to 20")
        if self.augmented + self.synthetic + self.prose > 1:
            raise OptionError(
                f"shares of examples are out of range: got {self.augmented} augmented, {self.synthetic} synthetic and "
                f"{self.prose} prose, allowed are 0 to 1 in all"
            )
        if not 1 <= self.sequence <= 60:
            raise OptionError(f"sequence is out of range: got {self.sequence} s, allowed is 1 to 60")


def train_keypoints(
    dataset: Dataset,
    split: Split,
    folder: Path,
    options: KeypointOptions,
    *,
    synthetic_voices: SyntheticVoices | None = None,
    start: TrainedPredictor | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a person's predictor, or resumes its training.

    Args:
        dataset: the person's dataset.
        split: pieces for training and for validation.
        folder: the run's.
        options: how to train.
        synthetic_voices: the training sentences spoken by TTS voices.
        start: predictor whose weights to start from, of a person or of a run on other footage. Its layers must be those
            of ``options`` (see :func:`start_weights`); frame rate, look-ahead and PCA may differ.
        limits: where this session stops.
        progress: gets the progress over sounds and the metrics of each evaluation.

    Raises:
        DatasetError: no clip on a side has sound, or files of the run are damaged.
        OptionError: ``start`` is of another kind, or ``folder`` holds another run; nothing is written.
    """
    progress = progress or Progress()
    features = FeatureOptions(kind=options.features)
    delay = 0 if options.bidirectional else round(options.lookahead * dataset.fps)
    train, val = audible_pieces(dataset, split)
    mouth = fit_mouth(train, dataset.fps)
    config = PredictorConfig(
        inputs=stacked_size(*feature_size(features)),
        outputs=mouth.pca.count,
        units=options.units,
        layers=options.layers,
        delay=delay,
        bidirectional=options.bidirectional,
        dropout=options.dropout,
    )
    if start:
        check_start(start, config, features)
    claim = {
        "predictor": asdict(config),
        "features": asdict(features),
        "rates": {"fps": str(dataset.fps)},
        "data": {
            "split": split.digest,
            "synthetic-voices": synthetic_voices.digest if synthetic_voices else None,
            "encoder": encoder_digest(features),
            "start": sha256_of(start.weights) if start else None,
            "voices": describe_training_data(len(train), options, synthetic_voices),
        },
        "training": asdict(options),
    }
    with own_folder(folder):
        claim_run(folder, claim, caches=(FEATURES_FILE,), hint=start_hint(folder))
        length = f"{options.steps} steps of {options.batch_size} examples, after listening to the sounds"
        progress.note(f"{length}. {EXPECTED}")
        add_sources(folder, split.sources)
        save_mouth(mouth, folder / MOUTH_FILE)
        extractor = FeatureExtractor(features)
        maker = ExampleMaker(extractor, dataset.fps, delay, options.seed, progress)
        to_learn, to_choose = ([(piece, canonical_mouth(piece, mouth.head)) for piece in side] for side in (train, val))
        examples = maker.make(to_learn, to_choose, options.copies, synthetic_voices, folder)
        silence = np.tile(extractor.silence, config.inputs // len(extractor.silence))
        source = ExampleSource(examples, mouth.rest, silence, delay, round(options.sequence * dataset.fps), options)
        learner = KeypointLearner(config, options, mouth, open_threshold(examples.recorded), examples.val)
        if start:
            learner.start_from(start)
        schedule = Schedule(options.steps, options.epoch_steps, options.batch_size)
        return run_training(learner, source.batch, folder, schedule, limits=limits or Limits(), progress=progress)


def start_weights(start: TrainedPredictor, options: KeypointOptions) -> KeypointOptions:
    """Returns ``options`` with the units, layers and look-ahead of ``start``."""
    return replace(options, units=start.config.units, layers=start.config.layers, lookahead=start.lookahead)


def check_start(start: TrainedPredictor, config: PredictorConfig, features: FeatureOptions) -> None:
    """Raises :class:`OptionError` when a predictor of ``config`` on ``features`` cannot start from ``start``.

    Frame rate and look-ahead may differ, as no weight depends on them; the training adapts the LSTM to the new rate.
    The PCA may differ too, see :meth:`KeypointLearner.start_from`.
    """
    theirs = start.config
    form = {True: "bidirectional", False: "with look-ahead"}
    faults = [
        f"{name} {its} there, {own} here"
        for name, its, own in (
            ("features", start.features.kind, features.kind),
            ("form", form[theirs.bidirectional], form[config.bidirectional]),
            ("LSTM layers", theirs.layers, config.layers),
            ("units", theirs.units, config.units),
        )
        if its != own
    ]
    if not faults and (start.features != features or theirs.inputs != config.inputs):
        faults.append("features of other sizes")
    if not faults and start.encoder != encoder_digest(features):
        faults.append("it learned through another speech encoder than this version's")
    if faults:
        raise OptionError(f"predictor to begin with is of another kind: {start.folder}: {'; '.join(faults)}")


def describe_training_data(pieces: int, options: KeypointOptions, synthetic_voices: SyntheticVoices | None) -> str:
    """Returns a description of the training data of a predictor, for the person's card.

    Args:
        pieces: number of training pieces.
        options: how the predictor is trained.
        synthetic_voices: those in the training; None for none.
    """
    parts = [f"{pieces} pieces of the footage", f"{options.copies} augmented copies of each (obamanet.audio.augment)"]
    if synthetic_voices:
        parts.append(f"synthetic voices ({synthetic_voices.made}; list {synthetic_voices.digest})")
    shares = f"examples: {options.augmented:.0%} augmented" + (
        f", {options.synthetic:.0%} synthetic" if synthetic_voices and synthetic_voices.entries else ""
    )
    if synthetic_voices and synthetic_voices.prose:
        parts.append(f"{len(synthetic_voices.prose)} sentences of prose, of which only closures and vowels are known")
        shares += f", {options.prose:.0%} prose"
    return f"{'; '.join(parts)}; noise and music as rest; {shares}; seed {options.seed}"


def audible_pieces(dataset: Dataset, split: Split) -> tuple[list[Piece], list[Piece]]:
    """Returns the training and validation pieces that have sound; raises :class:`DatasetError` when a side has none."""
    train, val = ([piece for piece in side if piece.clip.sound] for side in (split.train, split.val))
    for side, pieces in (("train", train), ("val", val)):
        if not pieces:
            raise DatasetError(
                f"{dataset.folder}: no clip with sound on the {side} side; keypoints are learned from sound"
            )
    return train, val


def fit_mouth(pieces: Sequence[Piece], fps: Fraction) -> MouthModel:
    """Fits head, PCA, jaw and rest mouth to the training ``pieces``, at ``fps`` frames per second."""
    template = fit_template(_spread_landmarks(pieces))
    head = fit_head([piece.landmarks for piece in pieces], template)
    canonical = [canonical_landmarks(piece, head) for piece in pieces]
    middle = np.concatenate(canonical).mean(axis=0)
    speaking = [face + (middle - face.mean(axis=0)) for face in canonical]
    mouths = np.concatenate(canonical)[:, MOUTH]
    # The jaw is fitted to movement within a sentence alone: between sentences both move with the head's turn.
    jaw = fit_jaw(np.concatenate(speaking))
    return MouthModel(head, fit_pca(mouths), jaw, rest_mouth(mouths, _levels(pieces, fps)))


def rest_mouth(keypoints: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Returns the mouth in silence: the median over the more closed half of the silent frames.

    Args:
        keypoints: of all footage, (T, 20, 2) canonical.
        levels: loudness of each frame, (T,), as :func:`loudness` measures it.

    Returns:
        Keypoints (20, 2) float32.
    """
    silent = levels <= SILENT_BELOW * levels.min()
    opening = mouth_opening(keypoints)
    candidates = keypoints[silent]
    return np.median(candidates[opening[silent] <= np.median(opening[silent])], axis=0).astype(np.float32)


def open_threshold(recorded: Sequence[Example]) -> float:
    """Returns the opening, canonical, that lips have at least in a vowel of prose, from the ``recorded`` examples."""
    openings = np.concatenate([mouth_opening(utterance.keypoints) for utterance in recorded])
    return float(OPEN_FROM * np.percentile(openings, 75))


class ExampleSource:
    """Batches of training examples: utterances and pauses joined, cut to one length, with noise on the features.

    Joining trains the transition between sentences. Pauses are digital silence, which no recording has, noise or music,
    and their target is the mouth at rest.

    Args:
        examples: examples by kind.
        rest: the mouth at rest, (20, 2).
        silence: stacked features of silence, (S,).
        delay: look-ahead in frames.
        length: frames of one example.
        options: shares of the kinds, noise, batch size and seed.
    """

    def __init__(
        self,
        examples: TrainingExamples,
        rest: np.ndarray,
        silence: np.ndarray,
        delay: int,
        length: int,
        options: KeypointOptions,
    ) -> None:
        augmented = options.augmented if examples.augmented else 0.0
        synthetic = options.synthetic if examples.synthetic else 0.0
        prose = options.prose if examples.prose else 0.0
        self._kinds = (examples.recorded, examples.augmented, examples.synthetic, examples.prose)
        self._shares = (1.0 - augmented - synthetic - prose, augmented, synthetic, prose)
        self._noises = examples.noises
        self._rest = rest
        self._silence = silence
        self._delay = delay
        self._length = length
        self._options = options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns inputs (B, L + delay, S), keypoints (B, L, 20, 2), float32, and lips (B, L) int8, for ``step``."""
        random = np.random.default_rng((self._options.seed, step))
        examples = [self._example(random) for _ in range(self._options.batch_size)]
        return (
            np.stack([example.inputs for example in examples]),
            np.stack([example.keypoints for example in examples]),
            np.stack([example.lips for example in examples]),
        )

    def _example(self, random: np.random.Generator) -> Example:
        input_length = self._length + self._delay
        inputs: list[np.ndarray] = []
        keypoints: list[np.ndarray] = []
        lips: list[np.ndarray] = []
        while sum(map(len, inputs)) < input_length + self._length:
            utterances = self._kinds[int(random.choice(len(self._kinds), p=self._shares))]
            utterance = utterances[int(random.integers(len(utterances)))]
            inputs.append(utterance.inputs[: len(utterance.keypoints)])
            keypoints.append(utterance.keypoints)
            lips.append(utterance.lips)
            if random.random() < 0.5:
                pause = self._pause(int(random.integers(1, self._length // 3)), random)
                inputs.append(pause)
                keypoints.append(np.repeat(self._rest[None], len(pause), axis=0))
                lips.append(np.full(len(pause), Lips.TRACKED, np.int8))
        joined = np.concatenate(inputs).astype(np.float32)
        start = int(random.integers(len(joined) - input_length + 1))
        noisy = joined[start : start + input_length]
        noisy += random.normal(0.0, self._options.noise, noisy.shape).astype(np.float32)
        part = slice(start, start + self._length)
        return Example(noisy, np.concatenate(keypoints)[part].astype(np.float32), np.concatenate(lips)[part])

    def _pause(self, length: int, random: np.random.Generator) -> np.ndarray:
        """Returns stacked features (T, S) of silence, noise or music; T is at most ``length``."""
        if not self._noises or random.random() < 0.5:
            return np.repeat(self._silence[None], length, axis=0)
        noise = self._noises[int(random.integers(len(self._noises)))]
        length = min(length, len(noise))
        start = int(random.integers(len(noise) - length + 1))
        return noise[start : start + length]


class KeypointLearner(LstmLearner):
    """Trains a predictor; see :class:`obamanet.training.loop.runner.Learner`.

    Args:
        config: sizes of the network.
        options: weights of the losses, and the optimiser's options.
        mouth: PCA of the mouth.
        open_from: opening from which on lips are open in a vowel of prose, canonical; see :func:`open_threshold`.
        val: validation examples.
    """

    def __init__(
        self,
        config: PredictorConfig,
        options: KeypointOptions,
        mouth: MouthModel,
        open_from: float,
        val: Sequence[Example],
    ) -> None:
        import tensorflow as tf

        super().__init__(config, options)
        self._options, self._mouth, self._open, self._val = options, mouth, open_from, val
        self._decode = tf.constant(mouth.pca.components * mouth.pca.spread[:, None])
        self._mean = tf.constant(mouth.pca.mean)
        weights = np.ones(20, dtype=np.float32)
        weights[INNER_LIPS] = INNER_LIP_WEIGHT
        self._point_weights = tf.constant(weights / weights.mean())

    def start_from(self, start: TrainedPredictor) -> None:
        """Loads the weights of ``start``, with the output layer changed from its PCA to this person's.

        Outputs c move the mouth by c D, where D is components times spread; the same movement in this person's PCA is
        c D D'+, with the pseudo-inverse of its D'. Raises :class:`DatasetError` for weights that cannot be read.
        """
        from obamanet.networks.keypoint_lstm import build_predictor

        source = build_predictor(start.config)
        load_weights(source, start.weights)
        *body, kernel, bias = source.get_weights()
        decode = start.mouth.pca.components * start.mouth.pca.spread[:, None]
        change = decode @ np.linalg.pinv(self._mouth.pca.components * self._mouth.pca.spread[:, None])
        for network in (self._network, self._ema):
            network.set_weights([*body, kernel @ change, bias @ change])

    def validate(self) -> dict[str, float]:
        """Returns the metrics over the validation utterances.

        "score" is the mean keypoint error in thousandths of a canonical unit; "opening_correlation" and
        "opening_amplitude" are correlation and ratio of standard deviations of the mouth opening, against the recorded.
        """
        predicted = [self._predict(utterance.inputs) for utterance in self._val]
        distance = np.mean(
            [np.linalg.norm(p - u.keypoints, axis=-1).mean() for p, u in zip(predicted, self._val, strict=True)]
        )
        opening = np.concatenate([mouth_opening(p) for p in predicted])
        recorded = np.concatenate([mouth_opening(u.keypoints) for u in self._val])
        correlation = float(np.corrcoef(opening, recorded)[0, 1]) if opening.std() > 0 else 0.0
        return {
            "score": float(1000 * distance),
            "opening_correlation": correlation,
            "opening_amplitude": float(opening.std() / recorded.std()),
        }

    def sample(self, folder: Path, step: int) -> None:
        """Plots the mouth opening of the first validation utterance, predicted and recorded."""
        shown = self._val[0]
        draw_openings(shown.keypoints, self._predict(shown.inputs), folder, step)

    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        return self._mouth.pca.decode(self.predict(inputs))

    def losses(self, *batch: Any) -> Losses:
        """Returns the losses on inputs (B, L + delay, S), keypoints (B, L, 20, 2) and lips (B, L)."""
        import tensorflow as tf

        inputs, keypoints, lips = batch
        options = self._options
        count, length = keypoints.shape[0], keypoints.shape[1]
        flat = tf.tensordot(self.forward(inputs), self._decode, 1) + self._mean
        predicted = tf.reshape(flat, (count, length, 20, 2))
        known, shut, opened = (tf.cast(lips == kind, tf.float32) for kind in (Lips.TRACKED, Lips.SHUT, Lips.OPEN))
        moves = predicted[:, 1:] - predicted[:, :-1] - keypoints[:, 1:] + keypoints[:, :-1]
        gap = _opening(predicted)
        reported = {
            "position": _mean(self._distance(predicted - keypoints), known),
            "velocity": _mean(self._distance(moves), known[:, 1:] * known[:, :-1]),
            "opening": _mean(tf.abs(gap - _opening(keypoints)), known),
            "width": _mean(tf.abs(_width(predicted) - _width(keypoints)), known),
            # Lips that meet are not pressed through each other, and a vowel may be as open as it likes.
            "lips": tf.reduce_mean(shut * tf.abs(gap) + opened * tf.nn.relu(self._open - gap)),
        }
        total = (
            reported["position"]
            + options.velocity_weight * reported["velocity"]
            + options.opening_weight * reported["opening"]
            + options.width_weight * reported["width"]
            + options.lips_weight * reported["lips"]
        )
        return Losses(total, reported)

    def _distance(self, difference: Any) -> Any:
        """Returns the weighted mean Euclidean distances (B, T) of (B, T, 20, 2), smooth at zero, in canonical units."""
        import tensorflow as tf

        distances = tf.sqrt(tf.reduce_sum(difference**2, axis=-1) + 1e-6)
        return tf.reduce_mean(self._point_weights * distances, axis=-1)


def _mean(values: Any, weights: Any) -> Any:
    """Returns the mean of ``values`` (B, T) over the frames with ``weights`` (B, T) of 1; 0 where there are none."""
    import tensorflow as tf

    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))


def _opening(keypoints: Any) -> Any:
    import tensorflow as tf

    top = tf.gather(keypoints, list(INNER_TOP), axis=2)[..., 1]
    bottom = tf.gather(keypoints, list(INNER_BOTTOM), axis=2)[..., 1]
    return tf.reduce_mean(bottom - top, axis=-1)


def _width(keypoints: Any) -> Any:
    return keypoints[:, :, RIGHT_CORNER, 0] - keypoints[:, :, LEFT_CORNER, 0]


def _spread_landmarks(pieces: Sequence[Piece]) -> np.ndarray:
    landmarks = np.concatenate([piece.landmarks for piece in pieces])
    return landmarks[:: max(1, len(landmarks) // TEMPLATE_FRAMES)]


def _levels(pieces: Sequence[Piece], fps: Fraction) -> np.ndarray:
    """Returns the loudness of each frame of the ``pieces``, (T,), as :func:`loudness` measures it."""
    clips = {piece.clip.folder.name: piece.clip for piece in pieces}
    levels = {name: loudness(clip, fps) for name, clip in clips.items()}
    return np.concatenate([levels[piece.clip.folder.name][piece.start : piece.stop] for piece in pieces])
