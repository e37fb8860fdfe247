"""A person: one folder with all that is needed to make that face speak, and what it was made from.

person.json           schema, rates, sizes, mode, training data and its licence, consent, metrics, sha256 of each file
mouth.npz             mean face, PCA of the mouth, jaw regression, mouth at rest
predictor.weights.h5  sound features to PCA values
renderer.weights.h5   sketch to picture
reference.npz         the reference track, in pixels of the square
footage.mp4           in-painting only: the frames that belong to the reference track
region.npz            in-painting only: the region that is blanked and painted
poses.npz             the mouth poses; older persons have none
poser.weights.h5      timed syllables to weights of mouth poses; only when it was trained
sources.json          which recordings it was learned from; older persons have none
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet.audio.features import FeatureOptions
from obamanet.audio.stack import stacked_size
from obamanet.card import Card, CardError, read_arrays, read_card
from obamanet.constants import IMAGE_SIZE, LANDMARK_COUNT, MOUTH_COUNT, PERSON_SCHEMA
from obamanet.errors import ObamanetError, PersonError
from obamanet.files import atomic_path, atomic_write_json, sha256_of
from obamanet.hearing.listener import encoder_digest, heard_size
from obamanet.keypoints.head import TURN_POINTS, Head
from obamanet.keypoints.jaw import LOWER_JAW, JawModel
from obamanet.keypoints.pca import MouthPca
from obamanet.keypoints.poses import MouthPoses, PoseCurve
from obamanet.keypoints.region import MouthRegion
from obamanet.networks.config import GeneratorConfig, PoserConfig, PredictorConfig
from obamanet.sources import SOURCES_FILE
from obamanet.timing import parse_rate
from obamanet.types import CropBox, LandmarkTrack, RenderMode

CARD = "person.json"
MOUTH_FILE = "mouth.npz"
PREDICTOR_FILE = "predictor.weights.h5"
RENDERER_FILE = "renderer.weights.h5"
REFERENCE_FILE = "reference.npz"
FOOTAGE_FILE = "footage.mp4"
REGION_FILE = "region.npz"
POSES_FILE = "poses.npz"
POSER_FILE = "poser.weights.h5"

PARTS = (
    MOUTH_FILE,
    PREDICTOR_FILE,
    RENDERER_FILE,
    REFERENCE_FILE,
    FOOTAGE_FILE,
    REGION_FILE,
    POSES_FILE,
    POSER_FILE,
    SOURCES_FILE,
)
"""Every file that a person may have beside its card."""

READY = ".ready"
"""Folder, inside a person's, that holds a complete new person whose files are about to take the old ones' places."""


@dataclass(frozen=True)
class MouthModel:
    """What is learned of a face before any network, in canonical units.

    ``head`` says where the mouth lies, ``pca`` how it moves, ``jaw`` what follows it, ``rest`` (20, 2) is the mouth in
    silence.
    """

    head: Head
    pca: MouthPca
    jaw: JawModel
    rest: np.ndarray


@dataclass(frozen=True)
class Origin:
    """Where a person comes from: the footage, its licence and attribution, and on what ground it may be used."""

    footage: str
    licence: str
    attribution: str
    consent: str


@dataclass(frozen=True)
class PoserCard:
    """What a person's poser is and where it comes from.

    ``poses`` is the sha256 of the mouth poses it chooses from. ``recorded`` tells which part learned from recordings,
    ``spoken`` which from a synthetic voice with the person's own predictor as teacher.
    """

    config: PoserConfig
    poses: str
    recorded: str
    spoken: str
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """A loaded person; weights are read by the stages that need them.

    ``reference`` is in pixels of the square of ``generator.image_size``. ``boxes`` say, for in-painting, where that
    square lies in each frame of the footage, and ``region`` what is painted; for whole faces it is None. ``poses`` are
    None in a person that was made before there were any; :func:`poses_of` says so. ``poser`` is None where none was
    trained, see :func:`poser_of`. ``encoder`` is the sha256 of the speech encoder that its predictor learned to listen
    through, None for other features. ``voices`` says in words whose voices it learned from, in which disguise, and with
    which seed.
    """

    folder: Path
    name: str
    fps: Fraction
    mode: RenderMode
    features: FeatureOptions
    predictor: PredictorConfig
    generator: GeneratorConfig
    mouth: MouthModel
    reference: LandmarkTrack
    boxes: tuple[CropBox, ...]
    origin: Origin
    metrics: dict[str, float] = field(default_factory=dict)
    poses: MouthPoses | None = None
    poser: PoserCard | None = None
    encoder: str | None = None
    voices: str = ""
    region: MouthRegion | None = None

    @property
    def image_size(self) -> int:
        """Side of the renderer's square in pixels."""
        return self.generator.image_size

    @property
    def predictor_weights(self) -> Path:
        """The predictor's weights."""
        return self.folder / PREDICTOR_FILE

    @property
    def renderer_weights(self) -> Path:
        """The renderer's weights."""
        return self.folder / RENDERER_FILE

    @property
    def poser_weights(self) -> Path:
        """The poser's weights."""
        return self.folder / POSER_FILE

    @property
    def footage(self) -> Path:
        """The footage that an in-painted person is painted into."""
        return self.folder / FOOTAGE_FILE


