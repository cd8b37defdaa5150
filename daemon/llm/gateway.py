"""What agents see of the model: ``ctx.llm``, one :class:`RequestLLM` per agent and attempt.

``ask`` climbs the ladder of ``structured``: an answer cut off by its length is asked for once more
with twice the room, for what is thought before it too; a refusal ends it; an answer that cannot be
used is sent back once with what is wrong with it. Every answer, good or not, ends as an
:class:`~agents.base.Answer`; the request's mode is computed from all of them and
never claimed by an agent, which can only disown an answer:

``full``           every answer that was asked for passed every check;
``degraded``       one was wanted and is not there, or nothing of it stands in the result; the
                   first reason is kept;
``deterministic``  nobody asked, or there is no model to ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from agents.base import (
    Answer,
    BaseAgent,
    BudgetExhausted,
    DegradedReason,
    ProviderRefused,
    ProviderUnavailable,
)
from daemon.database import persistently
from daemon.llm import structured
from daemon.llm.buyer import Buyer, Completion, Question, Shop, Stopwatch, Unavailable
from daemon.llm.journal import Journal, Limit
from daemon.llm.provider import Provider
from daemon.llm.redact import redact
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.model import Claimed, Mode, OnUnavailable, Shortage
from daemon.outcome import Snoozed
from daemon.settings import Settings
from daemon.statements import Statements
from daemon.store.executor import Pool

Json = Any
T = TypeVar("T", bound=BaseModel)

KNOWN_FOR_SECONDS = 300.0
"""How long prices and habits are taken for current."""
UNCONFIGURED_SECONDS = 60.0
"""When a request that waits for a model looks again whether there is one."""
ABANDONED_AFTER_SECONDS = 3600.0
FORGET_LIMIT = 500
UPGRADE_LIMIT = 20
AFFORD_LIMIT = 1000
SETTLE_SECONDS = 10.0
"""How long a stop waits for calls that are being settled."""

log = get_logger(__name__)


class Gateway:
    """The process's way to its provider."""

    def __init__(
        self, journal: Journal, provider: Provider, settings: Settings, meters: Meters
    ) -> None:
        self._settings = settings
        self._shop = Shop(journal, provider, meters, log_prompts=settings.log_prompts)
        self._known_until = 0.0
        self._knowing = asyncio.Lock()

    @classmethod
    def create(
        cls, pool: Pool, statements: Statements, settings: Settings, meters: Meters
    ) -> Gateway:
        """The gateway that the settings describe, on the hot pool."""
        key = settings.openai_api_key
        provider = Provider(
            api_key=key.get_secret_value() if key else None, base_url=settings.openai_base_url
        )
        return cls(Journal(pool, statements), provider, settings, meters)

    @property
    def configured(self) -> bool:
        """False where there is neither a key nor a server of one's own."""
        return self._shop.provider.configured

    @property
    def shop(self) -> Shop:
        """What all buyers share."""
        return self._shop

    async def warm(self) -> None:
        """Load the client libraries in a thread."""
        await self._shop.provider.warm()

    async def aclose(self) -> None:
        """Wait for calls that are being settled, not for ever, then close the connections."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                if self._shop.settling:
                    await asyncio.wait(list(self._shop.settling))
                await self._shop.journal.idle()
        except TimeoutError:
            # The database is away. Their money stays reserved until it is counted as uncertain.
            log.error("calls_left_unsettled", calls=len(self._shop.settling))
        await self._shop.provider.aclose()

    async def tidy(self) -> None:
        """Upkeep: settle what dead owners left, erase what a finished request no longer needs, and
        ask again for what was degraded, where that is wished for."""
        await self._shop.journal.abandon(ABANDONED_AFTER_SECONDS)
        await self._shop.journal.forget(FORGET_LIMIT)
        if self.configured:
            asked = await self._shop.journal.upgrade(self._settings.openai_model, UPGRADE_LIMIT)
            if asked:
                log.info("degraded_asked_again", requests=len(asked))

    async def afford(self) -> None:
        """Upkeep: take up again what was put off for want of money that is there by now."""
        limit_usd = self._settings.daily_budget_usd
        ids = await self._shop.journal.afford(limit_usd, AFFORD_LIMIT)
        if ids:
            log.info("requests_afforded", requests=len(ids))

    async def know(self, *, again: bool = False) -> None:
        """Read prices and habits, unless they were read lately. again: since they changed."""
        async with self._knowing:
            if not again and time.monotonic() < self._known_until:
                return
            self._shop.prices = await self._shop.journal.prices()
            await self._shop.journal.read_habits(self._shop.models)
            self._known_until = time.monotonic() + KNOWN_FOR_SECONDS

    def for_request(
        self,
        claimed: Claimed,
        agent: BaseAgent[Any, Any],
        config: object = None,
        *,
        enabled: bool = True,
    ) -> RequestLLM:
        """The model as ``agent`` sees it during this attempt.

        config: its ``model`` and ``temperature`` replace the settings', its ``max_usd`` the
            agent's; its ``on_unavailable`` is for requests without a wish of their own.
        enabled: False for a request that wants no model.
        """
        return RequestLLM(self, claimed, agent, config, enabled=enabled, ended=[])

    def buyer(
        self,
        claimed: Claimed,
        agent: BaseAgent[Any, Any],
        config: object,
        numbers: dict[bytes, int],
        within: Sequence[str] = (),
    ) -> Buyer:
        """A buyer with this agent's models, limits and time."""
        configured = (getattr(config, "model", None), getattr(config, "temperature", None))
        first, temperature = configured
        if temperature is None:
            temperature = self._settings.openai_temperature
        first = first or self._settings.openai_model
        return Buyer(
            self._shop,
            claimed.authority,
            agent.type,
            tuple(dict.fromkeys((first, *self._settings.llm_fallback_models))),
            temperature,
            configured,
            limits(claimed, agent, config, self._settings, within),
            agent.llm.cache_seconds,
            agent.llm.max_calls,
            Stopwatch(agent.llm.deadline_seconds),
            numbers,
        )


