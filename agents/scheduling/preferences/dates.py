"""Dates as people write them, rewritten as ISO dates: "24 Nov", "Dec 1st", "in January", today."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

_MONTHS = {
    form: number
    for number, forms in enumerate(
        (
            "jan january enero",
            "feb february febrero",
            "mar march marzo",
            "apr april abril",
            "may mayo",
            "jun june junio",
            "jul july julio",
            "aug august agosto",
            "sep sept september septiembre",
            "oct october octubre",
            "nov november noviembre",
            "dec december diciembre",
        ),
        1,
    )
    for form in forms.split()
}
# "7 may be better" names no month.
_MONTH = (
    "(?P<month>"
    + "|".join(sorted(_MONTHS, key=len, reverse=True))
    + r")\b(?! (?:be|work|suit|fit|do|also|not)\b)\.?"
)
_TO = r" ?(?:-|\bto|\buntil|\btill|\bthrough) ?"
# Not the hours of a day that is named: "nov 24 - 18:00", "24 6pm".
_ORDINAL = r"(?:st|nd|rd|th)?\b(?![:.h][0-9]| ?(?:am|pm|a\.m|p\.m|h|uhr|o'clock)\b)"
_YEAR = r"(?:,? (?P<year>20[0-9]{2})\b)?"
# "24 Nov, 6 pm" is one wish.
_ITS_HOUR = r"(?:, ?(?=(?:at )?[0-9]{1,2}(?:[:.h][0-9]{2}| ?[ap]\.?m)))?"
_DAY_FIRST = re.compile(
    rf"(?<![-0-9:.])(?:the )?(?:(?P<first>[0-9]{{1,2}}){_ORDINAL}{_TO}(?:the )?)?"
    rf"(?P<last>[0-9]{{1,2}}){_ORDINAL} ?(?:of |de )?{_MONTH}{_YEAR}(?P<hour>{_ITS_HOUR})"
)
_MONTH_FIRST = re.compile(
    rf"\b{_MONTH} ?(?:the )?(?P<first>[0-9]{{1,2}}){_ORDINAL}"
    rf"(?:{_TO}(?:the )?(?P<last>[0-9]{{1,2}}){_ORDINAL}(?![-:]))?{_YEAR}(?P<hour>{_ITS_HOUR})"
)
_WHOLE_MONTH = re.compile(rf"\b(?:in|during|all|en) {_MONTH}(?! ?[0-9]{{1,2}}\b){_YEAR}")


def as_iso(text: str, today: date) -> str:
    """A text in small letters with its dates as ISO. A year that nobody names is the one that
    brings the date nearest to today."""
    text = re.sub(r"\btonight\b", "today night", text)
    text = re.sub(r"\btoday\b", today.isoformat(), text)
    text = re.sub(r"\btomorrow\b", (today + timedelta(days=1)).isoformat(), text)
    for pattern in (_DAY_FIRST, _MONTH_FIRST):
        text = pattern.sub(lambda match: _days(match, today), text)
    return _WHOLE_MONTH.sub(lambda match: _month(match, today), text)


def _days(match: re.Match[str], today: date) -> str:
    month = _MONTHS[match["month"]]
    days = [int(day) for day in (match["first"], match["last"]) if day]
    found = [_nearest(month, day, match["year"], today) for day in days]
    if not all(found):
        return match[0]
    return " to ".join(day.isoformat() for day in found if day) + (" " if match["hour"] else "")


def _month(match: re.Match[str], today: date) -> str:
    first = _nearest(_MONTHS[match["month"]], 1, match["year"], today)
    if first is None:
        return match[0]
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return f"{first.isoformat()} to {last.isoformat()}"


def _nearest(month: int, day: int, year: str | None, today: date) -> date | None:
    years = [int(year)] if year else range(today.year - 1, today.year + 2)
    found: list[date] = []
    for one in years:
        try:
            found.append(date(one, month, day))
        except ValueError:  # 30 February, or 29 in most years
            continue
    return min(found, key=lambda then: abs((then - today).days), default=None)
