"""An answer and its request, read once into plain records that the rules can measure.

Reading never fails: a missing or mistyped value becomes a neutral one, and the schema rule says
so. Where profile and request both state a wish, the stricter of the two is kept, so an answer
cannot widen what its caller allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise

from . import tables
from .grounded import Survey, survey

Json = Mapping[str, object]
# dict first: asking the abstract Mapping costs ten times as much.
MAPPINGS = (dict, Mapping)
LISTS = (list, tuple)
NUMBERS = (int, float)


def as_map(value: object) -> Json:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, MAPPINGS) else {}


def as_list(value: object) -> Sequence[object]:
    """`value` when it is a list, else an empty one (a text is no list)."""
    return value if isinstance(value, LISTS) else ()


def as_number(value: object, default: float = 0.0) -> float:
    """`value` when it is a finite number (booleans are none), else `default`."""
    if isinstance(value, bool) or not isinstance(value, NUMBERS) or not math.isfinite(value):
        return default
    return float(value)


def as_whole(value: object) -> int | None:
    """A whole number given as one or as digits, else None."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def as_text(value: object) -> str:
    """`value` when it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_words(value: object) -> frozenset[str]:
    """The texts of a list, as a set."""
    return frozenset(word for word in as_list(value) if isinstance(word, str))


def as_wishes(value: object) -> list[str]:
    """A list of texts, or one text cut at commas, semicolons, line ends and "and"."""
    parts = re.split(r"[,;\n]|\band\b", value) if isinstance(value, str) else as_list(value)
    return [part.strip() for part in parts if isinstance(part, str) and part.strip()]


def as_day(value: object) -> date | None:
    """The calendar day at the head of an ISO text, else None."""
    try:
        return date.fromisoformat(as_text(value)[:10])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Fact:
    """The tags of one exercise; degrees 0-2, joint stress 0-3, times in seconds."""

    key: str
    name: str
    pattern: str
    primary: frozenset[str]
    secondary: frozenset[str]
    gear: frozenset[str]
    level: int
    compound: bool
    sides: int
    impact: int
    axial: int
    valsalva: int
    fall_risk: int
    stress: Json
    tags: frozenset[str]
    rep_seconds: float
    setup_seconds: float
    raw: Json


@dataclass(frozen=True, slots=True)
class Entry:
    """One prescribed exercise; `hold` is the seconds of a timed set, None when counted."""

    where: str
    key: str
    name: str
    order: int | None
    block: str
    sets: int
    reps: int
    hold: float | None
    rest: float
    ramp_sets: int
    rpe: float
    load_type: str
    load_value: float
    event: str
    fact: Fact
    raw: Json

    @property
    def strength(self) -> bool:
        """Whether its sets count as weekly volume."""
        return self.block in tables.STRENGTH_BLOCKS

    @property
    def lower(self) -> bool:
        """Whether its load may rise like a lower-body one (10 % instead of 5 %)."""
        primary = self.fact.primary
        return self.fact.pattern in tables.LOWER_PATTERNS or (
            bool(primary) and primary <= tables.LOWER_MUSCLES
        )

    @property
    def work_seconds(self) -> float:
        """Seconds under load in one set, both sides."""
        once = self.hold if self.hold is not None else self.reps * self.fact.rep_seconds
        return once * self.fact.sides


@dataclass(frozen=True)
class Session:
    """One workout of a week; `cardio` is empty when there is none."""

    where: str
    weekday: int | None
    entries: tuple[Entry, ...]
    warmup: tuple[Json, ...]
    cooldown: tuple[Json, ...]
    cardio: Json
    raw: Json

    @cached_property
    def strength(self) -> tuple[Entry, ...]:
        """The entries whose sets count."""
        return tuple(entry for entry in self.entries if entry.strength)


def volume_of(entries: Iterable[Entry]) -> dict[str, float]:
    """Sets per muscle: 1 for each primary, 1/2 for each secondary muscle of a set."""
    sums: dict[str, float] = {}
    for entry in entries:
        for muscle in entry.fact.primary:
            sums[muscle] = sums.get(muscle, 0.0) + entry.sets
        for muscle in entry.fact.secondary - entry.fact.primary:
            sums[muscle] = sums.get(muscle, 0.0) + entry.sets / 2
    return sums


@dataclass(frozen=True)
class Week:
    """One week; `cardio` is its weekly_cardio, empty when null."""

    where: str
    phase: str
    sessions: tuple[Session, ...]
    cardio: Json

    def entries(self) -> Iterator[Entry]:
        """All entries in their order."""
        return (entry for session in self.sessions for entry in session.entries)

    @cached_property
    def strength(self) -> tuple[Entry, ...]:
        """All entries whose sets count."""
        return tuple(entry for session in self.sessions for entry in session.strength)

    @cached_property
    def volume(self) -> dict[str, float]:
        """Weekly sets per muscle."""
        return volume_of(self.strength)

    @cached_property
    def sets(self) -> int:
        """Weekly sets of all strength exercises."""
        return sum(entry.sets for entry in self.strength)

    def pattern_sets(self, group: str) -> int:
        """Weekly sets of one pattern group."""
        return sum(self._pattern_sets.get(p, 0) for p in tables.PATTERN_GROUPS[group])

    @cached_property
    def _pattern_sets(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for entry in self.strength:
            sums[entry.fact.pattern] = sums.get(entry.fact.pattern, 0) + entry.sets
        return sums


@dataclass(frozen=True)
class Plan:
    """Everything a rule may look at."""

    result: Json
    request: Json
    trusted: Json | None
    envelope: bool
    facts: Mapping[str, Fact]
    weeks: tuple[Week, ...]
    goal: str
    level: int
    minutes: float
    wished_days: int
    age: int | None
    conditions: frozenset[str]
    equipment: frozenset[str]

    @property
    def status(self) -> str:
        """The answer's status."""
        return as_text(self.result.get("status"))

    @property
    def trains(self) -> bool:
        """Whether the answer is a training plan (not a safe minimum)."""
        return self.status not in ("needs_clearance", "infeasible")

    @property
    def gentle(self) -> bool:
        """Whether 1-3 sets are enough: a beginner, or 65 and older."""
        return self.level == 0 or self.older

    @property
    def older(self) -> bool:
        """65 and older."""
        return "older_adult" in self.conditions

    @property
    def screened(self) -> Json:
        """The answer's screening."""
        return as_map(self.result.get("screening"))

    @property
    def constraints(self) -> Json:
        """The answer's constraints."""
        return as_map(self.result.get("constraints"))

    @property
    def recommendations(self) -> list[tuple[str, Json]]:
        """(where, item) of each recommendation."""
        listed = as_list(self.result.get("recommendations"))
        return [(f"recommendations[{i}]", as_map(item)) for i, item in enumerate(listed)]

    @cached_property
    def builds(self) -> list[Week]:
        """The build weeks in order."""
        return [week for week in self.weeks if week.phase == "build"]

    @cached_property
    def survey(self) -> Survey:
        """All numbers and all prose of the answer."""
        return survey(self.result)

    @cached_property
    def rules_of_conditions(self) -> dict[str, tables.Condition]:
        """code -> its row, sorted by code."""
        return {code: tables.condition_of(code) for code in sorted(self.conditions)}

    def sessions(self) -> Iterator[Session]:
        """All sessions of all weeks."""
        return (session for week in self.weeks for session in week.sessions)

    def entries(self) -> Iterator[Entry]:
        """All entries of all weeks."""
        return (entry for week in self.weeks for entry in week.entries())

    def build_steps(self) -> Iterator[tuple[Week, Week]]:
        """(earlier, later) neighbours among the build weeks, deloads left out."""
        return pairwise(self.builds)


