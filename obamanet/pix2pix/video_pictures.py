"""Makes pictures for pix2pix of a person's footage: photos, their sketches, both side by side, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from obamanet.constants import IMAGE_SIZE
from obamanet.errors import DatasetError, OptionError
from obamanet.files import atomic_write_json, scratch_folder
from obamanet.page_template import embed_figure, embed_picture, fill_template
from obamanet.pix2pix.frame_choice import Features, FrameOptions, choose_frames, covering_radius, face_features
from obamanet.pix2pix.pictures import whole_folder, write_picture
from obamanet.progress import Progress
from obamanet.render.crop import to_square
from obamanet.sources import Sources, add_sources
from obamanet.training.data.dataset import Clip, Dataset, Piece, Reject, load_dataset, videos_of
from obamanet.training.data.prepare import frame_rejects, prepare
from obamanet.training.renderer.pix2pix_training import spread_evenly
from obamanet.training.renderer.renderer_training import PersonPairs
from obamanet.types import SketchStyle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PHOTOS, SKETCHES, PAIRS = "photos", "sketches", "pairs"
"""Folders of the pictures."""

REPORT_FILE, CARD_FILE = "report.html", "pictures.json"
"""Names of the report for people, and of the list of what was chosen."""

SCHEMA: Final = 1
"""Version of the list's layout."""

EXAMPLES: Final = 12
"""Chosen frames that the report shows."""

EXAMPLE_SIDE: Final = 144
"""Pixels of a photo in the report."""

BEYOND = "the face reaches beyond the square"
"""Reason for a frame that is left out here, and not when the footage is prepared."""

UNITS: Final = {
    "mouth opening": "eye distances",
    "head turn": "eye distances that the nose's tip lies beside the middle of the ears",
    "head nod": "eye distances from the eyes down to the nose's tip",
    "gaze across": "eye widths that the irises lie beside the eyes' middle",
    "gaze down": "eye widths that the irises lie below the eyes' middle",
}

ALL, CHOSEN = "0.75", "#c2410c"
"""Colours of all frames and of the chosen ones."""


@dataclass(frozen=True)
class ChosenFrame:
    """Frame ``number`` of ``clip``, written under ``name``."""

    name: str
    clip: Clip
    number: int


@dataclass(frozen=True)
class PicturesReport:
    """What was written.

    Attributes:
        folder: the pictures' folder.
        pictures: number of frames chosen.
        usable: number of frames they were chosen from.
        rejects: footage that cannot be used.
        page: the report.
    """

    folder: Path
    pictures: int
    usable: int
    rejects: tuple[Reject, ...]
    page: Path


