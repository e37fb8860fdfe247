"""Any text becomes sentences of plain words; what cannot be said is left out and counted."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2face.text.normalise import read_out
from text2face.text.sentences import LONGEST, split_sentences


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("21", "twenty one"),
        ("1,234.5", "one thousand two hundred and thirty four point five"),
        ("007", "zero zero seven"),
        ("in 1984", "in nineteen eighty four"),
        ("-4 + 2 = 50%", "minus four plus two equals fifty percent"),
        ("21st and 3rd", "twenty first and third"),
        ("$5.20, €1 and £21.01", "five dollars and twenty cents, one euro and twenty one pounds and one penny"),
        ("$3 million", "three million dollars"),
        ("at 14:05", "at fourteen oh five"),
        ("7:00", "seven o'clock"),
        ("2024-03-05", "March fifth, twenty twenty four"),
        ("March 5", "March fifth"),
        ("Dr. Smith, i.e. me", "Doctor Smith, that is me"),
        ("3°C, 5 km", "three degrees Celsius, five kilometres"),
        ("me@site.com", "me at site dot com"),
        ("1.2.3", "one point two point three"),
        ("A4", "A four"),
        ("don’t", "don't"),
        ("٣ ２", "three two"),
    ],
)
def test_english_is_written_out(written: str, said: str) -> None:
    assert read_out(written, "en-gb").text == said


def test_day_and_month_change_places() -> None:
    assert read_out("3/4/2025", "en-gb").text == "April third, twenty twenty five"
    assert read_out("3/4/2025", "en-us").text == "March fourth, twenty twenty five"
    assert read_out("3/13/2025", "en-gb").text == "three, thirteen, twenty twenty five"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("21", "veintiuno"),
        ("1.234,5", "mil doscientos treinta y cuatro coma cinco"),
        ("3,14", "tres coma catorce"),
        ("-4", "menos cuatro"),
        ("50 %", "cincuenta por ciento"),
        ("21 € y 21 £", "veintiún euros y veintiuna libras"),
        ("200 £ y 1,01 €", "doscientas libras y un euro con un céntimo"),
        ("3 millones €", "tres millones de euros"),
        ("1.ª y 2.º y 3.er", "primera y segundo y tercer"),
        ("01/02/2025", "primero de febrero de dos mil veinticinco"),
        ("a las 13:20", "a las trece y veinte"),
        ("El Sr. Núñez, p. ej. en EE. UU.", "El señor Núñez, por ejemplo en Estados Unidos"),
        ("-4 ºC", "menos cuatro grados Celsius"),
    ],
)
def test_spanish_is_written_out(written: str, said: str) -> None:
    assert read_out(written, "es").text == said


def test_marks_in_numbers_depend_on_the_region() -> None:
    assert read_out("$1,234.50", "es-419").text == "mil doscientos treinta y cuatro pesos con cincuenta centavos"


def test_what_has_no_sound_is_left_out_and_counted() -> None:
    reading = read_out("Hi\x07 \u202eمرحبا\u202c 😀👩‍👩‍👧 привет!", "en-us")
    assert reading.text == "Hi!"
    assert dict(reading.left_out) == {
        "control or unknown characters": 1,
        "letters of the Arabic script": 5,
        "letters of the Cyrillic script": 6,
        "emoji or symbols": 4,
    }
    assert read_out("مرحبا!", "es").text == ""
    assert read_out("مرحبا", "ar").text == "مرحبا"
    assert read_out("\ud800 ... !", "es").text == ""


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["en-us", "es", "es-419", "fr"]))
def test_any_text_is_read_without_an_error(text: str, language: str) -> None:
    said = read_out(text, language).text
    assert said == "" or any(sign.isalnum() for sign in said)
    if language != "fr":
        assert not any(sign.isdecimal() or sign in "$€%&@#\x00\n" for sign in said)


def test_sentences_end_where_they_do() -> None:
    text = 'Dr. Smith met J. K. Rowling. He said "hi." Then 3.5 etc. and more... yes!\nNo?\n\nA title\n\nthe end'
    assert list(split_sentences([text], "en-gb")) == [
        "Dr. Smith met J. K. Rowling.",
        'He said "hi."',
        "Then 3.5 etc. and more... yes!",
        "No?",
        "A title",
        "the end",
    ]
    assert list(split_sentences(["El Sr. Núñez vive en EE. UU. desde ayer. ¿Sí?"], "es")) == [
        "El Sr. Núñez vive en EE. UU. desde ayer.",
        "¿Sí?",
    ]


@pytest.mark.parametrize("text", ["", " \n\n \t", "\n"])
def test_blank_text_has_no_sentences(text: str) -> None:
    assert list(split_sentences([text], "en-gb")) == []


def test_pieces_may_be_cut_anywhere() -> None:
    text = "One two. Three, Mr. Four! Five?\n\nSix seven. " * 40
    whole = list(split_sentences([text], "en-gb"))
    assert len(whole) == 160
    for size in (1, 7, 400):
        assert list(split_sentences((text[i : i + size] for i in range(0, len(text), size)), "en-gb")) == whole


def test_endless_sentences_are_cut_and_nothing_is_lost() -> None:
    for text in ("word, " * 5000, "word " * 5000, "w" * 20_000):
        parts = list(split_sentences([text], "en-gb"))
        assert max(map(len, parts)) <= LONGEST
        assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_megabyte_needs_little_memory() -> None:
    tracemalloc.start()
    pieces = ("It was a day like others, and nobody spoke. " for _ in range(24_000))
    assert sum(1 for _ in split_sentences(pieces, "en-gb")) == 24_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
