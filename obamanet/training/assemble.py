"""Puts a finished training together into a person: best weights, mouth model and poses, reference track, card."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from obamanet.audio.features import FeatureOptions
from obamanet.card import Card
from obamanet.errors import DatasetError, OptionError, OutputError, PersonError
from obamanet.keypoints.reference import SEAM_SECONDS, stitch
from obamanet.networks.config import GeneratorConfig, PredictorConfig
from obamanet.networks.weights import save_half
from obamanet.person import (
    CARD,
    FOOTAGE_FILE,
    MOUTH_FILE,
    POSES_FILE,
    PREDICTOR_FILE,
    REFERENCE_FILE,
    REGION_FILE,
    RENDERER_FILE,
    Origin,
    Person,
    load_mouth,
    load_person,
    load_region,
    save_card,
    save_mouth,
    save_poses,
    save_reference,
    save_region,
)
from obamanet.render.crop import to_square
from obamanet.sources import Sources, add_sources, read_sources
from obamanet.timing import parse_rate
from obamanet.training.dataset import Dataset, Piece, videos_of
from obamanet.training.loop import read_options
from obamanet.training.poses import learn_poses
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
    pieces: Sequence[Piece],
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

    ``pieces`` are the training pieces, from which the reference track and the mouth poses are taken. ``weights`` says
    which are used, "best" or "last". The folder is made beside and renamed. Raises :class:`DatasetError` when a run has
    no weights yet or does not belong to the dataset, :class:`PersonError` when footage is gone, and
    :class:`OutputError` when ``out`` holds something else than a person.
    """
    if out.exists() and not (out / CARD).is_file() and (out.is_file() or any(out.iterdir())):
        raise OutputError(f"there is something else than a person, which is not replaced: {out}")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        _write_person(part, dataset, pieces, keypoints_run, renderer_run, name, origin, metrics or {}, weights)
        load_person(part)
        _put_in_place(part, out)
    except OSError as error:
        raise OutputError(f"person cannot be written ({error.strerror or error}): {out}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_person(out)


def _write_person(
    part: Path,
    dataset: Dataset,
    pieces: Sequence[Piece],
    keypoints_run: Path,
    renderer_run: Path,
    name: str,
    origin: Origin,
    metrics: dict[str, float],
    weights: str,
) -> None:
    from obamanet.networks.pix2pix import build_generator
    from obamanet.networks.predictor import build_predictor

    predictor, renderer = (Card(read_options(run), run / "options.json") for run in (keypoints_run, renderer_run))
    try:
        mode = RenderMode(renderer.part("render").text("mode"))
        generator = renderer.part("generator").build(GeneratorConfig)
        region = load_region(renderer_run / REGION_FILE) if mode is RenderMode.INPAINT else None
    except (ValueError, OptionError) as error:
        raise DatasetError(f"not a renderer's training run: {error}") from error
    try:
        fps = parse_rate(predictor.part("rates").text("fps"))
        config = predictor.part("predictor").build(PredictorConfig)
        features = predictor.part("features").build(FeatureOptions)
        data, mouth = predictor.part("data"), load_mouth(keypoints_run / MOUTH_FILE)
    except (ValueError, OptionError) as error:
        raise DatasetError(f"not a predictor's training run: {error}") from error
    if generator.image_size != dataset.image_size:
        raise DatasetError(
            f"renderer paints {generator.image_size} px, the dataset has {dataset.image_size} px: {renderer_run}"
        )
    save_mouth(mouth, part / MOUTH_FILE)
    poses = learn_poses(pieces, mouth)
    save_poses(poses, part / POSES_FILE)
    _copy_weights(build_predictor(config), keypoints_run, weights, part / PREDICTOR_FILE)
    _copy_weights(build_generator(generator), renderer_run, weights, part / RENDERER_FILE)
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
    learned = read_sources(keypoints_run) | read_sources(renderer_run)
    # Runs of before there were notes of sources name their split alone.
    datas = [run.part("data") for run in (predictor, renderer) if run.has("data")]
    splits = frozenset(data.text("split") for data in datas if data.has("split"))
    add_sources(part, learned | Sources(videos_of(pieces), splits))
    save_card(
        Person(
            part,
            name,
            fps,
            mode,
            features,
            config,
            generator,
            mouth,
            track,
            boxes,
            origin,
            metrics,
            poses,
            encoder=data.content.get("encoder"),
            voices=str(data.content.get("voices", "")),
            region=region,
        )
    )


def _put_in_place(part: Path, out: Path) -> None:
    """Give the folder ``part`` the name ``out``; a person of that name goes only when the new one is there."""
    if not out.exists():
        part.replace(out)
        return
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    out.rename(old)
    part.replace(out)
    shutil.rmtree(old, ignore_errors=True)


def _copy_weights(network: Any, run: Path, which: str, path: Path) -> None:
    source = run / f"{which}.weights.h5"
    try:
        network.load_weights(source)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"no usable weights: {source}: {reason}; train first") from error
    save_half(network, path)


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
