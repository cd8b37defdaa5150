"""The scheduling agent: free times at which a client most likely comes, or a trainer's best week.

The graph reads the tables, settles the clock, lists what is free, fits the gym's attendance, and
ranks a client's slots or solves a week. When all slots are final one question goes to the model
for sentences. Last, a checker that shares no code with any of this looks at the finished answer;
whatever it refuses is taken out, so that nothing that breaks a rule is ever proposed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from agents.base import BaseAgent, LLMUse, Result, RunContext
from agents.graph import chain
from agents.scheduling import answer, facts
from agents.scheduling import week as weeks
from agents.scheduling.attendance import Attendance
from agents.scheduling.checker import Violation, check
from agents.scheduling.choose import Ranked, rank
from agents.scheduling.facts import DEFAULT_MAX_MOVES, LOOK_AHEAD_DAYS, Facts
from agents.scheduling.model import ScheduleConfig, ScheduleRequest
from agents.scheduling.output import Schedule
from agents.scheduling.slots import (
    Candidates,
    Conflict,
    Diary,
    Window,
    at,
    candidates,
    conflicts,
)
from agents.scheduling.words import WORDS_SYSTEM, Kept, ScheduleWords, repair, sieve, unusable

_WIDE = tuple(Window(6 * 60, 22 * 60, weekday) for weekday in range(1, 8))
_ITEM = re.compile(r"(suggestions|week\.placements|week\.moves)\[([0-9]+)\]")


class State(TypedDict, total=False):
    """What travels through the graph. found: a client's candidates; None in a week."""

    input: ScheduleRequest
    started: float
    facts: Facts
    found: Candidates | None
    attendance: Attendance
    parts: answer.Parts
    output: Schedule
    result: Result[Schedule]


class SchedulingAgent(BaseAgent[ScheduleRequest, Schedule]):
    """Ranked free slots with the chance that each is kept, and weeks that keep the most."""

    type = "scheduling"
    name = "Scheduling Intelligence"
    description = (
        "Ranks free times by how likely the client comes, and fills or improves a trainer's week, "
        "without ever booking anybody twice."
    )
    version = "1"
    Input = ScheduleRequest
    Output = Schedule
    Config = ScheduleConfig
    llm = LLMUse(optional=True, max_calls=2, deadline_seconds=12.0)
    sends: ClassVar[Mapping[str, str]] = {
        "slots": "the times that were chosen and the chance that each is kept: what the sentences"
        " are about. Clients are ids, nobody is named",
    }
    timeout_seconds = 60.0

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        return chain(
            State, (load, clock, free_slots, attendance, choose, narrate, validate, persist)
        )


def _config(ctx: RunContext) -> ScheduleConfig:
    return ctx.config if isinstance(ctx.config, ScheduleConfig) else ScheduleConfig()


async def load(state: State, runtime: Runtime[Any]) -> State:
    """Read everything the tables say, in one snapshot."""
    ctx: RunContext = runtime.context
    started = time.monotonic()
    found = await ctx.compute(
        facts.read,
        ctx.crm,
        state["input"],
        _config(ctx),
        ctx.requested_by,
        ctx.now,
        ctx.time_zone,
    )
    return {"facts": found, "started": started}


def clock(state: State) -> State:
    """Say what the clocks do inside the days that may be proposed."""
    known = state["facts"]
    offsets = {known.clock.offset(at(day, 12 * 60)) for day in known.days}
    if len(offsets) < 2:
        return {}
    said = "clock_change: the clocks change within these days; times are on the wall"
    return {"facts": replace(known, warnings=(*known.warnings, said))}


async def free_slots(state: State, runtime: Runtime[Any]) -> State:
    """List a client's free starts; a week's are listed client by client when it is solved."""
    if state["input"].week_mode:
        return {"found": None}
    return {"found": await runtime.context.compute(_free, state["facts"])}


