"""Trains a person's renderer on a prepared dataset: whole faces from sketches, or mouths painted into footage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from obamanet.card import CardError
from obamanet.constants import LANDMARKS_WITH_IRISES, LEFT_EYE, MOUTH, RIGHT_EYE
from obamanet.errors import DatasetError, OptionError
from obamanet.keypoints.head import fit_head
from obamanet.keypoints.placement import fit_template
from obamanet.keypoints.region import MouthRegion, fit_region, place_region
from obamanet.networks.config import GeneratorConfig
from obamanet.person import REGION_FILE, load_region, save_region
from obamanet.progress import Progress
from obamanet.render.compositor import draw_inpainting, region_mask
from obamanet.render.crop import to_square
from obamanet.render.sketch import draw_face
from obamanet.sources import add_sources
from obamanet.training.data.dataset import Dataset, Piece, Split
from obamanet.training.loop.runner import EXPECTED, STATE_FILE, Limits, TrainReport, start_hint
from obamanet.training.loop.trained_networks import TrainedRenderer
from obamanet.training.renderer.pix2pix_training import Pair, TrainOptions, train_pix2pix
from obamanet.types import RenderMode, SketchStyle

MOUTH_WEIGHT, EYES_WEIGHT = 5.0, 4.0
"""Loss weights of the pixels of mouth and eyes, 1 elsewhere; 2 and 4 % of the picture."""

MARGIN = 0.35
"""Margin around the mouth and around each eye that has their weight, in their widths."""

REGION_ONLY = 0.05
"""In-painting: loss weight outside the blanked region, which the compositor does not use."""

RENDERER_WIDTH, RENDERER_FOLD = 24, 2
"""Filters of the generator's first layer, and side of the pixel blocks that it reads as one: quick on a CPU;
pix2pix's own are 64 and 1. Compared in benchmarks/RESULTS.md, "A leaner generator"."""

RENDERER_OPTIONS = TrainOptions(
    batch_size=4,
    learning_rate=5e-4,
    gan_weight=0.5,
    matching_weight=10.0,
    crop=0.375,
    gan_start=0.8,
    gan_learning_rate=1.5e-4,
    discriminator_width=32,
    epoch_steps=500,
)
"""A person's renderer is trained so unless told otherwise, the default person's too: checkpoints/README.md.

500 steps are two or three minutes on a CPU, which is what a kill can cost.
"""

REGION_KIND = "one shape"
"""Kind of region in a run's options; older runs, whose region depended on the mouth's opening, have none."""

TEMPLATE_FRAMES = 2000
"""Number of frames, spread over the footage, that the region's mean face is computed from."""


class PersonPairs:
    """The frames of ``pieces`` as pairs of condition and target.

    Args:
        pieces: the footage.
        region: mouth region to blank for in-painting; None for whole faces from sketches.
        image_size: side of the square frames in pixels.
        sketch: how whole faces are drawn.
    """

    def __init__(
        self, pieces: Sequence[Piece], region: MouthRegion | None, image_size: int, sketch: SketchStyle
    ) -> None:
        self._region = region
        self._size = image_size
        self._sketch = sketch
        self._frames = [(piece.clip, index) for piece in pieces for index in range(piece.start, piece.stop)]

    def __len__(self) -> int:
        return len(self._frames)

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        """Returns the pair of frame ``index``; ``random`` is not used, as head movement varies the frames enough.

        Raises :class:`DatasetError` when the frame's file is missing or of another size.
        """
        clip, number = self._frames[index]
        path = clip.frame_path(number)
        target = cv2.imread(str(path))
        if target is None or target.shape[:2] != (self._size, self._size):
            raise DatasetError(f"frame is missing or not {self._size}x{self._size}: {path}; run obamanet prepare again")
        landmarks = to_square(clip.landmarks[number], clip.box, self._size)
        weight = np.ones((self._size, self._size), dtype=np.float32)
        _weigh(weight, landmarks[MOUTH], MOUTH_WEIGHT)
        if self._region is None:
            _weigh(weight, landmarks[LEFT_EYE], EYES_WEIGHT)
            _weigh(weight, landmarks[RIGHT_EYE], EYES_WEIGHT)
            condition = draw_face(landmarks, self._size, self._sketch)
        else:
            outline = place_region(self._region, landmarks[None])[0]
            condition = draw_inpainting(target, outline, landmarks)
            weight[region_mask(outline, self._size) == 0] = REGION_ONLY
        eyes = [] if self._region else [landmarks[LEFT_EYE.start : RIGHT_EYE.stop]]
        foci = [points.mean(axis=0).round().astype(int) for points in (landmarks[MOUTH], *eyes)]
        return Pair(condition, target, weight, tuple((int(row), int(column)) for column, row in foci))


