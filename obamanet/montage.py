"""Cuts, joins and shows videos side by side under titles; what it writes says that it is synthetic.

MoviePy puts the pictures together. Frames are read at exact times and written, with their sound, as everywhere in this
program, one at a time, so that an hour needs no more memory than ten seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.background import closed_after
from obamanet.errors import OptionError
from obamanet.files import atomic_path
from obamanet.pipelines.labelled import Label, write_labelled
from obamanet.progress import Progress
from obamanet.video.reader import END_TOLERANCE, VideoInfo, probe_video, read_frames
from obamanet.video.sound_encoder import SoundSpan

if TYPE_CHECKING:
    from moviepy import VideoClip

VIDEO: Final = ".mp4"
ANIMATIONS: Final = (".gif", ".webp")
STILL: Final = ".png"
SUFFIXES: Final = (VIDEO, *ANIMATIONS, STILL)
"""Endings of the files that can be written: a video with sound, moving pictures without, the first frame alone."""

ANIMATION_FPS: Final = Fraction(25)
"""Frames per second of a GIF or WebP at most. GIF counts in hundredths of a second; browsers keep to two or more."""

MAX_ANIMATION_FRAMES: Final = 1500
"""A minute at 25 frames per second. Pillow holds all frames of a GIF at once."""

MIN_HEIGHT: Final = 16
MAX_HEIGHT: Final = 4320
"""Pixels of a pane."""

TITLE_HEIGHT: Final = 0.11
"""Height of a title's bar, in heights of a pane."""

MIN_TITLE_PIXELS: Final = 20

TEXT_HEIGHT: Final = 0.6
"""Size of a title's letters, in heights of its bar."""

TEXT_WIDTH: Final = 0.96
"""Share of a bar's width that its title fills at most; a longer one is set in smaller letters."""

BACKGROUND: Final = (24, 24, 24)
TEXT_COLOUR: Final = (240, 240, 240)
"""RGB."""

COMMENT: Final = f"Synthetic: put together by {SOFTWARE} from videos that are to be taken as synthetic."


class Layout(StrEnum):
    """How panes lie beside each other."""

    ROW = "row"
    COLUMN = "column"
    GRID = "grid"
    """As many columns as rows, or one more."""


@dataclass(frozen=True)
class Clip:
    """A video, or a stretch of one.

    Attributes:
        path: the video.
        label: title above the picture; "" for none.
        start: seconds into the video at which the stretch begins; the nearest frame is taken.
        end: seconds at which it ends; None for the video's own end.
        edit: applied to every frame, (H, W, 3) uint8 BGR, e.g. to cut out the head; all results have one size.
    """

    path: Path
    label: str = ""
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    edit: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True)
class MontageOptions:
    """How clips are put together.

    Attributes:
        layout: how panes lie beside each other.
        height: of every picture in pixels, 16 to 4320; None for that of the lowest.
        sound: number of the pane that is heard, from 1; 0 for none, None for the first that has sound.
        key: signs the mp4; None for the local key.
    """

    layout: Layout = Layout.ROW
    height: int | None = None
    sound: int | None = None
    key: provenance.SigningKey | None = None

    def __post_init__(self) -> None:
        """Refuse values outside of what is allowed."""
        if self.height is not None and not MIN_HEIGHT <= self.height <= MAX_HEIGHT:
            raise OptionError(
                f"height is out of range: got {self.height}, allowed is {MIN_HEIGHT} to {MAX_HEIGHT} pixels"
            )


def side_by_side(
    clips: Sequence[Clip], out: Path, options: MontageOptions | None = None, progress: Progress | None = None
) -> None:
    """Writes clips that play at once, each in a pane of its own.

    The frame rate is the highest among them. A shorter one holds its last frame.

    Args:
        clips: at least one.
        out: the file; its ending says which kind, one of SUFFIXES.
        options: how.
        progress: tells how the work is getting on.

    Raises:
        OptionError: the ending is unknown, there is no such pane to hear, or a stretch lies outside of its video.
        VideoError: a clip cannot be read.
        ObamanetError: the file cannot be written or signed.
    """
    options = options or MontageOptions()
    if options.sound is not None and not 0 <= options.sound <= len(clips):
        raise OptionError(f"no such video to hear: got {options.sound}, allowed is 0 (none) to {len(clips)}")
    fps, parts = _parts(clips, out, options)
    composed, count = _panes(parts, options.layout), max(part.count for part in parts)
    wanted = parts if options.sound is None else parts[max(0, options.sound - 1) : options.sound]
    heard = next((part for part in wanted if part.info.has_sound), None)
    if options.sound and heard is None:
        raise OptionError(f"video has no sound to hear: {clips[options.sound - 1].path}")
    _write(composed, fps, count, [heard.sound(count / fps)] if heard else [], parts, out, options, progress)


