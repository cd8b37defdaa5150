"""Lets rules act: within their mode, cool-down and caps, once for all daemons, each with its row.

Every ten seconds, and at once when health checks have run, each rule that is not off looks for
cases. It goes by what was measured: a check that is ``unknown`` leads to nothing. For each case
the database decides whether this daemon may begin (``sql/functions/heal_begin_v1.sql``); nobody is
elected. Then it acts, looks until the effect shows or its patience ends, and writes down the
outcome. Actions of different rules run side by side, one at a time of each.

Nothing here may take the service down: what goes wrong in a rule is its row, or a log line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import ClassVar

import psycopg

from daemon import backoff, clock
from daemon.database import brief, is_contended, is_transient
from daemon.healing.reflexes import Reflexes
from daemon.healing.remedy import CannotAct, Effect, Remedy, Seen, why
from daemon.healing.rules import RULES, Rule, Setting
from daemon.healing.store import Case, HealingStore, Outcome
from daemon.health.model import CheckResult
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.meters import Meters

TICK_SECONDS = 10.0
LEAST_SECONDS = 1.0
"""Between two looks, whatever happens."""
STALE_SECONDS = 180.0
"""A measurement that is older leads to nothing any more."""
ABANDONED_SECONDS = 600.0
LOOK_AGAIN_SECONDS = 0.5

log = get_logger(__name__)


class Healing(Service):
    """enabled: ``ENABLE_SELF_HEALING``. settings: modes by rule, as configured at the moment.

    remedies: of the rules that act; reflexes: what is only written down.
    """

    name: ClassVar[str] = "healing"

    def __init__(
        self,
        *,
        store: HealingStore,
        remedies: Sequence[Remedy],
        meters: Meters,
        worker_id: str,
        reflexes: Reflexes | None = None,
        enabled: bool = True,
        settings: Callable[[], Mapping[str, Setting]] = dict,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        super().__init__()
        self._store = store
        self._remedies = {remedy.rule: remedy for remedy in remedies}
        self._meters = meters
        meters.know_rules(RULES)
        self._worker_id = worker_id
        self._reflexes = reflexes
        self._enabled = enabled
        self._settings = settings
        self._monotonic = monotonic
        self._results: dict[str, tuple[float, CheckResult]] = {}
        self._came = asyncio.Event()
        if reflexes is not None:
            reflexes.wake = self._came.set
        self._acting: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()
        self._looked: dict[str, float] = {}
        self._delayed = False
        self._tidied_monotonic = float("-inf")
        self._absent: frozenset[str] = frozenset()
        """Statements that this look may leave out: one has said that they find nothing."""

    async def observe(self, results: Sequence[CheckResult]) -> None:
        """What a run of the health checks found. Returns at once."""
        now = self._monotonic()
        for result in results:
            if result.status == "unknown":
                self._results.pop(result.check, None)
            else:
                self._results[result.check] = (now, result)
        self._came.set()

    async def _run(self) -> None:
        while True:
            self._came.clear()
            await self.tick()
            self.signals.emit("ticked")
            await asyncio.sleep(LEAST_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    TICK_SECONDS * (0.9 + backoff.full_jitter(1, base_seconds=0.2))
                ):
                    await self._came.wait()

    async def _closed(self) -> None:
        for task in self._acting.values():
            task.cancel()
        await asyncio.gather(*self._acting.values(), return_exceptions=True)
        self._acting.clear()

    async def tick(self) -> None:
        """One look of every rule; what is to be done is begun, not awaited."""
        settings = self._settings()
        self._absent = frozenset()
        if self._enabled and not await self._shielded("signs", self._look_for_signs):
            return
        if self._reflexes is not None:
            flush = partial(
                self._reflexes.flush,
                enabled=self._enabled,
                settings=settings,
                absent=self._absent,
            )
            if not await self._shielded("reflexes", flush):
                return
        if not self._enabled:
            return
        self._name_strangers(settings)
        for name, remedy in self._remedies.items():
            mode = settings.get(name, RULES[name].mode)
            if name in self._acting or not self._due(RULES[name]):
                continue
            if not await self._shielded(name, partial(self._consider, remedy, mode)):
                return
        if "healing_approved" not in self._absent:
            await self._shielded("approved", self._carry_out)
        if self._monotonic() - self._tidied_monotonic > ABANDONED_SECONDS:
            self._tidied_monotonic = self._monotonic()
            await self._shielded("abandoned", self._store.end_abandoned)

    async def _look_for_signs(self) -> None:
        self._absent = await self._store.absent()

    def _due(self, rule: Rule) -> bool:
        if self._monotonic() - self._looked.get(rule.name, float("-inf")) < rule.every_seconds:
            return False
        self._looked[rule.name] = self._monotonic()
        return True

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._acting:
            await asyncio.wait(tuple(self._acting.values()))

    def _seen(self) -> Seen:
        now = self._monotonic()
        fresh = {
            name: result
            for name, (at, result) in self._results.items()
            if now - at <= STALE_SECONDS
        }
        return Seen(self._store, fresh, self._absent)

    async def _consider(self, remedy: Remedy, mode: Setting) -> None:
        rule, seen = RULES[remedy.rule], self._seen()
        # In any mode: what was taken away is given back also where a person approved it, and where
        # the rule was switched off since.
        await remedy.tend(seen)
        if mode == "off":
            return
        for case in await remedy.find(seen):
            action_id, verdict = await self._store.begin(rule, mode, case, self._worker_id)
            if verdict in ("proposed", "dry_run"):
                self._tell(rule, case, verdict)
            elif verdict == "go" and action_id is not None:
                self._begin(remedy, case, seen, action_id)
                return  # the next case of this rule has its turn when this one is done

    async def _carry_out(self) -> None:
        """What people have approved, if what it was for still stands."""
        for approved in await self._store.approved():
            remedy = self._remedies.get(approved.rule)
            if remedy is None or approved.rule in self._acting:
                continue
            seen = self._seen()
            found = [one for one in await remedy.find(seen) if one.target == approved.target]
            case = found[0] if found else Case(approved.target, "", "", {})
            action_id, verdict = await self._store.begin(
                RULES[approved.rule],
                "propose",
                case,
                self._worker_id,
                action_id=approved.action_id,
            )
            if verdict != "go" or action_id is None:
                continue
            if found:
                self._begin(remedy, case, seen, action_id)
            else:
                await self._end(remedy, case, action_id, "no_effect", {}, "it is over already")

    def _begin(self, remedy: Remedy, case: Case, seen: Seen, action_id: int) -> None:
        async def act() -> None:
            try:
                await self._shielded(
                    remedy.rule, partial(self._act, remedy, case, seen, action_id)
                )
            finally:
                self._acting.pop(remedy.rule, None)

        self._acting[remedy.rule] = asyncio.create_task(act(), name=f"healing-{remedy.rule}")

    async def _act(self, remedy: Remedy, case: Case, seen: Seen, action_id: int) -> None:
        outcome: Outcome
        try:
            await remedy.act(case, seen)
            effect = await self._await_effect(remedy, case)
        except CannotAct as error:
            await self._end(remedy, case, action_id, "failed", {}, str(error))
        except psycopg.Error as error:
            await self._end(remedy, case, action_id, "failed", {}, why(error, remedy.grants))
        else:
            outcome = "done" if effect.healed else "no_effect"
            await self._end(remedy, case, action_id, outcome, effect.after, effect.reason)

    async def _await_effect(self, remedy: Remedy, case: Case) -> Effect:
        deadline = self._monotonic() + remedy.patience_seconds
        while True:
            effect = await remedy.effect(case, self._seen())
            if effect.healed or self._monotonic() >= deadline:
                return effect
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _end(
        self,
        remedy: Remedy,
        case: Case,
        action_id: int,
        outcome: Outcome,
        after: Mapping[str, object],
        reason: str,
    ) -> None:
        self._tell(RULES[remedy.rule], case, outcome)
        await self._store.end(action_id, outcome, after, reason)

    def _tell(self, rule: Rule, case: Case, outcome: str) -> None:
        self._meters.healing_actions.labels(rule.name, outcome).inc()
        log.warning("healing", rule=rule.name, target=case.target, outcome=outcome)

    def _name_strangers(self, settings: Mapping[str, Setting]) -> None:
        for name in settings.keys() - RULES.keys() - self._told:
            self._told.add(name)
            log.warning("healing_rule_unknown", rule=name, known=sorted(RULES))

    async def _shielded(self, what: str, step: Callable[[], Awaitable[object]]) -> bool:
        """Nothing that goes wrong in a rule stops the others, or the service.

        False while the database is away: nobody can begin anything then. A lock that somebody else
        holds is no such thing: who holds it is what another rule may be there for.
        """
        try:
            await step()
        except Exception as error:
            if is_transient(error):
                if not self._delayed:
                    log.info("healing_delayed", rule=what, error=brief(error))
                self._delayed = True
                return is_contended(error)
            log.exception("healing_broke", rule=what)
        self._delayed = False
        return True
