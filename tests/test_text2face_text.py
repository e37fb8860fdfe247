"""Any text becomes sentences of plain words; what cannot be said is left out and counted."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text2face.text.markup import MarkupRemover
from text2face.text.normalise import read_out
from text2face.text.sentences import MAX_LENGTH, split_sentences


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
        ("-1°C, 1 km", "minus one degree Celsius, one kilometre"),
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


AGREEING = """
21 personas|veintiuna personas
1 libro|un libro
1 persona|una persona
31 años|treinta y un años
200 personas|doscientas personas
501 casas|quinientas una casas
500 hombres y 500 mujeres|quinientos hombres y quinientas mujeres
900 flores|novecientas flores
1.000.001 personas|un millón una personas
1.000.001 libros|un millón un libros
1.000.000 personas|un millón de personas
2.000.000 de personas|dos millones de personas
200.200 personas|doscientas mil doscientas personas
21.000 personas|veintiún mil personas
31.000 libros|treinta y un mil libros
21.000.000 libras|veintiún millones de libras
200.000.001 casas|doscientos millones una casas
21 mil|veintiún mil
21 mil mujeres|veintiún mil mujeres
200 mil personas|doscientas mil personas
21 millones|veintiún millones
1 millón|un millón
200 millones de personas|doscientos millones de personas
1001 noches|mil una noches
Tengo 21, tú 31.|Tengo veintiuno, tú treinta y uno.
21 es mucho|veintiuno es mucho
21 más|veintiuno más
1 a 0|uno a cero
página 21|página veintiuno
21 págs.|veintiuna páginas
n.º 21|número veintiuno
El 21 de mayo|El veintiuno de mayo
31/12/2021|treinta y uno de diciembre de dos mil veintiuno
en 2001 empresas nuevas|en dos mil uno empresas nuevas
21 o 22 casas|veintiuna o veintidós casas
de 200 a 300 personas|de doscientas a trescientas personas
21 o 31 años|veintiuno o treinta y un años
21 grandes ideas|veintiuna grandes ideas
1 gran idea|una gran idea
las 200|las doscientas
los 21|los veintiuno
1 día, 21 días|un día, veintiún días
1 mano, 31 manos|una mano, treinta y una manos
201 fotos|doscientas una fotos
1 agua, 21 armas|un agua, veintiuna armas
51 problemas|cincuenta y un problemas
1 mapa|un mapa
1 crema|una crema
101 dálmatas|ciento un dálmatas
21 turistas|veintiún turistas
31 listas|treinta y una listas
1 mes, 1 país|un mes, un país
1 vez, 21 veces|una vez, veintiuna veces
21 aviones|veintiún aviones
21 canciones|veintiuna canciones
1 ciudad, 21 ciudades|una ciudad, veintiuna ciudades
21 árboles|veintiún árboles
21 imágenes|veintiuna imágenes
21 luces y 21 lápices|veintiuna luces y veintiún lápices
1 crisis, 21 análisis|una crisis, veintiún análisis
701 calles|setecientas una calles
a las 21|a las veintiuna
a la 1|a la una
a las 21:00 h|a las veintiuna
a las 21.30|a las veintiuna y treinta
21 h|veintiuna horas
21 horas|veintiuna horas
21 dólares|veintiún dólares
31 pesetas|treinta y una pesetas
201 £|doscientas una libras
1.000.000 €|un millón de euros
1 millón €|un millón de euros
200 mil £|doscientas mil libras
21,31 €|veintiún euros con treinta y un céntimos
1 %|uno por ciento
el 21,5 %|el veintiuno coma cinco por ciento
1,5 horas|una coma cinco horas
200,5 toneladas|doscientas coma cinco toneladas
21,5 litros|veintiuno coma cinco litros
1 km, 21 km|un kilómetro, veintiún kilómetros
21 t|veintiuna toneladas
100 km/h|cien kilómetros por hora
1 °C|un grado Celsius
1.ª vez|primera vez
21.ª|vigésima primera
1º piso|primer piso
1.º de mayo|primero de mayo
3.er grado|tercer grado
3º grado|tercer grado
13.º|decimotercero
11.ª|undécima
40.º|cuadragésimo
2da|segunda
1.as|primeras
"""
"""Checked by hand with the Diccionario panhispánico de dudas."""


@pytest.mark.parametrize(("written", "said"), [line.split("|") for line in AGREEING.strip().splitlines()])
def test_spanish_numbers_agree_with_what_they_count(written: str, said: str) -> None:
    assert read_out(written, "es").text == said


def test_american_spanish_agrees_with_its_own_marks() -> None:
    assert read_out("1,000,001 personas, 1.5 horas", "es-mx").text == "un millón una personas, una punto cinco horas"


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
        assert max(map(len, parts)) <= MAX_LENGTH
        assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_megabyte_needs_little_memory() -> None:
    tracemalloc.start()
    pieces = ("It was a day like others, and nobody spoke. " for _ in range(24_000))
    assert sum(1 for _ in split_sentences(pieces, "en-gb")) == 24_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


SSML = (
    '<?xml version="1.0"?><speak version="1.1" xml:lang="en">Dogs &amp; cats.<!-- a > b --><break time="1s"/> '
    "<emphasis level='strong'>Very</emphasis> <lang xml:lang=\"es\">bien</lang>, "
    '<sub alias="a, b. c">AB</sub><p>New</p></speak>'
)


def test_ssml_is_not_read_aloud() -> None:
    for size in (1, 7, 10_000):
        remover = MarkupRemover()
        pieces = [SSML[start : start + size] for start in range(0, len(SSML), size)]
        said = "".join(remover.plain(pieces))
        assert " ".join(said.split()) == "Dogs & cats. , Very bien, AB New"
        assert dict(remover.removed) == {"speak": 1, "break": 1, "emphasis": 1, "lang": 1, "sub": 1, "p": 1}
        assert remover.notice() == (
            "SSML is not obeyed, its tags are left out: 1 break, 1 emphasis, 1 lang, 1 p, 1 speak, 1 sub; "
            "a break is said as a comma"
        )


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "I <3 you", "x<y>z", "R&D &amp; more", "<speak", "1 <p 2> 3", "<" * 99]
)
def test_what_is_no_ssml_stays(text: str) -> None:
    for pieces in ([text], list(text)):
        remover = MarkupRemover()
        assert "".join(remover.plain(pieces)) == text
        assert remover.notice() == ""


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>/&;=\"'ps eakbr\n", max_size=60), st.integers(1, 60))
def test_markup_does_not_depend_on_how_the_text_is_cut(text: str, size: int) -> None:
    whole, cut = MarkupRemover(), MarkupRemover()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(cut.plain(pieces)) == "".join(whole.plain([text]))
    assert cut.removed == whole.removed
