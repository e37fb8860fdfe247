"""Writes ONNX graphs node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET: Final = 18
"""ONNX operator set of what is written: known to ONNX Runtime from 1.14 and OpenVINO from 2023.1 on."""

IR_VERSION: Final = 9
"""ONNX file format that goes with the operator set."""


class GraphWriter:
    """Gathers the nodes and constants of a graph of float32 inputs and outputs.

    Attributes:
        nodes: the nodes so far, in the order of computation.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, values: np.ndarray) -> str:
        """Adds a constant and returns its name."""
        from onnx import numpy_helper

        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Adds a node of the operator ``kind`` and returns the name of its output."""
        from onnx import helper

        name = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def model(self, name: str, inputs: Mapping[str, Sequence[int | None]], outputs: Sequence[str]) -> onnx.ModelProto:
        """Returns the finished model.

        Args:
            name: of the graph.
            inputs: shape of each input by name, None where any length goes.
            outputs: names of the outputs.
        """
        from onnx import TensorProto, helper

        given = [helper.make_tensor_value_info(one, TensorProto.FLOAT, shape) for one, shape in inputs.items()]
        wanted = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs]
        graph = helper.make_graph(self.nodes, name, given, wanted, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
