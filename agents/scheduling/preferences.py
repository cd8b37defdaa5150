"""What people type as their preferred times, as structure: "Mon 18:00", "weekday evenings", ISO.

A text is cut into clauses at commas, semicolons, line breaks, "or" and their like; of each clause
weekdays, parts of the day, times and dates are read, in English and in the Spanish words of the
same meaning. What is not understood never becomes a wish: a clause with any word that is not known
here is counted as unread, and so is one that may mean both.

A refusal reaches as far as people mean it to. "not", "no", "except" turn what follows into times
to avoid, "don't work", "impossible", "busy" the whole clause, and both go on through a list ("not
Mon or Tue") until something positive is said. A list that could also be a new wish ("no Sundays,
evenings") is counted as unread, and so is a refusal of which nobody knows whether it is about the
morning or the evening ("not after 8"). The text itself is never kept: what an answer says about a
wish is written from the structure.
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
_LONGEST_CLAUSE, _MOST_CLAUSES, _ENOUGH_WISHES = 200, 60, 60

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
    "lunchtime": (11 * 60 + 30, 13 * 60 + 30),
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
_CLOCK = r"[0-9]{1,2}(?:[:.h][0-9]{2})?(?: ?(?:am|pm|h|uhr|o'clock)\b)?"
_SHORT_DAYS = "mon|tues?|weds?|thu|thurs?|fri|sat|sun"
_OR_LATER = r"(?:(?:or|and) (?:later\b|after\b(?! *[0-9]))|onwards?\b|\+)"
_NO_BOUND = "".join(
    rf"(?<!{word})"
    for word in (
        "after ",
        "before ",
        "from ",
        "until ",
        "till ",
        "past ",
        "to ",
        "and ",
        "-",
        "- ",
    )
)
_HALF_OF_DAY = "(?:early |late )?(?:morning|evening|night)"
# Said another way, so that one word for it has to be known below.
_REWRITTEN = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\b(any ?time|any ?thing|any(?: \w+)?|all(?: \w+)?|every ?\w*) +but\b", r"\1 except"),
        (r"\b(?:other than|apart from|aside from|but not|outside(?: of)?)\b", "except"),
        (r"\b(?:no|not|never) (?:later than|after)\b|\blatest\b", "not after"),
        (
            r"\b(?:no|not|never) (?:earlier than|sooner than|before|until|till)\b|\bearliest\b",
            "not before",
        ),
        (rf"\b(?:from |after )?({_CLOCK}) ?{_OR_LATER}", r"after \1"),
        (rf"\b({_CLOCK}) (?:or|and) (?:earlier\b|before\b(?! *[0-9]))", r"before \1"),
        (rf"{_NO_BOUND}\b([0-9]{{1,2}}) (?:in the|at) (?={_HALF_OF_DAY})", r"at \1 "),
        (rf"\b({_SHORT_DAYS})\.", r"\1"),
        # Behind a date the end of a span looks like an offset from UTC.
        (r"(?<=-[0-9]{2}) (?=[0-9]{1,2}(?::[0-9]{2})? ?- ?[0-9])", " from "),
        (rf"\b({_SHORT_DAYS}|[a-z]+days?) am\b(?= *(?:$|[,;/]|or\b|and\b))", r"\1 morning"),
        (rf"\b({_SHORT_DAYS}|[a-z]+days?) pm\b", r"\1 after 12:00"),
        (r"\b(?:neither|nor|ni)\b", ", not"),
        (r"\b(?:and|y) (?=(?:not|no|never|except)\b)", ", "),
    )
)
# Ends a thought: a refusal does not reach beyond it.
_THOUGHT = re.compile(r"[;!\n\r]|(?<![ap]\.m)\.\s|\bbut\b|\bpero\b")
_SPLIT = re.compile(r"([,/]|\bor\b|\bo\b(?= ))")
_NOT = re.compile(
    r"\b(?:not|no|never|except|excluding|avoid|without|cannot|can't|cant|don't|dont|doesn't"
    r"|doesnt|won't|wont|isn't|isnt|aren't|arent|excepto|nunca|menos|salvo)\b"
)
_WELL = (
    r"(?:works?|suits?|fits?|good|great|ok|okay|fine|possible|free|available|ideal|best|convenient"
    r"|an option)"
)
# Refuses the whole clause, wherever in it the times stand.
_IMPOSSIBLE = re.compile(
    r"\b(?:(?:do|does|will|is|are|am) (?:not|never)|don'?t|doesn'?t|won'?t|isn'?t|aren'?t|cannot"
    rf"|can'?t|not|no|never) (?:really |ever |usually )?{_WELL}\b"
    r"|\b(?:impossible|unavailable|busy|booked|blocked|occupied|difficult|bad|terrible|awful|hate"
    r"|dislike|inconvenient|imposibles?|ocupad[oa]s?)\b|\b(?:is|are) out\b"
)
# Reads like a refusal or a wish and may be the other.
_UNCLEAR = re.compile(
    r"\bi (?:do not|don'?t|never) work\b|\b(?:i|we|at|have|to) work\b|\b(?:not|no) (?:only|just"
    r"|problem|matter)\b|\bmind\b|\b(?:if(?! possible| available)|unless|whether|why|maybe not)\b"
    r"|\?|\b(?:times|x) (?:a|per|each) (?:week|month)\b"
)
# An hour that may be of the morning or of the evening, and what else of a text tells which.
_EITHER_HALF = re.compile(
    r"\bafter ([7-9]|1[01])\b(?![:.h]|[0-9]| ?(?:am|pm|a\.m|p\.m|uhr|o'clock))"
)
_LATE = re.compile(
    r"\bp\.?m\b|[0-9]pm\b|\b(?:1[3-9]|2[0-3])\b|\b(?:after|from|since|past) [1-6]\b(?![:.h])"
)
_POLITE = frozenset(("please", "pls", "thanks", "thank", "you"))
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
_POSITIVE = frozenset(_POSITIVE_WORDS.split())
_FILLERS = _POSITIVE | frozenset(_FILLER_WORDS.split())
_ISO = re.compile(
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
_DAYS = re.compile(r"\b(" + "|".join(sorted(_DAY_WORDS, key=len, reverse=True)) + r")\b")
_PARTS = re.compile(r"\b(" + "|".join(sorted(_PART_WORDS, key=len, reverse=True)) + r")\b")


@dataclass(frozen=True, slots=True)
class Preference:
    """Times that a client likes or, with `avoid`, does not.

    weekdays: ISO, None for any. minutes: [first, end) of a start, after midnight, None for any;
    whole: the session is to lie in them, and a start alone fits half. at: the wished start,
    minutes after midnight; one within half an hour fits half. dates: first and last, `date.min`
    and `date.max` where a side is open, None for any.
    """

    weekdays: frozenset[int] | None = None
    minutes: tuple[int, int] | None = None
    at: int | None = None
    dates: tuple[date, date] | None = None
    avoid: bool = False
    whole: bool = False

    def fits(self, start: datetime, length: int = 0) -> float:
        """How well a session fits, 0 to 1. start: wall time; length: in minutes."""
        if self.dates is not None and not self.dates[0] <= start.date() <= self.dates[1]:
            return 0.0
        if self.weekdays is not None and start.isoweekday() not in self.weekdays:
            return 0.0
        minute = start.hour * 60 + start.minute
        if self.at is not None:
            away = abs(minute - self.at)
            return 1.0 if away == 0 else (0.5 if away <= CLOSE_MINUTES else 0.0)
        if self.minutes is None:
            return 1.0
        first, end = self.minutes
        if self.whole and self.avoid:
            return 1.0 if minute < end and minute + length > first else 0.0
        if not first <= minute < end:
            return 0.0
        return 0.5 if self.whole and minute + length > end else 1.0

    def label(self) -> str:
        """The wish in our own words, e.g. ``Mon 18:00``; for reasons and sentences."""
        when = self._hours()
        several = "" if when in PARTS else "s"  # "weekday evening", "weekdays from 18:00"
        days = ""
        if self.weekdays == _WORKDAYS:
            days = f"weekday{several}"
        elif self.weekdays == _WEEKEND:
            days = f"weekend{several}"
        elif self.weekdays is not None:
            days = " ".join(WEEKDAY_NAMES[day - 1] for day in sorted(self.weekdays))
        if self.dates is not None:
            days = f"{days} {_dates_text(*self.dates)}".strip()
        return f"{days} {when}".strip() or "any time"

    def _hours(self) -> str:
        """``18:00``, ``evening``, ``from 18:00``, ``before 09:00``, ``18:00-20:00`` or nothing."""
        if self.at is not None:
            return _clock_text(self.at)
        if self.minutes is None:
            return ""
        if part := {span: part for part, span in PARTS.items()}.get(self.minutes):
            return part
        first, end = map(_clock_text, self.minutes)
        if self.minutes[1] == DAY:
            return f"from {first}"
        return f"{first}-{end}" if self.minutes[0] else f"before {end}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """All preferences of a request. unread: clauses not understood; past: ones gone by."""

    likes: tuple[Preference, ...] = ()
    dislikes: tuple[Preference, ...] = ()
    unread: int = 0
    past: int = 0

    def strength(self, start: datetime, length: int = 0) -> float:
        """1 for a wish met, .5 for one nearly met, 0 for none, -1 for a time to avoid.

        start: wall time; length: of the session, in minutes.
        """
        if self.refused(start, length) is not None:
            return -1.0
        return max((wish.fits(start, length) for wish in self.likes), default=0.0)

    def met(self, start: datetime, length: int = 0) -> Preference | None:
        """The best-fitting wish, None without one."""
        best = max(self.likes, key=lambda wish: wish.fits(start, length), default=None)
        return best if best is not None and best.fits(start, length) > 0 else None

    def refused(self, start: datetime, length: int = 0) -> Preference | None:
        """What a time to avoid is avoided for, None if it is none."""
        return next((wish for wish in self.dislikes if wish.fits(start, length) == 1.0), None)

    def exact(self) -> tuple[Preference, ...]:
        """Wishes for a time to the minute: worth trying even off the usual grid of starts."""
        return tuple(wish for wish in self.likes if wish.at is not None)


def read(texts: Iterable[str], clock: GymClock, now: datetime) -> Wishes:
    """Preferences from texts. now: wall time; wishes for dates before it are only counted, and so
    are texts behind the first sixty wishes."""
    likes: list[Preference] = []
    dislikes: list[Preference] = []
    unread = past = 0
    for text in texts:
        if len(likes) + len(dislikes) >= _ENOUGH_WISHES:
            unread += 1
            continue
        for found in _clauses(text, clock, now.date()):
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
    if wish.dates is None:
        return False
    end = wish.at if wish.at is not None else DAY - 1
    return datetime.combine(wish.dates[1], time()) + timedelta(minutes=end) < now


@dataclass(frozen=True, slots=True)
class _Clause:
    """Words between two cuts. joined: the cut before it, "" where a thought begins."""

    text: str
    joined: str

    @property
    def refuses(self) -> bool:
        return bool(_IMPOSSIBLE.search(self.text) or _NOT.search(self.text))

    @property
    def approves(self) -> bool:
        return not _POSITIVE.isdisjoint(re.findall("[a-z]+", self.text)) and not self.refuses

    @property
    def polite(self) -> bool:
        """Whether it is "please" and the like, which asks for nothing."""
        words = re.findall(r"[^\W_]+", self.text)
        return bool(words) and _POLITE.issuperset(words)

    @property
    def kinds(self) -> frozenset[str]:
        """What it names: days, parts of the day, times."""
        found = (("day", _DAYS), ("part", _PARTS), ("time", re.compile("[0-9]")))
        return frozenset(name for name, pattern in found if pattern.search(self.text))


def _cut(text: str, today: date) -> list[_Clause]:
    """The clauses of a text in its plain form."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    plain = plain.replace("\u2019", "'").replace("\u2013", "-").replace("\u2014", "-")
    for pattern, instead in _REWRITTEN:
        plain = pattern.sub(instead, plain)
    plain = re.sub(r"\btonight\b", "today night", plain)
    plain = re.sub(r"\btoday\b", today.isoformat(), plain)
    plain = re.sub(r"\btomorrow\b", (today + timedelta(days=1)).isoformat(), plain)
    if half := _half_spoken_of(plain):
        plain = _EITHER_HALF.sub(rf"after \1 {half}", plain)
    found: list[_Clause] = []
    for thought in _THOUGHT.split(plain):
        joined = ""
        for number, piece in enumerate(_SPLIT.split(thought)):
            if number % 2:
                joined = piece
                continue
            for part in _said_apart(piece):
                if words := part.strip():
                    found.append(_Clause(words[:_LONGEST_CLAUSE], joined))
                    joined = joined or ","
    return found[:_MOST_CLAUSES]


