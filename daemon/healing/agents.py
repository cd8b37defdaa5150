"""Agents that fail, and days that cost too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from daemon import clock
from daemon.healing.remedy import Effect, Remedy, Seen
from daemon.healing.store import Case
from daemon.health.checker import CALLER_CODES

PAUSE_SECONDS = 300.0
STAYS_AFTER = 3
FORGIVEN = (*CALLER_CODES, "approval_rejected", "approval_expired")
"""Ends that say nothing about the agent: the caller's mistakes, and people's decisions."""
SHED_ROWS = 1000
"""Put off by one statement."""
RAISED_SHARE = 0.9
EARLY_SHARE = 0.1
"""So much of a day must have passed before its pace means anything."""


class PauseAgent(Remedy):
    """An agent that mostly fails, although the provider works, gets a rest.

    After its pause one request at a time may try; as soon as one succeeds and none fails, it has
    its limit back, and likewise when nobody asked it for a week. A trial that fails is a new
    action; the third pause within an hour stays until a person ends it.
    """

    rule: ClassVar[str] = "pause_agent"

    def __init__(self, percent: int = 30, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._percent = percent
        self._pause_seconds = pause_seconds

    async def find(self, seen: Seen) -> Sequence[Case]:
        cases = [
            self._case(row["task_type"], row["concurrency"], row["times"] + 1, row["failed"], of)
            for row in await self._trials(seen)
            if (of := row["completed"] + row["failed"]) and row["failed"] >= row["completed"]
        ]
        if seen.alarming("agents.failure_rate"):
            cases += [
                self._case(
                    row["task_type"],
                    row["concurrency"],
                    row["paused_before"] + 1,
                    row["failed"],
                    row["ended"],
                )
                for row in await seen.store.look(
                    "healing_agents_failing",
                    percent=self._percent,
                    forgiven_codes=list(FORGIVEN),
                )
            ]
        return cases

    def _case(self, task_type: str, concurrency: int, times: int, failed: int, of: int) -> Case:
        stays = times >= STAYS_AFTER
        until = "until a person resumes it" if stays else f"for {self._pause_seconds:.0f} s"
        return Case(
            task_type,
            f"{failed} of {of} requests failed; paused {until}",
            f"pause {task_type} in ai_control",
            {"failed": failed, "of": of, "concurrency": concurrency, "times": times},
        )

    async def act(self, case: Case, seen: Seen) -> None:
        stays = case.before["times"] >= STAYS_AFTER
        await seen.store.look(
            "healing_agent_pause",
            task_type=case.target,
            seconds=None if stays else self._pause_seconds,
        )

    async def effect(self, case: Case, seen: Seen) -> Effect:
        paused = bool(await seen.store.ask("healing_agent_paused", task_type=case.target))
        return Effect(paused, {"paused": paused})

    async def tend(self, seen: Seen) -> None:
        for row in await self._trials(seen):
            forgotten = row["quiet"] and not row["failed"]
            if row["resumed"] or forgotten or row["completed"] > row["failed"]:
                await seen.store.look(
                    "healing_agent_resume",
                    task_type=row["task_type"],
                    concurrency=row["concurrency"],
                    action_id=row["id"],
                )

    async def _trials(self, seen: Seen) -> Sequence[Mapping[str, Any]]:
        return await seen.look("healing_agent_trials", forgiven_codes=list(FORGIVEN))


class ShedCost(Remedy):
    """While the day's money goes faster than the day, what is not urgent waits for tomorrow; or
    until somebody raises the limit."""

    rule: ClassVar[str] = "shed_cost"

    def __init__(self) -> None:
        self._spent: float | None = None

    @staticmethod
    def _spent_share(seen: Seen) -> float | None:
        """0 where the day has no limit; None where nothing is known."""
        result = seen.results.get("model.budget")
        if result is None:
            return None
        spent = result.detail.get("day_share") or 0.0
        # JSON has no NaN, which a price once made of a day's sum: it comes as a text.
        return spent if isinstance(spent, int | float) else None

    async def tend(self, seen: Seen) -> None:
        spent = self._spent_share(seen)
        if spent is None:
            return
        before, self._spent = self._spent, spent
        # What is spent only grows within a day: a share that shrinks much is a higher limit.
        raised = before is not None and spent < RAISED_SHARE * before
        if raised and spent <= day_share(clock.utcnow()):
            await seen.store.ask("healing_costs_returned")

    async def find(self, seen: Seen) -> Sequence[Case]:
        spent = self._spent_share(seen)
        passed = day_share(clock.utcnow())
        if spent is None or passed < EARLY_SHARE or spent <= passed:
            return ()
        waiting = await seen.store.ask("healing_costs_waiting")
        if not waiting:
            return ()
        return [
            Case(
                "",
                f"{spent:.0%} of the day's budget is gone after {passed:.0%} of the day",
                "UPDATE ai_requests SET run_after = tomorrow WHERE priority < 0",
                {"waiting": waiting, "spent_share": round(spent, 3)},
            )
        ]

    async def act(self, case: Case, seen: Seen) -> None:
        # In batches: what is left would go on being paid for until the rule may act again.
        while await seen.store.ask("healing_costs_shed", limit=SHED_ROWS) == SHED_ROWS:
            pass

    async def effect(self, case: Case, seen: Seen) -> Effect:
        waiting = await seen.store.ask("healing_costs_waiting")
        return Effect(waiting < case.before["waiting"], {"waiting": waiting})


def day_share(now: datetime) -> float:
    """How much of the UTC day has passed, from 0 to 1."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (now - midnight) / timedelta(days=1)
