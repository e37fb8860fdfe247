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
from obamanet.constants import INNER_BOTTOM, INNER_LIPS, INNER_TOP, MOUTH
from obamanet.errors import DatasetError, OptionError
from obamanet.files import sha256_of
from obamanet.keypoints.head import Head, fit_head, place_head
from obamanet.keypoints.jaw import fit_jaw
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.pca import fit_pca
from obamanet.keypoints.placement import fit_template, to_canonical
from obamanet.networks.config import PredictorConfig
from obamanet.person import MOUTH_FILE, MouthModel, save_mouth
from obamanet.progress import Progress
from obamanet.sources import add_sources
from obamanet.speech.feature_extractor import FeatureExtractor, encoder_digest, feature_size
from obamanet.training.data.dataset import Dataset, Piece, Split
from obamanet.training.data.synthetic_voices import SyntheticVoices
from obamanet.training.loop.ema_learner import Losses, check_amounts, check_optimiser_options
from obamanet.training.loop.plots import draw_openings
from obamanet.training.loop.runner import EXPECTED, Limits, Schedule, TrainReport, claim_run, own_folder, run_training
from obamanet.training.loop.trained_networks import TrainedPredictor, load_weights
from obamanet.training.speech.lstm_learner import LstmLearner
from obamanet.training.speech.training_examples import (
    FEATURES_FILE,
    Example,
    ExampleMaker,
    TrainingExamples,
    loudness,
)

TEMPLATE_FRAMES = 2000
"""Frames, spread over the footage, from which the mean face is taken; more change it by less than 0.01 pixel."""

INNER_LIP_WEIGHT = 2.0
"""Loss weight of the inner lips against 1 for the outer: their gap is what a viewer reads."""

SILENT_BELOW = 0.6
"""Share of the silence vector's depth that the mean normalised feature must reach for a frame to count as silence."""