def make_pictures(
    footage: Sequence[Path],
    out: Path,
    options: FrameOptions | None = None,
    *,
    sketch: SketchStyle = SketchStyle.PARTS,
    image_size: int | None = None,
    pairs: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PicturesReport:
    """Writes chosen frames of a person as square photos, and the sketch of each under the same name.

    The square is that of ``obamanet prepare``, one for each clip: cut without stretching.

    Args:
        footage: videos, folders of videos, or one prepared dataset.
        out: folder that gets photos/, sketches/, pairs/ (sketch on the left, photo on the right), report.html,
            pictures.json and sources.json.
        options: which frames.
        sketch: how the faces are drawn.
        image_size: side of the pictures; None for the dataset's own, or IMAGE_SIZE for videos.
        pairs: whether to write pairs/.
        workers: processes that prepare videos, by default one per core.
        progress: shows how far it is.

    Raises:
        OptionError: an option is out of range, or a dataset has another image size.
        DatasetError: the footage cannot be used.
        OutputError: ``out`` cannot be written, or holds something else.
    """
    progress, options = progress or Progress(), options or FrameOptions()
    with ExitStack() as stack:
        if len(footage) == 1 and (footage[0] / "dataset.json").is_file():
            dataset = load_dataset(footage[0])
            if image_size not in (None, dataset.image_size):
                raise OptionError(
                    f"image size {image_size} cannot be had of a dataset of {dataset.image_size} px: {footage[0]}; "
                    "name the videos"
                )
        else:
            prepared = stack.enter_context(scratch_folder(out.with_name(f"{out.name}-prepared")))
            prepare(footage, prepared, image_size=image_size or IMAGE_SIZE, workers=workers, progress=progress)
            dataset = load_dataset(prepared)
        return _write_pictures(dataset, out, options, sketch, pairs, progress)


def _write_pictures(
    dataset: Dataset, out: Path, options: FrameOptions, sketch: SketchStyle, pairs: bool, progress: Progress
) -> PicturesReport:
    frames, landmarks, rejects = _usable(dataset)
    features = face_features(landmarks)
    chosen = choose_frames(features.scaled, np.array([frame.number for frame in frames]), options)
    if not len(chosen):
        raise DatasetError(f"no usable frame has a number that {options.every} divides: {dataset.folder}; choose more")
    pieces = [Piece(frames[i].clip, frames[i].number, frames[i].number + 1) for i in chosen]
    source, examples = PersonPairs(pieces, None, dataset.image_size, sketch), []
    shown = set(spread_evenly(len(chosen), EXAMPLES))
    with whole_folder(out) as part:
        for folder in (PHOTOS, SKETCHES, *([PAIRS] if pairs else [])):
            (part / folder).mkdir()
        for place, index in enumerate(progress.track(chosen, "writing pictures", len(chosen))):
            pair, name = source.pair(place, None), f"{frames[index].name}.png"
            both = np.hstack([pair.condition, pair.target])
            write_picture(part / PHOTOS / name, pair.target)
            write_picture(part / SKETCHES / name, pair.condition)
            if pairs:
                write_picture(part / PAIRS / name, both)
            if place in shown:
                examples.append({"name": frames[index].name, "picture": _thumbnail(both)})
        add_sources(part, Sources(videos_of(pieces)))
        atomic_write_json(
            part / CARD_FILE,
            {
                "schema": SCHEMA,
                "image_size": dataset.image_size,
                "sketch": sketch.value,
                "options": asdict(options),
                "sources": sorted({frames[i].clip.source for i in chosen}),
                "frames": [
                    {"name": frame.name, "clip": frame.clip.folder.name, "frame": frame.number}
                    for frame in (frames[index] for index in chosen)
                ],
                "rejects": [asdict(reject) for reject in rejects],
            },
        )
        values = _page_values(dataset, features, chosen, rejects)
        page = fill_template(
            "obamanet.pix2pix",
            "chosen_frames.html",
            title=_title(len(chosen), dataset),
            options=str(options),
            pairs=pairs,
            examples=examples,
            **values,
        )
        (part / REPORT_FILE).write_text(page, encoding="utf-8")
    return PicturesReport(out, len(chosen), len(frames), rejects, out / REPORT_FILE)


def _title(chosen: int, dataset: Dataset) -> str:
    others = len(dataset.clips) - 1
    return f"{chosen} frames of {dataset.clips[0].name}" + (f" and {others} more" if others else "")


def _usable(dataset: Dataset) -> tuple[list[ChosenFrame], np.ndarray, tuple[Reject, ...]]:
    """Returns the frames with a whole face, their landmarks (N, P, 2) in pixels of the square, and all rejects."""
    names = [clip.name for clip in dataset.clips]
    frames, landmarks, rejects = [], [], list(dataset.rejects)
    for clip in dataset.clips:
        points = to_square(clip.landmarks, clip.box, dataset.image_size)
        has_face = clip.segment >= 0
        # No face has no place: its points are not numbers, and compare as outside.
        inside = ((points >= 0) & (points <= dataset.image_size - 1)).all(axis=(1, 2))
        rejects += frame_rejects(clip.source, has_face & ~inside, BEYOND)
        name = clip.name if names.count(clip.name) == 1 else clip.folder.name
        usable = np.flatnonzero(has_face & inside)
        frames += [ChosenFrame(f"{name}-{number:05d}", clip, int(number)) for number in usable]
        landmarks.append(points[usable])
    if not frames:
        raise DatasetError(f"no frame has a whole face in its square: {dataset.folder}")
    return frames, np.concatenate(landmarks), tuple(rejects)


def _page_values(dataset: Dataset, features: Features, chosen: np.ndarray, rejects: Sequence[Reject]) -> dict[str, Any]:
    even = spread_evenly(len(features.values), len(chosen))
    ranges = [
        {"name": name, "unit": UNITS[name], "all": _range(column), "chosen": _range(column[chosen])}
        for name, column in zip(features.names, features.values.T, strict=True)
    ]
    frames = sum(len(clip.segment) for clip in dataset.clips)
    return {
        "chosen": len(chosen),
        "usable": len(features.values),
        "left_out": frames - len(features.values),
        "clips": len(dataset.clips),
        "fps": f"{float(dataset.fps):g}",
        "size": dataset.image_size,
        "gaze": len(features.names) > 3,
        "plot": embed_figure(_plot(features, chosen)),
        "radius": covering_radius(features.scaled, chosen),
        "even_radius": covering_radius(features.scaled, even),
        "features": ranges,
        "rejects": [{"source": Path(r.source).name, "frames": r.frames, "reason": r.reason} for r in rejects],
    }


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _plot(features: Features, chosen: np.ndarray) -> Figure:
    from matplotlib.figure import Figure

    planes = [("head turn", "mouth opening"), ("gaze across", "gaze down")][: 2 if len(features.names) > 3 else 1]
    figure = Figure(figsize=(4.6 * len(planes) + 0.4, 4), layout="constrained")
    for axes, plane in zip(np.atleast_1d(figure.subplots(1, len(planes))), planes, strict=True):
        x, y = (features.values[:, features.names.index(name)] for name in plane)
        axes.scatter(x, y, s=9, color=ALL, linewidths=0, label=f"all {len(x)} frames")
        axes.scatter(x[chosen], y[chosen], s=9, color=CHOSEN, linewidths=0, label=f"{len(chosen)} chosen")
        axes.set(xlabel=plane[0], ylabel=plane[1])
        if plane[1] == "gaze down":
            axes.invert_yaxis()
    figure.axes[0].legend(loc="upper right", fontsize=8)
    return figure


def _thumbnail(both: np.ndarray) -> str:
    import cv2

    small = cv2.resize(both, (2 * EXAMPLE_SIDE, EXAMPLE_SIDE), interpolation=cv2.INTER_AREA)
    return embed_picture(small)
