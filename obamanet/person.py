"""A person: the bundle that makes one face speak or move, and the record of what it was made from.

A person has parts. Renderer and reference track are always there; the speech part (sound to keypoints) and the text
part (timed syllables to mouth poses) may be missing, which is an error when they are needed.

person.json                     the card: schema, parts, origin, licence, consent, metrics, sha256 of each file
renderer.onnx, .weights.h5      sketch to picture
renderer.int8.onnx              the same in eight-bit integers for engine fast, if exported
reference.npz                   the reference track, in pixels of the square
footage.mp4, region.npz         in-painting only: the frames of the reference track, and the region that is painted
mouth.npz                       speech: mean face and its turn, PCA of the mouth, jaw regression, resting mouth
predictor.onnx, .weights.h5     speech: sound features to PCA values
speech_encoder.onnx             speech: the encoder that the predictor was trained with, for speech features
poses.npz                       text: the mouth poses
poser.onnx, .weights.h5         text: timed phonemes to weights of mouth poses, if trained
sources.json                    the recordings it was learned from; older persons have none

Networks run from the ONNX files; the weights are for further training and optional, as in a wheel. Persons of schema 1
have the weights only: :func:`obamanet.export.upgrade_person` writes the ONNX files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions
from obamanet.audio.stack import stacked_size
from obamanet.bundle import BundleKind, read_bundle, write_card
from obamanet.card import Card, CardError, read_arrays, read_card
from obamanet.constants import IMAGE_SIZE, LANDMARK_COUNT, LANDMARKS_WITH_IRISES, MOUTH_COUNT, PERSON_SCHEMA
from obamanet.engine.network import StoredNetwork
from obamanet.errors import ObamanetError, PersonError
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import landmarks_of_card
from obamanet.files import atomic_path, locked, scratch_folder, sha256_of
from obamanet.keypoints.head import TURN_POINTS, Head
from obamanet.keypoints.jaw import LOWER_JAW, JawModel
from obamanet.keypoints.mouth_poses import MouthPoses, PoseCurve
from obamanet.keypoints.pca import MouthPca
from obamanet.keypoints.region import MouthRegion
from obamanet.keypoints.retarget import MovementRange
from obamanet.networks.config import EncoderConfig, GeneratorConfig, PoserConfig, PredictorConfig
from obamanet.sources import SOURCES_FILE
from obamanet.speech.feature_extractor import ENCODER, encoder_card, feature_size
from obamanet.timing import parse_rate
from obamanet.types import CropBox, LandmarkTrack, RenderMode, SketchStyle

MOUTH_FILE = "mouth.npz"
PREDICTOR_FILE = "predictor.weights.h5"
RENDERER_FILE = "renderer.weights.h5"
REFERENCE_FILE = "reference.npz"
FOOTAGE_FILE = "footage.mp4"
REGION_FILE = "region.npz"
POSES_FILE = "poses.npz"
POSER_FILE = "poser.weights.h5"
ENCODER_FILE = f"{ENCODER}.onnx"
FAST_RENDERER_FILE = "renderer.int8.onnx"
"""Names of the files in a person's folder."""

PERSON = BundleKind(
    "person",
    "person.json",
    PERSON_SCHEMA,
    PersonError,
    optional=frozenset({PREDICTOR_FILE, RENDERER_FILE, POSER_FILE}),
)
"""Kind of bundle, with the name and schema of its card; wheels have no weights."""

CARD = PERSON.card
"""Name of the card's file."""


def onnx_name(weights: str) -> str:
    """Returns the name of the ONNX file beside the weights file ``weights``, named ``*.weights.h5``."""
    return weights.removesuffix(".weights.h5") + ".onnx"


