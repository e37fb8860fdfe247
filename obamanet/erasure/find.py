"""Finds data that contains one person's face or was trained on it: folders by sources, videos by manifest."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from obamanet import provenance
from obamanet.about import SOFTWARE, making_folder
from obamanet.erasure.layouts import (
    CORPUS,
    DATASET,
    EVALUATION,
    LAYOUTS,
    MAKING,
    PERSON,
    RUN,
    SYNTHETIC_VOICES,
    KnownFolder,
    layout_of,
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
"""Folder of the installed package."""

SHIPPED = (PROGRAM, PROGRAM.parent / "checkpoints" / "grid_s1")
"""Folders that come with the program: its judges and the default person. Nothing in them is removed, except the default
person when it is the one that is named."""

VIDEO = "generated video"
RECORDING = "recorded footage"
TRACKS = "tracked face in the cache"
"""Kinds of traces that are files; those of folders are in :mod:`obamanet.erasure.layouts`."""


@dataclass(frozen=True)
class Trace:
    """A folder or file that contains the face or was trained on it.

    Attributes:
        path: the folder or file.
        kind: kind of folder or file, in words.
        reason: why it belongs to the person, in words.
        files: the files written by the program in it, in the order of removal; none where they are not to be removed.
        size: of the files, in bytes.
        others: files in the folder that the program did not write; they are not removed.
    """

    path: Path
    kind: str
    reason: str
    files: tuple[Path, ...]
    size: int
    others: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Traces:
    """All traces of one person.

    Attributes:
        folder: the person's folder, or the dataset's.
        names: the person's names, from the cards found.
        removable: traces that :func:`obamanet.erasure.erase.erase` removes, in that order.
        kept: traces that it leaves: recordings, files that come with the program, and uncertain ones.
        notes: messages about places that were not searched.
    """

    folder: Path
    names: tuple[str, ...]
    removable: tuple[Trace, ...]
    kept: tuple[Trace, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Face:
    """The person's recordings, sha256 of files, and folders with the reason why each is theirs.

    ``names`` are those of the person, ``strangers`` those of other persons that were found.
    """

    sources: Sources
    files: frozenset[str]
    reasons: dict[Path, str]
    names: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()


def find_traces(folder: Path, places: Sequence[Path] = (), progress: Progress | None = None) -> Traces:
    """Finds all data that contains a person's face or was trained on it.

    Searched are ``folder``, the dataset that it is in, ``places``, the page's persons in the making and the cache of
    tracked faces.

    Args:
        folder: of the person; or of a dataset, or a person in the making, where there is no person yet; files may be
            missing.
        places: further folders, which are searched with all their subfolders.
        progress: gets the progress over folders and videos.

    Raises:
        PersonError: ``folder`` is neither a person nor a dataset.
        OptionError: one of ``places`` is not a folder.
    """
    progress = progress or Progress()
    folder = folder.resolve()
    named = recognise(folder, (PERSON, DATASET, MAKING))
    if named is None:
        raise PersonError(f"neither a person nor a dataset: {folder}")
    for place in places:
        if not place.is_dir():
            raise OptionError(f"place to search must be a folder: got {place}")
    roots = [folder, *(place.resolve() for place in places), PROGRAM]
    if recognise(folder.parent, (DATASET,)):
        roots.append(folder.parent)
    if making_folder().is_dir():
        roots.append(making_folder().resolve())
    notes: list[str] = []
    folders, videos = _look_through(roots, notes, progress)
    face = _known_face(folders, named)
    if not face.names:
        notes.append("videos cannot be told by the person's name: there is no readable person.json")
    theirs = [found for found in folders if found.path in face.reasons]
    traces = [folder_trace(found, face.reasons[found.path]) for found in theirs]
    inside = {path for trace in traces for path in trace.files}
    outside = progress.track(sorted(videos - inside), "looking at videos")
    traces += [trace for path in outside if (trace := _video_trace(path, face, notes))]
    recorded = {Path(source) for found in theirs if found.layout is DATASET for source in found.about["sources"]}
    listed = {trace.path for trace in traces} | inside
    traces += [
        Trace(path, RECORDING, "the footage that was prepared", (), path.stat().st_size)
        for path in sorted(recorded - listed)
        if path.is_file()
    ]
    shown_videos = {trace.path for trace in traces if trace.kind in (VIDEO, RECORDING)}
    evaluations = list(_evaluations(folders, face.reasons.keys(), shown_videos))
    traces += [folder_trace(found, reason) for found, reason in evaluations]
    traces += [
        Trace(found.path, found.layout.kind, "began with that person's weights, learns another's footage", (), 0)
        for found in folders
        if found.path not in face.reasons and found.start_weights & face.files
    ]
    compared = {path for found, _ in evaluations for path in _pair_paths(found)}
    digests = {sha256_of(path) for path in shown_videos | compared if path.is_file()}
    traces += _cached_tracks(digests | face.sources.videos, notes)
    return _sorted(folder, face, traces, notes)


def _look_through(roots: Sequence[Path], notes: list[str], progress: Progress) -> tuple[list[KnownFolder], set[Path]]:
    """Returns the known folders and the videos below ``roots``; links in known folders are noted, none is followed."""
    folders: dict[Path, KnownFolder] = {}
    videos: set[Path] = set()

    def unreadable(error: OSError) -> None:
        notes.append(f"not looked into ({error.strerror}): {error.filename}")

    # A folder in another one is walked with it.
    outermost = [root for root in dict.fromkeys(roots) if not any(other in root.parents for other in roots)]
    walks = (step for root in outermost for step in os.walk(root, onerror=unreadable))
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
    """Returns the person's recordings, files and folders among ``folders``.

    A dataset or a person in the making is of one person, so all its recordings are the person's when one is; these may
    lead to further folders.
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
        persons = [found for found, _ in new.values() if found.layout in (PERSON, DATASET, MAKING)]
        sources, files = face.sources, face.files
        for found in persons:
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
    """Returns why ``found`` belongs to the person, in words; None when nothing shows that it does."""
    shared = found.sources.videos & face.sources.videos
    if shared:
        return f"{len(shared)} of its {len(found.sources.videos)} recordings are that person's"
    if found.sources.splits & face.sources.splits:
        return "learned from the same split of the footage"
    if found.files & face.files:
        return "has the same files" if found.layout is PERSON else "made with that person's weights or mouth poses"
    # Older versions wrote no sources; there the usual places decide.
    if found.layout is DATASET and found.path == named.parent and not face.sources.videos:
        return "the person lies in it"
    unnoted = found.layout in (RUN, SYNTHETIC_VOICES, PERSON) and not found.sources.videos
    return "lies in that person's dataset" if unnoted and found.path.parent in face.reasons else None


