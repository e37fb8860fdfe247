"""Renders mouths into recorded frames: the person's own footage, or a video that is dubbed."""

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

SKETCHES_AHEAD = 16
"""Frames read and drawn ahead of the renderer."""


@dataclass(frozen=True)
class FacePatch:
    """The part of a recorded frame that is exchanged; all but ``box`` in pixels of that square, side S.

    Attributes:
        box: the square around the head, in the frame.
        recorded: the square as it was recorded, shape (S, S, 3) uint8 BGR.
        landmarks: of the recorded face, shape (68, 2).
        outline: of the region that is exchanged, shape (N, 2).
    """

    box: CropBox
    recorded: np.ndarray
    landmarks: np.ndarray
    outline: np.ndarray


@dataclass(frozen=True)
class FrameSketch:
    """What one frame of a video is rendered from.

    Attributes:
        sketch: the renderer's condition, shape (S, S, 3) uint8 BGR; None where the recorded frame stays as it is.
        frame: the recorded frame, shape (H, W, 3) uint8 BGR; None where the rendered square is the whole frame.
        patch: where the rendered square is pasted in the recorded frame; None where nothing is pasted.
    """

    sketch: np.ndarray | None
    frame: np.ndarray | None = None
    patch: FacePatch | None = None


def sketch_face(
    frame: np.ndarray, box: CropBox, landmarks: np.ndarray, mouth: np.ndarray, person: Person
) -> FrameSketch:
    """Draws the sketch of a recorded face with another mouth.

    Args:
        frame: the recorded frame, shape (H, W, 3) uint8 BGR.
        box: the square around the head.
        landmarks: of the recorded face, shape (68, 2) or (78, 2), pixels of the square.
        mouth: the new mouth, shape (20, 2), canonical.
        person: whose face it is.
    """
    placement = place_head(landmarks[None], person.mouth.head)
    [face] = place_mouth(landmarks[None], placement, mouth[None], person.mouth.jaw)
    # A whole-face renderer does not see the region, which then may be as small as both faces allow.
    region = person.region or fit_region([np.stack([landmarks, face])], person.mouth.head)
    outline = place_region(region, landmarks[None])[0]
    recorded = cut_square(frame, box, person.image_size)
    if person.mode is RenderMode.WHOLE_FACE:
        sketch = draw_whole_face(face, person)
    else:
        sketch = draw_inpainting(recorded, outline, face)
    return FrameSketch(sketch, frame, FacePatch(box, recorded, landmarks, outline))


def draw_whole_face(landmarks: np.ndarray, person: Person) -> np.ndarray:
    """Returns the sketch that the renderer of ``person`` takes, (S, S, 3) uint8 BGR.

    Args:
        landmarks: shape (68, 2) or (78, 2), pixels of the square; irises are drawn if the person was trained with them.
        person: whose renderer it is for.
    """
    return draw_face(landmarks[: person.landmark_count], person.image_size, person.sketch)


def paint_frames(sketches: Iterable[FrameSketch], person: Person, renderer: Renderer) -> Iterator[np.ndarray]:
    """Yields the rendered frame, (H, W, 3) uint8 BGR, of each of ``sketches``; recorded frames change in the region
    only.

    When this iterator is closed, so are ``sketches``.
    """
    painted = paint_squares(sketches, renderer)
    with closed_after(painted):
        for source, square in painted:
            yield _finished(source, square, person)


def paint_squares(
    sketches: Iterable[FrameSketch], renderer: Renderer
) -> Iterator[tuple[FrameSketch, np.ndarray | None]]:
    """Yields each of ``sketches`` in order with its rendered square, (S, S, 3) uint8 BGR, or None without a sketch.

    The sketches are drawn ahead in a thread, which has ended when this iterator is closed.
    """
    ahead = in_background(sketches, SKETCHES_AHEAD)
    painted = renderer.paint_jobs(ahead, lambda source: source.sketch)
    with closed_after(ahead), closed_after(painted):
        yield from painted


def _finished(source: FrameSketch, square: np.ndarray | None, person: Person) -> np.ndarray:
    """Returns the frame of ``source`` with its rendered ``square``."""
    frame, patch = source.frame, source.patch
    if frame is None:
        assert square is not None  # without a recorded frame there is a sketch
        return square
    if square is None or patch is None:
        return frame
    # An in-painted square was rendered from the colours around the region; a whole face has those of its footage.
    if person.mode is RenderMode.WHOLE_FACE:
        square = match_colours(square, patch.recorded, patch.outline, patch.landmarks)
    return paste_square(frame, square, soft_mask(patch.outline, person.image_size), patch.box)
