"""Writes trained networks as ONNX files that every engine runs without the training code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.engine.formats import Precision
from obamanet.engine.graph_writer import IR_VERSION, OPSET
from obamanet.engine.lstm_graph import is_recurrent, recurrent_model
from obamanet.engine.network import CONFIG_KEY, StoredNetwork
from obamanet.engine.onnxruntime_engine import import_onnxruntime
from obamanet.errors import EngineError
from obamanet.files import atomic_path

if TYPE_CHECKING:
    import onnx

    from obamanet.networks.signatures import Signature

MIN_HALVED: Final = 256
"""Values that a constant must have to be stored at half precision; a smaller one is not worth a node."""


def export_weights(
    stored: StoredNetwork, precision: Precision = Precision.FP16, samples: Sequence[tuple[np.ndarray, ...]] = ()
) -> None:
    """Writes ``stored.onnx`` from ``stored.weights``.

    Args:
        stored: the network; its training weights must be there.
        precision: how weights are stored.
        samples: typical inputs, one tuple per call; int8 finds its ranges from them.

    Raises:
        EngineError: there are no weights, they do not fit, or int8 is asked for without samples.
        OutputError: the file cannot be written.
    """
    from obamanet.engine.keras_engine import load_weights

    export_network(stored.kind, stored.config, load_weights(stored), stored.onnx, precision, samples)


def export_network(
    kind: str,
    config: Any,
    signature: Signature,
    path: Path,
    precision: Precision = Precision.FP16,
    samples: Sequence[tuple[np.ndarray, ...]] = (),
) -> None:
    """Writes a trained network as one ONNX file, whole or not at all.

    Args:
        kind: the graph's name in :data:`obamanet.networks.signatures.SIGNATURES`.
        config: the graph's sizes, a dataclass; kept with ``kind`` as the file's metadata.
        signature: the trained network.
        path: the file to write.
        precision: how weights are stored.
        samples: typical inputs, one tuple per call; int8 finds its ranges from them.

    Raises:
        EngineError: int8 is asked for without samples.
        OutputError: the file cannot be written.
    """
    if precision is Precision.INT8 and not samples:
        raise EngineError("int8 needs typical inputs to find its ranges from: got none")
    model = recurrent_model(signature, config) if is_recurrent(kind) else _converted(signature)
    entry = model.metadata_props.add()
    entry.key, entry.value = CONFIG_KEY, json.dumps({"kind": kind, **asdict(config)})
    model.producer_name = "obamanet"
    if precision is Precision.FP16:
        _store_half(model)
    with atomic_path(path) as part:
        if precision is Precision.INT8:
            _quantise(model, part, samples)
        else:
            part.write_bytes(model.SerializeToString())


def _converted(signature: Signature) -> onnx.ModelProto:
    """Returns the graph that tf2onnx makes of ``signature``, its inputs and outputs named as there."""
    import tensorflow as tf
    import tf2onnx
    from onnx import compose

    specs = [tf.TensorSpec(spec.shape, spec.dtype, spec.name) for spec in signature.inputs]
    call = tf.function(signature.call, input_signature=specs, autograph=False)
    model, _ = tf2onnx.convert.from_function(
        call, input_signature=specs, opset=OPSET, custom_op_handlers={"Erfc": (_write_erfc, [])}
    )
    model.ir_version = IR_VERSION
    # Its own names begin with that of a TensorFlow function; a prefix keeps them apart from ours.
    model = compose.add_prefix(model, "graph/", rename_inputs=False, rename_outputs=False)
    for value, spec in zip(model.graph.input, signature.inputs, strict=True):
        _rename(model.graph, value.name, spec.name)
    for value, name in zip(model.graph.output, signature.outputs, strict=True):
        _rename(model.graph, value.name, name)
    return model


def _write_erfc(context: Any, node: Any, name: str, _: Any) -> None:
    """Replaces ``node`` by 1 - erf(x): the converter does not know the complement, which Keras makes GELU of."""
    shape, kind = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    context.remove_node(name)
    one = context.make_const(f"{name}/one", np.ones((), np.float32)).output[0]
    erf = context.make_node("Erf", node.input).output[0]
    context.make_node("Sub", [one, erf], name=name, outputs=node.output, shapes=[shape], dtypes=[kind])


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in (*graph.input, *graph.output):
        if value.name == old:
            value.name = new


def _store_half(model: onnx.ModelProto) -> None:
    """Stores the large constants of ``model`` at half precision, each followed by a cast that is folded at loading."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
        casts.append(helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _quantise(model: onnx.ModelProto, path: Path, samples: Sequence[tuple[np.ndarray, ...]]) -> None:
    """Writes ``model`` with its convolutions in eight-bit integers, ranges taken from ``samples``.

    The first and the last one keep their precision: their rounding would be visible in the picture.
    """
    import_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    names = [value.name for value in model.graph.input]

    class Samples(CalibrationDataReader):
        def __init__(self) -> None:
            self._waiting = iter([dict(zip(names, arrays, strict=True)) for arrays in samples])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._waiting, None)

    _untranspose(model)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    if len(convolutions) < 3:
        raise EngineError("int8 is for networks of convolutions: this one has none to store so")
    quantize_static(
        model,
        str(path),
        Samples(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=[convolutions[0], convolutions[-1]],
    )


def _untranspose(model: onnx.ModelProto) -> None:
    """Replaces transposed convolutions, which no engine computes in integers, by equal convolutions.

    A transposed 4x4 convolution of stride 2 computes each pixel of a 2x2 block from 2x2 inputs; as one 3x3 convolution
    it has a filter per pixel of the block, with zeros where that pixel does not look.
    """
    from onnx import helper, numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type != "ConvTranspose":
            nodes.append(node)
            continue
        kernel = numpy_helper.to_array(constants[node.input[1]])
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if kernel.shape[2:] != (4, 4) or attributes["strides"] != [2, 2] or attributes.get("pads") != [1, 1, 1, 1]:
            raise EngineError(f"int8 does not know transposed convolutions of this form: {node.name}")
        taken, name = constants[node.input[1]], f"{node.output[0]}/blocks"
        model.graph.initializer.remove(taken)
        model.graph.initializer.append(numpy_helper.from_array(_block_kernel(kernel), f"{name}/kernel"))
        inputs = [node.input[0], f"{name}/kernel"]
        nodes.append(helper.make_node("Conv", inputs, [name], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("DepthToSpace", [name], list(node.output), f"{name}/dealt", blocksize=2))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _block_kernel(kernel: np.ndarray) -> np.ndarray:
    """Returns the kernel (4 O, C, 3, 3) that does what the transposed ``kernel`` (C, O, 4, 4) of stride 2 does."""
    channels, filters = kernel.shape[:2]
    blocks = np.zeros((2, 2, filters, channels, 3, 3), np.float32)
    # Pixel 0 of a block sees its own input and the one before, pixel 1 its own and the one after.
    seen = {(0, 0): 3, (0, 1): 1, (1, 1): 2, (1, 2): 0}
    for (row, y), from_row in seen.items():
        for (column, x), from_column in seen.items():
            blocks[row, column, :, :, y, x] = kernel[:, :, from_row, from_column].T
    return blocks.reshape(4 * filters, channels, 3, 3)
