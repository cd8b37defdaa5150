"""The progress agent: when, and how surely, each goal is reached on what was really measured.

The graph reads the client, repairs and cleans the series, works out what each goal means,
forecasts it, and looks for what needs attention. When all numbers are final one question goes to
the model: to word sentences that already exist. Last, the answer is checked for numerals that
nobody computed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from agents.base import BaseAgent, LLMUse, Result, RunContext
from agents.graph import chain
from agents.progress import analyse, answer, insights, tables, words
from agents.progress.analyse import Analysis
from agents.progress.forecast import Forecast
from agents.progress.goals import GoalRead
from agents.progress.model import ProgressConfig, ProgressRequest
from agents.progress.prompts import WORDS_SYSTEM
from agents.progress.report import ProgressReport
from agents.progress.series import Series
from agents.progress.tables import Facts


class State(TypedDict, total=False):
    """What travels through the graph."""

    input: ProgressRequest
    started: float
    facts: Facts
    series: Mapping[str, Series]
    warnings: tuple[str, ...]
    matched: list[GoalRead]
    forecasts: list[Forecast]
    analysis: Analysis
    words: words.ProgressWords | None
    llm: answer.ModelPart
    parts: answer.Parts
    output: ProgressReport
    result: Result[ProgressReport]


class ProgressMonitor(BaseAgent[ProgressRequest, ProgressReport]):
    """Goal dates with calibrated ranges from repaired measurements, and what needs attention."""

    type = "progress_monitoring"
    name = "Progress Monitor"
    description = "Says when each goal is reached, how surely, and what needs attention."
    version = "1"
    Input = ProgressRequest
    Output = ProgressReport
    Config = ProgressConfig
    llm = LLMUse(optional=True, max_calls=2, deadline_seconds=12.0)
    sends: ClassVar[Mapping[str, str]] = {
        "status": "how the whole stands, as a word of a closed list",
        "sentences": "findings with their numbers, as our templates word them: what is to be"
        " worded again, warnings left out. No name, title or note is in them",
    }
    timeout_seconds = 60.0
    max_input_bytes = 64 * 1024

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        return chain(
            State, (load, clean, match_goals, forecast, events, narrate, validate, persist)
        )


def _config(ctx: RunContext) -> ProgressConfig:
    return ctx.config if isinstance(ctx.config, ProgressConfig) else ProgressConfig()


async def load(state: State, runtime: Runtime[Any]) -> State:
    """Read everything the tables say about the client, in one snapshot."""
    ctx: RunContext = runtime.context
    started = time.monotonic()
    facts = await ctx.compute(
        tables.read,
        ctx.crm,
        state["input"],
        ctx.requested_by,
        ctx.now,
        ctx.time_zone,
        _config(ctx).client_portal_unit or (ctx.crm.portal_unit if ctx.crm else None),
    )
    return {"facts": facts, "started": started}


async def clean(state: State, runtime: Runtime[Any]) -> State:
    """Repair units, merge days, leave out what no body explains."""
    series, warnings = await runtime.context.compute(analyse.clean_all, state["facts"].given)
    return {"series": series, "warnings": warnings}


async def match_goals(state: State, runtime: Runtime[Any]) -> State:
    """Work out which metric each goal means, its target and its way."""
    matched, warnings = await runtime.context.compute(
        analyse.match_goals, state["facts"].given, state["series"]
    )
    return {"matched": matched, "warnings": (*state["warnings"], *warnings)}


async def forecast(state: State, runtime: Runtime[Any]) -> State:
    """When each goal is passed, and how surely."""
    found = await runtime.context.compute(
        analyse.forecast_all, state["matched"], state["series"], state["facts"].given
    )
    return {"forecasts": found}


async def events(state: State, runtime: Runtime[Any]) -> State:
    """Plateaus, regain, haste, silence, milestones; and the status of the whole."""
    analysis = await runtime.context.compute(
        analyse.conclude,
        state["facts"].given,
        state["series"],
        state["forecasts"],
        state["warnings"],
    )
    return {"analysis": analysis}


async def narrate(state: State, runtime: Runtime[Any]) -> State:
    """Ask the model, once, to word the sentences; keep what passes the sieve."""
    ctx: RunContext = runtime.context
    config = _config(ctx)
    wanted = config.words and state["input"].narrative != "off" and ctx.llm.configured
    if not wanted:
        return {"words": None, "llm": answer.ModelPart()}
    shown = answer.told(state["facts"], state["analysis"])
    world, data = words.question(
        shown.status, insights.insights(shown), insights.recommendations(shown)
    )
    if not world.templates:
        return {"words": None, "llm": answer.ModelPart()}
    reply = await ctx.llm.ask(
        words.ProgressWords,
        name="progress_words",
        system=WORDS_SYSTEM,
        data=data,
        repair=world.repair,
        check=world.check,
        max_output_tokens=config.max_output_tokens,
    )
    used = reply.value is not None
    part = answer.ModelPart(used=used, model=reply.model, dropped=tuple(reply.dropped))
    return {"words": reply.value, "llm": part}


async def validate(state: State, runtime: Runtime[Any]) -> State:
    """Compose the answer and check it; words that fail give way to the templates."""
    ctx: RunContext = runtime.context
    parts = answer.Parts(
        request=state["input"],
        facts=state["facts"],
        analysis=state["analysis"],
        words=state["words"],
        llm=state["llm"],
        started=state["started"],
    )
    output, refused = await ctx.compute(_checked, parts)
    for problem in refused:
        ctx.log.error("progress_report_refused", problem=problem.split(":")[0])
    if parts.llm.used and not output.provenance.llm.used:
        ctx.llm.disown()
    return {"parts": parts, "output": output}


def _checked(parts: answer.Parts) -> tuple[ProgressReport, list[str]]:
    """(an answer without problems, what was wrong with the first one)."""
    report = answer.compose(parts)
    refused = answer.problems(report)
    if refused and parts.words is not None:
        plain = answer.Parts(
            parts.request, parts.facts, parts.analysis, None, parts.llm, parts.started
        )
        report = answer.compose(plain)
    return report, refused


def persist(state: State) -> State:
    """Hand over the answer and a typed row per goal."""
    rows = answer.rows(state["output"], state["parts"])
    tables_ = {"ai_progress_reports": rows} if rows else {}
    return {"result": Result(state["output"], tables_)}
