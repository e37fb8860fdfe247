"""Which recordings are measured: splits as data files, so that anyone can rerun them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from obamanet.errors import EvaluationError, OptionError
from obamanet.evaluation.pairing import VIDEO_SUFFIXES, Pair
from obamanet.files import parse_json
from obamanet.training.judges.grid_grammar import words_of_name

SCHEMA = 1
"""Version of a protocol file's layout."""

GRID_NAMES = "grid names"
"""Value of "transcripts" in a protocol file when the names of its clips spell the sentences."""


@dataclass(frozen=True)
class Protocol:
    """A fixed choice of recordings.

    Attributes:
        name: what the command line calls it.
        title: in words.
        source: where the recordings are published.
        licence: of the recordings.
        splits: pairs of a split's name and the names of its clips.
        grid_names: whether each clip's name spells its sentence, as GRID's do.
    """

    name: str
    title: str
    source: str
    licence: str
    splits: tuple[tuple[str, tuple[str, ...]], ...]
    grid_names: bool = False

    def clips(self, split: str) -> tuple[str, ...]:
        """Returns the clip names of ``split``; raises :class:`OptionError` when there is none of that name."""
        for name, clips in self.splits:
            if name == split:
                return clips
        allowed = ", ".join(name for name, _ in self.splits)
        raise OptionError(f"protocol {self.name} has no split {split!r}; allowed are {allowed}")

    def words(self, clip: str) -> tuple[str, ...]:
        """Returns the words spoken in ``clip``, none where they are not known or the clip is not this protocol's."""
        ours = self.grid_names and any(clip in clips for _, clips in self.splits)
        return words_of_name(clip) if ours else ()


def protocol_names() -> tuple[str, ...]:
    """Returns the names of the protocols that come with the program."""
    folder = files("obamanet.evaluation") / "protocols"
    return tuple(sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json")))


def load_protocol(name: str) -> Protocol:
    """Loads a protocol.

    Args:
        name: of one that comes with the program, or the path of a JSON file.

    Raises:
        OptionError: the name is unknown.
        EvaluationError: the file is no protocol.
    """
    try:
        if name in protocol_names():
            text = (files("obamanet.evaluation") / "protocols" / f"{name}.json").read_text(encoding="utf-8")
        elif name.endswith(".json"):
            text = Path(name).read_text(encoding="utf-8")
        else:
            raise OptionError(f"no such protocol: {name!r}; allowed are {', '.join(protocol_names())} or a .json file")
        content = parse_json(text)
        if content.get("schema") != SCHEMA:
            raise EvaluationError(f"{name}: protocol schema is {content.get('schema')!r}, readable is {SCHEMA}")
        splits = tuple((str(split), tuple(map(str, clips))) for split, clips in content["splits"].items())
        named = content.get("transcripts") == GRID_NAMES
        protocol = Protocol(content["name"], content["title"], content["source"], content["licence"], splits, named)
        for _, clips in splits if protocol.grid_names else ():
            for clip in clips:
                words_of_name(clip)
        return protocol
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        needed = 'needed is JSON with schema, name, title, source, licence and "splits" of clip names'
        reason = error.strerror if isinstance(error, OSError) else str(error) if type(error) is ValueError else needed
        raise EvaluationError(f"not a protocol file: {name}: {reason}") from None


def with_words(pairs: Iterable[Pair], protocol: Protocol) -> tuple[Pair, ...]:
    """Returns ``pairs`` with the words spoken, where the recording has the name of a clip of ``protocol``."""
    return tuple(replace(pair, words=protocol.words(pair.reference.stem)) for pair in pairs)


def find_recordings(protocol: Protocol, split: str, data: Path) -> dict[str, Path]:
    """Finds the recordings of a split.

    Args:
        protocol: the protocol.
        split: one of its splits.
        data: folder that is searched, with those below it, by file name without suffix.

    Returns:
        The recording of each clip by the clip's name. A clip that is missing gets a path that does not exist, so that
        it alone fails.

    Raises:
        OptionError: the protocol has no such split.
        EvaluationError: none of the clips is there, or one is there twice.
    """
    names = protocol.clips(split)
    if not data.is_dir():
        raise EvaluationError(f"no such folder of recordings: {data}")
    wanted, found = set(names), dict[str, Path]()
    for path in sorted(data.rglob("*")):
        if path.stem not in wanted or path.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        if path.stem in found:
            raise EvaluationError(f"two recordings are named {path.stem}: {found[path.stem]} and {path}")
        found[path.stem] = path
    if not found:
        raise EvaluationError(f"none of the {len(names)} recordings of {protocol.name}/{split} is under {data}")
    return {name: found.get(name, data / f"{name}.mp4") for name in names}
