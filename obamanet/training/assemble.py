"""Puts a finished training together into a person: best weights, mouth model, reference track, card."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from obamanet.audio.features import FeatureOptions
from obamanet.errors import DatasetError, PersonError
from obamanet.keypoints.reference import SEAM_SECONDS, stitch
from obamanet.networks.pix2pix import GeneratorConfig, build_generator
from obamanet.networks.predictor import PredictorConfig, build_predictor
from obamanet.networks.weights import save_half
from obamanet.person import (
    FOOTAGE_FILE,
    MOUTH_FILE,
    PREDICTOR_FILE,
    REFERENCE_FILE,
    RENDERER_FILE,
    Origin,
    Person,
    load_mouth,
    load_person,
    save_card,
    save_mouth,
    save_reference,
)
from obamanet.render.crop import to_square
from obamanet.training.dataset import Dataset, Piece
from obamanet.training.loop import read_options
from obamanet.types import LandmarkTrack, RenderMode
from obamanet.video.footage import write_footage
from obamanet.video.reader import read_frames

REFERENCE_SECONDS = 24
"""Length of a stitched reference track: long enough that a viewer does not see it come round."""

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

    ``pieces`` are the training pieces from which the reference track is taken. ``weights`` says which are used, "best"
    or "last". The folder is made beside and renamed. Raises :class:`DatasetError` when a run has no weights yet.
    """
    predictor, renderer = read_options(keypoints_run), read_options(renderer_run)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    mode = RenderMode(renderer["render"]["mode"])
    generator = GeneratorConfig(**renderer["generator"])
    predictor_config = PredictorConfig(**predictor["predictor"])
    save_mouth(load_mouth(keypoints_run / MOUTH_FILE), part / MOUTH_FILE)
    _copy_weights(build_predictor(predictor_config), keypoints_run, weights, part / PREDICTOR_FILE)
    _copy_weights(build_generator(generator), renderer_run, weights, part / RENDERER_FILE)
    if mode is RenderMode.WHOLE_FACE:
        track = LandmarkTrack(_stitched(pieces, dataset), dataset.fps)
        save_reference(part / REFERENCE_FILE, track, ())
    else:
        piece = max(pieces, key=lambda piece: piece.stop - piece.start)
        piece = Piece(piece.clip, piece.start, min(piece.stop, piece.start + round(FOOTAGE_SECONDS * dataset.fps)))
        write_footage(part / FOOTAGE_FILE, _footage(piece, dataset.fps), dataset.fps)
        landmarks = to_square(piece.clip.landmarks[piece.start : piece.stop], piece.clip.box, dataset.image_size)
        track = LandmarkTrack(landmarks, dataset.fps)
        save_reference(part / REFERENCE_FILE, track, (piece.clip.box,) * len(landmarks))
    save_card(
        Person(
            folder=part,
            name=name,
            fps=Fraction(predictor["rates"]["fps"]),
            mode=mode,
            features=FeatureOptions(**predictor["features"]),
            predictor=predictor_config,
            generator=generator,
            mouth=load_mouth(part / MOUTH_FILE),
            reference=track,
            boxes=(),
            origin=origin,
            metrics=metrics or {},
        )
    )
    load_person(part)
    if out.exists():
        shutil.rmtree(out)
    part.replace(out)
    return load_person(out)


def _copy_weights(network: Any, run: Path, which: str, path: Path) -> None:
    source = run / f"{which}.weights.h5"
    try:
        network.load_weights(source)
    except (OSError, ValueError) as error:
        raise DatasetError(f"no usable weights: {source}: {error}; train first") from error
    save_half(network, path)


def _stitched(pieces: Sequence[Piece], dataset: Dataset) -> np.ndarray:
    """Return enough pieces, in squares, stitched where they fit best; begins with the one nearest to the mean head."""
    squares = [to_square(p.clip.landmarks[p.start : p.stop], p.clip.box, dataset.image_size) for p in pieces]
    middle = np.mean([square.mean(axis=0) for square in squares], axis=0)
    nearest = sorted(range(len(squares)), key=lambda i: float(np.abs(squares[i] - middle).mean()))
    overlap = SEAM_SECONDS * dataset.fps
    chosen: list[np.ndarray] = []
    while nearest and sum(len(square) - overlap for square in chosen) < REFERENCE_SECONDS * dataset.fps:
        chosen.append(squares[nearest.pop(0)])
    return stitch(chosen, float(dataset.fps))


def _footage(piece: Piece, fps: Fraction) -> Iterator[np.ndarray]:
    source = Path(piece.clip.source)
    if not source.is_file():
        raise PersonError(f"in-painting needs the recorded footage, which is gone: {source}")
    for index, frame in enumerate(read_frames(source, fps)):
        if index >= piece.stop:
            break
        if index >= piece.start:
            yield frame.image
