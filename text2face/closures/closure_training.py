"""Trains the closure detector: from the speech encoder's features to the times at which the lips are shut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions
from obamanet.bundle import write_network
from obamanet.errors import DatasetError, OptionError
from obamanet.files import DAMAGED, atomic_path, open_arrays
from obamanet.networks.config import PredictorConfig
from obamanet.progress import Progress
from obamanet.sources import add_sources
from obamanet.speech.closure_detector import CLOSURE_THRESHOLD, DETECTOR_KIND, likelihood_of, shut_spans
from obamanet.speech.feature_extractor import FeatureExtractor, encoder_digest, feature_size
from obamanet.training.data.dataset import Dataset, Split
from obamanet.training.loop.ema_learner import Losses, check_optimiser_options
from obamanet.training.loop.log import logged
from obamanet.training.loop.runner import (
    NOT_STATED,
    Limits,
    Schedule,
    TrainReport,
    check_not_blank,
    claim_folder,
    own_folder,
    run_training,
)
from obamanet.training.speech.lstm_learner import LstmLearner
from obamanet.types import Span
from text2face.closures.score import ClosureScore, score_closures
from text2face.closures.training_sounds import (
    NOISE,
    RECORDED,
    VOICED,
    Sound,
    augmented_sounds,
    prose_texts,
    recorded_sounds,
    recorded_texts,
    voiced_sounds,
)

RESULT: Final = "detector"
"""Folder, inside a run's, of the finished detector; it can replace obamanet/speech/detector."""

BABBLE_EVERY: Final = 8
"""One recording in so many is used to mix babble."""


@dataclass(frozen=True)
class ClosureOptions:
    """Options of the detector's training.

    Attributes:
        steps: steps of the whole training.
        batch_size: examples per step.
        learning_rate: Adam's at its peak.
        units: values per LSTM layer.
        layers: number of LSTM layers.
        lookahead: seconds of sound after a moment that its prediction uses.
        dropout: share of values dropped in training.
        prose_voices: synthetic voices per sentence of prose.
        recorded_voices: synthetic voices per recorded sentence.
        voiced: share of the examples that are synthetic voices.
        recorded: share of the examples that are recordings; the rest is noise.
        sequence: length of one example, 0.5 to 10 seconds.
        noise: standard deviation of the Gaussian noise added to the features.
        ema_decay: decay of the exponential moving average of the weights.
        epoch_steps: steps between two evaluations.
        seed: of everything random.

    Raises:
        OptionError: an option is out of range.
    """

    steps: int = 900
    batch_size: int = 64
    learning_rate: float = 2e-3
    units: int = 64
    layers: int = 2
    lookahead: float = 0.16
    dropout: float = 0.3
    prose_voices: int = 12
    recorded_voices: int = 4
    voiced: float = 0.7
    recorded: float = 0.2
    sequence: float = 2.0
    noise: float = 0.4
    ema_decay: float = 0.99
    epoch_steps: int = 100
    seed: int = 1

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_optimiser_options(self)
        if min(self.voiced, self.recorded) < 0 or self.voiced + self.recorded > 1:
            raise OptionError(
                f"shares of examples are out of range: got {self.voiced} voiced and {self.recorded} recorded, "
                "allowed are 0 to 1 in all"
            )
        if not 0.5 <= self.sequence <= 10:
            raise OptionError(f"sequence is out of range: got {self.sequence} s, allowed is 0.5 to 10")


@dataclass(frozen=True)
class EncodedSound:
    """Features of a sound.

    Attributes:
        kind: VOICED, RECORDED or NOISE.
        values: encoded features, (T, D) at 50 per second.
        closures: times at which the lips are shut, in seconds.
    """

    kind: str
    values: np.ndarray
    closures: tuple[Span, ...]


