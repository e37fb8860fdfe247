"""Assembles finished training runs into a person: weights, mouth model, mouth poses, reference track, card."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from obamanet.errors import DatasetError, OutputError, PersonError
from obamanet.export import export_networks
from obamanet.files import locked, read_json
from obamanet.inference.faces_at_rest import neutral_face
from obamanet.keypoints.mouth_poses import MouthPoses
from obamanet.keypoints.reference import SEAM_SECONDS, stitch
from obamanet.keypoints.retarget import MovementRange, fit_range
from obamanet.networks.weights import save_half
from obamanet.person import (
    CARD,
    FOOTAGE_FILE,
    MOUTH_FILE,
    POSER_FILE,
    POSES_FILE,
    PREDICTOR_FILE,
    REFERENCE_FILE,
    REGION_FILE,
    RENDERER_FILE,
    EncoderCard,
    MouthModel,
    Origin,
    Person,
    PoserCard,
    SpeechPart,
    TextPart,
    can_hold_person,
    load_person,
    load_region,
    onnx_name,
    poser_of,
    replace_person,
    save_card,
    save_mouth,
    save_poses,
    save_reference,
    save_region,
)
from obamanet.progress import Progress
from obamanet.render.crop import to_square
from obamanet.sources import Sources, add_sources, read_sources
from obamanet.speech.feature_extractor import encoder_card
from obamanet.training.data.dataset import KEYPOINTS, PERSON, RENDERER, Dataset, Piece, Split, videos_of
from obamanet.training.loop.log import logged
from obamanet.training.loop.runner import NOT_STATED, check_not_blank, chosen_step, read_options
from obamanet.training.loop.trained_networks import (
    TrainedPredictor,
    TrainedRenderer,
    load_weights,
    run_predictor,
    run_renderer,
)
from obamanet.training.speech.mouth_pose_fit import fit_poses_of
from obamanet.types import CropBox, LandmarkTrack, RenderMode
from obamanet.video.footage import write_footage
from obamanet.video.reader import read_frames

VALIDATED = ("step", "score", "opening_correlation", "opening_amplitude")
"""Figures of a run's log that go into the person's card."""

REFERENCE_SECONDS = 24
"""Seconds. Length of a stitched reference track; long enough that its repetition is not noticed."""

APPEARANCE_FRAMES = 5
APPEARANCE_SIDE = 32
"""Frames per piece, and pixels per side of their thumbnails, that describe a person's hair and clothes."""

RANGE_FRAMES = 20_000
"""Frames, spread over the footage, in which the person's range of movement is measured."""

FOOTAGE_SECONDS = 60
"""Seconds. Longest footage of an in-painted person; for longer sound it is played forward and backward."""


def assemble_person(
    dataset: Dataset,
    split: Split,
    keypoints_run: Path | None,
    renderer_run: Path,
    out: Path,
    *,
    name: str,
    origin: Origin,
    weights: str = "best",
    progress: Progress | None = None,
) -> Person:
    """Writes a person from two training runs.

    The reference track and the mouth poses come from the training side of ``split``; the card has what validation
    measured of the weights. A person that is already in ``out`` is replaced when the new one is complete. Its poser is
    kept, and so are its mouth poses if the mouth model is the same; if not, ``progress`` notes that the poser has to be
    trained anew.

    Args:
        dataset: the prepared footage.
        split: the split that both runs were trained on.
        keypoints_run: folder of the predictor's run; None for a person without a speech part, which another's movement
            drives.
        renderer_run: folder of the renderer's run.
        out: the person's folder.
        name: whose face it is.
        origin: footage, licence, attribution and consent.
        weights: which are used, "best" or "last".
        progress: gets a note when the poser does not fit any more.

    Returns:
        The person, loaded and checked.

    Raises:
        OptionError: the name or a part of the origin is blank.
        DatasetError: a run has no weights, or does not belong to the dataset or the split.
        PersonError: the recorded footage is gone.
        OutputError: ``out`` holds something else than a person, or another process is at work in it.
    """
    check_not_blank(name=name, **asdict(origin))
    out = out.resolve()
    if out.exists() and not can_hold_person(out):
        raise OutputError(f"there is something else than a person, which is not replaced: {out}")
    predictor = run_predictor(keypoints_run, weights) if keypoints_run else None
    renderer = run_renderer(renderer_run, weights)
    for run in (predictor, renderer) if predictor else (renderer,):
        if run.split is not None and run.split != split.digest:
            raise DatasetError(
                f"run was trained on another split of the footage: {run.folder} has {run.split}, given is "
                f"{split.digest}; name the split, share and seed that it was trained with, or train it anew"
            )
    metrics = _metrics(keypoints_run, KEYPOINTS, weights) if keypoints_run else {}
    metrics |= _metrics(renderer_run, RENDERER, weights)
    created = not out.exists()
    part = out.with_name(f".{out.name}.part")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            try:
                # Only the lock's holder creates this folder: one that exists is of a killed run.
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                _write_person(part, dataset, split.train, predictor, renderer, out, name, origin, metrics)
                load_person(part)
                replace_person(part, out)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"person cannot be written ({error.strerror or error}): {out}") from error
    finally:
        if created:
            with suppress(OSError):
                out.rmdir()  # Only when nothing came of it.
    person = load_person(out)
    if progress and person.poser:
        try:
            poser_of(person)
        except PersonError as error:
            progress.note(f"note: {error}")
    return person


