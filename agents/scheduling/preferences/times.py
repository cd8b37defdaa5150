"""What one clause says of weekdays, parts of the day, times and dates, in English and Spanish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agents.scheduling.clock import GymClock
from agents.scheduling.preferences.wish import DAY, PARTS, WEEKEND, WORKDAYS, Preference

_DAY_WORDS: dict[str, frozenset[int]] = {
    **{
        form: frozenset((number,))
        for number, forms in enumerate(
            (
                "mon monday mondays lunes",
                "tue tues tuesday tuesdays martes",
                "wed weds wednesday wednesdays miercoles",
                "thu thur thurs thursday thursdays jueves",
                "fri friday fridays viernes",
                "sat saturday saturdays sabado sabados",
                "sun sunday sundays domingo domingos",
            ),
            1,
        )
        for form in forms.split()
    },
    "weekday": WORKDAYS,
    "weekdays": WORKDAYS,
    "workday": WORKDAYS,
    "workdays": WORKDAYS,
    "weekend": WEEKEND,
    "weekends": WEEKEND,
}

PART_WORDS = {
    "before work": "early morning",
    "after work": "evening",
    "early mornings": "early morning",
    "late mornings": "late morning",
    "mornings": "morning",
    "noon": "lunchtime",
    "lunch": "lunchtime",
    "mediodia": "midday",
    "afternoons": "afternoon",
    "late afternoons": "late afternoon",
    "evenings": "evening",
    "early evenings": "early evening",
    "nights": "night",
    "late evening": "night",
    "late evenings": "night",
    "manana": "morning",
    "mananas": "morning",
    "tarde": "afternoon",
    "tardes": "afternoon",
    "noche": "evening",
    "noches": "evening",
    **{part: part for part in PARTS},
}

_ANY_WORDS = r"\b(?:any ?time|any ?thing|any days?|every ?day|daily|flexible|always|all days)\b"

_POSITIVE_WORDS = """
    works work suits suit fits fit good great ok okay fine possible free available ideal best
    prefer preferred preferably prefers like likes love loves want wants only please perfect yes
    rather better instead convenient ideally happy prefiero mejor puedo bien
"""
_FILLER_WORDS = """
    a an and as at be during if next o'clock can could do for from i i'd i'll i'm id im in is are
    am it just me more my mostly most much of on once or session sessions slot slots start
    starting starts that the them then there these they this through time times to train training
    until up us usually very we week weekly with workout would you your around about between after
    before since past by till early late any every each all day days both often always generally
    normally really pls thank thanks el la las los por de en y entre las desde hasta
