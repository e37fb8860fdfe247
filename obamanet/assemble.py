"""Puts a finished training together into a person: best weights, mouth model and poses, reference track, card."""

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
from obamanet.files import locked
from obamanet.keypoints.mouth_poses import MouthPoses
from obamanet.keypoints.reference import SEAM_SECONDS, stitch
from obamanet.networks.weights import save_half
from obamanet.person import (
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
    is_person_place,
    load_person,
    load_region,
    onnx_name,
    replace_person,
    save_card,
    save_mouth,
    save_poses,
    save_reference,
    save_region,
)
from obamanet.render.crop import to_square
from obamanet.sources import Sources, add_sources, read_sources
from obamanet.speech.feature_extractor import encoder_card
from obamanet.training.data.dataset import Dataset, Piece, Split, videos_of
from obamanet.training.loop.runner import check_not_blank
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

REFERENCE_SECONDS = 24
"""Length of a stitched reference track: long enough that a viewer does not see it come round."""

APPEARANCE_FRAMES = 5
APPEARANCE_SIDE = 32
"""Frames per piece and pixels per side that tell how the person looked: hair and clothes, not the spoken mouth."""

FOOTAGE_SECONDS = 60
"""Longest footage that an in-painted person carries; it is played forward and backward when the sound is longer."""


def assemble_person(
    dataset: Dataset,
    split: Split,
    keypoints_run: Path,
    renderer_run: Path,
    out: Path,
    *,
    name: str,
    origin: Origin,
    metrics: dict[str, float] | None = None,
    weights: str = "best",
) -> Person:
    """Write the person folder ``out`` from the two training runs and return it, loaded and checked.

    The reference track and the mouth poses are taken from the training side of ``split``, on which both runs must have
    been trained. ``weights`` says which are used, "best" or "last". A person that is in ``out`` is replaced when the
    new one is complete. Its poser stays, with the mouth poses it was trained for where the mouth is still the same;
    where it is not, :func:`obamanet.person.poser_of` says that the poser has to be trained anew.

    Raises :class:`OptionError` for a blank name or right, :class:`DatasetError` when a run has no weights yet or does
    not belong to the dataset or the split, :class:`PersonError` when footage is gone, and :class:`OutputError` when
    ``out`` holds something else than a person or another process is at work there.
    """
    check_not_blank(name=name, **asdict(origin))
    if out.exists() and not is_person_place(out):
        raise OutputError(f"there is something else than a person, which is not replaced: {out}")
    predictor, renderer = run_predictor(keypoints_run, weights), run_renderer(renderer_run, weights)
    for run in (predictor, renderer):
        if run.split is not None and run.split != split.digest:
            raise DatasetError(
                f"run was trained on another split of the footage: {run.folder} has {run.split}, given is "
                f"{split.digest}; name the split, share and seed that it was trained with, or train it anew"
            )
    made = not out.exists()
    part = out.with_name(f".{out.name}.part")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            try:
                # Only who has the lock makes this folder: what lies there is of a run that was killed.
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                _write_person(part, dataset, split.train, predictor, renderer, out, name, origin, metrics or {})
                load_person(part)
                replace_person(part, out)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"person cannot be written ({error.strerror or error}): {out}") from error
    finally:
        if made:
            with suppress(OSError):
                out.rmdir()  # Only when nothing came of it.
    return load_person(out)


