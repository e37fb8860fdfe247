"""Kinds of folders that the program writes and that can contain a face: how to recognise them, and their files.

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
from obamanet.person import CARD, PARTS, READY_FOLDER
from obamanet.sources import Sources, read_sources
from obamanet.swap.alignments import ALIGNMENTS_FILE
from obamanet.swap.extract_faces import HULL, MOUTH_INSIDE, RAW
from obamanet.swap.look_alikes import PAIRS_FILE
from obamanet.swap.swap_model import FILES, SWAP
from obamanet.swap.swap_training import BACKUP, PREVIEW

UNFINISHED = r"(.+/)?\.[^/]+\.part[./].+"
"""Files and folders that a killed process had not yet renamed; see :func:`obamanet.files.atomic_path`."""


@dataclass(frozen=True)
class Layout:
    """One kind of folder that the program writes.

    Attributes:
        kind: name of the kind, in words.
        markers: glob patterns; a folder with a match for one of them is of this kind.
        files: regular expressions of the files that the program writes there, as relative paths with "/", in the order
            of removal. Markers and sources come last, so that an interrupted removal can be repeated.
    """

    kind: str
    markers: tuple[str, ...]
    files: tuple[str, ...]

    def rank(self, relative: str) -> int | None:
        """Returns the rank of the file ``relative`` in the order of removal; None for files not of the program."""
        patterns = (UNFINISHED, *self.files)
        return next((rank for rank, pattern in enumerate(patterns) if re.fullmatch(pattern, relative)), None)


PERSON = Layout(
    "person",
    ("person.json",),
    (
        # With what a killed replacement left.
        *(rf"({re.escape(READY_FOLDER)}/)?{re.escape(name)}" for name in (*PARTS, CARD)),
    ),
)
EXPORT = Layout(
    "exported networks",
    ("networks.json",),
    (
        r"(renderer|predictor|speech_encoder|poser)\.(onnx|keras|tflite)",
        r"README\.txt",
        r"sources\.json",
        r"networks\.json",
    ),
)
DATASET = Layout(
    "prepared footage",
    ("dataset.json", "clips/*/clip.json"),
    (r"clips/[^/]+/(frames/\d{5,}\.jpg|track\.npz|sound\.wav)", r"clips/[^/]+/clip\.json", r"dataset\.json"),
)
PICTURES = Layout(
    "pictures of footage",
    ("pictures.json",),
    (r"(photos|sketches|pairs)/[^/]+-\d{5,}\.png", r"report\.html", r"sources\.json", r"pictures\.json"),
)
SYNTHETIC_VOICES = Layout(
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
        r"(state|mouth|region|heard|train|val)\.npz",
        r"log\.jsonl",
        r"curves\.png",
        # Of a face swap whose model was not written yet.
        re.escape(PREVIEW),
        rf"{BACKUP}/((best|last)\.weights\.h5|state\.npz|log\.jsonl|options\.json)",
        r"(lipreader|syncnet)\.(weights\.h5|onnx|json)",
        # Of runs of `train closures`, which is gone.
        r"detector/closures\.(weights\.h5|onnx|json)",
        # An interrupted making of synthetic voices leaves options.json and no list, and so is taken for a run.
        *SYNTHETIC_VOICES.files,
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
FACES = Layout(
    "faces to swap",
    (ALIGNMENTS_FILE,),
    (
        rf"(person_\d+/)?({RAW}/|{HULL}/|{MOUTH_INSIDE}/|binary_masks/face_(src|dst)_eyes/)?[^/]+_\d+\.png",
        r"(person_\d+/)?index\.html",
        r"sources\.json",
        re.escape(ALIGNMENTS_FILE),
    ),
)
FACE_PAIRS = Layout(
    "pairs of faces",
    (PAIRS_FILE,),
    (r"[^/]+_\d+\.png", r"sources\.json", re.escape(PAIRS_FILE)),
)
SWAP_MODEL = Layout(
    "face swap model",
    (SWAP.card,),
    (
        rf"({BACKUP}/)?((best|last)\.weights\.h5|state\.npz|log\.jsonl|options\.json)",
        r"kept/step_\d+\.weights\.h5",
        r"samples/step_\d+\.png",
        r"curves\.png",
        re.escape(PREVIEW),
        *map(re.escape, FILES),
        r"sources\.json",
        re.escape(SWAP.card),
    ),
)
MAKING = Layout(
    "person in the making",
    ("making.json",),
    (r"footage/video_\d+(\.[^/.]*)?", r"said\.txt", r"running", r"making\.json"),
)
LAYOUTS = (
    MAKING,
    PERSON,
    EXPORT,
    DATASET,
    PICTURES,
    SYNTHETIC_VOICES,
    SWAP_MODEL,
    RUN,
    JUDGE,
    CORPUS,
    EVALUATION,
    FACES,
    FACE_PAIRS,
)
"""All kinds of folders that can contain a face; a folder is of the first kind that matches."""


@dataclass(frozen=True)
class KnownFolder:
    """A folder of a known kind.

    Attributes:
        path: the folder.
        layout: its kind.
        about: content of its marker file.
        sources: recordings that it was made from.
        files: sha256 of the weights and mouth poses that it contains or was made with.
        start_weights: sha256 of the weights that its training started from.
    """

    path: Path
    layout: Layout
    about: dict[str, Any]
    sources: Sources = field(default_factory=Sources)
    files: frozenset[str] = frozenset()
    start_weights: frozenset[str] = frozenset()


def layout_of(path: Path, layouts: Sequence[Layout] = LAYOUTS) -> Layout | None:
    """Returns the kind of the folder ``path`` by its markers alone; None when it is of none of ``layouts``."""
    return next((one for one in layouts if any(any(path.glob(marker)) for marker in one.markers)), None)


def recognise(path: Path, layouts: Sequence[Layout] = LAYOUTS) -> KnownFolder | None:
    """Returns the folder ``path`` with its kind; None when it is of none of ``layouts``.

    Damaged JSON counts as empty.
    """
    layout = layout_of(path, layouts)
    if layout is None:
        return None
    sources = read_sources(path)
    if layout is PERSON:
        trained = [file for pattern in ("*.weights.h5", "poses.npz") for file in path.glob(pattern) if file.is_file()]
        return KnownFolder(path, layout, read_object(path / "person.json"), sources, frozenset(map(sha256_of, trained)))
    if layout is DATASET:
        clips = [read_object(file) for file in path.glob("clips/*/clip.json")]
        videos = frozenset(str(digest) for clip in clips if (digest := section(clip, "key").get("sha256")))
        return KnownFolder(path, layout, {"sources": [str(clip.get("source", "")) for clip in clips]}, Sources(videos))
    if layout in (RUN, SYNTHETIC_VOICES):
        data = section(read_object(path / "options.json"), "data")
        made_with, start_weights = (
            frozenset(str(data[name]) for name in names if data.get(name))
            for names in (("teacher", "poses"), ("start",))
        )
        return KnownFolder(path, layout, data, sources | _split(data), made_with, start_weights)
    if layout in (EXPORT, PICTURES):
        return KnownFolder(path, layout, read_object(path / layout.markers[0]), sources)
    if layout is MAKING:
        # The page's copies of what was uploaded.
        footage = [file for file in path.glob("footage/video_*") if file.is_file() and not file.is_symlink()]
        about = read_object(path / "making.json")
        return KnownFolder(path, layout, about, Sources(frozenset(map(sha256_of, footage))))
    if layout is JUDGE:
        cards = [read_object(path / marker) for marker in layout.markers]
        splits = frozenset().union(*(_split(part).splits for card in cards for part in (card, section(card, "data"))))
        return KnownFolder(path, layout, {}, Sources(splits=splits))
    if layout in (SWAP_MODEL, FACES, FACE_PAIRS):
        return KnownFolder(path, layout, {}, sources)
    about = read_object(path / layout.markers[0])
    video = section(about, "corpus").get("video_sha256")
    return KnownFolder(path, layout, about, Sources(frozenset([str(video)] if video else [])))


def section(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns the object ``name`` in ``content``; an empty one when there is none."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def read_object(path: Path) -> dict[str, Any]:
    """Returns the JSON object in the file at ``path``; an empty one when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        # No path and no name has a NUL in it.
        content = None if "\\u0000" in text else json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _split(content: dict[str, Any]) -> Sources:
    return Sources(splits=frozenset([str(content["split"])] if content.get("split") else []))
