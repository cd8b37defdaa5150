"""What a check found, and the words that all of it is said in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Json = Any

Status = Literal["healthy", "notice", "warning", "critical", "unknown"]
"""``notice`` is advice and no alarm. ``unknown`` is what may not or could not be seen: it is never
shown as healthy."""
Component = Literal[
    "database", "listener", "workers", "schedules", "queue", "agents", "model", "main_api"
]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Worse = Literal["high", "low"]


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
        return self.status in ("warning", "critical") and self.caused_by is None

    def as_json(self) -> dict[str, Json]:
        """A JSON object with the fields' names."""
        return asdict(self) | {"detail": dict(self.detail)}
