"""The report for people: one self-contained HTML file with plots, frame strips and side-by-side videos."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from obamanet.evaluation.catalogue import BY_KEY
from obamanet.evaluation.measure import ClipScores
from obamanet.evaluation.results import Evaluation, Summary, bounds, shown
from obamanet.evaluation.statistics import LEVEL
from obamanet.files import atomic_write_text
from obamanet.montage import Clip, MontageOptions, side_by_side
from obamanet.render.crop import cut_square
from obamanet.video.reader import probe_video, read_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT_FILE = "report.html"

STRIP_FRAMES = 8
STRIP_HEIGHT = 144
"""Pixels of one frame in the strip."""

SIDE_BY_SIDE_HEIGHT = 288
SIDE_BY_SIDE_SECONDS = 20
"""Of a long clip, only so much is shown."""

DOTS_PER_INCH = 130
"""Of plots: sharp at the page's full width, 1200 pixels."""

MIN_SCALE = 0.01
"""Eye distances. The axis of a mouth that never opens still reaches so far."""

MAX_INSIDE = 3_000_000
"""Bytes. A larger side-by-side video is linked instead of put into the page."""

DISTRIBUTIONS = ("opening_correlation", "lmd_placed_px", "av_offset", "tremble", "ssim_mouth", "sharp_mouth")

OURS, REAL = "#c2410c", "#1d4ed8"
"""Colours of generated and real, told apart by colour-blind eyes too."""

STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1f2937; --soft: #5b6472; --line: #e5e7eb; --rule: #9ca3af;
  --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --page: #14181f; --text: #e5e7eb; --soft: #a3adbb; --line: #333b47;
  --rule: #6b7280; --bad: #fca5a5; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 0 auto; padding: 1rem; color: var(--text);
  background: var(--page); }
h1 { margin: .5rem 0; } h2 { margin-top: 2.5rem; } .soft { color: var(--soft); } .bad { color: var(--bad); }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .5rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line);
  vertical-align: top; font-variant-numeric: tabular-nums; }
th { border-bottom: 2px solid var(--rule); }
th:first-child, td:first-child, .text { text-align: left; } td.long { white-space: normal; min-width: 11rem; }
.wide th:first-child, .wide td:first-child { position: sticky; left: 0; background: var(--page); }
.setting .text { white-space: normal; overflow-wrap: anywhere; } .setting td:first-child { color: var(--soft); }
img, video { max-width: 100%; border-radius: 6px; } .plot { background: #fff; min-width: 30rem; }
video { width: 46rem; }
@media (max-width: 40rem) { body { font-size: 14px; padding: .6rem; } th, td { padding: .25rem .45rem; }
  .wide th:first-child, .wide td:first-child { white-space: normal; min-width: 6.5rem; } }
"""
"""Light or dark as the reader's system is; tables and plots that are wider than a phone scroll by themselves."""


@dataclass(frozen=True)
class Shown:
    """A clip that the report shows in pictures, and why it was chosen."""

    label: str
    clip: ClipScores


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write report.html into ``folder``, and a side-by-side video of the worst and of the median clip beside it."""
    examples = choose(evaluation.clips)
    parts = [
        f"<h1>Lip-sync evaluation</h1><p>{escape(evaluation.setting.what)}</p>",
        _setting(evaluation),
        "<h2>Figures</h2>",
        f"<p>Mean over clips, the bootstrap interval of {LEVEL:.0%} over clips, and the real clip's own score.</p>",
        _summary_table(evaluation.summaries),
        _failures(evaluation),
    ]
    if evaluation.clips:
        parts += [
            "<h2>Distributions</h2>",
            "<p>How many clips have which value. A dashed line is a value that all recorded clips share.</p>",
            _image(_distributions(evaluation.clips), "distributions of metrics"),
        ]
    for example in examples:
        parts += _example(example, folder)
    parts.append(_clip_table(evaluation.clips))
    page = "\n".join(parts)
    atomic_write_text(
        folder / REPORT_FILE,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Lip-sync evaluation</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body>\n{page}\n</body></html>\n",
    )


def choose(clips: Sequence[ClipScores]) -> tuple[Shown, ...]:
    """Return the clip with the lowest opening correlation and the median one, or the only one."""
    ranked = sorted(clips, key=lambda clip: _value(clip, "opening_correlation"))
    if len(ranked) < 2:
        return tuple(Shown("only", clip) for clip in ranked)
    # Of two clips the better one is shown as the median: the worst is shown already.
    return Shown("worst", ranked[0]), Shown("median", ranked[max(1, len(ranked) // 2)])


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


def _example(example: Shown, folder: Path) -> list[str]:
    clip = example.clip
    video = folder / f"{example.label}.mp4"
    write_side_by_side(clip, video)
    if video.stat().st_size <= MAX_INSIDE:
        source = f"data:video/mp4;base64,{base64.b64encode(video.read_bytes()).decode()}"
    else:
        source = video.name
    name = escape(clip.pair.name)
    poster = _jpeg(next(frame.image for frame in read_frames(video)))
    notes = f" Notes: {escape('; '.join(clip.notes))}." if clip.notes else ""
    return [
        f"<h2>The {example.label} clip: {name}</h2>",
        f"<p>Chosen by its opening correlation, {shown(_value(clip, 'opening_correlation'))}.{notes}</p>",
        _image(_opening(clip), f"opening of the mouth over time, {name}"),
        '<p class="soft">Frames, generated above and recorded below:</p>',
        f'<div class="wide"><img class="plot" alt="frames of {name}: generated above, recorded below" '
        f'src="{_strip(clip)}"></div>',
        '<p class="soft">Side by side, recorded on the left, generated on the right with its sound:</p>',
        f'<p><video controls playsinline preload="metadata" poster="{poster}" src="{source}"></video></p>',
    ]


def _both(clip: ClipScores, fps: Fraction, height: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield recorded and generated heads at ``fps``, cut to squares of one height."""
    ours, real = read_frames(clip.pair.generated, fps), read_frames(clip.pair.reference, fps)
    our_box, true_box = clip.portraits
    for picture, truth in zip(ours, real, strict=False):
        yield cut_square(truth.image, true_box, height), cut_square(picture.image, our_box, height)


def _strip(clip: ClipScores) -> str:
    """Return evenly spread frames, generated above recorded, as the address of a picture inside the page."""
    info = probe_video(clip.pair.reference)
    last = max(1, round(float(clip.series.times[-1] * info.fps)))
    wanted = set(np.linspace(0, last, STRIP_FRAMES).round().astype(int).tolist())
    columns = []
    for index, (truth, picture) in enumerate(_both(clip, info.fps, STRIP_HEIGHT)):
        if index in wanted:
            columns.append(np.vstack([picture, truth]))
        if index >= last:
            break
    return _jpeg(np.hstack(columns))


def _jpeg(picture: np.ndarray) -> str:
    """Return ``picture`` (H, W, 3) as the address of a JPEG inside the page."""
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _opening(clip: ClipScores) -> Figure:
    figure = _figure(9, 2.6)
    axes = figure.subplots()
    axes.plot(clip.series.times, clip.series.real, color=REAL, label="recorded", linewidth=1.8)
    axes.plot(clip.series.times, clip.series.generated, color=OURS, label="generated", linewidth=1.8, linestyle="--")
    axes.set(xlabel="seconds", ylabel="opening, eye distances")
    axes.legend(loc="upper left", ncols=2, frameon=False)
    axes.margins(x=0.01)
    axes.set_ylim(bottom=0, top=1.25 * max(clip.series.real.max(), clip.series.generated.max(), MIN_SCALE))
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


def _image(figure: Figure, alt: str) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DOTS_PER_INCH)
    encoded = base64.b64encode(picture.getvalue()).decode()
    return f'<div class="wide"><img class="plot" alt="{escape(alt)}" src="data:image/png;base64,{encoded}"></div>'