def assemble_dataset(dataset: Dataset, split: Split, progress: Progress) -> Path | None:
    """Makes the person of a dataset's own runs when both are there; ``progress`` notes what is missing.

    Reads the best weights in DIR/keypoints and DIR/renderer and writes DIR/person. A person that is there keeps its
    name and its rights; those of a new one are the dataset folder's name and "not stated".

    Returns:
        The person's folder; None when a run is missing or was trained on another split.

    Raises:
        As :func:`assemble_person`.
    """
    runs = (dataset.folder / KEYPOINTS, dataset.folder / RENDERER)
    missing = [run.name for run in runs if not (run / "best.weights.h5").is_file()]
    if missing:
        progress.note(f"no person yet; next: obamanet train {missing[0]} {dataset.folder}")
        return None
    for run in runs:
        trained_on = read_options(run).get("data", {}).get("split")
        if trained_on not in (None, split.digest):
            progress.note(
                f"person not made anew: {run} was trained on other footage; go on from it with: "
                f"obamanet train {run.name} {dataset.folder} --start {run} --out {run}-2"
            )
            return None
    out = dataset.folder / PERSON
    name, origin = _name_and_origin(out, dataset.folder)
    assemble_person(dataset, split, *runs, out, name=name, origin=origin, progress=progress)
    progress.note(f"person '{name}' is ready; to name it and its rights: obamanet assemble --help")
    return out


def _metrics(run: Path, kind: str, weights: str) -> dict[str, float]:
    """Returns what validation measured of the weights that are taken, each figure's name beginning with ``kind``."""
    step = chosen_step(run, weights)
    # A run whose state or log is lost still makes a person; its figures are not known then.
    record = logged(run, step) if step is not None else {}
    return {f"{kind}_{name}": record[name] for name in VALIDATED if name in record}


