"""Writes stacks of Keras LSTM layers as ONNX's own LSTM operator.

The general converter makes a loop of some twenty operators for every step of time, which is slower than the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obamanet.engine.graph_writer import GraphWriter

if TYPE_CHECKING:
    import keras
    import onnx

    from obamanet.networks.signatures import Signature

GATES = ("i", "o", "f", "c")
"""Order of the gates in ONNX; Keras has i, f, c, o."""


def is_recurrent(kind: str) -> bool:
    """Returns whether networks of ``kind`` are stacks of LSTM layers."""
    return kind in ("predictor", "poser")


def recurrent_model(signature: Signature, config: Any) -> onnx.ModelProto:
    """Returns the ONNX model of a network that is made of dense and LSTM layers, one after the other.

    Args:
        signature: the trained network; its first input is the sequence (1, T, D), the others are the states, a hidden
            and a cell state per LSTM layer, in the layers' order.
        config: the network's sizes.
    """
    writer = _LstmWriter()
    sequence, *states = (spec.name for spec in signature.inputs)
    new_states = list(signature.outputs[1:])
    # ONNX's LSTM has time first: (1, T, D) to (T, 1, D).
    x = writer.node("Transpose", sequence, perm=[1, 0, 2])
    for layer in signature.network.layers:
        match type(layer).__name__:
            case "LSTM":
                x = writer.lstm(x, [layer.cell], states[:2], new_states[:2])
                states, new_states = states[2:], new_states[2:]
            case "Bidirectional":
                x = writer.lstm(x, [layer.forward_layer.cell, layer.backward_layer.cell], [], [])
            case "Dense":
                x = writer.dense(x, layer)
    writer.node("Transpose", x, output=signature.outputs[0], perm=[1, 0, 2])
    inputs = {spec.name: spec.shape for spec in signature.inputs}
    return writer.model(signature.network.name, inputs, signature.outputs)


class _LstmWriter(GraphWriter):
    """Appends Keras layers to a graph."""

    def lstm(self, x: str, cells: list[Any], states: list[str], new_states: list[str]) -> str:
        """Appends one LSTM layer of one or two directions to ``x`` (T, 1, D); returns (T, 1, directions U)."""
        from onnx import helper

        units = cells[0].units
        kernels, recurrent, biases = zip(*(_onnx_gates(cell) for cell in cells), strict=True)
        inputs = [
            x,
            self.constant(np.stack(kernels)),
            self.constant(np.stack(recurrent)),
            self.constant(np.stack(biases)),
        ]
        if states:
            axis = self.constant(np.array([0], np.int64))
            # States travel as (1, U); ONNX's LSTM wants (directions, 1, U).
            inputs += ["", *(self.node("Unsqueeze", state, axis) for state in states)]
        name = f"lstm{len(self.nodes)}"
        outputs = [name, *([f"{name}_h", f"{name}_c"] if states else [])]
        direction = "bidirectional" if len(cells) == 2 else "forward"
        self.nodes.append(helper.make_node("LSTM", inputs, outputs, hidden_size=units, direction=direction))
        for state, new in zip(outputs[1:], new_states, strict=True):
            self.node("Squeeze", state, axis, output=new)
        # (T, directions, 1, U) to (T, 1, directions U).
        turned = self.node("Transpose", name, perm=[0, 2, 1, 3])
        return self.node("Reshape", turned, self.constant(np.array([0, 1, len(cells) * units], np.int64)))

    def dense(self, x: str, layer: keras.layers.Dense) -> str:
        """Appends a dense layer with its activation to ``x`` (T, 1, D)."""
        product = self.node("MatMul", x, self.constant(_values(layer.kernel)))
        out = self.node("Add", product, self.constant(_values(layer.bias)))
        match layer.activation.__name__:
            case "linear":
                return out
            case "tanh":
                return self.node("Tanh", out)
            case "softmax":
                return self.node("Softmax", out, axis=-1)
        raise ValueError(f"activation is not known: {layer.activation.__name__}")


def _onnx_gates(cell: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns kernel (4 U, D), recurrent kernel (4 U, U) and bias (8 U,) of a Keras LSTM cell in ONNX's order."""
    order = {gate: number for number, gate in enumerate(("i", "f", "c", "o"))}

    def gates(values: np.ndarray) -> np.ndarray:
        parts = np.split(values, 4, axis=-1)
        return np.concatenate([parts[order[gate]] for gate in GATES], axis=-1)

    bias = gates(_values(cell.bias))
    return gates(_values(cell.kernel)).T, gates(_values(cell.recurrent_kernel)).T, np.concatenate([bias, 0 * bias])


def _values(variable: keras.Variable) -> np.ndarray:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable))
