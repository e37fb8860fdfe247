"""Writes a video that says of itself that it is synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.background import closed_after
from obamanet.errors import OutputError
from obamanet.progress import Progress
from obamanet.video.writer import VideoWriter


@dataclass(frozen=True)
class Soundtrack:
    """The sound of a video: ``duration`` seconds of the file ``sound``, then silence up to ``until``, if given."""

    sound: Path
    duration: Fraction
    until: Fraction | None = None


@dataclass(frozen=True)
class Label:
    """What a video says of itself: how it was made, whose face it shows, a ``comment`` in words, and who signs it."""

    kind: provenance.Synthetic
    person: str
    comment: str
    key: provenance.SigningKey | None = None


def write_labelled(
    frames: Iterator[np.ndarray],
    count: int,
    fps: Fraction,
    soundtrack: Soundtrack,
    out: Path,
    label: Label,
    progress: Progress,
    verb: str = "speaking",
) -> tuple[int, int]:
    """Encode the ``count`` frames with their sound into ``out`` and sign it, whole or not at all.

    Returns the size (width, height). Closes ``frames``. Raises :class:`obamanet.errors.ObamanetError`.
    """

    def sign(path: Path) -> None:
        provenance.sign_video(
            path, kind=label.kind, software=SOFTWARE, key=label.key, person=label.person, title=out.name
        )

    with closed_after(frames):
        first = next(frames)
        size = (first.shape[1], first.shape[0])
        with VideoWriter(
            out,
            size,
            fps,
            sound=soundtrack.sound,
            comment=label.comment,
            sound_duration=soundtrack.duration,
            silence_until=soundtrack.until,
            finish=sign,
        ) as writer:
            writer.write(first)
            for frame in progress.track(frames, verb, count - 1):
                writer.write(frame)
            if writer.frame_count != count:
                raise OutputError(f"video is incomplete: {writer.frame_count} of {count} frames: {out}")
    return size