def _name_and_origin(person: Path, dataset: Path) -> tuple[str, Origin]:
    """Returns the name and origin that the person in a dataset has, or unstated ones for a new person."""
    try:
        card = read_json(person / CARD)
        return str(card["name"]), Origin(**card["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        name = dataset.resolve().name
        return name, Origin(name, NOT_STATED, NOT_STATED, NOT_STATED)


def _write_person(
    part: Path,
    dataset: Dataset,
    pieces: Sequence[Piece],
    predictor: TrainedPredictor | None,
    renderer: TrainedRenderer,
    out: Path,
    name: str,
    origin: Origin,
    metrics: dict[str, float],
) -> None:
    from obamanet.networks.unet import build_generator

    mode, generator = _check_renderer(renderer, dataset), renderer.config
    region = load_region(renderer.folder / REGION_FILE) if mode is RenderMode.INPAINT else None
    speech, text = _write_speech(part, pieces, predictor, out) if predictor else (None, None)
    network = build_generator(generator)
    load_weights(network, renderer.weights)
    save_half(network, part / RENDERER_FILE)
    if region is None:
        track = LandmarkTrack(_stitched(pieces, dataset)[:, : renderer.landmark_count], dataset.fps)
        boxes: tuple[CropBox, ...] = ()
    else:
        save_region(region, part / REGION_FILE)
        track, boxes = _write_longest(part, dataset, pieces, renderer.landmark_count)
    movement = _range(pieces, track, dataset.image_size)
    save_reference(part / REFERENCE_FILE, track, boxes, movement)
    learned = Sources(videos_of(pieces))
    for run in (predictor, renderer) if predictor else (renderer,):
        # Runs from before sources were recorded name their split only.
        learned |= read_sources(run.folder) | Sources(splits=frozenset([run.split] if run.split else []))
    add_sources(part, learned)
    person = Person(
        folder=part,
        name=name,
        fps=predictor.fps if predictor else dataset.fps,
        mode=mode,
        generator=generator,
        reference=track,
        boxes=boxes,
        origin=origin,
        metrics=metrics,
        speech=speech,
        text=text,
        region=region,
        landmarks=dataset.landmarks,
        sketch=renderer.sketch,
        movement=movement,
    )
    export_networks(person)
    save_card(person)


def _check_renderer(renderer: TrainedRenderer, dataset: Dataset) -> RenderMode:
    """Returns how ``renderer`` renders; raises :class:`DatasetError` when it does not fit ``dataset``."""
    if renderer.mode is None:
        raise DatasetError(f"not a renderer's training run: {renderer.folder}: it paints no face")
    size = renderer.config.image_size
    if size != dataset.image_size:
        raise DatasetError(f"renderer paints {size} px, the dataset has {dataset.image_size} px: {renderer.folder}")
    if renderer.landmark_count > dataset.landmark_count:
        raise DatasetError(
            f"renderer was trained with irises, which the dataset does not have: {renderer.folder}; prepare "
            f"{dataset.folder} anew, or train the renderer on it"
        )
    return renderer.mode


def _write_longest(
    part: Path, dataset: Dataset, pieces: Sequence[Piece], count: int
) -> tuple[LandmarkTrack, tuple[CropBox, ...]]:
    """Writes the footage of the longest of ``pieces``, up to FOOTAGE_SECONDS, into ``part``.

    Returns:
        The first ``count`` landmarks of each frame, pixels of the square, and the squares in the frames.
    """
    piece = max(pieces, key=lambda piece: piece.stop - piece.start)
    piece = Piece(piece.clip, piece.start, min(piece.stop, piece.start + round(FOOTAGE_SECONDS * dataset.fps)))
    landmarks = to_square(piece.clip.landmarks[piece.start : piece.stop], piece.clip.box, dataset.image_size)
    written = write_footage(part / FOOTAGE_FILE, _footage(piece, dataset.fps), dataset.fps)
    if written != len(landmarks):
        raise PersonError(f"footage was changed since it was prepared: {piece.clip.source}")
    return LandmarkTrack(landmarks[:, :count], dataset.fps), (piece.clip.box,) * len(landmarks)


def _write_speech(
    part: Path, pieces: Sequence[Piece], predictor: TrainedPredictor, out: Path
) -> tuple[SpeechPart, TextPart]:
    """Writes mouth, predictor and mouth poses into ``part``, keeps the poser of the person in ``out``, and returns both
    parts."""
    from obamanet.networks.keypoint_lstm import build_predictor

    if predictor.encoder and predictor.encoder != encoder_card().sha256:
        raise DatasetError(
            f"predictor was trained with another speech encoder than this version's: {predictor.folder}; "
            "train it anew with: obamanet train keypoints"
        )
    save_mouth(predictor.mouth, part / MOUTH_FILE)
    text = TextPart(*_poses_and_poser(part, pieces, predictor.mouth, out))
    network = build_predictor(predictor.config)
    load_weights(network, predictor.weights)
    save_half(network, part / PREDICTOR_FILE)
    encoder = EncoderCard(encoder_card().config, predictor.encoder) if predictor.encoder else None
    return SpeechPart(predictor.features, predictor.config, predictor.mouth, encoder, predictor.voices), text


def _poses_and_poser(
    part: Path, pieces: Sequence[Piece], mouth: MouthModel, out: Path
) -> tuple[MouthPoses, PoserCard | None]:
    """Writes the mouth poses into ``part``, copies the poser of the person in ``out``, and returns both."""
    try:
        previous = load_person(out)
    except PersonError:
        previous = None
    if previous and previous.poser:
        for name in (POSER_FILE, onnx_name(POSER_FILE)):
            if (out / name).is_file():
                shutil.copyfile(out / name, part / name)
    if previous and previous.speech and previous.poses and _same_mouth(previous.mouth, mouth):
        shutil.copyfile(previous.folder / POSES_FILE, part / POSES_FILE)
        return previous.poses, previous.poser
    poses = fit_poses_of(pieces, mouth)
    save_poses(poses, part / POSES_FILE)
    return poses, previous.poser if previous else None


def _same_mouth(one: MouthModel, other: MouthModel) -> bool:
    """Returns whether PCA values mean the same mouth in both models, up to rounding."""
    pairs = [(getattr(one.pca, name), getattr(other.pca, name)) for name in ("mean", "components", "spread")]
    pairs.append((one.rest, other.rest))
    return all(a.shape == b.shape and np.allclose(a, b, atol=1e-4) for a, b in pairs)


def _stitched(pieces: Sequence[Piece], dataset: Dataset) -> np.ndarray:
    """Returns a stitched reference track (T, 68, 2), pixels of the square, from pieces in which the person looks
    alike.

    Hair and clothes differ between recording sessions, and the renderer infers them from details of the sketch: a track
    stitched across sessions would change the hair in mid-sentence.
    """
    appearances = np.stack([_appearance(piece) for piece in pieces])
    overlap = SEAM_SECONDS * dataset.fps
    lengths = np.array([max(0.0, float(piece.stop - piece.start - overlap)) for piece in pieces])
    needed = float(REFERENCE_SECONDS * dataset.fps)
    best: tuple[float, list[int]] = (np.inf, [])
    for appearance in appearances:
        distance = np.linalg.norm(appearances - appearance, axis=1)
        order = np.argsort(distance, kind="stable")
        count = int(np.searchsorted(np.cumsum(lengths[order]), needed)) + 1
        chosen = order[:count].tolist()
        spread = float(distance[chosen].max())
        if spread < best[0]:
            best = (spread, chosen)
    squares = [
        to_square(pieces[i].clip.landmarks[pieces[i].start : pieces[i].stop], pieces[i].clip.box, dataset.image_size)
        for i in best[1]
    ]
    return stitch(squares, float(dataset.fps))


def _range(pieces: Sequence[Piece], track: LandmarkTrack, size: int) -> MovementRange:
    """Returns how far the person moves in all of ``pieces``, from its rest in the reference ``track``."""
    neutral = neutral_face(track.points, size)
    frames = sum(piece.stop - piece.start for piece in pieces)
    step = max(1, frames // RANGE_FRAMES)
    squares = [
        to_square(piece.clip.landmarks[piece.start : piece.stop : step], piece.clip.box, size) for piece in pieces
    ]
    return fit_range(np.concatenate(squares)[:, : track.points.shape[1]], neutral)


def _appearance(piece: Piece) -> np.ndarray:
    """Returns a thumbnail of the piece's portrait, the mean over a few frames, as a vector."""
    numbers = np.linspace(piece.start, piece.stop - 1, APPEARANCE_FRAMES).round().astype(int)
    thumbnails = []
    for number in numbers:
        path = piece.clip.frame_path(int(number))
        picture = cv2.imread(str(path))
        if picture is None:
            raise DatasetError(f"frame is missing: {path}; run obamanet prepare again")
        thumbnails.append(cv2.resize(picture, (APPEARANCE_SIDE, APPEARANCE_SIDE), interpolation=cv2.INTER_AREA))
    return np.mean(thumbnails, axis=0).ravel()


def _footage(piece: Piece, fps: Fraction) -> Iterator[np.ndarray]:
    source = Path(piece.clip.source)
    if not source.is_file():
        raise PersonError(f"in-painting needs the recorded footage, which is gone: {source}")
    for index, frame in enumerate(read_frames(source, fps)):
        if index >= piece.stop:
            break
        if index < piece.start:
            continue
        if (frame.image.shape[1], frame.image.shape[0]) != piece.clip.frame_size:
            raise PersonError(f"footage was changed since it was prepared: {source}")
        yield frame.image
