"""The nightly look back: forecasts and proposed times meet what really came.

Hourly, each daemon takes open rows of ``ai_progress_reports`` and ``ai_schedule_suggestions`` that
nobody has looked at today, reads those clients' rows in the main app and writes down what is known
by now. Where there is no main app, nothing is taken. What cannot be judged today, because a client
was not measured or a table cannot be read, waits for tomorrow.

Nothing hurries here: some clients at a time, in a thread, their rows read with one scan of each
table, since the main app has no index to read one client's with. Neither the main app nor a single
client's odd rows can end the daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from agents.crm import MOST_SESSIONS, Crm, SessionRow, Snapshot
from agents.progress import outcomes as forecasts
from agents.progress.analyse import Given, clean_all
from agents.progress.tables import date_of, measured, number
from agents.scheduling import outcomes as proposals
from daemon.log import get_logger
from daemon.store import Store

BATCH = 200
BATCHES = 20
"""Most batches of one table in one hour, of which a nightly review of a large gym needs a few."""
CLIENTS_AT_ONCE = 50
MOST_FAILURES = 5
"""So many clients in a row whose rows could not be read, and the rest is left for another hour: it
is the main app that cannot be read. A few with odd rows among the others are no reason."""

Row = Mapping[str, Any]
Groups = Sequence[tuple[int, Sequence[Row]]]
"""Clients, each with the rows of ours that are about them."""
Judged = list[Row] | Exception
"""Of one client: outcomes, or why there are none."""
Judge = Callable[[Groups, datetime], Iterator[Judged]]

R = TypeVar("R")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One table of ours. tables: of the main app, any of which tells something."""

    tables: frozenset[str]
    look: Callable[[int], Awaitable[Sequence[Row]]]
    judge: Judge
    settle: Callable[[Sequence[Row]], Awaitable[int]]


class Hindsight:
    """Safe to run in several daemons at once: each row is looked at by one, once a day.

    time_zone: the gym's, whose calendar decides the days of measurements.
    """

    def __init__(self, store: Store, crm: Crm, time_zone: str) -> None:
        self._store = store
        self._crm = crm
        self._time_zone = time_zone

    async def look(self) -> tuple[int, int]:
        """Look once; returns how many forecasts and how many proposed times learned something."""
        tables = await self._tables()
        now = await self._store.database_now()
        kinds = (
            _Kind(
                frozenset({"measurements", "progress_records"}),
                self._store.forecast_look,
                self._forecasts,
                self._store.forecast_settle,
            ),
            _Kind(
                frozenset({"sessions"}),
                self._store.suggestion_look,
                self._proposals,
                self._store.suggestion_settle,
            ),
        )
        settled, failed = [], 0
        for kind in kinds:
            found, failures = await self._run(kind, now) if tables & kind.tables else (0, 0)
            settled.append(found)
            failed += failures
        if any(settled) or failed:
            log.info("outcomes_judged", forecasts=settled[0], proposals=settled[1], failed=failed)
        return settled[0], settled[1]

    async def _tables(self) -> frozenset[str]:
        try:
            return await asyncio.to_thread(self._crm.tables)
        except Exception as error:  # noqa: BLE001
            # Any error of the driver or of a changed table: we are guests there.
            log.warning("outcomes_unreadable", error=type(error).__name__)
            return frozenset()

    async def _run(self, kind: _Kind, now: datetime) -> tuple[int, int]:
        """(rows that learned something, clients that could not be read)."""
        settled = failed = in_a_row = 0
        for _ in range(BATCHES):
            rows = await kind.look(BATCH)
            judged: list[Row] = []
            for groups in _some(_by_client(rows)):
                for outcomes in await asyncio.to_thread(_all, kind.judge, groups, now):
                    if not isinstance(outcomes, Exception):
                        judged += outcomes
                        in_a_row = 0
                        continue
                    # The text of an error may quote a client's row.
                    log.debug("outcome_not_judged", error=type(outcomes).__name__)
                    failed += 1
                    in_a_row += 1
                if in_a_row >= MOST_FAILURES:
                    break
            settled += await kind.settle(judged)
            if len(rows) < BATCH or in_a_row >= MOST_FAILURES:
                break
        return settled, failed

    # --- in a thread ----------------------------------------------------------------------------

    def _forecasts(self, groups: Groups, now: datetime) -> Iterator[Judged]:
        def read(snapshot: Snapshot, client_id: int) -> Given:
            return measured(snapshot, client_id, now, self._time_zone, self._crm.portal_unit)

        with self._crm.snapshot() as snapshot:
            snapshot.body_ahead(client_id for client_id, _ in groups)
            found = [_tried(read, snapshot, client_id) for client_id, _ in groups]
        for given, (_, rows) in zip(found, groups, strict=True):
            yield given if isinstance(given, Exception) else _tried(_forecast, rows, given)

    def _proposals(self, groups: Groups, now: datetime) -> Iterator[Judged]:
        near = proposals.NEAR + timedelta(seconds=1)
        moments = [row["slot_local"] for _, rows in groups for row in rows]
        first, end = min(moments) - near, max(moments) + near

        def read(snapshot: Snapshot, client_id: int) -> Sequence[SessionRow]:
            return snapshot.sessions(first, end, client_id=client_id)

        with self._crm.snapshot() as snapshot:
            # Without these, nobody could tell a free hour from one that cannot be seen.
            if not snapshot.has("sessions", "id", "client_id", "session_date"):
                return
            snapshot.sessions_ahead(first, end, client_ids=(client_id for client_id, _ in groups))
            found = [_tried(read, snapshot, client_id) for client_id, _ in groups]
        for held, (client_id, rows) in zip(found, groups, strict=True):
            if isinstance(held, Exception):
                yield held
            elif len(held) < MOST_SESSIONS:  # else some may be missing
                yield _tried(_proposal, client_id, rows, held, now)


