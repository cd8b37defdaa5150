"""The health agent: what the service measures of itself, related, summed up, kept as states.

The daemon measures; here the results become states of components, an analysis in words, and typed
rows. The numbers are final before the model is asked, and it is asked only where something is
wrong: to sum up finished sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from agents.base import BaseAgent, LLMUse, Result, RunContext
from agents.graph import chain
from agents.health import words
from agents.health.checks import CHECKS, CheckResult, Json
from agents.health.model import (
    CheckOut,
    ComponentOut,
    HealthConfig,
    HealthReport,
    HealthRequest,
    LlmUsed,
    Provenance,
    given,
)
from agents.health.states import ComponentState, overall, states


class State(TypedDict, total=False):
    """What travels through the graph. measured: as the context gives it."""

    input: HealthRequest
    measured: Mapping[str, Json]
    results: list[CheckResult]
    components: list[ComponentState]
    summary: str | None
    llm: LlmUsed
    result: Result[HealthReport]


class HealthChecker(BaseAgent[HealthRequest, HealthReport]):
    """Every check of database, queue, agents, model and main app, with what to do."""

    type = "health_check"
    name = "Health Checker"
    description = "Checks the database, the queue, the agents, the model and the main app."
    version = "1"
    Input = HealthRequest
    Output = HealthReport
    Config = HealthConfig
    llm = LLMUse(optional=True, max_calls=2, deadline_seconds=12.0)
    sends: ClassVar[Mapping[str, str]] = {
        "status": "how the whole stands, as a word of a closed list",
        "findings": "what is wrong, as our templates word it, with numbers, roles and names of"
        " tables: what is to be summed up. No row of any table is in it",
    }
    timeout_seconds = 90.0
    max_input_bytes = 64 * 1024
    schedule = "every 5 minutes"
    schedule_input: ClassVar[Mapping[str, Json]] = {"explain": False}

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        return chain(State, (measure, roll_up, explain, persist))


async def measure(state: State, runtime: Runtime[Any]) -> State:
    """Have the checks made."""
    ctx: RunContext = runtime.context
    asked = state["input"]
    measured = await ctx.measure(
        {"checks": list(asked.checks), "thresholds": given(asked.thresholds)}
    )
    results = [CheckResult.from_json(one) for one in measured["checks"]]
    return {"measured": measured, "results": results}


def roll_up(state: State) -> State:
    """A state for each component: the worst of its checks."""
    return {"components": states(state["results"])}


async def explain(state: State, runtime: Runtime[Any]) -> State:
    """Ask the model, once, to sum up what is wrong; nothing is asked where nothing is."""
    ctx: RunContext = runtime.context
    config = ctx.config if isinstance(ctx.config, HealthConfig) else HealthConfig()
    wish = state["input"].explain
    wanted = config.explain if wish is None else wish
    results = state["results"]
    if not wanted or not ctx.llm.configured or not words.findings(results):
        return {"summary": None, "llm": LlmUsed(used=False)}
    world, data = words.question(overall(state["components"]), results)
    reply = await ctx.llm.ask(
        words.HealthWords,
        name="health_words",
        system=words.SYSTEM,
        data=data,
        check=world.check,
        max_output_tokens=600,
    )
    if reply.value is None:
        return {"summary": None, "llm": LlmUsed(used=False, model=reply.model)}
    used = LlmUsed(used=True, model=reply.model, dropped=list(reply.dropped))
    return {"summary": words.tidy(reply.value.summary), "llm": used}


def persist(state: State) -> State:
    """Compose the answer; hand over the states that rest on all checks of their component."""
    results, components = state["results"], state["components"]
    measured = state["measured"]
    output = HealthReport(
        status=overall(components),
        health_checks=[
            ComponentOut(
                component=one.component,
                status=one.status,
                message=one.message,
                metrics=dict(one.metrics),
            )
            for one in components
        ],
        checks=[_shown(result) for result in results],
        analysis=state["summary"] or words.analysis(results),
        timestamp=measured["measured_at"],
        seconds=measured["seconds"],
        provenance=Provenance(llm=state["llm"]),
    )
    rows = [
        one.as_json() | {"worker_id": measured["worker_id"]}
        for one in components
        if _whole(one, state["input"])
    ]
    return {"result": Result(output, {"ai_system_health": rows} if rows else {})}


def _shown(result: CheckResult) -> CheckOut:
    """A check as JSON; where nothing is wrong there is nothing to do either."""
    value = result.as_json()
    if result.status == "healthy":
        value["remedy"] = ""
    return CheckOut.model_validate(value)


def _whole(component: ComponentState, asked: HealthRequest) -> bool:
    """Whether a state may be kept: all its checks were made, by the lasting limits."""
    own = {check for check in CHECKS if check.startswith(f"{component.component}.")}
    if any(check in own for check in asked.thresholds):
        return False
    return not asked.checks or own <= set(asked.checks)