def limits(
    claimed: Claimed,
    agent: BaseAgent[Any, Any],
    config: object,
    settings: Settings,
    within: Sequence[str] = (),
) -> list[Limit]:
    """The budgets a call of ``agent`` counts in; admins set further limits in the database.

    The agent's share of a request is its config's ``max_usd``, else its own; the request's wish
    holds beside it, for all agents inside together. within: the agents that run this one inside
    them, whose budgets count as well.
    """
    request = f"request:{claimed.request_id}"
    configured = getattr(config, "max_usd", None)
    share = agent.llm.max_usd if configured is None else configured
    found = [Limit(f"{request}:{agent.type}", "request", share)]
    if claimed.max_usd is not None:
        found.append(Limit(request, "request", claimed.max_usd))
    scopes = [f"agent:{name}" for name in dict.fromkeys((agent.type, *within))]
    if claimed.fair_key:
        scopes.insert(0, f"key:{claimed.fair_key}")
    for scope in scopes:
        found += [Limit(scope, "day"), Limit(scope, "month")]
    return [*found, Limit("global", "day", settings.daily_budget_usd), Limit("global", "month")]


@dataclass(frozen=True, slots=True)
class Ended:
    """How one ``ask`` ended. reason None: with a usable answer."""

    reason: DegradedReason | None


