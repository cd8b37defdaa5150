"""What no agent can answer is refused at once: without an attempt, without a model call.

The claim comes first, so requests that can be answered never wait for this. What then still stays
pending and unchecked is looked at here, a bounded number at a time: an unknown type, a disabled
agent, a bad input becomes ``failed`` with a message that names the field and what would be right.
The runner checks again with the same functions, since a claim may be quicker than we are.

Each look writes to its rows. While the main app inserts without a pause, looking without one would
be a load of its own beside those inserts, so a look is followed by a rest: the longer, the more of
it was fine, since who is refused is to be told at once. Full batches come from either end in turn:
who has just inserted is told soon too, whatever waits before.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agents.given import kind
from daemon import clock
from daemon.log import get_logger
from daemon.model import ErrorInfo, Json
from daemon.outcome import stack
from daemon.store.safe_json import MOST_DEEP, TOO_DEEP

if TYPE_CHECKING:
    from agents.base import AgentInput, BaseAgent
    from daemon.meters import Meters
    from daemon.registry import Registry
    from daemon.store import Store

BATCH = 200
REST_SECONDS = 0.1
"""After a look that found nothing to refuse; whoever comes later is told so much later."""
REST = 19.0
"""After a full batch without refusals the rest is this many times as long as the batch took."""
SHOWN_CHARACTERS = 40
MOST_PROBLEMS = 5
SHOWABLE = frozenset(
    {
        "int_parsing",
        "int_type",
        "int_from_float",
        "float_parsing",
        "float_type",
        "bool_parsing",
        "bool_type",
        "literal_error",
        "enum",
        "date_parsing",
        "date_from_datetime_parsing",
        "datetime_parsing",
        "datetime_from_date_parsing",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
    }
)
"""Kinds of problem whose value is a number, a date or a word of a closed list. Other texts may be
health notes, and stay out of the message."""

_as_text = json.JSONEncoder(ensure_ascii=False).encode
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parsed:
    """An input that its agent accepts. unknown: keys that were dropped, sorted."""

    value: AgentInput
    unknown: tuple[str, ...]


class Intake:
    """Looks at pending requests that nobody has looked at."""

    def __init__(self, store: Store, registry: Registry, meters: Meters) -> None:
        self._store = store
        self._registry = registry
        self._meters = meters
        self._rests_until = 0.0
        self._newest = False

    @property
    def rest_seconds(self) -> float:
        """How long the next batch still waits because of the last one."""
        return max(0.0, self._rests_until - clock.monotonic())

    async def check_once(self) -> int:
        """Check one batch; returns how many need not be looked at again.

        0: nothing is left but what somebody holds at this moment, which is for another time.
        """
        await asyncio.sleep(self.rest_seconds)
        began = clock.monotonic()
        rows = await self._store.unchecked(BATCH, newest=self._newest)
        if any(row.known and self._registry.state(row.task_type) is None for row in rows):
            await self._registry.reload()  # the row of ai_agents was quicker than its notification
        refused: list[tuple[int, ErrorInfo]] = []
        task_types: dict[int, str] = {}
        fine: list[int] = []
        for row in rows:
            try:
                problem = self.problem(row.task_type, row.input_data, row.size_bytes)
            except Exception as error:  # noqa: BLE001 - it would end the daemon
                # A validator of its agent broke. So will the attempt, and there it is an outcome.
                log.error(
                    "intake_broke",
                    request_id=row.request_id,
                    error=type(error).__name__,
                    frames=stack(error),
                )
                problem = None
            if problem is None:
                fine.append(row.request_id)
            else:
                refused.append((row.request_id, problem))
                task_types[row.request_id] = row.task_type
        checked = await self._store.mark_checked(fine)
        done = set(await self._store.refuse(refused))
        for request_id, problem in refused:
            if request_id in done:
                log.info("request_refused", request_id=request_id, code=problem.code)
                label = self._meters.task_type(task_types[request_id])
                self._meters.requests_of(label, "refused").inc()
        if rows:
            now = clock.monotonic()
            rest_seconds = REST_SECONDS
            if len(rows) >= BATCH:
                self._newest = not self._newest
                rest_seconds = max(rest_seconds, REST * (now - began))
            self._rests_until = now + rest_seconds * len(fine) / len(rows)
        return checked + len(done)

    def problem(
        self, task_type: str, input_data: Json, input_bytes: int | None
    ) -> ErrorInfo | None:
        """Why this request cannot be answered, or None."""
        problem = unanswerable(self._registry, task_type)
        if problem is not None:
            return problem
        agent = self._registry.agent(task_type)
        if agent is None:  # a newer daemon's agent: not ours to judge
            return None
        if input_data is None:
            return too_large(agent, input_bytes)
        parsed = parse_whole(self._registry, agent, input_data, input_bytes)
        return parsed if isinstance(parsed, ErrorInfo) else None


def unanswerable(registry: Registry, task_type: str) -> ErrorInfo | None:
    """The error for a type that nobody answers, or that is switched off."""
    state = registry.state(task_type)
    if state is None:
        close = difflib.get_close_matches(task_type, registry.known_types(), n=1, cutoff=0.5)
        guess = f'; did you mean "{close[0]}"?' if close else ""
        known = ", ".join(registry.known_types())
        return ErrorInfo(
            "unknown_task_type",
            f"no agent answers {_shown(task_type)}{guess}",
            f"task_type is one of: {known}",
        )
    if not state.enabled:
        return ErrorInfo(
            "agent_disabled",
            f"the agent for {task_type} is switched off",
            state.disabled_hint,
        )
    if state.problem:
        return ErrorInfo(
            "agent_misconfigured",
            f"the agent for {task_type} cannot start: {state.problem}",
            "correct its row in ai_agents, then use ai_retry(id)",
        )
    return None


def oversized(agent: BaseAgent[Any, Any], input_bytes: int) -> ErrorInfo | None:
    """The error for an input larger than its agent reads, or None."""
    return too_large(agent, input_bytes) if input_bytes > agent.max_input_bytes else None


def too_large(agent: BaseAgent[Any, Any], input_bytes: int | None) -> ErrorInfo:
    """input_bytes: None where the numbers alone make the input too long."""
    if input_bytes is None:
        return ErrorInfo(
            "input_too_large",
            "input_data holds numbers of too many digits to be written out",
            "send numbers of at most 100 digits",
        )
    return ErrorInfo(
        "input_too_large",
        f"input_data has {input_bytes} bytes; {agent.type} reads at most {agent.max_input_bytes}",
        "send ids instead of data: the agent reads the main app's tables itself",
    )


def parse_whole(
    registry: Registry,
    agent: BaseAgent[Any, Any],
    input_data: Json,
    input_bytes: int | None = None,
) -> Parsed | ErrorInfo:
    """``parse``, and then, of the fields both know, by every agent that ``agent`` runs inside."""
    parsed = parse(agent, input_data, input_bytes)
    if isinstance(parsed, ErrorInfo):
        return parsed
    for task_type in agent.runs:
        inner = registry.agent(task_type)
        if inner is None:
            continue
        shared = _field_names(agent.Input) & _field_names(inner.Input)
        handed_on = parse(inner, {k: v for k, v in input_data.items() if k in shared})
        if isinstance(handed_on, ErrorInfo):
            own = handed_on.code == "invalid_input"  # the fields that may be sent are the outer's
            return replace(handed_on, hint=_fields_of(agent)) if own else handed_on
    return parsed


def parse(
    agent: BaseAgent[Any, Any], input_data: Json, input_bytes: int | None = None
) -> Parsed | ErrorInfo:
    """The agent's typed input, unknown keys dropped and named; or what is wrong with it.

    input_bytes: the size of ``input_data`` as JSON text, where it is known.
    """
    if input_data is TOO_DEEP:
        return ErrorInfo(
            "invalid_input",
            f"input_data has brackets within brackets; expected at most {MOST_DEEP} levels",
            f'for example {{"client_id": 1}} for {agent.type}',
        )
    if not isinstance(input_data, Mapping):
        twice = isinstance(input_data, str) and input_data.lstrip().startswith("{")
        return ErrorInfo(
            "invalid_input",
            f"input_data is {kind(input_data)}; expected a JSON object",
            "it was made JSON twice: hand over the object itself, not its text"
            if twice
            else f'for example {{"client_id": 1}} for {agent.type}',
        )
    if input_bytes is None:
        input_bytes = len(_as_text(input_data).encode())
    size = oversized(agent, input_bytes)
    if size is not None:
        return size
    unknown = input_data.keys() - _field_names(agent.Input)
    if unknown:
        input_data = {k: v for k, v in input_data.items() if k not in unknown}
    try:
        value = agent.Input.model_validate(input_data)
    except ValidationError as error:
        return ErrorInfo(
            "invalid_input",
            "; ".join(_sentences(error)),
            _fields_of(agent),
        )
    return Parsed(value, tuple(sorted(map(_shown_key, unknown))))


def _fields_of(agent: BaseAgent[Any, Any]) -> str:
    return f"the fields of {agent.type}: {', '.join(sorted(_field_names(agent.Input)))}"


@lru_cache(maxsize=256)
def _field_names(model: type[AgentInput]) -> frozenset[str]:
    """Every key under which the model takes a field: names and aliases."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        if field.alias is None or model.model_config.get("populate_by_name"):
            names.add(name)
        for alias in (field.alias, field.validation_alias):
            if isinstance(alias, str):
                names.add(alias)
            elif alias is not None:
                names.update(c for c in getattr(alias, "choices", ()) if isinstance(c, str))
    return frozenset(names)


def _sentences(error: ValidationError) -> Iterable[str]:
    problems = error.errors(include_url=False, include_context=False)
    for problem in problems[:MOST_PROBLEMS]:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in problem["loc"])
        if problem["type"] == "missing":
            yield f"input_data{path} is missing; it is required"
            continue
        said = problem["msg"].removeprefix("Value error, ")
        said = said.replace("a valid dictionary", "a JSON object")
        expected = said.removeprefix("Input should be ")
        if problem["type"] in SHOWABLE:
            yield f"input_data{path} is {_shown(problem['input'])}; expected {expected}"
        elif expected != said:
            yield f"input_data{path}: expected {expected}"
        else:
            yield f"input_data{path}: {said}"
    if len(problems) > MOST_PROBLEMS:
        yield f"and {len(problems) - MOST_PROBLEMS} more"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= SHOWN_CHARACTERS:
        return _visible(text)
    return f"{_visible(text[:SHOWN_CHARACTERS])}… ({len(text)} characters)"


def _shown_key(key: str) -> str:
    return _visible(key if len(key) <= SHOWN_CHARACTERS else key[:SHOWN_CHARACTERS] + "…")


def _visible(text: str) -> str:
    """Characters that nobody sees as their escapes: some turn round the sentence behind them."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
