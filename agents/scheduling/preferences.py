"""What people type as their preferred times, as structure: "Mon 18:00", "weekday evenings", ISO.

A text is cut into clauses at commas, semicolons, line breaks and "or"; of each clause the known
words are read (weekdays, parts of the day, times, dates; English, and the Spanish words of the
same meaning) and everything else in it means nothing. A clause without any known word is counted
as unread. "not", "no", "except" and their like turn the rest of a clause into times to avoid. The
text itself is never kept: what an answer says about a wish is written from the structure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from agents.scheduling.clock import GymClock

DAY = 24 * 60
CLOSE_MINUTES = 30
_LONGEST_CLAUSE, _MOST_CLAUSES = 200, 60

WEEKDAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WORKDAYS, _WEEKEND = frozenset(range(1, 6)), frozenset((6, 7))

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
    "weekday": _WORKDAYS,
    "weekdays": _WORKDAYS,
    "workday": _WORKDAYS,
    "workdays": _WORKDAYS,
    "weekend": _WEEKEND,
    "weekends": _WEEKEND,
}

PARTS: dict[str, tuple[int, int]] = {
    "early morning": (5 * 60, 9 * 60),
    "late morning": (9 * 60, 12 * 60),
    "morning": (5 * 60, 12 * 60),
    "midday": (11 * 60, 14 * 60),
    "early afternoon": (12 * 60, 15 * 60),
    "late afternoon": (15 * 60, 18 * 60),
    "afternoon": (12 * 60, 17 * 60),
    "early evening": (16 * 60, 19 * 60),
    "evening": (17 * 60, 22 * 60),
    "night": (19 * 60, DAY),
}
_PART_WORDS = {
    "before work": "early morning",
    "after work": "evening",
    "early mornings": "early morning",
    "late mornings": "late morning",
    "mornings": "morning",
    "noon": "midday",
    "lunch": "midday",
    "lunchtime": "midday",
    "mediodia": "midday",
    "afternoons": "afternoon",
    "late afternoons": "late afternoon",
    "evenings": "evening",
    "early evenings": "early evening",
    "tonight": "night",
    "nights": "night",
    "manana": "morning",
    "mananas": "morning",
    "tarde": "afternoon",
    "tardes": "afternoon",
    "noche": "evening",
    "noches": "evening",
    **{part: part for part in PARTS},
}

_ANY_WORDS = r"\b(?:any ?time|any day|every ?day|daily|flexible|always)\b"
_SPLIT = re.compile(r"[,;\n\r/]|\bor\b|\bo\b(?= )")
_NOT = re.compile(
    r"\b(?:not|no|never|except|excluding|avoid|but not|without|cannot|can't|cant|don't|dont"
    r"|excepto|nunca|menos)\b"
)
_ISO = re.compile(
    r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[t ]([0-9]{2}:[0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?"
    r"(z|[+-][0-9]{2}:?[0-9]{2})?)?\b"
)
_DAY_RANGE = re.compile(r"\b([a-z]{3,9})\s*(?:-|to|through|until)\s*([a-z]{3,9})\b")
_T = r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?\s*(am|pm|a\.m\.|p\.m\.|h\b|uhr)?"
_RANGE = re.compile(rf"\b(?:between |from )?{_T}\s*(?:-|to|until|and|till)\s*{_T}(?![0-9])")
_BOUND = re.compile(rf"\b(after|from|since|past|before|until|till|by)\s+{_T}(?![0-9])")
_AT = re.compile(rf"(?:\b(at|around|about)\s+|@\s*)?\b{_T}(?![0-9])")
_DAYS = re.compile(r"\b(" + "|".join(sorted(_DAY_WORDS, key=len, reverse=True)) + r")\b")
_PARTS = re.compile(r"\b(" + "|".join(sorted(_PART_WORDS, key=len, reverse=True)) + r")\b")


@dataclass(frozen=True, slots=True)
class Preference:
    """Times that a client likes or, with `avoid`, does not.

    weekdays: ISO, None for any. minutes: [first, end) of a start, after midnight, None for any.
    at: the wished start, minutes after midnight; one within half an hour fits half. on: one date.
    """

    weekdays: frozenset[int] | None = None
    minutes: tuple[int, int] | None = None
    at: int | None = None
    on: date | None = None
    avoid: bool = False

    def fits(self, start: datetime) -> float:
        """How well a wall time fits, 0 to 1."""
        if self.on is not None and start.date() != self.on:
            return 0.0
        if self.weekdays is not None and start.isoweekday() not in self.weekdays:
            return 0.0
        minute = start.hour * 60 + start.minute
        if self.at is not None:
            away = abs(minute - self.at)
            return 1.0 if away == 0 else (0.5 if away <= CLOSE_MINUTES else 0.0)
        if self.minutes is not None and not self.minutes[0] <= minute < self.minutes[1]:
            return 0.0
        return 1.0

    def label(self) -> str:
        """The wish in our own words, e.g. ``Mon 18:00``; for reasons and sentences."""
        days = ""
        if self.on is not None:
            days = self.on.isoformat()
        elif self.weekdays == _WORKDAYS:
            days = "weekdays"
        elif self.weekdays == _WEEKEND:
            days = "weekends"
        elif self.weekdays is not None:
            days = " ".join(WEEKDAY_NAMES[day - 1] for day in sorted(self.weekdays))
        if self.at is not None:
            when = _clock_text(self.at)
        elif self.minutes is not None:
            names = {span: part for part, span in PARTS.items()}
            when = names.get(
                self.minutes, f"{_clock_text(self.minutes[0])}-{_clock_text(self.minutes[1])}"
            )
        else:
            when = ""
        return f"{days} {when}".strip() or "any time"


@dataclass(frozen=True, slots=True)
class Wishes:
    """All preferences of a request. unread: clauses without a known word; past: ones gone by."""

    likes: tuple[Preference, ...] = ()
    dislikes: tuple[Preference, ...] = ()
    unread: int = 0
    past: int = 0

    def strength(self, start: datetime) -> float:
        """1 for a wish met, .5 for one nearly met, 0 for none, -1 for a time to avoid."""
        if any(wish.fits(start) == 1.0 for wish in self.dislikes):
            return -1.0
        return max((wish.fits(start) for wish in self.likes), default=0.0)

    def met(self, start: datetime) -> Preference | None:
        """The best-fitting wish, None without one."""
        best = max(self.likes, key=lambda wish: wish.fits(start), default=None)
        return best if best is not None and best.fits(start) > 0 else None

    def exact(self) -> tuple[Preference, ...]:
        """Wishes for a time to the minute: worth trying even off the usual grid of starts."""
        return tuple(wish for wish in self.likes if wish.at is not None)


def read(texts: Iterable[str], clock: GymClock, now: datetime) -> Wishes:
    """Preferences from texts. now: wall time; wishes for dates before it are only counted."""
    likes: list[Preference] = []
    dislikes: list[Preference] = []
    unread = past = 0
    for text in texts:
        for found in _clauses(text, clock):
            if found is None:
                unread += 1
            elif _gone(found, now):
                past += 1
            elif found.avoid:
                dislikes.append(found)
            elif found != Preference():  # "any time" wishes for nothing
                likes.append(found)
    return Wishes(tuple(dict.fromkeys(likes)), tuple(dict.fromkeys(dislikes)), unread, past)


def _gone(wish: Preference, now: datetime) -> bool:
    if wish.on is None:
        return False
    end = wish.at if wish.at is not None else DAY - 1
    return datetime.combine(wish.on, time()) + timedelta(minutes=end) < now


def _clauses(text: str, clock: GymClock) -> list[Preference | None]:
    """What each clause says. A clause of weekdays alone shares the time of the one after it."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    plain = plain.replace("\u2019", "'").replace("\u2013", "-")
    clauses = [part.strip() for part in _SPLIT.split(plain) if part.strip()][:_MOST_CLAUSES]
    found: list[Preference | None] = []
    for clause in clauses:
        found.extend(_clause(clause[:_LONGEST_CLAUSE], clock))
    for place in range(len(found) - 2, -1, -1):
        this, after = found[place], found[place + 1]
        if this is None or after is None or this.avoid or after.avoid:
            continue
        days_only = this.weekdays and this.on is None and this.at is None and not this.minutes
        if days_only and after.weekdays and (after.at is not None or after.minutes is not None):
            found[place] = replace(this, at=after.at, minutes=after.minutes)
    return found


