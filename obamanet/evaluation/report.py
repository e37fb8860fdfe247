"""The report for people: one self-contained HTML file with plots, frame strips and side-by-side videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from obamanet.evaluation.catalogue import BY_KEY
from obamanet.evaluation.measure import ClipScores
from obamanet.evaluation.results import Evaluation, bounds, shown
from obamanet.evaluation.statistics import LEVEL
from obamanet.files import atomic_write_text
from obamanet.montage import Clip, MontageOptions, side_by_side
from obamanet.page_template import embed, embed_figure, embed_picture, fill_template
from obamanet.render.crop import cut_square
from obamanet.video.reader import probe_video, read_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT_FILE = "report.html"

STRIP_FRAMES: Final = 8
"""Frames in the strip."""
STRIP_HEIGHT: Final = 144
"""Pixels of one frame in the strip."""

SIDE_BY_SIDE_HEIGHT: Final = 288
"""Pixels."""
SIDE_BY_SIDE_SECONDS: Final = 20
"""Seconds of a longer clip that are shown."""

MIN_AXIS: Final = 0.01
"""Eye distances that the axis of the opening covers at least."""

MAX_EMBEDDED: Final = 3_000_000
"""Bytes. A larger side-by-side video is linked instead of embedded in the page."""

DISTRIBUTIONS: Final = ("opening_correlation", "lmd_placed_px", "av_offset", "tremble", "ssim_mouth", "sharp_mouth")

OURS, REAL = "#c2410c", "#1d4ed8"
"""Colours of generated and real, told apart by colour-blind eyes too."""

CLIP_METRICS: Final = (
    "opening_correlation",
    "opening_amplitude",
    "lmd_placed_px",
    "av_offset",
    "av_confidence",
    "ssim_mouth",
)
"""Metrics that the table of clips shows."""


@dataclass(frozen=True)
class ChosenClip:
    """A clip that the report shows in pictures; ``label`` says why it was chosen."""

    label: str
    clip: ClipScores


@dataclass(frozen=True)
class Example:
    """What the page shows of a chosen clip.

    Attributes:
        label: why it was chosen.
        name: of the clip.
        correlation: its opening correlation, in words.
        notes: what had to be aligned or is odd, "" for nothing.
        opening: URL of the plot of both mouths' opening.
        frames: URL of the strip of frames.
        poster: URL of the video's first frame.
        video: URL of the side-by-side video.
    """

    label: str
    name: str
    correlation: str
    notes: str
    opening: str
    frames: str
    poster: str
    video: str


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Writes report.html into ``folder``, and a side-by-side video of the worst and of the median clip beside it."""
    page = fill_template(
        "obamanet.evaluation",
        "report.html",
        evaluation=evaluation,
        setting=_setting(evaluation),
        level=f"{LEVEL:.0%}",
        distributions=embed_figure(_distributions(evaluation.clips)) if evaluation.clips else None,
        examples=[_example(chosen, folder) for chosen in choose_clips(evaluation.clips)],
        clip_metrics=[BY_KEY[key] for key in CLIP_METRICS],
        shown=shown,
        bounds=bounds,
        generated=_generated,
    )
    atomic_write_text(folder / REPORT_FILE, page)


