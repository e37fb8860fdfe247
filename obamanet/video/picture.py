"""Decoded frames as BGR pictures, which are converted only where somebody looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph
    from av.video.reformatter import Colorspace

UNTAGGED: Final = 2
"""Code of a video that does not say its colour matrix (ITU-T H.273, table 4)."""

HIGH_DEFINITION: Final = 720
"""Lines. Untagged pictures at least this high are BT.709, lower ones BT.601, as players assume."""

PART_STEP: Final = 32
"""Pixels. Parts begin and end at multiples of this: where a face moves a little, the same part is converted."""

PART_MARGIN: Final = 4
"""Pixels converted around what is wanted of a part: at its edges chroma is not interpolated as in the whole."""

PART_SHARE: Final = 0.6
"""Share of the picture from which on the whole is converted instead of a part."""

KEPT_CROPS: Final = 8
"""Places of parts whose filter is kept ready."""


@dataclass(frozen=True)
class Shape:
    """How a decoded frame is brought upright with square pixels.

    Attributes:
        width: pixels, before the turn.
        height: pixels, before the turn.
        turn: degrees counter-clockwise: 0, 90, 180 or 270.
        mirrored: whether it is stored mirrored, as cameras that face their user do.
    """

    width: int
    height: int
    turn: int = 0
    mirrored: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the upright picture."""
        return (self.width, self.height) if self.turn in (90, 270) else (self.height, self.width)


