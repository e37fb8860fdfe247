"""Finds what holds or was learned from one person's face: folders by their sources, videos by their manifest."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.erasure.layouts import (
    CORPUS,
    DATASET,
    EVALUATION,
    LAYOUTS,
    PERSON,
    RENDITIONS,
    RUN,
    KnownFolder,
    recognise,
    section,
)
from obamanet.errors import OptionError, PersonError, ProvenanceError
from obamanet.evaluation.pairing import VIDEO_SUFFIXES
from obamanet.evaluation.tracks import cache_folder
from obamanet.files import sha256_of
from obamanet.progress import Progress
from obamanet.sources import Sources

PROGRAM = Path(__file__).resolve().parents[1]
SHIPPED = (PROGRAM, PROGRAM.parent / "checkpoints" / "grid_s1")
"""Folders of what comes with the program: the judges and the default person. Nothing in there is removed, but for the
default person when it is the one that is named."""

VIDEO = "generated video"
RECORDING = "recorded footage"
TRACKS = "tracked face in the cache"


@dataclass(frozen=True)
class Trace:
    """One thing that holds or was learned from the face.

    ``path`` is a folder or file, ``reason`` says why it is that person's. ``files`` are the program's own files in it,
    in the order of removal, none where it is not the program's to remove; ``size`` are bytes. ``others`` are files in
    the folder that the program did not write; they stay.
    """

    path: Path
    kind: str
    reason: str
    files: tuple[Path, ...]
    size: int
    others: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Traces:
    """All that was found of the person in ``folder``, who has these ``names`` in what was found.

    ``removable`` is what :func:`obamanet.erasure.erase.erase` removes, in that order; ``kept`` what it leaves:
    recordings, what comes with the program, and what cannot be told for sure. ``notes`` say what was not looked at.
    """

    folder: Path
    names: tuple[str, ...]
    removable: tuple[Trace, ...]
    kept: tuple[Trace, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Face:
    """What is known of the person: the recordings, the sha256 of files, and the ``reasons`` why which folder is theirs.

    ``names`` are those of the person, ``strangers`` those of other persons that were found.
    """

    sources: Sources
    files: frozenset[str]
    reasons: dict[Path, str]
    names: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()


def find_traces(folder: Path, places: Sequence[Path] = (), progress: Progress | None = None) -> Traces:
    """Find everything that holds or was learned from the face of the person in ``folder``.

    ``folder`` is a person's folder, or a dataset's where there is no person yet; it need not be whole. Looked through
    are it, the dataset it lies in, ``places`` with all below them, and the cache of tracked faces. Raises
    :class:`PersonError` when ``folder`` is neither, and :class:`OptionError` for a place that is no folder.
    """
    progress = progress or Progress()
    folder = folder.resolve()
    named = recognise(folder, (PERSON, DATASET))
    if named is None:
        raise PersonError(f"neither a person nor a dataset: {folder}")
    for place in places:
        if not place.is_dir():
            raise OptionError(f"place to search must be a folder: got {place}")
    roots = [folder, *(place.resolve() for place in places), PROGRAM]
    if recognise(folder.parent, (DATASET,)):
        roots.append(folder.parent)
    notes: list[str] = []
    folders, videos = _look_through(roots, notes, progress)
    face = _known_face(folders, named)
    if not face.names:
        notes.append("videos cannot be told by the person's name: there is no readable person.json")
    theirs = [found for found in folders if found.path in face.reasons]
    traces = [folder_trace(found, face.reasons[found.path]) for found in theirs]
    inside = {path for trace in traces for path in trace.files}
    seen = [_video_trace(path, face, notes) for path in progress.track(sorted(videos - inside), "looking at videos")]
    traces += [trace for trace in seen if trace]
    recorded = {Path(source) for found in theirs if found.layout is DATASET for source in found.about["sources"]}
    known = {trace.path for trace in traces}
    traces += [
        Trace(path, RECORDING, "the footage that was prepared", (), path.stat().st_size)
        for path in sorted(recorded - known)
        if path.is_file()
    ]
    shown = {trace.path for trace in traces if trace.kind in (VIDEO, RECORDING)}
    evaluations = list(_evaluations(folders, face.reasons.keys(), shown))
    traces += [folder_trace(found, reason) for found, reason in evaluations]
    traces += [
        Trace(found.path, found.layout.kind, "began with that person's weights, learns another's footage", (), 0)
        for found in folders
        if found.path not in face.reasons and found.start_weights & face.files
    ]
    compared = {path for found, _ in evaluations for path in _pair_paths(found)}
    digests = {sha256_of(path) for path in shown | compared if path.is_file()}
    traces += _cached_tracks(digests | face.sources.videos, notes)
    return _sorted(folder, face, traces, notes)


def _look_through(roots: Sequence[Path], notes: list[str], progress: Progress) -> tuple[list[KnownFolder], set[Path]]:
    """Return the known folders and the videos below ``roots``; links are not followed, and noted in known folders."""
    folders: dict[Path, KnownFolder] = {}
    videos: set[Path] = set()

    def unreadable(error: OSError) -> None:
        notes.append(f"not looked into ({error.strerror}): {error.filename}")

    walks = (step for root in dict.fromkeys(roots) for step in os.walk(root, onerror=unreadable))
    for place, below, names in progress.track(walks, "searching folders"):
        path = Path(place)
        found = recognise(path)
        if found:
            folders[path] = found
            notes += [f"a link, not followed: {path / name}" for name in below if (path / name).is_symlink()]
            if found.layout in (DATASET, CORPUS) and "clips" in below:
                below.remove("clips")
        videos |= {path / name for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES}
    return list(folders.values()), {path for path in videos if path.is_file() and not path.is_symlink()}


def _known_face(folders: Sequence[KnownFolder], named: KnownFolder) -> _Face:
    """Return what ``folders`` tell of the person in ``named``.

    A dataset is of one person: one recording that is shared tells all others, which may tell further folders.
    """
    face = _Face(named.sources, named.files if named.layout is PERSON else frozenset(), {named.path: "named"})
    grown = True
    while grown:
        new = {
            found.path: (found, reason)
            for found in folders
            if found.path not in face.reasons and (reason := _reason(found, face, named.path))
        }
        grown = bool(new)
        learned = [found for found, _ in new.values() if found.layout in (PERSON, DATASET)]
        sources, files = face.sources, face.files
        for found in learned:
            sources, files = sources | found.sources, files | found.files
        face = _Face(sources, files, {**face.reasons, **{path: reason for path, (_, reason) in new.items()}})
    names, strangers = (
        frozenset(
            str(found.about["name"])
            for found in folders
            if found.layout is PERSON and found.about.get("name") and (found.path in face.reasons) is ours
        )
        for ours in (True, False)
    )
    return replace(face, names=names, strangers=strangers)


def _reason(found: KnownFolder, face: _Face, named: Path) -> str | None:
    """Return why ``found`` is the person's, None when it is not as far as is known."""
    shared = found.sources.videos & face.sources.videos
    if shared:
        return f"{len(shared)} of its {len(found.sources.videos)} recordings are that person's"
    if found.sources.splits & face.sources.splits:
        return "learned from the same split of the footage"
    if found.files & face.files:
        return "has the same files" if found.layout is PERSON else "made with that person's weights or mouth poses"
    # Where no sources were noted, as by older versions, the usual places count.
    if found.layout is DATASET and found.path == named.parent and not face.sources.videos:
        return "the person lies in it"
    unnoted = found.layout in (RUN, RENDITIONS, PERSON) and not found.sources.videos
    return "lies in that person's dataset" if unnoted and found.path.parent in face.reasons else None