PARTS = (
    MOUTH_FILE,
    PREDICTOR_FILE,
    RENDERER_FILE,
    REFERENCE_FILE,
    FOOTAGE_FILE,
    REGION_FILE,
    POSES_FILE,
    POSER_FILE,
    ENCODER_FILE,
    FAST_RENDERER_FILE,
    *(onnx_name(name) for name in (PREDICTOR_FILE, RENDERER_FILE, POSER_FILE)),
    SOURCES_FILE,
)
"""Names of all files that a person may have beside its card."""

READY_FOLDER = ".ready"
"""Name of the folder, inside a person's, that holds a complete new person until its files have replaced the old
ones."""


@dataclass(frozen=True)
class MouthModel:
    """What is learned of a face before any network is trained, in canonical units.

    Attributes:
        head: places the mouth on the head.
        pca: of the mouth.
        jaw: regression from mouth to lower jaw.
        rest: the mouth in silence, shape (20, 2).
    """

    head: Head
    pca: MouthPca
    jaw: JawModel
    rest: np.ndarray


@dataclass(frozen=True)
class Origin:
    """Where a person comes from.

    Attributes:
        footage: the recordings, in words.
        licence: of the footage.
        attribution: as the licence requires.
        consent: the ground on which the footage may be used.
    """

    footage: str
    licence: str
    attribution: str
    consent: str


@dataclass(frozen=True)
class PoserCard:
    """The record of a person's poser.

    Attributes:
        config: its sizes.
        poses: sha256 of the mouth poses that it chooses from.
        recorded: in words, the recordings it was trained on.
        spoken: in words, the synthetic voices it was trained on, with the person's own predictor as teacher.
        metrics: of its training, by name.
    """

    config: PoserConfig
    poses: str
    recorded: str
    spoken: str
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EncoderCard:
    """The record of the speech encoder that a predictor was trained with.

    Attributes:
        config: its sizes.
        sha256: of its training weights.
    """

    config: EncoderConfig
    sha256: str


@dataclass(frozen=True)
class SpeechPart:
    """The part that turns sound into keypoints.

    Attributes:
        features: kind and number of features.
        predictor: sizes of the predictor.
        mouth: the mouth model.
        encoder: the speech encoder; None for features that need none.
        voices: in words, the voices, augmentations and seed that the predictor was trained with.
    """

    features: FeatureOptions
    predictor: PredictorConfig
    mouth: MouthModel
    encoder: EncoderCard | None = None
    voices: str = ""

    @property
    def encoder_digest(self) -> str | None:
        """sha256 of the speech encoder's training weights; None without one."""
        return self.encoder.sha256 if self.encoder else None


@dataclass(frozen=True)
class TextPart:
    """The part that turns timed syllables into keypoints.

    Attributes:
        poses: the mouth poses.
        poser: the network that chooses them; None if not trained.
    """

    poses: MouthPoses
    poser: PoserCard | None = None


