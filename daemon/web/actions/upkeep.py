"""Money, schedules, workers, alerts: what people steer the service with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import psycopg

from daemon.intake import parse_whole
from daemon.model import ErrorInfo
from daemon.store.safe_json import dumps
from daemon.trigger import Trigger
from daemon.web.access import Principal
from daemon.web.actions.agents import check_usd
from daemon.web.actions.base import Act
from daemon.web.refused import Refused, conflict, invalid, not_found

Json = Any
PERIODS = ("day", "month")
MOST_SILENT_SECONDS = 30 * 86_400
SCHEDULE: Mapping[str, Json] = {
    "task_type": "",
    "trigger": "",
    "time_zone": "UTC",
    "input_data": {},
    "priority": -10,
    "misfire": "latest",
    "misfire_grace_seconds": 3600,
    "for_each": None,
    "enabled": True,
}
"""Columns of ai_schedules that people set, and what a new one has."""


class UpkeepActions(Act):
    # --- money ----------------------------------------------------------------------------------

    async def set_budget(
        self,
        who: Principal,
        scope: str,
        period: str,
        limit_usd: Json,
        reason: str,
        *,
        lapses: bool = False,
    ) -> None:
        """The limit of a scope (``global``, ``agent:TYPE``, ``key:NAME``, ``key:*``).

        period: ``day`` or ``month``, UTC. limit_usd: None lifts it. lapses: at the end of the UTC
        day the limit that stood before holds again. Counts from the next model call on. Refused:
        400 naming the field; a reason is needed.
        """
        kind, _, name = scope.partition(":")
        if kind not in {"global", "agent", "key"} or (kind == "global") != (not name):
            raise invalid(
                "scope", f"{scope[:60]!r} given", "global, agent:TYPE, key:NAME or key:*"
            )
        if len(scope) > 250 or not scope.isprintable():
            raise invalid("scope", "it is too long or cannot be printed")
        if period not in PERIODS:
            raise invalid("period", f"{period[:40]!r} given", "day or month")
        if not reason.strip():
            raise invalid("reason", "a budget changes for a reason", "say it in a few words")
        amount = None if limit_usd is None else check_usd("limit_usd", limit_usd)
        if lapses and amount is None:
            raise invalid("limit_usd", "a limit that lapses is an amount", "for example 20")
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "budget_set",
                scope=scope,
                period=period,
                limit_usd=amount,
                lapses=lapses,
            )
            before = {"limit_usd": row["before"] if row else None}
            after = {"limit_usd": amount, "lapses": lapses, "reason": reason.strip()[:500]}
            await self._audit(
                connection, who, "set_budget", f"budget:{scope}:{period}", before, after
            )

    # --- schedules ------------------------------------------------------------------------------

    async def set_schedule(
        self,
        who: Principal,
        name: str,
        changes: Mapping[str, Json],
        *,
        new: bool = False,
        based_on: Mapping[str, Json] | None = None,
    ) -> None:
        """Change a schedule, or make one; changes: keys of ``SCHEDULE``. based_on: the columns
        that were looked at, as they were.

        Refused: 400 naming the field, also for a new name that is taken, 404 for an unknown one,
        409 when a column of based_on was changed meanwhile (details: schedule, as it is now).
        """
        name = name.strip()
        if not 1 <= len(name) <= 200 or not name.isprintable():
            raise invalid("name", "1 to 200 printable characters are expected")
        if unknown := sorted(set(changes) - set(SCHEDULE)):
            raise invalid(unknown[0][:40], "schedules have no such column")
        async with self._transaction(who) as connection:
            row = await self._row(connection, "schedule_lock", name=name)
            if row is None and not new:
                raise not_found(f"schedule {name!r}")
            if row is not None and new:
                raise invalid("name", f"there is a schedule {name!r} already", "change that one")
            before = {key: (row or SCHEDULE)[key] for key in SCHEDULE}
            if row and based_on and any(before[key] != based_on[key] for key in based_on):
                raise conflict(
                    f"schedule {name!r} was changed meanwhile",
                    "look at what was changed, then save again",
                    schedule=before,
                )
            after = {**before, **changes}
            self._check_schedule(after)
            changed = [key for key in after if row is None or after[key] != before[key]]
            if not changed:
                return
            try:
                await self._row(
                    connection,
                    "schedule_put",
                    name=name,
                    **{**after, "input_data": dumps(after["input_data"])},
                )
            except (psycopg.errors.CheckViolation, psycopg.errors.DataError) as error:
                field = error.diag.column_name or error.diag.constraint_name or "schedule"
                raise invalid(field.removeprefix("ai_schedules_"), "cannot be used") from None
            await self._audit(
                connection,
                who,
                "add_schedule" if row is None else "set_schedule",
                f"schedule:{name}",
                None if row is None else {key: before[key] for key in changed},
                {key: after[key] for key in changed},
            )

    async def run_schedule(self, who: Principal, name: str) -> int:
        """Ask now for what a schedule asks for; returns the request's id.

        Its next slot fires all the same, since this request has an idempotency key of its own. One
        ``for_each`` active client is left to its slot. Refused: 404, 400.
        """
        async with self._transaction(who) as connection:
            row = await self._row(connection, "schedule_lock", name=name)
            if row is None:
                raise not_found(f"schedule {name[:60]!r}")
            if row["for_each"] is not None:
                raise invalid("name", "this schedule asks for every client", "wait for its slot")
            asked = await self._row(
                connection,
                "request_ask",
                task_type=row["task_type"],
                input_data=dumps(row["input_data"]),
                priority=row["priority"],
                idempotency_key=f"now:{name[:100]}:{secrets.token_hex(8)}",
                run_after=None,
                expires_at=None,
                fair_key="",
                requested_by=None,
                max_usd=None,
                on_unavailable=None,
            )
            assert asked is not None
            after = {"request_id": asked["id"]}
            await self._audit(connection, who, "run_schedule", f"schedule:{name}", after=after)
        request_id: int = asked["id"]
        return request_id

    def _check_schedule(self, row: Mapping[str, Json]) -> None:
        if self._registry.state(str(row["task_type"])) is None:
            raise invalid(
                "task_type",
                f"no agent answers {str(row['task_type'])[:60]!r}",
                ", ".join(self._registry.known_types()),
            )
        try:
            Trigger(str(row["trigger"]), str(row["time_zone"]))
        except ValueError as error:
            raise Refused(400, "invalid_value", str(error)) from None
        if not isinstance(row["input_data"], dict):
            raise invalid("input_data", "a JSON object is expected")
        agent = self._registry.agent(str(row["task_type"]))
        if agent is None or not row["enabled"]:
            return
        # What every slot would be refused for is better known now.
        client = {} if row["for_each"] is None else {"client_id": 1}
        parsed = parse_whole(self._registry, agent, {**row["input_data"], **client})
        if isinstance(parsed, ErrorInfo):
            raise Refused(400, "invalid_value", parsed.message, parsed.hint)
        if not client.keys().isdisjoint(parsed.unknown):
            raise invalid(
                "for_each",
                f"{row['task_type']} takes no client_id, so all requests would be the same",
                "leave it out",
            )

    # --- workers, alerts, healing ---------------------------------------------------------------

    async def drain(self, who: Principal, worker_id: str, *, wish: bool = True) -> None:
        """Wish that a worker finishes what it has and stops, or take that back. Refused: 404."""
        async with self._transaction(who) as connection:
            row = await self._row(connection, "worker_drain", worker_id=worker_id, drain=wish)
            if row is None:
                raise not_found(f"running worker {worker_id[:80]!r}")
            action = "drain" if wish else "keep_running"
            await self._audit(
                connection, who, action, f"worker:{worker_id}", {"state": row["state"]}
            )

    async def acknowledge(self, who: Principal, alert_id: int) -> None:
        """Take care of an open alert: it repeats no more. Refused: 404."""
        await self._changed(who, "alert_acknowledge", f"open alert {alert_id}", alert_id=alert_id)

    async def silence(self, who: Principal, alert_id: int, seconds: float) -> None:
        """No messages about an open alert for so long; 0 ends the silence. Refused: 400, 404."""
        if not 0 <= seconds <= MOST_SILENT_SECONDS:
            raise invalid("seconds", f"{seconds} given", f"from 0 to {MOST_SILENT_SECONDS}")
        await self._changed(
            who, "alert_silence", f"open alert {alert_id}", alert_id=alert_id, seconds=seconds
        )

    async def answer_healing(self, who: Principal, action_id: int, *, approve: bool) -> None:
        """Approve or decline a proposed healing action. Refused: 404 when it is not open."""
        await self._changed(
            who,
            "healing_answer",
            f"open healing action {action_id}",
            action_id=action_id,
            approve=approve,
        )

    async def _changed(self, who: Principal, name: str, what: str, /, **values: Any) -> None:
        """Run a function of the schema that writes its own line of the audit log."""
        async with self._transaction(who) as connection:
            row = await self._row(connection, name, by=who.name, channel=who.channel, **values)
            if row is None or not row["changed"]:
                raise not_found(what)
