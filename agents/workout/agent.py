"""The workout agent: a plan that cannot break a safety rule and says which wish could not be met.

The graph reads the client, fills the gaps, screens health, and then either plans gentle movement
(a red flag stands) or solves, polishes and periodises a plan. When all numbers are final one
question goes to the model for words. Last, a validator that shares no code with the planner checks
the finished answer; whatever it refuses is replaced, first by the plan without the model's part,
then by gentle movement alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agents.base import BaseAgent, LLMUse, Result, RunContext
from agents.workout import client
from agents.workout.answer import compose, workouts
from agents.workout.answer.model_words import (
    SENDS,
    WORDS_SYSTEM,
    Kept,
    WorkoutWords,
    question,
    sieve,
    unnamed,
    unusable,
)
from agents.workout.answer.models import WorkoutPlan
from agents.workout.answer.templates import templates, why_not
from agents.workout.answer.typed_row import plan_row
from agents.workout.checker import Violation, check
from agents.workout.client import Facts
from agents.workout.exercises.exercise import Exercise
from agents.workout.fill_gaps import healthy_goal
from agents.workout.planning.conflict import Conflict
from agents.workout.planning.gentle import SafeMinimum, safe_minimum
from agents.workout.planning.plan import (
    Built,
    Polished,
    Solved,
    build,
    changed_week,
    plan_weeks,
    polish_week,
    solve_week,
)
from agents.workout.profile import Profile
from agents.workout.request import WorkoutConfig, WorkoutRequest
from agents.workout.screening.conditions import restrictions
from agents.workout.screening.screen import Proposal, Screening, accept_model_conditions

_OFFERS = 24


class State(TypedDict, total=False):
    """What travels through the graph. outcome: the plan, the conflict, or gentle movement."""

    input: WorkoutRequest
    started: float
    facts: Facts
    profile: Profile
    screening: Screening
    solved: Solved
    solve_ms: int
    polished: Polished
    outcome: compose.Outcome
    first_outcome: compose.Outcome
    first_profile: Profile
    first_screening: Screening
    words: Kept
    llm: compose.ModelPart
    output: WorkoutPlan
    result: Result[WorkoutPlan]


class WorkoutOptimizer(BaseAgent[WorkoutRequest, WorkoutPlan]):
    """Weekly workouts from a checked catalogue: solved, polished, periodised, then worded."""

    type = "workout_optimization"
    name = "Workout Optimizer"
    description = (
        "Plans training weeks that keep every safety rule, and says which wish had to give way."
    )
    version = "1"
    Input = WorkoutRequest
    Output = WorkoutPlan
    Config = WorkoutConfig
    llm = LLMUse(optional=True, max_calls=2, deadline_seconds=12.0)
    sends = SENDS
    timeout_seconds = 60.0

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        graph = StateGraph(State)
        for node in (
            load,
            normalise,
            screen,
            safe,
            solve,
            polish,
            periodise,
            personalise,
            validate,
            persist,
        ):
            graph.add_node(node.__name__, node)
        graph.add_edge(START, "load")
        graph.add_edge("load", "normalise")
        graph.add_edge("normalise", "screen")
        graph.add_conditional_edges("screen", _after_screening, ["safe", "solve"])
        graph.add_edge("safe", "validate")
        graph.add_conditional_edges("solve", _after_solving, ["polish", "validate"])
        graph.add_edge("polish", "periodise")
        graph.add_edge("periodise", "personalise")
        graph.add_edge("personalise", "validate")
        graph.add_edge("validate", "persist")
        graph.add_edge("persist", END)
        return graph


def _config(ctx: RunContext) -> WorkoutConfig:
    return ctx.config if isinstance(ctx.config, WorkoutConfig) else WorkoutConfig()


async def load(state: State, runtime: Runtime[Any]) -> State:
    """Read everything the tables say about the client, in one snapshot."""
    ctx: RunContext = runtime.context
    facts = await ctx.compute(
        client.read, ctx.crm, state["input"], ctx.requested_by, ctx.now, ctx.time_zone
    )
    if _config(ctx).save_to_main_app and state["input"].kind == "plan":
        tables = await ctx.compute(ctx.crm.tables) if ctx.crm is not None else frozenset[str]()
        refused = why_not(facts.trainer_id, tables)
        facts = facts.with_warnings((refused,) if refused else ())
    return {"facts": facts, "started": time.monotonic()}


async def normalise(state: State, runtime: Runtime[Any]) -> State:
    """Fill the gaps of the request."""
    profile, warnings = await runtime.context.compute(
        client.profile_of, state["input"], state["facts"], _config(runtime.context)
    )
    return {"profile": profile, "facts": state["facts"].with_warnings(warnings)}


async def screen(state: State, runtime: Runtime[Any]) -> State:
    """Read every text for health conditions and red flags."""
    found = await runtime.context.compute(
        client.screening_of, state["input"], state["facts"], state["profile"].age
    )
    profile, warnings = healthy_goal(
        replace(state["profile"], conditions=frozenset(found.conditions))
    )
    facts = state["facts"].with_warnings(warnings)
    return {"screening": found, "profile": profile, "facts": facts}


def _after_screening(state: State) -> str:
    return "safe" if state["screening"].needs_clearance else "solve"


def _after_solving(state: State) -> str:
    return "polish" if "solved" in state else "validate"


async def safe(state: State, runtime: Runtime[Any]) -> State:
    """Gentle movement until somebody with authority says yes."""
    gentle = await runtime.context.compute(
        _gentle, state["profile"], state["facts"].library.exercises
    )
    return {"outcome": gentle}


def _gentle(profile: Profile, library: Mapping[str, Exercise]) -> SafeMinimum:
    return safe_minimum(profile, restrictions(profile.conditions), library.values())


async def solve(state: State, runtime: Runtime[Any]) -> State:
    """One safe week, or the reason why there is none."""
    began = time.monotonic()
    solved = await runtime.context.compute(
        solve_week,
        state["profile"],
        restrictions(state["profile"].conditions),
        state["facts"].library.exercises,
    )
    solve_ms = round(1000 * (time.monotonic() - began))
    if isinstance(solved, Conflict):
        return {"outcome": solved, "solve_ms": solve_ms}
    return {"solved": solved, "solve_ms": solve_ms}


async def polish(state: State, runtime: Runtime[Any]) -> State:
    """Make the safe week a good one."""
    return {"polished": await runtime.context.compute(polish_week, state["solved"])}


async def periodise(state: State, runtime: Runtime[Any]) -> State:
    """Make the week a plan."""
    return {"outcome": await runtime.context.compute(plan_weeks, state["polished"])}


async def personalise(state: State, runtime: Runtime[Any]) -> State:
    """Ask the model for words, once, and sieve what it says."""
    ctx: RunContext = runtime.context
    config = _config(ctx)
    built = state["outcome"]
    wanted = config.words and state["input"].narrative != "off" and ctx.llm.configured
    if not wanted or not isinstance(built, Built):
        return {"llm": compose.ModelPart()}
    facts = state["facts"]
    pages = compose.pages(ctx.request_id, facts, built.profile, Kept(), built)
    weeks = workouts.weeks(built, pages)
    offers = compose.offers(built, _OFFERS)
    texts = tuple(source.text for source in facts.texts)
    shared = unnamed(texts, facts.history.client.name if facts.history else None)
    world, data = question(
        built.profile,
        weeks,
        offers,
        shared if config.share_texts else (),
        facts.library.exercises,
        [card.key for card in workouts.recommendations(built, pages)],
    )
    library = facts.library.exercises
    worded = {key: library[key] for key in world.keys}
    reply = await ctx.llm.ask(
        WorkoutWords,
        name="workout_words",
        system=WORDS_SYSTEM,
        data=data,
        repair=world.repair,
        check=lambda words: unusable(words, worded, built.profile),
        max_output_tokens=config.max_output_tokens,
    )
    if reply.value is None:
        return {"llm": compose.ModelPart(dropped=reply.dropped)}
    changed = await ctx.compute(_leaned, state, reply.value)
    profile = changed.get("profile", built.profile)
    kept = sieve(reply.value, worded, built.profile.goal, profile.conditions)
    part = compose.ModelPart(used=True, model=reply.model, dropped=(*reply.dropped, *kept.dropped))
    return {**changed, "words": kept, "llm": part}


def _leaned(state: State, words: WorkoutWords) -> State:
    """The plan once more, where the model found a condition or a wish that leans a choice.

    Restrictions are only ever added. The first plan stays at hand for the validator.
    """
    facts, request = state["facts"], state["input"]
    screening = accept_model_conditions(
        state["screening"],
        [Proposal(item.code, item.span) for item in words.conditions],
        facts.texts,
        as_of=facts.today,
        clearance=request.clearance,
    )
    focus = () if state["profile"].focus else tuple(dict.fromkeys(words.focus))
    weights = {item.key: item.weight for item in words.weights if item.weight}
    same = set(screening.conditions) == set(state["screening"].conditions)
    if same and not weights and not focus:
        return {"screening": screening}
    profile, warnings = healthy_goal(
        replace(
            state["profile"],
            conditions=frozenset(screening.conditions),
            focus=state["profile"].focus or focus,
        )
    )
    library = facts.library.exercises
    outcome: compose.Outcome
    if screening.needs_clearance:
        outcome = _gentle(profile, library)
    else:
        outcome = build(profile, restrictions(profile.conditions), library, weights)
    return {
        "facts": facts.with_warnings(warnings),
        "screening": screening,
        "profile": profile,
        "outcome": outcome,
        "first_outcome": state["outcome"],
        "first_profile": state["profile"],
        "first_screening": state["screening"],
    }


async def validate(state: State, runtime: Runtime[Any]) -> State:
    """Let the independent checker decide; replace what it refuses."""
    ctx: RunContext = runtime.context
    output, refused = await ctx.compute(_checked, state, ctx.request_id)
    for rule in refused:
        ctx.log.error("workout_plan_refused", rule=rule)
    if state.get("llm", compose.ModelPart()).used and not output.provenance.llm.used:
        ctx.llm.disown()
    return {"output": output}


def _checked(state: State, request_id: int) -> tuple[WorkoutPlan, tuple[str, ...]]:
    """(the first answer without a violation, rules that refused earlier ones)."""
    refused: dict[str, None] = {}
    for candidate in _candidates(state):
        output = compose.answer_of(candidate, request_id)
        violations = _violations(candidate, output)
        if not violations:
            return output, tuple(refused)
        refused.update(dict.fromkeys(violation.rule for violation in violations))
    return compose.answer_of(_refusal(state, tuple(refused)), request_id), tuple(refused)


def _violations(parts: compose.Parts, output: WorkoutPlan) -> list[Violation]:
    trusted = {key: e.facts() for key, e in parts.facts.library.exercises.items()}
    return check(
        output.model_dump(mode="json"),
        request=parts.facts.request_json(parts.request),
        trusted_facts=trusted,
    )


def _candidates(state: State) -> list[compose.Parts]:
    """Answers in the order they are wished for: with words, without, without the model's part."""
    outcome = state["outcome"]
    rules = restrictions(state["profile"].conditions)
    shown = None
    if isinstance(outcome, Conflict):
        shown = changed_week(outcome, rules, state["facts"].library.exercises)
    full = compose.Parts(
        request=state["input"],
        facts=state["facts"],
        profile=state["profile"],
        screening=state["screening"],
        outcome=outcome,
        changed=shown,
        words=state.get("words", Kept()),
        llm=state.get("llm", compose.ModelPart()),
        started=state["started"],
    )
    found = [full]
    if full.llm.used:
        found.append(replace(full, words=Kept()))
    if "first_outcome" in state and set(state["first_screening"].conditions) == set(
        state["screening"].conditions
    ):
        found.append(
            replace(
                full,
                profile=state["first_profile"],
                outcome=state["first_outcome"],
                words=Kept(),
            )
        )
    return found


