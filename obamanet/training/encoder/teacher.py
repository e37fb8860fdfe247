"""Reads the teacher of a speech encoder: the first blocks of a Whisper encoder in an ONNX file, run in numpy.

Written for Smart Turn v3.2 (Daily; in the package pipecat-ai, BSD-2-Clause), whose encoder is Whisper Tiny's (OpenAI,
MIT) refined on 8 s of sound. Its 8 bit weights are converted to float32; its activations are not quantized here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions, extract_features
from obamanet.errors import DatasetError, OptionError
from obamanet.networks.config import NORM_EPSILON
from obamanet.types import AudioClip

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

HEAD_SIZE: Final = 64
"""Values per attention head, the same in every Whisper model (Radford et al. 2022, table 1)."""

DEPTH: Final = 8.0
"""Range of Whisper's features below the loudest mel energy, in powers of ten: its ``log_mel_spectrogram``."""

MIDDLE: Final = 4.0
"""Added to the powers of ten, and then the divisor of the sum (same source)."""

MIN_VARIANCE: Final = 1e-7
"""Added to the sound's variance before dividing by its root: WhisperFeatureExtractor of Hugging Face's transformers."""

ROUNDING: Final = ("QuantizeLinear", "DequantizeLinear")
"""ONNX operators between the others in a graph quantized to 8 bits."""


@dataclass(frozen=True)
class Dense:
    """A product with ``kernel`` (I, O), or (3, I, O) for a convolution, and a ``bias`` (O,) added."""

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Returns the layer's output (T, O) for ``x`` (T, I)."""
        return x @ self.kernel + self.bias


@dataclass(frozen=True)
class Norm:
    """A layer normalisation's ``scale`` and ``bias``, (W,) each."""

    scale: np.ndarray
    bias: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Returns ``x`` (T, W) with mean 0 and variance 1 per step, then scaled: (T, W)."""
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt(x.var(axis=-1, keepdims=True) + NORM_EPSILON) * self.scale + self.bias


@dataclass(frozen=True)
class TeacherBlock:
    """One Transformer block: pre-norm self-attention over all steps and two dense layers, each with a residual."""

    attention_norm: Norm
    query: Dense
    key: Dense
    value: Dense
    out: Dense
    dense_norm: Norm
    wide: Dense
    narrow: Dense

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Returns the attention scores before the softmax, (heads, T, T), for ``x`` (T, W)."""
        normed = self.attention_norm(x)
        query, key = _heads(self.query(normed)), _heads(self.key(normed))
        return query @ key.transpose(0, 2, 1) / math.sqrt(HEAD_SIZE)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Returns the block's output (T, W) for ``x`` (T, W)."""
        scores = self.scores(x)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        attended = weights @ _heads(self.value(self.attention_norm(x)))
        x = x + self.out(attended.transpose(1, 0, 2).reshape(x.shape))
        return x + self.narrow(_gelu(self.wide(self.dense_norm(x))))


@dataclass(frozen=True)
class Teacher:
    """The two convolutions, the ``positions`` (P, W) added to their P output steps of 20 ms, and the first blocks."""

    conv1: Dense
    conv2: Dense
    positions: np.ndarray
    blocks: tuple[TeacherBlock, ...]

    @property
    def steps(self) -> int:
        """Steps of 20 ms of its input; the length is fixed."""
        return len(self.positions)

    @property
    def frames(self) -> int:
        """Feature frames of 10 ms of its input."""
        return 2 * self.steps

    def activations(self, sound: np.ndarray, rate: int) -> np.ndarray:
        """Returns the input of each block and the output of the last, (blocks + 1, P, W) float32.

        Args:
            sound: (N,) samples, as many as give :attr:`frames` feature frames. Step t is centred on frame 2 t.
            rate: samples per second.
        """
        x = _gelu(_convolved(teacher_features(sound, rate), self.conv1, 1))
        x = _gelu(_convolved(x, self.conv2, 2)) + self.positions
        streams = [x]
        for block in self.blocks:
            streams.append(block(streams[-1]))
        return np.stack(streams).astype(np.float32)