def fold_equipment(word: str) -> str:
    """One equipment word as its id: case, hyphens, plurals and "none" folded."""
    plain = re.sub(r"[\s\-]+", "_", word.strip().lower())
    for candidate in (plain, plain.removesuffix("s"), plain.removesuffix("es")):
        known = tables.EQUIPMENT_WORDS.get(candidate, candidate)
        if known in tables.EQUIPMENT or known == "gym":
            return known
    return plain


def expand_equipment(words: Sequence[str]) -> frozenset[str]:
    """What is there when `words` are listed; empty when no word is known."""
    known = {fold_equipment(word) for word in words} & (tables.EQUIPMENT | {"gym"})
    if not known:
        return frozenset()
    if "gym" in known:
        return tables.EQUIPMENT | tables.ALWAYS_THERE
    if known & {"machine", "cable"}:
        known |= tables.IMPLIED_BY_MACHINES
        known |= {"rack"} if "barbell" in known else set()
    return frozenset(known) | tables.ALWAYS_THERE


def read_fact(key: str, value: object) -> Fact:
    """One exercise_facts item."""
    raw = as_map(value)
    position = as_text(raw.get("position"))

    def degree(name: str) -> int:
        return int(as_number(raw.get(name)))

    return Fact(
        key=key,
        name=as_text(raw.get("name")),
        pattern=as_text(raw.get("pattern")),
        primary=as_words(raw.get("prim")),
        secondary=as_words(raw.get("sec")),
        gear=as_words(raw.get("equipment")) | as_words(raw.get("needs")),
        level=degree("level"),
        compound=raw.get("compound") is True,
        sides=2 if raw.get("unilateral") is True else 1,
        impact=degree("impact"),
        axial=degree("axial"),
        valsalva=degree("valsalva"),
        fall_risk=degree("fall_risk"),
        stress=as_map(raw.get("joint_stress")),
        tags=as_words(raw.get("flags")) | ({position} if position else set()),
        rep_seconds=as_number(raw.get("seconds_per_rep")),
        setup_seconds=as_number(raw.get("setup_seconds")),
        raw=raw,
    )


