"""Results of an evaluation: summary with intervals, one row per clip, failures; written as JSON and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from obamanet.card import CardError, read_card
from obamanet.errors import EvaluationError
from obamanet.evaluation.catalogue import BY_KEY, METRICS, Better, Metric
from obamanet.evaluation.judges.fid import frechet_distance
from obamanet.evaluation.measure import ClipScores, Score
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.statistics import (
    Interval,
    PairedTest,
    bootstrap_mean,
    joined_amplitude,
    joined_correlation,
    paired_test,
)
from obamanet.files import atomic_write_json, atomic_write_text

SCHEMA: Final = 1
"""Version of results.json's layout."""

RESULTS_FILE, CSV_FILE, COMPARISON_FILE = "results.json", "results.csv", "comparison.json"

MIN_COMPARED: Final = 2
"""Clips that a paired test needs."""


@dataclass(frozen=True)
class Setting:
    """What was measured with what: everything that is needed to get the same numbers."""

    what: str
    protocol: str
    split: str
    person: str
    crop: str
    detector: str
    versions: tuple[tuple[str, str], ...]
    commit: str
    device: str
    made: str


@dataclass(frozen=True)
class Failure:
    """A pair that could not be measured, and why."""

    pair: Pair
    reason: str


@dataclass(frozen=True)
class Summary:
    """One metric over all clips.

    Attributes:
        metric: the metric.
        generated: its mean or joined value for the generated videos; None where no clip has it.
        real: the same for the recordings.
        clips: how many have it.
        reason: why none has it.
    """

    metric: Metric
    generated: Interval | None
    real: Interval | None
    clips: int
    reason: str = ""


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation."""

    setting: Setting
    clips: tuple[ClipScores, ...]
    failures: tuple[Failure, ...]
    summaries: tuple[Summary, ...]


@dataclass(frozen=True)
class StoredResults:
    """An evaluation as read back: the scores of each clip by its name."""

    path: Path
    clips: tuple[tuple[str, tuple[Score, ...]], ...]


@dataclass(frozen=True)
class Comparison:
    """Two systems compared in one metric.

    Attributes:
        metric: the metric.
        test: of its values or, where it is best near 1, 0 or the real clip's value, of the distances from there.
        b_better: whether the second system is better; None where the interval of the difference includes 0.
    """

    metric: Metric
    test: PairedTest
    b_better: bool | None


def summarise(clips: Sequence[ClipScores]) -> tuple[Summary, ...]:
    """Returns every metric of the catalogue over ``clips``, in its order."""
    return tuple(_summary(metric, clips) for metric in METRICS)


def write_results(evaluation: Evaluation, folder: Path) -> None:
    """Writes results.json and results.csv into ``folder``; infinities are written as "inf", missing values as null."""
    atomic_write_json(folder / RESULTS_FILE, _finite(_as_json(evaluation)))
    atomic_write_text(folder / CSV_FILE, _as_csv(evaluation))


def read_results(path: Path) -> StoredResults:
    """Reads the results.json at ``path``, or in the folder ``path``; raises :class:`EvaluationError`."""
    path = path / RESULTS_FILE if path.is_dir() else path
    try:
        content = read_card(path).content
        if content["schema"] != SCHEMA:
            raise EvaluationError(f"{path}: schema is {content['schema']!r}, readable is {SCHEMA}")
        clips = tuple((clip["name"], tuple(_score(score) for score in clip["scores"])) for clip in content["clips"])
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error) if isinstance(error, CardError) else f"{path}: its entries are not those of results"
        how = "make them with: obamanet evaluate GENERATED REFERENCE --out DIR"
        raise EvaluationError(f"not the results of an evaluation: {reason}; {how}") from None
    return StoredResults(path, clips)


def compare(a: StoredResults, b: StoredResults) -> tuple[Comparison, ...]:
    """Compares two evaluations in every metric that both have, over the clips that both have.

    Clips in which a value is infinite are left out.

    Raises:
        EvaluationError: fewer than two clips are shared.
    """
    ours, theirs = dict(a.clips), dict(b.clips)
    names = sorted(ours.keys() & theirs.keys())
    if len(names) < MIN_COMPARED:
        raise EvaluationError(f"{a.path} and {b.path} share {len(names)} clips, needed are {MIN_COMPARED}")
    comparisons = []
    for metric in METRICS:
        values = [(_loss(metric, ours[name]), _loss(metric, theirs[name])) for name in names]
        both = [(x, y) for x, y in values if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]
        if len(both) < MIN_COMPARED:
            continue
        test = paired_test(*zip(*both, strict=True))
        apart = test.difference.excludes(0)
        rises = test.difference.value > 0
        comparisons.append(Comparison(metric, test, rises == (metric.better is Better.HIGHER) if apart else None))
    return tuple(comparisons)


def write_comparison(comparisons: Sequence[Comparison], a: Path, b: Path, folder: Path) -> None:
    """Writes comparison.json into ``folder``: per metric both means, the difference with its interval, and p."""
    verdict = {None: "no difference shown", True: "b", False: "a"}
    rows = [
        {
            "metric": comparison.metric.key,
            "better_is": comparison.metric.better.value,
            **asdict(comparison.test),
            "better": verdict[comparison.b_better],
        }
        for comparison in comparisons
    ]
    atomic_write_json(folder / COMPARISON_FILE, {"schema": SCHEMA, "a": str(a), "b": str(b), "metrics": rows})


def bounds(interval: Interval) -> str:
    """Returns the bounds of ``interval`` as text, "-" without bounds."""
    return "-" if interval.low is None else f"{shown(interval.low)} .. {shown(interval.high)}"


def shown(value: float | None) -> str:
    """Returns a figure with three significant digits, and more before the point where there are more."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if abs(value) >= 1e-4 else 4
    return f"{value:.{min(digits, 4)}f}"


