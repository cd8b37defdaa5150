"""The way of a request up to its attempt, and what happens to it without one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

import psycopg

from daemon.database import is_transient, refusal
from daemon.errors import LeaseLost
from daemon.model import Authority, Claimed, ErrorInfo, Json, OnUnavailable, Status
from daemon.refusals import Refusals
from daemon.statements import Statements
from daemon.store.executor import Executor, KeptConnection, Pool
from daemon.store.safe_json import dumps, loads_input
from daemon.store.values import (
    INPUT_LIMIT_BYTES,
    Claim,
    InputTooLarge,
    Key,
    Rescued,
    Sweep,
    Swept,
    Unchecked,
)

FENCE, REFUSAL = 1, 12
"""Places among the columns of request_claim.sql."""
LOST_CAP = 5
"""So often may a request lose its worker before it fails as ``lost``."""


class WorkStore(Executor):
    def __init__(self, pool: Pool, statements: Statements) -> None:
        super().__init__(pool, statements)
        self._for_claims = KeptConnection(pool)
        self._one_claim = asyncio.Lock()
        self._unrefused = Refusals("refusal_refused")

    async def close(self) -> None:
        """Give back to the pool what is kept of it."""
        await self._for_claims.give_back()

    async def claim(
        self,
        worker_id: str,
        types: Sequence[str],
        slots: int,
        lease_seconds: float,
        *,
        past: Collection[int] | None = None,
        now: datetime | None = None,
    ) -> Claim:
        """Take up to ``slots`` due requests of ``types``, best first, within all limits.

        Fewer than ``slots`` may come although more could: call again until nothing comes, or
        nothing is left due. ``input_data`` is None where it is large; :meth:`load_input` reads it.
        past: not None once the database has refused a claim, which ends with its error. Then each
        request is tried alone first, and these are passed over.
        """
        async with self._one_claim:
            connection = await self._for_claims.take()
            try:
                rows = await self._tuples(
                    "request_claim",
                    connection,
                    worker_id=worker_id,
                    types=list(types),
                    slots=slots,
                    lease_seconds=lease_seconds,
                    past=None if past is None else list(past),
                    now=now,
                )
                if not connection.autocommit:
                    await connection.commit()
            except BaseException:
                await self._for_claims.give_back()
                raise
        *_, due, unchecked, next_due_seconds, transactions, asynchronous = rows[0]
        return Claim(
            [_claimed(row, worker_id) for row in rows if row[FENCE] is not None],
            due=due,
            unchecked=unchecked,
            next_due_seconds=next_due_seconds,
            transactions=transactions,
            asynchronous=asynchronous,
            refused={row[0]: row[REFUSAL] for row in rows if row[REFUSAL] is not None},
        )

    async def leases_held(self, worker_id: str) -> set[Key]:
        """The attempts whose leases are this worker's."""
        rows = await self._rows("lease_held", worker_id=worker_id)
        return {(row["request_id"], row["fence"]) for row in rows}

    async def notifiers_queue(self) -> bool:
        """Whether transactions wait for each other because they notify."""
        row = await self._row("doorbell_queue")
        return row is not None and row["queued"]

    async def load_input(self, authority: Authority) -> Json:
        """A claimed request's ``input_data``, as JSON.

        Raises InputTooLarge for more than 1 MB, which is not read, and LeaseLost when the request
        is no longer this worker's.
        """
        row = await self._row(
            "request_load",
            request_id=authority.request_id,
            fence=authority.fence,
            worker_id=authority.worker_id,
            limit_bytes=INPUT_LIMIT_BYTES,
        )
        if row is None:
            raise LeaseLost(f"request {authority.request_id} is not this worker's any more")
        if row["input_text"] is None:
            raise InputTooLarge(row["size_bytes"])
        return loads_input(row["input_text"])

    async def unchecked(self, limit: int = 200, *, newest: bool = False) -> list[Unchecked]:
        """Pending requests that intake has not seen, in the order of their ids.

        The oldest, or the ``newest``. At most ``limit``, and about 4 MB of input, at a time; never
        empty while there are any.
        """
        rows = await self._rows(
            "request_unchecked", limit=limit, limit_bytes=INPUT_LIMIT_BYTES, newest=newest
        )
        return [
            Unchecked(
                request_id=row["id"],
                task_type=row["task_type"],
                known=row["known"],
                enabled=row["enabled"],
                size_bytes=row["size_bytes"],
                input_data=None if row["input_text"] is None else loads_input(row["input_text"]),
            )
            for row in rows
        ]

    async def refuse(self, refusals: Sequence[tuple[int, ErrorInfo]]) -> list[int]:
        """Fail requests that no attempt has touched; returns those that were still so.

        One that the database does not let fail, as where a trigger of the main app's raises, costs
        the others nothing: each then goes alone.
        """
        if not refusals:
            return []
        listed = [{"id": request_id, "error": error.as_json()} for request_id, error in refusals]
        try:
            rows = await self._rows("request_refuse", refusals=dumps(listed))
        except psycopg.Error as error:
            if is_transient(error):
                raise
            if len(refusals) > 1:
                return [done for one in refusals for done in await self.refuse([one])]
            self._unrefused.add({refusals[0][0]: refusal(error)})
            with suppress(psycopg.Error):  # else it would be looked at again at once, and always
                await self.mark_checked([refusals[0][0]])
            return []
        return [row["id"] for row in rows]

    async def mark_checked(self, request_ids: Sequence[int]) -> int:
        """Note that intake found nothing wrong with these requests; returns how many it noted.

        Each goes alone where the database refuses one; that one's claim tells of it.
        """
        if not request_ids:
            return 0
        try:
            return len(await self._rows("request_mark_checked", ids=list(request_ids)))
        except psycopg.Error as error:
            if is_transient(error):
                raise
            if len(request_ids) > 1:
                return sum([await self.mark_checked([one]) for one in request_ids])
            return 0

    async def reap(
        self,
        lease_seconds: float,
        *,
        limit: int = 100,
        extend: bool = False,
        now: datetime | None = None,
    ) -> list[Rescued]:
        """Rescue requests whose lease ran out; nothing while another daemon is at it.

        extend: grant every lease a full lease time instead, after the database's clock jumped.
        Call again while ``limit`` rows come.
        """
        rows = await self._rows(
            "lease_reap",
            lease_seconds=lease_seconds,
            max_lost=LOST_CAP,
            limit=limit,
            extend=extend,
            now=now,
        )
        return [
            Rescued(
                row["id"], row["fence"], row["task_type"], row["worker_id"], Status(row["status"])
            )
            for row in rows
        ]

    async def reap_later(
        self, lease_seconds: float, *, limit: int = 100, now: datetime | None = None
    ) -> dict[int, str]:
        """Grant another lease time to those that the database does not let :meth:`reap` rescue;
        returns why, by their ids."""
        rows = await self._rows(
            "lease_later", lease_seconds=lease_seconds, max_lost=LOST_CAP, limit=limit, now=now
        )
        return {row["id"]: row["refusal"] for row in rows}

    async def sweep(
        self, limit: int = 200, *, past: Collection[int] = (), now: datetime | None = None
    ) -> Sweep:
        """Cancel and expire what no attempt holds, and answer overdue approvals.

        A request that goes on after an overdue approval comes as ``pending``. Call again while
        ``limit`` rows come. past: requests to pass over, since the database refused them before.
        """
        rows = await self._rows("request_sweep", limit=limit, past=list(past), now=now)
        swept = [
            Swept(row["id"], row["task_type"], Status(row["status"]))
            for row in rows
            if row["status"] is not None
        ]
        refused = {row["id"]: row["refusal"] for row in rows if row["refusal"] is not None}
        return Sweep(swept, rows[0]["ends_in_seconds"] if rows else None, refused)

    async def mend_questions(self, limit: int = 200) -> int:
        """Part questions and requests of which the other was deleted; returns how many. Call again
        while ``limit`` or more come."""
        row = await self._row("question_lost", limit=limit)
        return row["gone"] + row["back"] if row else 0

    async def cancel(self, request_id: int) -> bool:
        """Ask for a request to stop. False if there is no such request or it has ended."""
        return await self._row("request_cancel", request_id=request_id) is not None

    async def retry(self, request_id: int, actor: str, channel: str = "api") -> bool:
        """Reopen a failed, cancelled or expired request, with a line in the audit log."""
        row = await self._row(
            "request_retry", request_id=request_id, actor=actor, channel=channel, now=None
        )
        return bool(row and row["reopened"])

    async def attempt_cost(self, authority: Authority) -> Decimal:
        """USD that this worker's attempt cost, once its end is written; 0 for a stranger's."""
        row = await self._row(
            "attempt_cost",
            request_id=authority.request_id,
            fence=authority.fence,
            worker_id=authority.worker_id,
        )
        return Decimal(0) if row is None else row["cost_usd"]

    async def attempt_end(self, authority: Authority) -> Status | None:
        """What the end of this attempt made of its request; None once another attempt began."""
        row = await self._row(
            "attempt_end", request_id=authority.request_id, fence=authority.fence
        )
        return None if row is None else Status(row["status"])

    async def ring(self) -> None:
        """Wake a sleeping daemon, if any sleeps."""
        await self._rows("doorbell_ring")


def _wish(word: str | None) -> OnUnavailable | None:
    """What a request wants without a model; a word that nobody knows is as good as none, so that
    the agent's configuration decides and not what the word happens to be compared with."""
    folded = (word or "").strip().lower()
    return next((wish for wish in get_args(OnUnavailable) if wish == folded), None)


def _claimed(row: tuple[Any, ...], worker_id: str) -> Claimed:
    """From the columns of request_claim.sql, in their order."""
    (
        request_id,
        fence,
        task_type,
        attempt,
        text,
        requested_by,
        fair_key,
        created_at,
        max_usd,
        on_unavailable,
        agent_version,
        waited_seconds,
        *_,
    ) = row
    return Claimed(
        Authority(request_id, fence, worker_id),
        task_type,
        attempt,
        None if text is None else loads_input(text),
        requested_by,
        fair_key,
        created_at.isoformat(),
        max_usd,
        _wish(on_unavailable),
        agent_version,
        None if text is None else len(text.encode()),
        waited_seconds,
    )
