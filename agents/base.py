"""What an agent is, and all that it may lean on while it runs.

An agent is one class: an ``Input``, an ``Output``, a ``Config``, and either ``execute`` or a
``build_graph`` that the inherited ``execute`` runs. It gets a :class:`RunContext` and nothing
else: everything the context offers is either deterministic or journaled, so an attempt that died
can be run again from the start without paying for a model call twice.

Numbers come from algorithms, words from the model. ``ctx.llm.ask`` returns an :class:`Answer`
whose ``value`` is ``None`` when there is no usable answer, and the agent then fills in its own
words; the request's ``mode`` is computed from these answers, never claimed by the agent.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from langgraph.graph import StateGraph

    from agents.crm import Crm

Json = Any
DegradedReason = Literal[
    "budget_exhausted", "breaker_open", "provider_error", "timeout", "refusal", "invalid_output"
]

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")
I = TypeVar("I", bound="AgentInput")  # noqa: E741 - the conventional letter
O = TypeVar("O", bound=BaseModel)  # noqa: E741 - the conventional letter


# --- what an agent may raise -------------------------------------------------------------------


class AgentError(Exception):
    """An agent cannot answer. ``code`` is one of the documented, closed list of error codes.

    ``message`` names the field, the value and what would be right; ``hint`` says what to do next.
    Neither ever holds a secret or health data.
    """

    code = "agent_error"
    retryable = True

    def __init__(
        self, message: str, *, hint: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after_seconds = retry_after_seconds


class InvalidInput(AgentError):
    """The input cannot be answered as it stands; trying again would not help."""

    code = "invalid_input"
    retryable = False


class ClientNotFound(AgentError):
    """No such client, or one that was deleted."""

    code = "client_not_found"
    retryable = False

    def __init__(self, client_id: int) -> None:
        super().__init__(
            f"client_id {client_id} does not exist in the main app",
            hint="send the id of a row of clients that is not deleted",
        )


class TrainerNotFound(AgentError):
    """No such trainer, or one that was deleted."""

    code = "trainer_not_found"
    retryable = False

    def __init__(self, trainer_id: int) -> None:
        super().__init__(
            f"trainer_id {trainer_id} does not exist in the main app",
            hint="send the id of a row of trainers that is not deleted",
        )


class NotAssigned(AgentError):
    """``requested_by`` names somebody who has no right to this client."""

    code = "not_assigned"
    retryable = False

    def __init__(self, requested_by: str, client_id: int) -> None:
        super().__init__(
            f"requested_by {requested_by!r} has no right to client_id {client_id}",
            hint="a client may ask for itself, a trainer for whom it is actively assigned to, an"
            " active user for its own or as staff for all; or leave requested_by empty",
        )


class ProviderUnavailable(AgentError):
    """The model was demanded (``on_unavailable = fail``) and is not to be had."""

    code = "provider_unavailable"
    retryable = False


class ProviderRefused(AgentError):
    """The model declined to answer and this agent has no answer of its own."""

    code = "provider_refused"
    retryable = False


class BudgetExhausted(AgentError):
    """The model was demanded and a budget is spent."""

    code = "budget_exhausted"
    retryable = False


class ApprovalRejected(AgentError):
    """A person said no to what the agent asked."""

    code = "approval_rejected"
    retryable = False

    def __init__(self, key: str, decided_by: str | None) -> None:
        super().__init__(
            f"the question {key!r} was rejected by {decided_by or 'somebody'}",
            hint="ai_approvals.answer has the words; ask again with a new request",
        )


class ApprovalExpired(AgentError):
    """Nobody answered in time."""

    code = "approval_expired"
    retryable = False

    def __init__(self, key: str) -> None:
        super().__init__(
            f"nobody answered the question {key!r} in time",
            hint="ai_retry(id) asks it again",
        )


class Drained(Exception):
    """The worker stops: the graph ended at a step boundary and will run again elsewhere."""


# --- what goes in and what comes out -----------------------------------------------------------


class AgentInput(BaseModel):
    """Base of every ``Input``. Unknown keys never reach it: they are dropped and named before."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class AgentConfig(BaseModel):
    """Base of every ``Config``: the lasting settings in ``ai_agents.config``.

    model, temperature: None follows OPENAI_MODEL and OPENAI_TEMPERATURE.
    use_model: False answers deterministically whatever keys there are.
    on_unavailable: what a request without a wish of its own does when the model is not to be had;
        None means ``degrade`` where the agent has an answer of its own, else ``wait``.
    max_usd: most that one request may cost; None follows the agent's ``LLMUse``.
    upgrade_degraded: ask again, once, for what was answered without a model that was away; the
        second answer belongs to a request of its own, ``idempotency_key = 'upgrade:<first id>'``.
    legacy: an older service's settings, kept for people to read and never used.
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    use_model: bool = True
    on_unavailable: Literal["degrade", "wait", "fail"] | None = None
    max_usd: Decimal | None = Field(None, ge=0, le=999_999)
    upgrade_degraded: bool = False
    legacy: Json | None = None


@dataclass(frozen=True, slots=True)
class LLMUse:
    """How far an agent leans on the model.

    optional: False means there is no answer without the model.
    max_calls: model calls per request, repairs and retries included; not those that a provider
        refused for their form alone, which are made again in another.
    max_usd: most that one request may reserve.
    deadline_seconds: longest that all model work of one request may take.
    cache_seconds: an identical prompt answered that recently for any request is not bought again.
    """

    optional: bool = True
    max_calls: int = 3
    max_usd: Decimal = Decimal("0.05")
    deadline_seconds: float = 12.0
    cache_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of asking the model.

    value: the validated answer, or None.
    reason: why there is none; None together with ``value=None`` means the model is not configured
        (or switched off for this request), which is no failure.
    model: the model as the provider named it. dropped: what was removed to make the answer valid.
    """

    value: T | None
    reason: DegradedReason | None = None
    model: str | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result(Generic[O]):
    """An agent's answer.

    output: becomes ``ai_results.result`` word for word.
    rows: typed rows by table, written in the same transaction: ``{"ai_workout_plans": [...]}``.
    """

    output: O
    rows: Mapping[str, Sequence[Mapping[str, Json]]] = field(default_factory=dict)


