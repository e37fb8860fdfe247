"""Runs ONNX files by OpenVINO on the CPU."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from obamanet.engine.network import CONFIG_KEY
from obamanet.engine.onnxruntime_engine import unreadable
from obamanet.errors import EngineError


class OpenvinoNetwork:
    """An ONNX file in OpenVINO, a :class:`obamanet.engine.network.Network`.

    Args:
        path: the file.
        threads: processor threads of one call.

    Attributes:
        metadata: the file's own metadata.

    Raises:
        EngineError: it is damaged or of a newer ONNX version.

    Reading and compiling a model sends no telemetry: only OpenVINO's converter does, which is not used.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        import openvino

        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        try:
            core = openvino.Core()
            model = core.read_model(path)
            self._model = core.compile_model(model, "CPU", settings)
        except Exception as error:  # it raises RuntimeError for everything, and others while parsing
            raise EngineError(unreadable(path, error)) from error
        # Where OpenVINO's ONNX reader puts the file's metadata.
        place = ["framework", CONFIG_KEY]
        self.metadata = {CONFIG_KEY: str(model.get_rt_info(place).value)} if model.has_rt_info(place) else {}
        self._local = threading.local()

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the outputs for ``arrays``, one per input."""
        # A request holds the arrays of one call, so that every thread needs its own.
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        results = request.infer(list(arrays))
        return tuple(np.array(results[output]) for output in self._model.outputs)
