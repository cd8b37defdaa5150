"""A text as clauses, and how far each refusal in it reaches."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date

from agents.scheduling.clock import GymClock
from agents.scheduling.preferences.dates import as_iso
from agents.scheduling.preferences.times import (
    DAYS,
    ISO,
    PART_NAMES,
    PART_WORDS,
    POSITIVE,
    read_clause,
    understood,
)
from agents.scheduling.preferences.wish import DAY, PARTS, WEEKEND, Preference

_LONGEST_CLAUSE, _MOST_CLAUSES = 200, 60

_CLOCK = r"[0-9]{1,2}(?:[:.h][0-9]{2})?(?: ?(?:am|pm|h|uhr|o'clock)\b)?"
_SHORT_DAYS = "mon|tues?|weds?|thu|thurs?|fri|sat|sun"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NO_DATE = r"(?<![0-9]-)"
_OR_LATER = r"(?:(?:or|and) (?:later\b|after\b(?! *[0-9]))|onwards?\b|\+)"
_OR_EARLIER = r"(?:or|and) (?:earlier\b|before\b(?! *[0-9]))"
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
        (rf"\b(?:from )?({_DATE}) ?{_OR_LATER}", r"from \1"),
        (rf"\b({_DATE}) {_OR_EARLIER}", r"until \1"),
        (rf"{_NO_DATE}\b(?:from |after )?({_CLOCK}) ?{_OR_LATER}", r"after \1"),
        (rf"{_NO_DATE}\b({_CLOCK}) {_OR_EARLIER}", r"before \1"),
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
        return not POSITIVE.isdisjoint(re.findall("[a-z]+", self.text)) and not self.refuses

    @property
    def polite(self) -> bool:
        """Whether it is "please" and the like, which asks for nothing."""
        words = re.findall(r"[^\W_]+", self.text)
        return bool(words) and _POLITE.issuperset(words)

    @property
    def kinds(self) -> frozenset[str]:
        """What it names: days, parts of the day, times."""
        found = (("day", DAYS), ("part", PART_NAMES), ("time", re.compile("[0-9]")))
        return frozenset(name for name, pattern in found if pattern.search(self.text))


def _cut(text: str, today: date) -> list[_Clause]:
    """The clauses of a text in its plain form."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    plain = plain.replace("\u2019", "'").replace("\u2013", "-").replace("\u2014", "-")
    plain = as_iso(plain, today)
    for pattern, instead in _REWRITTEN:
        plain = pattern.sub(instead, plain)
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
    plain = ISO.sub(" ", plain)
    spans = [PARTS[PART_WORDS[name]] for name in PART_NAMES.findall(plain)]
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


def clauses_of(text: str, clock: GymClock, today: date) -> list[Preference | None]:
    """What each clause says. A clause of weekdays alone shares the time of the one after it."""
    clauses = _cut(text, today)
    found: list[Preference | None] = []
    listed: list[bool] = []
    for place, clause in enumerate(clauses):
        refused = _refused(clauses, place)
        if refused is None or (refused and _EITHER_HALF.search(clause.text)):
            found.append(None)
        elif refused:
            wish = read_clause(clause.text, clock)
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
        elif listed[place + 1] and not (after.avoid or after.dates) and this.weekdays != WEEKEND:
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
        wish = read_clause(text, clock)
        return [wish if wish is not None and understood(text) else None]
    if len(refusals) > 1:
        return [None]
    before, after = text[: refusals[0].start()], text[refusals[0].end() :]
    refused = _avoided(after, clock)
    liked = read_clause(before, clock)
    if refused is None:  # "Mondays, no"
        return [_avoided(before, clock)]
    if liked is None:
        return [refused]
    return [liked if understood(before) else None, refused]


def _avoided(text: str, clock: GymClock) -> Preference | None:
    wish = read_clause(text, clock)
    return None if wish is None or wish == Preference() else replace(wish, avoid=True)
