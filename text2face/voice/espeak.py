"""Text to speech with phoneme times by eSpeak NG, whose library and voices come with the package espeakng-loader."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip
from text2face.timed_speech import Phoneme, Speech, SpokenWord

# Values from eSpeak NG 1.52, src/include/espeak-ng/speak_lib.h.
SYNCHRONOUS: Final = 2
PHONEME_EVENTS: Final = 1
IN_IPA: Final = 2
DO_NOT_EXIT: Final = 0x8000
RATE: Final = 1
PITCH: Final = 3
WORD_EVENT: Final = 1
PHONEME_EVENT: Final = 7
POSITION_CHARACTER: Final = 1
TEXT_IS_UTF8: Final = 1
END_PAUSE: Final = 0x1000

WORDS_PER_MINUTE: Final = 175
"""The library's default speed; its range is 80 to 450."""

SLOWEST: Final = 0.5
"""Minimum speed, 1 for the default."""

FASTEST: Final = 2.5
"""Maximum speed, 1 for the default."""

USUAL_PITCH: Final = 50
"""Default pitch on the library's scale, which is relative to each voice's own pitch."""

MAX_PITCH: Final = 100
"""Maximum pitch on the same scale."""

STRESS: Final = {"ˈ": 1, "ˌ": 2}
"""Stress by IPA mark; the library writes the marks before the vowel."""

NOISE_SEED: Final = 1
"""Seed of the voice's random flutter, so that repeated runs of a program give the same samples."""


class NothingToSayError(OptionError):
    """The text contains nothing that is spoken."""


class EventRecord(ctypes.Structure):
    """eSpeak NG's espeak_EVENT.

    ``position`` is a character of the text, from 1; ``sample`` is an index in the sound; ``symbol`` is an IPA phoneme
    with its stress mark, empty for a pause, and ends at 8 bytes or at NUL.
    """

    _fields_: ClassVar = [
        ("kind", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("symbol", ctypes.c_char * 8),
    ]


# int callback(short *samples, int sample_count, espeak_EVENT *events); 0 continues, samples are NULL at the end.
Receiver = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(EventRecord))


class VoiceRecord(ctypes.Structure):
    """eSpeak NG's espeak_VOICE.

    ``languages`` points to a list of entries, each a priority byte (lower is better) and a language tag ended by NUL;
    a priority of 0 ends the list.
    """

    _fields_: ClassVar = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
class Engine:
    """The loaded library, its sample ``rate`` in Hz, and its ``voices``: the library's names by language tag."""

    library: Any
    rate: int
    voices: Mapping[str, bytes]


_lock = threading.Lock()
"""Held while a text is spoken, as the library has voice and text in global variables."""


@dataclass(frozen=True)
class _Event:
    """Start of a word or phoneme at ``sample``; ``position`` is that of a word's first letter in the text, from 1."""

    kind: int
    position: int
    sample: int
    symbol: str


def speak(text: str, voice: str, rate: float = 1.0) -> AudioClip:
    """Returns the sound of :func:`speak_timed`, without the times."""
    return speak_timed(text, voice, rate).clip


def speak_timed(text: str, voice: str, rate: float = 1.0, pitch: int = USUAL_PITCH) -> Speech:
    """Speaks a text by eSpeak NG; calls from several threads wait for each other.

    Args:
        text: the text.
        voice: language tag such as "en-gb", "en-us" or "es", perhaps with one of the :func:`variants` after a plus
            sign, as in "en-gb+f3".
        rate: speed, 0.5 to 2.5; 1 is 175 words per minute.
        pitch: 0 to 100, 50 by default.

    Returns:
        Speech of mono sound at 22050 Hz, ending in a short pause, with phoneme times exact to the sample. A second call
        in the same process gives slightly different samples, because of the voice's random flutter; see
        :func:`restart`.

    Raises:
        OptionError: eSpeak NG has no such voice, or rate or pitch is out of range.
        NothingToSayError: the text contains nothing that is spoken.
        SoundError: the library cannot be started.
    """
    if not text.strip():
        raise NothingToSayError("text to speak is empty; at least one word is needed")
    if not SLOWEST <= rate <= FASTEST:
        raise OptionError(f"rate of speech is out of range: got {rate:g}, allowed is {SLOWEST:g} to {FASTEST:g}")
    if not 0 <= pitch <= MAX_PITCH:
        raise OptionError(f"pitch of speech is out of range: got {pitch}, allowed is 0 to {MAX_PITCH}")
    text = text.replace("\0", " ")
    spelled = text.encode("utf-8", errors="replace") + b"\0"
    pieces: list[bytes] = []
    events: list[_Event] = []

    def receive(samples: Any, sample_count: int, records: Any) -> int:
        if samples and sample_count > 0:
            pieces.append(ctypes.string_at(samples, sample_count * ctypes.sizeof(ctypes.c_short)))
        events.extend(_read(records))
        return 0

    receiver = Receiver(receive)
    with _lock:
        engine = _engine()
        engine.library.espeak_SetVoiceByName(_library_name(voice, engine))
        engine.library.espeak_SetParameter(RATE, round(WORDS_PER_MINUTE * rate), 0)
        engine.library.espeak_SetParameter(PITCH, pitch, 0)
        engine.library.espeak_SetSynthCallback(receiver)
        flags = TEXT_IS_UTF8 | END_PAUSE
        status = engine.library.espeak_Synth(spelled, len(spelled), 0, POSITION_CHARACTER, 0, flags, None, None)
    if status != 0:
        raise SoundError(f"eSpeak NG could not speak the text (status {status}): {text[:60]!r}")
    samples = np.frombuffer(b"".join(pieces), np.int16)
    if not samples.any():
        raise NothingToSayError(
            f"text holds nothing that can be spoken: got {text[:60]!r}, at least one word is needed"
        )
    clip = AudioClip(samples.astype(np.float32) / 32768, engine.rate, f"eSpeak NG {voice}")
    return Speech(clip, tuple(_words(text, events, clip)))