def _setting(evaluation: Evaluation) -> str:
    setting = evaluation.setting
    rows = {
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
    cells = "".join(f'<tr><td>{name}</td><td class="text">{escape(value)}</td></tr>' for name, value in rows.items())
    return f'<table class="setting">{cells}</table>'


def _summary_table(summaries: Sequence[Summary]) -> str:
    rows = []
    for summary in summaries:
        metric = summary.metric
        title, about = f"<td>{escape(metric.title)}</td>", f'<td class="text long soft">{escape(metric.about)}</td>'
        if summary.generated is None:
            reason = f'<td class="text long soft" colspan="6">not available: {escape(summary.reason)}</td>'
            rows.append(f"<tr>{title}{reason}{about}</tr>")
            continue
        ours = summary.generated
        rows.append(
            f"<tr>{title}<td>{shown(ours.value)}</td><td>{bounds(ours)}</td>"
            f"<td>{shown(summary.real.value if summary.real else None)}</td>"
            f'<td class="text">{escape(metric.unit)}</td><td class="text">{metric.better.value}</td>'
            f"<td>{summary.clips}</td>{about}</tr>"
        )
    head = (
        "<th>metric</th><th>generated</th><th>interval</th><th>real</th>"
        '<th class="text">unit</th><th class="text">better</th><th>clips</th><th class="text">how it is measured</th>'
    )
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _failures(evaluation: Evaluation) -> str:
    if not evaluation.failures:
        return ""
    rows = "".join(
        f'<tr><td>{escape(failure.pair.name)}</td><td class="text long bad">{escape(failure.reason)}</td></tr>'
        for failure in evaluation.failures
    )
    head = '<tr><th>clip</th><th class="text">reason</th></tr>'
    return f'<h2>Not measured</h2><div class="wide"><table>{head}{rows}</table></div>'


def _clip_table(clips: Sequence[ClipScores]) -> str:
    keys = ("opening_correlation", "opening_amplitude", "lmd_placed_px", "av_offset", "av_confidence", "ssim_mouth")
    head = "".join(f"<th>{escape(BY_KEY[key].title)}</th>" for key in keys)
    rows = "".join(
        f"<tr><td>{escape(clip.pair.name)}</td>"
        + "".join(f"<td>{shown(_optional(clip, key))}</td>" for key in keys)
        + f'<td class="text long">{escape("; ".join(clip.notes))}</td></tr>'
        for clip in clips
    )
    return (
        "<h2>Clips</h2><p>All metrics of each clip are in results.csv.</p>"
        f'<div class="wide"><table><tr><th>clip</th>{head}<th class="text">notes</th></tr>{rows}</table></div>'
    )


def _optional(clip: ClipScores, key: str) -> float | None:
    return next((score.generated for score in clip.scores if score.key == key), None)


def _value(clip: ClipScores, key: str) -> float:
    found = _optional(clip, key)
    return 0.0 if found is None else found
