"""When a recording says its text: by an acoustic model where it is installed, else by warping the synthetic voice."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from obamanet.audio.load import load_sound
from obamanet.cli.app import text2face_app
from obamanet.cli.boundary import call
from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip
from text2face.syllables.phonetic import is_vowel
from text2face.text.normalise import read_out
from text2face.timed_speech import Phoneme, Speech
from text2face.voice.align_model import align_by_model, model_is_installed
from text2face.voice.aligners import Aligner, align
from text2face.voice.espeak import speak_timed

needs_model = pytest.mark.skipif(not model_is_installed(), reason="pocketsphinx is not installed")


def sounds(speech: Speech) -> list[Phoneme]:
    return [sound for word in speech.words for sound in word.phonemes]


def times(speech: Speech) -> np.ndarray:
    return np.array([[sound.start, sound.end] for sound in sounds(speech)])


def padded(speech: Speech) -> AudioClip:
    quiet = np.random.default_rng(1).normal(0, 1e-3, speech.clip.rate).astype(np.float32)
    return AudioClip(np.concatenate([quiet, speech.clip.samples, quiet]), speech.clip.rate, "made.wav")


def sentence(grid_s1: Path, name: str) -> tuple[AudioClip, list[tuple[float, float, str]]]:
    """Return a GRID recording and its words with their true times; the corpus counts 25000 to the second."""
    rows = [line.split() for line in (grid_s1 / "align" / f"{name}.align").read_text().splitlines()]
    words = [(int(a) / 25_000, int(b) / 25_000, word) for a, b, word in rows if word not in ("sil", "sp")]
    return load_sound(grid_s1 / "video" / f"{name}.mpg", 22_050), words


def word_errors(grid_s1: Path, name: str, aligner: Aligner) -> Iterator[float]:
    recording, words = sentence(grid_s1, name)
    spoken = speak_timed(" ".join(word for *_, word in words) + ".", "en-gb")
    first = 0
    for word in align(recording, spoken, aligner).speech.words:
        last = first + len(word.text.split()) - 1
        yield word.phonemes[0].start - words[first][0]
        yield word.phonemes[-1].end - words[last][1]
        first = last + 1
    assert first == len(words)


@needs_model
def test_the_model_finds_word_borders_better_than_warping(grid_s1: Path) -> None:
    names = json.loads((grid_s1 / "split.json").read_text())["val"][:12]
    found = {}
    for aligner in (Aligner.POCKETSPHINX, Aligner.WARPING):
        errors = np.array([error for name in names for error in word_errors(grid_s1, name, aligner)])
        # What both have in common with the corpus's own lateness goes.
        found[aligner] = np.abs(errors - np.median(errors))
    assert np.median(found[Aligner.POCKETSPHINX]) < 0.03
    assert np.percentile(found[Aligner.POCKETSPHINX], 90) < 0.09
    assert found[Aligner.POCKETSPHINX].mean() < found[Aligner.WARPING].mean()


@needs_model
def test_a_recording_has_the_same_times_whatever_came_before() -> None:
    spoken = speak_timed("The little boat went slowly along the river.", "en-us")
    other = speak_timed("Hola, ¿qué tal?", "es")
    once = align_by_model(padded(spoken), spoken)
    align_by_model(padded(other), other)
    again = align_by_model(padded(spoken), spoken)
    assert once is not None
    assert again is not None
    assert once.words == again.words
    found, expected = times(once), times(spoken) + 1.0
    assert np.median(np.abs(found - expected)) < 0.03
    assert [word.text for word in once.words] == [word.text for word in spoken.words]


@needs_model
def test_any_sample_rate_will_do() -> None:
    import librosa

    spoken = speak_timed("One two three.", "en-gb")
    clip = padded(spoken)
    narrow = librosa.resample(clip.samples, orig_sr=clip.rate, target_sr=16_000)
    wide = align(clip, spoken, Aligner.POCKETSPHINX).speech
    other = align(AudioClip(narrow, 16_000), spoken, Aligner.POCKETSPHINX).speech
    assert np.abs(times(wide) - times(other)).max() < 0.05


@needs_model
def test_sounds_that_the_model_does_not_know_are_left_to_warping() -> None:
    spoken = speak_timed("La rue est très jolie.", "fr")
    assert align_by_model(padded(spoken), spoken) is None
    assert align(padded(spoken), spoken).aligner is Aligner.WARPING
    with pytest.raises(SoundError, match=r"PocketSphinx cannot find the text in the recording.*warping may.*made\.wav"):
        align(padded(spoken), spoken, Aligner.POCKETSPHINX)


@needs_model
def test_a_text_too_long_for_its_recording_is_left_to_warping() -> None:
    spoken = speak_timed("One two three four five six seven eight nine ten.", "en-gb")
    noise = AudioClip(np.random.default_rng(1).normal(0, 0.1, 2000).astype(np.float32), 16_000, "a.wav")
    assert align_by_model(noise, spoken) is None
    found = align(noise, spoken)
    assert found.aligner is Aligner.WARPING
    assert (np.diff(times(found.speech).ravel()) >= -1e-9).all()


@needs_model
def test_a_silent_recording_is_refused() -> None:
    with pytest.raises(SoundError, match="recording is silent"):
        align_by_model(AudioClip(np.zeros(16_000, np.float32), 16_000, "a.wav"), speak_timed("One.", "en-gb"))


def test_without_the_model_there_is_warping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("text2face.voice.aligners.model_is_installed", lambda: False)
    spoken = speak_timed("One two three.", "en-gb")
    assert align(padded(spoken), spoken).aligner is Aligner.WARPING
    with pytest.raises(OptionError, match=r"pocketsphinx is not installed; install obamanet\[align\]"):
        align(padded(spoken), spoken, Aligner.POCKETSPHINX)


def quietest_vowel(clip: AudioClip, speech: Speech) -> float:
    """Return the loudest place of the vowel that is softest, in dB below the recording's loud parts."""
    window = np.ones(clip.rate // 50) / (clip.rate // 50)
    level = np.sqrt(np.convolve(np.square(clip.samples), window, "same") + 1e-12)
    loud = np.percentile(level, 95)
    vowels = [sound for sound in sounds(speech) if is_vowel(sound.symbol)]
    peaks = [level[int(one.start * clip.rate) : int(one.end * clip.rate) + 1].max() for one in vowels]
    return float(20 * np.log10(min(peaks) / loud))


@pytest.mark.parametrize("aligner", [pytest.param(Aligner.POCKETSPHINX, marks=needs_model), Aligner.WARPING])
def test_recorded_spanish_is_aligned(shared_data: Path, aligner: Aligner) -> None:
    speech = shared_data / "speech"
    with (speech / "asterisk_es" / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    recordings = [(speech / "asterisk_es" / f"{name}.wav", text, "es-419") for name, text in rows][::6]
    # The syllables' files are named without accents: ñ is nn, ü is uu. "xi" is read as a Roman number.
    named = [path for path in sorted((speech / "klettres_es").glob("*.ogg")) if path.stem != "xi"][::6]
    recordings += [(path, path.stem.replace("nn", "ñ").replace("guu", "gü"), "es") for path in named]
    assert len(recordings) == 30
    softest = []
    for path, text, language in recordings:
        clip = load_sound(path, 22_050)
        found = align(clip, speak_timed(read_out(text, language).text, language), aligner)
        assert found.aligner is aligner
        edges = times(found.speech)
        assert (np.diff(edges.ravel()) >= -1e-9).all()
        assert 0 <= edges.min() <= edges.max() <= float(clip.duration) + 1e-6
        assert (edges[:, 1] - edges[:, 0]).max() < 1.0
        softest.append(quietest_vowel(clip, found.speech))
    # A vowel is never laid into a pause.
    assert np.mean(np.array(softest) > -20) > 0.9


def test_the_command_line_takes_an_aligner(
    grid_s1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, out = grid_s1 / "video" / "bbal6n.mpg", tmp_path / "a.tsv"
    arguments = ["timeline", "bin blue at l six now", "--recording", str(recording), "--out", str(out), "--quiet"]
    assert call(text2face_app(), [*arguments, "--aligner", "warping"], "text2face") == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    monkeypatch.setattr("text2face.voice.aligners.model_is_installed", lambda: False)
    assert call(text2face_app(), [*arguments, "--aligner", "pocketsphinx"], "text2face") == 2
    assert "the aligner pocketsphinx is not installed" in capsys.readouterr().err
    assert call(text2face_app(), ["timeline", "hi", "--out", str(out), "--aligner", "warping"], "text2face") == 2
    assert "--aligner goes with --recording" in capsys.readouterr().err
