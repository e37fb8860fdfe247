"""A trained face swap as a bundle: card, encoder and two decoders; read without TensorFlow.

swap.json    schema, form, network's sizes, names and consent of both sides, coverage, step, metrics, sha256 of files
encoder.onnx, decoder_a.onnx, decoder_b.onnx
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.about import SOFTWARE
from obamanet.bundle import BundleKind, read_bundle, write_card
from obamanet.card import Card, CardError
from obamanet.engine.formats import Engine
from obamanet.engine.network import Network, StoredNetwork, load_network
from obamanet.errors import EngineError, ObamanetError, SwapError
from obamanet.files import scratch_folder
from obamanet.networks.config import SwapConfig
from obamanet.swap.face_set import COVERAGE
from obamanet.swap.stages import Form
from obamanet.training.loop.runner import STATE_FILE

if TYPE_CHECKING:
    import keras

SWAP: Final = BundleKind("face swap model", "swap.json", 1, SwapError, "train it again: obamanet swap train")
"""The kind of bundle."""

ENCODER: Final = "encoder.onnx"


class Direction(StrEnum):
    """Whose face is painted."""

    A_TO_B = "AtoB"
    """B's, in place of A's."""

    B_TO_A = "BtoA"
    """A's, in place of B's."""

    @property
    def decoder(self) -> str:
        """File of the decoder that paints it."""
        return "decoder_b.onnx" if self is Direction.A_TO_B else "decoder_a.onnx"


FILES: Final = (ENCODER, Direction.B_TO_A.decoder, Direction.A_TO_B.decoder)


@dataclass(frozen=True)
class Consent:
    """Whose faces are swapped, and that both have agreed.

    Attributes:
        a: name of side A.
        b: name of side B.
        declared: whether whoever trained the model has declared that both agreed.

    Raises:
        SwapError: it was not declared, or a name is blank.
    """

    a: str
    b: str
    declared: bool

    def __post_init__(self) -> None:
        """Refuses what was not declared."""
        if not self.declared:
            raise SwapError(
                "a face swap shows people saying and doing what they never did, and is a wrong or a crime without "
                f"their consent: say --i-have-consent when {self.a or 'A'} and {self.b or 'B'} have agreed; the names "
                "are kept in the model and in every video that is made with it"
            )
        if not self.a.strip() or not self.b.strip():
            raise SwapError(f"both sides need a name: got {self.a!r} and {self.b!r}; see --name-a and --name-b")

    @property
    def statement(self) -> str:
        """The same as a sentence, for what is made with the model."""
        return f"Whoever trained the model declared that {self.a} and {self.b} consented."


@dataclass(frozen=True)
class SwapModel:
    """A model whose files have been checked.

    Attributes:
        folder: where it is.
        config: sizes of its networks.
        form: how it was trained.
        consent: whose faces it swaps.
        step: of the weights.
    """

    folder: Path
    config: SwapConfig
    form: Form
    consent: Consent
    step: int

    def names(self, direction: Direction) -> tuple[str, str]:
        """Returns the name of the person whose face is painted, and of the one in whose place it is put."""
        sides = (self.consent.b, self.consent.a)
        return sides if direction is Direction.A_TO_B else sides[::-1]


class Swapper:
    """A loaded model: aligned faces of one side to pictures of the other.

    Args:
        model: the model.
        direction: whose face is painted.
        engine: what runs the networks.
        threads: processor threads.

    Raises:
        EngineError: a network cannot be loaded, or the engine has none for it.
    """

    def __init__(
        self, model: SwapModel, direction: Direction, engine: Engine = Engine.ONNXRUNTIME, threads: int = 1
    ) -> None:
        if engine is Engine.KERAS:
            others = ", ".join(other for other in Engine if other is not Engine.KERAS)
            raise EngineError(f"a face swap model holds no networks for keras; its engines are {others}")
        self.model, self.direction = model, direction
        self._encoder, self._decoder = (
            self._load(kind, model.folder / file, engine, threads)
            for kind, file in (("swap_encoder", ENCODER), ("swap_decoder", direction.decoder))
        )

    @property
    def size(self) -> int:
        """Side of the faces in pixels."""
        return self.model.config.image_size

    def paint(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Paints the other side's face.

        Args:
            faces: shape (n, S, S, 3) uint8 BGR, as the model sees them.

        Returns:
            Pictures (n, S, S, 3) uint8 BGR, and how much of them is to be seen, (n, S, S, 1) float32 in [0, 1].
        """
        (codes,) = self._encoder(faces)
        picture, *mask = self._decoder(codes)
        return picture, mask[0] if mask else np.ones((*picture.shape[:3], 1), np.float32)

    def _load(self, kind: str, path: Path, engine: Engine, threads: int) -> Network:
        return load_network(StoredNetwork(kind, self.model.config, path), engine, threads)


