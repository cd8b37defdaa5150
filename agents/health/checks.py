"""What is checked, what a check found, and the words that all of it is said in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

Json = Any

Status = Literal["healthy", "notice", "warning", "critical", "unknown"]
"""``notice`` is advice and no alarm. ``unknown`` is what may not or could not be seen: it is never
shown as healthy."""
Component = Literal[
    "database", "listener", "workers", "schedules", "queue", "agents", "model", "main_api"
]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Worse = Literal["high", "low"]

SEVERITY: Mapping[Status, int] = {
    "healthy": 0,
    "notice": 0,
    "unknown": 0,
    "warning": 1,
    "critical": 2,
}


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked, and from where on the answer is trouble.

    id: ``database.blocked``; the part before the dot is the component.
    warning, critical: limits in ``unit``, a value that reaches one is over it; None for never.
    worse: the side on which trouble lies. notice: over the warning limit it is advice, no alarm.
    every_seconds: pause between two scheduled runs.
    needs: the right without which it may not see everything, '' for none.
    says: the message, with ``{value}`` and names of ``detail``. target: the name in ``detail`` of
    what it is about where there may be several.
    """

    id: str
    unit: str
    warning: float | None
    critical: float | None
    every_seconds: float
    says: str
    remedy: str
    needs: str = ""
    worse: Worse = "high"
    notice: bool = False
    target: str = ""

    @property
    def component(self) -> Component:
        return cast("Component", self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, measured and judged.

    check: its id, ``database.blocked``. component: the part before the dot.
    value: what was compared, in ``unit``; None where there was nothing to judge or to see.
    warning, critical: the limits that held, None for never. worse: the side on which trouble lies.
    message: a sentence with the value and what it is about. detail: JSON for people and rules.
    remedy: what to do. needs: the grant without which it may be ``unknown``, '' for none.
    target: what it is about where there may be several (a task type, a table); '' for the whole.
    caused_by: the id of the check whose trouble explains this one; such a result is no alarm of
        its own.
    """

    check: str
    component: Component
    status: Status
    value: float | None = None
    unit: str = ""
    warning: float | None = None
    critical: float | None = None
    message: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)
    remedy: str = ""
    needs: str = ""
    worse: Worse = "high"
    target: str = ""
    caused_by: str | None = None

    @property
    def alarming(self) -> bool:
        """Whether it is trouble, and trouble of its own."""
        return SEVERITY[self.status] > 0 and self.caused_by is None

    def as_json(self) -> dict[str, Json]:
        """A JSON object with the fields' names."""
        return asdict(self) | {"detail": dict(self.detail)}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> CheckResult:
        """What ``as_json`` made."""
        return cls(**value)
