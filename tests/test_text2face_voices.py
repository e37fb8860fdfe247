"""Voices are chosen by name; programs are called as they want it; a recording's times are found."""

from __future__ import annotations

import stat
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from obamanet.audio.load import load_sound
from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip
from text2face.timed_speech import Speech, SpokenWord
from text2face.visemes import SHAPES, viseme_of
from text2face.voice.align import MAX_LENGTH, align_speech, warping_path
from text2face.voice.espeak import speak_timed
from text2face.voice.voices import choose_voice, voices


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that alone is searched for programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def times(speech: Speech) -> np.ndarray:
    return np.array([[sound.start, sound.end] for word in speech.words for sound in word.phonemes])


def test_every_voice_tells_its_licence() -> None:
    listed = {voice.name: voice for voice in voices()}
    assert set(listed) == {"espeak", "flite", "pico", "piper:VOICE.onnx"}
    assert "GPL-3.0-or-later" in listed["espeak"].licence
    assert listed["espeak"].state == "ready"
    assert all(voice.licence and voice.speaks for voice in listed.values())


@pytest.mark.parametrize(
    ("voice", "language", "rate", "message"),
    [
        ("bob", "en-gb", 1.0, "no such voice: got 'bob', allowed are espeak"),
        ("espeak:x", "en-gb", 1.0, "no such voice"),
        ("espeak", "xx", 1.0, "no such language: got 'xx'"),
        ("flite:", "en-gb", 1.0, "no such voice: got 'flite:'"),
        ("espeak", "", 1.0, "no such language"),
        ("espeak", "en-xx", 1.0, "no such language: got 'en-xx', near are en-gb, en-us, en"),
        ("espeak", "x" * 900, 1.0, "no such language: got 'xxxxxxxxxxxxxxxxxxxx', allowed are en-gb, en-us, es"),
        ("espeak", "es", 9.0, "rate of speech is out of range: got 9"),
        ("flite", "es", 1.0, "flite speaks English only"),
        ("flite", "en-us", 1.0, "not installed: flite"),
        ("pico", "es", 1.0, "not installed: pico2wave"),
        ("pico", "ru", 1.0, "pico does not speak"),
        ("piper:/nowhere.onnx", "es", 1.0, "no such Piper voice file"),
    ],
)
def test_what_cannot_be_had_is_said(programs: Path, voice: str, language: str, rate: float, message: str) -> None:
    with pytest.raises(OptionError, match=message) as error:
        choose_voice(voice, language, rate)
    assert "\n" not in str(error.value)


def test_language_tags_are_read_as_people_write_them() -> None:
    for tag in ("es_MX", "ES-mx", "es-419", "en", "en-GB", "es-ES"):
        assert choose_voice("espeak", tag).say("Hola").words[0].text == "Hola"


def test_programs_get_the_text_and_their_sound_is_timed(programs: Path, tmp_path: Path) -> None:
    spoken = speak_timed("Hello, world.", "en-gb")
    late = np.concatenate([np.zeros(8000, np.float32), spoken.clip.samples])
    soundfile.write(tmp_path / "said.wav", late, spoken.clip.rate)
    model = tmp_path / "voice.onnx"
    model.touch()
    with pytest.raises(OptionError, match=r"voice\.onnx\.json is missing"):
        choose_voice(f"piper:{model}", "en-gb")
    (tmp_path / "voice.onnx.json").touch()
    record = f'echo "$@" > {tmp_path}/arguments; for last; do :; done; cp {tmp_path}/said.wav "$last"'
    install(programs, "piper", f"cat > {tmp_path}/text; {record}")
    install(programs, "flite", record)
    for name in (f"piper:{model}", "flite"):
        speech = choose_voice(name, "en-gb", 2.0).say("Hello, world.")
        assert [word.text for word in speech.words] == ["Hello", "world"]
        assert float(speech.clip.duration) == pytest.approx(len(late) / spoken.clip.rate, abs=0.001)
        assert np.abs(times(speech) - times(spoken) - 8000 / spoken.clip.rate).mean() < 0.06
        arguments = (tmp_path / "arguments").read_text()
        assert "0.500" in arguments
        assert ("Hello, world." in arguments) == (name == "flite")
    assert (tmp_path / "text").read_text() == "Hello, world.\n"


def test_a_program_that_fails_is_told_in_one_line(programs: Path) -> None:
    install(programs, "flite", "echo first >&2; echo no such voice >&2; exit 3")
    with pytest.raises(SoundError, match=r"^flite could not speak the text \(no such voice\): 'Hello'$"):
        choose_voice("flite", "en-gb").say("Hello")


def test_a_stretched_and_delayed_recording_is_found_again() -> None:
    import librosa

    synthetic = speak_timed("The little boat went slowly along the river.", "en-gb")
    slow = librosa.effects.time_stretch(synthetic.clip.samples, rate=0.8)
    silence = np.zeros(11_025, np.float32)
    recording = AudioClip(np.concatenate([silence, slow, silence]), synthetic.clip.rate)
    found, expected = times(align_speech(recording, synthetic)), 0.5 + times(synthetic) / 0.8
    assert np.median(np.abs(found - expected)) < 0.03
    assert np.abs(found - expected).max() < 0.15


