"""The forms of a face swap and what each trains on, as tables of data: loss weights, and stages of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Final

from obamanet.networks.config import SwapConfig


class Form(StrEnum):
    """The two forms."""

    ORIGINAL = "original"
    """Two autoencoders that share their encoder, trained on the absolute difference."""

    GAN = "gan"
    """The same with self-attention, a painted mask and discriminators."""


class Adversary(StrEnum):
    """How the discriminators are trained; both with least squares (Mao et al. 2017, LSGAN)."""

    MIXUP = "mixup"
    """On mixtures of real and painted, to tell the share (Zhang et al. 2018, mixup)."""

    RELATIVISTIC = "relativistic"
    """To tell how much more real than the painted ones the real ones are (Jolicoeur-Martineau 2019)."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses; the total is their sum, each times its weight; a loss with weight 0 is not computed.

    Attributes:
        l1: mean absolute difference of picture and target.
        edge: that of their differences between neighbouring pixels.
        eyes: that inside the eyes' mask.
        mouth: that inside the mouth's mask.
        perceptual: that of a network's features.
        adversarial: of the discriminators.
        cycle: mean absolute difference after a swap there and back.
        mask_l1: mean of the painted mask, which keeps it small.
        mask_hinge: how far the mask stays below 1, which keeps it from vanishing.
        mask_tv: total variation of the mask, which keeps its edges short.
    """

    l1: float = 1.0
    edge: float = 0.0
    eyes: float = 0.0
    mouth: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    cycle: float = 0.0
    mask_l1: float = 0.0
    mask_hinge: float = 0.0
    mask_tv: float = 0.0

    @property
    def active(self) -> frozenset[str]:
        """Names of the losses whose weight is not 0."""
        return frozenset(name for name, weight in asdict(self).items() if weight)

    def __or__(self, changes: Mapping[str, float]) -> LossWeights:
        return replace(self, **changes)


@dataclass(frozen=True)
class Stage:
    """A part of the run.

    Attributes:
        start: share of the run's steps at which it begins.
        changes: weights that differ from the form's from here to the next stage.
        rate: factor of the learning rate.
    """

    start: float
    changes: Mapping[str, float] = field(default_factory=dict)
    rate: float = 1.0


WEIGHTS: Final[Mapping[Form, LossWeights]] = {
    Form.ORIGINAL: LossWeights(eyes=3.0, mouth=1.0),
    Form.GAN: LossWeights(
        edge=0.5, eyes=3.0, mouth=1.0, adversarial=0.05, mask_l1=0.005, mask_hinge=0.05, mask_tv=0.02
    ),
}
"""What each form is trained on; "perceptual" and "cycle" are added where they are asked for. Eyes are 3 % of the
picture and the mouth 5 %: where they weighed little, painted eyes never shut (benchmarks/RESULTS.md, "Face swap")."""

STAGES: Final[Mapping[Form, tuple[Stage, ...]]] = {
    Form.ORIGINAL: (Stage(0.0), Stage(0.6, rate=0.3), Stage(0.85, rate=0.1)),
    Form.GAN: (
        # First a likeness; then the adversary, which has something to judge by then. The mask opens before it tightens.
        Stage(0.0, {"adversarial": 0.0, "perceptual": 0.0, "cycle": 0.0, "mask_l1": 0.0, "mask_hinge": 0.2}),
        Stage(0.2, {"cycle": 0.0, "mask_hinge": 0.1}),
        Stage(0.5),
        Stage(0.6, rate=0.3),
        Stage(0.85, rate=0.1),
    ),
}
"""The stages of each form's run."""


def stage_of(stages: tuple[Stage, ...], step: int, steps: int) -> int:
    """Returns the number of the stage that ``step``, from 0, of ``steps`` belongs to."""
    return max(number for number, stage in enumerate(stages) if step >= stage.start * steps)


def config_of(form: Form, size: int, *, lite: bool) -> SwapConfig:
    """Returns the sizes of a ``form`` that paints ``size`` pixels; ``lite`` ones compute about a fifteenth."""
    gan = form is Form.GAN
    return SwapConfig(size, 32 if lite else 128, 256 if lite else 1024, self_attention=gan, mask=gan)