def _clause(text: str, clock: GymClock) -> list[Preference | None]:
    negation = _NOT.search(text)
    if negation is None:
        return [_read(text, clock)]
    before, after = text[: negation.start()], text[negation.end() :]
    refused = _read(after, clock)
    parts: list[Preference | None] = []
    if before.strip() and (liked := _read(before, clock)) is not None:
        parts.append(liked)
    parts.append(None if refused is None else replace(refused, avoid=True))
    return parts


def _read(text: str, clock: GymClock) -> Preference | None:
    """One clause without a negation; None if it says nothing."""
    iso = _ISO.search(text)
    if iso is not None:
        return _dated(iso, text, clock)
    part = _PARTS.search(text)
    name = _PART_WORDS[part[1]] if part else None
    weekdays = _weekdays(text)
    at, minutes = _times(text, name, named_day=bool(weekdays))
    if at is None and minutes is None and name is not None:
        minutes = PARTS[name]
    if weekdays is None and at is None and minutes is None:
        return Preference() if re.search(_ANY_WORDS, text) else None
    return Preference(weekdays, minutes, at)


def _dated(iso: re.Match[str], text: str, clock: GymClock) -> Preference | None:
    try:
        day = date.fromisoformat(iso[1])
        if iso[2] is None:
            part = _PARTS.search(text)
            return Preference(on=day, minutes=PARTS[_PART_WORDS[part[1]]] if part else None)
        start = datetime.fromisoformat(f"{iso[1]}T{iso[2]}{(iso[3] or '').upper()}")
        wall = clock.wall(start)
    except (ValueError, OverflowError):
        return None
    return Preference(on=wall.date(), at=wall.hour * 60 + wall.minute)