@dataclass(frozen=True)
class KeypointOptions:
    """How a predictor is trained.

    ``lookahead`` in seconds; ``units`` and ``layers`` of the LSTM; ``sequence`` in seconds of one training example.
    ``velocity_weight`` and ``opening_weight`` scale the losses on movement from frame to frame and on the lips' gap
    against the one on position. ``noise`` is the standard deviation of what is added to the features.

    Of the examples a share of ``augmented`` are recordings augmented by noise, rooms, lines and other larynxes, of
    which ``copies`` are made, and a share of ``synthetic`` are synthetic voices, where there are any.
    """

    steps: int = 900
    batch_size: int = 32
    learning_rate: float = 2e-3
    units: int = 128
    layers: int = 2
    lookahead: float = 0.2
    bidirectional: bool = False
    dropout: float = 0.3
    sequence: float = 4.0
    velocity_weight: float = 1.0
    opening_weight: float = 2.0
    noise: float = 0.2
    copies: int = 3
    augmented: float = 0.25
    synthetic: float = 0.35
    ema_decay: float = 0.99
    epoch_steps: int = 100
    features: str = SPEECH
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what is outside the allowed values."""
        check_optimiser_options(self)
        names = ("velocity_weight", "opening_weight", "noise", "augmented", "synthetic")
        check_amounts(**{name: getattr(self, name) for name in names})
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout is out of range: got {self.dropout}, allowed is 0 to below 1")
        if not 0 <= self.lookahead <= 2:
            raise OptionError(f"lookahead is out of range: got {self.lookahead} s, allowed is 0 to 2")
        if not 0 <= self.copies <= 20:
            raise OptionError(f"augmented copies are out of range: got {self.copies}, allowed is 0 to 20")
        if self.augmented + self.synthetic > 1:
            raise OptionError(
                f"shares of examples are out of range: got {self.augmented} augmented and {self.synthetic} synthetic, "
                "allowed are 0 to 1 in all"
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
    """Train the predictor on the split's training pieces into ``folder``, or go on with the run that is there.

    ``synthetic_voices`` are the training sentences in other voices. ``start`` is a predictor to begin with, of a
    person or of a run on other footage; its frame rate, look-ahead and PCA may be others, its layers must be those of
    ``options``: :func:`start_weights` sees to it. Raises :class:`DatasetError` when no clip has sound, and
    :class:`OptionError` when ``start`` is of another kind or ``folder`` holds another run; then nothing is written.
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
        claim_run(folder, claim, caches=(FEATURES_FILE,))
        length = f"{options.steps} steps of {options.batch_size} examples, after listening to the sounds"
        progress.note(f"{length}. {EXPECTED}")
        add_sources(folder, split.sources)
        save_mouth(mouth, folder / MOUTH_FILE)
        extractor = FeatureExtractor(features)
        maker = ExampleMaker(extractor, dataset.fps, delay, options.seed, progress)
        to_learn, to_choose = ([(piece, _mouth(piece, mouth.head)) for piece in side] for side in (train, val))
        examples = maker.make(to_learn, to_choose, options.copies, synthetic_voices, folder)
        silence = np.tile(extractor.silence, config.inputs // len(extractor.silence))
        source = ExampleSource(examples, mouth.rest, silence, delay, round(options.sequence * dataset.fps), options)
        learner = KeypointLearner(config, options, mouth, examples.val)
        if start:
            learner.start_from(start)
        schedule = Schedule(options.steps, options.epoch_steps, options.batch_size)
        return run_training(learner, source.batch, folder, schedule, limits=limits or Limits(), progress=progress)


def start_weights(start: TrainedPredictor, options: KeypointOptions) -> KeypointOptions:
    """Return ``options`` with the layers and the look-ahead, in seconds, of ``start``."""
    return replace(options, units=start.config.units, layers=start.config.layers, lookahead=start.lookahead)


def check_start(start: TrainedPredictor, config: PredictorConfig, features: FeatureOptions) -> None:
    """Raise :class:`OptionError` when a predictor of ``config``, which hears ``features``, cannot begin as ``start``.

    Frame rate and look-ahead do not matter, since no weight belongs to them: an LSTM's step is one video frame, so that
    at another rate it has to learn to keep what it heard for more steps or fewer. Nor does the PCA, see
    :meth:`KeypointLearner.start_from`.
    """
    theirs = start.config
    form = {True: "bidirectional", False: "with look-ahead"}
    faults = [
        f"{name} {told} there, {wanted} here"
        for name, told, wanted in (
            ("features", start.features.kind, features.kind),
            ("form", form[theirs.bidirectional], form[config.bidirectional]),
            ("LSTM layers", theirs.layers, config.layers),
            ("units", theirs.units, config.units),
        )
        if told != wanted
    ]
    if not faults and (start.features != features or theirs.inputs != config.inputs):
        faults.append("features of other sizes")
    if not faults and start.encoder != encoder_digest(features):
        faults.append("it learned through another speech encoder than this version's")
    if faults:
        raise OptionError(f"predictor to begin with is of another kind: {start.folder}: {'; '.join(faults)}")


def describe_training_data(pieces: int, options: KeypointOptions, synthetic_voices: SyntheticVoices | None) -> str:
    """Return in words what a predictor of ``options`` learns from, for the person's card."""
    told = [f"{pieces} pieces of the footage", f"{options.copies} augmented copies of each (obamanet.audio.augment)"]
    if synthetic_voices:
        told.append(f"synthetic voices ({synthetic_voices.made}; list {synthetic_voices.digest})")
    shares = f"examples: {options.augmented:.0%} augmented" + (
        f", {options.synthetic:.0%} synthetic" if synthetic_voices else ""
    )
    return f"{'; '.join(told)}; noise and music as rest; {shares}; seed {options.seed}"


def audible_pieces(dataset: Dataset, split: Split) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces with sound of both sides; raises :class:`DatasetError` when a side has none."""
    train, val = ([piece for piece in side if piece.clip.sound] for side in (split.train, split.val))
    for side, pieces in (("train", train), ("val", val)):
        if not pieces:
            raise DatasetError(
                f"{dataset.folder}: no clip with sound on the {side} side; keypoints are learned from sound"
            )
    return train, val


def fit_mouth(pieces: Sequence[Piece], fps: Fraction) -> MouthModel:
    """Return what is learned of the face from the training ``pieces``, before any network."""
    template = fit_template(_spread_landmarks(pieces))
    head = fit_head([_landmarks(piece) for piece in pieces], template)
    canonical = [_canonical(piece, head) for piece in pieces]
    middle = np.concatenate(canonical).mean(axis=0)
    speaking = [face + (middle - face.mean(axis=0)) for face in canonical]
    mouths = np.concatenate(canonical)[:, MOUTH]
    # The jaw is fitted to movement within a sentence alone: between sentences both move with the head's turn.
    jaw = fit_jaw(np.concatenate(speaking))
    return MouthModel(head, fit_pca(mouths), jaw, rest_mouth(mouths, _levels(pieces, fps)))


def rest_mouth(keypoints: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the mouth in silence, (20, 2): the median over the more closed half of the silent frames.

    ``keypoints`` (T, 20, 2) and ``levels`` (T,), how loud each frame is, of all footage.
    """
    silent = levels <= SILENT_BELOW * levels.min()
    opening = mouth_opening(keypoints)
    candidates = keypoints[silent]
    return np.median(candidates[opening[silent] <= np.median(opening[silent])], axis=0).astype(np.float32)


class ExampleSource:
    """Training examples: utterances joined by stretches without speech, cut to one length, with noise on the features.

    Joining teaches the predictor to go on from one sentence to the next, and that digital silence, which no recording
    has, noise and music mean the mouth at rest.
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
        self._kinds = (examples.recorded, examples.augmented, examples.synthetic)
        self._shares = (1.0 - augmented - synthetic, augmented, synthetic)
        self._noises = examples.noises
        self._rest = rest
        self._silence = silence
        self._delay = delay
        self._length = length
        self._options = options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs (B, L + delay, S) and keypoints (B, L, 20, 2), float32, for ``step``."""
        random = np.random.default_rng((self._options.seed, step))
        examples = [self._example(random) for _ in range(self._options.batch_size)]
        return np.stack([e.inputs for e in examples]), np.stack([e.keypoints for e in examples])

    def _example(self, random: np.random.Generator) -> Example:
        wanted = self._length + self._delay
        inputs: list[np.ndarray] = []
        keypoints: list[np.ndarray] = []
        while sum(map(len, inputs)) < wanted + self._length:
            utterances = self._kinds[int(random.choice(len(self._kinds), p=self._shares))]
            utterance = utterances[int(random.integers(len(utterances)))]
            inputs.append(utterance.inputs[: len(utterance.keypoints)])
            keypoints.append(utterance.keypoints)
            if random.random() < 0.5:
                pause = self._pause(int(random.integers(1, self._length // 3)), random)
                inputs.append(pause)
                keypoints.append(np.repeat(self._rest[None], len(pause), axis=0))
        joined = np.concatenate(inputs).astype(np.float32)
        start = int(random.integers(len(joined) - wanted + 1))
        heard = joined[start : start + wanted]
        heard += random.normal(0.0, self._options.noise, heard.shape).astype(np.float32)
        seen = np.concatenate(keypoints)[start : start + self._length]
        return Example(heard, seen.astype(np.float32))

    def _pause(self, length: int, random: np.random.Generator) -> np.ndarray:
        """Return up to ``length`` frames, (T, S), of silence or, every other time, of noise or music."""
        if not self._noises or random.random() < 0.5:
            return np.repeat(self._silence[None], length, axis=0)
        noise = self._noises[int(random.integers(len(self._noises)))]
        length = min(length, len(noise))
        start = int(random.integers(len(noise) - length + 1))
        return noise[start : start + length]


class KeypointLearner(LstmLearner):
    """Teaches a predictor; see :class:`obamanet.training.loop.runner.Learner`."""

    def __init__(
        self, config: PredictorConfig, options: KeypointOptions, mouth: MouthModel, val: Sequence[Example]
    ) -> None:
        import tensorflow as tf

        super().__init__(config, options)
        self._options, self._mouth, self._val = options, mouth, val
        self._decode = tf.constant(mouth.pca.components * mouth.pca.spread[:, None])
        self._mean = tf.constant(mouth.pca.mean)
        weights = np.ones(20, dtype=np.float32)
        weights[INNER_LIPS] = INNER_LIP_WEIGHT
        self._point_weights = tf.constant(weights / weights.mean())

    def start_from(self, start: TrainedPredictor) -> None:
        """Take over the predictor ``start``, whose canonical mouth is led into this one's PCA.

        Values c move the mouth by c D, D being components times spread: the same movement here is c D D'+, with the
        pseudo-inverse of this person's D'. Raises :class:`DatasetError` for weights that cannot be read.
        """

        from obamanet.networks.keypoint_lstm import build_predictor

        network = build_predictor(start.config)
        load_weights(network, start.weights)
        *body, kernel, bias = network.get_weights()
        moved = start.mouth.pca.components * start.mouth.pca.spread[:, None]
        lead = moved @ np.linalg.pinv(self._mouth.pca.components * self._mouth.pca.spread[:, None])
        for mine_now in (self._network, self._ema):
            mine_now.set_weights([*body, kernel @ lead, bias @ lead])

    def validate(self) -> dict[str, float]:
        """Return position error in thousandths of a unit, opening correlation and amplitude over the val utterances."""
        predicted = [self._predict(utterance.inputs) for utterance in self._val]
        distance = np.mean(
            [np.linalg.norm(p - u.keypoints, axis=-1).mean() for p, u in zip(predicted, self._val, strict=True)]
        )
        said = np.concatenate([mouth_opening(p) for p in predicted])
        true = np.concatenate([mouth_opening(u.keypoints) for u in self._val])
        correlation = float(np.corrcoef(said, true)[0, 1]) if said.std() > 0 else 0.0
        return {
            "score": float(1000 * distance),
            "opening_correlation": correlation,
            "opening_amplitude": float(said.std() / true.std()),
        }

    def sample(self, folder: Path, step: int) -> None:
        """Draw the first validation utterance's opening, predicted and recorded."""
        shown = self._val[0]
        draw_openings(shown.keypoints, self._predict(shown.inputs), folder, step)

    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        return self._mouth.pca.decode(self.said(inputs))

    def losses(self, *batch: Any) -> Losses:
        """Return the losses on inputs (B, L + delay, S) and keypoints (B, L, 20, 2)."""
        import tensorflow as tf

        inputs, keypoints = batch
        options = self._options
        count, length = keypoints.shape[0], keypoints.shape[1]
        flat = tf.tensordot(self.taught(inputs), self._decode, 1) + self._mean
        predicted = tf.reshape(flat, (count, length, 20, 2))
        told = {
            "position": self._distance(predicted - keypoints),
            "velocity": self._distance(predicted[:, 1:] - predicted[:, :-1] - keypoints[:, 1:] + keypoints[:, :-1]),
            "opening": tf.reduce_mean(tf.abs(_opening(predicted) - _opening(keypoints))),
        }
        total = told["position"] + options.velocity_weight * told["velocity"] + options.opening_weight * told["opening"]
        return Losses(total, told)

    def _distance(self, difference: Any) -> Any:
        """Return the weighted mean Euclidean distance of (B, T, 20, 2), smooth at zero, in canonical units."""
        import tensorflow as tf

        return tf.reduce_mean(self._point_weights * tf.sqrt(tf.reduce_sum(difference**2, axis=-1) + 1e-6))


def _opening(keypoints: Any) -> Any:
    import tensorflow as tf

    top = tf.gather(keypoints, list(INNER_TOP), axis=2)[..., 1]
    bottom = tf.gather(keypoints, list(INNER_BOTTOM), axis=2)[..., 1]
    return tf.reduce_mean(bottom - top, axis=-1)


def _spread_landmarks(pieces: Sequence[Piece]) -> np.ndarray:
    landmarks = np.concatenate([_landmarks(piece) for piece in pieces])
    return landmarks[:: max(1, len(landmarks) // TEMPLATE_FRAMES)]


def _landmarks(piece: Piece) -> np.ndarray:
    return piece.clip.landmarks[piece.start : piece.stop]


def _canonical(piece: Piece, head: Head) -> np.ndarray:
    return to_canonical(_landmarks(piece), place_head(_landmarks(piece), head)).astype(np.float32)


def _mouth(piece: Piece, head: Head) -> np.ndarray:
    return _canonical(piece, head)[:, MOUTH]


def _levels(pieces: Sequence[Piece], fps: Fraction) -> np.ndarray:
    """Return how loud each frame of the ``pieces`` is, (T,)."""
    clips = {piece.clip.folder.name: piece.clip for piece in pieces}
    known = {name: loudness(clip, fps) for name, clip in clips.items()}
    return np.concatenate([known[piece.clip.folder.name][piece.start : piece.stop] for piece in pieces])
