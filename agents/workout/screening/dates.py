"""How long ago a sentence says something was: "3 weeks ago", "in 2019", "hace dos meses".

Ages are days before the day the text was written, at their shortest reading: a year alone means
its last day, because the rules that use an age must not assume a longer healing than was told.
Negative ages lie ahead. What cannot be told from the words gives no age at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "couple": 2, "few": 2,
    "several": 3, "some": 2, "many": 5, "un": 1, "una": 1, "uno": 1, "dos": 2, "tres": 3,
    "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10,
    "once": 11, "doce": 12, "unos": 2, "unas": 2, "varios": 3, "varias": 3, "muchos": 5,
}  # fmt: skip
_UNITS = {
    "day": 1, "week": 7, "wk": 7, "month": 30, "year": 365, "yr": 365, "decade": 3650,
    "dia": 1, "semana": 7, "mes": 30, "ano": 365, "decada": 3650,
}  # fmt: skip
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero", "february feb febrero", "march mar marzo", "april apr abril",
            "may mayo", "june jun junio", "july jul julio", "august aug agosto",
            "september sept sep septiembre", "october oct octubre", "november nov noviembre",
            "december dec diciembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_FIXED = {
    "yesterday": 1, "ayer": 1, "today": 0, "hoy": 0, "this week": 0, "esta semana": 0,
    "this month": 0, "este mes": 0, "last week": 7, "la semana pasada": 7, "last month": 28,
    "el mes pasado": 28, "tomorrow": -1, "next week": -7, "next month": -30, "next year": -365,
    "la proxima semana": -7, "el proximo mes": -30, "el proximo ano": -365,
    "a long time ago": 730, "long ago": 730, "hace mucho": 730, "hace tiempo": 365,
}  # fmt: skip

_NUMBER = r"\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True))
_UNIT = r"days?|weeks?|wks?|months?|years?|yrs?|decades?|dias?|semanas?|mes(?:es)?|anos?|decadas?"
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_AGO = r"ago|back|earlier|post|postop|postpartum|after|out|posparto|postparto|atras|old"


@dataclass(frozen=True, slots=True)
class When:
    """One expression of time: its place in the text and its age in days (negative: ahead)."""

    start: int
    end: int
    days: int


def find_ages(text: str, written: date) -> tuple[When, ...]:
    """Every expression of time in `text`, in order; `written` is the day it was written."""
    plain = "".join(_plain(letter) for letter in text)
    found = [
        When(match.start(), match.end(), days)
        for pattern, read in _READERS
        for match in pattern.finditer(plain)
        if (days := read(match, written)) is not None
    ]
    return tuple(sorted(_outermost(found), key=lambda when: when.start))


def find_length(text: str) -> When | None:
    """A bare length of time at the head of `text` (", 8 weeks", "(10 days)") as an age."""
    match = _LENGTH.match("".join(_plain(letter) for letter in text[:40]))
    days = None if match is None else _span(match, date.min)
    return None if match is None or days is None else When(match.start(), match.end(), days)


def _plain(letter: str) -> str:
    """One letter for one letter, so that places in the text stay true."""
    base = unicodedata.normalize("NFKD", letter.lower())[:1]
    return base or letter


def _outermost(found: list[When]) -> Iterator[When]:
    for when in found:
        if not any(
            other != when and other.start <= when.start and when.end <= other.end
            for other in found
        ):
            yield when


def _span(match: re.Match[str], _written: date) -> int | None:
    unit = match["unit"].rstrip("s") if match["unit"] != "mes" else "mes"
    unit = {"mese": "mes"}.get(unit, unit)
    number = match["number"]
    count = 2 if number is None else int(number) if number.isdecimal() else _NUMBERS[number]
    return count * _UNITS[unit]


def _ahead(match: re.Match[str], written: date) -> int | None:
    days = _span(match, written)
    return None if days is None else -days


def _fixed(match: re.Match[str], _written: date) -> int | None:
    return _FIXED[" ".join(match[0].split())]


def _last_year(_match: re.Match[str], written: date) -> int | None:
    return written.timetuple().tm_yday  # the year before the first one has no last day


def _iso(match: re.Match[str], written: date) -> int | None:
    return _age(written, int(match[1]), int(match[2]), int(match[3]))


def _slashed(match: re.Match[str], written: date) -> int | None:
    """Day and month in either order: the later reading that is not ahead."""
    one, two, year = int(match[1]), int(match[2]), int(match[3])
    year += 2000 if year < 100 else 0
    ages = [_age(written, year, one, two), _age(written, year, two, one)]
    return min((age for age in ages if age is not None and age >= 0), default=None)


def _month(match: re.Match[str], written: date) -> int | None:
    """A month, with or without day and year; without a year the last one, if that is nearer."""
    month = _MONTHS[match["month"]]
    if match["year"]:
        return _age(written, int(match["year"]), month, None)
    if match["month"] in ("may", "mar", "march", "sep", "mayo") and not match["lead"]:
        return None
    past = _age(written, written.year - (month > written.month), month, None)
    coming = (month - written.month) % 12 * 30
    return past if past is not None and (past < coming or coming == 0) else None


def _year(match: re.Match[str], written: date) -> int | None:
    year = int(match[1])
    return 0 if year == written.year else _age(written, year, 12, None)


def _age(written: date, year: int, month: int, day: int | None) -> int | None:
    """Days from the date to `written`; without a day the month's end, not after `written`."""
    try:
        if day is not None:
            return (written - date(year, month, day)).days
        following = date(year + month // 12, month % 12 + 1, 1)
    except ValueError:
        return None
    days = (written - following).days + 1
    return max(days, 0) if (year, month) >= (written.year, written.month) and days > -31 else days


_Reader = Callable[[re.Match[str], date], int | None]
_LENGTH = re.compile(
    rf"\s*[,(:-]?\s*(?P<number>{_NUMBER})\s+(?P<unit>{_UNIT})\b(?!\s+(?:off|away))"
)
_IN_TIME = (
    rf"\b(?:in|en|within|dentro de)\s+(?:a\s+)?(?P<number>{_NUMBER})\s+(?:of\s+)?"
    rf"(?P<unit>{_UNIT})\b"
)
_MONTH_NAMED = (
    rf"(?P<lead>\b(?:in|en|last|since|on|desde|de|el)\s+)?(?:\b\d{{1,2}}(?:\s+de)?\s+)?"
    rf"\b(?P<month>{_MONTH})\b(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b)?"
    r"(?:,?\s+(?:de\s+|of\s+)?(?P<year>(?:19|20)\d\d)\b)?"
)
_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"\b(?P<number>{_NUMBER})?\s*(?:of\s+)?[ -]?(?P<unit>{_UNIT})[ -]+(?:{_AGO})\b", _span),
        (rf"\bhace\s+(?:ya\s+)?(?:mas de\s+)?(?P<number>{_NUMBER})?\s*(?P<unit>{_UNIT})\b", _span),
        (_IN_TIME, _ahead),
        (r"\b(?:" + "|".join(sorted(_FIXED, key=len, reverse=True)) + r")\b", _fixed),
        (r"\blast year\b|\bel ano pasado\b", _last_year),
        (r"\b(\d{4})-(\d{2})-(\d{2})\b", _iso),
        (r"\b(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})\b", _slashed),
        (_MONTH_NAMED, _month),
        (r"(?<![\d/.-])\b((?:19|20)\d\d)\b(?![/.-]\d)", _year),
    )
)
