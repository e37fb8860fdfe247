"""Writes out Spanish numbers in agreement with their noun: un libro, veintiuna personas, doscientas mil casas.

The rules are those of RAE and ASALE, Nueva gramática de la lengua española (2009), chapter 21, and Diccionario
panhispánico de dudas (2005), "cardinales", "ordinales" and "uno". Where these allow two forms, one is used: 21 000
mujeres are veintiún mil mujeres, and a number with decimals is feminine before a feminine noun (una coma cinco horas)
and full before a masculine one (uno coma cinco litros).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final


class Form(Enum):
    """Form of a cardinal: without a noun, or before a masculine or feminine noun."""

    ALONE = "alone"
    MASCULINE = "masculine"
    FEMININE = "feminine"


@dataclass(frozen=True)
class Place:
    """The ``form`` of a number in its context, and whether its noun follows immediately."""

    form: Form
    noun_follows: bool = False


ALONE: Final = Place(Form.ALONE)
"""A number without a noun."""


def _table(words: str) -> frozenset[str]:
    return frozenset(words.split())


WORD: Final = r"[^\W\d_]+"
"""Pattern of a word: letters only."""

JOINED: Final = re.compile(r"(?:\s*(?:\b(?:[yeouóa]|ni)\b|[-–—])\s*\d[\d.,]*)+(?=\s)")
"""Further numbers with the same noun: 21 o 22 casas, de 21 a 31 años."""

MASCULINE_IN_A: Final = _table(
    """
    acróbata astronauta atleta belga burócrata camarada carisma centinela cisma clima colega cometa
    compatriota cosmonauta cura dálmata delta demócrata día dogma drama enigma espía estigma fantasma gorila guardarropa
    guardia homicida idiota indígena internauta jesuita karma koala magma mapa monarca nómada panorama papá patriarca
    pijama pirata planeta plasma poeta policía prisma profeta puma recluta sofá suicida tequila terapeuta tranvía
    trauma vigía vodka
    """
)
"""Nouns in -a that are masculine, or of both genders and then taken as masculine."""

MASCULINE_ENDINGS_IN_A: Final = {
    "ema": _table("crema diadema flema gema quema yema"),
    "oma": _table("broma carcoma coma doma goma loma maroma paloma toma"),
    "grama": frozenset[str](),
    "ista": _table("arista autopista conquista entrevista lista pista revista vista"),
}
"""Endings of masculine nouns, such as problema, idioma, programa and turista, each with its feminine exceptions."""

FEMININE_IN_O: Final = _table("dinamo dínamo foto libido mano moto nao polio radio")
"""Feminine nouns in -o."""

FEMININE_OTHERS: Final = _table(
    """
    acidez altivez armazón ave base bici calle capital cara carne catástrofe catedral cárcel cicatriz clase clave
    codorniz col coliflor comezón constante corriente corte costumbre coz credencial crin cruz cumbre desazón diagonal
    efigie elite esfinge especie espiral estirpe élite falange faringe fase faz fe fiebre flor frase fuente gente grey
    gripe hambre hélice hiel hoz imagen inicial intemperie índole labor laringe leche legumbre lente ley liebre llave
    lombriz lumbre luz madre madurez mente merced metrópoli miel mili moral muchedumbre muerte mujer nariz nave nieve
    niñez noche nube nuez orden palidez pared parte patente paz pendiente perdiz piel pirámide planicie plebe postal
    prole quemazón raíz rapidez razón red sangre sartén sazón sed sede sencillez señal serie serpiente sien simiente
    sílfide solidez sucursal suerte superficie tarde tez tilde timidez torre tribu ubre urbe validez variante vejez
    vertiente vez virgen vocal voz
    """
)
"""Feminine nouns with other endings, none of FEMININE_ENDINGS."""

FEMININE_ENDINGS: Final = re.compile(
    r"(?:i[óo]n|iones|dad(?:es)?|tad(?:es)?|tud(?:es)?|triz|trices|umbres?|eces|sis|itis)$"
)
"""Endings of feminine nouns, singular and plural."""

MASCULINE_IN_THEM: Final = _table(
    """
    aluvión análisis anfitrión anión apocalipsis avión bastión camión catión centurión chasis embrión escorpión
    énfasis éxtasis gorrión guion guión histrión ion juez oasis paréntesis pez sarampión talión
    """
)
"""Nouns with a feminine ending that are masculine."""

A_STRESSED: Final = _table(
    """
    agua alma ama ancla arma aula ave águila ánfora ánima área hacha hada hambre
    """
)
"""Feminine nouns that take un: un agua, un arma, but doscientas armas."""

SAME_FOR_BOTH: Final = _table(
    """
    diferentes doble dobles gran grandes importante importantes joven jóvenes mayor mayores mejor mejores menor
    menores peor peores posible posibles reciente recientes siguiente siguientes simple simples
    """
)
"""Adjectives before nouns that have the same form for both genders."""

NO_NOUNS: Final = _table(
    """
    a abajo acaso además ahí ahora al allá allí ante antes apenas aquel aquella aquellas aquellos aquí arriba así
    atrás aunque ayer bajo bien cada casi cerca como con contra cual cuales cuando cuesta cuestan da dado dan de del
    desde después detrás dice dicen donde durante e el ella ellas ellos en entonces entre equivale era eran eres es
    esa esas ese eso esos esta estaba estaban estamos estas está están estás este esto estos excepto él éramos ésta
    éste fue fueron fuimos gana ganan ganó ha hace hacemos hacen haces hacia han has hasta hay haya hemos hoy incluso
    jamás la las le lejos les llega llegan llegó lo los luego mal más me mediante menos mi mientras mis muy ni no nos
    nosotras nosotros nunca o os para pasa pasan pero pierde podemos por porque puede pueden puedes pues que queda
    quedan queremos quien quienes quiere quieren quieres quizás sabemos sabes sale salen salvo se sea según será serán
    sé si significa sigue sin sino sí sobre solo somos son sólo su suma sus también tampoco tan te tenemos tenía tiene
    tienen tienes tras tu tus tuvo tú u un una unas uno unos usted ustedes va vale vamos van vas vemos ves viene
    vienen vosotras vosotros y ya yo
    """
)
"""Words after numbers that are not nouns; mostly verbs and adverbs in -s, which look like plurals."""

SINGULAR: Final = re.compile(
    r"(?:[adlmnorxzjyktpbcáú]|is|us|[áéíóú]s|guas|eves|ernes|unes|artes|coles|^mes|^gas|^dios|aje|ante|ente|iente|che|que|bre|dre|tre|lle|rre|ete|ote|ie|ase|ave|ieve|oche|ube)$"
)
"""Endings of nouns in the singular; other words in -e, -é, -í and -ó are more often verbs (recibe, ganó)."""

SCALES: Final = frozenset(
    "millón millones billón billones trillón trillones millardo millardos".split()  # noqa: SIM905
)
"""Numerals that are masculine nouns."""

FEMININE_BEFORE: Final = _table(
    """
    algunas aquellas cuantas cuántas esas estas las muchas nuestras otras primeras tantas todas unas últimas vuestras
    """
)
"""Feminine determiners before a number."""

MASCULINE_BEFORE: Final = _table(
    """
    algunos aquellos cuantos cuántos esos estos los muchos nuestros otros primeros tantos todos unos últimos vuestros
    """
)
"""Masculine determiners before a number."""

LABELS: Final = _table(
    """
    al anexo apartado artículo autobús canal capítulo código del edición el fase figura fórmula grupo habitación
    kilómetro lección línea nivel número parte página piso planta portal pregunta puerta sala sección serie siglo
    tabla tema tipo tomo unidad versión volumen
    """
)
"""Singular nouns whose number is a name: página veintiuno, el número uno."""

BEFORE_YEARS: Final = _table("año desde en")
"""Words after which a number in YEARS is a year, and so has no noun."""

YEARS: Final = range(1800, 2101)
"""Numbers that can be years."""

ORDINALS: Final = (
    ("", "primero", "segundo", "tercero", "cuarto", "quinto", "sexto", "séptimo", "octavo", "noveno"),
    ("", "décimo", "vigésimo", "trigésimo", "cuadragésimo", "quincuagésimo", "sexagésimo", "septuagésimo", "octogésimo",
     "nonagésimo"),
    ("", "centésimo", "ducentésimo", "tricentésimo", "cuadringentésimo", "quingentésimo", "sexcentésimo",
     "septingentésimo", "octingentésimo", "noningentésimo"),
)  # fmt: skip
"""Ordinals of ones, tens and hundreds."""


def cardinal(number: int, form: Form = Form.ALONE) -> str:
    """Returns the cardinal of ``number``, 0 to 10**15 - 1, in words, in ``form``."""
    parts = []
    for size, one, many in ((10**12, "un billón", "billones"), (10**6, "un millón", "millones")):
        count, number = divmod(number, size)
        if count:
            parts.append(one if count == 1 else f"{_below_million(count, Form.MASCULINE)} {many}")
    if number or not parts:
        parts.append(_below_million(number, form))
    return " ".join(parts)


def thousands(count: int, form: Form) -> str:
    """Returns ``count`` in words before mil and a noun of ``form``: doscientas (mil libras), treinta y un (mil)."""
    hundreds = _below_million(count, form if form is Form.FEMININE else Form.MASCULINE)
    return re.sub(r"una$", "un", re.sub(r"veintiuna$", "veintiún", hundreds))


def ordinal(number: int) -> str:
    """Returns the masculine ordinal of ``number``, at least 1, in words; above 999 the cardinal, as in speech."""
    if number > 999:
        return cardinal(number)
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    if rest in (11, 12):
        last = ["undécimo" if rest == 11 else "duodécimo"]
    elif tens == 1 and ones:
        last = ["decimoctavo" if ones == 8 else f"decimo{ORDINALS[0][ones]}"]
    else:
        last = [ORDINALS[1][tens], ORDINALS[0][ones]]
    return " ".join(filter(None, [ORDINALS[2][hundreds], *last]))


def feminine(ordinals: str) -> str:
    """Returns the feminine form of a masculine ordinal."""
    return " ".join(word[:-1] + "a" if word.endswith("o") else word for word in ordinals.split())


def place_of(number: int, before: str, after: str, *, bare: bool = True) -> Place:
    """Returns the form of a number from its context.

    Args:
        number: the number.
        before: text before it.
        after: text after it.
        bare: whether it is written without marks between thousands, as years are.
    """
    previous = (re.findall(rf"({WORD})\s+$", before.lower()) or [""])[0]
    determined = Form.FEMININE if previous in FEMININE_BEFORE or (previous == "la" and number == 1) else Form.ALONE
    if previous in LABELS or (bare and previous in BEFORE_YEARS and number in YEARS):
        return ALONE
    if joined := JOINED.match(after):
        # Only the number immediately before its noun is shortened: veintiuno o treinta y un años.
        shared = _noun_form(2, _words_after(after[joined.end() :]), previous)
        return Place(Form.FEMININE if Form.FEMININE in (shared, determined) else Form.ALONE)
    words = _words_after(after)
    if words and words[0].lower() in SCALES:
        return Place(Form.MASCULINE)
    form = _noun_form(number, words, previous)
    return Place(determined) if form is None else Place(form, noun_follows=True)


def thousands_form(before: str, after: str) -> Form:
    """Returns the form of the number before "mil"; ``after`` is the text after that word."""
    return place_of(1000, before, after, bare=False).form


def is_masculine_singular(after: str) -> bool:
    """Returns whether ``after`` starts with a masculine noun in the singular, which takes primer and tercer."""
    words = _words_after(after)
    return bool(words) and words[0].islower() and _noun_form(1, words, "") is Form.MASCULINE


def gender_of(noun: str) -> Form:
    """Returns the gender of a Spanish ``noun``, singular or plural; masculine where no rule applies."""
    word = noun.lower()
    forms = {word, word.removesuffix("s")}
    plain = {_plain(stem) for stem in _stems(word)}
    if forms & MASCULINE_IN_A or forms & MASCULINE_IN_THEM or plain & _plain_table(MASCULINE_IN_THEM):
        return Form.MASCULINE
    if forms & FEMININE_IN_O or forms & FEMININE_OTHERS or plain & _plain_table(FEMININE_OTHERS):
        return Form.FEMININE
    for ending, feminines in MASCULINE_ENDINGS_IN_A.items():
        if re.search(rf"{ending}s?$", word):
            return Form.FEMININE if forms & feminines else Form.MASCULINE
    if FEMININE_ENDINGS.search(word) or re.search(r"as?$", word):
        return Form.FEMININE
    return Form.MASCULINE


def _below_million(number: int, form: Form) -> str:
    count, rest = divmod(number, 1000)
    words = []
    if count:
        words.append("mil" if count == 1 else f"{thousands(count, form)} mil")
    if rest or not count:
        words.append(_below_thousand(rest, form))
    return " ".join(words)


def _below_thousand(number: int, form: Form) -> str:
    from num2words import num2words

    words = str(num2words(number, lang="es"))
    if form is Form.FEMININE:
        return re.sub(r"uno$", "una", words.replace("quinientos", "quinientas").replace("cientos", "cientas"))
    if form is Form.MASCULINE:
        return re.sub(r"\buno$", "un", re.sub(r"veintiuno$", "veintiún", words))
    return words


def _words_after(after: str) -> list[str]:
    """Returns the words at the start of ``after``, up to the first punctuation."""
    found = re.match(rf"(?:\s+{WORD})+", after)
    return found.group().split() if found else []


def _noun_form(number: int, words: list[str], previous: str) -> Form | None:
    """Returns the form for the noun at the start of ``words``; None without a noun that fits ``number``."""
    nouns = words[1:] if len(words) > 1 and words[0].lower() in SAME_FOR_BOTH else words
    noun = next((word.lower() for word in (*nouns[:1], *words[:1]) if _is_noun(number, word)), None)
    if noun is None:
        return None
    if number == 1 and noun in A_STRESSED:
        return Form.MASCULINE
    if previous in FEMININE_BEFORE:
        return Form.FEMININE
    return Form.MASCULINE if previous in MASCULINE_BEFORE else gender_of(noun)


def _is_noun(number: int, word: str) -> bool:
    """Returns whether ``word`` can be the noun of ``number``: a plural, or for 1 a singular."""
    if word.lower() in NO_NOUNS or len(word) < 2:
        return False
    if number == 1:
        return (word.islower() or word.isupper()) and SINGULAR.search(word.lower()) is not None
    return word[-1].lower() == "s"


def _stems(word: str) -> list[str]:
    """Returns the singular that ``word`` is the plural in -es of, if it is one."""
    if word.endswith("ces"):
        return [f"{word[:-3]}z"]
    return [word[:-2]] if word.endswith("es") else []


@cache
def _plain_table(table: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_plain, table))


def _plain(word: str) -> str:
    """Returns ``word`` without acute accents, which differ between singular and plural (avión, aviones)."""
    return unicodedata.normalize("NFD", word).replace("\u0301", "")
