"""What networks can be exported as: file formats and the precision of their weights."""

from __future__ import annotations

from enum import StrEnum


class Precision(StrEnum):
    """How the weights of an exported network are stored."""

    FP32 = "fp32"
    """As trained."""

    FP16 = "fp16"
    """At half precision, half the size; computed in single precision."""

    INT8 = "int8"
    """Convolutions in eight-bit integers, weights and arithmetic; their first and last in single precision."""


class Format(StrEnum):
    """The kinds of files that networks are exported as."""

    ONNX = "onnx"
    KERAS = "keras"
    TFLITE = "tflite"
