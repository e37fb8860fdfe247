"""The voice says what it is given, in the language asked for, from any thread; the rest is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from obamanet.errors import OptionError
from text2face.voice.espeak import restart, speak, speak_timed


def test_longer_text_takes_longer_and_is_audible() -> None:
    word, sentence = speak("Hello.", "en-gb"), speak("Hello, I am a face made by a program.", "en-gb")
    assert word.rate == 22050
    assert word.samples.dtype == np.float32
    assert 0.3 < word.duration < 1.5
    assert 2 * word.duration < sentence.duration < 5
    assert 0.1 < np.abs(sentence.samples).max() <= 1.0


def test_languages_differ_and_tags_are_read_in_any_case() -> None:
    # "veintiuno" against "twenty-one"
    spanish, english = speak("21", "es").duration, speak("21", "en-gb").duration
    assert abs(spanish - english) > 0.1
    assert float(speak("21", "EN-GB").duration) == pytest.approx(float(english), abs=0.02)


def test_marks_of_other_kinds_are_spoken_or_left_out() -> None:
    for text in ("a < b & c > d", "nul\0nul", "half \ud800 pair", "¿Qué tal, señor Núñez? 1234 €", "[[h@loU]]"):
        assert speak(text, "es").duration > 0.3


def test_threads_take_turns() -> None:
    texts = ["one", "one two three four five six", "one two three"] * 4
    alone = [float(speak(text, "en-gb").duration) for text in texts[:3]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: float(speak(text, "en-gb").duration), texts))
    # The voice's flutter moves the end by some samples.
    assert together == pytest.approx(alone * 4, abs=0.02)


@pytest.mark.parametrize("voice", ["", "xx", "english", "../en", "en\0"])
def test_unknown_voices_are_refused(voice: str) -> None:
    with pytest.raises(OptionError, match=r"no such voice.*en-gb"):
        speak("Hello.", voice)


@pytest.mark.parametrize("text", ["", " \n", "...", "- -"])
def test_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="at least one word"):
        speak(text, "en-gb")


def test_words_and_phonemes_carry_their_times() -> None:
    speech = speak_timed("Hello, big worlds.", "en-gb")
    assert [word.text for word in speech.words] == ["Hello", "big", "worlds"]
    assert ["".join(sound.symbol for sound in word.phonemes) for word in speech.words] == ["hələʊ", "bɪɡ", "wɜːldz"]
    assert [sound.stress for sound in speech.words[0].phonemes] == [0, 0, 0, 1]
    sounds = [sound for word in speech.words for sound in word.phonemes]
    assert all(sound.start < sound.end for sound in sounds)
    assert all(before.end <= after.start for before, after in pairwise(sounds))
    assert sounds[-1].end <= speech.clip.duration


def test_the_times_are_those_of_the_sound() -> None:
    speech = speak_timed("Sí, papá. No.", "es")
    rate = speech.clip.rate

    def loudness(start: float, end: float) -> float:
        return float(np.sqrt(np.square(speech.clip.samples[round(start * rate) : round(end * rate)]).mean()))

    first, second, third = speech.words
    vowels = [sound for word in speech.words for sound in word.phonemes if sound.symbol in "aeiou"]
    pauses = [(first.phonemes[-1].end, second.phonemes[0].start), (second.phonemes[-1].end, third.phonemes[0].start)]
    assert len(vowels) == 4
    # 30 ms from each edge: the sound before still rings.
    assert min(loudness(sound.start, sound.end) for sound in vowels) > 0.02
    assert max(loudness(start + 0.03, end - 0.03) for start, end in pauses) < 0.002
    # A hiss has its energy high up, a vowel below.
    hiss = speech.clip.samples[round(first.phonemes[0].start * rate) : round(first.phonemes[0].end * rate)]
    power = np.square(np.abs(np.fft.rfft(hiss)))
    assert power[len(power) * 3000 // (rate // 2) :].sum() > 0.5 * power.sum()


def test_words_run_together_keep_their_letters() -> None:
    assert [word.text for word in speak_timed("end of the world", "en-us").words] == ["end", "of the", "world"]


def test_rate_changes_the_length_and_is_not_kept() -> None:
    text = "One two three four five six seven eight."
    usual, slow, fast = (float(speak(text, "en-gb", rate).duration) for rate in (1.0, 0.6, 1.8))
    assert slow > 1.4 * usual
    assert fast < 0.7 * usual
    assert float(speak(text, "en-gb").duration) == pytest.approx(usual, abs=0.02)
    for rate in (0.4, 3.0, float("nan")):
        with pytest.raises(OptionError, match=r"rate of speech.*0\.5 to 2\.5"):
            speak(text, "en-gb", rate)


def test_after_a_restart_a_text_sounds_as_before_to_the_sample() -> None:
    restart()
    first, second = (speak_timed("Good morning.", "en-gb") for _ in range(2))
    assert not np.array_equal(first.clip.samples, second.clip.samples)
    restart()
    again = speak_timed("Good morning.", "en-gb")
    assert np.array_equal(again.clip.samples, first.clip.samples)
    assert again.words == first.words
