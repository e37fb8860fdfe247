"""Prints how well one predictor works on different sound features, and so which ones work for any voice.

    python benchmarks/features.py DATASET SYNTHETIC_VOICES --align ALIGN --split ../shared/data/grid_s1/split.json

DATASET is what ``obamanet prepare`` made of the recordings, VOICES what ``obamanet synthetic-voices`` made of it; the
validation sentences in validation voices are made in VOICES/held if they are not there. The features of all sounds are
cached in --work.

The predictor is the same for every row, and so are its training examples: the training side's recordings, augmented
copies of them, and the synthetic voices; "own" rows have the recordings alone. Every candidate's values are brought to
mean 0 and deviation 1 over the training side's recordings. Columns are opening correlations over the validation side:
its recordings, its sentences in eSpeak NG's and in Flite's validation voices, and its recordings with babble 10 dB
below, over the telephone, and as MP3 of 64 kbit/s. Amplitude is the standard deviation of the predicted opening over
that of the recorded one; noise is the movement of the mouth in noise and music, with other random numbers than in the
training, relative to that in speech. Values are the inputs per video frame; cost is the processor time of the features
relative to real time, on one thread and without the predictor.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from obamanet.audio.augment.chain import BABBLE, make_noise, random_kind
from obamanet.audio.augment.line import mp3, telephone
from obamanet.audio.augment.noise import add_noise, babble
from obamanet.audio.features import (
    CEPSTRUM_COUNT,
    FFT_LENGTH,
    FILTER_COUNT,
    LOGFBANK,
    MFCC,
    PRE_EMPHASIS,
    SPEECH,
    FeatureOptions,
)
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import normalise_utterance
from obamanet.audio.stack import stacked_size
from obamanet.constants import FEATURE_RATE, FEATURE_WINDOW, SAMPLE_RATE
from obamanet.evaluation.metrics import amplitude_ratio, correlation
from obamanet.keypoints.opening import mouth_opening
from obamanet.networks.config import PredictorConfig
from obamanet.networks.keypoint_lstm import build_predictor, run_predictor
from obamanet.person import MouthModel
from obamanet.progress import ConsoleProgress, Progress
from obamanet.speech.feature_extractor import FeatureExtractor
from obamanet.timing import frames_to_cover
from obamanet.training.data.dataset import Piece, load_dataset, split_dataset
from obamanet.training.data.synthetic_voices import load_sound_of, load_synthetic_voices, transfer_keypoints
from obamanet.training.loop.runner import claim_folder
from obamanet.training.speech.canonical_pieces import canonical_mouth
from obamanet.training.speech.keypoint_training import (
    ExampleSource,
    KeypointLearner,
    KeypointOptions,
    audible_pieces,
    fit_mouth,
    open_threshold,
)
from obamanet.training.speech.training_examples import NOISE_SECONDS, ExampleMaker, TrainingExamples
from obamanet.types import FeatureSequence
from text2face.voice_augmentation import HELD_FOR_CHOOSING, SyntheticVoiceOptions, make_synthetic_voices

WINDOW = int(FEATURE_WINDOW * SAMPLE_RATE)
"""Samples of one feature frame."""

STEP = int(SAMPLE_RATE / FEATURE_RATE)
"""Samples from one feature frame to the next."""

WARPS = np.arange(0.84, 1.21, 0.04)
"""Frequency warps: vocal tracts from 16 % longer to 20 % shorter than the trained voice's, as of men, women, children.
"""

WARPED_UP_TO = 0.8
"""Share of half the sample rate up to which the warp is linear; above it returns to the same end (HTK, 5.4.2)."""

MIXTURES = 32
"""Number of Gaussians in the model of the trained voice."""

PCEN_BANDS = 40
"""Mel bands of the per-channel energy normalisation (Wang et al. 2017)."""

MIN_DEVIATION = 1e-3
"""Added to standard deviations, so that constant values stay finite."""

COLUMNS = {
    "own": "own voice",
    "espeak": "eSpeak",
    "flite": "Flite",
    "babble": "babble",
    "telephone": "telephone",
    "mp3": "MP3",
}
"""Names of the columns, by measured case."""

BABBLE_DB = 10.0
"""Level of speech above the babble, in dB."""

MP3_KBIT = 64
"""Bit rate of the MP3, in kbit/s."""

OTHER_SOUNDS = 24
"""Number of recordings that babble is mixed of."""

NOISE_COUNT = 32
"""Number of sounds of noise and music, in which the mouth should rest."""

COST_SECONDS = 10
"""Seconds of sound that the cost is measured on."""

REPEATS = 5
"""Number of measurements of the cost."""

Extract = Callable[[np.ndarray], FeatureSequence]
"""Returns the features of samples (N,)."""


def program_features(kind: str) -> Extract:
    """Returns the program's own extraction of features of ``kind``."""
    return FeatureExtractor(FeatureOptions(kind=kind)).extract


