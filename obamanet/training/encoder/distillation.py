"""Trains a speech encoder by distillation (Hinton et al. 2015).

The student starts as the teacher's first blocks, with local attention in place of positions. On augmented sound it is
trained to predict the teacher's output for the clean sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions
from obamanet.audio.normalise_features import FLOOR_DEPTH
from obamanet.bundle import write_network
from obamanet.constants import FEATURE_RATE
from obamanet.errors import DatasetError, OptionError
from obamanet.files import atomic_path, sha256_of
from obamanet.networks.config import EncoderConfig
from obamanet.networks.weights import save_weights
from obamanet.progress import Progress
from obamanet.speech.feature_extractor import ENCODER_KIND
from obamanet.training.encoder.distillation_set import (
    DistillationSet,
    TeacherStatistics,
    examples,
    measure_teacher,
    padded,
)
from obamanet.training.encoder.mixtures import find_sounds, read_sounds, sounds_digest
from obamanet.training.encoder.teacher import HEAD_SIZE, MIDDLE, Dense, Norm, Teacher, TeacherBlock, read_teacher
from obamanet.training.loop.ema_learner import cosine_rate
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
from obamanet.training.loop.training_options import TrainingOptions, check_counts

if TYPE_CHECKING:
    import keras

RESULT: Final = "encoder"
"""Folder, inside a run's, of the finished encoder; it can replace obamanet/speech/encoder."""

INPUT_OFFSET: Final = 1.2
"""Teacher's features minus this program's, in the teacher's units: the former are relative to the root mean square of
the whole sound, the latter to the mean level of its speech. Constant term of a linear fit, benchmarks/RESULTS.md."""

EDGE: Final = 12
"""Steps of 20 ms at either end of a mixture without loss: 0.24 s, the look-ahead of one block of the encoder."""

SETTLED: Final = 0.15
"""Share of the teacher's steps at either end that are left out of its mean bias by distance: 1.2 s of 8 s."""

SCALED_BY: Final = 100
"""Number of mixtures over which the finished encoder's outputs are scaled to mean 0 and standard deviation 1."""

WARM_UP: Final = 50
"""Steps over which the learning rate rises."""

PRECISIONS: Final = ("mixed_bfloat16", "float32")
"""Keras policies of numerical precision that the training can use."""


@dataclass(frozen=True)
class EncoderOptions(TrainingOptions):
    """Options of a speech encoder's training.

    Attributes:
        mixtures: mixtures for training.
        validating: mixtures for validation.
        outputs: values per step of 20 ms.
        blocks: number of the teacher's blocks, from the first on, that the encoder starts as.
        before: steps before the current one that a block attends to.
        after: steps after it.
        precision: one of PRECISIONS; mixed_bfloat16 is quicker on processors that support it.

    Raises:
        OptionError: an option is out of range.
    """

    batch_size: int = 8
    learning_rate: float = 3e-4
    epoch_steps: int = 50
    mixtures: int = 1768
    validating: int = 32
    outputs: int = 96
    blocks: int = 2
    before: int = 25
    after: int = 12
    precision: str = PRECISIONS[0]

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        check_counts(mixtures=self.mixtures, validating=self.validating, blocks=self.blocks)
        if self.precision not in PRECISIONS:
            raise OptionError(f"unknown precision: got {self.precision!r}, allowed are {', '.join(PRECISIONS)}")


