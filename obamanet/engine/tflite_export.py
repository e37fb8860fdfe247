"""Writes trained networks as TensorFlow Lite files, which LiteRT runs on phones and small boards."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings, simplefilter

import numpy as np

from obamanet.engine.formats import Precision
from obamanet.errors import EngineError
from obamanet.files import atomic_write_bytes

if TYPE_CHECKING:
    from obamanet.networks.signatures import Signature

ENTRY: Final = "run"
"""Name of the file's only signature."""


def export_tflite(signature: Signature, path: Path, precision: Precision = Precision.FP16) -> None:
    """Writes a trained network as one ``.tflite`` file, whole or not at all.

    Its inputs and outputs have the names of ``signature`` in the file's signature :data:`ENTRY`; a renderer takes one
    sketch at a time, other lengths are free.

    Raises:
        EngineError: another precision than fp32 or fp16.
        OutputError: the file cannot be written.
    """
    import keras
    import tensorflow as tf

    if precision is Precision.INT8:
        raise EngineError("tflite files hold fp32 or fp16: got int8; int8 is for onnx")
    # A picture at a time: a free batch would be run without the quick kernels.
    shapes = [(1, *spec.shape[1:]) for spec in signature.inputs]
    specs = [tf.TensorSpec(shape, spec.dtype, spec.name) for shape, spec in zip(shapes, signature.inputs, strict=True)]

    def run(*inputs: Any) -> dict[str, Any]:
        return dict(zip(signature.outputs, signature.call(*inputs), strict=True))

    archive = keras.export.ExportArchive()
    archive.track(signature.network)
    archive.add_endpoint(ENTRY, tf.function(run, input_signature=specs, autograph=False))
    with tempfile.TemporaryDirectory() as folder:
        # Keras prints what it saved.
        with redirect_stdout(StringIO()):
            archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[ENTRY])
        if precision is Precision.FP16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        content = converter.convert()
    atomic_write_bytes(path, content)


class TfliteNetwork:
    """A ``.tflite`` file as a function: arrays in the order of ``inputs`` to arrays in the order of ``outputs``."""

    def __init__(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        import tensorflow as tf

        with catch_warnings():
            # The interpreter will move to a package of its own, which is as large again.
            simplefilter("ignore", UserWarning)
            self._interpreter = tf.lite.Interpreter(str(path), num_threads=1)
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)

    def __call__(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """Runs the network.

        Args:
            inputs: arrays in the order of the signature's inputs.

        Returns:
            Its outputs in the signature's order.
        """
        runner = self._interpreter.get_signature_runner(ENTRY)
        found = runner(**dict(zip(self._inputs, inputs, strict=True)))
        return tuple(found[name] for name in self._outputs)