"""
POSITIVE = frozenset(_POSITIVE_WORDS.split())
_FILLERS = POSITIVE | frozenset(_FILLER_WORDS.split())
ISO = re.compile(
    r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[t ]([0-9]{2}:[0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?"
    r"(z|[+-][0-9]{2}:?[0-9]{2})?)?\b"
)
_DATE = r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
_DATES = re.compile(
    rf"{_DATE}\s*(?:-|to|until|till|through)\s*{_DATE}|\bbetween {_DATE} and {_DATE}"
)
_DATE_BOUND = re.compile(
    rf"\b(after|from|since|starting|before|until|till|by|through)(?: on)? {_DATE}"
)
_DAY_RANGE = re.compile(r"\b([a-z]{3,9})\s*(?:-|to|through|until)\s*([a-z]{3,9})\b")
_T = r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?\s*(am|pm|a\.m\.|p\.m\.|h\b|uhr|o'clock)?"
_RANGE = re.compile(rf"\b(?:between |from )?{_T}\s*(?:-|to|until|and|till|a)\s*{_T}(?![0-9])")
_BOUND = re.compile(rf"\b(after|from|since|past|before|until|till|by)\s+{_T}(?![0-9])")
_EARLIER = frozenset(("before", "until", "till", "by"))
_LAST_BARE_PM = 6
_AT = re.compile(rf"(?:\b(at|around|about)\s+|@\s*)?\b{_T}(?![0-9])")
DAYS = re.compile(r"\b(" + "|".join(sorted(_DAY_WORDS, key=len, reverse=True)) + r")\b")
PART_NAMES = re.compile(r"\b(" + "|".join(sorted(PART_WORDS, key=len, reverse=True)) + r")\b")


def read_clause(text: str, clock: GymClock) -> Preference | None:
    """One clause without a negation; None if it says nothing."""
    iso = list(ISO.finditer(text))
    if iso:
        try:
            return _dated(iso, text, clock)
        except (ValueError, OverflowError):
            return None
    part = PART_NAMES.search(text)
    name = PART_WORDS[part[1]] if part else None
    weekdays = _weekdays(text)
    told = _times(text, name, bool(weekdays))
    if weekdays is None and part and part[1].endswith(" work"):
        weekdays = WORKDAYS
    minutes = told.minutes
    if told.at is None and minutes is None and name is not None:
        minutes = PARTS[name]
    if weekdays is None and told.at is None and minutes is None:
        return Preference() if re.search(_ANY_WORDS, text) else None
    return Preference(weekdays, minutes, told.at, whole=told.whole)


def _dated(iso: list[re.Match[str]], text: str, clock: GymClock) -> Preference | None:
    """A clause with dates. Raises ValueError, OverflowError for a date that no calendar has."""
    bound = _DATE_BOUND.search(text)
    if any(match[2] for match in iso):
        if bound or len(iso) > 1:
            return None
        start = datetime.fromisoformat(f"{iso[0][1]}T{iso[0][2]}{(iso[0][3] or '').upper()}")
        wall = clock.wall(start)
        return Preference(at=wall.hour * 60 + wall.minute, dates=(wall.date(), wall.date()))
    if match := _DATES.search(text):
        first, last = (date.fromisoformat(day) for day in match.groups() if day)
    elif len(iso) > 1:
        return None
    else:
        first = last = date.fromisoformat(iso[0][1])
        if bound and bound[1] in ("before", "until", "till", "by", "through"):
            first, last = date.min, last - timedelta(days=bound[1] == "before")
        elif bound:
            first, last = first + timedelta(days=bound[1] == "after"), date.max
    rest = read_clause(ISO.sub(" ", text), clock) or Preference()
    weekdays = None if first == last else rest.weekdays
    wrong_day = first == last and rest.weekdays and first.isoweekday() not in rest.weekdays
    if wrong_day or last < first:
        return None
    return Preference(weekdays, rest.minutes, rest.at, (first, last), whole=rest.whole)


def understood(text: str) -> bool:
    """Whether nothing but times and words that change nothing stands in a clause."""
    rest = ISO.sub(" ", text)
    rest = re.sub(_ANY_WORDS, " ", rest)
    rest = PART_NAMES.sub(" ", DAYS.sub(" ", rest))
    part = PART_NAMES.search(text)
    named_day = bool(DAYS.search(text))
    told = _times(ISO.sub(" ", text), PART_WORDS[part[1]] if part else None, named_day)
    if re.search("[0-9]", told.rest):  # "Tue 18": an hour, or the 18th?
        return False
    rest = re.sub(rf"@|{_T}", " ", rest)
    return _FILLERS.issuperset(re.findall(r"[a-z']+", rest))


def _weekdays(text: str) -> frozenset[int] | None:
    days: set[int] = set()
    for match in _DAY_RANGE.finditer(text):
        ends = [_DAY_WORDS.get(word) for word in match.groups()]
        if all(end is not None and len(end) == 1 for end in ends):
            first, last = (min(end) for end in ends if end is not None)
            span = (last - first) % 7
            days.update((first - 1 + step) % 7 + 1 for step in range(span + 1))
    for match in DAYS.finditer(text):
        days |= _DAY_WORDS[match[1]]
    return frozenset(days) or None


@dataclass(frozen=True, slots=True)
class _Times:
    """Of a clause: a wished start, or a span of starts (`whole`: of sessions), both in minutes
    after midnight; rest: the text without them."""

    rest: str
    at: int | None = None
    minutes: tuple[int, int] | None = None
    whole: bool = False


def _times(text: str, part: str | None, named_day: bool) -> _Times:
    if match := _RANGE.search(text):
        first_half, last_half = match[3], match[6]
        if not last_half and not match[2] and not match[5]:
            first_half = last_half = _half(text, match[1], first_half, _LAST_BARE_PM)
        first = _minute(match[1], match[2], first_half or last_half, part)
        last = _minute(match[4], match[5], last_half, part)
        if first is not None and last is not None and first > last:
            if not first_half and last_half:  # "11-1pm"
                first = _minute(match[1], match[2], "am", None)
            elif not last_half and int(match[4]) <= _LAST_BARE_PM:  # "9-5"
                last = _minute(match[4], match[5], "pm", None)
        if first is not None and last is not None and first < last:
            return _Times(_without(text, match), minutes=(first, last), whole=True)
    if match := _BOUND.search(text):
        earlier = match[1] in _EARLIER
        half = _half(text, match[2], match[4], _LAST_BARE_PM - earlier)
        minute = _minute(match[2], match[3], half, part)
        if minute is not None:
            span = (0, minute) if earlier else (minute, DAY)
            inside = PARTS[part] if part else (0, DAY)
            kept = (max(span[0], inside[0]), min(span[1], inside[1]))
            kept = kept if kept[0] < kept[1] else span
            return _Times(_without(text, match), minutes=kept)
    for match in _AT.finditer(text):
        # A bare number is a time only beside "at", a half of the day, or minutes.
        told = match[1] or match[3] or match[4] or match[0].startswith("@")
        if told or (part and named_day):
            half = match[4]
            if not match[3]:
                half = _half(text, match[2], half, _LAST_BARE_PM)
            minute = _minute(match[2], match[3], half, part)
            if minute is not None:
                return _Times(_without(text, match), at=minute)
    return _Times(text)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _half(text: str, hour: str, half: str | None, last: int) -> str | None:
    """am or pm. "After 5" is the afternoon, up to `last`, where nobody speaks of the morning."""
    bare = half in (None, "o'clock") and not hour.startswith("0") and 1 <= int(hour) <= last
    morning = re.search(r"\bmornings?\b|[0-9 ]a\.?m\b|\bmananas?\b", text)
    return "pm" if bare and not morning else half


def _minute(hour: str, minute: str | None, half: str | None, part: str | None) -> int | None:
    hours, minutes = int(hour), int(minute or 0)
    half = (half or "").replace(".", "")
    if half in ("am", "pm"):
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half == "pm" else 0)
    elif hours < 12 and part is not None and PARTS[part][0] >= 12 * 60:
        hours += 12
    if minutes > 59 or hours > 24 or (hours == 24 and minutes):
        return None
    return hours * 60 + minutes
