"""The end of attempts: status, result, attempt, lease and typed rows in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection

from daemon.database import is_transient, refusal
from daemon.log import get_logger
from daemon.model import (
    Authority,
    Cancel,
    Complete,
    ErrorInfo,
    Fail,
    Json,
    Lost,
    Outcome,
    Refuse,
    Release,
    Retry,
    Shortage,
    Snooze,
    Wait,
)
from daemon.store.executor import Executor
from daemon.store.safe_json import dumps
from daemon.store.values import Finished, Key, Verdict

log = get_logger(__name__)

PROJECTION = "rows:"
"""Name prefix, in ai_steps, of typed rows that could not be written and wait to be redone."""
TOO_LONG = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)
"""A table of typed rows that is locked, or slow, may stay so: results must not wait for it."""
SAVED_PLANS = "ai_saved_plans"
"""Typed rows that go into tables of the main app too; only its owner can mend a refusal there."""
NOT_SAVED = "not_saved: the database refuses the plan: "
NO_JSON = (TypeError, ValueError, RecursionError)
"""Keys that are no texts, a circle, a number of thousands of digits: what an agent's bug makes."""
BEGINNING = (None, 0, "")
"""Before the oldest of typed rows that wait."""


class _Unwritable(Exception):
    """Something in a batch is no JSON."""


class CompletionStore(Executor):
    _redo_after: tuple[datetime | None, int, str] = BEGINNING

    async def complete(
        self,
        worker_id: str,
        finished: Sequence[Finished | tuple[Authority, Outcome, int | None]],
    ) -> dict[Key, Verdict]:
        """Write the ends of attempts of one worker; returns a verdict for each.

        One transaction for all. If the database refuses the batch, each goes alone, so that one
        that cannot be stored costs the others nothing; it is then stored as ``agent_error``, and
        so is what is no JSON. After an unknown commit send the same again: what was written comes
        back ``repeated``. Raises what is_transient when the database is away; then nothing is
        known.
        """
        given = [item if isinstance(item, Finished) else Finished(*item) for item in finished]
        batch = [item for item in given if not isinstance(item.outcome, Lost)]
        if not batch:
            return {}
        try:
            return await self._complete(worker_id, batch)
        except (psycopg.Error, _Unwritable) as error:
            if is_transient(error):
                raise
            log.warning("batch_refused", rows=len(batch), reason=_why(error))
        verdicts: dict[Key, Verdict] = {}
        for item in batch:
            verdicts |= await self._complete_alone(worker_id, item)
        return verdicts

    async def redo_projections(self, limit: int = 20) -> int:
        """Write typed rows that could not be written with their result; returns how many.

        Each call goes on where the last one ended, then begins anew: rows that never fit hold up
        no others.
        """
        done = 0
        created_at, request_id, name = self._redo_after
        steps = await self._rows(
            "projection_list", created_at=created_at, request_id=request_id, name=name, limit=limit
        )
        for step in steps:
            self._redo_after = (step["created_at"], step["request_id"], step["name"])
            table = step["name"].removeprefix(PROJECTION)
            async with self._transaction() as connection:
                if await self._project(
                    connection,
                    step["request_id"],
                    step["agent_version"],
                    table,
                    dumps(step["value"]),
                ):
                    done += 1
                    if table == SAVED_PLANS:
                        await self._warn(connection, step["request_id"], None)
                    await self._rows(
                        "step_delete",
                        connection,
                        request_id=step["request_id"],
                        name=step["name"],
                    )
        if len(steps) < limit:
            self._redo_after = BEGINNING
        return done

    async def _complete_alone(self, worker_id: str, item: Finished) -> dict[Key, Verdict]:
        try:
            return await self._complete(worker_id, [item])
        except (psycopg.Error, _Unwritable) as error:
            if is_transient(error):
                raise
            log.error("outcome_refused", request_id=item.key[0], reason=_why(error))
            failure = _unstorable(item, _why(error))
        try:
            return await self._complete(worker_id, [failure])
        except psycopg.Error as error:
            if is_transient(error):
                raise
            log.error("failure_refused", request_id=item.key[0], sqlstate=error.sqlstate)
            return {item.key: "poison"}

    async def _complete(self, worker_id: str, batch: Sequence[Finished]) -> dict[Key, Verdict]:
        typed = [
            item for item in batch if isinstance(item.outcome, Complete) and item.outcome.rows
        ]
        if not typed:
            return await self._end(worker_id, batch)  # a transaction of its own: one round trip
        async with self._transaction() as connection:
            verdicts = await self._end(worker_id, batch, connection)
            for item in typed:
                if verdicts[item.key] == "accepted":
                    await self._project_all(connection, item)
        return verdicts

    async def _end(
        self,
        worker_id: str,
        batch: Sequence[Finished],
        connection: AsyncConnection[Any] | None = None,
    ) -> dict[Key, Verdict]:
        rows = await self._rows(
            "attempt_complete",
            connection,
            worker_id=worker_id,
            outcomes=_told(batch),
            now=None,
        )
        return {(r["id"], r["fence"]): r["verdict"] for r in rows}

    async def _project_all(self, connection: AsyncConnection[Any], item: Finished) -> None:
        assert isinstance(item.outcome, Complete)
        request_id = item.authority.request_id
        for table, rows in item.outcome.rows.items():
            try:
                text = dumps(list(rows))
            except NO_JSON as error:  # no table ever takes that; the answer counts
                log.error(
                    "projection_unwritable",
                    request_id=request_id,
                    table=table,
                    error=type(error).__name__,
                )
                continue
            if rows and not await self._project(
                connection, request_id, item.agent_version, table, text
            ):
                await self._rows(
                    "projection_put",
                    connection,
                    request_id=request_id,
                    fence=item.authority.fence,
                    name=f"{PROJECTION}{table}",
                    value=text,
                )

    async def _project(
        self,
        connection: AsyncConnection[Any],
        request_id: int,
        agent_version: int | None,
        table: str,
        text: str,
    ) -> bool:
        """Write typed rows behind a savepoint; False if the database refused them. text: JSON."""
        name = "result_" + str(table).removeprefix("ai_")
        if name not in self._statements:
            log.error("projection_unknown", request_id=request_id, table=table)
            return False
        try:
            async with connection.transaction():
                await self._rows(
                    name,
                    connection,
                    request_id=request_id,
                    agent_version=agent_version,
                    rows=text,
                )
        except psycopg.Error as error:
            if is_transient(error) and not isinstance(error, TOO_LONG):
                raise
            log.error(
                "projection_failed", request_id=request_id, table=table, sqlstate=error.sqlstate
            )
            if table == SAVED_PLANS:
                grants = await self._rows("plan_grants", connection)
                cure = "; ".join(row["statement"] for row in grants) or refusal(error)
                await self._warn(
                    connection, request_id, f"{cure}. It is tried again every few minutes"
                )
            return False
        return True

    async def _warn(
        self, connection: AsyncConnection[Any], request_id: int, rest: str | None
    ) -> None:
        """Say in the answer that its plan is not saved, and why; None: it is by now."""
        await self._rows(
            "answer_warning", connection, request_id=request_id, beginning=NOT_SAVED, rest=rest
        )


