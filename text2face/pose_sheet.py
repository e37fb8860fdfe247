"""Draws the contact sheet of a person's mouth poses: lips, painted face, and the syllables that show each pose most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from obamanet.constants import LEFT_EYE, MOUTH_COUNT, OUTER_LIPS, RIGHT_EYE
from obamanet.files import atomic_path, ensure_output_path
from obamanet.keypoints.mouth_poses import REST, MouthPoses, pose_names
from obamanet.person import Person, poses_of
from obamanet.progress import Progress
from obamanet.render.crop import cut_square
from obamanet.render.sketch import draw_lips
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Piece
from obamanet.training.speech.canonical_pieces import canonical_mouth
from obamanet.types import CanonicalKeypoints, CropBox, RenderMode
from text2face.mouth.pose_examples import recorded_words
from text2face.timed_speech import Speech

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_SPOKEN: Final = 5
"""Minimum number of times that a syllable is in the recordings to be named on the sheet."""

NAMED: Final = 4
"""Maximum number of syllables named at each mouth pose."""

SILENCE: Final = "(silence)"
"""Name on the sheet of frames that are in no syllable."""

COLUMNS: Final = (4, 5, 6)
"""Numbers of columns to choose from; the one that leaves the fewest cells of the last row empty is taken."""

TILE: Final = 144
"""Side of a painted face, in pixels."""

LIPS_WIDTH: Final = 180
"""Width of the drawn lips' panel, in pixels; it is as high as a face."""

GAP, HEAD, FOOT = 24, 26, 34
"""Distance between cells, and height of the text above and below a cell's pictures, in pixels."""

TITLE: Final = 150
"""Height of the sheet's heading, in pixels."""

DPI: Final = 100
"""Pixels per inch of the figure; the sheet is laid out in pixels."""

LIPS_PAPER: Final = (36, 28, 24)
"""Background colour (BGR) of the lips' panel."""

REST_LINE: Final = (150, 140, 130)
"""Colour (BGR) of the outline of the mouth at rest in it."""

WARNING: Final = "SYNTHETIC: every face on this sheet was painted by a program."
"""Label of the sheet."""


@dataclass(frozen=True)
class PoseUse:
    """How often each syllable of the recordings shows each mouth pose.

    Attributes:
        texts: the S syllables, among them SILENCE.
        spoken: how often each was spoken, (S,) int.
        frames: number of frames of each syllable whose nearest mouth pose is each of K, (S, K) int.
    """

    texts: tuple[str, ...]
    spoken: np.ndarray
    frames: np.ndarray

    def top_syllables(self, pose: int) -> list[tuple[str, float]]:
        """Returns up to NAMED syllables that show ``pose`` most, each with the share of its frames that do."""
        shares = self.frames[:, pose] / np.maximum(self.frames.sum(axis=1), 1)
        shares = np.where(self.spoken >= MIN_SPOKEN, shares, 0.0)
        order = np.argsort(-shares, kind="stable")[:NAMED]
        return [(self.texts[index], float(shares[index])) for index in order if shares[index] > 0]


def pose_use(pieces: Sequence[Piece], align: Path, language: str, person: Person, progress: Progress) -> PoseUse:
    """Counts the mouth poses of each syllable in recordings.

    Args:
        pieces: the recorded sentences.
        align: their word times.
        language: tag such as "en-gb".
        person: the person with its mouth poses.
        progress: gets the progress over pieces.

    Raises:
        obamanet.errors.DatasetError: word times are missing.
        obamanet.errors.PersonError: the person has no mouth poses.
    """
    poses = poses_of(person)
    voiced: dict[str, Speech] = {}
    frames: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(poses.count, np.int64))
    spoken: defaultdict[str, int] = defaultdict(int)
    for piece in progress.track(pieces, "timing syllables", len(pieces)):
        shown = poses.nearest(person.mouth.pca.encode(canonical_mouth(piece, person.mouth.head)))
        times = frame_times(piece.stop, person.fps)[piece.start :]
        silent = np.ones(len(times), bool)
        for word in recorded_words(piece, align, language, voiced):
            for syllable in word:
                # Letters spelled out, as the w of GRID, leave syllables without letters.
                text = syllable.text or "".join(sound.symbol for sound in syllable.phonemes)
                within = (times >= syllable.start) & (times < syllable.end)
                silent &= ~within
                frames[text] += np.bincount(shown[within], minlength=poses.count)
                spoken[text] += 1
        frames[SILENCE] += np.bincount(shown[silent], minlength=poses.count)
        spoken[SILENCE] += 1
    texts = tuple(sorted(frames))
    return PoseUse(texts, np.array([spoken[text] for text in texts]), np.stack([frames[text] for text in texts]))


def draw_pose_sheet(person: Person, out: Path, use: PoseUse | None = None) -> None:
    """Writes the contact sheet of a person's mouth poses as PNG.

    Args:
        person: the person.
        out: the file.
        use: syllables to name at each pose; None for none.

    Raises:
        obamanet.errors.PersonError: the person has no mouth poses.
        obamanet.errors.OutputError: the file cannot be written.
    """
    out = ensure_output_path(out)
    poses = poses_of(person)
    keypoints = person.mouth.pca.decode(poses.centres)
    names = pose_names(poses, person.mouth.pca)
    faces, lips = _faces(person, keypoints), _lips(keypoints)

    columns = min(COLUMNS, key=lambda columns: -poses.count % columns)
    rows = -(-poses.count // columns)
    sheet = _Paper(columns * (LIPS_WIDTH + TILE + GAP) + GAP, TITLE + rows * (HEAD + TILE + FOOT + GAP))
    _write_title(sheet, person, poses, use)
    for number in range(poses.count):
        row, column = divmod(number, columns)
        left = GAP + column * (LIPS_WIDTH + TILE + GAP)
        top = TITLE + row * (HEAD + TILE + FOOT + GAP)
        sheet.write(left, top + HEAD - 8, names[number], 15, weight="bold")
        sheet.write(left + LIPS_WIDTH + TILE, top + HEAD - 8, f"{poses.shares[number]:.1%}", 14, align="right")
        sheet.place(left, top + HEAD, lips[number])
        sheet.place(left + LIPS_WIDTH, top + HEAD, faces[number])
        if use:
            syllables = "   ".join(f"{text} {share:.0%}" for text, share in use.top_syllables(number))
            sheet.write(left, top + HEAD + TILE + 20, syllables or "in no syllable", 13, colour="0.25")
    with atomic_path(out) as part:
        sheet.save(part, f"Mouth poses of {person.name}. {WARNING}")


class _Paper:
    """A figure with coordinates in pixels from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure: Figure = Figure(figsize=(width / DPI, height / DPI), facecolor="white")
        self._canvas = FigureCanvasAgg(self.figure)

    def write(
        self,
        x: int,
        y: int,
        text: str,
        size: int,
        *,
        weight: str = "normal",
        colour: str = "black",
        align: str = "left",
    ) -> None:
        """Writes ``text`` of ``size`` pixels with its baseline at ``y``."""
        style: dict[str, Any] = {"fontsize": size * 72 / DPI, "weight": weight, "color": colour, "ha": align}
        # A $ in a person's name must not start a formula.
        self.figure.text(x / self.width, 1 - y / self.height, text, va="baseline", parse_math=False, **style)

    def place(self, x: int, y: int, image: np.ndarray) -> None:
        """Places ``image`` (H, W, 3) uint8 BGR, unscaled, with its upper left corner at ``x``, ``y``."""
        self.figure.figimage(image[..., ::-1], x, self.height - y - image.shape[0], origin="upper")

    def save(self, path: Path, about: str) -> None:
        """Writes the sheet as a PNG of 256 colours, which has a quarter of the size, with the description ``about``."""
        from PIL import Image, PngImagePlugin

        self._canvas.draw()
        image = Image.fromarray(np.asarray(self._canvas.buffer_rgba())[..., :3])
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Description", about)
        image.quantize(256).save(path, "PNG", optimize=True, pnginfo=notes)


def _write_title(sheet: _Paper, person: Person, poses: MouthPoses, use: PoseUse | None) -> None:
    sheet.write(GAP, 44, f"{poses.count} mouth poses of {person.name}", 26, weight="bold")
    lines = [
        f"{WARNING} Of each: its name, its share of {poses.counts.sum()} recorded frames,",
        "the lips (thin: at rest), a face, and the syllables that show it most, with the share of their time."
        if use
        else "the lips (thin: at rest), and a face.",
        f"k-means on the {int((poses.scale > 0).sum())} principal components that hold {poses.variance:.1%} of the "
        f"mouth's movement, seed {poses.seed}.",
    ]
    for number, line in enumerate(lines):
        sheet.write(GAP, 74 + 22 * number, line, 15, colour="0.25")
    _draw_curve(sheet, poses)


def _draw_curve(sheet: _Paper, poses: MouthPoses) -> None:
    """Draws inertia and silhouette over the number of poses, at the right of the heading, with the chosen number."""
    width, height = 280, 86
    place = (sheet.width - GAP - width) / sheet.width, 1 - (18 + height) / sheet.height
    axes = sheet.figure.add_axes((*place, width / sheet.width, height / sheet.height))
    style: dict[str, Any] = {"fontsize": 12 * 72 / DPI}
    curve = poses.curve
    for values, label, colour in ((curve.inertia, "inertia", "tab:blue"), (curve.silhouette, "silhouette", "tab:red")):
        axes.plot(curve.sizes, values, color=colour, linewidth=1.5, label=label)
    axes.axvline(poses.count, color="0.4", linewidth=1, linestyle="--")
    axes.set_ylim(0, None)
    axes.legend(loc="upper right", ncols=2, frameon=False, borderpad=0, **style)
    axes.set_xlabel(f"number of poses, {poses.count} taken", labelpad=1, **style)
    axes.tick_params(labelsize=11 * 72 / DPI, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _lips(keypoints: np.ndarray) -> list[np.ndarray]:
    """Returns a panel (TILE, LIPS_WIDTH, 3) with the lips of each of ``keypoints`` (K, 20, 2) and the rest outline."""
    reach = np.abs(keypoints - keypoints[REST].mean(axis=0)).reshape(-1, 2).max(axis=0)
    zoom = 0.88 * min(LIPS_WIDTH / 2 / reach[0], TILE / 2 / reach[1])
    pixels = (keypoints - keypoints[REST].mean(axis=0)) * zoom + np.array([LIPS_WIDTH, TILE]) / 2
    rest = np.round(pixels[REST][OUTER_LIPS] * 64).astype(np.int32)
    panels = []
    for points in pixels.reshape(-1, MOUTH_COUNT, 2):
        panel = np.full((TILE, LIPS_WIDTH, 3), LIPS_PAPER, np.uint8)
        draw_lips(panel, points)
        cv2.polylines(panel, [rest], True, REST_LINE, 1, cv2.LINE_AA, 6)
        panels.append(panel)
    return panels


def _faces(person: Person, keypoints: np.ndarray) -> list[np.ndarray]:
    """Returns the painted face of each of ``keypoints`` (K, 20, 2), with the head of the first reference frame."""
    from obamanet.pipelines.speak import draw_sketches, render_frames

    # At a million frames per second the head does not move between the poses.
    at_once = CanonicalKeypoints(keypoints, Fraction(10**6))
    size = person.image_size
    pictures = render_frames(draw_sketches(at_once, person), person)
    if person.mode is RenderMode.INPAINT:
        pictures = (cut_square(picture, person.boxes[0], size) for picture in pictures)
    face = person.reference.points[0]
    eyes = float(np.concatenate([face[LEFT_EYE], face[RIGHT_EYE]])[:, 1].mean())
    height = float(face[8, 1]) - eyes
    box = CropBox(float(face[30, 0]) - 0.6 * height, eyes - 0.05 * height, 1.2 * height)
    return [cut_square(picture, box, TILE) for picture in pictures]