def load_person(folder: Path) -> Person:
    """Read and check the person in ``folder``.

    Raises :class:`PersonError`, naming the file and the reason, when a file is missing or altered, the schema is newer
    than this program's, or the parts do not fit each other.
    """
    _finish_replacing(folder)
    try:
        card = _read_card(folder)
        mode, files = _read_mode(card), card.part("files").all_texts()
        _check_files(folder, mode, files)
        mouth = load_mouth(folder / MOUTH_FILE)
        arrays = read_arrays(folder / REFERENCE_FILE)
        points, squares = arrays["landmarks"], arrays["boxes"]
        if squares.ndim != 2 or squares.shape[1] != 3:
            raise CardError(f"{folder / REFERENCE_FILE}: boxes have shape {squares.shape}, needed is (T, 3)")
        boxes = tuple(CropBox(*map(float, box)) for box in squares)
        person = Person(
            folder=folder,
            name=card.text("name"),
            fps=parse_rate(card.text("fps")),
            mode=mode,
            features=card.part("features").build(FeatureOptions),
            predictor=card.part("predictor").build(PredictorConfig),
            generator=card.part("generator").build(GeneratorConfig),
            mouth=mouth,
            reference=LandmarkTrack(points, parse_rate(card.text("reference_fps"))),
            boxes=boxes,
            origin=card.part("origin").build(Origin),
            metrics=card.part("metrics").all_numbers(),
            poses=load_poses(folder / POSES_FILE) if POSES_FILE in files else None,
            poser=_read_poser(card.part("poser")) if card.has("poser") else None,
            encoder=card.text("encoder") if card.has("encoder") else None,
            voices=card.text("voices") if card.has("voices") else "",
            region=load_region(folder / REGION_FILE) if mode is RenderMode.INPAINT else None,
        )
        _check_fit(person)
    except CardError as error:
        raise PersonError(f"person is damaged: {error}") from error
    except OSError as error:
        raise PersonError(f"person cannot be read ({error.strerror}): {error.filename or folder}") from error
    except (TypeError, ValueError) as error:
        # Arrays of another form than any that was ever written.
        raise PersonError(
            f"person is damaged: {folder}: its arrays do not have the form that obamanet gives"
        ) from error
    except PersonError:
        raise
    except ObamanetError as error:
        raise PersonError(f"person is damaged: {folder / CARD}: {error}") from error
    return person


def is_person_place(folder: Path) -> bool:
    """Return whether ``folder`` holds a person, or nothing yet, so that one may be written there."""
    return folder.is_dir() and ((folder / CARD).is_file() or not any(folder.iterdir()))


def replace_person(made: Path, folder: Path) -> None:
    """Give the complete person in ``made`` the place ``folder``, which is empty or holds an older one.

    ``made`` lies beside it and is gone afterwards. A crash leaves the old person or the new one: from one rename on it
    is the new one, whose files the next :func:`load_person` puts in place. What else is in ``folder`` stays. Raises
    OSError.
    """
    if not any(folder.iterdir()):
        made.replace(folder)
        return
    _finish_replacing(folder)
    made.replace(folder / READY)
    _finish_replacing(folder)