def _refusal(state: State, rules: tuple[str, ...]) -> compose.Parts:
    """Gentle movement and an honest status, where no plan passed the validator.

    A stop stays a stop: whatever the validator disliked, a red flag is never told as a wish that
    could be changed.
    """
    outcome: compose.Outcome = Conflict(
        rules=rules or ("schema",),
        why="No plan passed the independent safety check.",
        suggestion="Ask a trainer in person; the service's log names the rule.",
        change={},
        profile=state["profile"],
    )
    if state["screening"].needs_clearance:
        gentle = _gentle(state["profile"], state["facts"].library.exercises)
        outcome = replace(gentle, sessions=())
    return compose.Parts(
        request=state["input"],
        facts=state["facts"],
        profile=state["profile"],
        screening=state["screening"],
        outcome=outcome,
        changed=None,
        words=Kept(),
        llm=state.get("llm", compose.ModelPart()),
        started=state["started"],
    )


def persist(state: State, runtime: Runtime[Any]) -> State:
    """The answer and its typed rows."""
    output, trainer_id = state["output"], state["facts"].trainer_id
    rows: dict[str, list[Mapping[str, Any]]] = {
        "ai_workout_plans": [plan_row(output, trainer_id, state.get("solve_ms"))]
    }
    if _config(runtime.context).save_to_main_app and (saved := templates(output, trainer_id)):
        rows["ai_saved_plans"] = saved
    return {"result": Result(output, rows=rows)}
