"""The client review: three agents, one after the other, in one request.

The progress monitor says how things stand; a table (``adaptations``) turns that into changes of
the plan; the workout planner plans with them; the scheduler finds times for the plan's sessions.
A part that fails, or answers that it cannot, leaves the review ``partial``, and the others still
run. Typed rows of all parts are written together with the one result.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from agents.answer import LlmUsed, Provenance
from agents.base import AgentError, BaseAgent, LLMUse, Result, RunContext
from agents.client_review.adaptations import adaptations, losing, workout_changes
from agents.client_review.model import Adaptation, ClientReview, ReviewRequest
from agents.client_review.parts import (
    ABOUT_THE_REQUEST,
    PROGRESS,
    SCHEDULE,
    WORKOUT,
    Outcome,
    input_of,
    schedule_input,
    workout_input,
)
from agents.client_review.summary import summary
from agents.graph import chain

Json = Any

PATIENCE_SECONDS = 8.0
"""A part that took longer and has no words of the model's met a model that hangs: the later parts
do without it, so that a review does not wait three times."""


class State(TypedDict, total=False):
    """What travels through the graph. given: the request's fields that say something."""

    input: ReviewRequest
    started: float
    given: Mapping[str, Json]
    progress_part: Outcome
    found: list[Adaptation]
    workout_part: Outcome
    schedule_part: Outcome
    result: Result[ClientReview]


class ClientReviewer(BaseAgent[ReviewRequest, ClientReview]):
    """Progress, a plan adapted to it, and times for its sessions."""

    type = "client_review"
    name = "Client Review"
    description = "Looks at a client's progress, adapts the plan to it and finds times for it."
    version = "1"
    Input = ReviewRequest
    Output = ClientReview
    llm = LLMUse(optional=True, max_calls=0)
    timeout_seconds = 200.0
    runs = (PROGRESS, WORKOUT, SCHEDULE)

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        return chain(State, (progress, adapt, workout, schedule, conclude))


async def progress(state: State, runtime: Runtime[Any]) -> State:
    """How things stand."""
    began = time.monotonic()
    given = state["input"].given()
    part = await _ask(runtime.context, PROGRESS, input_of(PROGRESS, given), until_percent=30)
    return {"started": began, "given": _unworded(given, part, began), "progress_part": part}


def adapt(state: State) -> State:
    """What that asks of the plan."""
    wished = str(state["given"].get("sessions_per_week", ""))
    number = int(wished) if wished.strip().isdecimal() else None
    return {"found": adaptations(state["progress_part"].result, number)}


async def workout(state: State, runtime: Runtime[Any]) -> State:
    """A plan with those changes."""
    began = time.monotonic()
    report = state["progress_part"].result or {}
    changes = workout_changes(state["found"], losing_weight=losing(report))
    asked = workout_input(state["given"], changes)
    part = await _ask(runtime.context, WORKOUT, asked, until_percent=75)
    return {"given": _unworded(state["given"], part, began), "workout_part": part}


async def schedule(state: State, runtime: Runtime[Any]) -> State:
    """Times for its sessions, unless somebody has to clear the client first."""
    plan = state["workout_part"]
    if plan.status == "needs_clearance":
        return {"schedule_part": Outcome(skipped="a professional has to clear the client first")}
    asked = schedule_input(state["given"], plan.result)
    return {"schedule_part": await _ask(runtime.context, SCHEDULE, asked, until_percent=95)}


async def _ask(
    ctx: RunContext, task_type: str, asked: Mapping[str, Json], *, until_percent: int
) -> Outcome:
    """A part's outcome. Raises what no other part could answer either."""
    try:
        return Outcome(await ctx.run(task_type, asked, until_percent=until_percent))
    except AgentError as error:
        if error.code in ABOUT_THE_REQUEST:
            raise
        ctx.log.warning("review_part_failed", part=task_type, code=error.code)
        return Outcome(error=error)


def _unworded(given: Mapping[str, Json], part: Outcome, began: float) -> Mapping[str, Json]:
    """``given`` for the parts after ``part``: without a model that has just kept it waiting."""
    used = part.result is not None and part.result["provenance"]["llm"]["used"]
    hung = not used and time.monotonic() - began > PATIENCE_SECONDS
    return {**given, "narrative": "off"} if hung else given


def conclude(state: State) -> State:
    """The whole answer. Raises the first part's error where no part has an answer."""
    parts = (state["progress_part"], state["workout_part"], state["schedule_part"])
    errors = [part.error for part in parts if part.error is not None]
    if len(errors) == len(parts):
        raise errors[0]
    answer = ClientReview(
        status="ok" if all(part.whole for part in parts) else "partial",
        client_id=state["input"].client_id,
        progress=parts[0].json(),
        workout=parts[1].json(),
        schedule=parts[2].json(),
        adaptations=state["found"],
        summary=summary(*parts, state["found"], state["given"]),
        data_warnings=_warnings(parts),
        provenance=_provenance(state, parts),
    )
    return {"result": Result(answer)}


def _warnings(parts: tuple[Outcome, ...]) -> list[str]:
    """Every part's warnings, each once."""
    told = [warning for part in parts for warning in (part.result or {}).get("data_warnings", ())]
    return list(dict.fromkeys(told))


def _provenance(state: State, parts: tuple[Outcome, ...]) -> Provenance:
    origins = [part.result["provenance"] for part in parts if part.result is not None]
    hashed = [state["input"].given(), [origin["input_sha256"] for origin in origins]]
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), default=str)
    words = [origin["llm"] for origin in origins if origin["llm"]["used"]]
    return Provenance(
        algorithm="progress, adaptations by table, workout, schedule",
        version=ClientReviewer.version,
        input_sha256=hashlib.sha256(text.encode()).hexdigest(),
        llm=LlmUsed(
            used=bool(words),
            model=words[0]["model"] if words else None,
            dropped=[dropped for origin in origins for dropped in origin["llm"]["dropped"]],
        ),
        elapsed_ms=round(1000 * (time.monotonic() - state["started"])),
        generated_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
