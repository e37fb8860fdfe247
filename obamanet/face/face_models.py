"""The networks that see faces: BlazeFace and the face mesh, shipped as ONNX files with their origin and licence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from obamanet.engine.network import StoredNetwork
from obamanet.errors import FaceError
from obamanet.files import read_json, sha256_of

DETECTOR: Final = "face_detector"
MESH: Final = "face_mesh"

CARD: Final = "face_models.json"


@dataclass(frozen=True)
class ImageConfig:
    """Sizes of a network that reads one square RGB picture of ``side`` pixels."""

    side: int


@cache
def face_network(kind: str) -> StoredNetwork:
    """Returns the shipped network :data:`DETECTOR` or :data:`MESH`; raises FaceError when its file is damaged."""
    folder = Path(str(files("obamanet.face"))) / "models"
    card = read_json(folder / CARD)["networks"][kind]
    path = folder / card["file"]
    if not path.is_file() or sha256_of(path) != card["sha256"]:
        raise FaceError(f"network for seeing faces is damaged: {path}; install the program anew")
    return StoredNetwork(kind, ImageConfig(card["side"]), path)