def train_closures(
    dataset: Dataset,
    split: Split,
    align: Path,
    language: str,
    folder: Path,
    options: ClosureOptions,
    *,
    licence: str = NOT_STATED,
    attribution: str = NOT_STATED,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains the closure detector, or resumes its training.

    The examples are prose and the recorded sentences spoken by synthetic voices, the recordings, and noise.

    Args:
        dataset: the recordings.
        split: pieces for training and for validation.
        align: word times of the recordings.
        language: of the recordings, a tag such as "en-gb".
        folder: the run's. RESULT inside it gets the best detector with its card.
        options: how to train.
        licence: of the recordings, for the card.
        attribution: of the recordings, for the card.
        limits: where this session stops.
        progress: gets the progress over sounds and the metrics of each evaluation.

    Raises:
        DatasetError: word times are missing, or files of the run are damaged.
        OptionError: licence or attribution is blank, or ``folder`` holds another run.
    """
    check_not_blank(licence=licence, attribution=attribution)
    progress = progress or Progress()
    features = FeatureOptions(kind=SPEECH)
    size, rate = feature_size(features)
    config = PredictorConfig(
        size, 1, options.units, options.layers, round(options.lookahead * rate), dropout=options.dropout
    )
    sections = {
        "network": asdict(config),
        "data": {"split": split.digest, "language": language, "encoder": encoder_digest(features)},
        "training": asdict(options),
    }
    with own_folder(folder, keep_prepared=True):
        claim_folder(folder, sections)
        add_sources(folder, split.sources)
        extractor = FeatureExtractor(features)
        sides = {}
        for side, pieces in (("train", split.train), ("val", split.val)):
            cache = folder / f"{side}.npz"
            if not cache.is_file():
                recorded = list(recorded_sounds(pieces, align, language, progress))
                validating = side == "val"
                texts = [
                    *prose_texts(options.prose_voices, validating=validating),
                    *recorded_texts(pieces, align, language, options.recorded_voices),
                ]
                voiced = voiced_sounds(texts, options.seed, validating=validating, progress=progress)
                sounds: Iterable[Sound] = (sound for kind in (recorded, voiced) for sound in kind)
                if side == "train":
                    others = [sound.samples for sound in recorded[::BABBLE_EVERY]]
                    sounds = augmented_sounds(sounds, others, options.seed)
                save_encoded([_encoded(sound, extractor) for sound in sounds], cache)
            sides[side] = load_encoded(cache)
        source = ClosureSource(sides["train"], float(rate), config.delay, options)
        learner = ClosureLearner(config, options, sides["val"], float(rate), extractor.silence)
        schedule = Schedule(options.steps, options.epoch_steps, options.batch_size)
        report = run_training(learner, source.batch, folder, schedule, limits=limits or Limits(), progress=progress)
        origin = (
            f"{report.best_step} steps of {options.batch_size} stretches of {options.sequence:g} s: prose in English "
            f"and Spanish in {options.prose_voices} ways of speaking of eSpeak NG and Flite, recorded sentences in "
            f"{options.recorded_voices}, and the recordings. {attribution}"
        )
        write_detector(report, config, encoder_digest(features), origin, licence)
        return report


def write_detector(
    report: TrainReport, config: PredictorConfig, encoder: str | None, origin: str, licence: str
) -> None:
    """Writes the best weights of a run, their ONNX file and, last, the card with their hashes into its folder RESULT.

    Args:
        report: of the run.
        config: sizes of the network.
        encoder: sha256 of the speech encoder.
        origin: description of the training, for the card.
        licence: for the card.
    """
    from obamanet.networks.keypoint_lstm import build_predictor

    network = build_predictor(config)
    network.load_weights(report.folder / "best.weights.h5")
    folder = report.folder / RESULT
    folder.mkdir(exist_ok=True)
    about = {
        "encoder": encoder,
        "origin": origin,
        "licence": licence,
        "validation": {
            name: round(float(value), 4)
            for name, value in logged(report.folder, report.best_step).items()
            if name.startswith(("step", "score", VOICED, RECORDED))
        },
    }
    write_network(network, DETECTOR_KIND, config, about, folder)


class ClosureSource:
    """Batches of training examples: sounds of one kind joined, cut to one length, with noise on the features.

    Args:
        sounds: the training sounds.
        rate: features per second.
        delay: look-ahead in features.
        options: shares of the kinds, length, noise, batch size and seed.
    """

    def __init__(self, sounds: Sequence[EncodedSound], rate: float, delay: int, options: ClosureOptions) -> None:
        self._pools = [[sound for sound in sounds if sound.kind == kind] for kind in (VOICED, RECORDED, NOISE)]
        shares = np.array([options.voiced, options.recorded, 1 - options.voiced - options.recorded])
        shares *= [bool(pool) for pool in self._pools]
        self._shares = shares / shares.sum()
        self._rate, self._delay, self._options = rate, delay, options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns features (B, L + delay, D) and targets (B, L), 1 where the lips are shut, float32, for ``step``."""
        random = np.random.default_rng((self._options.seed, step))
        rows = [self._row(random) for _ in range(self._options.batch_size)]
        features, shut = (np.stack(column) for column in zip(*rows, strict=True))
        return features, shut

    def _row(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pool = self._pools[int(random.choice(len(self._pools), p=self._shares))]
        length = round(self._options.sequence * self._rate)
        input_length = length + self._delay
        parts: list[EncodedSound] = []
        while sum(len(part.values) for part in parts) < 2 * input_length:
            parts.append(pool[int(random.integers(len(pool)))])
        values = np.concatenate([part.values for part in parts])
        shut = np.concatenate([shut_steps(part, self._rate) for part in parts])
        start = int(random.integers(len(values) - input_length + 1))
        features = values[start : start + input_length].astype(np.float32)
        features += random.normal(0.0, self._options.noise, features.shape).astype(np.float32)
        return features, shut[start : start + length].astype(np.float32)


class ClosureLearner(LstmLearner):
    """Trains the detector; see :class:`obamanet.training.loop.runner.Learner`.

    Args:
        config: sizes of the network.
        options: the optimiser's options.
        val: validation sounds.
        rate: features per second.
        silence: features of silence (D,), for the look-ahead at the end of a sound.
    """

    def __init__(
        self,
        config: PredictorConfig,
        options: ClosureOptions,
        val: Sequence[EncodedSound],
        rate: float,
        silence: np.ndarray,
    ) -> None:
        super().__init__(config, options, weight_decay=1e-2, warm_up=50)
        self._val, self._rate = val, rate
        self._silence = np.repeat(silence[None], config.delay, axis=0)

    def validate(self) -> dict[str, float]:
        """Returns per kind the share of missed closures, the false ones per true one, and F1.

        "score" is the mean over the kinds of the sum of the first two.
        """
        metrics: dict[str, float] = {}
        kinds = [kind for kind in (VOICED, RECORDED) if any(sound.kind == kind for sound in self._val)]
        errors = 0.0
        for kind in kinds:
            counted = sum((self._count(sound) for sound in self._val if sound.kind == kind), ClosureScore())
            missed, false = 1 - counted.found_share, counted.false / max(counted.true, 1)
            metrics |= {f"{kind}_missed": missed, f"{kind}_false": false, f"{kind}_f1": counted.f1}
            errors += missed + false
        return {"score": errors / len(kinds), **metrics}

    def sample(self, folder: Path, step: int) -> None:
        """Plots predicted probabilities and true closures of four validation sounds."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        shown = self._val[:: max(1, len(self._val) // 4)][:4]
        figure = Figure(figsize=(8, 1.6 * len(shown)), layout="constrained")
        FigureCanvasAgg(figure)
        for row, sound in enumerate(shown, start=1):
            axes = figure.add_subplot(len(shown), 1, row)
            for span in sound.closures:
                axes.axvspan(span.start, span.end, color="tab:green", alpha=0.3)
            axes.plot(np.arange(len(sound.values)) / self._rate, self._likelihood(sound))
            axes.axhline(CLOSURE_THRESHOLD, color="grey", linewidth=0.5)
            axes.set(ylim=(0, 1), ylabel=sound.kind, title=f"step {step}" if row == 1 else "")
        axes.set(xlabel="s")
        with atomic_path(folder / f"step_{step:07d}.png") as part:
            figure.savefig(part, dpi=80)

    def losses(self, *batch: Any) -> Losses:
        """Returns the cross-entropy on features (B, L + delay, D) and targets (B, L)."""
        import tensorflow as tf

        features, shut = batch
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(shut, self.forward(features)[..., 0]))
        return Losses(loss, {"cross_entropy": loss})

    def _count(self, sound: EncodedSound) -> ClosureScore:
        return score_closures(shut_spans(self._likelihood(sound), self._rate), sound.closures)

    def _likelihood(self, sound: EncodedSound) -> np.ndarray:
        features = np.concatenate([sound.values, self._silence]).astype(np.float32)
        return likelihood_of(self.predict(features))


def shut_steps(sound: EncodedSound, rate: float) -> np.ndarray:
    """Returns whether the lips are shut at each step of ``sound``, (T,) bool: within half a step of a closure."""
    times = np.arange(len(sound.values)) / rate
    shut = np.zeros(len(times), bool)
    for span in sound.closures:
        shut |= (times >= span.start - 0.5 / rate) & (times <= span.end + 0.5 / rate)
    return shut


def save_encoded(sounds: Sequence[EncodedSound], path: Path) -> None:
    """Writes ``sounds`` as an ``.npz`` of plain arrays; encoding them takes minutes."""
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(
            file,
            kinds=np.array([sound.kind for sound in sounds]),
            lengths=np.array([len(sound.values) for sound in sounds]),
            values=np.concatenate([sound.values for sound in sounds]),
            counts=np.array([len(sound.closures) for sound in sounds]),
            closures=np.array([(span.start, span.end) for sound in sounds for span in sound.closures]).reshape(-1, 2),
        )


def load_encoded(path: Path) -> list[EncodedSound]:
    """Reads the sounds written by :func:`save_encoded`; raises :class:`DatasetError` for a damaged file."""
    try:
        with open_arrays(path) as arrays:
            values = np.split(arrays["values"], np.cumsum(arrays["lengths"])[:-1])
            closures = np.split(arrays["closures"], np.cumsum(arrays["counts"])[:-1])
            rows = zip(arrays["kinds"], values, closures, strict=True)
            return [EncodedSound(str(k), v, tuple(Span(float(a), float(b)) for a, b in c)) for k, v, c in rows]
    except DAMAGED as error:
        raise DatasetError(f"sounds of the run are damaged: {path}: {error!r}; use another folder") from None


def _encoded(sound: Sound, extractor: FeatureExtractor) -> EncodedSound:
    return EncodedSound(sound.kind, extractor.extract(sound.samples).values.astype(np.float16), sound.closures)