def restart() -> None:
    """Forgets what was spoken: the next text sounds as it does as the first one of a process, to the sample.

    The phase of the flutter is in variables of the library that nothing but loading it anew sets back.
    """
    from _ctypes import dlclose

    with _lock:
        if _engine.cache_info().currsize:
            library = _engine().library
            library.espeak_Terminate()
            _engine.cache_clear()
            dlclose(library._handle)


def languages() -> tuple[str, ...]:
    """Returns the sorted tags of all languages of eSpeak NG; raises :class:`SoundError` when it cannot be started."""
    with _lock:
        return tuple(sorted(_engine().voices))


def variants() -> tuple[str, ...]:
    """Returns the sorted names of voice variants, other larynxes and vocal tracts, for any language."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    # The library does not find names with spaces, of which there are a few.
    return tuple(sorted(path.name for path in folder.iterdir() if " " not in path.name))


def _library_name(voice: str, engine: Engine) -> bytes:
    """Returns the library's name of ``voice`` with its variant; raises :class:`OptionError` when it has none."""
    language, plus, variant = voice.partition("+")
    if language.lower() not in engine.voices:
        allowed = ", ".join(sorted(engine.voices))
        raise OptionError(f"eSpeak NG has no such voice: got {voice!r}, allowed are {allowed}")
    if plus and variant not in variants():
        raise OptionError(f"eSpeak NG has no such variant: got {voice!r}, allowed are {', '.join(variants())}")
    return engine.voices[language.lower()] + (plus + variant).encode()


def _read(records: Any) -> Iterator[_Event]:
    """Yields the word and phoneme events of the library's list, which ends with an event of kind 0."""
    for index in count():
        record = records[index]
        if not record.kind:
            return
        if record.kind in (WORD_EVENT, PHONEME_EVENT):
            symbol = record.symbol.decode("utf-8", errors="ignore") if record.kind == PHONEME_EVENT else ""
            yield _Event(record.kind, record.position, record.sample, symbol)


def _words(text: str, events: list[_Event], clip: AudioClip) -> Iterator[SpokenWord]:
    """Yields the words with their phonemes; each phoneme ends at the start of the next one or of the next pause."""
    starts = [event.position - 1 for event in events if event.kind == WORD_EVENT] + [len(text)]
    sounds = [event for event in events if event.kind == PHONEME_EVENT]
    ends = [event.sample for event in sounds[1:]] + [len(clip.samples)]
    # A word without phonemes is left out.
    collected: list[list[Phoneme]] = [[] for _ in starts]
    word = -1
    following = iter(ends)
    for event in events:
        if event.kind == WORD_EVENT:
            word += 1
            continue
        end = next(following)
        symbol = event.symbol.lstrip("ˈˌ")
        if symbol and end > event.sample:
            stress = STRESS.get(event.symbol[0], 0)
            collected[word].append(Phoneme(symbol, event.sample / clip.rate, end / clip.rate, stress))
    for index, phonemes in enumerate(collected[:-1]):
        if phonemes:
            yield SpokenWord(_bare(text[starts[index] : max(starts[index], starts[index + 1])]), tuple(phonemes))


def _bare(text: str) -> str:
    """Returns ``text`` without punctuation before and after its words."""
    inside = [index for index, sign in enumerate(text) if sign.isalnum()]
    return text[inside[0] : inside[-1] + 1] if inside else ""


@cache
def _engine() -> Engine:
    """Returns the library, loaded and started once per process; to be called with the lock held."""
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise SoundError(f"eSpeak NG's library cannot be loaded ({error}); reinstall espeakng-loader") from None
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
    library.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    library.espeak_ListVoices.argtypes = [ctypes.c_void_p]
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(VoiceRecord))
    library.espeak_SetSynthCallback.argtypes = [Receiver]
    library.espeak_SetSynthCallback.restype = None
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    folder = espeakng_loader.get_data_path()
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, folder.encode(), PHONEME_EVENTS | IN_IPA | DO_NOT_EXIT)
    if rate <= 0:
        raise SoundError(f"eSpeak NG cannot be started with the voices in {folder}; reinstall espeakng-loader")
    library.espeak_ng_SetRandSeed(NOISE_SEED)
    return Engine(library, rate, _voices(library))


def _voices(library: Any) -> dict[str, bytes]:
    """Returns for each language tag, such as "en-gb", the name of the voice with the best priority for it."""
    best: dict[str, tuple[int, bytes]] = {}
    # The library selects voices by file name, and that of en-gb is en.
    records = library.espeak_ListVoices(None)
    for index in count():
        if not records[index]:
            break
        record = records[index].contents
        address = record.languages
        while priority := ctypes.string_at(address, 1)[0]:
            tag = ctypes.string_at(address + 1)
            name = tag.decode("ascii").lower()
            best[name] = min(best.get(name, (256, b"")), (priority, record.identifier))
            address += len(tag) + 2
    return {name: identifier for name, (_, identifier) in best.items()}
