"""One attempt, from a claimed row to its outcome: a flat pipeline of named steps.

load the input → find the agent → validate → pin the configuration → deadline → context → execute
→ outcome. Nothing here writes the outcome; the completer does, under the fence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from agents.base import AgentError, Drained, Result
from daemon import clock, contain, intake, telemetry
from daemon.compute import Compute
from daemon.context import AttemptContext, Code, Measure, Services, failed_inside
from daemon.database import persistently
from daemon.errors import LeaseLost
from daemon.log import about_attempt, get_logger
from daemon.model import Claimed, Complete, ErrorInfo, Json, Outcome, Refuse
from daemon.outcome import (
    AgentTimedOut,
    CancelRequested,
    Circumstances,
    Snoozed,
    WaitingForPerson,
    decide,
    describe,
    stack,
)
from daemon.store import InputTooLarge

if TYPE_CHECKING:
    from agents.base import AgentConfig, BaseAgent
    from agents.crm import Crm
    from daemon.lease import LeaseState
    from daemon.llm.gateway import Gateway, RequestLLM
    from daemon.registry import Registry
    from daemon.store import Store

GRACE_SECONDS = 5.0
"""How long an agent that was told to stop may take before its slot is taken from it."""
NOT_ITS_OWN = (
    AgentError,
    CancelRequested,
    Drained,
    LeaseLost,
    Snoozed,
    WaitingForPerson,
    psycopg.Error,
)
"""What an agent inside a request passes on as it is: errors it chose, wishes of the runtime, and
our own database being away, which the next attempt mends for all parts."""

log = get_logger(__name__)


class Runner:
    """Runs attempts. Stateless but for those that are running now."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        gateway: Gateway,
        gym_time_zone: str,
        crm: Crm | None = None,
        measure: Measure | None = None,
        code: Code | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._gateway = gateway
        self._compute = Compute()
        self._services = Services(
            store, self._compute, gym_time_zone, crm, self._run_inside, measure, code
        )
        self._running: dict[asyncio.Task[Result[Any]], AttemptContext] = {}
        self._abandoned: set[asyncio.Task[Result[Any]]] = set()
        self._draining = False

    def drain(self) -> None:
        """Ask every running graph to stop at its next step boundary."""
        self._draining = True
        for ctx in self._running.values():
            ctx.drain()

    def release(self) -> None:
        """The time to drain is over: stop what still runs; its attempts are given back."""
        self._draining = True
        for task in self._running:
            task.cancel()

    def close(self) -> None:
        """Let the threads go, and the connections to the main app's tables."""
        self._compute.close()
        if self._services.crm is not None:
            self._services.crm.close()

    async def run(self, claimed: Claimed, lease: LeaseState) -> Outcome:
        """One attempt. Never raises but for its own cancellation; every end is an Outcome."""
        # Never unbound: each attempt is a task of its own, and the context ends with it.
        about_attempt(
            request_id=claimed.request_id,
            attempt=claimed.attempt,
            fence=claimed.authority.fence,
            task_type=claimed.task_type,
        )
        log.info("attempt_started")
        labels: telemetry.Attributes = {
            "ai.task_type": claimed.task_type,
            "ai.attempt": claimed.attempt,
        }
        with telemetry.attempt(claimed.request_id, claimed.created_at_iso, labels) as traced:
            outcome = await self._outcome(claimed, lease)
            traced["outcome"] = outcome.name
        log.info("attempt_ended", outcome=outcome.name, **_code(outcome))
        return outcome

    async def _outcome(self, claimed: Claimed, lease: LeaseState) -> Outcome:
        try:
            prepared = await self._prepare(claimed)
            if isinstance(prepared, ErrorInfo):
                return Refuse(prepared)
            return await self._attempt(claimed, lease, prepared)
        except Exception as error:  # noqa: BLE001 - every end of an attempt is an outcome
            log.error("attempt_broke", **_trace(error))
            return decide(error, self._circumstances(claimed, lease))

    async def _prepare(self, claimed: Claimed) -> _Prepared | ErrorInfo:
        """Everything that can be refused without spending an attempt."""
        task_type, version = claimed.task_type, claimed.agent_version
        await self._registry.catch_up(task_type, version)
        problem = intake.unanswerable(self._registry, task_type)
        if problem is not None:
            return problem
        pinned = await self._registry.pinned(task_type, version)
        if pinned is None:
            return ErrorInfo("agent_misconfigured", f"no code for {task_type} here")
        agent, config = pinned
        input_data = claimed.input_data
        if input_data is None:
            try:
                input_data = await persistently(lambda: self._store.load_input(claimed.authority))
            except InputTooLarge as error:
                return intake.too_large(agent, error.size_bytes)
        parsed = intake.parse_whole(self._registry, agent, input_data, claimed.input_bytes)
        if isinstance(parsed, ErrorInfo):
            return parsed
        return _Prepared(agent, config, parsed)

    async def _attempt(self, claimed: Claimed, lease: LeaseState, prepared: _Prepared) -> Outcome:
        agent = prepared.agent
        lease.deadline_monotonic = clock.monotonic() + agent.timeout_seconds
        llm = self._gateway.for_request(
            claimed, agent, prepared.config, enabled=prepared.config.use_model
        )
        ctx = AttemptContext(
            claimed, self._services, lease, llm, prepared.config, claimed.task_type
        )
        try:
            result = await self._within_deadline(agent, ctx, prepared.parsed.value)
            return self._completed(ctx, llm, result, prepared.parsed.unknown)
        except Exception as error:  # noqa: BLE001 - every end is an outcome
            circumstances = self._circumstances(claimed, lease)
            outcome = decide(error, circumstances)
            if not isinstance(error, AgentError | AgentTimedOut) and outcome.name == "retry":
                log.error("agent_failed", **_trace(error))
            return outcome
        except asyncio.CancelledError as error:
            if (current := asyncio.current_task()) is not None and current.cancelling():
                raise
            return decide(error, self._circumstances(claimed, lease))

    async def _within_deadline(
        self, agent: BaseAgent[Any, Any], ctx: AttemptContext, value: Any
    ) -> Result[Any]:
        """Run the agent in a task of its own, and take the slot back whatever it does.

        Raises what the agent raised, AgentTimedOut, or CancelledError after a cancel, a lost lease
        or a release. A result that is already there wins over all of these.
        """
        task = contain.start(agent.execute(ctx, value), name=f"agent-{agent.type}")
        self._running[task] = ctx
        if self._draining:
            ctx.drain()
        try:
            await _until_over(task, ctx.lease, agent.timeout_seconds)
            if task.done():
                return contain.result(task)
            timed_out = not ctx.lease.stopped
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_SECONDS)
            if task.done() and not task.cancelled() and task.exception() is None:
                return task.result()
            if not task.done():
                log.error("agent_ignores_cancellation", grace_seconds=GRACE_SECONDS)
                self._abandoned.add(task)
                task.add_done_callback(self._abandoned.discard)
            if timed_out:
                raise AgentTimedOut(agent.timeout_seconds)
            raise asyncio.CancelledError
        finally:
            if not task.done() and task not in self._abandoned:
                task.cancel()
            self._running.pop(task, None)

    def _completed(
        self,
        ctx: AttemptContext,
        llm: RequestLLM,
        result: Result[Any],
        unknown: tuple[str, ...],
    ) -> Complete:
        if not isinstance(result, Result):
            raise AgentError(
                f"{ctx.task_type} returned {type(result).__name__}; expected Result(output=...)"
            )
        ctx.add_rows(result.rows)
        mode, reason = llm.mode()
        return Complete(
            with_warnings(result.output.model_dump(mode="json"), unknown),
            mode,
            reason,
            ctx.rows,
        )

    async def _run_inside(
        self,
        task_type: str,
        input_data: Mapping[str, Json],
        outer: AttemptContext,
        share: tuple[int, int],
    ) -> Mapping[str, Json]:
        """Another agent inside a request: same lease, same ledger, its own configuration."""
        claimed = outer.claimed._replace(
            task_type=task_type, input_data=input_data, input_bytes=None
        )
        problem = intake.unanswerable(self._registry, task_type)
        agent = self._registry.agent(task_type)
        state = self._registry.state(task_type)
        if problem is not None or agent is None or state is None or state.config is None:
            raise failed_inside(
                task_type, problem or ErrorInfo("agent_misconfigured", "has no code here")
            )
        parsed = intake.parse(agent, input_data)
        if isinstance(parsed, ErrorInfo):
            raise failed_inside(task_type, parsed)
        llm = outer.llm.inside(claimed, agent, state.config)
        ctx = outer.inside(task_type, input_data, state.config, llm, share)
        result = await _answer_inside(agent, ctx, parsed.value)
        outer.add_rows(ctx.rows)
        outer.add_rows(result.rows)
        return with_warnings(result.output.model_dump(mode="json"), parsed.unknown)

    def _circumstances(self, claimed: Claimed, lease: LeaseState) -> Circumstances:
        return Circumstances(
            claimed.attempt,
            lost=lease.lost,
            cancelled=lease.cancelled,
            draining=self._draining,
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    agent: BaseAgent[Any, Any]
    config: AgentConfig
    parsed: intake.Parsed


async def _until_over(task: asyncio.Task[Any], lease: LeaseState, seconds: float) -> None:
    """Wait until the agent has ended, is told to stop, or has had its time.

    What ``asyncio.wait`` does, for half its cost: every attempt passes here. Its first step is
    waited for by itself, since many an agent has ended then; who is told to stop does not get it.
    """
    if not lease.stopped:
        await asyncio.sleep(0)
    if task.done():
        return
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def end(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    task.add_done_callback(end)
    lease.on_stop = end
    if lease.stopped:
        end()
    timer = loop.call_later(seconds, end)
    try:
        await over
    finally:
        timer.cancel()


async def _answer_inside(
    agent: BaseAgent[Any, Any], ctx: AttemptContext, value: Any
) -> Result[Any]:
    """The result of an agent inside a request; what goes wrong is an AgentError."""
    try:
        async with asyncio.timeout(agent.timeout_seconds) as deadline:
            return await agent.execute(ctx, value)
    except NOT_ITS_OWN:
        raise
    except Exception as error:
        late = isinstance(error, TimeoutError) and deadline.expired()
        cause = AgentTimedOut(agent.timeout_seconds) if late else error
        log.error("agent_failed_inside", inside=agent.type, **_trace(error))
        raise failed_inside(agent.type, describe(cause)) from error


def with_warnings(result: dict[str, Json], unknown: tuple[str, ...]) -> dict[str, Json]:
    """The result, with the input keys that were ignored named in its ``data_warnings``."""
    if unknown and isinstance(result.get("data_warnings"), list):
        result["data_warnings"] += [f"unknown_input_key: {key}" for key in unknown]
    return result


def _trace(error: BaseException) -> dict[str, Any]:
    """Type and frames; an exception's text may hold a client's data and stays out of the log."""
    return {"error": type(error).__name__, "frames": stack(error)}


def _code(outcome: Outcome) -> dict[str, str]:
    error = getattr(outcome, "error", None)
    return {"code": error.code} if isinstance(error, ErrorInfo) else {}
