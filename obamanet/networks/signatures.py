"""How each network is run once it is trained: named arrays in and out, with the scaling inside.

The exporter and the Keras engine share these, so that every back end computes the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from obamanet.errors import EngineError
from obamanet.networks.config import (
    EncoderConfig,
    GeneratorConfig,
    LipReaderConfig,
    PoserConfig,
    PredictorConfig,
    SwapConfig,
    SyncNetConfig,
)
from obamanet.networks.face_swap import build_swap_decoder, build_swap_encoder, paint
from obamanet.networks.keypoint_lstm import build_predictor, run_predictor
from obamanet.networks.lip_reader import build_lip_reader
from obamanet.networks.pose_lstm import build_poser
from obamanet.networks.speech_encoder import build_encoder
from obamanet.networks.syncnet import build_syncnet
from obamanet.networks.unet import build_generator


@dataclass(frozen=True)
class ArraySpec:
    """An array's name, shape (None for any length) and NumPy type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Signature:
    """A network as it is run.

    Attributes:
        network: the Keras graph.
        inputs: arrays in.
        outputs: names of the arrays out.
        call: takes a tensor for each input and returns a list with one for each output.
    """

    network: keras.Model
    inputs: tuple[ArraySpec, ...]
    outputs: tuple[str, ...]
    call: Callable[..., Sequence[Any]]


def build_signature(kind: str, config: Any) -> Signature:
    """Returns the untrained network of ``kind`` and ``config`` with its signature; raises :class:`EngineError`."""
    if kind not in SIGNATURES:
        raise EngineError(f"network is of an unknown kind: got {kind!r}, known are {', '.join(sorted(SIGNATURES))}")
    return SIGNATURES[kind](config)


def load_signature(kind: str, config: Any, weights: Path) -> Signature:
    """Returns :func:`build_signature` with ``weights`` (``*.weights.h5``); raises :class:`EngineError`."""
    signature = build_signature(kind, config)
    try:
        signature.network.load_weights(weights)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise EngineError(f"weights do not fit: {weights}: {reason}") from error
    return signature


def _generator(config: GeneratorConfig) -> Signature:
    """Sketches (n, S, S, in) uint8 BGR to pictures (n, S, S, out) uint8 BGR."""
    network = build_generator(config)
    shape = (None, config.image_size, config.image_size)

    def painted(sketches: Any) -> list[Any]:
        pictures = network(ops.cast(sketches, "float32") / 127.5 - 1.0, training=False)
        return [ops.cast(ops.clip((pictures + 1.0) * 127.5 + 0.5, 0.0, 255.0), "uint8")]

    return Signature(network, (ArraySpec("sketch", (*shape, config.in_channels), "uint8"),), ("picture",), painted)


def _predictor(config: PredictorConfig) -> Signature:
    """Features (1, T, inputs) and states to PCA values (1, T, outputs) and new states."""
    network = build_predictor(config)
    states = [ArraySpec(f"state{i}", (1, *shape)) for i, shape in enumerate(config.state_shapes)]

    def predict(*inputs: Any) -> list[Any]:
        return run_predictor(network, list(inputs), training=False)

    outputs = ("components", *(f"new_{state.name}" for state in states))
    return Signature(network, (ArraySpec("features", (1, None, config.inputs)), *states), outputs, predict)


def _poser(config: PoserConfig) -> Signature:
    """Timed phonemes (1, T, inputs) to weights of mouth poses (1, T, poses)."""
    network = build_poser(config)
    inputs = (ArraySpec("sounds", (1, None, config.inputs)),)
    return Signature(network, inputs, ("poses",), lambda sounds: [network(sounds, training=False)])


def _speech_encoder(config: EncoderConfig) -> Signature:
    """Normalised log-mel features (1, F, bands) to speech features (1, (F - 3) // 2, outputs)."""
    network = build_encoder(config)
    inputs = (ArraySpec("features", (1, None, config.bands)),)
    return Signature(network, inputs, ("speech",), lambda features: [network(features, training=False)])


def _lip_reader(config: LipReaderConfig) -> Signature:
    """Normalised mouth windows (n, T, height, width) to logits (n, T, classes)."""
    network = build_lip_reader(config)
    inputs = (ArraySpec("windows", (None, None, config.height, config.width)),)
    return Signature(network, inputs, ("logits",), lambda windows: [network(windows, training=False)])


def _syncnet(config: SyncNetConfig) -> Signature:
    """Mouth (1, T, points) and sound (1, 4 S, bands) to their embeddings (1, T - 12, size) and (1, S - 12, size)."""
    network = build_syncnet(config)
    inputs = (ArraySpec("mouth", (1, None, config.points)), ArraySpec("sound", (1, None, config.bands)))
    outputs = ("mouth_embedding", "sound_embedding")
    return Signature(network, inputs, outputs, lambda mouth, sound: network([mouth, sound], training=False))


def _swap_encoder(config: SwapConfig) -> Signature:
    """Aligned faces (n, S, S, 3) uint8 BGR to their codes (n, 8, 8, 4 * width)."""
    network = build_swap_encoder(config)
    inputs = (ArraySpec("face", (None, config.image_size, config.image_size, 3), "uint8"),)
    return Signature(
        network, inputs, ("code",), lambda faces: [network(ops.cast(faces, "float32") / 255.0, training=False)]
    )


def _swap_decoder(config: SwapConfig) -> Signature:
    """Codes (n, 8, 8, 4 * width) to faces (n, S, S, 3) uint8 BGR and, where it paints one, their mask (n, S, S, 1)."""
    network = build_swap_decoder(config)

    def painted(codes: Any) -> list[Any]:
        picture, *mask = paint(network, codes)
        return [ops.cast(ops.clip(picture * 255.0 + 0.5, 0.0, 255.0), "uint8"), *mask]

    outputs = ("picture", "mask") if config.mask else ("picture",)
    return Signature(network, (ArraySpec("code", (None, *config.code_shape)),), outputs, painted)


SIGNATURES: dict[str, Callable[[Any], Signature]] = {
    "generator": _generator,
    "predictor": _predictor,
    "poser": _poser,
    "speech_encoder": _speech_encoder,
    "lipreader": _lip_reader,
    "swap_decoder": _swap_decoder,
    "swap_encoder": _swap_encoder,
    "syncnet": _syncnet,
}
"""The graph and signature of each kind of network that is stored."""
