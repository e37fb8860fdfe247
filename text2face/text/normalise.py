"""Normalises a sentence for speech: writes out numbers, dates, money, units, abbreviations and symbols as words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from text2face.text import agreement
from text2face.text.agreement import Form
from text2face.text.languages import Unit, Wording, wording_of
from text2face.text.signs import clean_signs

MAX_NUMBER: Final = 15
"""Maximum number of digits of a quantity; longer numbers, and those with a leading zero, are read digit by digit."""

OTHER_SIGNS: Final = frozenset("%&+=€$£¥@#°/<>*")
"""Symbols that are left to the voice in languages without a wording."""

Read = Callable[[re.Match[str]], str]
"""Returns the words for a match."""


@dataclass(frozen=True)
class Reading:
    """The words of a sentence, "" when it has none, and the number of removed characters by kind."""

    text: str
    left_out: Counter[str]


def read_out(sentence: str, language: str) -> Reading:
    """Returns ``sentence`` with numbers and symbols written out as words of ``language``, a tag such as "en-us".

    In languages other than English and Spanish they are left to the voice.
    """
    wording = wording_of(language)
    readable = frozenset(wording.signs) if wording else OTHER_SIGNS
    text, left_out = clean_signs(sentence, language, readable)
    if wording:
        text = _words(text, wording)
    return Reading(text if any(sign.isalnum() for sign in text) else "", left_out)


def _words(text: str, wording: Wording) -> str:
    """Returns ``text`` with digits and symbols replaced by words."""
    text = text.replace("’", "'").replace("‘", "'")
    text = re.sub(r"https?://(www\.)?", "", text)
    text = re.sub(r"(?<=[a-z])([.@])(?=[a-z]{2,})", lambda match: _inside(match.group(1), wording), text)
    text = _abbreviations(text, wording)
    for pattern, read in _readers(wording):
        text = re.sub(pattern, partial(_apart, read), text)
    for sign, word in wording.signs.items():
        text = text.replace(sign, f" {word} " if word else " ")
    text = re.sub(r"\s+([,.;:!?…)\]}])", r"\1", " ".join(text.split()))
    return re.sub(r",(\s*,)+", ",", text)


def _apart(read: Read, match: re.Match[str]) -> str:
    return f" {read(match)} "


def _inside(sign: str, wording: Wording) -> str:
    """Returns the word for a point or an at sign inside an address."""
    return f" {wording.signs['@']} " if sign == "@" else (" dot " if wording.code == "en" else " punto ")


def _abbreviations(text: str, wording: Wording) -> str:
    for short, long in wording.abbreviations.items():
        text = re.sub(rf"(?<![\w.]){re.escape(short)}(?!\w)", long, text)
    return text


def _readers(wording: Wording) -> list[tuple[str, Read]]:
    """Returns the patterns to replace, in this order, each with the function that returns the words for a match."""
    decimal, group = re.escape(wording.decimal), re.escape(wording.group)
    number = rf"\d{{1,3}}(?:{group}\d{{3}})+(?:{decimal}\d+)?(?!\d)|\d+(?:{decimal}\d+)?"
    money = "|".join(re.escape(sign) for sign in wording.money)
    magnitude = r"(?:\s(?P<scale>millions?|billions?|thousand|millón|millones|mil))?"
    english = wording.code == "en"
    months = "|".join(wording.months)
    units = "|".join(re.escape(unit) for unit in sorted(wording.units, key=len, reverse=True))
    clocks = [r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])"]
    if not english:
        clocks = [rf"{clocks[0]}(?:\sh\b)?", r"(?<=\b[Ll]as )(\d\d?)\.([0-5]\d)(?![\d.])(?:\sh\b)?"]
    amounts = [
        rf"(?P<sign>{money})\s?(?P<value>{number}){magnitude}",
        rf"(?P<value>{number}){magnitude}\s?(?P<sign>{money})",
    ]
    readers: list[tuple[str, Read]] = [
        (r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)", lambda m: _date(int(m[3]), int(m[2]), m[1], wording, m[0])),
        (r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\d/])", lambda m: _slashed(m, wording)),
        *((pattern, lambda m: _clock(int(m[1]), int(m[2]), wording)) for pattern in clocks),
        *((pattern, lambda m: _amount(m, wording)) for pattern in (amounts if english else amounts[::-1])),
        (r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)", lambda m: _dotted(m[0], number, wording)),
        (rf"(?<![\w])[-−](?={number})", lambda m: wording.minus),
        (rf"({number})\s?[°º]\s?([CF])\b", lambda m: _measure(m[1], wording.units[f"°{m[2]}"], wording)),
        (rf"({number})\s?({units})(?![\w/²³])", lambda m: _measure(m[1], wording.units[m[2]], wording)),
        (rf"({number})\s?%", lambda m: f"{_number(m[1], wording)} {wording.percent}"),
    ]
    if english:
        readers += [
            (rf"\b({months})\s(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)", lambda m: f"{m[1]} {_ordinal(m[2], 'en')}"),
            (rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s({months})\b", lambda m: f"{_ordinal(m[1], 'en')} of {m[2]}"),
            (r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: _ordinal(m[1], "en")),
            (r"(?<![\d.,])(1[1-9]\d\d|20[1-9]\d)(?![\d.,]\d|\d)", lambda m: _year(m[1])),
        ]
    else:
        readers += [
            (r"(\d+)(?:\.?ª|(?:era|ra|da|ta|ma|va|na)\b)", lambda m: agreement.feminine(_ordinal(m[1], "es"))),
            (r"(\d+)\.as\b", lambda m: f"{agreement.feminine(_ordinal(m[1], 'es'))}s"),
            (r"(\d+)\.os\b", lambda m: f"{_ordinal(m[1], 'es')}s"),
            (r"(\d+)\.?er\b", lambda m: _ordinal(m[1], "es").removesuffix("o")),
            (r"(\d+)(?:\.?º|(?:ero|ro|do|to|mo|vo|no)\b)", _spanish_ordinal),
            (rf"({number})(\s+mil\b)?", lambda m: _quantity(m, wording)),
        ]
    return [*readers, (number, lambda m: _number(m[0], wording)), (r"\d", lambda m: _number(m[0], wording))]


def _number(spelled: str, wording: Wording, form: Form = Form.ALONE) -> str:
    """Returns a number in words; ``spelled`` has the language's marks, ``form`` is its form in Spanish."""
    whole, fraction = _parts(spelled, wording)
    if fraction and form is Form.MASCULINE:
        form = Form.ALONE
    words = _cardinal(whole, wording.code, form)
    if not fraction:
        return words
    short = wording.code == "es" and len(fraction) <= 2 and fraction[0] != "0"
    return f"{words} {wording.point} {_cardinal(fraction, wording.code) if short else _digits(fraction, wording.code)}"