def train_renderer(
    dataset: Dataset,
    split: Split,
    folder: Path,
    mode: RenderMode,
    config: GeneratorConfig,
    options: TrainOptions,
    *,
    sketch: SketchStyle = SketchStyle.PARTS,
    start: TrainedRenderer | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a person's renderer, or resumes its training; see :func:`train_pix2pix`.

    Args:
        dataset: the person's dataset.
        split: pieces for training and for validation.
        folder: the run's.
        mode: whole faces from sketches, or mouths in-painted into footage.
        config: sizes of the generator.
        options: how to train.
        sketch: how landmarks are drawn for whole faces.
        start: renderer whose weights to start from, of another face or other footage.
        limits: where this session stops.
        progress: gets the metrics of each evaluation.

    Raises:
        OptionError: the generator's image size is not the dataset's, a style is asked for in-painting, or as in
            :func:`train_pix2pix`.
        DatasetError: as in :func:`train_pix2pix`.
    """
    if config.image_size != dataset.image_size:
        raise OptionError(
            f"generator paints {config.image_size} px, the dataset has {dataset.image_size} px: {dataset.folder}"
        )
    if mode is RenderMode.INPAINT and sketch is not SketchStyle.PARTS:
        raise OptionError(f"sketch style is for whole faces; in-painting draws {SketchStyle.PARTS}: got {sketch}")
    if progress and mode is RenderMode.WHOLE_FACE and dataset.landmark_count < LANDMARKS_WITH_IRISES:
        progress.note(
            f"{dataset.folder}: clips without irises, so that the painted eyes do not learn to look anywhere; obamanet "
            "prepare finds irises when it is given the videos again"
        )
    region = _region(folder, split.train) if mode is RenderMode.INPAINT else None
    train = PersonPairs(split.train, region, dataset.image_size, sketch)
    val = PersonPairs(split.val, region, dataset.image_size, sketch)
    sections: dict[str, dict[str, Any]] = {
        "render": {
            "mode": mode.value,
            "image_size": dataset.image_size,
            "sketch": sketch.value,
            "landmarks": dataset.landmark_count,
        },
        "data": {"split": split.digest},
    }
    if region is not None:
        sections["render"]["region"] = REGION_KIND

    def write_notes() -> None:
        add_sources(folder, split.sources)
        if region is not None:
            save_region(region, folder / REGION_FILE)

    return train_pix2pix(
        train,
        val,
        folder,
        config,
        options,
        sections=sections,
        write_notes=write_notes,
        start=start,
        expected=EXPECTED,
        hint=start_hint(folder),
        limits=limits,
        progress=progress,
    )


def fit_region_of(pieces: Sequence[Piece]) -> MouthRegion:
    """Returns the mouth region of the person in the training ``pieces``, for in-painting."""
    stretches = [piece.landmarks for piece in pieces]
    landmarks = np.concatenate(stretches)
    template = fit_template(landmarks[:: max(1, len(landmarks) // TEMPLATE_FRAMES)])
    return fit_region(stretches, fit_head(stretches, template))


def _region(folder: Path, pieces: Sequence[Piece]) -> MouthRegion:
    """Returns the region of the run in ``folder``; for a new run, the one fitted to ``pieces``."""
    path = folder / REGION_FILE
    if path.is_file() and (folder / STATE_FILE).is_file():
        try:
            return load_region(path)
        except CardError as error:
            raise DatasetError(f"region of the run is damaged: {error}; train in another folder") from error
    return fit_region_of(pieces)


def _weigh(weight: np.ndarray, points: np.ndarray, value: float) -> None:
    """Sets ``weight`` (S, S) to ``value`` in the box around ``points`` (N, 2), in place."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    margin = MARGIN * (right - left)
    rows = slice(max(0, round(top - margin)), max(0, round(bottom + margin)))
    columns = slice(max(0, round(left - margin)), max(0, round(right + margin)))
    weight[rows, columns] = value