def cepstra_with_deltas() -> Extract:
    """Returns normalised MFCC with their first and second derivative over 5 frames each."""
    from python_speech_features import delta

    cepstra = program_features(MFCC)

    def extract(samples: np.ndarray) -> FeatureSequence:
        first = cepstra(samples)
        slope = delta(first.values, 2)
        values = np.hstack([first.values, slope, delta(slope, 2)]).astype(np.float32)
        return FeatureSequence(values, first.rate, first.duration)

    return extract


def channel_normalised(samples: np.ndarray) -> FeatureSequence:
    """Returns librosa's per-channel energy normalisation with its defaults, of PCEN_BANDS bands (Wang et al. 2017)."""
    import librosa

    count = 1 + max(0, -(-(len(samples) - WINDOW) // STEP))
    filled = np.pad(samples, (0, max(0, (count - 1) * STEP + WINDOW - len(samples))))
    bands = librosa.feature.melspectrogram(
        y=filled, sr=SAMPLE_RATE, n_fft=WINDOW, hop_length=STEP, n_mels=PCEN_BANDS, center=False, power=1
    )
    # librosa's defaults expect samples as 32-bit integers.
    values = librosa.pcen(bands * 2**31, sr=SAMPLE_RATE, hop_length=STEP)
    return FeatureSequence(values.T.astype(np.float32), FEATURE_RATE, Fraction(len(samples), SAMPLE_RATE))


class TractNormaliser:
    """Log filterbank with vocal tract length normalisation to the trained voice (Lee and Rose 1998).

    The warp is the one of maximum likelihood under a diagonal Gaussian mixture model of the trained voice's cepstra.
    """

    def __init__(self, sounds: Sequence[np.ndarray]) -> None:
        """Fits the model of the trained voice to its ``sounds`` (n,)."""
        from sklearn.mixture import GaussianMixture

        frames = np.concatenate([_spoken_cepstra(self._warped(_powers(sound), len(sound), 1.0)) for sound in sounds])
        self._voice = GaussianMixture(MIXTURES, covariance_type="diag", max_iter=30, random_state=1).fit(frames[::4])

    def __call__(self, samples: np.ndarray) -> FeatureSequence:
        """Returns the features under the most likely warp."""
        powers = _powers(samples)
        candidates = [self._warped(powers, len(samples), warp) for warp in WARPS]
        likelihoods = [self._likelihood(candidate) for candidate in candidates]
        return candidates[int(np.argmax(likelihoods))]

    def _likelihood(self, features: FeatureSequence) -> float:
        frames = _spoken_cepstra(features)
        return float(self._voice.score(frames)) if len(frames) else 0.0

    def _warped(self, powers: np.ndarray, length: int, warp: float) -> FeatureSequence:
        energies = np.log(np.maximum(powers @ _warped_filters(warp).T, np.finfo(float).eps)).astype(np.float32)
        return normalise_utterance(FeatureSequence(energies, FEATURE_RATE, Fraction(length, SAMPLE_RATE)), LOGFBANK)


def _powers(samples: np.ndarray) -> np.ndarray:
    """Returns the power spectra (F, 257) that python_speech_features computes the filterbank from."""
    from python_speech_features import sigproc

    emphasised = sigproc.preemphasis(samples.astype(np.float64), PRE_EMPHASIS)
    spectra: np.ndarray = sigproc.powspec(sigproc.framesig(emphasised, WINDOW, STEP), FFT_LENGTH)
    return spectra


@cache
def _warped_filters(warp: float) -> np.ndarray:
    """Returns the mel filters (26, 257) for a voice whose formants are ``warp`` times as high as the trained one's."""
    from python_speech_features import get_filterbanks

    filters = get_filterbanks(FILTER_COUNT, FFT_LENGTH, SAMPLE_RATE)
    lines = np.arange(filters.shape[1], dtype=np.float64)
    bend = WARPED_UP_TO * lines[-1] * min(1.0, warp)
    unwarped = np.interp(lines, [0.0, bend, lines[-1]], [0.0, bend / warp, lines[-1]])
    return np.stack([np.interp(unwarped, lines, each) for each in filters])


def _spoken_cepstra(features: FeatureSequence) -> np.ndarray:
    """Returns the cepstra (n, 12), without the first, of the frames louder than room noise."""
    from scipy.fft import dct

    spoken = features.values[features.values.mean(axis=1) > -1.0]
    return dct(spoken, norm="ortho", axis=1)[:, 1:CEPSTRUM_COUNT] if len(spoken) else np.zeros((0, CEPSTRUM_COUNT - 1))


class PhonePosteriors:
    """Posterior probabilities of 42 phones by the Gaussian mixtures of PocketSphinx's US English model.

    Huggins-Daines et al. 2006. There are three streams (cepstra, first and second derivative) of 128 Gaussians per
    phone; a phone's probability is the sum over its three context-independent states.
    """

    def __init__(self) -> None:
        import pocketsphinx

        folder = Path(pocketsphinx.get_model_path()) / "en-us" / "en-us"
        means, variances = (_read_gaussians(folder / name).astype(np.float64) for name in ("means", "variances"))
        self._phones, streams, _, self._size = means.shape
        precisions = 1.0 / np.maximum(variances, 1e-4)  # pocketsphinx's floor
        constants = -0.5 * (np.log(2 * np.pi / precisions) + means**2 * precisions).sum(axis=-1)
        # log N(x) = -x^2 p / 2 + x m p + constant, for all Gaussians of a stream at once
        self._squared = [(-0.5 * precisions[:, s]).reshape(-1, self._size).T.astype(np.float32) for s in range(streams)]
        self._linear = [(means * precisions)[:, s].reshape(-1, self._size).T.astype(np.float32) for s in range(streams)]
        self._constant = [constants[:, s].reshape(-1).astype(np.float32) for s in range(streams)]
        self._weights = _read_weights(folder / "sendump", streams, means.shape[2], self._phones)

    def __call__(self, samples: np.ndarray) -> FeatureSequence:
        """Returns posteriors (F, 42)."""
        cepstra = _sphinx_cepstra(samples)
        padded = np.pad(cepstra, ((3, 3), (0, 0)), mode="edge")
        frames = len(cepstra)

        def shifted(by: int) -> np.ndarray:
            return padded[3 + by : 3 + by + frames]

        derivatives = shifted(2) - shifted(-2), shifted(3) - shifted(-1) - shifted(1) + shifted(-3)
        score = np.zeros((frames, self._phones, 3), np.float32)
        for number, stream in enumerate((cepstra, *derivatives)):
            values = stream.astype(np.float32)
            logs = values**2 @ self._squared[number] + values @ self._linear[number] + self._constant[number]
            logs = logs.reshape(frames, self._phones, -1)
            largest = logs.max(axis=-1, keepdims=True)
            total = np.matmul(np.exp(logs - largest).swapaxes(0, 1), self._weights[number]).swapaxes(0, 1)
            score += largest + np.log(np.maximum(total, 1e-30))
        states = np.exp(score - score.max(axis=(1, 2), keepdims=True))
        phones = states.sum(axis=-1)
        phones /= phones.sum(axis=-1, keepdims=True)
        return FeatureSequence(phones, FEATURE_RATE, Fraction(len(samples), SAMPLE_RATE))


def _sphinx_cepstra(samples: np.ndarray) -> np.ndarray:
    """Returns cepstra (F, 13) by the model's ``feat.params``: 25 filters, 130 to 6800 Hz, lifter 22."""
    from python_speech_features import get_filterbanks, lifter, sigproc
    from scipy.fft import dct

    emphasised = sigproc.preemphasis(samples.astype(np.float64) * 32768, PRE_EMPHASIS)
    frames = sigproc.framesig(emphasised, WINDOW, STEP, winfunc=np.hamming)
    powers = np.abs(np.fft.rfft(frames, FFT_LENGTH)) ** 2
    energies = powers @ get_filterbanks(25, FFT_LENGTH, SAMPLE_RATE, 130, 6800).T
    cepstra = lifter(dct(np.log(np.maximum(energies, 1e-4)), norm="ortho", axis=1)[:, :CEPSTRUM_COUNT], 22)
    return cepstra - cepstra.mean(axis=0)


def _read_gaussians(path: Path) -> np.ndarray:
    """Returns the numbers (phones, streams, Gaussians, size) of one of Sphinx-3's parameter files."""
    content = path.read_bytes()
    start = content.index(b"endhdr\n") + len(b"endhdr\n") + 4  # the mark of the byte order
    phones, streams, gaussians = struct.unpack_from("<3i", content, start)
    sizes = struct.unpack_from(f"<{streams}i", content, start + 12)
    shape = (phones, streams, gaussians, sizes[0])
    return np.frombuffer(content, "<f4", int(np.prod(shape)), start + 12 + 4 * streams + 4).reshape(shape)


def _read_weights(path: Path, streams: int, gaussians: int, phones: int) -> list[np.ndarray]:
    """Returns per stream the mixture weights (phones, Gaussians, states) of the context-independent phones.

    The file has those of all states, the context-independent first, as negated logarithms to base 1.0001 over 1024.
    """
    content = path.read_bytes()
    states = len(content) // (streams * gaussians)
    stored = np.frombuffer(content, np.uint8)[-streams * gaussians * states :].reshape(streams, gaussians, states)
    logs = -stored[..., : 3 * phones].astype(np.float32) * 1024 * np.log(1.0001)
    weights = np.exp(logs).reshape(streams, gaussians, phones, 3)
    return [each.swapaxes(0, 1).astype(np.float32) for each in weights]


class CandidateExtractor:
    """A candidate with values of mean 0 and standard deviation 1; ``silence`` (D,) are its features of silence."""

    def __init__(self, extract: Extract, sounds: Sequence[np.ndarray]) -> None:
        """Computes mean and standard deviation over the ``sounds`` (n,)."""
        self._extract = extract
        values = np.concatenate([extract(sound).values for sound in sounds])
        self._mean, self._deviation = values.mean(axis=0), values.std(axis=0) + MIN_DEVIATION
        silence = self.extract(np.zeros(SAMPLE_RATE, np.float32))
        self.silence, self.rate = silence.values[len(silence.values) // 2], silence.rate

    def extract(self, samples: np.ndarray) -> FeatureSequence:
        """Returns the features of ``samples`` (N,)."""
        features = self._extract(samples)
        return replace(features, values=(features.values - self._mean) / self._deviation)

    def cost(self, sound: np.ndarray) -> float:
        """Returns processor time over the duration of ``sound`` (N,): the minimum of REPEATS measurements."""
        times = []
        for _ in range(REPEATS):
            start = time.process_time()
            self._extract(sound)
            times.append(time.process_time() - start)
        return min(times) * SAMPLE_RATE / len(sound)


@dataclass(frozen=True)
class Case:
    """One sound (N,) to measure, and its true keypoints (T, 20, 2), canonical."""

    sound: np.ndarray
    keypoints: np.ndarray


@dataclass(frozen=True)
class Material:
    """The data that all candidates are trained and measured on; ``cases`` by column, ``split`` is its digest."""

    split: str
    fps: Fraction
    train: list[tuple[Piece, np.ndarray]]
    val: list[tuple[Piece, np.ndarray]]
    mouth: MouthModel
    cases: dict[str, list[Case]]
    noises: list[np.ndarray]


def gather(arguments: argparse.Namespace, progress: Progress) -> Material:
    """Returns recordings, validation voices and augmented recordings; everything random is drawn from the seed."""
    dataset = load_dataset(arguments.dataset)
    split = split_dataset(dataset, split_file=arguments.split)
    train, val = audible_pieces(dataset, split)
    mouth = fit_mouth(train, dataset.fps)

    def with_mouths(pieces: Sequence[Piece]) -> list[tuple[Piece, np.ndarray]]:
        return [(piece, canonical_mouth(piece, mouth.head)) for piece in pieces]

    # A synthetic utterance's times are those of the whole clip.
    whole = [(p, points) for p, points in with_mouths(val) if (p.start, p.stop) == (0, len(p.clip.segment))]
    random = np.random.default_rng(arguments.seed)
    others = [sound_of(piece) for piece in train[:: max(1, len(train) // OTHER_SOUNDS)]]
    cases: dict[str, list[Case]] = {name: [] for name in COLUMNS}
    for piece, points in whole:
        sound = sound_of(piece)
        noise = babble(others, random, len(sound))
        cases["own"].append(Case(sound, points))
        cases["babble"].append(Case(add_noise(sound, noise, BABBLE_DB), points))
        cases["telephone"].append(Case(telephone(sound), points))
        cases["mp3"].append(Case(mp3(sound, MP3_KBIT), points))
    options = SyntheticVoiceOptions(named=HELD_FOR_CHOOSING)
    held = make_synthetic_voices(
        [p for p, _ in whole], arguments.align, arguments.synthetic_voices / "held", options, progress
    )
    mouths = {piece.clip.folder.name: points for piece, points in whole}
    for entry in held.entries:
        sound, times = load_sound_of(held, entry)
        count = frames_to_cover(Fraction(len(sound), SAMPLE_RATE), dataset.fps)
        points = transfer_keypoints(mouths[entry.clip], float(dataset.fps), times, count)
        cases["flite" if entry.voice.startswith("flite:") else "espeak"].append(Case(sound, points))
    length = NOISE_SECONDS * SAMPLE_RATE
    # The kinds of noise are those of the training, the noises are not.
    kinds = [kind for kind in (random_kind(random) for _ in range(NOISE_COUNT)) if kind != BABBLE]
    noises = [make_noise(kind, random, length) for kind in kinds]
    return Material(split.digest, dataset.fps, with_mouths(train), with_mouths(val), mouth, cases, noises)


def sound_of(piece: Piece) -> np.ndarray:
    """Returns the samples (N,) of the piece's clip."""
    return load_sound(piece.clip.sound or sys.exit(f"clip has no sound: {piece.clip.folder}")).samples


def measure(
    maker: ExampleMaker,
    extractor: CandidateExtractor,
    examples: TrainingExamples,
    material: Material,
    options: KeypointOptions,
    weights: Path,
) -> list[float]:
    """Trains a predictor; returns its opening correlations by column, its amplitude, and its motion in noise."""
    delay = round(options.lookahead * material.fps)
    config = PredictorConfig(
        inputs=stacked_size(len(extractor.silence), extractor.rate),
        outputs=material.mouth.pca.count,
        units=options.units,
        layers=options.layers,
        delay=delay,
        dropout=options.dropout,
    )
    silence = np.tile(extractor.silence, config.inputs // len(extractor.silence))
    length = round(options.sequence * material.fps)
    source = ExampleSource(examples, material.mouth.rest, silence, delay, length, options)
    learner = KeypointLearner(config, options, material.mouth, open_threshold(examples.recorded), examples.val)
    for step in range(options.steps):
        learner.step(source.batch(step), step)
    learner.save_weights(weights)
    network = build_predictor(config)
    network.load_weights(weights)
    states = [np.zeros((1, *shape), np.float32) for shape in config.state_shapes]

    def opening(sound: np.ndarray, frames: int) -> np.ndarray:
        inputs = maker.stacked(sound, frames).astype(np.float32)
        components = np.asarray(run_predictor(network, [inputs[None], *states], training=False)[0])[0, delay:]
        return mouth_opening(material.mouth.pca.decode(components))

    figures = []
    for cases in material.cases.values():
        predicted = [opening(case.sound, len(case.keypoints)) for case in cases]
        true = [mouth_opening(case.keypoints) for case in cases]
        figures.append(correlation(np.concatenate(predicted), np.concatenate(true)) if cases else float("nan"))
        if cases is material.cases["own"]:
            amplitude = amplitude_ratio(np.concatenate(predicted), np.concatenate(true))
            speaking = _motion(predicted)
    resting = _motion([opening(noise, round(NOISE_SECONDS * material.fps)) for noise in material.noises])
    return [*figures, amplitude, resting / speaking]


def _motion(openings: list[np.ndarray]) -> float:
    return float(np.mean([np.abs(np.diff(each)).mean() for each in openings]))


CANDIDATES: dict[str, Callable[[Sequence[np.ndarray]], Extract]] = {
    "log filterbank": lambda _: program_features(LOGFBANK),
    "MFCC, deltas": lambda _: cepstra_with_deltas(),
    "PCEN": lambda _: channel_normalised,
    "log filterbank, tract normalised": TractNormaliser,
    "phone posteriors": lambda _: PhonePosteriors(),
    "speech encoder": lambda _: program_features(SPEECH),
}
"""Builds each candidate from the sounds of the trained voice."""


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("synthetic_voices", type=Path)
    parser.add_argument("--align", type=Path, required=True, help="word times of the clips: CLIP.align")
    parser.add_argument("--split", type=Path, required=True, help='JSON with "train" and "val" lists of clip names')
    parser.add_argument("--work", type=Path, default=Path("features_work"), help="caches features; a few GB")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=list(CANDIDATES), action="append", help="measure these candidates alone")
    arguments = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    progress = ConsoleProgress()
    material = gather(arguments, progress)
    synthetic_voices = load_synthetic_voices(arguments.synthetic_voices)
    options = KeypointOptions(steps=arguments.steps, seed=arguments.seed)
    sounds = [sound_of(piece) for piece, _ in material.train]
    passage = np.concatenate(sounds)[: COST_SECONDS * SAMPLE_RATE]
    sys.stdout.write(f"| features | voices | {' | '.join(COLUMNS.values())} | amplitude | noise | values | cost |\n")
    sys.stdout.write(f"|---|---{'|---' * (len(COLUMNS) + 4)}|\n")
    for name in arguments.only or CANDIDATES:
        extractor = CandidateExtractor(CANDIDATES[name](sounds), sounds)
        delay = round(options.lookahead * material.fps)
        maker = ExampleMaker(extractor, material.fps, delay, options.seed, progress)
        folder = arguments.work / name.replace(", ", "_").replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        data = {"split": material.split, "synthetic-voices": synthetic_voices.digest, "seed": options.seed}
        claim_folder(folder, {"data": data})
        every = maker.make(material.train, material.val, options.copies, synthetic_voices, folder)
        values, cost = stacked_size(len(extractor.silence), extractor.rate), extractor.cost(passage)
        for voices, examples in (("many", every), ("own", replace(every, augmented=(), synthetic=()))):
            figures = measure(maker, extractor, examples, material, options, folder / f"{voices}.weights.h5")
            printed = " | ".join(f"{figure:.3f}" for figure in figures[: len(COLUMNS)])
            amplitude, noise = figures[len(COLUMNS) :]
            sys.stdout.write(
                f"| {name} | {voices} | {printed} | {amplitude:.2f} | {noise:.2f} | {values} | {100 * cost:.1f} % |\n"
            )
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
