"""The statements of self-healing: whether an action may begin, how it ended, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from daemon.healing.rules import COUNTED, TOTAL_PER_HOUR, Mode, Rule
from daemon.store.executor import Executor
from daemon.store.safe_json import dumps

Json = Any
Begun = Literal["go", "proposed", "dry_run", "busy", "cooling", "open", "capped", "declined"]
Outcome = Literal["done", "no_effect", "failed"]


@dataclass(frozen=True, slots=True)
class Case:
    """Something that a rule would act on, as measured just now.

    target: what it is, stable while the case lasts. command: the exact statement or step.
    before: what was measured, for the row; nothing of a client's.
    """

    target: str
    reason: str
    command: str
    before: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Approved:
    """A proposal that a person has approved."""

    action_id: int
    rule: str
    target: str


class HealingStore(Executor):
    """Rows of ai_healing_actions."""

    async def begin(
        self,
        rule: Rule,
        mode: Mode,
        case: Case,
        worker_id: str,
        *,
        action_id: int | None = None,
        now: datetime | None = None,
    ) -> tuple[int | None, Begun]:
        """Whether to act, decided once for all daemons; the row's id where one was written."""
        row = await self._row(
            "healing_begin",
            rule=rule.name,
            check_id=rule.checks[0] if rule.checks else None,
            target=case.target,
            mode=mode,
            reason=case.reason,
            command=case.command,
            before=dumps(dict(case.before)),
            worker_id=worker_id,
            cool_down_seconds=rule.cool_down_seconds,
            cap=rule.cap,
            counted=list(COUNTED),
            total=TOTAL_PER_HOUR,
            action_id=action_id,
            now=now,
        )
        assert row is not None
        return row["id"], row["verdict"]

    async def end(
        self, action_id: int, outcome: Outcome, after: Mapping[str, Json], reason: str = ""
    ) -> None:
        """Write down how an action ended."""
        await self._rows(
            "healing_end",
            action_id=action_id,
            outcome=outcome,
            after=dumps(dict(after)),
            reason=reason,
        )

    async def record(
        self,
        rule: Rule,
        target: str,
        reason: str,
        worker_id: str,
        *,
        before: Mapping[str, Json] | None = None,
        after: Mapping[str, Json] | None = None,
        outcome: Outcome = "done",
    ) -> bool:
        """Write down what the service did by itself; False if a row of late says so already."""
        row = await self._row(
            "healing_record",
            rule=rule.name,
            check_id=rule.checks[0] if rule.checks else None,
            target=target,
            outcome=outcome,
            reason=reason,
            before=dumps(dict(before or {})),
            after=dumps(dict(after or {})),
            worker_id=worker_id,
            pause_seconds=rule.cool_down_seconds,
        )
        return row is not None

    async def approved(self) -> list[Approved]:
        """Proposals that wait to be carried out."""
        rows = await self._rows("healing_approved")
        return [Approved(row["id"], row["rule"], row["target"]) for row in rows]

    async def absent(self) -> frozenset[str]:
        """Names of statements for :meth:`look` that would find nothing at the moment."""
        row = await self._row("healing_signs")
        return frozenset(name for name, there in (row or {}).items() if not there)

    async def end_abandoned(self) -> None:
        """End the rows of daemons that died over them."""
        await self._rows("healing_abandoned")

    async def look(self, name: str, /, **values: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of ``sql/<name>.sql``, for a remedy."""
        return await self._rows(name, **values)

    async def ask(self, name: str, /, **values: Any) -> Any:
        """The one value of a statement's first row; None without a row."""
        row = await self._row(name, **values)
        return None if row is None else next(iter(row.values()))