def folder_trace(found: KnownFolder, reason: str) -> Trace:
    """Return the folder ``found`` with those of its files that the program writes there."""
    ranked: list[tuple[int, Path]] = []
    others = []
    for place, below, names in os.walk(found.path):
        # Folders of a known kind are traces of their own, or nobody's.
        below[:] = [name for name in below if not recognise(Path(place) / name)]
        for path in (Path(place) / name for name in names):
            rank = found.layout.rank(path.relative_to(found.path).as_posix())
            if rank is None or path.is_symlink() or not path.is_file():
                others.append(path)
            else:
                ranked.append((rank, path))
    files = tuple(path for _, path in sorted(ranked))
    size = sum(path.stat().st_size for path in files)
    return Trace(found.path, found.layout.kind, reason, files, size, tuple(sorted(others)))


def _video_trace(path: Path, face: _Face, notes: list[str]) -> Trace | None:
    """Return the trace that the video at ``path`` is: one that names the person, or footage of the person."""
    try:
        size = path.stat().st_size
        report = _provenance(path)
        name = next((name for name in sorted(face.names) if report and name in provenance.persons_named(report)), None)
        if report and name:
            reason = f"its manifest names '{name}'"
            if name in face.strangers:
                return Trace(path, VIDEO, f"{reason}, as another person here is named too", (), size)
            if not report.intact or not (report.generator or "").startswith(SOFTWARE.partition("/")[0]):
                return Trace(path, VIDEO, f"{reason}, but it was changed since", (), size)
            return Trace(path, VIDEO, reason, (path,), size)
        comment = (report.comment if report else None) or ""
        if any(f"the face of '{name}' was generated" in comment for name in face.names):
            return Trace(path, VIDEO, "its comment names that person, but there is no manifest", (), size)
        if face.sources.videos and sha256_of(path) in face.sources.videos:
            return Trace(path, RECORDING, "learned from", (), size)
    except OSError as error:
        notes.append(f"not looked into ({error.strerror}): {path}")
    return None