@pytest.mark.parametrize(("rows", "columns"), [(40, 60), (60, 40), (1, 5), (5, 1)])
@pytest.mark.parametrize("anchored", [False, True])
def test_the_warping_path_is_that_of_a_whole_table(rows: int, columns: int, anchored: bool) -> None:
    import librosa
    from scipy.spatial.distance import cdist

    random = np.random.default_rng(rows)
    ours, theirs = random.normal(size=(4, rows)), random.normal(size=(4, columns))
    expected = np.where(np.arange(rows) % 7, np.linspace(0, columns - 1, rows) ** 0.9, np.nan) if anchored else None
    costs = cdist(ours.T, theirs.T, "cosine")
    if expected is not None:
        away = np.abs(expected[:, None] - np.arange(columns)) - 3.0
        costs += np.where(np.isnan(expected)[:, None], 0.0, 0.2 * np.maximum(0.0, away))
    _, path = librosa.sequence.dtw(C=costs)
    np.testing.assert_array_equal(warping_path(ours, theirs, expected, 3.0, 0.2), path[::-1])


def test_the_warping_path_needs_a_byte_for_each_pair_of_spectra() -> None:
    spectra = np.random.default_rng(1).normal(size=(26, 1500))
    tracemalloc.start()
    try:
        path = warping_path(spectra, spectra)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (path[:, 0] == path[:, 1]).all()
    assert peak < 2.5 * 1500**2


def test_a_pause_that_the_voice_does_not_make_belongs_to_no_sound() -> None:
    synthetic = speak_timed("One two three four.", "en-gb")
    rate = synthetic.clip.rate
    cut = round(synthetic.words[2].phonemes[0].start * rate)
    pause = np.zeros(rate, np.float32)
    samples = synthetic.clip.samples
    recording = AudioClip(np.concatenate([samples[:cut], pause, samples[cut:]]), rate)
    found = times(align_speech(recording, synthetic))
    inside = np.clip(found, cut / rate + 0.1, cut / rate + 0.9)
    assert np.ptp(inside, axis=1).max() == 0
    assert (np.diff(found.ravel()) >= 0).all()


def test_words_of_real_speech_are_found(grid_s1: Path) -> None:
    errors = []
    for sentence in ("bbal6n", "bgwu7s", "brbm8p"):
        rows = [line.split() for line in (grid_s1 / "align" / f"{sentence}.align").read_text().splitlines()]
        # The corpus counts 25000 to the second.
        known = [
            (int(start) / 25_000, int(end) / 25_000, word) for start, end, word in rows if word not in ("sil", "sp")
        ]
        recording = load_sound(grid_s1 / "video" / f"{sentence}.mpg", 22_050)
        speech = align_speech(recording, speak_timed(" ".join(word for *_, word in known) + ".", "en-gb"))
        first = 0
        for word in speech.words:
            last = first + len(word.text.split()) - 1
            errors += [word.phonemes[0].start - known[first][0], word.phonemes[-1].end - known[last][1]]
            first = last + 1
        assert first == len(known)
    assert np.median(np.abs(errors)) < 0.05
    assert np.percentile(np.abs(errors), 80) < 0.12


def test_recordings_that_cannot_be_aligned_are_refused() -> None:
    synthetic = speak_timed("One.", "en-gb")
    with pytest.raises(SoundError, match="recording is silent"):
        align_speech(AudioClip(np.zeros(22_050, np.float32), 22_050, "a.wav"), synthetic)
    with pytest.raises(SoundError, match="too long to align: got 130 s, allowed is 120 s"):
        align_speech(AudioClip(np.ones((MAX_LENGTH + 10) * 1000, np.float32), 1000, "a.wav"), synthetic)


def test_a_recording_shorter_than_the_sounds_still_keeps_their_order() -> None:
    synthetic = speak_timed("One two three four five six seven eight nine ten.", "en-gb")
    noise = np.random.default_rng(1).normal(0, 0.1, 4410).astype(np.float32)
    found = times(align_speech(AudioClip(noise, 22_050), synthetic))
    assert (np.diff(found.ravel()) >= 0).all()
    assert 0 <= found.min() <= found.max() <= 0.2 + 1e-9


def test_every_sound_of_english_and_spanish_has_its_mouth_shape() -> None:
    listed = {symbol for symbols in SHAPES.values() for symbol in symbols.split()}
    assert sum(len(symbols.split()) for symbols in SHAPES.values()) == len(listed)
    assert {viseme_of(symbol) for symbol in ("p", "b", "m", "β")} == {"A"}
    assert {viseme_of(symbol) for symbol in ("f", "v")} == {"G"}
    assert {viseme_of(symbol) for symbol in ("u", "uː", "w", "ʊ")} == {"F"}
    assert {viseme_of(symbol) for symbol in ("a", "ɑː", "aɪ", "aʊ")} == {"D"}
    assert (viseme_of("l"), viseme_of("n̩"), viseme_of("ɔ̃"), viseme_of("?")) == ("H", "B", "E", "B")
    english = "The quick brown fox jumps over a lazy dog; she thinks measure, joy, church and young birds go out there."
    spanish = "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío, añoraba a su querido cachorro."
    words: list[SpokenWord] = []
    for text, language in ((english, "en-gb"), (english, "en-us"), (spanish, "es"), (spanish, "es-419")):
        words += speak_timed(text, language).words
    signs = {sound.symbol[0] for word in words for sound in word.phonemes}
    assert signs <= {symbol[0] for symbol in listed} | {"β"}
