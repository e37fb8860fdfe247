"""Stored networks and the back ends that run them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from obamanet.engine.formats import Engine
from obamanet.errors import EngineError

CONFIG_KEY = "obamanet_config"
"""Metadata key of an ONNX file under which the network's kind and configuration are kept as JSON."""


class Network(Protocol):
    """A loaded network: a function from arrays to arrays that several threads may call at once."""

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the network's outputs for ``arrays``, one per input, in the order of the exported signature."""
        ...


@dataclass(frozen=True)
class StoredNetwork:
    """A network on disk.

    Attributes:
        kind: its graph's name in :data:`obamanet.networks.signatures.SIGNATURES`.
        config: the graph's sizes, a dataclass.
        onnx: the file that ONNX Runtime and OpenVINO run.
        weights: Keras weights (``*.weights.h5``) that training continues from; None where they were not shipped.
    """

    kind: str
    config: Any
    onnx: Path
    weights: Path | None = None


def load_network(stored: StoredNetwork, engine: Engine = Engine.ONNXRUNTIME, threads: int = 1) -> Network:
    """Loads a stored network into a back end.

    Args:
        stored: the network's files.
        engine: the back end that runs it.
        threads: processor threads of one call; several calls may run at once.

    Raises:
        EngineError: the back end is not installed, the file is missing, damaged or holds another network, or its
            operations are too new.
    """
    check_engine(engine)
    if engine is Engine.KERAS:
        from obamanet.engine.keras_engine import KerasNetwork

        return KerasNetwork(stored)
    _check_exported(stored)
    network: OnnxruntimeNetwork | OpenvinoNetwork
    if engine is Engine.OPENVINO:
        from obamanet.engine.openvino_engine import OpenvinoNetwork

        network = OpenvinoNetwork(stored.onnx, threads)
    else:
        from obamanet.engine.onnxruntime_engine import OnnxruntimeNetwork

        network = OnnxruntimeNetwork(stored.onnx, threads)
    _check_fit(stored, network.metadata)
    return network


def check_engine(engine: Engine) -> None:
    """Raises :class:`EngineError`, which names the extra to install, when ``engine`` is not installed."""
    extra = {Engine.KERAS: "train", Engine.OPENVINO: "openvino"}.get(engine)
    module = Engine.ONNXRUNTIME if engine is Engine.FAST else engine
    if importlib.util.find_spec(module.value) is None:
        how = f"pip install 'obamanet[{extra}]'" if extra else "install the program anew"
        raise EngineError(f"engine is not installed: {engine.value}; {how}")


def _check_exported(stored: StoredNetwork) -> None:
    """Raises :class:`EngineError`, which names the command to run, when ``stored`` has no ONNX file."""
    if stored.onnx.is_file():
        return
    if stored.weights and stored.weights.is_file():
        raise EngineError(f"network is not exported yet: {stored.onnx}; run: obamanet export {stored.onnx.parent}")
    raise EngineError(f"network is missing: {stored.onnx}")


def _check_fit(stored: StoredNetwork, metadata: Mapping[str, str]) -> None:
    """Raises :class:`EngineError` unless the ``metadata`` of an ONNX file has the kind and sizes of ``stored``."""
    # Through JSON, which has lists where a config has tuples.
    wanted = json.loads(json.dumps({"kind": stored.kind, **asdict(stored.config)}))
    try:
        found = json.loads(metadata[CONFIG_KEY])
        # Sizes that were added after the file was written are missing; it has their defaults.
        fits = found["kind"] == stored.kind and {**wanted, **found} == wanted
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise EngineError(f"network does not fit its card: {stored.onnx} holds one of another kind or size")
