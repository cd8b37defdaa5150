"""Gets one answer from a model, whichever way is left: replay, retry, another form or model.

For each model in turn: ask the journal (known? allowed?), send, settle, react. A call that was
sent is settled whatever happens to this task, cancellation included: settling runs on its own and
survives the attempt, because what was paid for must be on the ledger.

What a fault leads to stands in ``classify``; a fault that no retry here mends is raised as
:class:`Unavailable`, once every model has had its turn.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

from pydantic import BaseModel

from agents.base import DegradedReason
from daemon import backoff, telemetry
from daemon.database import persistently
from daemon.errors import LeaseLost
from daemon.llm import CancelRequested, classify, structured
from daemon.llm.classify import Verdict
from daemon.llm.journal import Begun, Entry, Feedback, Journal, Limit, Settlement
from daemon.llm.models import Habits, KnownModels
from daemon.llm.pricing import Cost, Prices, Usage, counted, estimate_tokens
from daemon.llm.provider import Provider
from daemon.llm.wire import Call, Message, Reply, canonical, digest, response_of, thought_of
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.model import Authority, Shortage

Json = Any

IN_PLACE_SECONDS = 5.0
"""Longer waits do not hold a slot."""
RETRIES = 2
RETRY_BASE_SECONDS = 0.5
RATE_LIMIT_SECONDS = 20.0
"""When to come back after a 429 that does not say."""
PROVIDER_SECONDS = 30.0
"""When to come back after a fault that will pass."""
SHORTEST_CALL_SECONDS = 0.1
"""With less time left no call is begun."""
LEARNINGS = 6
"""A server that refuses one thing at a time is asked so often in other words."""

log = get_logger(__name__)


class Unavailable(Exception):
    """No model answered. wait_seconds: when to try again; None where waiting would not help.

    hint: what can be done about it, empty where nothing but waiting can. shortage: where it is for
    want of money.
    """

    def __init__(
        self,
        reason: DegradedReason,
        code: str,
        wait_seconds: float | None = PROVIDER_SECONDS,
        hint: str = "",
        shortage: Shortage | None = None,
    ) -> None:
        super().__init__(f"{reason}: {code}")
        self.reason = reason
        self.code = code
        self.wait_seconds = wait_seconds
        self.hint = hint
        self.shortage = shortage


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in no model's form yet. turns: what followed a first answer.

    room: how many times over the answer, and what is thought before it, shall fit.
    """

    name: str
    schema: type[BaseModel]
    system: str
    data: Json
    max_output_tokens: int
    turns: Sequence[Message] = ()
    room: int = 1

    def call(self, model: str, habits: Habits, temperature: float | None) -> Call:
        """The question as ``model`` wants to be asked it."""
        form = habits.response_format
        return Call(
            model,
            [*structured.messages(self.system, self.data, self.schema, form), *self.turns],
            habits.output_tokens(self.max_output_tokens, self.room),
            structured.response_format(self.schema, self.name, form),
            None if "temperature" in habits.omits else temperature,
            habits.effort,
            habits.omits,
        )

    def asked(self, *configured: Json) -> bytes:
        """All that decides whether a kept answer is this question's.

        Not how it is put: learned forms, fallbacks and settings change while a request waits or
        changes hands. configured: what the agent's own configuration wants of the model, which is
        pinned for a request's life, and corrected by who retries it.
        """
        form = structured.response_format(self.schema, self.name, "json_schema")
        return digest(canonical([self.identity().hex(), form, *configured]))

    def identity(self) -> bytes:
        """The same for every model and form; an attempt numbers identical questions by it."""
        tokens = self.room * self.max_output_tokens
        return digest(canonical([self.name, self.system, self.data, tokens, list(self.turns)]))


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer as text. model: as the provider named it."""

    model: str
    text: str
    size_bytes: int
    truncated: bool
    refused: bool


@dataclass
class Stopwatch:
    """How much time for model work is left. It runs only while somebody waits for a model."""

    limit_seconds: float
    _used: float = 0.0
    _running: int = 0
    _since: float = 0.0

    def __enter__(self) -> Self:
        if self._running == 0:
            self._since = time.monotonic()
        self._running += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._running -= 1
        if self._running == 0:
            self._used += time.monotonic() - self._since

    def left(self) -> float:
        """Seconds; negative when the time is over."""
        running = time.monotonic() - self._since if self._running else 0.0
        return self.limit_seconds - self._used - running


@dataclass
class Shop:
    """What all buyers of a process share."""

    journal: Journal
    provider: Provider
    meters: Meters
    prices: Prices = field(default_factory=Prices)
    models: KnownModels = field(default_factory=KnownModels)
    log_prompts: bool = True
    retry_base_seconds: float = RETRY_BASE_SECONDS
    settling: dict[asyncio.Task[str], Authority] = field(default_factory=dict)
    """Calls that are being settled, and whose they were."""
    fallbacks: Counter[str] = field(default_factory=Counter)
    """How often a model answered because those before it could not."""

    async def settled(self, authority: Authority) -> None:
        """Wait until this process has settled the calls of earlier attempts at the same request.

        While the database is away an answer waits here to be written, and the request's next
        attempt may begin before that is done. It would not find it, and buy it again.
        """
        earlier = [
            task
            for task, owner in self.settling.items()
            if owner.request_id == authority.request_id and owner != authority
        ]
        if earlier:
            await asyncio.wait(earlier)


@dataclass
class Buyer:
    """Buys for one agent inside one attempt.

    configured: the model and the temperature that the agent's configuration names, if any.
    numbers: how often each question was asked in this attempt; shared with agents run inside it.
    """

    shop: Shop
    authority: Authority
    task_type: str
    models: Sequence[str]
    temperature: float | None
    configured: tuple[str | None, float | None]
    limits: Sequence[Limit]
    cache_seconds: float
    max_calls: int
    clock: Stopwatch
    numbers: dict[bytes, int]
    calls: int = 0

    async def buy(self, question: Question) -> Completion:
        """One answer. Raises Unavailable, LeaseLost, CancelRequested."""
        identity = question.identity()
        n = self.numbers[identity] = self.numbers.get(identity, 0) + 1
        last = Unavailable("provider_error", "no_model", None)
        for place, model in enumerate(self.models):
            if place and self.spent:
                break  # what the last one met is the reason, not that nobody else was asked
            try:
                completion = await self._buy_from(model, question, n)
            except Unavailable as unavailable:
                # A refused key shuts all models: what it was says more than that they are shut.
                if not place or unavailable.reason != "breaker_open":
                    last = unavailable
                if unavailable.reason in {"timeout", "refusal"}:
                    break
            else:
                if place:
                    self.shop.fallbacks[model] += 1
                return completion
        raise last

    @property
    def spent(self) -> bool:
        """Whether this agent has no call left in this request."""
        return self.calls >= self.max_calls

    async def _buy_from(self, model: str, question: Question, n: int) -> Completion:
        retries, learnings, shrunk = 0, 0, False
        while True:
            habits = self.shop.models[model]
            entry, call = self._entry(model, question, n)
            begun = await self._begin(entry)
            if begun.verdict == "wait":
                await self._wait(begun.wait_seconds or 0.0, "rate_limited")
                continue
            if begun.verdict != "go":
                return _completion(begun.returned_model or begun.model, begun.response)
            reply = await self._send(entry, call)
            verdict = classify.classify(reply, datetime.now(UTC))
            completion = await self._settle(entry, call, reply, verdict)
            if completion is not None:
                return completion
            match verdict.kind:
                case "transient" if verdict.code == "timeout":
                    raise self._given_up(model, verdict)  # there is no time left for another
                case "transient" | "rate_limited" if retries < RETRIES and not self.spent:
                    retries += 1
                    await self._wait(self._pause(verdict, retries), verdict.code)
                case "parameter" if learnings < LEARNINGS:
                    learnings += 1
                    self.calls -= 1  # refused unread: it has used up nothing of max_calls
                    await self._learn(model, habits, verdict.parameters)
                case "schema" if (call.response_format or {}).get("type") == "json_schema":
                    self.calls -= 1
                    self.shop.models.refuses_schema(model, question.name)
                    log.warning("model_refuses_schema", model=model, name=question.name)
                case "context_length" if not shrunk:
                    shrunk = True
                    self.calls -= 1
                    question = _shorter(question)
                case _:
                    raise self._given_up(model, verdict)

    def _entry(self, model: str, question: Question, n: int) -> tuple[Entry, Call]:
        calls = {
            name: question.call(
                name, self.shop.models.for_question(name, question.name), self.temperature
            )
            for name in (model, *(other for other in self.models if other != model))
        }
        call = calls[model]
        text = call.canonical()
        prompt_tokens = estimate_tokens(text, len(call.messages))
        entry = Entry(
            authority=self.authority,
            hashes=[digest(text), *(digest(calls[m].canonical()) for m in calls if m != model)],
            question=question.asked(*self.configured),
            n=n,
            token=uuid.uuid4(),
            task_type=self.task_type,
            name=question.name,
            model=model,
            prompt=call.body() if self.shop.log_prompts else None,
            prompt_bytes=len(text.encode()),
            tokens=prompt_tokens + call.max_output_tokens,
            usd=self.shop.prices.reservation(model, prompt_tokens, call.max_output_tokens),
            limits=self.limits,
            cache_seconds=self.cache_seconds,
        )
        return entry, call

    async def _begin(self, entry: Entry) -> Begun:
        if self.spent:
            raise Unavailable("budget_exhausted", "max_calls", None)
        if self.clock.left() < SHORTEST_CALL_SECONDS:
            raise Unavailable("timeout", "deadline")
        # Taken before it is known whether it goes: branches side by side share what is left.
        self.calls += 1
        goes = False
        try:
            begun = await self.shop.journal.begin(entry)
            goes = begun.verdict in {"go", "replay", "cached"}
        finally:
            if not goes:
                self.calls -= 1
        match begun.verdict:
            case "lost":
                raise LeaseLost(f"request {self.authority.request_id} is another attempt's now")
            case "cancelled":
                raise CancelRequested(f"request {self.authority.request_id} was cancelled")
            case "budget":
                self._count(entry, "budget")
                detail, hint = begun.detail or "", self._too_dear(entry)
                scope, _, period = detail.rpartition(" ")
                shortage = Shortage(scope, period, entry.usd)
                raise Unavailable("budget_exhausted", detail, begun.wait_seconds, hint, shortage)
            case "breaker":
                self._count(entry, "breaker")
                raise Unavailable("breaker_open", begun.detail or "", begun.wait_seconds)
            case "replay" | "cached":
                self._count(entry, begun.verdict)
        return begun

    def _too_dear(self, entry: Entry) -> str:
        """What to change where no request could ever pay for this call; empty where one could."""
        shares = [one.limit_usd for one in entry.limits if one.kind == "request"]
        least = min((share for share in shares if share is not None), default=entry.usd)
        if entry.usd <= least:
            return ""
        if self.shop.prices.find(entry.model) is None:
            hint = (
                f"{entry.model} has no price and counts at that of *: add a row to"
                " ai_model_prices, with zeros for a server of your own"
            )
        else:
            hint = "raise max_usd in the agent's config, or set a cheaper model"
        log.warning(
            "model_too_dear",
            model=entry.model,
            task_type=self.task_type,
            most_usd=str(entry.usd),
            limit_usd=str(least),
            hint=hint,
        )
        return hint

    async def _send(self, entry: Entry, call: Call) -> Reply:
        labels = {"gen_ai.request.model": entry.model, "ai.question": entry.name}
        try:
            with telemetry.span("model_call", labels) as traced:
                reply = await self.shop.provider.call(call, max(self.clock.left(), 0.0))
                traced |= {"ai.seconds": reply.seconds, "ai.problem": reply.problem or ""}
            return reply
        except asyncio.CancelledError:
            cost = Cost("uncertain", entry.usd)
            self._settle_aside(entry, Settlement("uncertain", cost, error=_error("cancelled")))
            self._count(entry, "cancelled")
            raise

    async def _settle(
        self, entry: Entry, call: Call, reply: Reply, verdict: Verdict
    ) -> Completion | None:
        """Book the call; the answer, if there is one."""
        if verdict.kind != "answer":
            state = Cost("uncertain", entry.usd) if verdict.billed else Cost("none", Decimal(0))
            settlement = Settlement("failed", state, error=_error(verdict.code, reply.status))
            feedback = _feedback(verdict, reply)
            self._count(entry, verdict.kind)
        else:
            settlement, feedback = self._booked(entry, reply)
        log.info(
            "model_called",
            model=entry.model,
            name=entry.name,
            outcome=verdict.kind,
            code=verdict.code or None,
            seconds=round(reply.seconds, 3),
            cost_usd=None if settlement.cost.usd is None else str(settlement.cost.usd),
        )
        await asyncio.shield(self._settle_aside(entry, settlement, feedback))
        if verdict.kind != "answer":
            return None
        habits = self.shop.models[entry.model]
        if _ignores_the_cap(call, habits, settlement.usage):
            await self._learn(entry.model, habits, ("max_completion_tokens",))
        return _completion(settlement.returned_model or entry.model, settlement.response)

    def _booked(self, entry: Entry, reply: Reply) -> tuple[Settlement, Feedback]:
        body = reply.json()
        returned = _short(body.get("model")) or entry.model
        tier = _short(body.get("service_tier"))
        usage = counted(body.get("usage"))
        cost = self.shop.prices.cost(returned, tier, usage, entry.usd)
        counts = Usage.parse(usage)
        if thought_of(body) or (counts is not None and counts.reasoning):
            self.shop.models.thinks(entry.model)
        self._count(entry, "answer", counts, cost)
        if cost.state == "unpriced":
            hint = (
                "the provider told no usable token counts; the budget was charged the reservation"
                if counts is None
                else "add a row for this model and tier to ai_model_prices, with zeros for a"
                " server of your own; the budget was charged at the price of *"
            )
            log.warning("model_unpriced", model=returned, tier=tier, hint=hint)
        settlement = Settlement(
            "done",
            cost,
            response=response_of(body) | {"question": entry.question.hex()},
            usage=usage if isinstance(usage, dict) else None,
            returned_model=returned,
            tier=tier,
        )
        feedback = Feedback(
            "ok",
            tokens_over=counts.total - entry.tokens if counts else 0,
            buckets=classify.buckets(reply.headers),
        )
        return settlement, feedback

    def _settle_aside(
        self, entry: Entry, settlement: Settlement, feedback: Feedback | None = None
    ) -> asyncio.Task[str]:
        """Settle in a task of its own, which the end of this attempt does not stop."""
        work = self.shop.journal.end(entry, settlement, feedback or Feedback())
        task = asyncio.create_task(work, name=f"settle-{entry.token}")
        self.shop.settling[task] = entry.authority
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[str]) -> None:
        del self.shop.settling[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("settlement_failed", error=type(error).__name__)

    def _pause(self, verdict: Verdict, retries: int) -> float:
        if verdict.retry_after_seconds is not None:
            return verdict.retry_after_seconds
        return backoff.full_jitter(
            retries, base_seconds=self.shop.retry_base_seconds, cap_seconds=IN_PLACE_SECONDS
        )

    async def _wait(self, seconds: float, code: str) -> None:
        """Wait in place, or raise Unavailable where that holds the slot or misses the deadline."""
        if seconds > min(IN_PLACE_SECONDS, self.clock.left() - SHORTEST_CALL_SECONDS):
            raise Unavailable("provider_error", code, max(seconds, 1.0))
        await asyncio.sleep(seconds)

    async def _learn(self, model: str, habits: Habits, parameters: Sequence[str]) -> None:
        # Another call may have learned it meanwhile; learning twice would give up too much.
        if self.shop.models[model] != habits:
            return
        learned = [self.shop.models.learn(model, parameter) for parameter in parameters]
        if not any(learned):
            hint = classify.HINTS["parameter"]
            raise Unavailable("provider_error", f"refuses_{parameters[0]}", hint=hint)
        log.warning(
            "model_refuses",
            model=model,
            parameters=list(parameters),
            hint="remembered and asked in another form from now on; answers are checked as before",
        )
        await persistently(lambda: self.shop.journal.learn(model, self.shop.models[model]))

    def _given_up(self, model: str, verdict: Verdict) -> Unavailable:
        kind, code = verdict.kind, verdict.code
        hint = classify.HINTS.get(kind) or classify.CODE_HINTS.get(code, "")
        if hint:
            log.error("model_unavailable", model=model, kind=kind, code=code, hint=hint)
        match kind:
            case "refusal":
                return Unavailable("refusal", code, None)
            case "transient" if code == "timeout":
                return Unavailable("timeout", code, hint=hint)
            case "rate_limited":
                wait = verdict.retry_after_seconds
                return Unavailable(
                    "provider_error", code, RATE_LIMIT_SECONDS if wait is None else wait
                )
            case "auth" | "quota" | "model_gone" | "address":
                return Unavailable("provider_error", code, classify.OPEN_SECONDS[kind], hint)
            case "bad_request" | "schema" | "parameter" | "context_length":
                return Unavailable("provider_error", code, None, hint)
            case _:
                return Unavailable("provider_error", code, hint=hint)

    def _count(
        self, entry: Entry, outcome: str, usage: Usage | None = None, cost: Cost | None = None
    ) -> None:
        meters = self.shop.meters
        meters.llm_calls.labels(entry.model, outcome).inc()
        if usage is not None:
            meters.tokens(
                entry.model,
                {
                    "input": usage.prompt,
                    "cached_input": usage.cached,
                    "output": usage.completion,
                    "reasoning": usage.reasoning,
                },
            )
        if cost is not None:
            task_type = meters.task_type(entry.task_type)
            meters.llm_cost_usd.labels(entry.model, task_type).inc(float(cost.usd or 0))
            if cost.charged > entry.usd:
                meters.llm_estimates_exceeded.labels(entry.model).inc()


def _completion(model: str, response: Json) -> Completion:
    return Completion(
        model,
        response["text"],
        response["bytes"],
        truncated=response["finish_reason"] == "length",
        refused=bool(response["refusal"]) or response["finish_reason"] == "content_filter",
    )


def _ignores_the_cap(call: Call, habits: Habits, usage: Json) -> bool:
    """Whether more was written than was asked for: DeepSeek and Ollama know the older name of the
    cap alone, and do not say so. habits: as known by now, maybe from another call."""
    counts = Usage.parse(usage)
    if counts is None or "max_completion_tokens" in call.omits | habits.omits:
        return False
    return counts.completion - counts.reasoning > call.max_output_tokens


def _feedback(verdict: Verdict, reply: Reply) -> Feedback:
    """What a failed call tells the breaker."""
    limits = classify.buckets(reply.headers)
    match verdict.kind:
        case "auth" | "quota":
            seconds = classify.OPEN_SECONDS[verdict.kind]
            return Feedback("open", whole=True, seconds=seconds, reason=verdict.code)
        case "model_gone" | "address":
            seconds = classify.OPEN_SECONDS[verdict.kind]
            return Feedback("open", seconds=seconds, reason=verdict.code)
        case "rate_limited" if (verdict.retry_after_seconds or 0) > IN_PLACE_SECONDS:
            # Everybody would get the same answer until then.
            return Feedback(
                "open",
                seconds=min(verdict.retry_after_seconds or 0, 86_400.0),
                reason=verdict.code,
                buckets=limits,
            )
        case "transient":
            return Feedback(
                "failure",
                seconds=classify.FAILURE_SECONDS,
                threshold=classify.FAILURE_THRESHOLD,
                reason=verdict.code,
            )
        case _:
            return Feedback(buckets=limits)


def _shorter(question: Question) -> Question:
    return replace(question, max_output_tokens=max(question.max_output_tokens // 2, 200))


def _error(code: str, status: int | None = None) -> dict[str, Json]:
    return {"code": code} if status is None else {"code": code, "status": status}


def _short(value: Json) -> str | None:
    """A name the provider returned, as a name."""
    return value.replace("\0", "")[:200] if isinstance(value, str) and value else None