def _provenance(path: Path) -> provenance.ProvenanceReport | None:
    """Return what the video says of its making; None when it is no mp4."""
    try:
        return provenance.verify_video(path)
    except ProvenanceError:
        return None


def _evaluations(
    folders: Sequence[KnownFolder], persons: Collection[Path], videos: AbstractSet[Path]
) -> Iterator[tuple[KnownFolder, str]]:
    """Yield the evaluations of ``persons``, by their folders, or with one of ``videos``, and why."""
    for found in folders:
        if found.layout is not EVALUATION:
            continue
        person = str(section(found.about, "setting").get("person", ""))
        if person and Path(person).resolve() in persons:
            yield found, "lets that person speak"
        elif not videos.isdisjoint(_pair_paths(found)):
            yield found, "compares videos of that person"


def _pair_paths(found: KnownFolder) -> list[Path]:
    """Return the videos that an evaluation compared, by the paths it was given and as they lie in its own folder."""
    listed = found.about.get("clips")
    clips = [clip for clip in listed if isinstance(clip, dict)] if isinstance(listed, list) else []
    given = [Path(str(clip[side])) for clip in clips for side in ("generated", "reference") if side in clip]
    return [place for path in given for place in (path.resolve(), found.path / "generated" / path.name)]


def _cached_tracks(digests: Collection[str], notes: list[str]) -> list[Trace]:
    """Return the tracked faces of the videos with those ``digests``; that there are others is noted."""
    folder = cache_folder().resolve() / "tracks"
    cached = [path for path in sorted(folder.glob("*.npz")) if path.is_file() and not path.is_symlink()]
    theirs = [path for path in cached if path.name.partition("-")[0] in digests]
    if len(cached) > len(theirs):
        notes.append(
            f"{len(cached) - len(theirs)} tracked faces in the cache belong to no video that was found here; "
            f"they can be deleted, and are made again when needed: {folder}"
        )
    return [Trace(path, TRACKS, "of that person's videos", (path,), path.stat().st_size) for path in theirs]


def _sorted(folder: Path, face: _Face, traces: Sequence[Trace], notes: Sequence[str]) -> Traces:
    """Return the traces in the order of removal, the named person last: an interrupted removal can be repeated."""
    removable: list[Trace] = []
    kept: list[Trace] = []
    for trace in traces:
        if trace.path != folder and any(trace.path.is_relative_to(place) for place in SHIPPED):
            kept.append(replace(trace, files=(), others=(), reason=f"{trace.reason}; comes with the program"))
        else:
            (removable if trace.files else kept).append(trace)
    kinds = [TRACKS, VIDEO, *(layout.kind for layout in reversed(LAYOUTS))]
    removable.sort(key=lambda trace: (trace.path == folder, kinds.index(trace.kind), trace.path))
    kept.sort(key=lambda trace: (trace.kind, trace.path))
    listed = {path for trace in removable for path in trace.files} | {trace.path for trace in kept}
    told = [replace(one, others=tuple(path for path in one.others if path not in listed)) for one in removable]
    return Traces(folder, tuple(sorted(face.names)), tuple(told), tuple(kept), tuple(dict.fromkeys(notes)))
