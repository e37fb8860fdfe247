"""What a trained judge is: weights in half precision, and a card that says what they are and came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from obamanet.audio.features import FeatureOptions
from obamanet.constants import MOUTH_COUNT
from obamanet.files import atomic_write_json, sha256_of
from obamanet.training.judges.grid_grammar import CLASSES
from obamanet.training.judges.mouth_crops import HEIGHT, WIDTH

if TYPE_CHECKING:
    import keras

SCHEMA: Final = 2
"""Version of the card's layout."""


@dataclass(frozen=True)
class JudgeKind:
    """One kind of judge: its ``name``, what it is for in words, and the network sizes that evaluation is made for."""

    name: str
    title: str
    sizes: Mapping[str, int]

    @property
    def card(self) -> str:
        """Name of the card's file."""
        return f"{self.name}.json"

    @property
    def weights(self) -> str:
        """Name of the weights' file."""
        return f"{self.name}.weights.h5"


SYNCNET: Final = JudgeKind("syncnet", "judge of sync", {"points": 2 * MOUTH_COUNT, "bands": FeatureOptions().count})
LIPREADER: Final = JudgeKind("lipreader", "lip reader", {"height": HEIGHT, "width": WIDTH, "classes": CLASSES})

KINDS: Final = (SYNCNET, LIPREADER)


def save_judge(network: keras.Model, kind: JudgeKind, card: Mapping[str, Any], folder: Path) -> None:
    """Write ``network`` into ``folder``: its weights and then, last, the ``card`` with their sha256 in it."""
    from obamanet.networks.weights import save_half

    save_half(network, folder / kind.weights)
    about = {"schema": SCHEMA, "kind": kind.name, "sha256": sha256_of(folder / kind.weights), **card}
    atomic_write_json(folder / kind.card, about)
