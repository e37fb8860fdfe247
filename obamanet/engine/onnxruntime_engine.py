"""Runs ONNX files by ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from obamanet.errors import EngineError
from obamanet.memory import is_out_of_memory

ERRORS_ONLY: Final = 3
"""ONNX Runtime's log level for errors."""


def import_onnxruntime() -> ModuleType:
    """Returns the package, imported with its telemetry off.

    Otherwise its wheels note each session in the home folder, to be sent to Microsoft. Only the variable stops that
    before it begins, and it also holds for processes that are started from here.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


class OnnxruntimeNetwork:
    """An ONNX file in ONNX Runtime, a :class:`obamanet.engine.network.Network`.

    Args:
        model: the file, or its content.
        threads: processor threads of one call.

    Attributes:
        metadata: the file's own metadata.

    Raises:
        EngineError: it is damaged or of a newer ONNX version.
    """

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        # A plan of its memory is kept for each shape of input, and sound comes in blocks of many: a long one took more.
        options.enable_mem_pattern = False
        # Waiting threads give the processor to the next stage instead of spinning.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base but this
            raise EngineError(unreadable("in memory" if isinstance(model, bytes) else model, error)) from error
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._inputs = [value.name for value in self._session.get_inputs()]

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the outputs for ``arrays``, one per input."""
        return tuple(self._session.run(None, dict(zip(self._inputs, arrays, strict=True))))


def inputs_and_outputs(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns names, shapes (None is any length) and types of the inputs and outputs of the ONNX file ``path``."""
    onnxruntime = import_onnxruntime()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def described(values: list[Any]) -> list[dict[str, Any]]:
        return [
            {
                "name": value.name,
                "shape": [size if isinstance(size, int) else None for size in value.shape or []],
                "type": value.type.removeprefix("tensor(").removesuffix(")"),
            }
            for value in values
        ]

    return {"inputs": described(session.get_inputs()), "outputs": described(session.get_outputs())}


def unreadable(path: Path | str, error: Exception) -> str:
    """Returns one line that says why the network at ``path`` cannot be loaded; raises MemoryError when that is why."""
    if is_out_of_memory(error):
        raise MemoryError from error
    reason = str(error).lower()
    if "opset" in reason or "ir version" in reason:
        return f"network is of a newer ONNX version than the installed engine reads: {path}; update the engine"
    return f"network is damaged: {path}"