def _free(known: Facts, windows: tuple[Window, ...] | None = None, beyond: int = 0) -> Candidates:
    """Free starts, in other hours or `beyond` days after the horizon if asked."""
    days, until = known.days, known.until
    if beyond:
        days = tuple(days[-1] + timedelta(days=n) for n in range(beyond + 1))
        until += timedelta(days=beyond)
    wished = [
        at(day, wish.at)
        for wish in known.wishes.exact()
        for day in days
        if wish.at is not None and wish.at < 24 * 60
    ]
    return candidates(
        known.clock,
        replace(known.rules, windows=windows or known.rules.windows),
        days,
        Diary(known.trainer_bookings(), known.clock),
        Diary(known.client_bookings(known.client_id or 0), known.clock),
        extra=[
            start for start in wished if known.wishes.strength(start, known.rules.duration) > 0
        ],
        until=until,
    )


async def attendance(state: State, runtime: Runtime[Any]) -> State:
    """Fit the gym's attendance."""
    known = state["facts"]
    return {
        "attendance": await runtime.context.compute(Attendance.fit, known.seen, known.now),
    }


async def choose(state: State, runtime: Runtime[Any]) -> State:
    """Rank the client's slots, or solve the week."""
    config = _config(runtime.context)
    parts = await runtime.context.compute(_chosen, state)
    return {"parts": replace(parts, calendar=config.calendar)}


def _chosen(state: State) -> answer.Parts:
    request, known, found = state["input"], state["facts"], state["found"]
    parts = answer.Parts(request=request, facts=known, started=state["started"])
    if found is None:
        planned = weeks.plan(
            known,
            state["attendance"],
            request.demand,
            duration=request.duration,
            max_moves=DEFAULT_MAX_MOVES if request.max_moves is None else request.max_moves,
            pinned=request.pinned,
        )
        return _weekly(replace(parts, week=planned), planned)
    parts = replace(parts, blocked=found.blocked)
    if not found.free:
        return _explained(parts, found)
    starts = [slot.start for slot in found.free]
    wishes = [known.wishes.strength(slot.start, slot.minutes) for slot in found.free]
    chances = state["attendance"].chances(known.client_id or 0, starts, wishes)
    wanted = request.sessions_per_week or 1
    rules = known.rules
    ranked = rank(
        found.free,
        chances,
        known.wishes,
        together=wanted,
        gap=rules.gap,
        buffer=rules.buffer,
        echoes=known.echoes,
        habits=known.habits(known.client_id or 0),
    )
    parts = replace(parts, warnings=(*parts.warnings, *answer.unmet(known, found)))
    together = _together(ranked, min(wanted, answer.MOST_SHOWN), rules.gap, rules.buffer)
    if together < wanted:
        said = f"sessions_per_week: only {together} of {wanted} sessions fit together in a week"
        if together == answer.MOST_SHOWN:
            said = f"sessions_per_week: {together} of {wanted} sessions, the most an answer names"
        parts = replace(parts, warnings=(*parts.warnings, said))
    return replace(parts, ranked=tuple(ranked), together=together)


def _weekly(parts: answer.Parts, planned: weeks.WeekPlan) -> answer.Parts:
    """What is to be said of a week beside its sessions."""
    request, warnings = parts.request, parts.warnings
    unused = ("preferred_times", "horizon_days", "sessions_per_week")
    if ignored := [name for name in unused if getattr(request, name)]:
        said = f"ignored_in_week: {', '.join(ignored)}; they are for one client's times"
        warnings = (*warnings, said)
    if not request.demand and not planned.movable:
        parts = replace(parts, conflicts=(Conflict(("demand",), 0),))
    elif not request.demand and not planned.moved and request.max_moves != 0:
        points = round(100 * weeks.LEAST_GAIN)
        said = f"no_better_time: no booked session is {points} points likelier kept elsewhere"
        warnings = (*warnings, said)
    return replace(parts, warnings=warnings)


def _together(ranked: list[Ranked], wanted: int, gap: int, buffer: int) -> int:
    """How many of the first can be booked together."""
    for number in range(1, wanted):
        here = ranked[number].slot if number < len(ranked) else None
        if here is None or any(
            abs(here.first - other.slot.first) < gap
            or (here.first < other.slot.end + buffer and other.slot.first < here.end + buffer)
            for other in ranked[:number]
        ):
            return number
    return wanted