def folder_trace(found: KnownFolder, reason: str) -> Trace:
    """Returns the trace of the folder ``found``, with those of its files that the program writes, and ``reason``."""
    ranked: list[tuple[int, Path]] = []
    others = []
    for place, below, names in os.walk(found.path):
        # Folders of a known kind inside it have traces of their own, or are not the person's.
        below[:] = [name for name in below if not layout_of(Path(place) / name)]
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
    """Returns the trace of a video that names the person or is footage of the person; None for any other."""
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
    """Returns the video's provenance; None when it is no mp4."""
    try:
        return provenance.verify_video(path)
    except ProvenanceError:
        return None


def _evaluations(
    folders: Sequence[KnownFolder], persons: Collection[Path], videos: AbstractSet[Path]
) -> Iterator[tuple[KnownFolder, str]]:
    """Yields the evaluations of ``persons`` (folders) or of one of ``videos``, each with the reason."""
    for found in folders:
        if found.layout is not EVALUATION:
            continue
        person = str(section(found.about, "setting").get("person", ""))
        if person and Path(person).resolve() in persons:
            yield found, "lets that person speak"
        elif not videos.isdisjoint(_pair_paths(found)):
            yield found, "compares videos of that person"


def _pair_paths(found: KnownFolder) -> list[Path]:
    """Returns the videos that an evaluation compared: the paths it was given, and those in its own folder."""
    listed = found.about.get("clips")
    clips = [clip for clip in listed if isinstance(clip, dict)] if isinstance(listed, list) else []
    given = [Path(str(clip[side])) for clip in clips for side in ("generated", "reference") if side in clip]
    return [place for path in given for place in (path.resolve(), found.path / "generated" / path.name)]


def _cached_tracks(digests: Collection[str], notes: list[str]) -> list[Trace]:
    """Returns the cached face tracks of the videos with ``digests`` (sha256); others are noted."""
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
    """Returns the traces in the order of removal, the person's folder last so that it can be repeated."""
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
    without_listed = [
        replace(one, others=tuple(path for path in one.others if path not in listed)) for one in removable
    ]
    return Traces(folder, tuple(sorted(face.names)), tuple(without_listed), tuple(kept), tuple(dict.fromkeys(notes)))