def _tried(act: Callable[..., R], *given: Any) -> R | Exception:
    """What `act` returns, or the error that one client's odd rows made it raise."""
    try:
        return act(*given)
    except Exception as error:  # noqa: BLE001
        return error


def _all(judge: Judge, groups: Groups, now: datetime) -> list[Judged]:
    """The outcomes of all these clients; the same error for each where none can be read."""
    try:
        return list(judge(groups, now))
    except Exception as error:  # noqa: BLE001
        return [error] * len(groups)


def _forecast(rows: Sequence[Row], given: Given) -> list[Row]:
    series, _ = clean_all(given)
    judged: list[Row] = []
    for row in rows:
        found = series.get(row["metric"])
        if found is None or found.unit_uncertain:
            days = values = forecasts.NOTHING
        else:
            days, values = found.days, found.values
        outcome = forecasts.judge(_issued(row), days, values, given.today)
        if outcome is not None:
            actual = None if outcome.actual is None else date_of(outcome.actual).isoformat()
            judged.append(
                {
                    "id": row["id"],
                    "actual_date": actual,
                    "abs_err_days": outcome.abs_err_days,
                    "covered80": outcome.covered80,
                }
            )
    return judged


def _proposal(
    client_id: int, rows: Sequence[Row], held: Sequence[SessionRow], now: datetime
) -> list[Row]:
    sessions = [_held(row) for row in held]
    judged: list[Row] = []
    for row in rows:
        wall = now.astimezone(ZoneInfo(row["tz"])).replace(tzinfo=None)
        made = row["created_at"].astimezone(UTC).replace(tzinfo=None)
        proposed = proposals.Proposed(
            client_id, row["trainer_id"], row["slot_local"], made, row["session_id"]
        )
        outcome = proposals.judge(proposed, sessions, wall)
        if outcome is not None:
            judged.append({"id": row["id"], **asdict(outcome)})
    return judged


def _some(groups: Iterable[tuple[int, Sequence[Row]]]) -> Iterator[Groups]:
    """As many as are read at once."""
    left = iter(groups)
    while some := list(islice(left, CLIENTS_AT_ONCE)):
        yield some


def _by_client(rows: Sequence[Row]) -> Iterator[tuple[int, list[Row]]]:
    ordered = sorted(rows, key=lambda row: row["client_id"])
    for client_id, group in groupby(ordered, key=lambda row: row["client_id"]):
        yield client_id, list(group)


def _issued(row: Row) -> forecasts.Issued:
    p10, p50, p90 = (
        None if row[name] is None else number(row[name])
        for name in ("p10_date", "p50_date", "p90_date")
    )
    toward = -1 if row["direction"] == "decrease" else 1
    return forecasts.Issued(number(row["as_of"]), row["target"], toward, p10, p50, p90)


def _held(row: SessionRow) -> proposals.Held:
    return proposals.Held(
        row.id, row.client_id, row.trainer_id, row.start, row.status, row.created_at
    )
