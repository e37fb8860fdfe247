"""English and Spanish words for months, symbols, money, units and abbreviations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True)
class Money:
    """Names of a currency and of its hundredths, singular and plural; ``feminine`` for Spanish."""

    one: str
    many: str
    cent: str
    cents: str
    feminine: bool = False


@dataclass(frozen=True)
class Unit:
    """Names of a unit of measurement, singular and plural; ``feminine`` for Spanish."""

    one: str
    many: str
    feminine: bool = False


@dataclass(frozen=True)
class Wording:
    """Words and marks of one language for symbols and numbers.

    Attributes:
        code: language, "en" or "es".
        months: names of the months.
        abbreviations: full words, by abbreviation with its point.
        signs: words, by symbol.
        money: currencies, by symbol.
        units: units of measurement, by the symbol after a number.
        decimal: decimal mark.
        group: mark between thousands.
        day_first: whether 3/4/2025 is the 3rd of April.
        point: word for the decimal mark.
        minus: word for a minus.
        percent: words for a per cent sign.
        joint: word between a currency and its hundredths.
    """

    code: str
    months: tuple[str, ...]
    abbreviations: Mapping[str, str]
    signs: Mapping[str, str]
    money: Mapping[str, Money]
    units: Mapping[str, Unit]
    decimal: str
    group: str
    day_first: bool
    point: str
    minus: str
    percent: str
    joint: str


ENGLISH_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

SPANISH_MONTHS: Final = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip

ENGLISH_ABBREVIATIONS: Final = {
    "Mr.": "Mister", "Mrs.": "Missis", "Ms.": "Miz", "Dr.": "Doctor", "Prof.": "Professor", "St.": "Saint",
    "Jr.": "Junior", "Sr.": "Senior", "Gen.": "General", "Capt.": "Captain", "Lt.": "Lieutenant", "Rev.": "Reverend",
    "vs.": "versus", "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is", "approx.": "approximately",
    "dept.": "department", "Inc.": "Incorporated", "Ltd.": "Limited", "Co.": "Company", "No.": "number",
    "a.m.": "A M", "p.m.": "P M", "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September",
    "Oct.": "October", "Nov.": "November", "Dec.": "December",
}  # fmt: skip

SPANISH_ABBREVIATIONS: Final = {
    "Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Sres.": "señores", "Dr.": "doctor", "Dra.": "doctora",
    "D.": "don", "Dña.": "doña", "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted", "Vds.": "ustedes",
    "Prof.": "profesor", "Profa.": "profesora", "Ing.": "ingeniero", "Lic.": "licenciado", "Gral.": "general",
    "Sto.": "santo", "Sta.": "santa", "Avda.": "avenida", "Av.": "avenida", "pág.": "página", "págs.": "páginas",
    "núm.": "número", "n.º": "número", "tel.": "teléfono", "aprox.": "aproximadamente", "etc.": "etcétera",
    "p. ej.": "por ejemplo", "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos", "a. m.": "de la mañana",
    "p. m.": "de la tarde", "a.m.": "de la mañana", "p.m.": "de la tarde", "a. C.": "antes de Cristo",
    "d. C.": "después de Cristo",
}  # fmt: skip
"""Mostly from RAE's list of abbreviations, appendix 2 of the Diccionario panhispánico de dudas (2005); those with a
space are listed without it too."""

ENGLISH_UNITS: Final = {
    "km": Unit("kilometre", "kilometres"), "kg": Unit("kilogram", "kilograms"),
    "cm": Unit("centimetre", "centimetres"), "mm": Unit("millimetre", "millimetres"),
    "°C": Unit("degree Celsius", "degrees Celsius"), "°F": Unit("degree Fahrenheit", "degrees Fahrenheit"),
    "°": Unit("degree", "degrees"),
}  # fmt: skip

SPANISH_UNITS: Final = {
    "km/h": Unit("kilómetro por hora", "kilómetros por hora"),
    "km²": Unit("kilómetro cuadrado", "kilómetros cuadrados"), "m²": Unit("metro cuadrado", "metros cuadrados"),
    "m³": Unit("metro cúbico", "metros cúbicos"), "km": Unit("kilómetro", "kilómetros"),
    "cm": Unit("centímetro", "centímetros"), "mm": Unit("milímetro", "milímetros"), "m": Unit("metro", "metros"),
    "kg": Unit("kilogramo", "kilogramos"), "mg": Unit("miligramo", "miligramos"), "g": Unit("gramo", "gramos"),
    "t": Unit("tonelada", "toneladas", feminine=True), "ha": Unit("hectárea", "hectáreas", feminine=True),
    "ml": Unit("mililitro", "mililitros"), "l": Unit("litro", "litros"), "L": Unit("litro", "litros"),
    "h": Unit("hora", "horas", feminine=True), "min": Unit("minuto", "minutos"), "s": Unit("segundo", "segundos"),
    "°C": Unit("grado Celsius", "grados Celsius"), "°F": Unit("grado Fahrenheit", "grados Fahrenheit"),
    "°": Unit("grado", "grados"),
}  # fmt: skip

ENGLISH: Final = Wording(
    code="en",
    months=ENGLISH_MONTHS,
    abbreviations=ENGLISH_ABBREVIATIONS,
    signs={
        "&": "and", "@": "at", "+": "plus", "=": "equals", "#": "number", "<": "less than", ">": "more than",
        "×": "times", "÷": "divided by", "±": "plus or minus", "§": "section", "©": "copyright", "®": "registered",
        "™": "trademark", "½": "a half", "¼": "a quarter", "¾": "three quarters", "°": "degrees", "%": "percent",
        "€": "euros", "$": "dollars", "£": "pounds", "¥": "yen", "π": "pi", "µ": "micro", "√": "root of",
        "²": "squared", "³": "cubed", "/": ",", "º": "", "ª": "",
    },
    money={
        "$": Money("dollar", "dollars", "cent", "cents"), "€": Money("euro", "euros", "cent", "cents"),
        "£": Money("pound", "pounds", "penny", "pence"), "¥": Money("yen", "yen", "sen", "sen"),
    },
    units=ENGLISH_UNITS, decimal=".", group=",", day_first=True, point="point", minus="minus", percent="percent",
    joint="and",
)  # fmt: skip

SPANISH: Final = Wording(
    code="es",
    months=SPANISH_MONTHS,
    abbreviations=SPANISH_ABBREVIATIONS,
    signs={
        "&": "y", "@": "arroba", "+": "más", "=": "igual a", "#": "número", "<": "menor que", ">": "mayor que",
        "×": "por", "÷": "dividido por", "±": "más menos", "§": "sección", "©": "derechos reservados",
        "®": "marca registrada", "™": "marca registrada", "½": "un medio", "¼": "un cuarto", "¾": "tres cuartos",
        "°": "grados", "%": "por ciento", "€": "euros", "$": "dólares", "£": "libras", "¥": "yenes", "π": "pi",
        "µ": "micro", "√": "raíz de", "²": "al cuadrado", "³": "al cubo", "/": ",", "º": "", "ª": "",
    },
    money={
        "$": Money("dólar", "dólares", "centavo", "centavos"), "€": Money("euro", "euros", "céntimo", "céntimos"),
        "£": Money("libra", "libras", "penique", "peniques", feminine=True), "¥": Money("yen", "yenes", "sen", "sen"),
    },
    units=SPANISH_UNITS, decimal=",", group=".", day_first=True, point="coma", minus="menos", percent="por ciento",
    joint="con",
)  # fmt: skip


def wording_of(language: str) -> Wording | None:
    """Returns the wording for a language tag such as "en-us" or "es-419"; None for other languages."""
    match language.lower().split("-"):
        case ["en", "us", *_]:
            return replace(ENGLISH, day_first=False)
        case ["en", *_]:
            return ENGLISH
        case ["es", "419" | "mx", *_]:
            # Mexico and most of Central America have the decimal point (RAE, Ortografía, 2010), and group by commas.
            money = {**SPANISH.money, "$": replace(SPANISH.money["$"], one="peso", many="pesos")}
            return replace(SPANISH, decimal=".", group=",", point="punto", money=money)
        case ["es", *_]:
            return SPANISH
    return None