def choose_clips(clips: Sequence[ClipScores]) -> tuple[ChosenClip, ...]:
    """Returns the clip with the lowest opening correlation and the median one, or the only one."""
    ranked = sorted(clips, key=_correlation)
    if len(ranked) < 2:
        return tuple(ChosenClip("only", clip) for clip in ranked)
    # Of two clips the better one is shown as the median: the worst is shown already.
    return ChosenClip("worst", ranked[0]), ChosenClip("median", ranked[max(1, len(ranked) // 2)])


def write_side_by_side(clip: ClipScores, path: Path) -> None:
    """Writes the recording on the left and the generated video, with its sound, on the right.

    Both are cut to the same square about the head, since a portrait beside a whole frame cannot be compared.

    Args:
        clip: what was measured.
        path: the mp4 to write; labelled and signed as a composite with synthetic media.

    Raises:
        ObamanetError: a video cannot be read, or this one not be written.
    """
    our_box, true_box = clip.portraits
    until = Fraction(SIDE_BY_SIDE_SECONDS)
    panes = [
        Clip(
            clip.pair.reference, "recorded", end=until, edit=partial(cut_square, box=true_box, size=SIDE_BY_SIDE_HEIGHT)
        ),
        Clip(
            clip.pair.generated, "generated", end=until, edit=partial(cut_square, box=our_box, size=SIDE_BY_SIDE_HEIGHT)
        ),
    ]
    has_sound = probe_video(clip.pair.generated).has_sound
    side_by_side(panes, path, MontageOptions(sound=2 if has_sound else 0))


def _example(chosen: ChosenClip, folder: Path) -> Example:
    clip, path = chosen.clip, folder / f"{chosen.label}.mp4"
    write_side_by_side(clip, path)
    return Example(
        label=chosen.label,
        name=clip.pair.name,
        correlation=shown(_correlation(clip)),
        notes="; ".join(clip.notes),
        opening=embed_figure(_opening(clip)),
        frames=_strip(clip),
        poster=embed_picture(next(frame.image for frame in read_frames(path))),
        video=embed("video/mp4", path.read_bytes()) if path.stat().st_size <= MAX_EMBEDDED else path.name,
    )


def _both(clip: ClipScores, fps: Fraction, height: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields recorded and generated heads at ``fps``, cut to squares of one height."""
    ours, real = read_frames(clip.pair.generated, fps), read_frames(clip.pair.reference, fps)
    our_box, true_box = clip.portraits
    for picture, truth in zip(ours, real, strict=False):
        yield cut_square(truth.image, true_box, height), cut_square(picture.image, our_box, height)


def _strip(clip: ClipScores) -> str:
    """Returns evenly spread frames, generated above recorded, as a data URL."""
    info = probe_video(clip.pair.reference)
    last = max(1, round(float(clip.series.times[-1] * info.fps)))
    wanted = set(np.linspace(0, last, STRIP_FRAMES).round().astype(int).tolist())
    columns = []
    for index, (truth, picture) in enumerate(_both(clip, info.fps, STRIP_HEIGHT)):
        if index in wanted:
            columns.append(np.vstack([picture, truth]))
        if index >= last:
            break
    return embed_picture(np.hstack(columns))


def _opening(clip: ClipScores) -> Figure:
    figure = _figure(9, 2.6)
    axes = figure.subplots()
    axes.plot(clip.series.times, clip.series.real, color=REAL, label="recorded", linewidth=1.8)
    axes.plot(clip.series.times, clip.series.generated, color=OURS, label="generated", linewidth=1.8, linestyle="--")
    axes.set(xlabel="seconds", ylabel="opening, eye distances")
    axes.legend(loc="upper left", ncols=2, frameon=False)
    axes.margins(x=0.01)
    axes.set_ylim(bottom=0, top=1.25 * max(clip.series.real.max(), clip.series.generated.max(), MIN_AXIS))
    return figure


def _distributions(clips: Sequence[ClipScores]) -> Figure:
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator

    figure = _figure(9, 4.8)
    for axes, key in zip(figure.subplots(2, 3).flat, DISTRIBUTIONS, strict=True):
        scores = [score for clip in clips for score in clip.scores if score.key == key]
        ours = [s.generated for s in scores if s.generated is not None and np.isfinite(s.generated)]
        real = [s.real for s in scores if s.real is not None and np.isfinite(s.real)]
        varies = len(set(real)) > 1
        if ours:
            edges = np.histogram_bin_edges(np.array(ours + real * varies), bins=20)
            axes.hist(ours, edges, color=OURS, alpha=0.7)
        if ours and varies:
            axes.hist(real, edges, color=REAL, alpha=0.5)
        elif real:
            axes.axvline(real[0], color=REAL, linestyle="--")
        metric = BY_KEY[key]
        axes.set_title(metric.title, fontsize=10)
        axes.set_xlabel(metric.unit, fontsize=9)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=8)
    figure.axes[0].set_ylabel("clips", fontsize=9)
    figure.axes[3].set_ylabel("clips", fontsize=9)
    names = [Patch(color=OURS, alpha=0.7, label="generated"), Patch(color=REAL, alpha=0.5, label="recorded")]
    figure.legend(handles=names, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _figure(width: float, height: float) -> Figure:
    # The figure itself, not pyplot: nothing is shown, and no global state is kept.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _setting(evaluation: Evaluation) -> dict[str, str]:
    setting = evaluation.setting
    return {
        "person": setting.person,
        "protocol": f"{setting.protocol}, split {setting.split}",
        "clips": f"{len(evaluation.clips)} measured, {len(evaluation.failures)} failed",
        "crop": setting.crop,
        "detector": setting.detector,
        "versions": ", ".join(f"{name} {number}" for name, number in setting.versions),
        "commit": setting.commit,
        "device": setting.device,
        "made": setting.made,
    }


def _generated(clip: ClipScores, key: str) -> float | None:
    return next((score.generated for score in clip.scores if score.key == key), None)


def _correlation(clip: ClipScores) -> float:
    return _generated(clip, "opening_correlation") or 0.0
