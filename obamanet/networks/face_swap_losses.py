"""The losses of a face swap, in keras.ops; pictures (B, S, S, 3) and masks (B, S, S, 1) in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from obamanet.networks.unet import matching_loss

Judge = Callable[[Any], Any]
"""Pictures to a value for each patch: 1 for real, 0 for painted."""


def total_loss(losses: Mapping[str, Any], weights: Mapping[str, Any]) -> Any:
    """Returns the sum of ``losses`` by name, each times its weight of ``weights``."""
    return sum(weights[name] * loss for name, loss in losses.items())


def edge_loss(target: Any, painted: Any) -> Any:
    """Returns the mean absolute difference of neighbouring pixels' differences, down and across, of two pictures."""
    down = (target[:, 1:] - target[:, :-1]) - (painted[:, 1:] - painted[:, :-1])
    across = (target[:, :, 1:] - target[:, :, :-1]) - (painted[:, :, 1:] - painted[:, :, :-1])
    return ops.mean(ops.abs(down)) + ops.mean(ops.abs(across))


def masked_l1(target: Any, painted: Any, mask: Any) -> Any:
    """Returns the mean absolute difference inside ``mask``; 0 where it is empty."""
    return ops.sum(ops.abs(target - painted) * mask) / (3.0 * ops.sum(mask) + 1.0)


def mask_hinge(mask: Any) -> Any:
    """Returns the mean of how far ``mask`` stays below 1."""
    return ops.mean(ops.relu(1.0 - mask))


def total_variation(mask: Any) -> Any:
    """Returns the mean absolute difference of neighbouring values of ``mask``, down and across."""
    return ops.mean(ops.abs(mask[:, 1:] - mask[:, :-1])) + ops.mean(ops.abs(mask[:, :, 1:] - mask[:, :, :-1]))


def perceptual_loss(features: Callable[[Any], Sequence[Any]], target: Any, painted: Any) -> Any:
    """Returns the mean absolute difference of the ``features`` of two pictures, the mean over their layers."""
    return matching_loss(features(target), features(painted))


def mixup_discriminator_loss(judge: Judge, real: Any, painted: Any, share: Any) -> Any:
    """Returns the squared error of a judge that is to tell the ``share`` of real in a mixture.

    Args:
        judge: the discriminator.
        real: pictures.
        painted: pictures.
        share: of ``real`` in each mixture, shape (B, 1, 1, 1).
    """
    return ops.mean((judge(share * real + (1 - share) * painted) - share) ** 2)


def mixup_generator_loss(judge: Judge, painted: Any) -> Any:
    """Returns the squared distance of the judge's values of ``painted`` from those of real pictures."""
    return ops.mean((judge(painted) - 1.0) ** 2)


def relativistic_loss(judge: Judge, ahead: Any, behind: Any) -> Any:
    """Returns the relativistic average least-squares loss (Jolicoeur-Martineau 2019, section 4.2).

    Values of ``ahead`` should be 1 above the mean of those of ``behind``, and these 1 below theirs: for the
    discriminator real pictures are ahead, for the generator painted ones.
    """
    one, other = judge(ahead), judge(behind)
    return (ops.mean((one - ops.mean(other) - 1.0) ** 2) + ops.mean((other - ops.mean(one) + 1.0) ** 2)) / 2
