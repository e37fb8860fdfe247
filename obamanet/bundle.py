"""Bundles: a folder with a card (JSON) that says what it is and the sha256 of each of its files.

Nothing in one can execute code: cards are JSON, arrays are .npz without pickled objects, networks are ONNX or Keras
weights. A person is a bundle of many parts (:mod:`obamanet.person`); the speech encoder and the judges are bundles of
one network each, which :func:`read_network` and :func:`write_network` read and write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obamanet.card import Card, CardError, read_card
from obamanet.engine.formats import Precision
from obamanet.engine.network import StoredNetwork
from obamanet.engine.onnx_export import export_weights
from obamanet.errors import ObamanetError
from obamanet.files import atomic_write_json, scratch_folder, sha256_of

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class BundleKind:
    """One kind of bundle.

    Attributes:
        name: what messages call it.
        card: file name of the card.
        schema: newest readable version of the card.
        error: raised for a bundle that cannot be used.
        remedy: what the user can do about one that is damaged, the end of each message.
        oldest: oldest readable version of the card.
        optional: files that may be missing though the card names them.
    """

    name: str
    card: str
    schema: int
    error: type[ObamanetError]
    remedy: str = ""
    oldest: int = 1
    optional: frozenset[str] = frozenset()

    def may_lack(self, name: str) -> bool:
        """Returns whether the file ``name`` may be missing though the card names it."""
        return name in self.optional

    def refused(self, problem: str) -> ObamanetError:
        """Returns the error that says ``problem`` and the remedy."""
        return self.error(f"{problem}; {self.remedy}" if self.remedy else problem)


@dataclass(frozen=True, kw_only=True)
class NetworkKind(BundleKind):
    """A kind of bundle that holds one network: ``NAME.json``, ``NAME.weights.h5`` and ``NAME.onnx``.

    Attributes:
        graph: the network's kind in :data:`obamanet.networks.signatures.SIGNATURES`.
        config: dataclass of the network's sizes.
        precision: of the weights in the ONNX file; those in the weights file have half precision.
        sizes: values that the config must have, since the program feeds the network so.
    """

    graph: str
    config: type[Any]
    precision: Precision = Precision.FP16
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """Name of the files without their suffix, and the card's entry ``kind``."""
        return self.card.removesuffix(".json")

    @property
    def weights(self) -> str:
        """File name of the training weights."""
        return f"{self.stem}.weights.h5"

    @property
    def onnx(self) -> str:
        """File name of the network that the engines run."""
        return f"{self.stem}.onnx"

    def may_lack(self, name: str) -> bool:
        """Returns whether the file ``name`` may be missing: the weights, which wheels have not."""
        return name == self.weights


@dataclass(frozen=True)
class NetworkBundle:
    """A bundle of one network whose files have been checked.

    Attributes:
        network: the network's files and config.
        card: everything the card says.
        sha256: of the training weights; tells which network it is.
    """

    network: StoredNetwork
    card: Card
    sha256: str


def read_bundle(folder: Path, kind: BundleKind) -> Card:
    """Reads the card of a bundle and checks the sha256 of every file that it names.

    Raises:
        ObamanetError: ``kind.error``, naming the file and the reason: no such folder, no card, a schema that is not
            readable, a file that is missing or was altered.
        CardError: the card is damaged.
    """
    card = _read_card(folder, kind)
    check_files(folder, kind, card.part("files").all_texts())
    return card


def _read_card(folder: Path, kind: BundleKind) -> Card:
    """Reads the card of a bundle whose schema is readable; raises as :func:`read_bundle` does."""
    path = folder / kind.card
    if not folder.is_dir():
        raise kind.error(f"no such {kind.name}: {folder} is not a folder")
    if not path.exists():
        raise kind.error(f"not a {kind.name}: {folder} has no {kind.card}")
    card = read_card(path)
    schema = card.whole("schema")
    if schema > kind.schema:
        raise kind.error(f"{path}: schema {schema} is newer than this program's {kind.schema}; update obamanet")
    if schema < 1:
        raise CardError(f"{path}: schema must be at least 1, got {schema}")
    if schema < kind.oldest:
        raise kind.refused(f"{path}: schema {schema} is older than the oldest that is read, {kind.oldest}")
    return card


