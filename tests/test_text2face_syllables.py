"""Spoken words fall into timed syllables that keep every letter and every sound."""

from __future__ import annotations

from itertools import pairwise

import pytest

from text2face.syllables.phonetic import split_sounds
from text2face.syllables.timed import syllables_of
from text2face.timed_speech import Phoneme, SpokenWord
from text2face.voice.espeak import speak_timed


def shown(text: str, language: str) -> str:
    """Return the text as eSpeak NG says it, words as "ho[o]-la[la]"."""
    words = [syllables_of(word, language) for word in speak_timed(text, language).words]
    return " ".join(
        "-".join(f"{syllable.text}[{''.join(sound.symbol for sound in syllable.phonemes)}]" for syllable in word)
        for word in words
    )


def test_spanish_is_divided_as_written_and_gets_its_sounds() -> None:
    assert shown("alcohol alrededor enredo honrado examen extraño acción quiero cacahuete", "es") == (
        "al[al]-co[ko]-hol[ol] al[al]-re[re]-de[ðe]-dor[ðoɾ] en[en]-re[re]-do[ðo] hon[on]-ra[ra]-do[ðo] "
        "e[e]-xa[ksa]-men[men] ex[eks]-tra[tɾa]-ño[ɲo] ac[ak]-ción[θjon] quie[kje]-ro[ɾo] ca[ka]-ca[ka]-hue[we]-te[te]"
    )


def test_regions_of_spanish_differ_in_sound_and_in_tl() -> None:
    assert shown("zapatos", "es-419") == "za[sa]-pa[pa]-tos[tos]"
    assert shown("atleta", "es-419") == "a[a]-tle[tle]-ta[ta]"
    assert shown("atleta", "es") == "at[at]-le[le]-ta[ta]"


def test_english_takes_as_many_consonants_to_the_next_vowel_as_may_begin_a_word() -> None:
    assert shown("extra hamburger, English question beautiful strawberry", "en-us") == (
        "ex[ɛk]-tra[stɹə] ham[hæm]-bur[bɜː]-ger[ɡɚ] En[ɪŋ]-glish[ɡlɪʃ] ques[kwɛs]-tion[tʃən] "
        "beau[bjuː]-ti[ɾi]-ful[fəl] straw[stɹɔː]-be[bɛ]-rry[ɹi]"
    )


def test_syllabic_consonants_are_syllables_and_silent_letters_stay() -> None:
    assert shown("little button rhythm psychology", "en-us") == (
        "li[lɪ]-ttle[ɾəl] bu[bʌ]-tton[ʔn̩] rhy[ɹɪ]-thm[ðəm] psy[saɪ]-cho[kɑː]-lo[lə]-gy[dʒi]"
    )


def test_letters_spelled_out_are_syllables_of_their_own() -> None:
    assert shown("FBI", "en-gb") == "F[ɛf]-B[biː]-I[aɪ]"


@pytest.mark.parametrize(
    ("sounds", "syllables"),
    [
        ("p ɹ i", ["pɹi"]),
        ("a ŋ a", ["aŋ", "a"]),
        ("a t l a", ["at", "la"]),
        ("a s t ɹ a", ["a", "stɹa"]),
        ("s t", ["st"]),
        ("a", ["a"]),
    ],
)
def test_known_onsets_of_english(sounds: str, syllables: list[str]) -> None:
    phonemes = [Phoneme(symbol, index, index + 1) for index, symbol in enumerate(sounds.split())]
    assert ["".join(sound.symbol for sound in part) for part in split_sounds(phonemes, "en-gb")] == syllables


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-gb", "Wednesday's colonel didn't queue for the o'clock x-ray in Łódź, naïve café, 21 yachts."),
        ("en-us", "supercalifragilisticexpialidocious hmm BBC pst of the world"),
        ("es", "Washington FBI whisky Uruguay construía pst de la y casa-puerta Núñez 日本 21 jazz"),
        ("fr", "Bonjour tout le monde, aujourd'hui."),
        ("ru", "Привет, мир."),
    ],
)
def test_no_letter_and_no_sound_is_lost(language: str, text: str) -> None:
    for word in speak_timed(text, language).words:
        syllables = syllables_of(word, language)
        assert "".join(part.text for part in syllables) == "".join(sign for sign in word.text if sign.isalnum())
        assert tuple(sound for part in syllables for sound in part.phonemes) == word.phonemes
        assert all(before.end <= after.start for before, after in pairwise(syllables))
        assert all(part.start < part.end for part in syllables)


def test_stress_is_that_of_the_vowel() -> None:
    word = SpokenWord("papá", (Phoneme("p", 0, 1), Phoneme("a", 1, 2), Phoneme("p", 2, 3), Phoneme("a", 3, 4, 1)))
    assert [(part.text, part.stress, part.start, part.end) for part in syllables_of(word, "es")] == [
        ("pa", 0, 0, 2),
        ("pá", 1, 2, 4),
    ]