def _explained(parts: answer.Parts, found: Candidates) -> answer.Parts:
    """Why nothing is free, and what would help."""
    known = parts.facts
    reasons = conflicts(found.broken)
    wider = _free(known, _WIDE)
    if wider.free or not reasons:
        reasons.append(Conflict(("availability",), len(wider.free)))
    later = bool(_free(known, beyond=LOOK_AHEAD_DAYS).free)
    return replace(parts, conflicts=tuple(reasons), later=later)


async def narrate(state: State, runtime: Runtime[Any]) -> State:
    """Ask the model for sentences, once, and sieve what it says."""
    ctx: RunContext = runtime.context
    parts, config = state["parts"], _config(ctx)
    wanted = config.words and state["input"].narrative != "off" and ctx.llm.configured
    if not wanted:
        return {}
    found = await ctx.compute(answer.proposals, parts)
    # That a time was refused the template says, and a sentence of the model's cannot.
    said = {p.key: p.said for p in found[: answer.MOST_SHOWN] if p.said.refused is None}
    if not said:
        return {}
    known = frozenset(said)
    reply = await ctx.llm.ask(
        ScheduleWords,
        name="schedule_words",
        system=WORDS_SYSTEM,
        data={"slots": [{"id": key, **item.data()} for key, item in said.items()]},
        repair=lambda words: repair(known, words),
        check=lambda words: unusable(words, said),
        max_output_tokens=config.max_output_tokens,
    )
    if reply.value is None:
        part = answer.ModelPart(dropped=reply.dropped)
        return {"parts": replace(parts, llm=part)}
    kept: Kept = sieve(reply.value, said)
    part = answer.ModelPart(used=True, model=reply.model, dropped=(*reply.dropped, *kept.dropped))
    return {"parts": replace(parts, sentences=kept.sentences, llm=part)}


async def validate(state: State, runtime: Runtime[Any]) -> State:
    """Let the independent checker decide; take out what it refuses."""
    ctx: RunContext = runtime.context
    parts, output, refused = await ctx.compute(_checked, state["parts"], ctx.request_id)
    for violation in refused:
        ctx.log.error("schedule_refused", rule=violation.rule, where=violation.where)
    if parts.llm.used and not output.provenance.llm.used:
        ctx.llm.disown()
    return {"parts": parts, "output": output}


def _checked(
    parts: answer.Parts, request_id: int
) -> tuple[answer.Parts, Schedule, tuple[Violation, ...]]:
    """(parts and answer without a violation, what was refused on the way)."""
    refused: list[Violation] = []
    # Each round takes something out, the model's sentences first, so it ends.
    while True:
        output = answer.compose(parts, request_id)
        wrong = check(output.model_dump(mode="json"), answer.facts_json(parts))
        if not wrong:
            return parts, output, tuple(refused)
        refused += wrong
        parts = _without(parts, wrong)


def _without(parts: answer.Parts, wrong: list[Violation]) -> answer.Parts:
    if parts.sentences:
        return replace(parts, sentences={})
    out: dict[str, set[int]] = {
        "suggestions": set(),
        "week.placements": set(),
        "week.moves": set(),
    }
    for violation in wrong:
        if match := _ITEM.fullmatch(violation.where):
            out[match[1]].add(int(match[2]))
    rules = tuple(dict.fromkeys(v.rule for v in wrong))
    if parts.week is None:
        kept = [r for n, r in enumerate(parts.ranked) if n not in out["suggestions"]]
        if len(kept) == len(parts.ranked):
            kept = []
        blame = (Conflict(rules, 0),) if not kept else ()
        return replace(parts, ranked=tuple(kept), together=1, conflicts=blame)
    plan = parts.week
    placed = [p for n, p in enumerate(plan.placed) if n not in out["week.placements"]]
    moved = [m for n, m in enumerate(plan.moved) if n not in out["week.moves"]]
    if len(placed) == len(plan.placed) and len(moved) == len(plan.moved):
        placed, moved = [], []
    return replace(parts, week=weeks.reduced(plan, placed, moved, rules))


def persist(state: State) -> State:
    """The answer and its typed rows."""
    output = state["output"]
    rows = answer.rows(state["parts"], output)
    return {"result": Result(output, rows={"ai_schedule_suggestions": rows})}