@dataclass(frozen=True)
class Person:
    """A loaded person; networks are read by the stages that run them.

    Attributes:
        folder: its files.
        name: whose face it is.
        fps: frame rate of the keypoints, frames per second.
        mode: how it is rendered.
        generator: sizes of the renderer.
        reference: the reference track, in pixels of the square of ``generator.image_size``; with irises if the renderer
            was trained with them.
        boxes: for in-painting, place of that square in each frame of the footage; otherwise empty.
        origin: where it comes from.
        metrics: of its training, by name.
        speech: the speech part; None without one.
        text: the text part; None without one.
        region: for in-painting, the region that is painted; None for whole faces.
        landmarks: the model that found the landmarks it was trained on.
        sketch: how landmarks are drawn for its renderer.
        movement: how far it moved in all of its footage; None for an older person.
    """

    folder: Path
    name: str
    fps: Fraction
    mode: RenderMode
    generator: GeneratorConfig
    reference: LandmarkTrack
    boxes: tuple[CropBox, ...]
    origin: Origin
    metrics: dict[str, float] = field(default_factory=dict)
    speech: SpeechPart | None = None
    text: TextPart | None = None
    region: MouthRegion | None = None
    landmarks: Landmarks = Landmarks.DLIB
    sketch: SketchStyle = SketchStyle.PARTS
    movement: MovementRange | None = None

    @property
    def landmark_count(self) -> int:
        """Number of landmarks that are drawn for its renderer: 68, or 78 with irises."""
        return int(self.reference.points.shape[1])

    @property
    def speech_part(self) -> SpeechPart:
        """The speech part.

        Raises:
            PersonError: the person has none.
        """
        if self.speech is None:
            raise PersonError(
                f"person has no speech part: {self.folder} has no {MOUTH_FILE} and no predictor; "
                "train one with: obamanet train keypoints"
            )
        return self.speech

    @property
    def mouth(self) -> MouthModel:
        """The mouth model of the speech part.

        Raises:
            PersonError: the person has no speech part.
        """
        return self.speech_part.mouth

    @property
    def features(self) -> FeatureOptions:
        """Kind and number of the predictor's features.

        Raises:
            PersonError: the person has no speech part.
        """
        return self.speech_part.features

    @property
    def predictor(self) -> PredictorConfig:
        """Sizes of the predictor.

        Raises:
            PersonError: the person has no speech part.
        """
        return self.speech_part.predictor

    @property
    def poses(self) -> MouthPoses | None:
        """The mouth poses; None without a text part, for which :func:`poses_of` raises an error."""
        return self.text.poses if self.text else None

    @property
    def poser(self) -> PoserCard | None:
        """The record of the poser; None without one, for which :func:`poser_of` raises an error."""
        return self.text.poser if self.text else None

    @property
    def image_size(self) -> int:
        """Side of the renderer's square, pixels."""
        return self.generator.image_size

    @property
    def renderer_network(self) -> StoredNetwork:
        """The network from sketch to picture."""
        return self._network("generator", self.generator, RENDERER_FILE)

    @property
    def fast_renderer_network(self) -> StoredNetwork:
        """The renderer in eight-bit integers; :func:`check_fast` checks that it is there."""
        return StoredNetwork("generator", self.generator, self.folder / FAST_RENDERER_FILE, self.renderer_weights)

    @property
    def predictor_network(self) -> StoredNetwork:
        """The network from features to PCA values."""
        return self._network("predictor", self.predictor, PREDICTOR_FILE)

    @property
    def poser_network(self) -> StoredNetwork:
        """The network from timed phonemes to weights of mouth poses.

        Raises:
            PersonError: the person has no poser that fits its mouth poses.
        """
        return self._network("poser", poser_of(self).config, POSER_FILE)

    @property
    def encoder_network(self) -> StoredNetwork | None:
        """The speech encoder's network: the person's own file, otherwise the shipped one; None without an encoder."""
        encoder = self.speech_part.encoder
        if encoder is None:
            return None
        shipped = encoder_card()
        own = self.folder / ENCODER_FILE
        if own.is_file():
            weights = shipped.network.weights if shipped.sha256 == encoder.sha256 else None
            return StoredNetwork(ENCODER, encoder.config, own, weights)
        return shipped.network

    @property
    def predictor_weights(self) -> Path:
        """File of the predictor's training weights."""
        return self.folder / PREDICTOR_FILE

    @property
    def renderer_weights(self) -> Path:
        """File of the renderer's training weights."""
        return self.folder / RENDERER_FILE

    @property
    def poser_weights(self) -> Path:
        """File of the poser's training weights."""
        return self.folder / POSER_FILE

    @property
    def footage(self) -> Path:
        """File of the footage of an in-painted person."""
        return self.folder / FOOTAGE_FILE

    @property
    def networks(self) -> dict[str, StoredNetwork]:
        """The networks that can run, by the stem of their files: a poser for other mouth poses is left out."""
        networks = {"renderer": self.renderer_network}
        if self.speech:
            networks["predictor"] = self.predictor_network
            if self.encoder_network:
                networks["speech_encoder"] = self.encoder_network
        if self.poser:
            with suppress(PersonError):
                networks["poser"] = self.poser_network
        return networks

    def _network(self, kind: str, config: Any, weights: str) -> StoredNetwork:
        return StoredNetwork(kind, config, self.folder / onnx_name(weights), self.folder / weights)


