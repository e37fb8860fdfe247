"""GRID's sentences: a closed vocabulary of 51 words in one fixed grammar.

Every sentence is command, colour, preposition, letter, digit, adverb (Cooke et al. 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.errors import DatasetError
from obamanet.training.data.word_times import TimedWord, read_word_times

SLOTS: tuple[tuple[str, ...], ...] = (
    ("bin", "lay", "place", "set"),
    ("blue", "green", "red", "white"),
    ("at", "by", "in", "with"),
    tuple("abcdefghijklmnopqrstuvxyz"),
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    ("again", "now", "please", "soon"),
)
"""The words of each place in the sentence. W is no letter of GRID: its name has three syllables."""

SLOT_NAMES: Final = ("command", "colour", "preposition", "letter", "digit", "adverb")

VOCABULARY: tuple[str, ...] = tuple(word for slot in SLOTS for word in slot)

PAUSE: Final = 0
"""Class of a frame in which no word is spoken; word n of the vocabulary is class n + 1."""

CLASSES: Final = 1 + len(VOCABULARY)

_SIGNS: tuple[dict[str, str], ...] = (
    *({word[0]: word for word in slot} for slot in SLOTS[:4]),
    {"z": "zero", **{str(n): word for n, word in enumerate(SLOTS[4]) if n}},
    {word[0]: word for word in SLOTS[5]},
)
"""The word that each sign of a file name stands for."""


def words_of_name(name: str) -> tuple[str, ...]:
    """Returns the six words that GRID's clip ``name`` spells, e.g. "bbaf2n": bin blue at f two now.

    Raises:
        ValueError: the name is not GRID's.
    """
    if len(name) != len(_SIGNS) or any(sign not in signs for sign, signs in zip(name, _SIGNS, strict=True)):
        raise ValueError(f"no sentence of GRID is named {name!r}; one is bbaf2n")
    return tuple(signs[sign] for sign, signs in zip(name, _SIGNS, strict=True))


def sentence_times(align: Path, name: str) -> tuple[TimedWord, ...]:
    """Returns the timed words of a clip.

    Args:
        align: folder of word times, of :func:`obamanet.training.data.word_times.read_word_times`.
        name: of the clip.

    Raises:
        DatasetError: there are no times, or the words are no sentence of GRID's.
    """
    words = read_word_times(align, name)
    if len(words) != len(SLOTS) or any(said.word not in slot for said, slot in zip(words, SLOTS, strict=True)):
        raise DatasetError(
            f"not a sentence of GRID's grammar: the clip {name} of {align}: {' '.join(said.word for said in words)!r}"
        )
    return words


def frame_classes(words: Sequence[TimedWord], times: np.ndarray) -> np.ndarray:
    """Returns the class of the frame at each of ``times`` (T,) seconds: (T,) int32."""
    classes = np.full(len(times), PAUSE, dtype=np.int32)
    for said in words:
        classes[(said.start <= times) & (times < said.end)] = 1 + VOCABULARY.index(said.word)
    return classes


def decode(scores: np.ndarray) -> tuple[str, ...]:
    """Returns the most likely sentence: Viterbi's algorithm over the grammar.

    A path is the words of the six slots in order, each for one frame or more, with optional pauses before and after
    each.

    Args:
        scores: log-probabilities of the classes in each frame, (T, CLASSES).

    Raises:
        ValueError: there are fewer frames than words.
    """
    if len(scores) < len(SLOTS):
        raise ValueError(f"{len(scores)} frames are too few for {len(SLOTS)} words")
    layers = _layers()
    classes = np.concatenate(layers)
    starts = np.cumsum([0, *(len(layer) for layer in layers)])
    # Layers take turns: pause, words of slot 1, pause, words of slot 2 ... pause. A pause may be passed over.
    best = np.full(len(classes), -np.inf)
    first = slice(0, starts[2])
    best[first] = scores[0, classes[first]]
    came_from = np.zeros((len(scores), len(classes)), dtype=np.int64)
    for frame in range(1, len(scores)):
        reached, origin = best.copy(), np.arange(len(classes))
        for number in range(1, len(layers)):
            here = slice(starts[number], starts[number + 1])
            before = slice(starts[number - 1 if number % 2 == 0 else max(0, number - 2)], starts[number])
            leap = before.start + int(np.argmax(best[before]))
            better = best[leap] > reached[here]
            origin[here] = np.where(better, leap, origin[here])
            reached[here] = np.where(better, best[leap], reached[here])
        best = reached + scores[frame, classes]
        came_from[frame] = origin
    state = int(starts[-3] + np.argmax(best[starts[-3] :]))
    visited = {state}
    for frame in range(len(scores) - 1, 0, -1):
        state = int(came_from[frame, state])
        visited.add(state)
    return tuple(VOCABULARY[classes[state] - 1] for state in sorted(visited) if classes[state] != PAUSE)


def word_error(said: Sequence[str], read: Sequence[str]) -> float:
    """Returns the word error rate, (S + D + I) / N; 0 is best, and it exceeds 1 when many words are inserted.

    S, D and I are the substituted, deleted and inserted words of the cheapest alignment, N the words spoken.

    Args:
        said: the words spoken.
        read: the words read from the lips.

    Raises:
        ValueError: no word was spoken.
    """
    if not said:
        raise ValueError("no word was said")
    import jiwer

    return float(jiwer.wer(" ".join(said), " ".join(read)))


def _layers() -> list[np.ndarray]:
    """Returns the classes of the states, layer by layer in the order of the sentence."""
    layers, first = [np.array([PAUSE])], 1
    for slot in SLOTS:
        layers += [np.arange(first, first + len(slot)), np.array([PAUSE])]
        first += len(slot)
    return layers