def _parts(spelled: str, wording: Wording) -> tuple[str, str]:
    """Returns the digits before and after the decimal mark."""
    whole, _, fraction = spelled.replace(wording.group, "").partition(wording.decimal)
    return whole, fraction


def _quantity(match: re.Match[str], wording: Wording) -> str:
    """Returns a Spanish number, with the "mil" after it, in words that agree with the noun."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    whole, fraction = _parts(match[1], wording)
    if match[2]:
        return _thousands(match[1], agreement.thousands_form(before, after), wording)
    place = agreement.place_of(0 if fraction else int(whole), before, after, bare=match[1].isdecimal())
    words = _number(match[1], wording, place.form)
    return f"{words} de" if place.noun_follows and _ends_in_millions(words) else words


def _thousands(spelled: str, form: Form, wording: Wording) -> str:
    """Returns a Spanish number in words with the word "mil" after it, before a noun of ``form``."""
    whole, fraction = _parts(spelled, wording)
    if fraction or _is_code(whole):
        return f"{_number(spelled, wording, form)} mil"
    return f"{agreement.thousands(int(whole), form)} mil" if int(whole) != 1 else "mil"


def _measure(spelled: str, unit: Unit, wording: Wording) -> str:
    """Returns a number with its unit in words: one kilometre, veintiuna toneladas, un millón de litros."""
    words = _number(spelled, wording, Form.FEMININE if unit.feminine else Form.MASCULINE)
    of = " de" if wording.code == "es" and _ends_in_millions(words) else ""
    return f"{words}{of} {unit.one if spelled == '1' else unit.many}"


def _ends_in_millions(spanish: str) -> bool:
    """Returns whether a Spanish number in words takes "de" before its noun."""
    return spanish.endswith(("millón", "millones", "billón", "billones"))


def _dotted(spelled: str, number: str, wording: Wording) -> str:
    """Returns a version or network number in words; a quantity with points between thousands is left unchanged."""
    if re.fullmatch(number, spelled):
        return spelled
    return (" point " if wording.code == "en" else " punto ").join(
        _cardinal(part, wording.code) for part in spelled.split(".")
    )


def _is_code(digits: str) -> bool:
    """Returns whether ``digits`` are not a quantity: too many, or with a leading zero."""
    return len(digits) > MAX_NUMBER or (len(digits) > 1 and digits[0] == "0")


def _cardinal(digits: str, code: str, form: Form = Form.ALONE) -> str:
    if _is_code(digits):
        return _digits(digits, code)
    if code == "es":
        return agreement.cardinal(int(digits), form)
    from num2words import num2words

    return str(num2words(int(digits), lang=code)).replace("-", " ").replace(",", "")


def _digits(digits: str, code: str) -> str:
    return " ".join(_cardinal(digit, code) for digit in digits)


def _ordinal(digits: str, code: str) -> str:
    if len(digits) > MAX_NUMBER or not int(digits):
        return _digits(digits, code)
    if code == "es":
        return agreement.ordinal(int(digits))
    from num2words import num2words

    return str(num2words(int(digits), lang=code, to="ordinal")).replace("-", " ").replace(",", "")


def _spanish_ordinal(match: re.Match[str]) -> str:
    """Returns a masculine ordinal in words; before their noun primero and tercero are shortened."""
    words = _ordinal(match[1], "es")
    short = words.endswith(("primero", "tercero")) and agreement.is_masculine_singular(match.string[match.end() :])
    return words.removesuffix("o") if short else words


def _year(digits: str) -> str:
    from num2words import num2words

    return str(num2words(int(digits), lang="en", to="year")).replace("-", " ")


def _date(day: int, month: int, year: str, wording: Wording, written: str) -> str:
    """Returns a date in words; the numbers in ``written`` with commas when there is no such day."""
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return " , ".join(re.findall(r"\d+", written))
    name = wording.months[month - 1]
    if wording.code == "es":
        return f"{'primero' if day == 1 else _cardinal(str(day), 'es')} de {name} de {_cardinal(str(int(year)), 'es')}"
    words = _year(year) if 1100 <= int(year) < 2000 or int(year) > 2009 else _cardinal(str(int(year)), "en")
    return f"{name} {_ordinal(str(day), 'en')}, {words}"


def _slashed(match: re.Match[str], wording: Wording) -> str:
    first, second = int(match[1]), int(match[2])
    day, month = (first, second) if wording.day_first else (second, first)
    return _date(day, month, match[3], wording, match[0])


def _clock(hour: int, minute: int, wording: Wording) -> str:
    if wording.code == "es":
        hours = agreement.cardinal(hour, Form.FEMININE)
        return hours if not minute else f"{hours} y {_cardinal(str(minute), 'es')}"
    minutes = "o'clock" if not minute else f"oh {_cardinal(str(minute), 'en')}" if minute < 10 else ""
    return f"{_cardinal(str(hour), 'en')} {minutes or _cardinal(str(minute), 'en')}"


def _amount(match: re.Match[str], wording: Wording) -> str:
    """Returns an amount of money in words: "five dollars and twenty cents"."""
    spelled, money, scale = match["value"], wording.money[match["sign"]], match["scale"]
    whole, fraction = _parts(spelled, wording)
    unit = Unit(money.one, money.many, money.feminine)
    if scale and wording.code == "es":
        if scale == "mil":
            return f"{_thousands(spelled, Form.FEMININE if money.feminine else Form.MASCULINE, wording)} {money.many}"
        return f"{_number(spelled, wording, Form.MASCULINE)} {scale} de {money.many}"
    if scale:
        return f"{_number(spelled, wording)} {scale} {money.many}"
    if fraction and len(fraction) != 2:
        return _measure(spelled, unit, wording)
    words = _measure(whole, unit, wording)
    if not int(fraction or 0):
        return words
    return f"{words} {wording.joint} {_measure(str(int(fraction)), Unit(money.cent, money.cents), wording)}"
