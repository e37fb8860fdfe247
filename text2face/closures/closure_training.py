"""Trains the detector of shut lips: from what the speech encoder hears to when the lips meet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions
from obamanet.bundle import write_network
from obamanet.errors import DatasetError, OptionError
from obamanet.files import atomic_path, open_arrays
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
"""Folder, in a run's, of the finished detector; it may take the place of obamanet/speech/detector."""

BABBLE_EVERY: Final = 8
"""Every eighth recording is among the voices of which babble is made."""


@dataclass(frozen=True)
class ClosureOptions:
    """How the detector is trained.

    ``prose_voices`` say each sentence of prose and ``recorded_voices`` each recorded one; ``voiced`` and ``recorded``
    are shares of the examples, the rest is noise. ``units`` and ``layers`` of the LSTM, which hears ``lookahead``
    seconds ahead; ``sequence`` in seconds of one example; ``noise`` is the standard deviation of what is added to the
    features.
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
        """Refuse what is outside the allowed values."""
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
    """A sound of one ``kind`` as it is heard: ``values`` (T, D) at 50 per second, and when the lips are shut in it."""

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
    """Train the detector into ``folder``, or go on with the run that is there.

    It learns from prose and the recorded sentences by synthetic voices, and from the split's recordings in
    ``language``, whose words are in ``align``. ``folder`` / :data:`RESULT` then holds the best detector with its card,
    which carries ``licence`` and ``attribution`` of the recordings. Raises :class:`DatasetError` when words are missing
    and :class:`OptionError` when ``folder`` holds another run.
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
            kept = folder / f"{side}.npz"
            if not kept.is_file():
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
                save_encoded([_heard(sound, extractor) for sound in sounds], kept)
            sides[side] = load_encoded(kept)
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
    """Writes the best network of the run ``report`` tells of as a bundle into the run's folder :data:`RESULT`."""
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
    """Training examples: sounds of one kind joined, cut to one length, with noise on the features."""

    def __init__(self, sounds: Sequence[EncodedSound], rate: float, delay: int, options: ClosureOptions) -> None:
        self._pools = [[sound for sound in sounds if sound.kind == kind] for kind in (VOICED, RECORDED, NOISE)]
        shares = np.array([options.voiced, options.recorded, 1 - options.voiced - options.recorded])
        shares *= [bool(pool) for pool in self._pools]
        self._shares = shares / shares.sum()
        self._rate, self._delay, self._options = rate, delay, options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return features (B, L + delay, D) and whether the lips are shut, (B, L), float32, for ``step``."""
        random = np.random.default_rng((self._options.seed, step))
        rows = [self._row(random) for _ in range(self._options.batch_size)]
        heard, shut = (np.stack(column) for column in zip(*rows, strict=True))
        return heard, shut

    def _row(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pool = self._pools[int(random.choice(len(self._pools), p=self._shares))]
        length = round(self._options.sequence * self._rate)
        wanted = length + self._delay
        parts: list[EncodedSound] = []
        while sum(len(part.values) for part in parts) < 2 * wanted:
            parts.append(pool[int(random.integers(len(pool)))])
        values = np.concatenate([part.values for part in parts])
        shut = np.concatenate([shut_steps(part, self._rate) for part in parts])
        start = int(random.integers(len(values) - wanted + 1))
        heard = values[start : start + wanted].astype(np.float32)
        heard += random.normal(0.0, self._options.noise, heard.shape).astype(np.float32)
        return heard, shut[start : start + length].astype(np.float32)


class ClosureLearner(LstmLearner):
    """Teaches the detector; see :class:`obamanet.training.loop.runner.Learner`."""

    def __init__(
        self,
        config: PredictorConfig,
        options: ClosureOptions,
        val: Sequence[EncodedSound],
        rate: float,
        quiet: np.ndarray,
    ) -> None:
        super().__init__(config, options, weight_decay=1e-2, warm_up=50)
        self._val, self._rate = val, rate
        self._quiet = np.repeat(quiet[None], config.delay, axis=0)

    def validate(self) -> dict[str, float]:
        """Return per kind the share of closures that are ``missed``, the ``false`` ones per true one, and ``f1``.

        The score is the mean over the kinds of missed and false ones together.
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
        """Draw how likely the lips are shut in the first validation sounds, and when they are."""
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
        """Return the cross-entropy on features (B, L + delay, D) and whether the lips are shut, (B, L)."""
        import tensorflow as tf

        heard, shut = batch
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(shut, self.forward(heard)[..., 0]))
        return Losses(loss, {"cross_entropy": loss})

    def _count(self, sound: EncodedSound) -> ClosureScore:
        return score_closures(shut_spans(self._likelihood(sound), self._rate), sound.closures)

    def _likelihood(self, sound: EncodedSound) -> np.ndarray:
        heard = np.concatenate([sound.values, self._quiet]).astype(np.float32)
        return likelihood_of(self.predict(heard))


def shut_steps(sound: EncodedSound, rate: float) -> np.ndarray:
    """Return at which steps (T,) of ``sound`` the lips are shut: those that look at half a step around a closure."""
    times = np.arange(len(sound.values)) / rate
    shut = np.zeros(len(times), bool)
    for span in sound.closures:
        shut |= (times >= span.start - 0.5 / rate) & (times <= span.end + 0.5 / rate)
    return shut


def save_encoded(sounds: Sequence[EncodedSound], path: Path) -> None:
    """Write ``sounds`` as an ``.npz`` of plain arrays: hearing them takes minutes."""
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
    """Read what :func:`save_encoded` wrote; raises :class:`DatasetError` when it is not that."""
    try:
        with open_arrays(path) as arrays:
            values = np.split(arrays["values"], np.cumsum(arrays["lengths"])[:-1])
            closures = np.split(arrays["closures"], np.cumsum(arrays["counts"])[:-1])
            rows = zip(arrays["kinds"], values, closures, strict=True)
            return [EncodedSound(str(k), v, tuple(Span(float(a), float(b)) for a, b in c)) for k, v, c in rows]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"sounds of the run are damaged: {path}: {error!r}; use another folder") from None


def _heard(sound: Sound, extractor: FeatureExtractor) -> EncodedSound:
    return EncodedSound(sound.kind, extractor.extract(sound.samples).values.astype(np.float16), sound.closures)