def _weekdays(text: str) -> frozenset[int] | None:
    days: set[int] = set()
    for match in _DAY_RANGE.finditer(text):
        ends = [_DAY_WORDS.get(word) for word in match.groups()]
        if all(end is not None and len(end) == 1 for end in ends):
            first, last = (min(end) for end in ends if end is not None)
            span = (last - first) % 7
            days.update((first - 1 + step) % 7 + 1 for step in range(span + 1))
    for match in _DAYS.finditer(text):
        days |= _DAY_WORDS[match[1]]
    return frozenset(days) or None


def _times(
    text: str, part: str | None, *, named_day: bool
) -> tuple[int | None, tuple[int, int] | None]:
    """(wished start, span of starts) in minutes after midnight; either may be None."""
    if match := _RANGE.search(text):
        first_half, last_half = match[3], match[6]
        first = _minute(match[1], match[2], first_half or last_half, part)
        last = _minute(match[4], match[5], last_half, part)
        if first is not None and last is not None and first > last and not first_half:
            first = _minute(match[1], match[2], "am", None)
        if first is not None and last is not None and first < last:
            return None, (first, last)
    if match := _BOUND.search(text):
        minute = _minute(match[2], match[3], match[4], part)
        if minute is not None:
            earlier = match[1] in ("before", "until", "till", "by")
            span = (0, minute) if earlier else (minute, DAY)
            inside = PARTS[part] if part else (0, DAY)
            kept = (max(span[0], inside[0]), min(span[1], inside[1]))
            return None, (kept if kept[0] < kept[1] else span)
    for match in _AT.finditer(text):
        # A bare number is a time only beside "at", a half of the day, or minutes.
        told = (
            match[1] or match[3] or match[4] or text[match.start() : match.end()].startswith("@")
        )
        if told or (part and named_day):
            minute = _minute(match[2], match[3], match[4], part)
            if minute is not None:
                return minute, None
    return None, None


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


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def warnings(wishes: Wishes) -> tuple[str, ...]:
    """What could not be used, without repeating any of it."""
    said: list[str] = []
    if wishes.unread:
        said.append(
            f"preference_unread: {wishes.unread} of preferred_times name no weekday, part of the "
            "day, time or date"
        )
    if wishes.past:
        said.append(f"preference_past: {wishes.past} of preferred_times lie in the past")
    return tuple(said)