def join(
    clips: Sequence[Clip], out: Path, options: MontageOptions | None = None, progress: Progress | None = None
) -> None:
    """Writes clips that play one after the other, each with its own sound, smaller ones in the middle.

    Arguments and errors are those of :func:`side_by_side`; layout and sound of the options do not matter.
    """
    from moviepy import concatenate_videoclips

    options = options or MontageOptions()
    fps, parts = _parts(clips, out, options)
    composed = concatenate_videoclips([_pane(part) for part in parts], method="compose", bg_color=BACKGROUND)
    sounds = [part.sound() if part.info.has_sound else SoundSpan(None, until=part.count / fps) for part in parts]
    has_sound = any(part.info.has_sound for part in parts)
    _write(composed, fps, sum(part.count for part in parts), sounds if has_sound else [], parts, out, options, progress)


def cut(
    path: Path,
    start: Fraction,
    end: Fraction | None,
    out: Path,
    options: MontageOptions | None = None,
    progress: Progress | None = None,
) -> None:
    """Writes the stretch of the video at ``path`` from ``start`` to ``end`` seconds; errors as :func:`side_by_side`."""
    side_by_side([Clip(path, start=start, end=end)], out, options, progress)


@dataclass(frozen=True)
class _Part:
    """A clip as it is shown: ``count`` frames from number ``first`` on at ``fps``, brought to ``size``."""

    clip: Clip
    info: VideoInfo
    fps: Fraction
    first: int
    count: int
    size: tuple[int, int]

    def frames(self) -> Iterator[np.ndarray]:
        """Yields its frames, (H, W, 3) uint8 RGB."""
        import cv2

        source = read_frames(self.clip.path, self.fps)
        with closed_after(source):
            for frame in islice(source, self.first, self.first + self.count):
                image = frame.image if self.clip.edit is None else self.clip.edit(frame.image)
                if (image.shape[1], image.shape[0]) != self.size:
                    smaller = image.shape[0] > self.size[1]
                    image = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
                yield image[:, :, ::-1]

    def sound(self, until: Fraction | None = None) -> SoundSpan:
        """Returns its sound, with silence up to ``until`` seconds, else to the end of its pictures."""
        length = self.count / self.fps
        return SoundSpan(self.clip.path, self.first / self.fps, length, until or length)


class _Player:
    """Gives the frames of a part to MoviePy, which asks for them by times that never go back; the last one stays."""

    def __init__(self, part: _Part) -> None:
        self._part = part
        self._frames: Iterator[np.ndarray] | None = None
        self._image: np.ndarray | None = None
        self._shown = -1

    def frame_at(self, time: float) -> np.ndarray:
        """Returns the frame that is shown at ``time`` seconds after the part's beginning."""
        if self._frames is None:
            self._frames = self._part.frames()
        wanted = min(math.floor(time * self._part.fps), self._part.count - 1)
        while self._shown < wanted and (image := next(self._frames, None)) is not None:
            self._image = image
            self._shown += 1
        assert self._image is not None, "a video that was probed has a frame"
        return self._image


def _parts(clips: Sequence[Clip], out: Path, options: MontageOptions) -> tuple[Fraction, list[_Part]]:
    """Returns the frame rate of what is made of ``clips``, and each of them as it will be shown."""
    if out.suffix.lower() not in SUFFIXES:
        raise OptionError(f"unknown kind of output: got {out}, allowed are names that end in {', '.join(SUFFIXES)}")
    if not clips:
        raise OptionError("no videos: at least one is needed")
    infos = [probe_video(clip.path) for clip in clips]
    fps = max(info.fps for info in infos)
    if out.suffix.lower() in ANIMATIONS:
        fps = min(fps, ANIMATION_FPS)
    sizes = [_size(clip, info) for clip, info in zip(clips, infos, strict=True)]
    height = options.height or max(MIN_HEIGHT, min(height for _, height in sizes))
    parts = []
    for clip, info, (width, own) in zip(clips, infos, sizes, strict=True):
        total = max(1, math.ceil((info.duration - END_TOLERANCE) * fps))
        first = round(clip.start * fps)
        last = total if clip.end is None else min(total, round(clip.end * fps))
        if not 0 <= first < total:
            raise OptionError(
                f"start is out of range: got {float(clip.start):g} s, allowed is 0 to less than {info.duration:.2f} s: "
                f"{clip.path}"
            )
        if last <= first:
            raise OptionError(
                f"end must come after the start: got {float(clip.start):g} to {float(clip.end or 0):g} s: {clip.path}"
            )
        parts.append(_Part(clip, info, fps, first, last - first, (max(1, round(width * height / own)), height)))
    return fps, parts


def _size(clip: Clip, info: VideoInfo) -> tuple[int, int]:
    """Returns width and height of the clip's frames, edited."""
    if clip.edit is None:
        return info.width, info.height
    edited = clip.edit(np.zeros((info.height, info.width, 3), np.uint8))
    return edited.shape[1], edited.shape[0]