def read_entry(where: str, value: object, facts: Mapping[str, Fact]) -> Entry:
    """One exercise of a workout; an unknown key gets an empty fact."""
    raw = as_map(value)
    key = as_text(raw.get("key"))
    load = as_map(raw.get("load"))
    hold = raw.get("duration_seconds")
    return Entry(
        where=where,
        key=key,
        name=as_text(raw.get("exercise")),
        order=as_whole(raw.get("order")),
        block=as_text(raw.get("block")),
        sets=int(as_number(raw.get("sets"))),
        reps=int(as_number(raw.get("reps"))),
        hold=None if hold is None else as_number(hold),
        rest=as_number(raw.get("rest_seconds")),
        ramp_sets=int(as_number(raw.get("ramp_sets"))),
        rpe=as_number(raw.get("rpe")),
        load_type=as_text(load.get("type")),
        load_value=as_number(load.get("value")),
        event=as_text(raw.get("progress_event")),
        fact=facts.get(key) or read_fact(key, None),
        raw=raw,
    )


def read_session(where: str, value: object, facts: Mapping[str, Fact]) -> Session:
    """One workout."""
    raw = as_map(value)
    listed = as_list(raw.get("exercises"))
    return Session(
        where=where,
        weekday=as_whole(raw.get("weekday")),
        entries=tuple(
            read_entry(f"{where}.exercises[{i}]", item, facts) for i, item in enumerate(listed)
        ),
        warmup=tuple(as_map(item) for item in as_list(raw.get("warmup"))),
        cooldown=tuple(as_map(item) for item in as_list(raw.get("cooldown"))),
        cardio=as_map(raw.get("cardio")),
        raw=raw,
    )


def read_week(where: str, value: object, facts: Mapping[str, Fact]) -> Week:
    """One week."""
    raw = as_map(value)
    listed = as_list(raw.get("workouts"))
    return Week(
        where=where,
        phase=as_text(raw.get("phase")),
        sessions=tuple(
            read_session(f"{where}.workouts[{i}]", item, facts) for i, item in enumerate(listed)
        ),
        cardio=as_map(raw.get("weekly_cardio")),
    )


def believable_age(value: object) -> int | None:
    """Whole years from 4 to 110; anything else counts as unknown."""
    age = as_whole(value)
    return age if age is not None and 4 <= age <= 110 else None


def requested_codes(request: Json) -> frozenset[str]:
    """The wishes in `conditions` and `injuries` that are a condition's code, word for word."""
    texts = [*as_wishes(request.get("conditions")), *as_wishes(request.get("injuries"))]
    folded = {re.sub(r"[\s\-]+", "_", text.lower()) for text in texts}
    return frozenset(folded & tables.CONDITIONS.keys())


def _conditions(result: Json, request: Json, ages: Sequence[int | None]) -> frozenset[str]:
    screened = as_words(as_map(result.get("screening")).get("conditions"))
    derived = {"older_adult" for age in ages if age is not None and age >= 65}
    derived |= {"youth" for age in ages if age is not None and age < 16}
    return screened | derived | requested_codes(request)


def _level(profile: Json, request: Json) -> int:
    named = [
        as_text(side).strip().lower()
        for side in (profile.get("level"), request.get("fitness_level"))
    ]
    ranks = [tables.LEVELS.index(name) for name in named if name in tables.LEVELS]
    return min(ranks, default=0)


def _equipment(profile: Json, request: Json) -> frozenset[str]:
    listed = expand_equipment(sorted(as_words(profile.get("equipment"))))
    words = as_wishes(request.get("available_equipment") or request.get("equipment"))
    # A word that is not known here may well be known to the planner: then nothing is narrowed.
    read = all(fold_equipment(word) in tables.EQUIPMENT | {"gym"} for word in words)
    wished = expand_equipment(words) if read else frozenset()
    return (listed & wished if wished else listed) | tables.ALWAYS_THERE


def read_plan(result: Json, request: Json | None, trusted: Json | None, *, envelope: bool) -> Plan:
    """The whole answer, with the stricter of profile and request wherever both speak."""
    asked = request or {}
    profile = as_map(result.get("profile"))
    facts = {
        key: read_fact(key, value) for key, value in as_map(result.get("exercise_facts")).items()
    }
    ages = [believable_age(side.get("age")) for side in (asked, profile)]
    minutes = [as_number(profile.get("minutes")), as_whole(asked.get("time_per_session")) or 0.0]
    listed = as_list(result.get("weeks"))
    return Plan(
        result=result,
        request=asked,
        trusted=trusted,
        envelope=envelope,
        facts=facts,
        weeks=tuple(read_week(f"weeks[{i}]", item, facts) for i, item in enumerate(listed)),
        goal=as_text(profile.get("goal")),
        level=_level(profile, asked),
        minutes=min((value for value in minutes if value > 0), default=0.0),
        wished_days=as_whole(profile.get("sessions_per_week")) or 0,
        age=ages[0] if ages[0] is not None else ages[1],
        conditions=_conditions(result, asked, ages),
        equipment=_equipment(profile, asked),
    )