def load_person(folder: Path) -> Person:
    """Reads and checks the person in ``folder``.

    Raises:
        PersonError: a file is missing or altered, the schema is newer than this program's, or the parts do not fit each
            other; the message names the file and the reason.
    """
    try:
        _finish_replacing(folder)
        card = read_bundle(folder, PERSON)
        renderer = card.part("renderer") if card.whole("schema") > 1 else card
        mode, files = _read_mode(renderer), card.part("files").all_texts()
        _check_parts(card, mode, files)
        arrays = read_arrays(folder / REFERENCE_FILE)
        points, squares = arrays["landmarks"], arrays["boxes"]
        moved = [arrays[name] for name in ("reach", "gap", "drift") if name in arrays]
        if squares.ndim != 2 or squares.shape[1] != 3:
            raise CardError(f"{folder / REFERENCE_FILE}: boxes have shape {squares.shape}, needed is (T, 3)")
        person = Person(
            folder=folder,
            name=card.text("name"),
            fps=parse_rate(card.text("fps")),
            mode=mode,
            generator=renderer.part("generator").build(GeneratorConfig),
            reference=LandmarkTrack(points, parse_rate(card.text("reference_fps"))),
            boxes=tuple(CropBox(*map(float, box)) for box in squares),
            origin=card.part("origin").build(Origin),
            metrics=card.part("metrics").all_numbers(),
            speech=_read_speech(folder, card),
            text=_read_text(folder, card, files),
            region=load_region(folder / REGION_FILE) if mode is RenderMode.INPAINT else None,
            landmarks=landmarks_of_card(card),
            sketch=_read_style(renderer),
            movement=MovementRange(moved[0], float(moved[1]), moved[2]) if len(moved) == 3 else None,
        )
        _check_fit(person)
    except CardError as error:
        raise PersonError(f"person is damaged: {error}") from error
    except OSError as error:
        raise PersonError(f"person cannot be read ({error.strerror}): {error.filename or folder}") from error
    except (TypeError, ValueError) as error:
        # Arrays of a form that was never written.
        raise PersonError(
            f"person is damaged: {folder}: its arrays do not have the form that obamanet gives"
        ) from error
    except PersonError:
        raise
    except ObamanetError as error:
        raise PersonError(f"person is damaged: {folder / CARD}: {error}") from error
    return person


def can_hold_person(folder: Path) -> bool:
    """Returns whether ``folder`` holds a person or is empty, so that a person may be written there."""
    return folder.is_dir() and ((folder / CARD).is_file() or not any(folder.iterdir()))


def replace_person(new_folder: Path, folder: Path) -> None:
    """Moves a complete person to ``folder``, replacing the one there; other files in the folder stay.

    A crash leaves either the old or the new person: after one rename it is the new one, and the next
    :func:`load_person` finishes moving its files.

    Args:
        new_folder: folder of the new person, beside ``folder``; it is gone afterwards.
        folder: an existing folder, empty or with an older person.

    Raises:
        OSError: a file cannot be moved.
    """
    if not any(folder.iterdir()):
        new_folder.replace(folder)
        return
    _finish_replacing(folder)
    new_folder.replace(folder / READY_FOLDER)
    _finish_replacing(folder)


@contextmanager
def edited_person(folder: Path) -> Iterator[Person]:
    """Yields a copy of the person in ``folder``, loaded now, which replaces it when the block ends without an error.

    Readers meanwhile, or after a crash, find either the old or the new person.

    Raises:
        PersonError: the person cannot be read.
        OutputError: the folder cannot be written, or another process is at work in it.
    """
    with locked(folder), scratch_folder(folder / CARD) as scratch:
        _finish_replacing(folder)
        copy = scratch / "person"
        copy.mkdir()
        for name in (CARD, *PARTS):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, copy / name)
        yield load_person(copy)
        replace_person(copy, folder)