def teacher_features(sound: np.ndarray, rate: int) -> np.ndarray:
    """Returns Whisper's log-mel features (F, 80) of ``sound`` (N,) at ``rate``, scaled to mean 0 and variance 1.

    Frame n covers 25 ms from n times 10 ms on, as everywhere in this program; Whisper's own are 12.5 ms earlier.
    """
    standard = (sound - sound.mean()) / np.sqrt(sound.var() + MIN_VARIANCE)
    clip = AudioClip(standard.astype(np.float32), rate, "a mixture of sound")
    powers = extract_features(clip, FeatureOptions(kind=SPEECH), rate).values / math.log(10)
    return (np.maximum(powers, powers.max() - DEPTH) + MIDDLE) / MIDDLE


def read_teacher(path: Path, blocks: int) -> Teacher:
    """Returns the first ``blocks`` blocks of the Whisper encoder in the ONNX file at ``path``.

    Its 8 bit weights are converted to float32. Raises :class:`OptionError` when the package onnx is not installed, and
    :class:`DatasetError` when the file cannot be read or holds no such encoder.
    """
    graph = _Graph(_load(path))
    weights = graph.weights()
    places = [
        name.removesuffix("embed_positions.weight") for name in weights if name.endswith("embed_positions.weight")
    ]
    if not places:
        raise DatasetError(f"teacher holds no Whisper encoder: no embed_positions.weight in {path}")
    try:
        return _teacher(weights, places[0], blocks)
    except KeyError as error:
        raise DatasetError(f"teacher's encoder lacks {error.args[0]}, needed are {blocks} blocks: {path}") from None


def _teacher(weights: dict[str, np.ndarray], prefix: str, blocks: int) -> Teacher:
    """Returns the teacher whose weights' names begin with ``prefix``; raises KeyError for a name that is missing."""

    def conv(name: str) -> Dense:
        # ONNX keeps a convolution as (out, in, width).
        return Dense(weights[f"{prefix}{name}.weight"].transpose(2, 1, 0), weights[f"{prefix}{name}.bias"])

    def dense(name: str) -> Dense:
        return Dense(weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str) -> Norm:
        return Norm(weights[f"{name}.weight"], weights[f"{name}.bias"])

    def block(name: str) -> TeacherBlock:
        key = weights[f"{name}.self_attn.k_proj.weight"]
        return TeacherBlock(
            attention_norm=norm(f"{name}.self_attn_layer_norm"),
            query=dense(f"{name}.self_attn.q_proj"),
            key=Dense(key, np.zeros(key.shape[1], np.float32)),
            value=dense(f"{name}.self_attn.v_proj"),
            out=dense(f"{name}.self_attn.out_proj"),
            dense_norm=norm(f"{name}.final_layer_norm"),
            wide=dense(f"{name}.fc1"),
            narrow=dense(f"{name}.fc2"),
        )

    return Teacher(
        conv("conv1"),
        conv("conv2"),
        weights[f"{prefix}embed_positions.weight"],
        tuple(block(f"{prefix}layers.{number}") for number in range(blocks)),
    )


