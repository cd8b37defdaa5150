"""Who works, with what: workers, agents and their limits, schedules; and how full the queue is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from daemon.model import Json
from daemon.store.executor import Executor
from daemon.store.safe_json import dumps
from daemon.store.values import PENDING_CAP, AgentRow, Load, ScheduleRow

VIEWS = {
    "ai_queue_depth": "view_queue_depth",
    "ai_agent_performance": "view_agent_performance",
    "ai_cost_daily": "view_cost_daily",
    "ai_code_repositories": "view_code_repositories",
}
"""Views that agents may read, and the statement that reads each."""

WorkerState = Literal["starting", "ready", "draining", "stopped"]


class FleetStore(Executor):
    async def worker_upsert(
        self,
        worker_id: str,
        *,
        version: str,
        host: str,
        pid: int,
        concurrency: int,
        running: int,
        state: WorkerState,
    ) -> bool:
        """Show that this worker lives; returns whether somebody asked it to drain."""
        row = await self._row(
            "worker_upsert",
            worker_id=worker_id,
            version=version,
            host=host,
            pid=pid,
            concurrency=concurrency,
            running=running,
            state=state,
        )
        return bool(row and row["drain_requested"])

    async def worker_stop(self, worker_id: str) -> None:
        """Show that this worker ended in good order."""
        await self._rows("worker_stop", worker_id=worker_id)

    async def agents_list(self) -> list[AgentRow]:
        """All agents that are not archived, by type."""
        return [
            AgentRow(
                agent_id=row["id"],
                name=row["name"],
                type=row["type"],
                enabled=row["enabled"],
                config=row["config"],
                version=row["version"],
                problem=row["problem"],
            )
            for row in await self._rows("agents_list")
        ]

    async def agent_version(self, task_type: str, version: int) -> Mapping[str, Json] | None:
        """The configuration an agent had at ``version``, for a request that pinned it."""
        row = await self._row("agent_version", task_type=task_type, version=version)
        return None if row is None else row["config"]

    async def agent_insert_missing(
        self,
        *,
        name: str,
        type: str,  # noqa: A002 - the column's name
        description: str,
        config: Mapping[str, Json],
        on_lost: Literal["retry", "fail"] = "retry",
        enabled: bool = True,
        schedule: str = "",
        schedule_input: Mapping[str, Json] | None = None,
    ) -> bool:
        """Give an agent its rows in ai_agents and ai_control where it has none; True if new.

        schedule: a trigger, for a row of ai_schedules that it gets together with its limits; once
        deleted it does not come back.
        """
        row = await self._row(
            "agent_insert_missing",
            name=name,
            type=type,
            description=description,
            config=dumps(config),
            on_lost=on_lost,
            enabled=enabled,
            schedule=schedule,
            schedule_input=dumps(schedule_input or {}),
        )
        return bool(row and row["inserted"])

    async def agent_problem(self, task_type: str, problem: str | None) -> None:
        """Show why an agent cannot work, or that it can again."""
        await self._rows("agent_problem", task_type=task_type, problem=problem)

    async def view(self, name: str) -> list[Mapping[str, Json]]:
        """The rows of one of ``VIEWS`` as JSON, at most 200. Raises KeyError for other names."""
        rows = await self._rows(VIEWS[name])
        return [row["value"] for row in rows]

    async def database_now(self) -> datetime:
        """The database's clock, which decides leases and due times."""
        row = await self._row("database_now")
        assert row is not None
        now: datetime = row["now"]
        return now

    async def schedules_list(self) -> tuple[datetime, list[ScheduleRow]]:
        """The database's time, and all schedules by name."""
        rows = await self._rows("schedule_list")
        schedules = [
            ScheduleRow(
                name=row["name"],
                task_type=row["task_type"],
                trigger=row["trigger"],
                time_zone=row["time_zone"],
                misfire=row["misfire"],
                misfire_grace_seconds=row["misfire_grace_seconds"],
                for_each=row["for_each"],
                last_slot=row["last_slot"],
                enabled=row["enabled"],
                problem=row["problem"],
                updated_at=row["updated_at"],
                answered=row["answered"],
            )
            for row in rows
            if row["name"] is not None
        ]
        return rows[0]["now"], schedules

    async def schedule_fire(
        self,
        name: str,
        last_slot: datetime | None,
        slot: datetime,
        *,
        insert: bool = True,
        clients: Sequence[int] = (),
        move: bool = True,
    ) -> list[int]:
        """Move a schedule from ``last_slot`` to ``slot``, insert its requests, in one statement.

        insert: False only moves on, past a slot that is not to be run. clients: for a schedule
        that asks for each of them. move: False while more of them are to come. Returns the
        requests' ids: none when another daemon was first, nothing was to be inserted, or the slot
        has its requests.
        """
        rows = await self._rows(
            "schedule_fire",
            name=name,
            last_slot=last_slot,
            slot=slot,
            insert=insert,
            clients=list(clients),
            move=move,
        )
        return [row["id"] for row in rows]

    async def schedule_begun(self, name: str, slot: datetime, clients: Sequence[int]) -> bool:
        """Whether the slot of a schedule has made requests for some of these clients already."""
        rows = await self._rows("schedule_begun", name=name, slot=slot, clients=list(clients))
        return bool(rows[0]["begun"])

    async def schedule_problem(self, name: str, problem: str | None) -> None:
        """Show why a schedule cannot run, or that it can again."""
        await self._rows("schedule_problem", name=name, problem=problem)

    async def load(self, types: Sequence[str]) -> Load:
        """How full the queue is, in bounded time however long the backlog."""
        row = await self._row("request_load_summary", types=list(types), cap=PENDING_CAP)
        if row is None:
            return Load()
        return Load(
            pending=row["pending"],
            running=row["running"],
            waiting=row["waiting"],
            oldest_pending_seconds=row["oldest_pending_seconds"],
        )
