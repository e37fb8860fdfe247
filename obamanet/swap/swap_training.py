"""Trains a face swap: two sides, one encoder, a decoder each; resumes exactly where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.errors import OptionError, OutputError
from obamanet.files import made_folder
from obamanet.networks.config import SwapConfig
from obamanet.networks.weights import save_weights
from obamanet.progress import Progress
from obamanet.render.picture_quality import laplacian_sharpness, ssim
from obamanet.sources import add_sources, read_sources
from obamanet.swap.face_set import MIN_FACES, FaceBatch, FaceSet
from obamanet.swap.perceptual import load_features
from obamanet.swap.stages import STAGES, WEIGHTS, Adversary, Form, LossWeights, Stage, stage_of
from obamanet.swap.swap_model import Consent, SwapModel, write_swap
from obamanet.swap.two_persons import check_two_persons
from obamanet.training.loop.log import LOG_FILE, logged
from obamanet.training.loop.plots import save_picture
from obamanet.training.loop.runner import (
    OPTIONS_FILE,
    STATE_FILE,
    Limits,
    Schedule,
    TrainReport,
    claim_run,
    own_folder,
    run_training,
)
from obamanet.training.loop.trained_networks import load_weights
from obamanet.training.loop.training_options import EmaOptions, check_amounts

if TYPE_CHECKING:
    import keras

VALIDATION_FACES: Final = 24
"""Faces a side that are validated on at most, spread over those held out."""

PREVIEW_FACES: Final = 4
"""Faces a side in a preview."""

BACKUP: Final = "backup"
"""Folder, inside a model's, of the run as it was before the last session."""

PREVIEW: Final = "preview.png"
"""The newest preview in a model's folder."""

ADVERSARY_COST: Final = 2.0
"""Duration of a step with discriminators, relative to one without."""


@dataclass(frozen=True)
class SwapOptions(EmaOptions):
    """How a face swap is trained.

    Attributes:
        form: original or gan.
        steps: steps of the whole training; stages begin at shares of them.
        batch_size: faces a side and step.
        learning_rate: Adam's.
        ema_decay: decay of the exponential moving average of the weights; 0 for none.
        epoch_steps: steps between two evaluations.
        seed: of everything random.
        flip: whether every second face is mirrored.
        adversary: how discriminators are trained.
        discriminator_width: filters of their first layer.
        perceptual: network of the perceptual loss; None for no such loss.
        perceptual_weight: its weight.
        cycle_weight: weight of the cycle loss; 0 for none.
        eyes_weight: weight of the eyes; None for the form's own.
        snapshot_steps: every how many steps the weights are kept; None for never.
        min_faces: faces that each side must have.

    Raises:
        OptionError: a value is out of range.
    """

    steps: int = 18_000
    batch_size: int = 16
    learning_rate: float = 5e-4
    epoch_steps: int = 250
    ema_decay: float = 0.995
    form: Form = Form.ORIGINAL
    flip: bool = True
    adversary: Adversary = Adversary.MIXUP
    discriminator_width: int = 32
    perceptual: str | None = None
    perceptual_weight: float = 0.1
    cycle_weight: float = 0.0
    eyes_weight: float | None = None
    snapshot_steps: int | None = None
    min_faces: int = MIN_FACES

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_amounts(
            perceptual_weight=self.perceptual_weight, cycle_weight=self.cycle_weight, eyes=self.eyes_weight or 0.0
        )
        if self.snapshot_steps is not None and self.snapshot_steps < 1:
            raise OptionError(f"snapshot steps must be at least 1: got {self.snapshot_steps}")
        if not 4 <= self.discriminator_width <= 256:
            raise OptionError(f"discriminator width must be from 4 to 256: got {self.discriminator_width}")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the run."""
        return STAGES[self.form]

    def weights(self, stage: int) -> LossWeights:
        """Returns the loss weights in stage number ``stage``; a stage can turn off what was asked for."""
        asked = {
            "perceptual": self.perceptual_weight if self.perceptual else 0.0,
            "cycle": self.cycle_weight,
            **({} if self.eyes_weight is None else {"eyes": self.eyes_weight}),
        }
        return WEIGHTS[self.form] | asked | self.stages[stage].changes

    @property
    def adversary_from(self) -> float:
        """Step from which on there is an adversary; the number of steps where there never is."""
        starts = [stage.start for n, stage in enumerate(self.stages) if self.weights(n).adversarial]
        return starts[0] * self.steps if starts else float(self.steps)


def train_swap(
    a: Path,
    b: Path,
    folder: Path,
    config: SwapConfig,
    options: SwapOptions,
    consent: Consent,
    *,
    two_persons: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a face swap, or goes on with one, and writes its bundle.

    Args:
        a: folder of the faces of side A.
        b: folder of the faces of side B.
        folder: the model's; the run's files are in it too.
        config: sizes of the networks.
        options: how.
        consent: of both.
        two_persons: whether they are taken for two without a look at their faces, which a new training begins with.
        limits: where this session stops.
        progress: gets the figures of each evaluation and the remaining time.

    Raises:
        ObamanetError: a folder has too few faces or lacks masks, the folder holds another run, files are damaged, or
            the perceptual network is missing.
    """
    progress = progress or Progress()
    need_eyes = any("eyes" in options.weights(stage).active for stage in range(len(options.stages)))
    sets = [FaceSet(side, config.image_size, options.min_faces, need_eyes=need_eyes) for side in (a, b)]
    if a.resolve() == b.resolve():
        raise OptionError(f"A and B are the same folder: {a}; a swap needs two persons")
    if not two_persons and not (folder / STATE_FILE).is_file():
        check_two_persons(a, b, progress)
    claim = {
        "network": asdict(config),
        "training": {name: value for name, value in asdict(options).items() if name != "snapshot_steps"},
        "sides": {"a": consent.a, "b": consent.b, "faces_a": len(sets[0].pictures), "faces_b": len(sets[1].pictures)},
    }
    snapshots = options.snapshot_steps or options.steps + 1
    # Previews among the pictures of a folder of faces would be trained on as faces.
    if folder.is_dir() and any(folder.iterdir()) and not (folder / OPTIONS_FILE).is_file():
        raise OutputError(f"model's folder holds something else: {folder}; name another one, such as -m model")
    with own_folder(folder):
        claim_run(folder, claim, hint=", such as -m with another name")
        back_up(folder)
        add_sources(folder, read_sources(a) | read_sources(b))
        progress.note(
            f"{len(sets[0].train)} faces of {consent.a} and {len(sets[1].train)} of {consent.b} to learn from"
        )
        if options.perceptual:
            progress.note(f"the perceptual loss compares features of {options.perceptual}")
        report = run_training(
            SwapLearner(config, options, (sets[0], sets[1])),
            partial(draw_faces, sets[0], sets[1], options),
            folder,
            Schedule(options.steps, options.epoch_steps, options.batch_size, options.adversary_from, ADVERSARY_COST),
            keep_steps=frozenset(range(snapshots, options.steps + 1, snapshots)),
            limits=limits or Limits(),
            progress=progress,
        )
        progress.note("writing the model")
        model = SwapModel(folder, config, options.form, consent, report.best_step)
        faces = {"a": len(sets[0].pictures), "b": len(sets[1].pictures)}
        write_swap(_trained(config, folder), model, logged(folder, report.best_step), {"faces": faces})
    return report


