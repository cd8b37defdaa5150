"""The alerts' tables: one round of changes in one transaction, and the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from daemon.alerts.judge import Finding
from daemon.alerts.machine import Memory, Sample, Severity
from daemon.alerts.plan import Changes, Key, Known, Update
from daemon.alerts.reminders import OpenAlert
from daemon.store.executor import Executor
from daemon.store.safe_json import dumps

GROUP_SECONDS = 30.0
"""What happens together is told together."""
TROUBLE_ATTEMPTS = 3
DELIVERY_CHECK = "alerts.delivery"
OWN_CHECKS = "healing."
PAGE = "/gui/health"
"""Where open alerts stand in the console, to be acknowledged; its host is not known here."""
PER_MINUTE = 10
ROWS_PER_MESSAGE = 50

Json = Any
Planner = Callable[[Known, datetime, Sequence[Finding]], Changes]


@dataclass(frozen=True, slots=True)
class Message:
    """What one attempt sends: alerts as JSON objects, the oldest first."""

    message_id: UUID
    delivery_ids: tuple[int, ...]
    attempt: int
    alerts: tuple[Mapping[str, Json], ...]


class AlertStore(Executor):
    """round() is the only writer of states and alerts; people use the functions in SQL."""

    async def round(
        self,
        planner: Planner,
        *,
        channels: Sequence[str],
        service: str = "",
        now: datetime | None = None,
    ) -> Changes:
        """Judge a round: planner gets what is known, the time, and findings about ourselves.

        Its changes and the messages about them are committed together, or not at all. channels:
        where messages go. service: who speaks. now: instead of the database's clock.
        """
        async with self._transaction() as connection:
            await self._rows("alert_lock", connection)
            at = now or (await self._rows("database_now", connection))[0]["now"]
            changes = planner(
                await self._known(connection), at, await self._own(connection, channels)
            )
            for key, memory in changes.memories.items():
                await self._rows("alert_state_put", connection, **_memory(key, memory))
            for check, target in changes.forgotten:
                await self._rows("alert_state_delete", connection, check_id=check, target=target)
            for update in changes.opened:
                for row in await self._rows("alert_open", connection, **_opening(update, at)):
                    await self._tell(connection, update, row, channels, None, service, at)
            for alert, update in changes.updated:
                for row in await self._rows(
                    "alert_update", connection, **_updating(alert, update, at)
                ):
                    await self._tell(
                        connection, update, row, channels, alert.severity, service, at
                    )
        return changes

    async def take(
        self, channel: str, worker_id: str, lease_seconds: float, *, now: datetime | None = None
    ) -> Message | None:
        """The next message of a channel, for this worker alone; None if there is none now."""
        rows = await self._rows(
            "delivery_take",
            channel=channel,
            worker_id=worker_id,
            lease_seconds=lease_seconds,
            per_minute=PER_MINUTE,
            limit=ROWS_PER_MESSAGE,
            now=now,
        )
        if not rows:
            return None
        return Message(
            rows[0]["message_id"],
            tuple(row["id"] for row in rows),
            rows[0]["attempts"],
            tuple(row["content"] for row in rows),
        )

    async def settle(
        self,
        message: Message,
        error: str | None,
        again_seconds: float = 0.0,
        *,
        now: datetime | None = None,
    ) -> None:
        """Write down that a message was taken (no error), or when to try again."""
        await self._rows(
            "delivery_settle",
            ids=list(message.delivery_ids),
            error=error,
            again_seconds=again_seconds,
            now=now,
        )

    async def give_up(self) -> None:
        """Give up what could not be delivered for a day."""
        await self._rows("delivery_give_up")

    async def _known(self, connection: AsyncConnection[Any]) -> Known:
        memories = {
            (row["check_id"], row["target"]): Memory(
                row["sampled_at"],
                row["phase"],
                row["folded"],
                row["severity"],
                row["bad"],
                row["good"],
                row["critical"],
                row["penalty"],
                row["slow_penalty"],
            )
            for row in await self._rows("alert_state_list", connection)
        }
        alerts = {
            (row["check_id"], row["target"]): OpenAlert(
                row["id"],
                row["check_id"],
                row["target"],
                row["severity"],
                row["state"],
                row["opened_at"],
                row["notified_at"],
                row["escalated_at"],
                row["acknowledged_by"],
                row["silenced_until"],
            )
            for row in await self._rows("alert_list_open", connection)
        }
        return Known(memories, alerts)

    async def _own(
        self, connection: AsyncConnection[Any], channels: Sequence[str]
    ) -> list[Finding]:
        """What the alerts find by themselves: failing deliveries, proposals that wait."""
        found = [
            Finding(
                DELIVERY_CHECK,
                row["channel"],
                Sample("bad"),
                row["oldest_seconds"],
                None,
                f"messages to {row['channel']} do not arrive ({row['waiting']} wait):"
                f" {row['error']}",
                "correct ALERT_WEBHOOK_URL, or mend the receiver; they are tried for a day",
            )
            for row in await self._rows(
                "delivery_trouble",
                connection,
                attempts=TROUBLE_ATTEMPTS,
                channels=list(channels),
            )
        ]
        found += [
            Finding(
                OWN_CHECKS + row["rule"],
                row["target"],
                Sample("bad"),
                None,
                None,
                f"{row['rule']} proposes for {row['target'] or 'the service'}: {row['reason']}",
                f"{row['command'] or 'see its reason'} -- approve it in the console, or with"
                f" SELECT ai_heal_answer({row['id']}, true)",
            )
            for row in await self._rows("healing_proposals", connection)
        ]
        return found

    async def _tell(
        self,
        connection: AsyncConnection[Any],
        update: Update,
        row: Mapping[str, Any],
        channels: Sequence[str],
        before: Severity | None,
        service: str,
        now: datetime,
    ) -> None:
        """Write the message into the outbox, for every channel but one that it is about."""
        reached = [one for one in channels if one != update.finding.target]
        if update.event is None or not reached:
            return
        await self._rows(
            "delivery_outdate",
            connection,
            channels=reached,
            check_id=update.finding.check,
            target=update.finding.target,
        )
        await self._rows(
            "delivery_put",
            connection,
            alert_id=row["id"],
            channels=reached,
            event=update.event,
            content=dumps(_content(update, row, before, service)),
            now=now,
            group_seconds=GROUP_SECONDS,
        )


def _content(
    update: Update, row: Mapping[str, Any], before: Severity | None, service: str
) -> dict[str, Json]:
    """What receivers get of one alert. before: its severity until now."""
    ended = row["resolved_at"]
    return {
        "service": service,
        "alert": row["id"],
        "check": update.finding.check,
        "target": update.finding.target,
        "severity": update.severity,
        "state": update.state,
        "event": update.event,
        "message": row["message"],
        "value": row["value"],
        "threshold": row["threshold"],
        "remedy": row["remedy"],
        "since": row["opened_at"].isoformat(),
        "lasted_seconds": round((ended - row["opened_at"]).total_seconds()) if ended else None,
        "healed_by": row["healed_by"],
        "was": before if before != update.severity else None,
        "url": PAGE,
    }


def _memory(key: Key, memory: Memory) -> dict[str, Any]:
    return {
        "check_id": key[0],
        "target": key[1],
        "phase": memory.phase,
        "folded": memory.folded,
        "severity": memory.severity,
        "bad": memory.bad,
        "good": memory.good,
        "critical": memory.critical,
        "penalty": memory.penalty,
        "slow_penalty": memory.slow_penalty,
        "sampled_at": memory.sampled_at,
    }


def _said(finding: Finding) -> dict[str, Any]:
    return {
        "value": finding.value,
        "threshold": finding.threshold,
        "message": finding.message or finding.check,
        "remedy": finding.remedy or None,
    }


def _opening(update: Update, now: datetime) -> dict[str, Any]:
    return {
        "check_id": update.finding.check,
        "target": update.finding.target,
        "severity": update.severity,
        "state": update.state,
        "now": now,
        **_said(update.finding),
    }


def _updating(alert: OpenAlert, update: Update, now: datetime) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "severity": update.severity,
        "state": update.state,
        "now": now,
        "seen": update.bad,
        "came_back": update.came_back,
        "told": update.event is not None,
        "escalated": update.event == "escalated",
        "gone": update.gone,
        **_said(update.finding),
    }
