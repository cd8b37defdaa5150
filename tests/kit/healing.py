"""A database with self-healing on it, for tests of what it does and when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import psycopg

from daemon.healing.engine import Healing
from daemon.healing.remedy import Effect, Remedy, Seen
from daemon.healing.rules import Setting
from daemon.healing.store import Case, HealingStore
from daemon.health.model import CheckResult
from daemon.meters import Meters
from tests.kit.parts import TEXTS, Parts, parts

Rows = list[tuple[Any, ...]]
ROWS = "SELECT rule, target, mode, outcome FROM ai_healing_actions ORDER BY id"


def check(name: str, value: float = 99.0, **values: Any) -> CheckResult:
    """A check in trouble."""
    component: Any = name.partition(".")[0]
    base = CheckResult(name, component, "critical", value, "", 10.0, 50.0, f"{name} is bad")
    return replace(base, **values)


class Bench:
    """A database, its healing, and a way to ask what it did."""

    def __init__(self, url: str, made: Parts) -> None:
        self.url = url
        self.made = made
        self.store = HealingStore(made.database.pool, TEXTS)
        self.settings: dict[str, Setting] = {}

    def healing(self, *remedies: Remedy, worker: str = "w1", **values: Any) -> Healing:
        return Healing(
            store=self.store,
            remedies=remedies,
            meters=Meters(),
            worker_id=worker,
            settings=lambda: self.settings,
            **values,
        )

    async def heal(self, *remedies: Remedy, see: Sequence[CheckResult] = ()) -> Healing:
        """One look of a fresh healing, and the end of what it began."""
        made = self.healing(*remedies)
        await made.observe(see)
        await made.tick()
        await made.settled()
        return made

    def rows(self, question: str = ROWS) -> Rows:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(question.encode())
            return cursor.fetchall() if cursor.description else []

    def outcomes(self) -> list[str]:
        return [outcome for *_, outcome in self.rows()]


@asynccontextmanager
async def bench(url: str) -> AsyncIterator[Bench]:
    async with parts(url) as made:
        yield Bench(url, made)


class Toy(Remedy):
    """A remedy without a world: what it acted on, and whether it helps."""

    rule: ClassVar[str] = "vacuum_own"
    patience_seconds: ClassVar[float] = 0.0

    def __init__(self, *targets: str, helps: bool = True, raises: Exception | None = None) -> None:
        self.targets = targets or ("ai_x",)
        self.helps = helps
        self.raises = raises
        self.acted: list[str] = []

    async def find(self, seen: Seen) -> Sequence[Case]:
        return [Case(target, "late", f"VACUUM {target}", {"dead": 9}) for target in self.targets]

    async def act(self, case: Case, seen: Seen) -> None:
        self.acted.append(case.target)
        if self.raises is not None:
            raise self.raises

    async def effect(self, case: Case, seen: Seen) -> Effect:
        return Effect(self.helps, {"dead": 0 if self.helps else 9})
