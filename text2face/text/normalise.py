"""A sentence to the words that are said: numbers, dates, money, abbreviations and signs written out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from text2face.text.languages import Wording, wording_of
from text2face.text.signs import clean_signs

LONGEST_NUMBER: Final = 15
"""Digits. Longer ones, and those with a leading zero, are no quantities and are read digit by digit."""

OTHER_SIGNS: Final = frozenset("%&+=€$£¥@#°/<>*")
"""Signs that the voice itself reads out in languages without a wording here."""

Read = Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Reading:
    """A sentence as it is said, "" when nothing in it can be, and how many signs of which kind were left out."""

    text: str
    left_out: Counter[str]


def read_out(sentence: str, language: str) -> Reading:
    """Return ``sentence`` with all that is not a word written out as words of ``language`` ("en-us", "es", ...).

    English and Spanish are written out here; in other languages the voice reads numbers itself.
    """
    wording = wording_of(language)
    readable = frozenset(wording.signs) if wording else OTHER_SIGNS
    text, left_out = clean_signs(sentence, language, readable)
    if wording:
        text = _words(text, wording)
    return Reading(text if any(sign.isalnum() for sign in text) else "", left_out)


def _words(text: str, wording: Wording) -> str:
    """Return ``text`` without digits and symbols."""
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
    """Return how a point or an at sign inside an address is said."""
    return f" {wording.signs['@']} " if sign == "@" else (" dot " if wording.code == "en" else " punto ")


def _abbreviations(text: str, wording: Wording) -> str:
    for short, long in wording.abbreviations.items():
        start = r"(?<=\d )|(?<=\d)" if short in ("km", "kg", "cm", "mm") else r"(?<![\w.])"
        text = re.sub(rf"(?:{start}){re.escape(short)}(?!\w)", long, text)
    return text


def _readers(wording: Wording) -> list[tuple[str, Read]]:
    """Return what is looked for, in this order, and what turns a match into words."""
    decimal, group = re.escape(wording.decimal), re.escape(wording.group)
    number = rf"\d{{1,3}}(?:{group}\d{{3}})+(?:{decimal}\d+)?(?!\d)|\d+(?:{decimal}\d+)?"
    money = "|".join(re.escape(sign) for sign in wording.money)
    magnitude = r"(?:\s(?P<scale>millions?|billions?|thousand|millón|millones|mil))?"
    english = wording.code == "en"
    months = "|".join(wording.months)
    amounts = [
        rf"(?P<sign>{money})\s?(?P<value>{number}){magnitude}",
        rf"(?P<value>{number}){magnitude}\s?(?P<sign>{money})",
    ]
    readers: list[tuple[str, Read]] = [
        (r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)", lambda m: _date(int(m[3]), int(m[2]), m[1], wording, m[0])),
        (r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\d/])", lambda m: _slashed(m, wording)),
        (r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])", lambda m: _clock(int(m[1]), int(m[2]), wording)),
        *((pattern, lambda m: _amount(m, wording)) for pattern in (amounts if english else amounts[::-1])),
        (r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.]*\d)", lambda m: _dotted(m[0], number, wording)),
        (rf"(?<![\w])[-−](?={number})", lambda m: wording.minus),
        (rf"({number})\s?[°º]\s?([CF])\b", lambda m: _temperature(m, wording)),
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
            (r"(\d+)\.?ª", lambda m: _feminine(_ordinal(m[1], "es"))),
            (r"(\d+)\.?(?:er|ᵉʳ)\b", lambda m: _ordinal(m[1], "es").removesuffix("o")),
            (r"(\d+)\.?º", lambda m: _ordinal(m[1], "es")),
        ]
    return [*readers, (number, lambda m: _number(m[0], wording)), (r"\d", lambda m: _number(m[0], wording))]


def _number(spelled: str, wording: Wording) -> str:
    """Return a number as words; ``spelled`` has the language's marks between thousands and before decimals."""
    whole, _, fraction = spelled.replace(wording.group, "").partition(wording.decimal)
    words = _cardinal(whole, wording.code)
    if not fraction:
        return words
    short = wording.code == "es" and len(fraction) <= 2 and fraction[0] != "0"
    return f"{words} {wording.point} {_cardinal(fraction, wording.code) if short else _digits(fraction, wording.code)}"