def _finish_replacing(folder: Path) -> None:
    """Put the files of a new person that is ready in ``folder`` in place; several processes may be at it at once."""
    ready = folder / READY
    if not ready.is_dir():
        return
    try:
        for path in sorted(ready.iterdir()):
            with suppress(FileNotFoundError):
                path.replace(folder / path.name)
        named = _read_card(folder).part("files").content
        for name in PARTS:
            if name not in named:
                (folder / name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            ready.rmdir()
    except OSError as error:
        raise PersonError(
            f"person is half replaced, and that cannot be finished ({error.strerror}): {ready}"
        ) from error


def save_card(person: Person) -> None:
    """Write ``person.json`` beside the person's other files, with the sha256 of each of them."""
    atomic_write_json(
        person.folder / CARD,
        {
            "schema": PERSON_SCHEMA,
            "name": person.name,
            "fps": str(person.fps),
            "reference_fps": str(person.reference.fps),
            "mode": person.mode.value,
            "features": asdict(person.features),
            "predictor": asdict(person.predictor),
            "generator": asdict(person.generator),
            "origin": asdict(person.origin),
            "metrics": person.metrics,
            "encoder": person.encoder,
            "voices": person.voices,
            "poser": asdict(person.poser) if person.poser else None,
            "files": {name: sha256_of(person.folder / name) for name in _all_files(person)},
        },
    )


def poses_of(person: Person) -> MouthPoses:
    """Return the mouth poses of ``person``; raises :class:`PersonError`, which says how to make them, for none."""
    if person.poses is None:
        raise PersonError(
            f"person has no mouth poses: {person.folder} has no {POSES_FILE}; "
            f"make them with: obamanet poses DATASET {person.folder}"
        )
    return person.poses


def poser_of(person: Person) -> PoserCard:
    """Return what is known of the poser of ``person``; raises :class:`PersonError` when there is none that fits."""
    train = "train one with: obamanet train syllables"
    if person.poser is None:
        raise PersonError(f"person cannot speak by syllables: {person.folder} has no {POSER_FILE}; {train}")
    if person.poses is None or person.poser.poses != sha256_of(person.folder / POSES_FILE):
        raise PersonError(f"poser was trained for other mouth poses: {person.folder / POSER_FILE}; {train}")
    return person.poser


def save_reference(path: Path, track: LandmarkTrack, boxes: tuple[CropBox, ...]) -> None:
    """Write the reference track and the squares it was cut from."""
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            landmarks=track.points.astype(np.float32),
            boxes=np.array([(b.left, b.top, b.side) for b in boxes], dtype=np.float64).reshape(-1, 3),
        )


def save_mouth(mouth: MouthModel, path: Path) -> None:
    """Write ``mouth`` as an ``.npz`` of plain arrays."""
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(
            file,
            template=mouth.head.template.astype(np.float32),
            turn=mouth.head.turn.astype(np.float32),
            mean=mouth.pca.mean,
            components=mouth.pca.components,
            spread=mouth.pca.spread,
            jaw=mouth.jaw.weights,
            rest=mouth.rest,
        )


def load_mouth(path: Path) -> MouthModel:
    """Read what :func:`save_mouth` wrote; raises :class:`obamanet.card.CardError` when it is not that."""
    arrays = read_arrays(path)
    pca = MouthPca(arrays["mean"], arrays["components"], arrays["spread"])
    head = Head(arrays["template"], arrays["turn"])
    return MouthModel(head, pca, JawModel(arrays["jaw"]), arrays["rest"])


def save_region(region: MouthRegion, path: Path) -> None:
    """Write ``region`` as an ``.npz`` of plain arrays."""
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(file, template=region.head.template, turn=region.head.turn, outline=region.outline)


def load_region(path: Path) -> MouthRegion:
    """Read what :func:`save_region` wrote; raises :class:`obamanet.card.CardError` when it is not that."""
    arrays = read_arrays(path)
    return MouthRegion(Head(arrays["template"], arrays["turn"]), arrays["outline"])


def save_poses(poses: MouthPoses, path: Path) -> None:
    """Write ``poses`` as an ``.npz`` of plain arrays."""
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
    """Read what :func:`save_poses` wrote; raises TypeError or ValueError, such as CardError, when it is not that."""
    arrays = read_arrays(path)
    curve = PoseCurve(arrays["sizes"], arrays["inertia"], arrays["silhouette"])
    variance, seed, rule = float(arrays["variance"]), int(arrays["seed"]), str(arrays["rule"])
    return MouthPoses(arrays["centres"], arrays["counts"], arrays["scale"], curve, variance, seed, rule)


def _read_card(folder: Path) -> Card:
    path = folder / CARD
    if not folder.is_dir():
        raise PersonError(f"no such person: {folder} is not a folder")
    if not path.exists():
        raise PersonError(f"not a person: {folder} has no {CARD}")
    card = read_card(path)
    schema = card.whole("schema")
    if schema > PERSON_SCHEMA:
        raise PersonError(f"{path}: schema {schema} is newer than this program's {PERSON_SCHEMA}; update obamanet")
    return card


def _read_mode(card: Card) -> RenderMode:
    mode = card.text("mode")
    if mode not in list(RenderMode):
        raise CardError(f"{card.path}: mode must be {' or '.join(RenderMode)}, got {mode!r}")
    return RenderMode(mode)