def _finish_replacing(folder: Path) -> None:
    """Moves the files of a new person that is ready in ``folder``; safe for several processes at once."""
    ready = folder / READY_FOLDER
    if not ready.is_dir():
        return
    try:
        with suppress(FileNotFoundError):  # Another process finished it just now.
            for path in sorted(ready.iterdir()):
                with suppress(FileNotFoundError):
                    path.replace(folder / path.name)
        listed = read_card(folder / CARD).part("files").content
        for name in PARTS:
            if name not in listed:
                (folder / name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            ready.rmdir()
    except OSError as error:
        raise PersonError(
            f"person is half replaced, and that cannot be finished ({error.strerror}): {ready}"
        ) from error


def save_card(person: Person) -> None:
    """Writes ``person.json`` beside the person's other files, with the sha256 of each.

    Raises:
        OutputError: the card cannot be written.
    """
    speech, text = person.speech, person.text
    write_card(
        person.folder,
        PERSON,
        {
            "name": person.name,
            "fps": str(person.fps),
            "reference_fps": str(person.reference.fps),
            "landmarks": person.landmarks.value,
            "renderer": {
                "mode": person.mode.value,
                "sketch": person.sketch.value,
                "generator": asdict(person.generator),
            },
            "speech": speech
            and {
                "features": asdict(speech.features),
                "predictor": asdict(speech.predictor),
                "encoder": speech.encoder and asdict(speech.encoder),
                "voices": speech.voices,
            },
            "text": text and {"poser": text.poser and asdict(text.poser)},
            "origin": asdict(person.origin),
            "metrics": person.metrics,
        },
        _all_files(person),
    )


def check_fast(person: Person) -> None:
    """Checks that ``person`` has a renderer in eight-bit integers.

    Raises:
        PersonError: it has none; the message says how to make it.
    """
    if not (person.folder / FAST_RENDERER_FILE).is_file():
        raise PersonError(
            f"person has no fast renderer: {person.folder} has no {FAST_RENDERER_FILE}; "
            f"make it with: obamanet export {person.folder} --precision int8"
        )


def poses_of(person: Person) -> MouthPoses:
    """Returns the mouth poses of ``person``.

    Raises:
        PersonError: it has none; the message says how to make them.
    """
    if person.poses is None:
        raise PersonError(
            f"person has no mouth poses: {person.folder} has no {POSES_FILE}; "
            f"make them with: obamanet poses DATASET {person.folder}"
        )
    return person.poses


def poser_of(person: Person) -> PoserCard:
    """Returns the record of the poser of ``person``.

    Raises:
        PersonError: it has none, or one for other mouth poses; the message says how to train one.
    """
    train = "train one with: obamanet train syllables"
    if person.poser is None:
        raise PersonError(f"person cannot speak by syllables: {person.folder} has no poser; {train}")
    if person.poses is None or person.poser.poses != sha256_of(person.folder / POSES_FILE):
        raise PersonError(f"poser was trained for other mouth poses: {person.folder}; {train}")
    return person.poser


def save_reference(
    path: Path, track: LandmarkTrack, boxes: tuple[CropBox, ...], movement: MovementRange | None = None
) -> None:
    """Writes the reference track, the squares it was cut from, and how far the person moves.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            landmarks=track.points.astype(np.float32),
            boxes=np.array([(b.left, b.top, b.side) for b in boxes], dtype=np.float64).reshape(-1, 3),
            **(asdict(movement) if movement else {}),
        )


def save_mouth(mouth: MouthModel, path: Path) -> None:
    """Writes ``mouth`` as .npz with plain arrays.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(
            file,
            template=mouth.head.template.astype(np.float32),
            turn=mouth.head.turn.astype(np.float32),
            stretch=mouth.head.stretch.astype(np.float32),
            mean=mouth.pca.mean,
            components=mouth.pca.components,
            spread=mouth.pca.spread,
            jaw=mouth.jaw.weights,
            rest=mouth.rest,
        )


def load_mouth(path: Path) -> MouthModel:
    """Reads a file of :func:`save_mouth`.

    Raises:
        CardError: it is missing or damaged.
    """
    arrays = read_arrays(path)
    pca = MouthPca(arrays["mean"], arrays["components"], arrays["spread"])
    return MouthModel(_head(arrays), pca, JawModel(arrays["jaw"]), arrays["rest"])


def save_region(region: MouthRegion, path: Path) -> None:
    """Writes ``region`` as .npz with plain arrays.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(file, **asdict(region.head), outline=region.outline)


def load_region(path: Path) -> MouthRegion:
    """Reads a file of :func:`save_region`.

    Raises:
        CardError: it is missing or damaged.
    """
    arrays = read_arrays(path)
    return MouthRegion(_head(arrays), arrays["outline"])


def _head(arrays: Mapping[str, np.ndarray]) -> Head:
    """Returns the head model among ``arrays``; persons and regions of before have no stretch."""
    unturned = np.zeros(2 * len(TURN_POINTS))
    return Head(arrays["template"], arrays["turn"], arrays.get("stretch", unturned))


def save_poses(poses: MouthPoses, path: Path) -> None:
    """Writes ``poses`` as .npz with plain arrays.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            centres=poses.centres,
            counts=poses.counts,
            scale=poses.scale,
            sizes=poses.curve.sizes,
            inertia=poses.curve.inertia,
            silhouette=poses.curve.silhouette,
            variance=np.array(poses.variance),
            seed=np.array(poses.seed),
            rule=np.array(poses.rule),
        )