@dataclass
class RequestLLM:
    """``agents.base.LLM`` for one agent in one attempt.

    ended: how each question ended, of the agents that run inside this one too. within: the agents
    around this one.
    """

    gateway: Gateway
    claimed: Claimed
    agent: BaseAgent[Any, Any]
    config: object
    enabled: bool
    ended: list[Ended]
    numbers: dict[bytes, int] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    _buyer: Buyer | None = None

    @property
    def configured(self) -> bool:
        return self.enabled and self.gateway.configured

    @property
    def on_unavailable(self) -> OnUnavailable:
        """The request's wish, else the config's, else what the agent can do without a model."""
        default: OnUnavailable = "degrade" if self.agent.llm.optional else "wait"
        configured: OnUnavailable | None = getattr(self.config, "on_unavailable", None)
        return self.claimed.on_unavailable or configured or default

    def inside(self, claimed: Claimed, agent: BaseAgent[Any, Any], config: object) -> RequestLLM:
        """The model for an agent that runs inside this request: same ledger, same mode."""
        return replace(
            self,
            claimed=claimed,
            agent=agent,
            config=config,
            enabled=self.enabled and bool(getattr(config, "use_model", True)),
            within=(*self.within, self.agent.type),
            _buyer=None,
        )

    def mode(self) -> tuple[Mode, DegradedReason | None]:
        """The honest mode of all that was asked so far, and why it is not ``full``."""
        if not self.ended:
            return "deterministic", None
        reason = next((end.reason for end in self.ended if end.reason is not None), None)
        return ("degraded", reason) if reason else ("full", None)

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
        """See ``agents.base.LLM.ask``.

        Raises Snoozed, ProviderUnavailable, ProviderRefused or BudgetExhausted where the request
        does not want an answer without the model; LeaseLost and CancelRequested.
        """
        if not self.enabled:
            return Answer(None)
        if not self.gateway.configured:
            self._miss()
            return Answer(None)
        await persistently(self.gateway.know)
        await self.gateway.shop.settled(self.claimed.authority)
        if self._buyer is None:
            self._buyer = self.gateway.buyer(
                self.claimed, self.agent, self.config, self.numbers, self.within
            )
        question = Question(name, schema, system, redact(data), max_output_tokens)
        try:
            with self._buyer.clock:
                answer = await _climb(self._buyer, question, schema, repair, check)
        except Unavailable as unavailable:
            answer = self._unavailable(unavailable)
        if answer.reason in {"refusal", "invalid_output"}:
            self._insist(answer.reason)
        self.ended.append(Ended(answer.reason))
        return answer

    def disown(self) -> None:
        """See ``agents.base.LLM.disown``."""
        self._insist("invalid_output")
        self.ended.append(Ended("invalid_output"))

    def _miss(self) -> None:
        """No model is configured: an agent that has an answer of its own goes on without it."""
        optional, wanted = self.agent.llm.optional, self.on_unavailable
        if wanted == "wait" and not optional:
            raise Snoozed(UNCONFIGURED_SECONDS, "no model is configured")
        if wanted == "fail" or not optional:
            hint = "set OPENAI_API_KEY or OPENAI_BASE_URL"
            raise ProviderUnavailable(
                "this request demands a model and none is configured",
                hint=f"{hint}, or on_unavailable = 'degrade'" if optional else hint,
            )

    def _unavailable(self, met: Unavailable) -> Answer[T]:
        """Degrade, wait or fail, as the request wants it."""
        wanted = self.on_unavailable
        if met.reason == "refusal":
            return Answer(None, "refusal")
        if wanted == "wait" and met.wait_seconds is not None:
            raise Snoozed(max(met.wait_seconds, 1.0), str(met), met.shortage)
        if wanted == "fail" or not self.agent.llm.optional:
            if met.reason == "budget_exhausted":
                raise BudgetExhausted(
                    f"the model is not asked: the budget {met.code} is spent",
                    hint=met.hint or _money(met.shortage),
                )
            raise ProviderUnavailable(
                f"no model answered ({met})",
                hint=met.hint or "see ai_provider_state and ai_llm_calls.error",
                retry_after_seconds=met.wait_seconds,
            )
        log.info("model_unavailable", reason=met.reason, code=met.code)
        return Answer(None, met.reason)

    def _insist(self, reason: DegradedReason) -> None:
        """An answer that cannot be used, for a request that accepts none without the model."""
        if self.on_unavailable != "fail" and self.agent.llm.optional:
            return
        if reason == "refusal":
            raise ProviderRefused("the model declined to answer")
        raise ProviderUnavailable("the model's answers could not be used")


def _money(shortage: Shortage | None) -> str:
    """What helps where a budget is spent."""
    raised = "raise the limit in ai_budgets, DAILY_BUDGET_USD or max_usd"
    renews = shortage.renews if shortage is not None else ""
    return f"it renews at {renews}; or {raised}" if renews else raised


async def _climb(
    buyer: Buyer,
    question: Question,
    schema: type[T],
    repair: Callable[[T], tuple[T, Sequence[str]]] | None,
    check: Callable[[T], Sequence[str]] | None,
) -> Answer[T]:
    """The ladder, from the first question to a value or the reason why there is none."""
    longer = repaired = False
    while True:
        completion = await buyer.buy(question)
        if completion.refused:
            return Answer(None, "refusal", completion.model)
        parsed = _read(completion, schema, repair, check)
        if parsed.value is not None:
            return Answer(parsed.value, None, completion.model, parsed.dropped)
        if buyer.spent:
            break
        if completion.truncated and not longer:
            longer = True
            question = replace(question, room=2)
        elif not repaired and not completion.truncated:
            repaired = True
            told = schema if parsed.misshapen else None
            turns = structured.repair_messages(completion.text, parsed.problems, told)
            question = replace(question, turns=turns)
        else:
            break
    log.info("model_answer_unusable", name=question.name, problems=len(parsed.problems))
    return Answer(None, "invalid_output", completion.model)


def _read(
    completion: Completion,
    schema: type[T],
    repair: Callable[[T], tuple[T, Sequence[str]]] | None,
    check: Callable[[T], Sequence[str]] | None,
) -> structured.Parsed[T]:
    """Parse, mend, repair, check."""
    parsed = structured.parse(completion.text, completion.size_bytes, schema)
    value, dropped = parsed.value, list(parsed.dropped)
    if value is None:
        return parsed
    if repair is not None:
        value, more = repair(value)
        dropped += more
    problems = tuple(check(value)) if check is not None else ()
    return structured.Parsed(None if problems else value, problems, tuple(dropped))
