"""The judges as bundles: SyncNet and the lip reader."""

from __future__ import annotations

from typing import Final

from obamanet.audio.features import FeatureOptions
from obamanet.bundle import NetworkKind
from obamanet.constants import MOUTH_COUNT
from obamanet.engine.formats import Precision
from obamanet.errors import EvaluationError
from obamanet.networks.config import LipReaderConfig, SyncNetConfig
from obamanet.training.judges.grid_grammar import CLASSES
from obamanet.training.judges.mouth_crops import HEIGHT, WIDTH

SCHEMA: Final = 3
"""Version of a judge's card; judges of older versions have no ONNX file."""

# The ONNX files are of full precision: batch normalisation is folded into the kernels, and rounding those would change
# the lip reader's scores by 1e-3.

SYNCNET: Final = NetworkKind(
    "SyncNet",
    "syncnet.json",
    SCHEMA,
    EvaluationError,
    remedy="make it anew with: obamanet train syncnet",
    oldest=SCHEMA,
    graph="syncnet",
    config=SyncNetConfig,
    precision=Precision.FP32,
    sizes={"points": 2 * MOUTH_COUNT, "bands": FeatureOptions().count},
)
"""The judge of sync."""

LIPREADER: Final = NetworkKind(
    "lip reader",
    "lipreader.json",
    SCHEMA,
    EvaluationError,
    remedy="make it anew with: obamanet train lipreader",
    oldest=SCHEMA,
    graph="lipreader",
    config=LipReaderConfig,
    precision=Precision.FP32,
    sizes={"height": HEIGHT, "width": WIDTH, "classes": CLASSES},
)
"""The judge of words."""

KINDS: Final = (SYNCNET, LIPREADER)
"""Every kind of judge."""