def load_poses(path: Path) -> MouthPoses:
    """Reads a file of :func:`save_poses`.

    Raises:
        CardError: it is missing or damaged.
        TypeError: a value has the wrong type.
        ValueError: a value is no number.
    """
    arrays = read_arrays(path)
    curve = PoseCurve(arrays["sizes"], arrays["inertia"], arrays["silhouette"])
    variance, seed, rule = float(arrays["variance"]), int(arrays["seed"]), str(arrays["rule"])
    return MouthPoses(arrays["centres"], arrays["counts"], arrays["scale"], curve, variance, seed, rule)


def _read_speech(folder: Path, card: Card) -> SpeechPart | None:
    encoder = None
    if card.whole("schema") == 1:
        part = card
        if card.has("encoder"):
            # Such a card has the sha256 only; the sizes are those of the shipped encoder.
            encoder = EncoderCard(encoder_card().config, card.text("encoder"))
    elif card.has("speech"):
        part = card.part("speech")
        if part.has("encoder"):
            encoder_part = part.part("encoder")
            encoder = EncoderCard(encoder_part.part("config").build(EncoderConfig), encoder_part.text("sha256"))
    else:
        return None
    return SpeechPart(
        features=part.part("features").build(FeatureOptions),
        predictor=part.part("predictor").build(PredictorConfig),
        mouth=load_mouth(folder / MOUTH_FILE),
        encoder=encoder,
        voices=part.text("voices") if part.has("voices") else "",
    )


def _read_text(folder: Path, card: Card, files: dict[str, str]) -> TextPart | None:
    part = _text_card(card, files)
    if part is None:
        return None
    return TextPart(load_poses(folder / POSES_FILE), _read_poser(part.part("poser")) if part.has("poser") else None)


def _text_card(card: Card, files: dict[str, str]) -> Card | None:
    """Returns the text part of ``card``, None without one; in schema 1 the file of the poses decides."""
    if card.whole("schema") == 1:
        return card if POSES_FILE in files else None
    return card.part("text") if card.has("text") else None


def _read_mode(card: Card) -> RenderMode:
    mode = card.text("mode")
    if mode not in list(RenderMode):
        raise CardError(f"{card.path}: mode must be {' or '.join(RenderMode)}, got {mode!r}")
    return RenderMode(mode)


