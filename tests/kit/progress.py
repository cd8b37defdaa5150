"""A main app's database with one client, filled by a test as the app's pages would fill it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from agents.base import Result
from agents.crm import Crm, open_engine
from agents.progress.agent import ProgressMonitor
from agents.progress.model import ProgressConfig, ProgressRequest
from agents.progress.report import ProgressReport
from daemon.demo.gym import Variant
from daemon.demo.gym.schema import create_schema
from tests.kit.context import FakeContext, Script, ScriptedLLM

Json = dict[str, Any]
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TODAY = NOW.date()
POUNDS = 2.2046


@dataclass
class MainApp:
    """The tables, and the readers on them. `client_id` is 1, trained by trainer 1."""

    connection: psycopg.Connection[Any]
    crm: Crm
    client_id: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def insert(self, table: str, **columns: Any) -> int:
        """A row; returns its id."""
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        row = self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", [*columns.values()]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def weigh(self, days_ago: float, kg: float, **columns: Any) -> int:
        """A reading by the staff, unless `columns` say otherwise."""
        moment = datetime.combine(TODAY, time(8, 30)) - timedelta(days=days_ago)
        values: Json = {
            "measurement_date": moment,
            "weight_unit": "kg",
            "recorded_by": "Trainer 01",
            "weight": round(kg, 1),
        }
        return self.insert("measurements", client_id=self.client_id, **(values | columns))

    def page(self, days_ago: int, stored: float) -> int:
        """A reading by the client's own page: a date, no name, and `kg` whatever it was."""
        moment = datetime.combine(TODAY - timedelta(days=days_ago), time.min)
        return self.weigh(
            days_ago, 0, weight=round(stored, 1), recorded_by=None, measurement_date=moment
        )

    def history(
        self, curve: Callable[[float], float], days: int = 90, every: int = 3, noise: float = 0.3
    ) -> list[int]:
        """Readings along `curve(days ago)`; returns their ids, oldest first."""
        return [
            self.weigh(ago, curve(ago) + self.dice.gauss(0, noise))
            for ago in range(days, 0, -every)
        ]

    def goal(self, target: float | None, **columns: Any) -> int:
        """An active weight-loss goal, unless `columns` say otherwise."""
        values: Json = {
            "title": "My goal",
            "category": "weight_loss",
            "target_value": target,
            "target_unit": "kg",
            "status": "active",
            "priority": "high",
            "start_date": datetime.combine(TODAY - timedelta(days=100), time(9)),
        }
        return self.insert("goals", client_id=self.client_id, **(values | columns))

    async def ask(self, *, script: Script | None = None, **request: Any) -> Json:
        """The answer's JSON."""
        result, _ = await self.run(script=script, **request)
        return result.output.model_dump(mode="json")

    async def run(
        self, *, script: Script | None = None, requested_by: str | None = None, **request: Any
    ) -> tuple[Result[ProgressReport], FakeContext]:
        """The result with its rows, and the context it ran in."""
        return await run(
            {"client_id": self.client_id} | request,
            crm=self.crm,
            script=script,
            requested_by=requested_by,
        )


async def run(
    request: Json, *, script: Script | None = None, **context: Any
) -> tuple[Result[ProgressReport], FakeContext]:
    """One request through the graph."""
    ctx = FakeContext(llm=ScriptedLLM(script), config=ProgressConfig(), now=NOW, **context)
    return await ProgressMonitor().execute(ctx, ProgressRequest.model_validate(request)), ctx


@contextmanager
def main_app(dsn: str, variant: Variant = "A") -> Iterator[MainApp]:
    """Tables in an empty database, a trainer, a client, and who trains whom."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        create_schema(connection, variant, older_ai=False)
        crm = Crm(open_engine(dsn), tz="Europe/Berlin")
        app = MainApp(connection, crm)
        if variant != "C":
            app.insert("trainers", name="Trainer 01", email="trainer-01@gym.example")
        app.insert("clients", name="Client 001", email="client-001@gym.example")
        if variant != "C":
            app.insert("assignments", trainer_id=1, client_id=1, status="active")
        try:
            yield app
        finally:
            crm.close()


def losing(start_kg: float, per_week: float, days: int = 90) -> Callable[[float], float]:
    """A straight loss over `days`, by days ago."""
    return lambda ago: start_kg - per_week / 7 * (days - ago)


def days_until(iso: str) -> int:
    """From today to an ISO date."""
    return (date.fromisoformat(iso) - TODAY).days


def finite(value: Any) -> bool:
    """No NaN or infinity anywhere in plain JSON."""
    if isinstance(value, dict):
        return all(finite(item) for item in value.values())
    if isinstance(value, list):
        return all(finite(item) for item in value)
    return not isinstance(value, float) or math.isfinite(value)