def _panes(parts: Sequence[_Part], layout: Layout) -> VideoClip:
    """Returns the clip in which all ``parts`` play at once."""
    from moviepy import ColorClip, clips_array

    panes = [_pane(part) for part in parts]
    columns = {Layout.ROW: len(panes), Layout.COLUMN: 1, Layout.GRID: math.ceil(math.sqrt(len(panes)))}[layout]
    empty = -len(panes) % columns
    panes += [ColorClip(panes[-1].size, BACKGROUND, duration=panes[-1].duration) for _ in range(empty)]
    if len(panes) == 1:
        return panes[0]
    longest = max(pane.duration for pane in panes)
    panes = [pane.with_duration(longest) for pane in panes]
    rows = [panes[start : start + columns] for start in range(0, len(panes), columns)]
    return clips_array(rows, bg_color=BACKGROUND)


def _pane(part: _Part) -> VideoClip:
    """Returns the part as a clip of MoviePy, under its title where it has one."""
    from moviepy import VideoClip, clips_array

    clip = VideoClip(duration=float(part.count / part.fps))
    clip.frame_function, clip.size = _Player(part).frame_at, part.size
    if not part.clip.label:
        return clip
    return clips_array([[_title(part.clip.label, part.size).with_duration(clip.duration)], [clip]], bg_color=BACKGROUND)


def _title(label: str, size: tuple[int, int]) -> VideoClip:
    """Returns the bar with the title of a picture of ``size``: width and height in pixels."""
    import matplotlib
    from moviepy import TextClip
    from PIL import ImageFont

    font = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    text = " ".join(label.split())
    width, height = size[0], max(MIN_TITLE_PIXELS, round(TITLE_HEIGHT * size[1]))
    letters = round(TEXT_HEIGHT * height)
    length = ImageFont.truetype(font, letters).getlength(text)
    letters = max(1, min(letters, math.floor(letters * TEXT_WIDTH * width / max(1.0, length))))
    return TextClip(
        font=font,
        text=text,
        font_size=letters,
        size=(width, height),
        color=TEXT_COLOUR,
        bg_color=BACKGROUND,
        transparent=False,
    )


def _write(
    composed: VideoClip,
    fps: Fraction,
    count: int,
    sound: Sequence[SoundSpan],
    parts: Sequence[_Part],
    out: Path,
    options: MontageOptions,
    progress: Progress | None,
) -> None:
    """Writes ``count`` frames of ``composed`` as the kind of file that the ending of ``out`` names."""
    progress = progress or Progress()
    if out.suffix.lower() == VIDEO:
        paths = tuple(dict.fromkeys(part.clip.path for part in parts))
        persons = tuple(dict.fromkeys(name for path in paths for name in provenance.persons_in(path)))
        label = Label(provenance.Synthetic.INPAINTED, persons, COMMENT, options.key, paths)
        frames = (frame[:, :, ::-1] for frame in _frames(composed, fps, count))
        write_labelled(frames, count, fps, sound, out, label, progress, "composing")
        return
    if out.suffix.lower() in ANIMATIONS:
        if count > MAX_ANIMATION_FRAMES:
            raise OptionError(
                f"too long for {out.suffix}: {float(count / fps):.1f} s, allowed is "
                f"{float(MAX_ANIMATION_FRAMES / fps):g} s; take a stretch of it, or an mp4"
            )
        _write_animation(progress.track(_frames(composed, fps, count), "composing", count), fps, count, out)
        return
    _write_picture(next(_frames(composed, fps, 1)), out)


def _frames(composed: VideoClip, fps: Fraction, count: int) -> Iterator[np.ndarray]:
    """Yields ``count`` frames, (H, W, 3) uint8 RGB."""
    for number in range(count):
        # In the middle of the frame's time no rounding leads to its neighbour.
        yield composed.get_frame(float((number + Fraction(1, 2)) / fps))


def _write_animation(frames: Iterator[np.ndarray], fps: Fraction, count: int, out: Path) -> None:
    from PIL import Image

    # Whole hundredths of a second, as GIF has them, whose sum does not drift.
    ends = [round(number * 100 / fps) for number in range(count + 1)]
    durations = [10 * (end - start) for start, end in pairwise(ends)]
    pictures = (Image.fromarray(frame) for frame in frames)
    with atomic_path(out) as part:
        next(pictures).save(part, save_all=True, append_images=pictures, duration=durations, loop=0, **_comment(out))


def _write_picture(frame: np.ndarray, out: Path) -> None:
    from PIL import Image

    with atomic_path(out) as part:
        Image.fromarray(frame).save(part, **_comment(out))


def _comment(out: Path) -> dict[str, Any]:
    """Returns Pillow's argument that puts COMMENT into a file of the kind of ``out``."""
    from PIL import ExifTags, Image
    from PIL.PngImagePlugin import PngInfo

    match out.suffix.lower():
        case ".webp":
            exif = Image.Exif()
            exif[ExifTags.Base.ImageDescription] = COMMENT
            return {"exif": exif}
        case ".png":
            about = PngInfo()
            about.add_text("Description", COMMENT)
            return {"pnginfo": about}
    return {"comment": COMMENT.encode()}