def _dotted(spelled: str, number: str, wording: Wording) -> str:
    """Return a version or network number as words, or a quantity whose groups are parted by points."""
    if re.fullmatch(number, spelled):
        return _number(spelled, wording)
    return (" point " if wording.code == "en" else " punto ").join(
        _cardinal(part, wording.code) for part in spelled.split(".")
    )


def _cardinal(digits: str, code: str) -> str:
    if len(digits) > LONGEST_NUMBER or (len(digits) > 1 and digits[0] == "0"):
        return _digits(digits, code)
    from num2words import num2words

    return str(num2words(int(digits), lang=code)).replace("-", " ").replace(",", "")


def _digits(digits: str, code: str) -> str:
    return " ".join(_cardinal(digit, code) for digit in digits)


def _ordinal(digits: str, code: str) -> str:
    if len(digits) > LONGEST_NUMBER or not int(digits):
        return _digits(digits, code)
    from num2words import num2words

    return str(num2words(int(digits), lang=code, to="ordinal")).replace("-", " ").replace(",", "")


def _feminine(ordinal: str) -> str:
    return " ".join(word[:-1] + "a" if word.endswith("o") else word for word in ordinal.split())


def _year(digits: str) -> str:
    from num2words import num2words

    return str(num2words(int(digits), lang="en", to="year")).replace("-", " ")


def _date(day: int, month: int, year: str, wording: Wording, written: str) -> str:
    """Return a date as words, or ``written`` with commas when there is no such day."""
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return " , ".join(re.findall(r"\d+", written))
    name = wording.months[month - 1]
    if wording.code == "es":
        return f"{'primero' if day == 1 else _cardinal(str(day), 'es')} de {name} de {_cardinal(str(int(year)), 'es')}"
    said = _year(year) if 1100 <= int(year) < 2000 or int(year) > 2009 else _cardinal(str(int(year)), "en")
    return f"{name} {_ordinal(str(day), 'en')}, {said}"


def _slashed(match: re.Match[str], wording: Wording) -> str:
    first, second = int(match[1]), int(match[2])
    day, month = (first, second) if wording.day_first else (second, first)
    return _date(day, month, match[3], wording, match[0])


def _clock(hour: int, minute: int, wording: Wording) -> str:
    if wording.code == "es":
        hours = _before_noun(_cardinal(str(hour), "es"), feminine=True)
        return hours if not minute else f"{hours} y {_cardinal(str(minute), 'es')}"
    minutes = "o'clock" if not minute else f"oh {_cardinal(str(minute), 'en')}" if minute < 10 else ""
    return f"{_cardinal(str(hour), 'en')} {minutes or _cardinal(str(minute), 'en')}"


def _amount(match: re.Match[str], wording: Wording) -> str:
    """Return an amount of money as words: "five dollars and twenty cents"."""
    spelled, money, scale = match["value"], wording.money[match["sign"]], match["scale"]
    whole, _, fraction = spelled.replace(wording.group, "").partition(wording.decimal)
    spanish = wording.code == "es"
    if scale:
        of = " de" if scale.startswith("mill") and spanish else ""
        return f"{_number(spelled, wording)} {scale}{of} {money.many}"
    if fraction and len(fraction) != 2:
        return f"{_number(spelled, wording)} {money.many}"
    words = _cardinal(whole, wording.code)
    cents = int(fraction or 0)
    if spanish:
        words = _before_noun(words, feminine=money.feminine)
    said = f"{words} {money.one if words in ('one', 'un', 'una') else money.many}"
    if not cents:
        return said
    count = _cardinal(str(cents), wording.code)
    count = _before_noun(count, feminine=False) if spanish else count
    return f"{said} {wording.joint} {count} {money.cent if cents == 1 else money.cents}"


def _before_noun(words: str, *, feminine: bool) -> str:
    """Return a Spanish number as it stands before a noun: veintiún euros, veintiuna libras, doscientas libras."""
    if feminine:
        words = re.sub(r"uno$", "una", words)
        return re.sub(r"cientos\b", "cientas", words).replace("quinientos", "quinientas")
    return re.sub(r"\buno$", "un", re.sub(r"veintiuno$", "veintiún", words))


def _temperature(match: re.Match[str], wording: Wording) -> str:
    scales = {"C": "Celsius", "F": "Fahrenheit"}
    return f"{_number(match[1], wording)} {wording.degrees} {scales[match[2]]}"
