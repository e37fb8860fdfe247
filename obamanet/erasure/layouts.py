"""What the program writes that can hold a face: kinds of folders, how each is told, and which files in it are its own.

Only files that are listed here are ever removed from a folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from obamanet.evaluation.results import COMPARISON_FILE, CSV_FILE, RESULTS_FILE
from obamanet.files import sha256_of
from obamanet.sources import Sources, read_sources

UNFINISHED = r"(.+/)?\.[^/]+\.part[./].+"
"""What a killed process leaves of a file or folder that it was writing; see :func:`obamanet.files.atomic_path`."""


@dataclass(frozen=True)
class Layout:
    """One kind of folder that the program writes.

    A folder is of this kind when one of ``markers`` (glob patterns) is in it. ``files`` are regular expressions of the
    files that the program writes there, as relative paths with "/" between the parts, in the order of removal: what
    tells the kind and the sources goes last, so that an interrupted removal can be repeated.
    """

    kind: str
    markers: tuple[str, ...]
    files: tuple[str, ...]

    def rank(self, relative: str) -> int | None:
        """Return the place of the file in the order of removal, None when the program does not write it."""
        patterns = (UNFINISHED, *self.files)
        return next((rank for rank, pattern in enumerate(patterns) if re.fullmatch(pattern, relative)), None)


PERSON = Layout(
    "person",
    ("person.json",),
    (
        r"(mouth|reference|poses)\.npz",
        r"(predictor|renderer|poser)\.(weights\.h5|onnx)",
        r"speech_encoder\.onnx",
        r"footage\.mp4",
        r"sources\.json",
        r"person\.json",
    ),
)
DATASET = Layout(
    "prepared footage",
    ("dataset.json", "clips/*/clip.json"),
    (r"clips/[^/]+/(frames/\d{5,}\.jpg|track\.npz|sound\.wav)", r"clips/[^/]+/clip\.json", r"dataset\.json"),
)
RENDITIONS = Layout(
    "sentences said again",
    ("synthetic_voices.json",),
    (r"[^/]+-[0-9a-f]{8}-\d+\.npz", r"synthetic_voices\.json", r"sources\.json", r"options\.json"),
)
RUN = Layout(
    "training run",
    ("options.json",),
    (
        r"(best|last)\.weights\.h5",
        r"kept/step_\d+\.weights\.h5",
        r"samples/step_\d+\.png",
        r"(state|mouth|heard|train|val)\.npz",
        r"log\.jsonl",
        r"curves\.png",
        r"(lipreader|syncnet)\.(weights\.h5|onnx|json)",
        r"detector/closures\.(weights\.h5|onnx|json)",
        # SyntheticVoices that were interrupted have no list yet.
        *RENDITIONS.files,
    ),
)
JUDGE = Layout(
    "judge of evaluations",
    ("lipreader.json", "syncnet.json"),
    (r"(lipreader|syncnet)\.(weights\.h5|onnx|json)",),
)
CORPUS = Layout(
    "corpus of clips",
    ("corpus.json",),
    (
        r"clips/\d+/(frames/\d+\.jpg|\d+\.npz|\d+\.wav)",
        r"clips/\d+/cue\.json",
        r"template\.npz",
        r"manifest\.(json|tsv)",
        r"corpus\.json",
    ),
)
EVALUATION = Layout(
    "evaluation",
    (RESULTS_FILE,),
    (
        r"(worst|median|only)\.mp4",
        r"report\.html",
        *(re.escape(name) for name in (CSV_FILE, COMPARISON_FILE, RESULTS_FILE)),
    ),
)
LAYOUTS = (PERSON, DATASET, RENDITIONS, RUN, JUDGE, CORPUS, EVALUATION)
"""Every kind of folder that can hold a face; a folder is of the first kind that fits."""


@dataclass(frozen=True)
class KnownFolder:
    """A folder of a known ``layout``, with what its marker says ``about`` it.

    ``files`` are the sha256 of weights and mouth poses that it holds or was made with, ``start_weights`` of the weights
    that its training began with.
    """

    path: Path
    layout: Layout
    about: dict[str, Any]
    sources: Sources = field(default_factory=Sources)
    files: frozenset[str] = frozenset()
    start_weights: frozenset[str] = frozenset()


def recognise(path: Path, layouts: Sequence[Layout] = LAYOUTS) -> KnownFolder | None:
    """Return what the folder ``path`` is; None when it is of none of ``layouts``.

    Damaged JSON says nothing, but the folder still counts.
    """
    layout = next((one for one in layouts if any(any(path.glob(marker)) for marker in one.markers)), None)
    if layout is None:
        return None
    noted = read_sources(path)
    if layout is PERSON:
        learned = [file for pattern in ("*.weights.h5", "poses.npz") for file in path.glob(pattern) if file.is_file()]
        return KnownFolder(path, layout, read_object(path / "person.json"), noted, frozenset(map(sha256_of, learned)))
    if layout is DATASET:
        clips = [read_object(file) for file in path.glob("clips/*/clip.json")]
        videos = frozenset(str(digest) for clip in clips if (digest := section(clip, "key").get("sha256")))
        return KnownFolder(path, layout, {"sources": [str(clip.get("source", "")) for clip in clips]}, Sources(videos))
    if layout in (RUN, RENDITIONS):
        data = section(read_object(path / "options.json"), "data")
        made_with, start_weights = (
            frozenset(str(data[name]) for name in names if data.get(name))
            for names in (("teacher", "poses"), ("start",))
        )
        return KnownFolder(path, layout, data, noted | _split(data), made_with, start_weights)
    if layout is JUDGE:
        cards = [read_object(path / marker) for marker in layout.markers]
        splits = frozenset().union(*(_split(part).splits for card in cards for part in (card, section(card, "data"))))
        return KnownFolder(path, layout, {}, Sources(splits=splits))
    about = read_object(path / layout.markers[0])
    video = section(about, "corpus").get("video_sha256")
    return KnownFolder(path, layout, about, Sources(frozenset([str(video)] if video else [])))


def section(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object ``name`` in ``content``; an empty one when there is none."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file at ``path``; an empty one when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        # No path and no name has a NUL in it.
        content = None if "\\u0000" in text else json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _split(content: dict[str, Any]) -> Sources:
    return Sources(splits=frozenset([str(content["split"])] if content.get("split") else []))