def _file_names(mode: RenderMode) -> list[str]:
    names = [MOUTH_FILE, PREDICTOR_FILE, RENDERER_FILE, REFERENCE_FILE]
    return [*names, FOOTAGE_FILE, REGION_FILE] if mode is RenderMode.INPAINT else names


def _all_files(person: Person) -> list[str]:
    poses = [POSES_FILE] if person.poses is not None else []
    poser = [POSER_FILE] if person.poser is not None else []
    sources = [SOURCES_FILE] if (person.folder / SOURCES_FILE).is_file() else []
    return [*_file_names(person.mode), *poses, *poser, *sources]


def _read_poser(card: Card) -> PoserCard:
    metrics = card.part("metrics").all_numbers() if card.has("metrics") else {}
    return card.build(PoserCard, config=card.part("config").build(PoserConfig), metrics=metrics)


def _check_files(folder: Path, mode: RenderMode, files: dict[str, str]) -> None:
    for name in files:
        if Path(name).name != name:
            raise PersonError(f"person is damaged: {folder / CARD} names a file outside the folder: {name!r}")
    for name in _file_names(mode):
        if name == REGION_FILE and name not in files:
            raise PersonError(
                f"person was made before the painted region had one shape: {folder}; train its renderer anew with: "
                "obamanet train renderer --mode inpaint"
            )
        if name not in files:
            raise PersonError(f"person is damaged: {folder / CARD} has no sha256 of {name}")
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise PersonError(f"person is incomplete: {path} is missing")
        found = sha256_of(path)
        if found != digest:
            raise PersonError(f"person was altered: {path} has sha256 {found[:12]}..., {CARD} says {digest[:12]}...")


def _check_fit(person: Person) -> None:
    faults = [*_wrong_shapes(person.mouth), *_wrong_poses(person), *_wrong_region(person)]
    inputs = stacked_size(*heard_size(person.features))
    if person.predictor.inputs != inputs:
        faults.append(f"predictor takes {person.predictor.inputs} values, the features have {inputs}")
    if person.encoder != encoder_digest(person.features):
        faults.append("predictor was trained with another speech encoder than this version's; train it anew")
    if person.predictor.outputs != person.mouth.pca.count:
        faults.append(f"predictor gives {person.predictor.outputs} values, PCA takes {person.mouth.pca.count}")
    if (
        person.reference.points.ndim != 3
        or person.reference.points.shape[1:] != (68, 2)
        or not len(person.reference.points)
    ):
        faults.append(f"reference track has shape {person.reference.points.shape}, needed is (T, 68, 2)")
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


def _wrong_shapes(mouth: MouthModel) -> list[str]:
    count = mouth.pca.count
    needed = {
        "template": (mouth.head.template, (LANDMARK_COUNT, 2)),
        "turn": (mouth.head.turn, (2 * len(TURN_POINTS), 2)),
        "mean": (mouth.pca.mean, (2 * MOUTH_COUNT,)),
        "components": (mouth.pca.components, (count, 2 * MOUTH_COUNT)),
        "spread": (mouth.pca.spread, (count,)),
        "jaw": (mouth.jaw.weights, (2 * MOUTH_COUNT, 2 * len(LOWER_JAW))),
        "rest": (mouth.rest, (MOUTH_COUNT, 2)),
    }
    return _misshapen(MOUTH_FILE, needed)


def _wrong_poses(person: Person) -> list[str]:
    if person.poses is None:
        return []
    poses, values = person.poses, person.mouth.pca.count
    count = max(2, len(poses.counts)) if poses.counts.ndim else 2
    needed = {
        "centres": (poses.centres, (count, values)),
        "counts": (poses.counts, (count,)),
        "scale": (poses.scale, (values,)),
    }
    return _misshapen(POSES_FILE, needed)


def _wrong_region(person: Person) -> list[str]:
    if person.region is None:
        return []
    region = person.region
    corners = max(3, len(region.outline)) if region.outline.ndim else 3
    needed: dict[str, tuple[np.ndarray, tuple[int, ...]]] = {
        "template": (region.head.template, (LANDMARK_COUNT, 2)),
        "turn": (region.head.turn, (2 * len(TURN_POINTS), 2)),
        "outline": (region.outline, (corners, 2)),
    }
    return _misshapen(REGION_FILE, needed)


def _misshapen(file: str, needed: dict[str, tuple[np.ndarray, tuple[int, ...]]]) -> list[str]:
    return [
        f"{file}: {name} has shape {array.shape} or is not finite, needed is {shape}"
        for name, (array, shape) in needed.items()
        if array.shape != shape or not np.isfinite(array).all()
    ]