def _summary(metric: Metric, clips: Sequence[ClipScores]) -> Summary:
    if metric.pooled:
        return _joined(metric, clips)
    scores = [score for clip in clips for score in clip.scores if score.key == metric.key]
    generated = [score.generated for score in scores if score.generated is not None]
    real = [score.real for score in scores if score.real is not None]
    reason = next((score.reason for score in scores if score.reason), "no clip could be measured")
    return Summary(
        metric,
        bootstrap_mean(generated) if generated else None,
        bootstrap_mean(real) if real else None,
        len(generated),
        "" if generated else reason,
    )


def _joined(metric: Metric, clips: Sequence[ClipScores]) -> Summary:
    if not clips:
        return Summary(metric, None, None, 0, "no clip could be measured")
    if metric.key == "fid":
        return _fid(metric, clips)
    ours, real = [clip.series.generated for clip in clips], [clip.series.real for clip in clips]
    over = joined_correlation if metric.key == "opening_correlation_joined" else joined_amplitude
    return Summary(metric, over(ours, real), Interval(1.0, 1.0, 1.0), len(clips))


def _fid(metric: Metric, clips: Sequence[ClipScores]) -> Summary:
    """Returns FID over the faces of all clips. Clips drawn twice would change it, so there is no bootstrap interval."""
    faces = [clip.faces for clip in clips if clip.faces is not None]
    if not faces:
        return Summary(metric, None, None, 0, clips[0].no_faces)
    try:
        value = frechet_distance(
            np.concatenate([face.generated for face in faces]), np.concatenate([face.real for face in faces])
        )
    except ValueError as error:
        return Summary(metric, None, None, 0, str(error))
    return Summary(metric, Interval(value, None, None), Interval(0.0, None, None), len(faces))


def _loss(metric: Metric, scores: Sequence[Score]) -> float | None:
    """Returns what a comparison tests: the metric's value, or its distance from the best one."""
    score = next((score for score in scores if score.key == metric.key), None)
    if score is None or score.generated is None:
        return None
    match metric.better:
        case Better.HIGHER | Better.LOWER:
            return score.generated
        case Better.ONE:
            return abs(score.generated - 1)
        case Better.REAL:
            return None if score.real is None else abs(score.generated - score.real)


def _as_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "setting": {**asdict(evaluation.setting), "versions": dict(evaluation.setting.versions)},
        "summary": [
            {
                "metric": summary.metric.key,
                "title": summary.metric.title,
                "unit": summary.metric.unit,
                "better": summary.metric.better.value,
                "about": summary.metric.about,
                "generated": asdict(summary.generated) if summary.generated else None,
                "real": asdict(summary.real) if summary.real else None,
                "clips": summary.clips,
                "reason": summary.reason,
            }
            for summary in evaluation.summaries
        ],
        "clips": [
            {
                "name": clip.pair.name,
                "generated": str(clip.pair.generated),
                "reference": str(clip.pair.reference),
                "notes": list(clip.notes),
                "scores": [asdict(score) for score in clip.scores],
            }
            for clip in evaluation.clips
        ],
        "failures": [
            {
                "name": failure.pair.name,
                "generated": str(failure.pair.generated),
                "reference": str(failure.pair.reference),
                "reason": failure.reason,
            }
            for failure in evaluation.failures
        ],
    }


def _as_csv(evaluation: Evaluation) -> str:
    """Returns one row per clip, failures included: each metric generated and real, notes and reason."""
    keys = [metric.key for metric in METRICS if not metric.pooled]
    columns = ["name", "generated", "reference", *(f"{key}{side}" for key in keys for side in ("", "_real"))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, "notes", "failure"])
    for clip in evaluation.clips:
        by_key = {score.key: score for score in clip.scores}
        values = [value for key in keys for value in _both(by_key.get(key))]
        writer.writerow([clip.pair.name, clip.pair.generated, clip.pair.reference, *values, "; ".join(clip.notes), ""])
    for failure in evaluation.failures:
        empty = [""] * (2 * len(keys))
        pair = failure.pair
        writer.writerow([pair.name, pair.generated, pair.reference, *empty, "", failure.reason])
    return text.getvalue()


def _both(score: Score | None) -> tuple[str, str]:
    if score is None:
        return "", ""
    generated, real = ("" if value is None else repr(value) for value in (score.generated, score.real))
    return generated, real


def _finite(content: Any) -> Any:
    """Returns ``content`` with infinities spelled out, since JSON has none."""
    match content:
        case dict():
            return {key: _finite(value) for key, value in content.items()}
        case list():
            return [_finite(value) for value in content]
        case float() if math.isinf(content):
            return "inf" if content > 0 else "-inf"
    return content


def _score(stored: dict[str, Any]) -> Score:
    if stored["key"] not in BY_KEY:
        raise KeyError(stored["key"])
    generated, real = (None if stored[side] is None else float(stored[side]) for side in ("generated", "real"))
    return Score(stored["key"], generated, real, stored["reason"])