def _write_person(
    part: Path,
    dataset: Dataset,
    pieces: Sequence[Piece],
    predictor: TrainedPredictor,
    renderer: TrainedRenderer,
    out: Path,
    name: str,
    origin: Origin,
    metrics: dict[str, float],
) -> None:
    from obamanet.networks.keypoint_lstm import build_predictor
    from obamanet.networks.unet import build_generator

    mode, generator, mouth = renderer.mode, renderer.config, predictor.mouth
    if mode is None:
        raise DatasetError(f"not a renderer's training run: {renderer.folder}: it paints no face")
    region = load_region(renderer.folder / REGION_FILE) if mode is RenderMode.INPAINT else None
    if generator.image_size != dataset.image_size:
        raise DatasetError(
            f"renderer paints {generator.image_size} px, the dataset has {dataset.image_size} px: {renderer.folder}"
        )
    save_mouth(mouth, part / MOUTH_FILE)
    poses, poser = _poses_and_poser(part, pieces, mouth, out)
    for network, trained, file in (
        (build_predictor(predictor.config), predictor.weights, PREDICTOR_FILE),
        (build_generator(generator), renderer.weights, RENDERER_FILE),
    ):
        load_weights(network, trained)
        save_half(network, part / file)
    boxes: tuple[CropBox, ...] = ()
    if region is None:
        track = LandmarkTrack(_stitched(pieces, dataset), dataset.fps)
    else:
        save_region(region, part / REGION_FILE)
        piece = max(pieces, key=lambda piece: piece.stop - piece.start)
        piece = Piece(piece.clip, piece.start, min(piece.stop, piece.start + round(FOOTAGE_SECONDS * dataset.fps)))
        landmarks = to_square(piece.clip.landmarks[piece.start : piece.stop], piece.clip.box, dataset.image_size)
        track = LandmarkTrack(landmarks, dataset.fps)
        boxes = (piece.clip.box,) * len(landmarks)
        written = write_footage(part / FOOTAGE_FILE, _footage(piece, dataset.fps), dataset.fps)
        if written != len(landmarks):
            raise PersonError(f"footage was changed since it was prepared: {piece.clip.source}")
    save_reference(part / REFERENCE_FILE, track, boxes)
    learned = read_sources(predictor.folder) | read_sources(renderer.folder)
    # Runs of before there were notes of sources name their split alone.
    splits = frozenset(run.split for run in (predictor, renderer) if run.split is not None)
    add_sources(part, learned | Sources(videos_of(pieces), splits))
    encoder = None
    if predictor.encoder:
        encoder = EncoderCard(encoder_card().config, predictor.encoder)
        if encoder.sha256 != encoder_card().sha256:
            raise DatasetError(
                f"predictor was trained with another speech encoder than this version's: {predictor.folder}; "
                "train it anew with: obamanet train keypoints"
            )
    person = Person(
        folder=part,
        name=name,
        fps=predictor.fps,
        mode=mode,
        generator=generator,
        reference=track,
        boxes=boxes,
        origin=origin,
        metrics=metrics,
        speech=SpeechPart(predictor.features, predictor.config, mouth, encoder, predictor.voices),
        text=TextPart(poses, poser),
        region=region,
        landmarks=dataset.landmarks,
    )
    export_networks(person)
    save_card(person)


def _poses_and_poser(
    part: Path, pieces: Sequence[Piece], mouth: MouthModel, out: Path
) -> tuple[MouthPoses, PoserCard | None]:
    """Write the mouth poses into ``part``, and the poser of the person that is in ``out``; return them."""
    try:
        before = load_person(out)
    except PersonError:
        before = None
    if before and before.poser:
        for name in (POSER_FILE, onnx_name(POSER_FILE)):
            if (out / name).is_file():
                shutil.copyfile(out / name, part / name)
    if before and before.speech and before.poses and _same_mouth(before.mouth, mouth):
        shutil.copyfile(before.folder / POSES_FILE, part / POSES_FILE)
        return before.poses, before.poser
    poses = fit_poses_of(pieces, mouth)
    save_poses(poses, part / POSES_FILE)
    return poses, before.poser if before else None


def _same_mouth(one: MouthModel, other: MouthModel) -> bool:
    """Return whether values of one mouth's PCA are the same mouth for the other, but for rounding."""
    pairs = [(getattr(one.pca, name), getattr(other.pca, name)) for name in ("mean", "components", "spread")]
    pairs.append((one.rest, other.rest))
    return all(a.shape == b.shape and np.allclose(a, b, atol=1e-4) for a, b in pairs)


def _stitched(pieces: Sequence[Piece], dataset: Dataset) -> np.ndarray:
    """Return enough pieces, in squares, stitched where they fit best; all from where the person looked alike.

    Hair and collar differ from one recording session to the next, and the renderer tells them by small things in the
    sketch: a track stitched across sessions would change the hairdo in mid-sentence.
    """
    looks = np.stack([_appearance(piece) for piece in pieces])
    overlap = SEAM_SECONDS * dataset.fps
    lengths = np.array([max(0.0, float(piece.stop - piece.start - overlap)) for piece in pieces])
    needed = float(REFERENCE_SECONDS * dataset.fps)
    best: tuple[float, list[int]] = (np.inf, [])
    for look in looks:
        distance = np.linalg.norm(looks - look, axis=1)
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


def _appearance(piece: Piece) -> np.ndarray:
    """Return a thumbnail of the piece's portrait, the mean over a few frames, as a vector."""
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