def check_files(folder: Path, kind: BundleKind, files: Mapping[str, str]) -> None:
    """Raises ``kind.error`` unless each of ``files`` (sha256 by name) is in ``folder`` unaltered, or may be missing."""
    for name in files:
        if Path(name).name != name:
            raise kind.refused(
                f"{kind.name} is damaged: {folder / kind.card} names a file outside the folder: {name!r}"
            )
    for name, digest in files.items():
        path = folder / name
        if not path.is_file() and kind.may_lack(name):
            continue
        if not path.is_file():
            raise kind.refused(f"{kind.name} is incomplete: {path} is missing")
        found = sha256_of(path)
        if found != digest:
            raise kind.refused(
                f"{kind.name} was altered: {path} has sha256 {found[:12]}..., {kind.card} says {digest[:12]}..."
            )


def write_card(folder: Path, kind: BundleKind, content: Mapping[str, Any], files: Iterable[str]) -> None:
    """Writes the card of the bundle in ``folder``: ``content`` in plain values and the sha256 of each of ``files``."""
    digests = {name: sha256_of(folder / name) for name in files}
    atomic_write_json(folder / kind.card, {"schema": kind.schema, **content, "files": digests})


def read_network(folder: Path, kind: NetworkKind) -> NetworkBundle:
    """Reads a bundle of one network and checks that it is of ``kind`` and unaltered; loads no network.

    Raises:
        ObamanetError: ``kind.error``, naming the file, the reason and the remedy.
    """
    path = folder / kind.card
    try:
        card = _read_card(folder, kind)
        found = card.text("kind")
        if found != kind.stem:
            raise kind.refused(f"not a {kind.name}: {path} is the card of another kind of network: {found!r}")
        files = card.part("files")
        sha256, _ = files.text(kind.weights), files.text(kind.onnx)
        check_files(folder, kind, files.all_texts())
        config = card.part("network").build(kind.config)
    except CardError as error:
        raise kind.refused(f"{kind.name} is damaged: {error}") from error
    except kind.error:
        raise
    except ObamanetError as error:
        # Sizes that no network can have.
        raise kind.refused(f"{kind.name} is damaged: {path}: {error}") from error
    for name, needed in kind.sizes.items():
        if getattr(config, name) != needed:
            raise kind.refused(
                f"{kind.name} does not fit this program: {path}: {name} is {getattr(config, name)}, needed is {needed}"
            )
    return NetworkBundle(StoredNetwork(kind.graph, config, folder / kind.onnx, folder / kind.weights), card, sha256)


def write_network(network: keras.Model, kind: NetworkKind, config: Any, about: Mapping[str, Any], folder: Path) -> None:
    """Writes a trained network as a bundle: its weights at half precision, its ONNX file and, last, its card.

    Args:
        network: the trained Keras graph of ``config``.
        kind: what it becomes.
        config: the network's sizes.
        about: what else the card says, in plain values: origin, licence, metrics.
        folder: where the files go; other files there are left alone.

    Raises:
        OutputError: the folder cannot be written.
    """
    from obamanet.networks.weights import save_half

    with scratch_folder(folder / kind.card) as scratch:
        stored = StoredNetwork(kind.graph, config, scratch / kind.onnx, scratch / kind.weights)
        save_half(network, scratch / kind.weights)
        # From the rounded weights, so that both files hold the same network.
        export_weights(stored, kind.precision)
        content = {"kind": kind.stem, "network": asdict(config), **about}
        write_card(scratch, kind, content, (kind.weights, kind.onnx))
        for name in (kind.weights, kind.onnx, kind.card):
            (scratch / name).replace(folder / name)
