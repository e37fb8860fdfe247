"""Paints mouths into recorded frames: the person's own footage, or any video that is dubbed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from obamanet.background import closed_after, in_background
from obamanet.inference.frame_renderer import Renderer
from obamanet.keypoints.head import place_head
from obamanet.keypoints.jaw import place_mouth
from obamanet.keypoints.region import fit_region, place_region
from obamanet.person import Person
from obamanet.render.compositor import draw_inpainting, match_colours, paste_square, soft_mask
from obamanet.render.crop import cut_square
from obamanet.render.sketch import draw_face
from obamanet.types import CropBox, RenderMode

JOBS_AHEAD = 16
"""Frames read and drawn ahead of the renderer."""


@dataclass(frozen=True)
class FacePatch:
    """What is painted in a frame: ``box`` is the square around the head, the rest is in that square's S pixels.

    ``recorded`` (S, S, 3) uint8 BGR and its ``landmarks`` (68, 2), the ``outline`` (N, 2) of the region that is
    exchanged, and the ``condition`` (S, S, 3) that the renderer paints from.
    """

    box: CropBox
    recorded: np.ndarray
    landmarks: np.ndarray
    outline: np.ndarray
    condition: np.ndarray


@dataclass(frozen=True)
class FrameJob:
    """A recorded ``frame`` (H, W, 3) uint8 BGR, and what is painted in it; None where it stays as it is."""

    frame: np.ndarray
    patch: FacePatch | None


def face_patch(frame: np.ndarray, box: CropBox, landmarks: np.ndarray, mouth: np.ndarray, person: Person) -> FacePatch:
    """Return what is to be painted so that the face in ``frame`` has the canonical ``mouth`` (20, 2).

    ``landmarks`` (68, 2) are those of the recorded face in pixels of the square ``box``.
    """
    face = place_mouth(landmarks[None], place_head(landmarks[None], person.mouth.head), mouth[None], person.mouth.jaw)[
        0
    ]
    # A whole face is painted without being shown the region, which then may be as small as both faces allow.
    region = person.region or fit_region([np.stack([landmarks, face])], person.mouth.head)
    outline = place_region(region, landmarks[None])[0]
    recorded = cut_square(frame, box, person.image_size)
    if person.mode is RenderMode.WHOLE_FACE:
        condition = draw_face(face, person.image_size)
    else:
        condition = draw_inpainting(recorded, outline, face)
    return FacePatch(box, recorded, landmarks, outline, condition)


def paint_frames(jobs: Iterable[FrameJob], person: Person, renderer: Renderer) -> Iterator[np.ndarray]:
    """Yield the frame (H, W, 3) uint8 BGR of each of ``jobs``, painted; outside the region it is as recorded."""
    painted = paint_squares(jobs, renderer)
    with closed_after(painted):
        for job, square in painted:
            yield job.frame if square is None or job.patch is None else _paste(job.frame, job.patch, square, person)


def paint_squares(jobs: Iterable[FrameJob], renderer: Renderer) -> Iterator[tuple[FrameJob, np.ndarray | None]]:
    """Yield each of ``jobs`` in order with the square (S, S, 3) uint8 BGR that is painted for it, if one is.

    The jobs are made ahead in a thread, which has ended when this iterator is closed.
    """
    ahead = in_background(jobs, JOBS_AHEAD)
    painted = renderer.paint_jobs(ahead, lambda job: job.patch.condition if job.patch else None)
    with closed_after(ahead), closed_after(painted):
        yield from painted


def _paste(frame: np.ndarray, patch: FacePatch, square: np.ndarray, person: Person) -> np.ndarray:
    # What is painted into a frame has the frame's colours around it to go by; a whole face has those of its footage.
    if person.mode is RenderMode.WHOLE_FACE:
        square = match_colours(square, patch.recorded, patch.outline, patch.landmarks)
    return paste_square(frame, square, soft_mask(patch.outline, person.image_size), patch.box)