def read_swap(folder: Path) -> SwapModel:
    """Reads a model and checks that it is whole and unaltered; loads no network.

    Raises:
        SwapError: it is missing, damaged, altered or of a newer schema; the message names the file and the reason.
    """
    if (folder / STATE_FILE).is_file() and not (folder / SWAP.card).is_file():
        raise SwapError(
            f"training was interrupted before it wrote the model: {folder}; go on with the same command, and with "
            "--max-minutes 1 for what is learned so far"
        )
    try:
        card = read_bundle(folder, SWAP)
        files = card.part("files").all_texts()
        if lacking := [name for name in FILES if name not in files]:
            raise CardError(f"{card.path}: files.{lacking[0]} is missing")
        return _model(card, folder)
    except CardError as error:
        raise SWAP.refused(f"face swap model is damaged: {error}") from error
    except SwapError:
        raise
    except ObamanetError as error:
        raise SWAP.refused(f"face swap model is damaged: {folder / SWAP.card}: {error}") from error


def _model(card: Card, folder: Path) -> SwapModel:
    form, coverage = card.text("form"), card.part("geometry").all_numbers().get("coverage", 0.0)
    if form not in list(Form):
        raise CardError(f"{card.path}: form must be {' or '.join(Form)}: got {form}")
    if coverage != COVERAGE:
        raise CardError(f"{card.path}: geometry.coverage must be {COVERAGE}: got {coverage}")
    config = card.part("network").build(SwapConfig)
    return SwapModel(folder, config, Form(form), card.part("consent").build(Consent), card.whole("step"))


def write_swap(network: keras.Model, model: SwapModel, metrics: Mapping[str, float], about: Mapping[str, Any]) -> None:
    """Writes the trained ``network`` as the bundle that ``model`` describes, in its folder; the card comes last.

    Args:
        network: made by :func:`obamanet.networks.face_swap.build_swap`.
        model: what it becomes.
        metrics: of its validation.
        about: what else the card says, in plain values.

    Raises:
        OutputError: the folder cannot be written.
    """
    from obamanet.engine.onnx_export import export_network
    from obamanet.networks.signatures import build_signature

    parts = {ENCODER: ("swap_encoder", "swap_encoder")}
    parts |= {f"decoder_{side}.onnx": ("swap_decoder", f"decoder_{side}") for side in "ab"}
    with scratch_folder(model.folder / SWAP.card) as scratch:
        for file, (kind, layer) in parts.items():
            signature = build_signature(kind, model.config)
            signature.network.set_weights(network.get_layer(layer).get_weights())
            export_network(kind, model.config, signature, scratch / file)
        content = {
            "made_by": SOFTWARE,
            "form": str(model.form),
            "network": asdict(model.config),
            "geometry": {"coverage": COVERAGE},
            "consent": asdict(model.consent),
            "step": model.step,
            "metrics": dict(metrics),
            **about,
        }
        write_card(scratch, SWAP, content, FILES)
        for name in (*FILES, SWAP.card):
            (scratch / name).replace(model.folder / name)