def train_encoder(
    folders: Sequence[Path],
    teacher_file: Path,
    run: Path,
    options: EncoderOptions,
    *,
    licence: str = NOT_STATED,
    attribution: str = NOT_STATED,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a speech encoder, or resumes its training.

    Args:
        folders: sound files. All folders are drawn from equally often, one that is named twice, twice as often.
        teacher_file: ONNX file with the teacher.
        run: the run's folder. Mixtures and the teacher's outputs on them are cached there, about 0.4 MB each. RESULT
            inside it gets the best encoder so far, with its card.
        options: how to train.
        licence: of teacher and sounds, for the card.
        attribution: of teacher and sounds, for the card.
        limits: where this session stops.
        progress: gets the progress over mixtures and the metrics of each evaluation.

    Raises:
        DatasetError: sounds or teacher cannot be used, or files of the run are damaged.
        OptionError: licence or attribution is blank, or ``run`` holds another run.
    """
    check_not_blank(licence=licence, attribution=attribution)
    progress = progress or Progress()
    teacher = read_teacher(teacher_file, options.blocks)
    config = encoder_config(teacher, options)
    files = find_sounds(folders)
    sections = {
        "network": asdict(config),
        "teacher": {"sha256": sha256_of(teacher_file)},
        "data": {"sounds": sounds_digest(folders, files), "files": sum(map(len, files))},
        "training": asdict(options),
    }
    with own_folder(run, keep_prepared=True):
        claim_folder(run, sections)
        sounds = read_sounds(files, run / "sounds.pcm", progress)
        dataset = DistillationSet(run / "mixtures", teacher, sounds, options.mixtures, options.validating, options.seed)
        dataset.make(progress)
        statistics = measure_teacher(dataset, teacher, config.outputs, run / "statistics.npz", progress)
        learner = EncoderLearner(teacher, config, statistics, dataset, options)
        schedule = Schedule(options.steps, options.epoch_steps, options.batch_size)
        source = MixtureSource(dataset, statistics, options)
        report = run_training(learner, source.batch, run, schedule, limits=limits or Limits(), progress=progress)
        origin = (
            f"The first {options.blocks} blocks of the encoder in {teacher_file.name} (sha256 "
            f"{sections['teacher']['sha256']}), given local attention and taught by distillation to hear through "
            f"noise, rooms, telephones and other voices: {report.best_step} steps of {options.batch_size} mixtures of "
            f"{float(teacher.frames / FEATURE_RATE):g} s. {attribution}"
        )
        write_encoder(run, dataset, config, origin, licence, {"step": report.best_step, "score": report.best_score})
        return report


def encoder_config(teacher: Teacher, options: EncoderOptions) -> EncoderConfig:
    """Returns the sizes of the encoder that starts as ``teacher``.

    Raises :class:`DatasetError` for a teacher of the wrong sizes, :class:`OptionError` for too many outputs.
    """
    config = EncoderConfig(
        bands=teacher.conv1.kernel.shape[1],
        outputs=options.outputs,
        width=teacher.positions.shape[1],
        heads=teacher.positions.shape[1] // HEAD_SIZE,
        hidden=teacher.blocks[0].wide.kernel.shape[1],
        blocks=options.blocks,
        before=options.before,
        after=options.after,
    )
    bands, needed = FeatureOptions(kind=SPEECH).count, config.before + config.after + 2 * EDGE
    if config.bands != bands:
        raise DatasetError(f"teacher must take {bands} mel bands: got {config.bands}")
    if teacher.steps <= needed:
        raise DatasetError(f"teacher must take more than {needed} steps of 20 ms at once: got {teacher.steps}")
    if config.outputs > config.width:
        raise OptionError(f"outputs must be at most the teacher's width {config.width}: got {config.outputs}")
    return config


class MixtureSource:
    """Batches of training examples: random mixtures, padded, and the target outputs for them."""

    def __init__(self, dataset: DistillationSet, statistics: TeacherStatistics, options: EncoderOptions) -> None:
        self._dataset, self._statistics, self._options = dataset, statistics, options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns features (B, F + 4, bands) and target outputs (B, P, outputs), float32, for ``step``."""
        random = np.random.default_rng((self._options.seed, 3, step))
        return examples(
            self._dataset, self._statistics, random.integers(len(self._dataset.train), size=self._options.batch_size)
        )


def start_from_teacher(
    network: keras.Model, teacher: Teacher, config: EncoderConfig, statistics: TeacherStatistics
) -> None:
    """Loads the teacher's weights into ``network``.

    The teacher's mean attention by distance becomes the bias of local attention, its mean position an offset, and the
    projection of ``statistics`` the output layer.
    """

    def set_layer(name: str, layer: Dense | Norm) -> None:
        weights = [layer.scale, layer.bias] if isinstance(layer, Norm) else [layer.kernel, layer.bias]
        network.get_layer(name).set_weights(weights)

    # One unit here is FLOOR_DEPTH natural logarithms, there MIDDLE powers of ten.
    kernel, scale = teacher.conv1.kernel, FLOOR_DEPTH / np.log(10) / MIDDLE
    set_layer("conv1", Dense(kernel * scale, teacher.conv1.bias + INPUT_OFFSET * kernel.sum(axis=(0, 1))))
    set_layer("conv2", teacher.conv2)
    network.get_layer("offset").set_weights([teacher.positions.mean(axis=0)])
    for number, block in enumerate(teacher.blocks):
        set_layer(f"attention_norm{number}", block.attention_norm)
        attention = network.get_layer(f"attention{number}")
        for part, layer in ((attention.query, block.query), (attention.value, block.value), (attention.out, block.out)):
            part.set_weights([layer.kernel, layer.bias])
        attention.key.set_weights([block.key.kernel])
        attention.distance.assign(distance_bias(block, statistics.inputs[number], config))
        set_layer(f"dense_norm{number}", block.dense_norm)
        set_layer(f"wide{number}", block.wide)
        set_layer(f"narrow{number}", block.narrow)
    set_layer("outputs", Dense(statistics.projection, -statistics.centre.mean(axis=0) @ statistics.projection))


def distance_bias(block: TeacherBlock, inputs: np.ndarray, config: EncoderConfig) -> np.ndarray:
    """Returns the teacher's mean attention score by distance.

    Args:
        block: block of the teacher.
        inputs: its mean inputs (P, W), which differ by position only.
        config: the distances, from -before to after.

    Returns:
        (heads, before + after + 1) float32, with mean 0 per head, as the softmax ignores a constant.
    """
    scores, steps = block.scores(inputs), len(inputs)
    edge = max(config.before, config.after, int(SETTLED * steps))
    places = np.arange(edge, steps - edge)
    ahead = range(-config.before, config.after + 1)
    bias = np.stack([scores[:, places, places + distance].mean(axis=1) for distance in ahead], axis=1)
    return (bias - bias.mean(axis=1, keepdims=True)).astype(np.float32)


class EncoderLearner:
    """Trains the encoder; see :class:`obamanet.training.loop.runner.Learner`."""

    def __init__(
        self,
        teacher: Teacher,
        config: EncoderConfig,
        statistics: TeacherStatistics,
        dataset: DistillationSet,
        options: EncoderOptions,
    ) -> None:
        import keras
        import tensorflow as tf

        from obamanet.networks.speech_encoder import build_encoder

        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self._statistics, self._dataset, self._options = statistics, dataset, options
        with _precision(options.precision):
            self._network = build_encoder(config)
        start_from_teacher(self._network, teacher, config, statistics)
        self._optimizer = keras.optimizers.Adam(options.learning_rate, global_clipnorm=1.0)
        self._optimizer.build(self._network.trainable_variables)
        self._traced = tf.function(self._step, autograph=False)
        self._run = tf.function(
            lambda features: tf.cast(self._network(features, training=False), tf.float32), autograph=False
        )

    def variables(self) -> list[keras.Variable]:
        """Returns network and optimizer."""
        return [*self._network.variables, *self._optimizer.variables]

    def step(self, batch: tuple[np.ndarray, np.ndarray], number: int) -> dict[str, float]:
        """Does step ``number``, from 0, on features (B, F + 4, bands) and targets (B, P, outputs); returns the loss."""
        import tensorflow as tf

        options = self._options
        rate = cosine_rate(options.learning_rate, number, options.steps, WARM_UP)
        loss = self._traced(tf.constant(batch[0]), tf.constant(batch[1]), tf.constant(rate, tf.float32))
        return {"loss": float(loss)}

    def validate(self) -> dict[str, float]:
        """Returns "score": the squared error over the validation mixtures, divided by the sum of squared targets."""
        error = power = 0.0
        for number in self._dataset.val:
            features, targets = examples(self._dataset, self._statistics, [number])
            outputs = np.asarray(self._run(features))
            error += float(np.square((outputs - targets)[:, EDGE:-EDGE]).sum())
            power += float(np.square(targets[:, EDGE:-EDGE]).sum())
        return {"score": error / power}

    def save_weights(self, path: Path) -> None:
        """Writes the encoder's weights."""
        save_weights(self._network, path)

    def sample(self, folder: Path, step: int) -> None:
        """Draws target and output for the first validation mixture."""
        from matplotlib.figure import Figure

        features, targets = examples(self._dataset, self._statistics, [self._dataset.val[0]])
        figure = Figure(figsize=(8, 4), layout="constrained")
        outputs = np.asarray(self._run(features))
        for row, (title, values) in enumerate((("target", targets), ("output", outputs)), start=1):
            axes = figure.add_subplot(2, 1, row)
            axes.imshow(values[0].T, vmin=-2, vmax=2, cmap="coolwarm", aspect="auto", interpolation="nearest")
            axes.set(ylabel=title, title=f"step {step}" if row == 1 else "")
        axes.set(xlabel="step of 20 ms")
        with atomic_path(folder / f"step_{step:07d}.png") as part:
            figure.savefig(part, dpi=80)

    def _step(self, features: Any, targets: Any, rate: Any) -> Any:
        import tensorflow as tf

        self._optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            outputs = tf.cast(self._network(features, training=True), tf.float32)
            loss = tf.reduce_mean(tf.square(outputs - targets)[:, EDGE:-EDGE])
        variables = self._network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss


def write_encoder(
    run: Path,
    dataset: DistillationSet,
    config: EncoderConfig,
    origin: str,
    licence: str,
    validation: dict[str, float],
) -> None:
    """Writes the best network of ``run`` as a bundle into the run's folder :data:`RESULT`.

    The last layer is scaled so that outputs have mean 0 and standard deviation 1 over the first mixtures.

    Args:
        run: the run's folder.
        dataset: the mixtures.
        config: sizes of the encoder.
        origin: description of how it was made, for the card.
        licence: for the card.
        validation: metrics for the card.
    """
    from obamanet.networks.speech_encoder import build_encoder

    network = build_encoder(config)
    network.load_weights(run / "best.weights.h5")
    outputs = np.concatenate(
        [np.asarray(network(padded(dataset.student_input(n))[None]))[0, EDGE:-EDGE] for n in dataset.train[:SCALED_BY]]
    )
    mean, deviation = outputs.mean(axis=0), outputs.std(axis=0) + 1e-3
    kernel, bias = network.get_layer("outputs").get_weights()
    network.get_layer("outputs").set_weights([kernel / deviation, (bias - mean) / deviation])
    folder = run / RESULT
    folder.mkdir(exist_ok=True)
    about = {"origin": origin, "licence": licence, "validation": validation}
    write_network(network, ENCODER_KIND, config, about, folder)


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Sets Keras's precision ``policy`` for layers that are made within the context."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