def _told(batch: Sequence[Finished]) -> str:
    """What ``ai_complete_v1`` takes. Raises _Unwritable."""
    try:
        return dumps([_as_json(item) for item in batch])
    except NO_JSON as error:
        raise _Unwritable from error


def _why(error: psycopg.Error | _Unwritable) -> str:
    """Why an end cannot be stored, without any of its text."""
    if isinstance(error, psycopg.Error):
        return f"SQLSTATE {error.sqlstate}"
    return f"it is no JSON: {type(error.__cause__).__name__}"


def _unstorable(item: Finished, why: str) -> Finished:
    """The failure that takes the place of an end."""
    error = ErrorInfo(
        "agent_error",
        f"the {item.outcome.name} outcome could not be stored ({why})",
        hint="look for outcome_refused in the daemon's log",
    )
    return Finished(item.authority, Fail(error), item.agent_version)


def _waits_for(reason: str, shortage: Shortage | None) -> ErrorInfo:
    """What a request shows while it is put off."""
    spent = reason.startswith("budget_exhausted")
    return ErrorInfo(
        "budget_exhausted" if spent else "provider_unavailable",
        f"put off, no attempt spent: {reason}",
        "it is tried again by itself; on_unavailable = 'degrade' answers without the model, where"
        " the agent can",
        retryable=True,
        shortage=shortage,
    )


def _as_json(item: Finished) -> dict[str, Json]:
    """What ``ai_complete_v1`` is told of an attempt's end."""
    end: dict[str, Json] = {
        "id": item.authority.request_id,
        "fence": item.authority.fence,
        "outcome": item.outcome.name,
        "agent_version": item.agent_version,
    }
    match item.outcome:
        case Complete(result=result, mode=mode, degraded_reason=reason):
            end |= {"result": result, "mode": mode, "degraded_reason": reason}
        case Retry(error=error, delay_seconds=delay_seconds):
            end |= {"error": error.as_json(), "delay_seconds": delay_seconds}
        case Snooze(delay_seconds=delay_seconds, reason=reason, shortage=shortage):
            error = _waits_for(reason, shortage)
            end |= {"delay_seconds": delay_seconds, "error": error.as_json()}
        case Fail(error=error) | Refuse(error=error):
            end |= {"error": error.as_json()}
        case Wait() | Cancel() | Release() | Lost():
            pass
    return end
