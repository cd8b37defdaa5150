"""What a rule's remedy offers the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import psycopg

from daemon.healing.store import Case, HealingStore
from daemon.health.model import CheckResult

Json = Any


@dataclass(frozen=True, slots=True)
class Seen:
    """What a remedy may go by. results: the newest of each check, by id; only what was really
    measured is in it, never an ``unknown``. absent: statements that would find nothing."""

    store: HealingStore
    results: Mapping[str, CheckResult] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    async def look(self, name: str, /, **values: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of ``sql/<name>.sql``, for :meth:`Remedy.find` and :meth:`Remedy.tend`."""
        return () if name in self.absent else await self.store.look(name, **values)

    def alarming(self, *checks: str) -> list[CheckResult]:
        """Those of the checks that are in trouble of their own, each with all its targets."""
        found = (self.results[check] for check in checks if check in self.results)
        return [one for result in found for one in (result, *result.others) if one.alarming]


@dataclass(frozen=True, slots=True)
class Effect:
    """What came of an action. after: as ``Case.before``, measured again."""

    healed: bool
    after: Mapping[str, Json]
    reason: str = ""


class CannotAct(Exception):
    """The action was not possible; the text says why, and what to grant or do."""


class Remedy(ABC):
    """One rule's way to heal. rule: its name in ``rules.RULES``.

    grants: SQL that gives the missing right, for a row that failed for want of it.
    patience_seconds: how long an effect may take to show.
    """

    rule: ClassVar[str]
    grants: ClassVar[str] = ""
    patience_seconds: ClassVar[float] = 10.0

    @abstractmethod
    async def find(self, seen: Seen) -> Sequence[Case]:
        """The precondition, measured now: what there is to act on. Changes nothing."""

    @abstractmethod
    async def act(self, case: Case, seen: Seen) -> None:
        """Act. Raises CannotAct, or psycopg.Error."""

    @abstractmethod
    async def effect(self, case: Case, seen: Seen) -> Effect:
        """What came of it; asked until it healed or patience ends. Changes nothing."""

    async def tend(self, seen: Seen) -> None:
        """A later step of what was begun, such as giving back what was taken away; in any mode."""


def why(error: psycopg.Error, grants: str) -> str:
    """An error of an action in words, with what would give a missing right."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    missing = isinstance(error, psycopg.errors.InsufficientPrivilege)
    return f"{text}; {grants}" if missing and grants else text