def _read_style(card: Card) -> SketchStyle:
    style = card.text("sketch") if card.has("sketch") else SketchStyle.PARTS
    if style not in list(SketchStyle):
        raise CardError(f"{card.path}: sketch must be {' or '.join(SketchStyle)}, got {style!r}")
    return SketchStyle(style)


def _all_files(person: Person) -> list[str]:
    """Returns the names of the files of ``person``: those it needs, and the optional ones that exist."""
    needed = _needed(person.mode, person.speech is not None)
    networks = [RENDERER_FILE]
    if person.speech:
        networks.append(PREDICTOR_FILE)
    if person.poser:
        networks.append(POSER_FILE)
    optional = [SOURCES_FILE, ENCODER_FILE, FAST_RENDERER_FILE, *networks, *map(onnx_name, networks)]
    there = [name for name in optional if (person.folder / name).is_file()]
    return [*needed, *([POSES_FILE] if person.text else []), *there]


def _needed(mode: RenderMode, speech: bool) -> list[str]:
    names = [REFERENCE_FILE, *([MOUTH_FILE] if speech else [])]
    return [*names, FOOTAGE_FILE, REGION_FILE] if mode is RenderMode.INPAINT else names


def _read_poser(card: Card) -> PoserCard:
    metrics = card.part("metrics").all_numbers() if card.has("metrics") else {}
    return card.build(PoserCard, config=card.part("config").build(PoserConfig), metrics=metrics)


def _check_parts(card: Card, mode: RenderMode, files: dict[str, str]) -> None:
    """Checks that each file needed by the parts in ``card`` has a sha256 in ``files``.

    Raises:
        PersonError: one has none.
    """
    folder = card.path.parent
    if mode is RenderMode.INPAINT and REGION_FILE not in files:
        raise PersonError(
            f"person was made before the painted region had one shape: {folder}; train its renderer anew with: "
            "obamanet train renderer --mode inpaint"
        )
    speech, text = card.whole("schema") == 1 or card.has("speech"), _text_card(card, files)
    needed = [{name} for name in _needed(mode, speech)]
    needed += [{POSES_FILE}] if text else []
    networks = [
        RENDERER_FILE,
        *([PREDICTOR_FILE] if speech else []),
        *([POSER_FILE] if text and text.has("poser") else []),
    ]
    # Either file of a network is enough: the weights for further training, or the ONNX file to run.
    needed += [{name, onnx_name(name)} for name in networks]
    for names in needed:
        if not names & files.keys():
            raise PersonError(f"person is damaged: {card.path} has no sha256 of {' or '.join(sorted(names))}")
        if not any((folder / name).is_file() for name in names):
            raise PersonError(f"person is incomplete: {folder / min(names & files.keys())} is missing")


def _check_fit(person: Person) -> None:
    faults = [*_speech_faults(person), *_pose_faults(person), *_region_faults(person), *_range_faults(person)]
    if (
        person.reference.points.ndim != 3
        or person.reference.points.shape[1:] not in ((LANDMARK_COUNT, 2), (LANDMARKS_WITH_IRISES, 2))
        or not len(person.reference.points)
    ):
        faults.append(f"reference track has shape {person.reference.points.shape}, needed is (T, 68, 2) or (T, 78, 2)")
    elif not np.isfinite(person.reference.points).all():
        faults.append("reference track has points that are no numbers")
    if person.mode is RenderMode.INPAINT and len(person.boxes) != len(person.reference.points):
        faults.append(f"{len(person.boxes)} squares for {len(person.reference.points)} reference frames")
    if not all(np.isfinite((box.left, box.top, box.side)).all() and box.side > 0 for box in person.boxes):
        faults.append("a square has no place or no size")
    channels = (person.generator.in_channels, person.generator.out_channels)
    if channels != (3, 3):
        faults.append(f"generator has {channels[0]} channels in and {channels[1]} out, needed are 3 and 3")
    if person.generator.image_size < IMAGE_SIZE // 4:
        faults.append(f"image size {person.generator.image_size} is too small to show a mouth")
    if faults:
        raise PersonError(f"person does not fit together: {person.folder}: {'; '.join(faults)}")


