"""Makes the checks: asks the database and this process, judges, relates.

One session, and one statement for all that can be asked together: some tens of milliseconds. Where
that one fails each check is asked by itself, and one that hangs costs three seconds of ours and
nothing of anybody else's. What a check needs to
remember (since when a lock is seen, a counter's last values) is kept here, so each daemon has one
checker for its own timer and for requests.

A check that cannot be made is ``unknown``. Three times in a row because of an error or for want of
time it is a ``warning``; for want of a right it stays unknown and says which right.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from agents.health.checks import MOST_TARGETS, Check, CheckResult, Json
from agents.health.judge import Limits, judge, sentence, unknown, with_others
from agents.health.relate import relate
from daemon import clock, migrate
from daemon.database import brief
from daemon.health.catalogue import SqlCheck, applicable, sql_checks
from daemon.health.late import LATE, late
from daemon.health.process import Measured, Probe
from daemon.health.session import Session
from daemon.health.together import Rows, Together, by_name, statement
from daemon.log import get_logger
from daemon.statements import Statements
from daemon.store.retention import REQUEST_SECONDS

CONNECT = Check(
    id="database.connect",
    unit="seconds",
    warning=0.25,
    critical=1.0,
    every_seconds=60,
    says="the database answered after {value}",
    remedy="is the server up and reachable from here? DATABASE_URL, its password, connections that"
    " are used up: the daemon's log says database_unavailable with the server's words",
)
CONNECT_TRIES = 3
CONNECT_PAUSE_SECONDS = 0.2
AWAY_SECONDS = 3600.0
"""What a database that does not answer counts as: over any limit."""
IN_A_ROW = 3
RATE_SECONDS = 60.0
RATE_WINDOW_SECONDS = 300.0
RECENT_SECONDS = 900.0

CALLER_CODES = (
    "unknown_task_type",
    "invalid_input",
    "input_too_large",
    "agent_disabled",
    "client_not_found",
    "trainer_not_found",
    "not_assigned",
)
"""Error codes that are the caller's doing, not the agent's."""
NOT_OURS = ("42P01", "42703", "42883", "3F000")
"""undefined_table, undefined_column, undefined_function, invalid_schema: nothing is migrated."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an admin set in the health agent's config.

    thresholds: by check id, ``{"warning": n, "critical": n}``. disk_bytes: the database's disk.
    ignore_applications: whose long transactions are meant to be long.
    """

    thresholds: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    disk_bytes: float | None = None
    ignore_applications: tuple[str, ...] = ("pg_dump",)
    unused_index_bytes: int = 10_000_000
    foreign_key_rows: int = 10_000


class Memory:
    """What checks remember between two runs, by check id."""

    def __init__(self, monotonic: clock.Monotonic) -> None:
        self._monotonic = monotonic
        self._first_seen: dict[str, dict[str, float]] = {}
        self._counters: dict[str, deque[tuple[float, float]]] = {}
        self._failures: dict[str, int] = {}

    def seen(self, check: str, rows: Rows) -> list[Measured]:
        """For how long each of these keys is there, and its detail; the longest seen first."""
        now = self._monotonic()
        before = self._first_seen.get(check, {})
        seen = self._first_seen[check] = {r["key"]: before.get(r["key"], now) for r in rows}
        return [
            Measured(now - seen[row["key"]], row["detail"])
            for row in sorted(rows, key=lambda row: seen[row["key"]])[:MOST_TARGETS]
        ]

    def per_minute(self, check: str, counter: float) -> float | None:
        """Growth per minute within the last five; None at the first look or after a reset."""
        now = self._monotonic()
        samples = self._counters.setdefault(check, deque())
        if samples and counter < samples[-1][1]:
            samples.clear()
        while samples and now - samples[0][0] > RATE_WINDOW_SECONDS:
            samples.popleft()
        samples.append((now, counter))
        if len(samples) == 1:
            return None
        at, value = samples[0]
        # A burst just before the second look is no higher rate than a burst in a minute.
        return 60.0 * (counter - value) / max(RATE_SECONDS, now - at)

    def failed(self, check: str) -> int:
        """One more failure in a row; returns how many it are."""
        self._failures[check] = self._failures.get(check, 0) + 1
        return self._failures[check]

    def worked(self, check: str) -> None:
        self._failures.pop(check, None)


class Checker:
    """See the module. probes: checks in code, of this process and of the world around it."""

    def __init__(
        self,
        session: Session,
        statements: Statements,
        *,
        probes: Sequence[Probe] = (),
        lease_seconds: float = 30.0,
        daily_budget_usd: Decimal | None = None,
        wishes: Callable[[], Wishes] = Wishes,
        monotonic: clock.Monotonic = clock.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._statements = statements
        self._probes = tuple(probes)
        self._sql = sql_checks()
        self._lease_seconds = lease_seconds
        self._daily_budget_usd = daily_budget_usd
        self._wishes = wishes
        self._memory = Memory(monotonic)
        self._wall = wall
        self._turn = asyncio.Lock()
        self._together = Together()

    @property
    def checks(self) -> dict[str, Check]:
        """Every check there is, by id, whether or not this server can answer it."""
        found = {one.check.id: one.check for one in self._sql}
        found |= {probe.check.id: probe.check for probe in self._probes}
        return found | {CONNECT.id: CONNECT, LATE.id: LATE}

    async def run(
        self,
        wanted: Collection[str] | None = None,
        thresholds: Mapping[str, Mapping[str, Json]] | None = None,
    ) -> list[CheckResult]:
        """What :meth:`measure` finds, each with what explains it."""
        return relate(await self.measure(wanted, thresholds))

    async def measure(
        self,
        wanted: Collection[str] | None = None,
        thresholds: Mapping[str, Mapping[str, Json]] | None = None,
    ) -> list[CheckResult]:
        """Make the checks with these ids, all of them for None.

        thresholds: for this run alone, over those of the config. ``database.connect`` is always
        made. Never raises but for its own cancellation.
        """
        asked = _Asked(wanted, thresholds or {}, self._wishes())
        probing = [self._probe(p, asked) for p in self._probes if asked.wants(p.check)]
        # A page that hangs keeps nobody else waiting for the database's part.
        found, probed = await asyncio.gather(self._in_turn(asked), asyncio.gather(*probing))
        return [*found, *probed]

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    # --- the database ---------------------------------------------------------------------------

    async def _in_turn(self, asked: _Asked) -> list[CheckResult]:
        """One session serves one run at a time."""
        async with self._turn:
            return await self._ask_database(asked)

    async def _ask_database(self, asked: _Asked) -> list[CheckResult]:
        connect = await self._connect(asked)
        if connect.value is not None and connect.value >= AWAY_SECONDS:
            away = [one.check for one in self._sql] + [LATE]
            names = {check.id: check for check in away if asked.wants(check)}
            why = "The database does not answer."
            return [connect, *(unknown(c, why, asked.limits(c)) for c in names.values())]
        results = [connect]
        session = self._session
        mine = applicable(self._sql, session.server_version, session.extensions)
        values = await self._values(asked)
        wanted = [one for one in mine if asked.wants(one.check)]
        answers = await self._ask_together(self._together.sociable(wanted), values)
        for one in wanted:
            if one.name in answers:
                results.append(self._answered(one, answers[one.name], asked))
            else:
                results.append(await self._ask(one, values, asked))
        if asked.wants(LATE):
            results.append(await self._late(asked))
        return results

    async def _connect(self, asked: _Asked) -> CheckResult:
        why = ""
        for attempt in range(CONNECT_TRIES):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_SECONDS)
            try:
                seconds = await self._session.ping()
            except (psycopg.Error, OSError, TimeoutError) as error:
                why = brief(error)
            else:
                return _judged(CONNECT, Measured(seconds), asked)
        away = Measured(
            AWAY_SECONDS, {"problem": why}, says="the database does not answer: {problem}"
        )
        return replace(_judged(CONNECT, away, asked), status="critical")

    async def _ask_together(
        self, checks: Sequence[SqlCheck], values: Mapping[str, Any]
    ) -> Mapping[str, Rows]:
        """The rows of these checks by name; nothing where a single one of them fails."""
        if not checks:
            return {}
        try:
            return by_name(await self._session.rows(statement(checks), values))
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.debug("health_asked_singly", error=brief(error))
            return {}

    async def _ask(self, one: SqlCheck, values: Mapping[str, Any], asked: _Asked) -> CheckResult:
        """One statement's answer, judged."""
        try:
            began = self._wall()
            rows = await self._session.rows(one.statement, values)
            middle = (began + self._wall()) / 2
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._together.failed(one)
            return self._could_not(one, error, asked)
        self._together.worked(one)
        return self._answered(one, rows, asked, middle)

    def _answered(
        self, one: SqlCheck, rows: Rows, asked: _Asked, middle: float = 0.0
    ) -> CheckResult:
        """What a check's rows say. middle: of the round trip, by this host's clock."""
        check = one.check
        self._memory.worked(check.id)
        if one.shape == "seen":
            return _worst(check, self._memory.seen(check.id, rows), asked)
        measured = [
            Measured(self._compared(one, row["value"], middle), row["detail"]) for row in rows
        ]
        return _worst(check, measured, asked, hidden=rows[0]["hidden"] if rows else 0)

    def _compared(self, one: SqlCheck, value: float | None, middle: float) -> float | None:
        """What is held against the limits, by the check's shape."""
        if value is not None and one.shape == "rate":
            return self._memory.per_minute(one.check.id, value)
        if value is not None and one.shape == "clock":
            return abs(value - middle)
        return value

    async def _late(self, asked: _Asked) -> CheckResult:
        try:
            rows = await self._session.rows(self._statements["schedule_list"])
        except (psycopg.Error, OSError, TimeoutError) as error:
            return self._could_not(None, error, asked, check=LATE)
        self._memory.worked(LATE.id)
        measured = late(rows[0]["now"], [r for r in rows if r["name"]])
        return _worst(LATE, measured[:MOST_TARGETS], asked)

    def _could_not(
        self,
        one: SqlCheck | None,
        error: BaseException,
        asked: _Asked,
        *,
        check: Check | None = None,
    ) -> CheckResult:
        """Why a check could not be made; a warning where that happens again and again."""
        subject = check or (one.check if one else CONNECT)
        state = getattr(error, "sqlstate", None)
        limits = asked.limits(subject)
        if state == "42501":
            why = f"Our role may not see it; it needs {subject.needs}."
            return unknown(subject, why, limits, needs=subject.needs)
        if state in NOT_OURS:
            why = "A table is missing: python -m daemon migrate."
            return unknown(subject, why, limits)
        if state == "57014":
            why = "It took longer than 3 seconds."
        elif state == "55P03":
            why = "A lock was not to be had within half a second."
        else:
            why = f"It could not be asked ({type(error).__name__}, SQLSTATE {state or 'none'})."
        result = unknown(subject, why, limits)
        if one is not None and one.requires:
            return result
        if self._memory.failed(subject.id) < IN_A_ROW:
            return result
        return replace(result, status="warning", message=f"{why} {IN_A_ROW} times in a row.")

    async def _values(self, asked: _Asked) -> dict[str, Any]:
        """The statements' parameters."""
        recent = datetime.now(UTC) - timedelta(seconds=RECENT_SECONDS)
        try:
            recent = (await self._session.rows(self._statements["health_recent"]))[0]["recent"]
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.debug("health_recent_unknown", error=brief(error))
        return parameters(
            asked.wishes,
            recent=recent,
            lease_seconds=self._lease_seconds,
            daily_budget_usd=self._daily_budget_usd,
        )

    # --- this process ---------------------------------------------------------------------------

    async def _probe(self, probe: Probe, asked: _Asked) -> CheckResult:
        try:
            measured = await probe.measure()
        except Exception as error:  # noqa: BLE001 - a check that breaks is unknown, not the end
            log.warning("check_broke", check=probe.check.id, error=type(error).__name__)
            return self._could_not(None, error, asked, check=probe.check)
        self._memory.worked(probe.check.id)
        return _judged(probe.check, measured, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One run: what is wanted, by which limits."""

    wanted: Collection[str] | None
    thresholds: Mapping[str, Mapping[str, Json]]
    wishes: Wishes

    def wants(self, check: Check) -> bool:
        return self.wanted is None or check.id in self.wanted

    def limits(self, check: Check, own: Limits | None = None) -> Limits:
        """own: of what was measured, instead of the check's."""
        if own is not None:
            check = replace(check, warning=own.warning, critical=own.critical)
        return Limits.of(
            check, self.wishes.thresholds.get(check.id), self.thresholds.get(check.id)
        )


def _worst(
    check: Check, measured: Sequence[Measured], asked: _Asked, *, hidden: int = 0
) -> CheckResult:
    """The first, which is the worst, with the further ones where each has its own target."""
    first = _judged(check, measured[0] if measured else Measured(None), asked, hidden=hidden)
    if not check.target:
        return first
    return with_others(first, [_judged(check, one, asked) for one in measured[1:]])


def _judged(check: Check, measured: Measured, asked: _Asked, *, hidden: int = 0) -> CheckResult:
    limits = asked.limits(check, measured.limits)
    result = judge(check, measured.value, measured.detail, hidden=hidden, limits=limits)
    if measured.says:
        says = sentence(measured.says, measured.value, check.unit, measured.detail)
        result = replace(result, message=says)
    return result


def parameters(
    wishes: Wishes,
    *,
    recent: datetime,
    lease_seconds: float = 30.0,
    daily_budget_usd: Decimal | None = None,
) -> dict[str, Any]:
    """Values for every placeholder in ``sql/health``."""
    return {
        "recent": recent,
        "lease_seconds": lease_seconds,
        "daily_budget_usd": daily_budget_usd,
        "caller_codes": list(CALLER_CODES),
        "kept_seconds": json.dumps({s.value: seconds for s, seconds in REQUEST_SECONDS.items()}),
        "known_revisions": list(migrate.revisions()),
        "disk_bytes": wishes.disk_bytes,
        "ignore_applications": list(wishes.ignore_applications),
        "unused_index_bytes": wishes.unused_index_bytes,
        "foreign_key_rows": wishes.foreign_key_rows,
    }
