"""Jobs that only the page gives to the queue, so that what was uploaded is read by a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obamanet.files import atomic_write_json

if TYPE_CHECKING:
    from obamanet.batch.kinds import Studio
    from obamanet.swap.swap_model import Direction

COUNTS_FILE: Final = "counts.json"
"""What :class:`FacesJob` writes."""

PREVIEW_PANES: Final = 3
"""Original, mask and result, side by side."""


@dataclass(frozen=True)
class SwapPreviewJob:
    """One frame of a video with another face, beside the original.

    Attributes:
        source: the video.
        model: folder of the model.
        direction: whose face is painted.
    """

    source: Path
    model: Path
    direction: Direction

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes the picture of a frame from the video's middle."""
        from obamanet.pix2pix.pictures import write_picture
        from obamanet.swap.convert_faces import ConvertOptions, convert
        from obamanet.swap.swap_face import BlendOptions
        from obamanet.video.reader import probe_video, read_frames

        swapper = studio.swapper(self.model, self.direction)
        middle = probe_video(self.source).frame_count // 2
        frame = next(islice(read_frames(self.source), middle, None))
        picture = self.source.with_name("frame.png")
        write_picture(picture, frame.image)
        options = ConvertOptions(BlendOptions(panes=PREVIEW_PANES), key=studio.key)
        convert(picture, folder / f"{name}.png", swapper.model, self.direction, swapper, options, studio.progress)


@dataclass(frozen=True)
class FacesJob:
    """The faces of a video as a contact sheet.

    Attributes:
        source: the video.
    """

    source: Path

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        """Writes the faces with their page, index.html, and how many there are."""
        from obamanet.swap.extract_faces import extract

        report = extract(self.source, folder / name, progress=studio.progress)
        atomic_write_json(folder / COUNTS_FILE, {"saved": report.saved, "seen": len(report.faces)})