# --- what the runtime offers -------------------------------------------------------------------

ASK_SECONDS = 7 * 86_400.0
"""How long a question to a person stays open unless the agent says otherwise."""
VIEWS = ("ai_queue_depth", "ai_agent_performance", "ai_cost_daily", "ai_code_repositories")
"""Views that an agent may read: sums of the service's own work, and nobody's data."""


class LLM(Protocol):
    """The model, as an agent sees it."""

    @property
    def configured(self) -> bool:
        """False without a key, with the model switched off, or when ``narrative`` is ``off``."""

    async def ask(
        self,
        schema: type[T],
        *,
        name: str,
        system: str,
        data: Mapping[str, Json],
        repair: Callable[[T], tuple[T, Sequence[str]]] | None = None,
        check: Callable[[T], Sequence[str]] | None = None,
        max_output_tokens: int = 1500,
    ) -> Answer[T]:
        """One structured answer, or an honest reason why there is none.

        name: stable identifier of this question (``workout_words``), part of the ledger line.
        system: the fixed instructions; keep them constant so the provider can cache the prefix.
        data: what the model may know, sent as delimited JSON *data*, never as instructions.
        repair: removes what breaks the closed world (unknown ids); returns the mended value and
            what was dropped.
        check: domain invariants; every string returned is a reason the value cannot be used, and
            is shown to the model once for a repair.
        """

    def disown(self) -> None:
        """Nothing of a usable answer stands in the result after all: the mode is degraded.

        Raises like ``ask`` where the request accepts no answer without the model.
        """


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A project at one commit. files: content by path; changed: spans of new lines by path, None
    where all counts alike; repository: whose findings these are."""

    repository: str
    commit: str
    files: Mapping[str, bytes]
    changed: dict[str, list[tuple[int, int]]] | None = None


class RunContext(Protocol):
    """All that an attempt may touch: deterministic, or journaled so a second run repeats it."""

    @property
    def request_id(self) -> int: ...

    @property
    def task_type(self) -> str: ...

    @property
    def requested_by(self) -> str | None:
        """Who asked, as the main app wrote it: ``trainer:12``, ``client:7``, ``user:3``."""

    @property
    def now(self) -> datetime:
        """When the request was made, in UTC: the clock of every computation."""

    @property
    def time_zone(self) -> str:
        """The gym's time zone (IANA name)."""

    @property
    def config(self) -> AgentConfig: ...

    @property
    def llm(self) -> LLM: ...

    @property
    def crm(self) -> Crm | None:
        """The main app's tables, read-only. None where there is no main app in this database."""

    @property
    def log(self) -> Any:
        """A structlog logger bound to the request."""

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to cancel; long computations look at it."""

    def random(self, *seed: Json) -> random.Random:
        """A generator seeded by ``seed`` alone: same data, same answer."""

    async def step(self, name: str, fn: Callable[[], Awaitable[Json]]) -> Json:
        """Run ``fn`` once per request and keep its JSON: later attempts get the kept value."""

    async def compute(self, fn: Callable[..., R], *args: Any) -> R:
        """Run CPU work or blocking reads in a thread; the event loop stays free."""

    async def run(
        self, task_type: str, input_data: Mapping[str, Json], *, until_percent: int | None = None
    ) -> Mapping[str, Json]:
        """Another agent's result, inside this request, with its model calls on this ledger.

        until_percent: how far the whole is when that agent is done; its own progress fills the
            way there. None leaves the bar where it is.

        Whatever goes wrong in there arrives as an AgentError; its typed rows count only if it
        answers.
        """

    async def progress(self, node: str, percent: int, message: str = "") -> None:
        """Tell whoever watches; at most a few per second are kept."""

    def on_drain(self, stop: Callable[[], None]) -> None:
        """Call ``stop`` once when the worker drains, so that work can end at a step boundary."""

    async def ask(
        self,
        key: str,
        question: Mapping[str, Json],
        *,
        expires_seconds: float | None = ASK_SECONDS,
    ) -> Mapping[str, Json]:
        """A person's answer to ``question``, a JSON object such as ``{"decision": "approve"}``.

        Without one yet the attempt ends here and the request waits without a slot; the answer
        runs the agent again from its start, with everything it bought or kept at hand. key names
        the question within this agent and input, and must not change between attempts.
        expires_seconds: None waits for ever.

        Raises ApprovalRejected for the decision ``reject``, ApprovalExpired where nobody answered.
        """

    async def view(self, name: str) -> Sequence[Mapping[str, Json]]:
        """The rows of a view for people, by one of ``VIEWS``; kept for later attempts."""

    @property
    def code_root(self) -> str | None:
        """The folder below which code may be read (CODE_MONITOR_PATH)."""

    async def code_source(self, name: str, commit: str | None, since: str | None) -> SourceTree:
        """The files of a watched source, and what is new in them since an earlier commit.

        commit: None takes the newest. Raises AgentError where there is no such source or commit.
        """

    async def measure(self, wish: Mapping[str, Json]) -> Mapping[str, Json]:
        """What the service's own health checks say now; like the main app's tables, read anew by
        a later attempt.

        wish: ``checks`` (ids; empty for all), ``thresholds`` (``{id: {"warning": n}}``). Returns
        ``checks`` (a JSON object each, see ``agents.health.checks``), ``worker_id``,
        ``measured_at`` (ISO, UTC) and ``seconds``. Raises AgentError where nobody measures.
        """


# --- the agent itself --------------------------------------------------------------------------


InputType = type[AgentInput]
OutputType = type[BaseModel]
ConfigType = type[AgentConfig]


class BaseAgent(Generic[I, O]):
    """Subclass, fill in the class attributes, write ``execute`` or ``build_graph``.

    A line in ``agents/catalog.py`` registers the class. Everything an operator may change (the
    model, limits, texts) belongs into ``Config`` and is edited in ``ai_agents.config``.
    """

    type: ClassVar[str]
    name: ClassVar[str]
    description: ClassVar[str]
    version: ClassVar[str] = "1"
    Input: ClassVar[InputType]
    Output: ClassVar[OutputType]
    Config: ClassVar[ConfigType] = AgentConfig
    llm: ClassVar[LLMUse] = LLMUse()
    timeout_seconds: ClassVar[float] = 120.0
    max_input_bytes: ClassVar[int] = 64 * 1024
    sends: ClassVar[Mapping[str, str]] = {}
    """What the model is told, by path in ``data`` (``texts[]``), and why it has to know."""
    on_lost: ClassVar[Literal["retry", "fail"]] = "retry"
    schedule: ClassVar[str] = ""
    """Trigger of the row that it gets in ai_schedules with its first start, as in
    ``every 5 minutes``; the row is the admin's from then on. schedule_input: that row's input."""
    schedule_input: ClassVar[Mapping[str, Json]] = {}
    runs: ClassVar[tuple[str, ...]] = ()
    """Task types it runs inside a request. Fields of its ``Input`` that those agents know too are
    checked by them as well, before the request starts."""

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        """A LangGraph graph over a state with the keys ``input`` and, at the end, ``result``.

        Nodes take ``(state, runtime)``; ``runtime.context`` is the :class:`RunContext`.
        """
        raise NotImplementedError(f"{type(self).__name__} needs execute() or build_graph()")

    async def execute(self, ctx: RunContext, inp: I) -> Result[O]:
        """Answer one request. The inherited version runs ``build_graph()`` from its start."""
        from agents.graph import run_graph  # heavy: LangGraph loads with the first agent that runs

        return await run_graph(self, ctx, inp)
