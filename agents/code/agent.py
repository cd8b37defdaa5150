"""The code reviewer: rules find, the model explains and rewrites, a gate decides.

The graph opens the code in a worker process, analyses it there, explains an error if there is one,
tries the repairs that need no model, and asks the model, once or twice, to put the findings into
words and to mend what is left. Every number, finding and place is the analysis'; a model's code is
kept only if it passed the gate, and nothing is ever applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, ClassVar, TypedDict

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from agents.base import AgentError, BaseAgent, InvalidInput, LLMUse, Result, RunContext
from agents.code import answer, words
from agents.code.answer import CodeAnswer, LlmUsed, Provenance
from agents.code.collect import Refused
from agents.code.process import ProcessFailed, Remote, remote
from agents.code.prompts import CODE_SYSTEM
from agents.code.request import CodeConfig, CodeRequest
from agents.code.workshop import Answered
from agents.graph import chain

VIEW = "ai_code_repositories"
REPAIR_SECONDS = 6.0
"""For repairs where somebody waits; a watched source has ten times as long."""


class State(TypedDict, total=False):
    """What travels through the graph; the code itself stays in the worker process."""

    input: CodeRequest
    opened: Mapping[str, Any]
    repository: str
    told: Mapping[str, Any]
    error: Mapping[str, Any] | None
    silent: list[str]
    proposed: frozenset[str]
    chosen: list[str]
    summary: str
    error_words: str
    refused: Counter[str]
    llm: LlmUsed
    result: Result[CodeAnswer]


_process: ContextVar[Remote] = ContextVar("analysis_process")
"""The worker process of the request that this task belongs to."""


class CodeReviewer(BaseAgent[CodeRequest, CodeAnswer]):
    """Finds bugs and holes in code, explains failures, and proposes repairs that are proved."""

    type = "code_analysis"
    name = "Code Analyzer"
    description = "Finds bugs and holes in the main app's code and proposes repairs that apply."
    version = "1"
    Input = CodeRequest
    Output = CodeAnswer
    Config = CodeConfig
    llm = LLMUse(
        optional=True,
        max_calls=4,
        max_usd=Decimal("0.10"),
        deadline_seconds=14.0,
        cache_seconds=3600.0,
    )
    sends: ClassVar[Mapping[str, str]] = {
        "findings": "the gravest findings: rule, message, severity, the line in question, the"
        " function around it and the way of the data, all without secrets: what is to be explained"
        " and, where `rewrite` says so, mended; after a refused repair why it was refused",
        "error": "the failure's own line, the lines around its place and the own functions that"
        " led there, without secrets, addresses and values of SQL: what is to be explained",
    }
    timeout_seconds = 300.0
    max_input_bytes = 8 * 1024 * 1024

    async def execute(self, ctx: RunContext, inp: CodeRequest) -> Result[CodeAnswer]:
        try:
            async with remote() as process:
                _process.set(process)
                return await super().execute(ctx, inp)
        except Refused as refused:
            raise InvalidInput(
                f"input_data.{refused}", hint="docs/code-review.md has the forms of a request"
            ) from None
        except ProcessFailed as failed:
            raise AgentError(str(failed), hint="send less code at once") from failed

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        return chain(State, (collect, analyse, trace, repair, explain, compose))


def _config(ctx: RunContext) -> CodeConfig:
    return ctx.config if isinstance(ctx.config, CodeConfig) else CodeConfig()


async def collect(state: State, runtime: Runtime[Any]) -> State:
    """Open the code in the worker process, and learn what is known of its repository."""
    ctx: RunContext = runtime.context
    inp = state["input"]
    given = inp.model_dump(
        include={"code", "file_path", "files", "diff", "path", "range", "source", "commit"}
        | {"analysis_type"}
    )
    repository = inp.repository or ""
    tree = changed = None
    if inp.source is not None:
        since = inp.range.partition("..")[0] if inp.range else None
        found = await ctx.code_source(inp.source, inp.commit, since)
        tree, changed, repository = found.files, found.changed, found.repository
        given["commit"] = found.commit
    elif inp.path is not None and not repository:
        repository = "checkout"
    opened = await _process.get().call("open", given, ctx.code_root, tree, changed)
    known = {row["repository"]: row for row in await ctx.view(VIEW)}.get(repository, {})
    return {
        "opened": opened,
        "repository": repository,
        "silent": list(known.get("rejected", ())),
        "proposed": frozenset(known.get("proposed", ())),
    }


async def analyse(state: State, runtime: Runtime[Any]) -> State:
    """Find what is wrong; no model, always."""
    del runtime
    process = _process.get()
    if state["opened"]["files"]:
        await process.call("analyse")
    return {"told": await process.call("told", state["silent"])}


async def trace(state: State, runtime: Runtime[Any]) -> State:
    """Explain the error, where there is one."""
    del runtime
    inp = state["input"]
    if not inp.about_error:
        return {"error": None}
    more = [str(value) for value in (inp.context or {}).values() if isinstance(value, str)]
    found = await _process.get().call(
        "failure", inp.error or "", inp.stack_trace or "", [text[:20_000] for text in more[:20]]
    )
    return {"error": found}


async def repair(state: State, runtime: Runtime[Any]) -> State:
    """Try the repairs that need no model, on what has no proposal yet."""
    ctx: RunContext = runtime.context
    told = state["told"]
    # What is new comes first: that is what somebody waits for.
    ordered = list(dict.fromkeys([*told["new"], *told["order"]]))
    chosen = ordered[: _config(ctx).most_stored]
    fresh = [name for name in chosen if name not in state["proposed"]]
    seconds = REPAIR_SECONDS * (10 if state["opened"]["whole"] else 1)
    if fresh:
        await _process.get().call("repair", fresh[: _config(ctx).most_repaired], seconds)
    return {"chosen": chosen}


async def explain(state: State, runtime: Runtime[Any]) -> State:
    """Ask the model for words and code; what the gate refuses is asked once more."""
    ctx: RunContext = runtime.context
    config, process = _config(ctx), _process.get()
    nothing: State = {"summary": "", "error_words": "", "refused": Counter(), "llm": LlmUsed()}
    wanted = config.words and state["input"].narrative != "off" and ctx.llm.configured
    if not wanted:
        return nothing
    # A watched source is looked at again and again: what has been worded is not bought twice.
    fresh = [name for name in state["chosen"] if name not in state["proposed"]]
    asked = await process.call("question", fresh[: answer.SHOWN], config.rewrites)
    if not asked:
        return nothing
    first = await _ask(ctx, asked, config.max_output_tokens)
    if first is None:
        return nothing
    said, used = first
    refused = await process.call("answer", _answers(said))
    reasons = Counter(refused.values())
    stands = _stands(said, refused)
    if refused:
        again = {
            "findings": [
                item | {"refused": refused[item["id"]]}
                for item in asked["findings"]
                if item["id"] in refused
            ],
        }
        second = await _ask(ctx, again, config.max_output_tokens)
        if second is not None:
            refused = await process.call("answer", _answers(second[0]))
            reasons = Counter(refused.values())
            stands = stands or _stands(second[0], refused)
    if not stands:
        ctx.llm.disown()
        used = used.model_copy(update={"used": False})
    return {
        "summary": said.summary,
        "error_words": said.error,
        "refused": reasons,
        "llm": used,
    }


def _stands(said: words.CodeWords, refused: Mapping[str, str]) -> bool:
    """Whether anything of an answer is used: words, or code that the gate let through."""
    code = any(item.replacement_code and item.id not in refused for item in said.items)
    return bool(said.summary or said.error or code or any(i.explanation for i in said.items))


async def _ask(
    ctx: RunContext, asked: Mapping[str, Any], most_tokens: int
) -> tuple[words.CodeWords, LlmUsed] | None:
    reply = await ctx.llm.ask(
        words.CodeWords,
        name="code_words",
        system=CODE_SYSTEM,
        data=asked,
        repair=lambda value: words.sieve(value, asked),
        max_output_tokens=most_tokens,
    )
    if reply.value is None:
        return None
    return reply.value, LlmUsed(used=True, model=reply.model, dropped=tuple(reply.dropped))


def _answers(said: words.CodeWords) -> list[Answered]:
    return [
        Answered(item.id, item.explanation, item.existing_code, item.replacement_code)
        for item in said.items
    ]


async def compose(state: State, runtime: Runtime[Any]) -> State:
    """Put answer and rows together."""
    ctx: RunContext = runtime.context
    inp, told, error, opened = state["input"], state["told"], state["error"], state["opened"]
    process = _process.get()
    listed = list(dict.fromkeys([*state["chosen"], *told["order"]]))[: answer.MOST_LISTED]
    findings: Sequence[Mapping[str, Any]] = await process.call("findings", listed)
    rows = [answer.row(finding) for finding in findings[: len(state["chosen"])]]
    failed = answer.error_row(error, state["error_words"]) if error is not None else None
    if failed is not None:
        rows.insert(0, failed)
    output = CodeAnswer(
        file_path=inp.file_path or (opened["files"][0] if len(opened["files"]) == 1 else None),
        analysis_type=inp.analysis_type,
        analysis_result=answer.text(told, findings, error, state["summary"]),
        error_analysis=_error_text(state),
        timestamp=ctx.now.isoformat().replace("+00:00", "Z"),
        repository=state["repository"],
        commit=opened["commit"],
        findings=[answer.public(finding) for finding in findings],
        new=told["new"],
        counts=told["counts"],
        skipped=told["skipped"],
        tools=told["tools"],
        notes=told["notes"],
        public_routes=told["public_routes"],
        silenced=len(set(told["seen"]) & set(state["silent"])),
        root_cause=error["root_cause"] if error else None,
        culprit=error["culprit"] if error else None,
        known_error=error["known_error"] if error else None,
        related=error["related"] if error else [],
        error_fingerprint=error["fingerprint"] if error else None,
        provenance=Provenance(llm=state["llm"], refused=dict(state["refused"])),
    )
    kept = {
        "repository": state["repository"],
        "suggestions": rows,
        "seen": [*told["seen"], *([failed["fingerprint"]] if failed else [])],
        "whole": bool(opened["whole"]),
        "skipped": [item["file"] for item in told["skipped"]],
    }
    return {"result": Result(output, {"ai_code_suggestions": [kept]})}


def _error_text(state: State) -> str | None:
    if not state["input"].about_error:
        return None
    error = state["error"]
    if error is None:
        return "The text holds no stack trace and no error that could be recognised."
    return " ".join(part for part in (error["text"], state["error_words"]) if part)