def _load(path: Path) -> GraphProto:
    try:
        import onnx
    except ImportError:
        raise OptionError("the teacher is read with onnx, which is not installed; install obamanet[train]") from None
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, load_external_data=False).graph
    except (OSError, DecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "damaged, or no ONNX file"
        raise DatasetError(f"teacher cannot be read as ONNX ({reason}): {path}") from None


class _Graph:
    """Finds the weights in a graph by their use, as the weight of a matrix product has no name there."""

    def __init__(self, graph: GraphProto) -> None:
        from onnx.numpy_helper import to_array

        self._graph = graph
        self._stored = {stored.name: partial(to_array, stored) for stored in graph.initializer}
        self._maker: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output}
        self._takers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._takers[name].append(node)

    def weights(self) -> dict[str, np.ndarray]:
        """Returns every named weight as float32, and each dense layer's (I, O) under the name of its bias.

        A product without bias whose input is the normalised input of an attention is that attention's key.
        """
        found = {}
        for node in self._graph.node:
            names = [_weight_name(name) for name in node.input]
            if node.op_type == "MatMul":
                name = self._product_name(node)
                weight = self._constant(node.input[1]) if name else None
                if name and weight is not None:
                    found[name] = weight
            elif node.op_type in ("Conv", "LayerNormalization", "Add"):
                for name, given in zip(names, node.input, strict=True):
                    weight = self._constant(given) if name.endswith((".weight", ".bias")) else None
                    if weight is not None:
                        found[name] = weight
        return found

    def _product_name(self, product: NodeProto) -> str | None:
        """Returns the name for the weight of ``product``; None where neither a bias nor a normalisation gives one."""
        for added in self._after(product.output[0]):
            if added.op_type == "Add":
                for name in map(_weight_name, added.input):
                    if name.endswith(".bias"):
                        return name.removesuffix("bias") + "weight"
        before = self._before(product.input[0])
        if before is not None and before.op_type == "LayerNormalization":
            norm = _weight_name(before.input[1])
            if norm.endswith("self_attn_layer_norm.weight"):
                return norm.replace("self_attn_layer_norm", "self_attn.k_proj")
        return None

    def _after(self, name: str) -> list[NodeProto]:
        """Returns the nodes that take ``name``, past rounding."""
        return [
            node
            for taker in self._takers[name]
            for node in (self._after(taker.output[0]) if taker.op_type in ROUNDING else [taker])
        ]

    def _before(self, name: str) -> NodeProto | None:
        """Returns the node that makes ``name``, before rounding."""
        node = self._maker.get(name)
        return self._before(node.input[0]) if node is not None and node.op_type in ROUNDING else node

    def _constant(self, name: str) -> np.ndarray | None:
        """Returns the weight ``name``, (q - zero point) * scale where it is stored in 8 bit, or None if it is none."""
        if name in self._stored:
            return self._stored[name]().astype(np.float32)
        node = self._maker.get(name)
        if node is None or node.op_type != "DequantizeLinear" or node.input[0] not in self._stored:
            return None
        values, scale, *zero = (self._stored[given]().astype(np.float32) for given in node.input)
        if scale.ndim and values.ndim > 1:
            # One scale per slice along an axis, 1 if unsaid (ONNX, DequantizeLinear).
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
            shape = [-1 if place == axis % values.ndim else 1 for place in range(values.ndim)]
            scale, zero = scale.reshape(shape), [offset.reshape(shape) for offset in zero]
        return (values - zero[0] if zero else values) * scale


def _weight_name(name: str) -> str:
    """Returns the name of a weight, which the output of its conversion from 8 bit carries with an ending."""
    return name.removesuffix("_DequantizeLinear_Output")


def _heads(x: np.ndarray) -> np.ndarray:
    """Returns ``x`` (T, W) cut into heads: (W / 64, T, 64)."""
    return x.reshape(len(x), -1, HEAD_SIZE).transpose(1, 0, 2)


def _gelu(x: np.ndarray) -> Any:
    """Returns x Phi(x) in its exact form (Hendrycks and Gimpel 2016)."""
    from scipy.special import erf

    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def _convolved(x: np.ndarray, layer: Dense, stride: int) -> np.ndarray:
    """Returns ``x`` (T, I), with one zero at either end, through a convolution: (T / stride, O)."""
    width = len(layer.kernel)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((1, 1), (0, 0))), width, axis=0)[::stride]
    flat = windows.transpose(0, 2, 1).reshape(len(windows), -1)
    return flat @ layer.kernel.reshape(flat.shape[1], -1) + layer.bias
