"""Chung's SyncNet as ONNX networks, made of weights that somebody else trained."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obamanet.engine.graph_writer import GraphWriter
from obamanet.networks.syncnet_v2 import NORM_EPSILON, Stream


def stream_network(stream: Stream, weights: Mapping[str, np.ndarray]) -> bytes:
    """Makes the network of one stream.

    Args:
        stream: its layers.
        weights: those that :func:`obamanet.networks.syncnet_v2.weight_shapes` names, in those shapes.

    Returns:
        An ONNX file: (B, H, W, C) float32 to embeddings (B, 1024). The face stream takes windows of pictures, 0 to 255,
        blue, green, red, whose 15 channels are :func:`obamanet.networks.syncnet_v2.frame_channels`; the sound stream
        takes (B, 13, 20, 1) MFCC.
    """
    writer = GraphWriter()

    def normalised(x: str, name: str) -> str:
        parts = ("weight", "bias", "running_mean", "running_var")
        values = (writer.constant(weights[f"{name}.{part}"]) for part in parts)
        return writer.node("Relu", writer.node("BatchNormalization", x, *values, epsilon=NORM_EPSILON))

    def dense(x: str, name: str, output: str | None = None) -> str:
        kernel, bias = (writer.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return writer.node("Gemm", x, kernel, bias, output=output, transB=1)

    x = writer.node("Transpose", "windows", perm=[0, 3, 1, 2])
    for item in stream.convolutions:
        name = f"{stream.convolutions_name}.{item.number}"
        kernel = writer.constant(weights[f"{name}.weight"].reshape(item.filters, -1, *item.kernel))
        bias = writer.constant(weights[f"{name}.bias"])
        x = writer.node("Conv", x, kernel, bias, strides=[item.stride] * 2, pads=[item.pad] * 4)
        x = normalised(x, f"{stream.convolutions_name}.{item.number + 1}")
        if item.pool:
            x = writer.node(
                "MaxPool", x, kernel_shape=[3, 3], strides=list(item.pool.strides), pads=[item.pool.pad] * 4
            )
    x = normalised(dense(writer.node("Flatten", x), f"{stream.dense_name}.0"), f"{stream.dense_name}.1")
    dense(x, f"{stream.dense_name}.3", "embeddings")
    model = writer.model(stream.convolutions_name, {"windows": (None, *stream.shape)}, ["embeddings"])
    return model.SerializeToString()