def draw_faces(a: FaceSet, b: FaceSet, options: SwapOptions, step: int) -> tuple[FaceBatch, FaceBatch]:
    """Returns the faces of ``step``, from 0, of both sides; they depend on the seed and the step alone."""
    random = np.random.default_rng((options.seed, step))
    return tuple(side.draw(options.batch_size, random, flip=options.flip) for side in (a, b))  # type: ignore[return-value]


def back_up(folder: Path) -> None:
    """Copies the run in ``folder`` as it stands to its folder :data:`BACKUP`; nothing where no step was saved yet."""
    if not (folder / STATE_FILE).is_file():
        return
    fresh = folder / f".{BACKUP}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    with made_folder(fresh):
        for name in (OPTIONS_FILE, LOG_FILE, "best.weights.h5", "last.weights.h5", STATE_FILE):
            if (folder / name).is_file():
                shutil.copy2(folder / name, fresh / name)
    shutil.rmtree(folder / BACKUP, ignore_errors=True)
    fresh.replace(folder / BACKUP)


class SwapLearner:
    """Encoder, decoders, their average (EMA), discriminators and optimizers; a ``Learner`` of the loop."""

    def __init__(self, config: SwapConfig, options: SwapOptions, sets: tuple[FaceSet, FaceSet]) -> None:
        import keras
        import tensorflow as tf

        from obamanet.networks.face_swap import build_swap, build_swap_discriminator

        # Without it sums depend on the order of threads, and a resumed run differs from an uninterrupted one.
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self.config, self.options, self._sets = config, options, sets
        self.network, self.ema = build_swap(config), build_swap(config)
        self.ema.set_weights(self.network.get_weights())
        self.discriminators = [
            build_swap_discriminator(config, options.discriminator_width)
            for _ in sets
            if options.adversary_from < options.steps
        ]
        self._features = load_features(options.perceptual) if options.perceptual else None
        self._optimizer, self._judges_optimizer = (
            keras.optimizers.Adam(options.learning_rate, beta_1=0.5) for _ in range(2)
        )
        self._optimizer.build(self.network.trainable_variables)
        self._judges_optimizer.build(self._judged)
        self._traced: dict[frozenset[str], Callable[..., Any]] = {}
        self._paint = tf.function(self._swapped, autograph=False)

    @property
    def _judged(self) -> list[keras.Variable]:
        return [variable for judge in self.discriminators for variable in judge.trainable_variables]

    def step(self, batch: tuple[FaceBatch, FaceBatch], number: int) -> dict[str, float]:
        """Does step ``number``, from 0, on the faces of both sides, and returns the losses by name."""
        import tensorflow as tf

        options = self.options
        stage = stage_of(options.stages, number, options.steps)
        weights = options.weights(stage)
        traced = self._traced.get(weights.active)
        if traced is None:
            traced = tf.function(partial(self._step, weights.active), autograph=False)
            self._traced[weights.active] = traced
        random = np.random.default_rng((options.seed, number, 1))
        losses = traced(
            [[_unit(part) for part in (side.given, side.target, side.eyes, side.mouth)] for side in batch],
            {name: tf.constant(value, tf.float32) for name, value in asdict(weights).items()},
            tf.constant(options.learning_rate * options.stages[stage].rate, tf.float32),
            tf.constant(min(options.ema_decay, (1 + number) / (10 + number)), tf.float32),
            tf.constant(random.beta(0.2, 0.2, (2, options.batch_size, 1, 1, 1)), tf.float32),
        )
        return {name: float(value) for name, value in losses.items()}

    def losses(self, faces: list[Any], side: int, active: frozenset[str]) -> tuple[dict[str, Any], Any]:
        """Returns the losses of one side by name, the adversary's left out, and what it painted.

        Args:
            faces: given and target (B, S, S, 3), eyes and mouth (B, S, S, 1), in [0, 1].
            side: 0 for A, 1 for B.
            active: losses to compute.
        """
        from keras import ops

        from obamanet.networks.face_swap import compose
        from obamanet.networks.face_swap_losses import (
            edge_loss,
            mask_hinge,
            masked_l1,
            perceptual_loss,
            total_variation,
        )
        from obamanet.networks.unet import l1_loss

        given, target, eyes, mouth = faces
        own, other = ("ab"[number] for number in (side, 1 - side))
        picture, *mask = self._painted(self.network, given, own, training=True)
        shown = compose(mask[0], picture, given) if mask else picture
        losses: dict[str, Any] = {"l1": (l1_loss(target, picture) + l1_loss(target, shown)) / 2}
        if "edge" in active:
            losses["edge"] = edge_loss(target, picture)
        if "eyes" in active:
            losses["eyes"] = masked_l1(target, picture, eyes)
        if "mouth" in active:
            losses["mouth"] = masked_l1(target, picture, mouth)
        if "perceptual" in active and self._features is not None:
            losses["perceptual"] = perceptual_loss(self._features, target, picture)
        if "cycle" in active:
            swapped = self._painted(self.network, given, other, training=True)[0]
            losses["cycle"] = l1_loss(target, self._painted(self.network, swapped, own, training=True)[0])
        if mask:
            of_mask = {"mask_l1": ops.mean, "mask_hinge": mask_hinge, "mask_tv": total_variation}
            losses |= {name: loss(mask[0]) for name, loss in of_mask.items() if name in active}
        return losses, shown

    def validate(self) -> dict[str, float]:
        """Returns the averaged network's figures on the faces held out.

        "score" is the mean absolute error of both sides' own pictures, in grey levels of 255; "ssim_a" and "ssim_b" are
        theirs; "sharpness" is the painted pictures' as a share of the recorded ones'.
        """
        errors, sharpness, figures = [], [], {}
        for side, faces in zip("ab", self._sets, strict=True):
            shown = np.stack([faces.face(index) for index in _spread(faces.val, VALIDATION_FACES)])
            painted = self.swap(shown, side)
            errors.append(float(np.abs(painted.astype(np.float32) - shown).mean()))
            pairs = list(zip(painted, shown, strict=True))
            figures[f"ssim_{side}"] = float(np.mean([ssim(one, other) for one, other in pairs]))
            sharpness.append(
                np.mean([laplacian_sharpness(one) for one in painted])
                / (np.mean([laplacian_sharpness(one) for one in shown]) + 1e-6)
            )
        return {"score": float(np.mean(errors)), **figures, "sharpness": float(np.mean(sharpness))}

    def swap(self, faces: np.ndarray, side: str) -> np.ndarray:
        """Returns what the averaged network paints of ``faces`` (n, S, S, 3) uint8 BGR as ``side``, "a" or "b"."""
        return np.asarray(self._paint(_unit(faces), side)).round().astype(np.uint8)

    def save_weights(self, path: Path) -> None:
        """Writes the averaged network's weights."""
        save_weights(self.ema, path)

    def sample(self, folder: Path, step: int) -> None:
        """Writes a preview: on the left faces of A, as A and as B painted them, on the right those of B, as B and A."""
        halves = []
        for side, other, faces in zip("ab", "ba", self._sets, strict=True):
            shown = np.stack([faces.face(index) for index in _spread(faces.val, PREVIEW_FACES)])
            columns = [shown, self.swap(shown, side), self.swap(shown, other)]
            halves.append(np.vstack([np.hstack(row) for row in zip(*columns, strict=True)]))
        height = min(len(half) for half in halves)
        preview = np.hstack([half[:height] for half in halves])
        save_picture(preview, folder / f"step_{step:07d}.png")
        save_picture(preview, folder.parent / PREVIEW)

    def variables(self) -> list[keras.Variable]:
        """Returns the networks, the average and both optimizers."""
        return [
            *self.network.variables,
            *self.ema.variables,
            *(variable for judge in self.discriminators for variable in judge.variables),
            *self._optimizer.variables,
            *self._judges_optimizer.variables,
        ]

    def _painted(self, network: Any, faces: Any, side: str, *, training: bool) -> list[Any]:
        from obamanet.networks.face_swap import paint

        codes = network.get_layer("swap_encoder")(faces, training=training)
        return paint(network.get_layer(f"decoder_{side}"), codes, training=training)

    def _swapped(self, faces: Any, side: str) -> Any:
        from obamanet.networks.face_swap import compose

        picture, *mask = self._painted(self.ema, faces, side, training=False)
        return 255.0 * (compose(mask[0], picture, faces) if mask else picture)

    def _step(
        self,
        active: frozenset[str],
        sides: list[list[Any]],
        weights: dict[str, Any],
        rate: Any,
        decay: Any,
        shares: Any,
    ) -> dict[str, Any]:
        import tensorflow as tf

        from obamanet.networks.face_swap_losses import total_loss

        reported: dict[str, Any] = {}
        self._optimizer.learning_rate.assign(rate)
        shown = []
        with tf.GradientTape() as tape:
            total = 0.0
            for side, faces in enumerate(sides):
                losses, painted = self.losses(faces, side, active)
                if "adversarial" in active:
                    losses["adversarial"] = self._generator_loss(side, faces, painted)
                shown.append(painted)
                total += total_loss(losses, weights)
                reported |= {f"{name}_{'ab'[side]}": loss for name, loss in losses.items()}
        variables = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(total, variables), variables)
        if "adversarial" in active:
            reported["judges"] = self._judges_step(sides, shown, rate, shares)
        for average, current in zip(self.ema.weights, self.network.weights, strict=True):
            average.assign(average + (1 - decay) * (current - average))
        return reported

    def _generator_loss(self, side: int, faces: list[Any], painted: Any) -> Any:
        from obamanet.networks.face_swap_losses import mixup_generator_loss, relativistic_loss

        judge = self._judge(side, faces[0])
        if self.options.adversary is Adversary.RELATIVISTIC:
            return relativistic_loss(judge, painted, faces[1])
        return mixup_generator_loss(judge, painted)

    def _judges_step(self, sides: list[list[Any]], shown: list[Any], rate: Any, shares: Any) -> Any:
        import tensorflow as tf

        from obamanet.networks.face_swap_losses import mixup_discriminator_loss, relativistic_loss

        self._judges_optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            total = 0.0
            for side, (faces, painted) in enumerate(zip(sides, shown, strict=True)):
                judge, kept = self._judge(side, faces[0]), tf.stop_gradient(painted)
                if self.options.adversary is Adversary.RELATIVISTIC:
                    total += relativistic_loss(judge, faces[1], kept)
                else:
                    total += mixup_discriminator_loss(judge, faces[1], kept, shares[side])
        self._judges_optimizer.apply(tape.gradient(total, self._judged), self._judged)
        return total / 2

    def _judge(self, side: int, given: Any) -> Callable[[Any], Any]:
        return lambda pictures: self.discriminators[side]([given, pictures], training=True)


def _trained(config: SwapConfig, folder: Path) -> keras.Model:
    from obamanet.networks.face_swap import build_swap

    network = build_swap(config)
    load_weights(network, folder / "best.weights.h5")
    return network


def _spread(indices: range, count: int) -> list[int]:
    """Returns at most ``count`` of ``indices``, evenly spread."""
    return sorted({indices[round(place)] for place in np.linspace(0, len(indices) - 1, min(count, len(indices)))})


def _unit(pictures: np.ndarray) -> Any:
    """Returns uint8 ``pictures`` as a tensor in [0, 1]."""
    import tensorflow as tf

    return tf.constant(pictures.astype(np.float32) / 255.0)
