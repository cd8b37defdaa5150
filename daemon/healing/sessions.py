"""Sessions that hold something up: our own are ended, others' only where an admin said so by name.

A process id alone names nobody: it is used again within minutes. So a session is known by its id
and its start, and the very statement that signals it asks once more whether it still is the case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from daemon.healing.remedy import CannotAct, Effect, Remedy, Seen
from daemon.healing.store import Case

IDLE_SECONDS = 300.0
YIELD_SECONDS = 10.0
FOREIGN_SECONDS = 300.0
CANCEL_SECONDS = 5.0
SIGNAL = "GRANT pg_signal_backend TO our role; a superuser's session only a superuser ends"


def _key(case: Case) -> dict[str, Any]:
    return {"pid": case.before["pid"], "backend_start": case.before["backend_start"]}


def _shown(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {
        "pid": row["pid"],
        "backend_start": row["backend_start"].isoformat(),
        **{name: row[name] for name in names},
        "seconds": round(row["seconds"], 1),
    }


class EndOwnIdleTransaction(Remedy):
    """Our role, our name for sessions, five minutes without a statement in a transaction."""

    rule: ClassVar[str] = "end_own_idle_transaction"

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds

    async def find(self, seen: Seen) -> Sequence[Case]:
        rows = await seen.look("healing_sessions_idle", idle_seconds=self._idle_seconds)
        return [
            Case(
                str(row["application_name"]),
                f"idle in a transaction for {row['seconds']:.0f} s",
                f"SELECT pg_terminate_backend({row['pid']})",
                _shown(row),
            )
            for row in rows
        ]

    async def act(self, case: Case, seen: Seen) -> None:
        await seen.store.look("healing_session_end", idle_seconds=self._idle_seconds, **_key(case))

    async def effect(self, case: Case, seen: Seen) -> Effect:
        left = await seen.store.ask("healing_session_left", **_key(case))
        return Effect(not left, {"session": "there" if left else "gone"})


class _Blocks(Remedy):
    """A session that holds up another of another role."""

    ours: ClassVar[bool]

    def __init__(self, waiting_seconds: float) -> None:
        self._waiting_seconds = waiting_seconds

    async def find(self, seen: Seen) -> Sequence[Case]:
        rows = await seen.look("healing_blocks", waiting_seconds=self._waiting_seconds)
        cases: dict[str, Case] = {}
        for row in rows:
            if row["ours"] is not self.ours:
                continue
            target = f"{row['application'] or row['role']} ({row['pid']})"
            cases.setdefault(
                target,
                Case(
                    target,
                    f"{row['role']} holds up {row['waiting_role']} for {row['seconds']:.0f} s",
                    f"SELECT pg_cancel_backend({row['pid']})",
                    _shown(row, "role", "state", "waiting_pid", "waiting_role"),
                ),
            )
        return list(cases.values())

    async def act(self, case: Case, seen: Seen) -> None:
        await seen.store.look(
            "healing_statement_cancel",
            ours=self.ours,
            waiting_pid=case.before["waiting_pid"],
            **_key(case),
        )

    async def effect(self, case: Case, seen: Seen) -> Effect:
        left = await seen.store.ask(
            "healing_block_left", waiting_pid=case.before["waiting_pid"], **_key(case)
        )
        return Effect(not left, {"block": "there" if left else "gone"})


class YieldToMainApp(_Blocks):
    """A statement of ours that another role waits for."""

    rule: ClassVar[str] = "yield_to_main_app"
    ours: ClassVar[bool] = True

    def __init__(self, waiting_seconds: float = YIELD_SECONDS) -> None:
        super().__init__(waiting_seconds)


class EndForeignSession(_Blocks):
    """Another role's session that ours wait for: cancelled first, ended if that does not help."""

    rule: ClassVar[str] = "end_foreign_session"
    ours: ClassVar[bool] = False
    grants: ClassVar[str] = SIGNAL

    def __init__(
        self,
        waiting_seconds: float = FOREIGN_SECONDS,
        cancel_seconds: float = CANCEL_SECONDS,
    ) -> None:
        super().__init__(waiting_seconds)
        self._cancel_seconds = cancel_seconds

    async def act(self, case: Case, seen: Seen) -> None:
        await super().act(case, seen)
        await asyncio.sleep(self._cancel_seconds)
        if (await self.effect(case, seen)).healed:
            return
        signalled = await seen.store.ask(
            "healing_foreign_end", waiting_pid=case.before["waiting_pid"], **_key(case)
        )
        if signalled is False:
            raise CannotAct("the session took no signal")
