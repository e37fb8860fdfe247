"""The network whose features the perceptual loss compares: one with learned weights on disk, never a random one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from obamanet.errors import OptionError

LAYERS: Final = 3
"""Layers whose features are compared: the last at each of the first sizes."""

OWN: Final = "swap"
"""What stands before the folder of a trained swap, whose encoder then is the network."""


def load_features(name: str) -> Callable[[Any], Sequence[Any]]:
    """Loads the network that ``name`` says.

    Args:
        name: ``APPLICATION:FILE``, one of keras.applications and the file of its weights, such as
            ``VGG16:vgg16_notop.h5``; or ``swap:MODEL``, the encoder of a face swap that was trained before.

    Returns:
        Function from pictures (B, S, S, 3) BGR in [0, 1] to the features of some layers.

    Raises:
        OptionError: there is no such application, its weights are not on the disk, or they do not fit.
    """
    kind, colon, place = name.partition(":")
    if not colon or not place:
        raise OptionError(f"perceptual network must be APPLICATION:FILE or {OWN}:MODEL: got {name!r}")
    path = Path(place)
    if not path.exists():
        raise OptionError(
            f"weights of the perceptual network are missing: {path}; nothing is downloaded, and random ones would "
            "compare nothing: put them there, or leave out --perceptual"
        )
    if kind == OWN:
        return _own(path)
    import keras

    build = getattr(keras.applications, kind, None)
    if not callable(build):
        raise OptionError(f"no such application in keras.applications: {kind!r}; for example VGG16 or MobileNetV2")
    try:
        network = build(include_top=False, weights=str(path), input_shape=(None, None, 3))
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise OptionError(f"weights do not fit {kind} without its top ({reason}): {path}") from error
    module = getattr(keras.applications, build.__module__.rpartition(".")[2])
    features = _features(network)
    return lambda pictures: features(module.preprocess_input(pictures[..., ::-1] * 255.0), training=False)


def _own(folder: Path) -> Callable[[Any], Sequence[Any]]:
    from obamanet.networks.config import SwapConfig
    from obamanet.networks.face_swap import build_swap
    from obamanet.training.loop.runner import read_options
    from obamanet.training.loop.trained_networks import load_weights

    network = build_swap(SwapConfig(**read_options(folder)["network"]))
    load_weights(network, folder / "best.weights.h5")
    features = _features(network.get_layer("swap_encoder"))
    return lambda pictures: features(pictures, training=False)


def _features(network: Any) -> Any:
    """Returns the network that ends in the last layer of each of the first :data:`LAYERS` widths of ``network``."""
    import keras

    last: dict[int, Any] = {}
    for layer in network.layers[1:]:
        shape = layer.output.shape
        # In their order: a width that comes back later, as behind a bottleneck, counts as it was.
        if len(shape) == 4 and (shape[-1] not in last or next(reversed(last)) == shape[-1]):
            last[shape[-1]] = layer.output
    found = keras.Model(network.inputs[0], list(last.values())[:LAYERS])
    found.trainable = False
    return found
