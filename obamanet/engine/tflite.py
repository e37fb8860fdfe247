"""Writes and runs networks as TensorFlow Lite files, for telephones and boards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from obamanet.engine.formats import Precision
from obamanet.errors import EngineError
from obamanet.files import atomic_path

if TYPE_CHECKING:
    from obamanet.networks.signatures import Signature


def write_tflite(
    signature: Signature, path: Path, precision: Precision, samples: Sequence[tuple[np.ndarray, ...]] = ()
) -> None:
    """Write a trained network as one TensorFlow Lite file, whole or not at all.

    It must be made of TensorFlow Lite's own operators, which LSTM layers are not. ``samples`` are typical inputs, one tuple per call, from
    which int8 finds its ranges. Raises :class:`EngineError` when it cannot be converted.
    """
    import tensorflow as tf

    specs = [tf.TensorSpec(spec.shape, spec.dtype, spec.name) for spec in signature.inputs]
    module = tf.Module()
    module.network = signature.network
    module.run = tf.function(
        lambda *arrays: dict(zip(signature.outputs, signature.call(*arrays), strict=True)),
        input_signature=specs,
        autograph=False,
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.run.get_concrete_function()], module)
    if precision is not Precision.FP32:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision is Precision.FP16:
        converter.target_spec.supported_types = [tf.float16]
    if precision is Precision.INT8:
        converter.representative_dataset = lambda: _named(signature, samples)
    try:
        content = converter.convert()
    except Exception as error:  # the converter raises whatever it meets
        reason = str(error).partition("\n")[0]
        raise EngineError(f"network cannot be converted to TensorFlow Lite: {path.name}: {reason}") from error
    with atomic_path(path) as part:
        part.write_bytes(content)


def _named(signature: Signature, samples: Sequence[tuple[np.ndarray, ...]]) -> Iterator[dict[str, np.ndarray]]:
    for arrays in samples:
        yield {spec.name: array for spec, array in zip(signature.inputs, arrays, strict=True)}


class TfliteNetwork:
    """A TensorFlow Lite file on one thread; see :class:`obamanet.engine.network.Network`. For one thread alone."""

    def __init__(self, path: Path, signature: Signature) -> None:
        import tensorflow as tf

        self._interpreter = tf.lite.Interpreter(str(path), num_threads=1)
        self._run = self._interpreter.get_signature_runner()
        self._signature = signature

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the outputs for ``arrays``, one per input."""
        outputs = self._run(**{spec.name: array for spec, array in zip(self._signature.inputs, arrays, strict=True)})
        return tuple(outputs[name] for name in self._signature.outputs)
