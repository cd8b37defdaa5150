"""One run: who takes part, on which server, how big, and what has come of it so far."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench.process import Worker
from tests.bench.server import Server
from tests.bench.sizes import Sizes
from tests.bench.systems import OURS, System

Samples = dict[str, list[float]]


@dataclass
class Bench:
    """results: section to figure to its values, one per round, in the unit of the figure's name.

    notes: what went wrong or was passed over, for the report.
    """

    server: Server
    systems: Sequence[System]
    sizes: Sizes
    say: Callable[[str], None]
    results: dict[str, Samples] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ours(self) -> System:
        return self.named(OURS)

    def named(self, name: str) -> System:
        return next(system for system in self.systems if system.name == name)

    def add(self, section: str, figure: str, value: float) -> None:
        """Keep one round's value."""
        self.results.setdefault(section, {}).setdefault(figure, []).append(value)

    def get(self, section: str, figure: str) -> float | None:
        """The median over the rounds, None where there is none."""
        values = self.results.get(section, {}).get(figure)
        return statistics.median(values) if values else None

    def prepare(self) -> None:
        """Install every system once; each turn then gets a copy."""
        for system in self.systems:
            self.say(f"installing {system.title}")
            template = self.server.add_template(system.name)
            system.install(self.server.dsn(template))

    @contextmanager
    def turn(self, section: str, system: System) -> Iterator[None]:
        """One system's turn: what fails is noted, and the others go on."""
        self.say(f"{section}: {system.title}")
        try:
            yield
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).splitlines()
            self.notes.append(f"{section}, {system.title}: {' '.join(first)[:300]}")

    @contextmanager
    def working(self, system: System, slots: int, **options: Any) -> Iterator[tuple[str, Worker]]:
        """A warm worker on a fresh database; gives the database's name and the worker."""
        with (
            self.server.database(system.name, logged=options.pop("logged", False)) as database,
            Worker(self.server, system, database, slots, **options) as worker,
        ):
            worker.warm()
            yield database, worker


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie, by nearest rank; they need not be sorted."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