def _half_spoken_of(plain: str) -> str | None:
    """am or pm where a whole text speaks of mornings alone or of the time after noon alone."""
    plain = _ISO.sub(" ", plain)
    spans = [PARTS[_PART_WORDS[name]] for name in _PARTS.findall(plain)]
    late = bool(_LATE.search(plain)) or any(first >= DAY // 2 for first, _ in spans)
    early = any(end <= DAY // 2 for _, end in spans)
    return None if late == early else ("pm" if late else "am")


def _said_apart(piece: str) -> list[str]:
    """ "Mondays don't work and Tuesdays are great" says two things, "Mon and Tue" one."""
    left, found, right = piece.partition(" and ")
    halves = (_Clause(left, ""), _Clause(right, ""))
    if found and all(half.kinds and (half.refuses or half.approves) for half in halves):
        return [left, right]
    return [piece]


def _clauses(text: str, clock: GymClock, today: date) -> list[Preference | None]:
    """What each clause says. A clause of weekdays alone shares the time of the one after it."""
    clauses = _cut(text, today)
    found: list[Preference | None] = []
    listed: list[bool] = []
    for place, clause in enumerate(clauses):
        refused = _refused(clauses, place)
        if refused is None or (refused and _EITHER_HALF.search(clause.text)):
            found.append(None)
        elif refused:
            wish = _read(clause.text, clock)
            found.append(None if wish is None else replace(wish, avoid=True))
        elif not clause.polite:
            found.extend(_of_its_days(_clause(clause.text, clock), clause))
        listed += [clause.joined == ","] * (len(found) - len(listed))
    for place in range(len(found) - 2, -1, -1):
        this, after = found[place], found[place + 1]
        if this is None or after is None or this.avoid != after.avoid:
            continue
        days_only = this.weekdays and this.dates is None and this.at is None and not this.minutes
        if not days_only or (after.at is None and after.minutes is None):
            continue
        if after.weekdays:
            found[place] = replace(this, at=after.at, minutes=after.minutes, whole=after.whole)
        # "Mondays, evenings" means Monday evenings; "weekends, evenings" may be two wishes.
        elif listed[place + 1] and not (after.avoid or after.dates) and this.weekdays != _WEEKEND:
            found[place : place + 2] = [replace(after, weekdays=this.weekdays)]
    return found


def _of_its_days(said: list[Preference | None], clause: _Clause) -> list[Preference | None]:
    """ "Weekends not before 10" refuses hours of weekends; "Sat/Sun not before 10", a list, may
    speak of more days than its own clause does."""
    if len(said) < 2 or clause.joined not in ("", ","):
        return said
    liked, refused = said
    if liked and refused and refused.weekdays is None and refused.dates is None:
        return [liked, replace(refused, weekdays=liked.weekdays)]
    return said


def _refused(clauses: list[_Clause], place: int) -> bool | None:
    """Whether a refusal in a neighbour reaches a clause that says nothing of the kind itself;
    None where it may be meant either way."""
    clause = clauses[place]
    if clause.refuses or clause.approves:
        return False
    listed = True
    for before in range(place, 0, -1):
        if not clauses[before].joined or clauses[before - 1].approves:
            break
        listed = listed and _one_list(clauses, before)
        if clauses[before - 1].refuses:
            return True if listed else None
    for after in range(place + 1, len(clauses)):
        if not clauses[after].joined or clauses[after].approves:
            break
        if clauses[after].refuses and not clauses[after].kinds:  # "Tuesdays, no"
            return None
        if not _one_list(clauses, after):
            break
        if _IMPOSSIBLE.search(clauses[after].text):
            return True
    return False


def _one_list(clauses: list[_Clause], place: int) -> bool:
    """Whether a clause and the one before it are members of one list: both days, or "or"."""
    joins = (clauses[place].joined, clauses[place + 1].joined if place + 1 < len(clauses) else "")
    same = clauses[place].kinds == clauses[place - 1].kinds
    return same or joins[0] != "," or joins[1] not in ("", ",")


def _clause(text: str, clock: GymClock) -> list[Preference | None]:
    refuses = _IMPOSSIBLE.search(text) or _NOT.search(text)
    if _UNCLEAR.search(text) or (refuses and _EITHER_HALF.search(text)):
        return [None]
    if _IMPOSSIBLE.search(text):
        rest = _IMPOSSIBLE.sub(" ", text)
        return [None if _NOT.search(rest) else _avoided(rest, clock)]
    refusals = list(_NOT.finditer(text))
    if not refusals:
        wish = _read(text, clock)
        return [wish if wish is not None and _understood(text) else None]
    if len(refusals) > 1:
        return [None]
    before, after = text[: refusals[0].start()], text[refusals[0].end() :]
    refused = _avoided(after, clock)
    liked = _read(before, clock)
    if refused is None:  # "Mondays, no"
        return [_avoided(before, clock)]
    if liked is None:
        return [refused]
    return [liked if _understood(before) else None, refused]


def _avoided(text: str, clock: GymClock) -> Preference | None:
    wish = _read(text, clock)
    return None if wish is None or wish == Preference() else replace(wish, avoid=True)


def _understood(text: str) -> bool:
    """Whether nothing but times and words that change nothing stands in a clause."""
    rest = _ISO.sub(" ", text)
    rest = re.sub(_ANY_WORDS, " ", rest)
    rest = _PARTS.sub(" ", _DAYS.sub(" ", rest))
    part = _PARTS.search(text)
    named_day = bool(_DAYS.search(text))
    told = _times(_ISO.sub(" ", text), _PART_WORDS[part[1]] if part else None, named_day)
    if re.search("[0-9]", told.rest):  # "Tue 18": an hour, or the 18th?
        return False
    rest = re.sub(rf"@|{_T}", " ", rest)
    return _FILLERS.issuperset(re.findall(r"[a-z']+", rest))


def _read(text: str, clock: GymClock) -> Preference | None:
    """One clause without a negation; None if it says nothing."""
    iso = list(_ISO.finditer(text))
    if iso:
        try:
            return _dated(iso, text, clock)
        except (ValueError, OverflowError):
            return None
    part = _PARTS.search(text)
    name = _PART_WORDS[part[1]] if part else None
    weekdays = _weekdays(text)
    told = _times(text, name, bool(weekdays))
    if weekdays is None and part and part[1].endswith(" work"):
        weekdays = _WORKDAYS
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
    rest = _read(_ISO.sub(" ", text), clock) or Preference()
    weekdays = None if first == last else rest.weekdays
    wrong_day = first == last and rest.weekdays and first.isoweekday() not in rest.weekdays
    if wrong_day or last < first:
        return None
    return Preference(weekdays, rest.minutes, rest.at, (first, last), whole=rest.whole)


def _dates_text(first: date, last: date) -> str:
    if last == date.max:
        return f"from {first.isoformat()}"
    if first == date.min:
        return f"until {last.isoformat()}"
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"


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


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def warnings(wishes: Wishes) -> tuple[str, ...]:
    """What could not be used, without repeating any of it."""
    said: list[str] = []
    if wishes.unread:
        said.append(
            f"preference_unread: {wishes.unread} of preferred_times not understood; weekdays, "
            "parts of the day, times such as 18:00 and dates such as 2026-03-01 are, in English "
            "or Spanish"
        )
    if wishes.past:
        said.append(f"preference_past: {wishes.past} of preferred_times lie in the past")
    return tuple(said)
