"""The voice says what it is given, in the language asked for, from any thread; the rest is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from obamanet.errors import OptionError
from text2face.voice.espeak import speak


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
