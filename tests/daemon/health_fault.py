"""Faults that a health check has to find, each injected from outside and repaired again.

A fault is a generator: what stands before its ``yield`` breaks something, what stands after it
repairs that. Limits are shortened where a fault takes time to grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from daemon.health.checker import Wishes
from tests.daemon.health_world import World

Inject = Callable[[World], Iterator[None]]
NOW = {"warning": 0.000_001, "critical": 3600}
"""Shortened limits of a check that measures time."""


@dataclass(frozen=True)
class Fault:
    """What is broken, and the check that finds it.

    status: what it then says. limits: shortened for this fault. names: what the message has to
    name. also: other checks that rightly speak up, by also_limits. later_seconds: how far the
    checker's clock is moved on between two looks.
    """

    inject: Inject
    check: str
    status: str = "warning"
    limits: Mapping[str, Any] | None = None
    names: str = ""
    also: tuple[str, ...] = ()
    also_limits: Mapping[str, Any] = field(default_factory=dict)
    later_seconds: float = 0.0
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def name(self) -> str:
        return self.inject.__name__


FAULTS: list[Fault] = []


def fault(check: str, status: str = "warning", **more: Any) -> Callable[[Inject], Inject]:
    def note(inject: Inject) -> Inject:
        FAULTS.append(Fault(inject, check, status, **more))
        return inject

    return note


@contextmanager
def injected(one: Fault, world: World) -> Iterator[None]:
    yield from one.inject(world)
