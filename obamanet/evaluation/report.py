"""The report for people: one self-contained HTML file with plots, frame strips and side-by-side videos."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.evaluation.catalogue import BY_KEY
from obamanet.evaluation.measure import ClipScores
from obamanet.evaluation.results import Evaluation, Summary, shown
from obamanet.evaluation.statistics import LEVEL
from obamanet.files import atomic_write_text
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.writer import VideoWriter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT_FILE = "report.html"

STRIP_FRAMES = 8
STRIP_HEIGHT = 144
"""Pixels of one frame in the strip."""

SIDE_BY_SIDE_HEIGHT = 288
SIDE_BY_SIDE_SECONDS = 20
"""Of a long clip, only so much is shown."""

LARGEST_INSIDE = 3_000_000
"""Bytes. A larger side-by-side video is linked instead of put into the page."""

DISTRIBUTIONS = ("opening_correlation", "lmd_placed_px", "av_offset", "tremble", "ssim_mouth", "sharp_mouth")

OURS, REAL = "#c2410c", "#1d4ed8"
"""Colours of generated and real, told apart by colour-blind eyes too."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1f2937; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .2rem .7rem; text-align: right; }
th { border-bottom: 2px solid #9ca3af; } td { border-bottom: 1px solid #e5e7eb; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, td.text { text-align: left; } .none { color: #6b7280; } .bad { color: #b91c1c; }
img, video { max-width: 100%; } .wide { overflow-x: auto; } h2 { margin-top: 2.5rem; }
"""


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
        f"<p>Mean over clips, in brackets the bootstrap interval of {LEVEL:.0%}; beside it the real clip's own score."
        "</p>",
        _summary_table(evaluation.summaries),
        _failures(evaluation),
    ]
    if evaluation.clips:
        parts += ["<h2>Distributions</h2>", _image(_distributions(evaluation.clips), "distributions of metrics")]
    for example in examples:
        parts += _example(example, folder)
    parts.append(_clip_table(evaluation.clips))
    page = "\n".join(parts)
    atomic_write_text(
        folder / REPORT_FILE,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Lip-sync evaluation</title>'
        f"<style>{STYLE}</style></head>\n<body>\n{page}\n</body></html>\n",
    )


def choose(clips: Sequence[ClipScores]) -> tuple[Shown, ...]:
    """Return the clip with the lowest opening correlation and the median one, or the only one."""
    ranked = sorted(clips, key=lambda clip: _value(clip, "opening_correlation"))
    if len(ranked) < 2:
        return tuple(Shown("only", clip) for clip in ranked)
    # Of two clips the better one is shown as the median: the worst is shown already.
    return Shown("worst", ranked[0]), Shown("median", ranked[max(1, len(ranked) // 2)])


def side_by_side(clip: ClipScores, path: Path) -> None:
    """Write the recording on the left and the generated video, with its sound, on the right into ``path``.

    The video is labelled and signed as a composite with synthetic media.
    """
    info = probe_video(clip.pair.generated)
    frames = _both(clip, info.fps, SIDE_BY_SIDE_HEIGHT)
    first = np.hstack(next(frames))

    def sign(part: Path) -> None:
        provenance.sign_video(part, kind=provenance.Synthetic.INPAINTED, software=SOFTWARE, title=path.name)

    comment = f"Left: recorded. Right: the generated video under evaluation by {SOFTWARE}."
    count = round(min(info.duration, SIDE_BY_SIDE_SECONDS) * info.fps)
    sound = clip.pair.generated if info.has_sound else None
    duration = Fraction(count) / info.fps if sound else None
    size = (first.shape[1], first.shape[0])
    with VideoWriter(path, size, info.fps, sound=sound, comment=comment, sound_duration=duration, finish=sign) as out:
        out.write(first)
        last = first
        for pair in islice(frames, count - 1):
            last = np.hstack(pair)
            out.write(last)
        # The recording may be shorter: its last frame stays while the other's sound goes on.
        for _ in range(count - out.frame_count):
            out.write(last)


def _example(example: Shown, folder: Path) -> list[str]:
    clip = example.clip
    video = folder / f"{example.label}.mp4"
    side_by_side(clip, video)
    if video.stat().st_size <= LARGEST_INSIDE:
        source = f"data:video/mp4;base64,{base64.b64encode(video.read_bytes()).decode()}"
    else:
        source = video.name
    name = escape(clip.pair.name)
    return [
        f"<h2>The {example.label} clip: {name}</h2>",
        f"<p>Opening correlation {shown(_value(clip, 'opening_correlation'))}. Left and below: recorded.</p>",
        _image(_opening(clip), f"opening of the mouth over time, {name}"),
        f'<p><img alt="frames of {name}: generated above, recorded below" '
        f'src="data:image/jpeg;base64,{_strip(clip)}"></p>',
        f'<p><video controls src="{source}"></video></p>',
    ]


def _both(clip: ClipScores, fps: Fraction, height: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield recorded and generated frames at ``fps``, brought to one height."""
    ours, real = read_frames(clip.pair.generated, fps), read_frames(clip.pair.reference, fps)
    for picture, truth in zip(ours, real, strict=False):
        yield _to_height(truth.image, height), _to_height(picture.image, height)


def _to_height(image: np.ndarray, height: int) -> np.ndarray:
    width = max(2, round(image.shape[1] * height / image.shape[0] / 2) * 2)
    shrinks = height < image.shape[0]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _strip(clip: ClipScores) -> str:
    """Return evenly spread frames, generated above recorded, as a JPEG in base64."""
    info = probe_video(clip.pair.reference)
    last = max(1, round(float(clip.series.times[-1] * info.fps)))
    wanted = set(np.linspace(0, last, STRIP_FRAMES).round().astype(int).tolist())
    columns = []
    for index, (truth, picture) in enumerate(_both(clip, info.fps, STRIP_HEIGHT)):
        if index in wanted:
            width = min(truth.shape[1], picture.shape[1])
            columns.append(np.vstack([_middle(picture, width), _middle(truth, width)]))
        if index >= last:
            break
    done, encoded = cv2.imencode(".jpg", np.hstack(columns), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return base64.b64encode(encoded.tobytes()).decode() if done else ""


def _middle(image: np.ndarray, width: int) -> np.ndarray:
    left = (image.shape[1] - width) // 2
    return image[:, left : left + width]


def _opening(clip: ClipScores) -> Figure:
    figure = _figure(9, 2.6)
    axes = figure.subplots()
    axes.plot(clip.series.times, clip.series.real, color=REAL, label="recorded", linewidth=1.8)
    axes.plot(clip.series.times, clip.series.generated, color=OURS, label="generated", linewidth=1.8, linestyle="--")
    axes.set(xlabel="seconds", ylabel="opening, eye distances")
    axes.legend(loc="upper right", frameon=False)
    return figure


def _distributions(clips: Sequence[ClipScores]) -> Figure:
    figure = _figure(9, 4.6)
    for axes, key in zip(figure.subplots(2, 3).flat, DISTRIBUTIONS, strict=True):
        scores = [score for clip in clips for score in clip.scores if score.key == key]
        ours = [s.generated for s in scores if s.generated is not None and np.isfinite(s.generated)]
        real = [s.real for s in scores if s.real is not None and np.isfinite(s.real)]
        if ours:
            edges = np.histogram_bin_edges(np.array(ours + real), bins=20)
            axes.hist(ours, edges, color=OURS, alpha=0.7, label="generated")
            axes.hist(real, edges, color=REAL, alpha=0.5, label="recorded")
        metric = BY_KEY[key]
        axes.set_title(metric.title, fontsize=9)
        axes.set_xlabel(metric.unit, fontsize=8)
        axes.tick_params(labelsize=7)
    figure.axes[0].legend(fontsize=7, frameon=False)
    return figure


def _figure(width: float, height: float) -> Figure:
    # The figure itself, not pyplot: nothing is shown, and no global state is kept.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _image(figure: Figure, alt: str) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    encoded = base64.b64encode(picture.getvalue()).decode()
    return f'<p><img alt="{escape(alt)}" src="data:image/png;base64,{encoded}"></p>'


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
    return f"<table>{cells}</table>"


def _summary_table(summaries: Sequence[Summary]) -> str:
    rows = []
    for summary in summaries:
        metric = summary.metric
        title = f'<td title="{escape(metric.about)}">{escape(metric.title)}</td>'
        if summary.generated is None:
            reason = f'<td class="text none" colspan="5">not available: {escape(summary.reason)}</td>'
            rows.append(f"<tr>{title}{reason}</tr>")
            continue
        ours = summary.generated
        rows.append(
            f"<tr>{title}<td>{shown(ours.value)}</td><td>[{shown(ours.low)}, {shown(ours.high)}]</td>"
            f"<td>{shown(summary.real.value if summary.real else None)}</td>"
            f'<td class="text">{escape(metric.unit)}</td><td class="text">{metric.better.value}</td>'
            f'<td>{summary.clips}</td><td class="text none">{escape(metric.about)}</td></tr>'
        )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("metric", "generated", "interval", "real", "unit", "better", "clips", "how it is measured")
    )
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _failures(evaluation: Evaluation) -> str:
    if not evaluation.failures:
        return ""
    rows = "".join(
        f'<tr><td>{escape(failure.pair.name)}</td><td class="text bad">{escape(failure.reason)}</td></tr>'
        for failure in evaluation.failures
    )
    return f"<h2>Not measured</h2><table><tr><th>clip</th><th>reason</th></tr>{rows}</table>"


def _clip_table(clips: Sequence[ClipScores]) -> str:
    keys = ("opening_correlation", "opening_amplitude", "lmd_placed_px", "av_offset", "av_confidence", "ssim_mouth")
    head = "".join(f"<th>{escape(BY_KEY[key].title)}</th>" for key in keys)
    rows = "".join(
        f"<tr><td>{escape(clip.pair.name)}</td>"
        + "".join(f"<td>{shown(_optional(clip, key))}</td>" for key in keys)
        + f'<td class="text">{escape("; ".join(clip.notes))}</td></tr>'
        for clip in clips
    )
    return (
        "<h2>Clips</h2><p>All metrics of each clip are in results.csv.</p>"
        f'<div class="wide"><table><tr><th>clip</th>{head}<th>notes</th></tr>{rows}</table></div>'
    )


def _optional(clip: ClipScores, key: str) -> float | None:
    return next((score.generated for score in clip.scores if score.key == key), None)


def _value(clip: ClipScores, key: str) -> float:
    found = _optional(clip, key)
    return 0.0 if found is None else found