class BgrConverter:
    """Converts the decoded frames of one video to upright BGR; not for several threads at once.

    One for a whole video: preparing the conversion takes as long as a small frame's.
    """

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._careful, self._quick = VideoReformatter(), VideoReformatter()
        # Each converter's own: what is kept goes with it.
        self._crop = lru_cache(maxsize=KEPT_CROPS)(_crop_graph)

    def whole(self, frame: VideoFrame, shape: Shape) -> np.ndarray:
        """Returns ``frame`` as (H, W, 3) uint8 BGR, brought to ``shape``."""
        image = np.rot90(self._bgr(frame, shape.width, shape.height, _matrix(frame)), shape.turn // 90)
        if shape.mirrored:
            # The turn has brought the picture's rows upright; what is mirrored is the direction across them.
            image = image[:, ::-1] if shape.turn in (90, 270) else image[::-1]
        return np.ascontiguousarray(image)

    def part(self, frame: VideoFrame, rows: slice, columns: slice) -> np.ndarray:
        """Returns the stored rows and columns of ``frame``, neither turned nor scaled, as in the whole: BGR."""
        top, bottom = _widened(rows, frame.height)
        left, right = _widened(columns, frame.width)
        layout = (frame.width, frame.height, frame.format.name)
        graph = self._crop(*layout, left, top, right - left, bottom - top)
        graph.vpush(frame)
        cropped = graph.vpull()
        piece = self._bgr(cropped, cropped.width, cropped.height, _matrix(frame))
        return piece[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    def few(self, frame: VideoFrame, step: int) -> np.ndarray:
        """Returns about every ``step``-th pixel of every ``step``-th row of ``frame``, as stored: BGR."""
        from av.video.reformatter import Interpolation

        size = (-(-frame.width // step), -(-frame.height // step))
        small = self._quick.reformat(
            frame, *size, "bgr24", src_colorspace=_matrix(frame), interpolation=Interpolation.POINT, threads=1
        )
        return small.to_ndarray()

    def _bgr(self, frame: VideoFrame, width: int, height: int, matrix: Colorspace | None) -> np.ndarray:
        from av.video.reformatter import Interpolation

        # The faster default is off by up to three levels, and dithers when only the rounding is asked for.
        careful = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
        # Planes, not "bgr24", for which swscale has no vector code when it is careful: the same numbers in half the
        # time. One thread: starting others for each frame takes longer than they save.
        planar = self._careful.reformat(
            frame, width, height, "gbrp", src_colorspace=matrix, interpolation=careful, threads=1
        )
        green, blue, red = (
            np.frombuffer(cast("bytes", plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            for plane in planar.planes
        )
        return cv2.merge([blue, green, red])


class DecodedPicture:
    """A decoded frame that stands for its upright picture (H, W, 3) uint8 BGR, a :class:`obamanet.types.Picture`.

    ``picture[top:bottom, left:right]`` converts that part alone, with the numbers that the whole has there, and
    ``picture[::n, ::n]`` about every n-th pixel, with the nearest colour; ``numpy.asarray(picture)`` is the whole.

    Args:
        native: the frame.
        shape: how it is brought upright.
        converter: of its video.
    """

    def __init__(self, native: VideoFrame, shape: Shape, converter: BgrConverter) -> None:
        self._native, self._shape, self._converter = native, shape, converter
        self._whole: np.ndarray | None = None
        self._part: tuple[slice, slice, np.ndarray] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and 3."""
        return (*self._shape.size, 3)

    def __array__(self, dtype: Any = None, /, *, copy: bool | None = None) -> np.ndarray:
        """Returns the whole picture; it is converted once."""
        if self._whole is None:
            self._whole = self._converter.whole(self._native, self._shape)
        return np.array(self._whole, dtype=dtype, copy=copy)

    def __getitem__(self, where: tuple[slice, slice]) -> np.ndarray:
        """Returns the pixels of two slices, those of the rows first."""
        height, width = self._shape.size
        rows, columns = (slice(*part.indices(length)) for part, length in zip(where, (height, width), strict=True))
        is_plain = (self._native.width, self._native.height) == (self._shape.width, self._shape.height)
        if self._whole is None and is_plain and not self._shape.mirrored:
            turns = self._shape.turn // 90
            if rows == slice(0, height, columns.step) and columns == slice(0, width, rows.step) and rows.step > 1:
                return np.ascontiguousarray(np.rot90(self._converter.few(self._native, rows.step), turns))
            wanted = max(rows.stop - rows.start, 0) * max(columns.stop - columns.start, 0)
            steps = (rows.step, columns.step)
            if 0 < wanted <= PART_SHARE * height * width and steps == (1, 1) and _has_parts(self._native):
                return self._part_of(rows, columns, turns)
        return np.asarray(self)[where]

    def _part_of(self, rows: slice, columns: slice, turns: int) -> np.ndarray:
        """Returns a part of the picture; one inside the last one is not converted anew."""
        if self._part is not None:
            known, beside, pixels = self._part
            if _holds(known, rows) and _holds(beside, columns):
                top, left = known.start, beside.start
                return pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        stored = _stored(rows, columns, self._shape.size, turns)
        part = np.ascontiguousarray(np.rot90(self._converter.part(self._native, *stored), turns))
        self._part = rows, columns, part
        return part


def _matrix(frame: VideoFrame) -> Colorspace | None:
    """Returns the colour matrix to convert ``frame`` by; None for what it says itself."""
    from av.video.reformatter import Colorspace

    return Colorspace.ITU709 if frame.colorspace == UNTAGGED and frame.height >= HIGH_DEFINITION else None


def _has_parts(frame: VideoFrame) -> bool:
    """Returns whether FFmpeg crops such frames without converting them, and parts have the numbers of the whole.

    Of odd sizes chroma is stretched to the whole's.
    """
    name = frame.format.name
    is_known = name.startswith("yuv") and any(layout in name for layout in ("420", "422", "444"))
    return is_known and frame.width % 2 == frame.height % 2 == 0


def _holds(one: slice, other: slice) -> bool:
    return bool(one.start <= other.start and other.stop <= one.stop)


def _stored(rows: slice, columns: slice, size: tuple[int, int], turns: int) -> tuple[slice, slice]:
    """Returns the rows and columns that a part of an upright picture of ``size`` has before ``turns`` quarter turns."""
    for _ in range(turns):
        # numpy.rot90: pixel (i, j) of the turned picture is (j, width - 1 - i) of the one before.
        size = (size[1], size[0])
        rows, columns = columns, slice(size[1] - rows.stop, size[1] - rows.start)
    return rows, columns


def _widened(part: slice, length: int) -> tuple[int, int]:
    """Returns where to begin and end converting for ``part`` of a side of ``length`` pixels."""
    start = max(part.start - PART_MARGIN, 0) // PART_STEP * PART_STEP
    stop = -(-(part.stop + PART_MARGIN) // PART_STEP) * PART_STEP
    return start, min(stop, length)


def _crop_graph(width: int, height: int, kind: str, left: int, top: int, wide: int, high: int) -> Graph:
    """Returns a filter that crops frames of one layout without copying them."""
    from av.filter import Graph
    from av.video.format import VideoFormat

    graph = Graph()
    chain = [
        graph.add_buffer(width=width, height=height, format=VideoFormat(kind), time_base=Fraction(1, 1000)),
        graph.add("crop", f"w={wide}:h={high}:x={left}:y={top}:exact=1"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph
