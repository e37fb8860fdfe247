"""Writes a video that says of itself that it is synthetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.background import closed_after
from obamanet.errors import OutputError
from obamanet.progress import Progress
from obamanet.render.caption import label_synthetic
from obamanet.video.sound_encoder import SoundSpan
from obamanet.video.writer import VideoWriter


@dataclass(frozen=True)
class Label:
    """What a video says of itself.

    Attributes:
        kind: how it was made.
        persons: names of the trained persons whose faces it shows.
        comment: the same in words, for the metadata.
        key: who signs it; None for the local key.
        parts: videos that it was put together from.
        subject: what in it is synthetic, in the plural.
        note: a further sentence for the signed statement.
    """

    kind: provenance.Synthetic
    persons: tuple[str, ...]
    comment: str
    key: provenance.SigningKey | None = None
    parts: tuple[Path, ...] = ()
    subject: str = provenance.MOUTH_MOVEMENTS
    note: str = ""

    def sign(self, path: Path, title: str) -> None:
        """Signs the finished video or picture at ``path``, whose final name is ``title``.

        Raises:
            ObamanetError: it cannot be signed or written.
        """
        provenance.sign_video(
            path,
            kind=self.kind,
            software=SOFTWARE,
            key=self.key,
            persons=self.persons,
            title=title,
            parts=self.parts,
            subject=self.subject,
            note=self.note,
        )


@dataclass(frozen=True)
class FinishedVideo:
    """A finished video.

    Attributes:
        path: its file.
        frames: number of frames.
        fps: frames per second.
        size: width and height, pixels.
    """

    path: Path
    frames: int
    fps: Fraction
    size: tuple[int, int]


def write_labelled(
    frames: Iterator[np.ndarray],
    count: int,
    fps: Fraction,
    sound: Sequence[SoundSpan],
    out: Path,
    label: Label,
    progress: Progress,
    verb: str = "speaking",
    *,
    streamed: bool = False,
) -> tuple[int, int]:
    """Encodes frames with their sound into an mp4 and signs it, whole or not at all.

    What is read while it is written cannot be signed: there the label is burnt into every picture.

    Args:
        frames: (H, W, 3) uint8 BGR of one size; closed at the end.
        count: how many there must be.
        fps: frames per second.
        sound: stretches of sound, one after the other; none for a silent video.
        out: the mp4.
        label: what it says of itself.
        progress: tells how the work is getting on.
        verb: what the work is called there.
        streamed: whether it is written in fragments, to be read meanwhile; what is incomplete stays then.

    Returns:
        Width and height in pixels.

    Raises:
        ObamanetError: there are fewer or more frames, a sound cannot be read, or the video cannot be written or signed.
    """
    with closed_after(frames):
        first = next(frames)
        size = (first.shape[1], first.shape[0])
        with VideoWriter(
            out,
            size,
            fps,
            sound=sound,
            comment=label.comment,
            fragments=streamed,
            finish=None if streamed else lambda path: label.sign(path, out.name),
        ) as writer:
            for frame in progress.track(chain([first], frames), verb, count):
                writer.write(label_synthetic(frame) if streamed else frame)
            if writer.frame_count != count:
                raise OutputError(f"video is incomplete: {writer.frame_count} of {count} frames: {out}")
    return size