def _speech_faults(person: Person) -> list[str]:
    speech = person.speech
    if speech is None:
        return ["the text part needs a speech part"] if person.text else []
    faults = _mouth_faults(speech.mouth)
    inputs = stacked_size(*feature_size(speech.features, speech.encoder.config if speech.encoder else None))
    if speech.predictor.inputs != inputs:
        faults.append(f"predictor takes {speech.predictor.inputs} values, the features have {inputs}")
    if (speech.encoder is not None) != (speech.features.kind == SPEECH):
        faults.append("speech features need a speech encoder, and others have none")
    elif speech.encoder and not (person.folder / ENCODER_FILE).is_file() and _is_not_shipped(speech.encoder):
        faults.append("its speech encoder is neither in the folder nor this version's")
    if speech.predictor.outputs != speech.mouth.pca.count:
        faults.append(f"predictor gives {speech.predictor.outputs} values, PCA takes {speech.mouth.pca.count}")
    return faults


def _is_not_shipped(encoder: EncoderCard) -> bool:
    return encoder.sha256 != encoder_card().sha256


def _mouth_faults(mouth: MouthModel) -> list[str]:
    count = mouth.pca.count
    needed = {
        "template": (mouth.head.template, (LANDMARK_COUNT, 2)),
        "turn": (mouth.head.turn, (2 * len(TURN_POINTS), 2)),
        "stretch": (mouth.head.stretch, (2 * len(TURN_POINTS),)),
        "mean": (mouth.pca.mean, (2 * MOUTH_COUNT,)),
        "components": (mouth.pca.components, (count, 2 * MOUTH_COUNT)),
        "spread": (mouth.pca.spread, (count,)),
        "jaw": (mouth.jaw.weights, (2 * MOUTH_COUNT, 2 * len(LOWER_JAW))),
        "rest": (mouth.rest, (MOUTH_COUNT, 2)),
    }
    return _shape_faults(MOUTH_FILE, needed)


def _pose_faults(person: Person) -> list[str]:
    if person.poses is None:
        return []
    poses, values = person.poses, person.speech.mouth.pca.count if person.speech else 0
    count = max(2, len(poses.counts)) if poses.counts.ndim else 2
    needed = {
        "centres": (poses.centres, (count, values)),
        "counts": (poses.counts, (count,)),
        "scale": (poses.scale, (values,)),
    }
    return _shape_faults(POSES_FILE, needed)


def _region_faults(person: Person) -> list[str]:
    if person.region is None:
        return []
    region = person.region
    corners = max(3, len(region.outline)) if region.outline.ndim else 3
    needed: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {
        "template": (region.head.template, (LANDMARK_COUNT, 2)),
        "turn": (region.head.turn, (2 * len(TURN_POINTS), 2)),
        "stretch": (region.head.stretch, (2 * len(TURN_POINTS),)),
        "outline": (region.outline, (corners, 2)),
    }
    return _shape_faults(REGION_FILE, needed)


def _range_faults(person: Person) -> list[str]:
    if person.movement is None:
        return []
    needed: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {
        "reach": (person.movement.reach, (person.landmark_count, 2)),
        "gap": (np.array(person.movement.gap), ()),
        "drift": (person.movement.drift, (4,)),
    }
    return _shape_faults(REFERENCE_FILE, needed)


def _shape_faults(file: str, needed: dict[str, tuple[np.ndarray, tuple[int, ...]]]) -> list[str]:
    return [
        f"{file}: {name} has shape {array.shape} or is not finite, needed is {shape}"
        for name, (array, shape) in needed.items()
        if array.shape != shape or not np.isfinite(array).all()
    ]
