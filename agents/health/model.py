"""What a health check may be asked, what an operator may set, and what it answers.

``health_checks`` has a row per component, as older readers know it, in their three words;
``checks`` holds every check with all five.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agents.base import AgentConfig, AgentInput
from agents.given import kind, shown
from agents.health.checks import CHECKS, COMPONENTS, Component, Status
from agents.health.states import State

Json = Any
Number = Annotated[float, Field(allow_inf_nan=False)]


class Limit(BaseModel):
    """Limits of one check, in its unit; null means never, left out means as it is."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    warning: float | None = None
    critical: float | None = None


def _checks(value: Any) -> tuple[str, ...]:
    """Ids of checks; a component stands for all of its own. Nothing given means all."""
    if value in (None, "", []):
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence):
        raise ValueError(
            f'{kind(value)} given; expected a list such as ["database", "queue.depth"]'
        )
    found: list[str] = []
    for name in names:
        if name in CHECKS:
            found.append(name)
        elif name in COMPONENTS:
            found.extend(check for check in CHECKS if check.startswith(f"{name}."))
        else:
            raise ValueError(
                f"{shown(name)} is neither a check nor a component; components:"
                f" {', '.join(COMPONENTS)}; checks are named like database.blocked"
            )
    return tuple(dict.fromkeys(found))


def _thresholds(value: Any) -> dict[str, Json]:
    if value in (None, "", []):
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f'{kind(value)} given; expected {{"queue.depth": {{"warning": 100}}}}')
    for name, limit in value.items():
        if name not in CHECKS:
            raise ValueError(f"{shown(name)} is no check; checks are named like queue.depth")
        if not isinstance(limit, Mapping | Limit):
            raise ValueError(f'{name} is {kind(limit)}; expected {{"warning": 5, "critical": 60}}')
    return dict(value)


Thresholds = Annotated[dict[str, Limit], BeforeValidator(_thresholds)]


class HealthRequest(AgentInput):
    """checks: ids or components, all if none. thresholds: for this run alone, by check id.

    explain: word the findings with the model, where there is one. timestamp: what older callers
    send; it changes nothing.
    """

    checks: Annotated[tuple[str, ...], BeforeValidator(_checks)] = ()
    thresholds: Thresholds = Field(default_factory=dict)
    explain: bool | None = None
    timestamp: Json = None


HealingMode = Literal["auto", "propose", "dry_run", "off"]


class HealthConfig(AgentConfig):
    """Lasting settings in ``ai_agents.config``; the console's form shows the descriptions."""

    thresholds: Thresholds = Field(
        default_factory=dict, description="Limits of single checks, by check id."
    )
    disk_gigabytes: float | None = Field(
        None,
        gt=0,
        description="Size of the database's disk, which SQL cannot tell; without it the room left"
        " is not watched.",
    )
    ignore_applications: tuple[str, ...] = Field(
        ("pg_dump",), description="Programs whose long transactions are meant to be long."
    )
    healing: dict[str, HealingMode] = Field(
        default_factory=dict,
        description="Modes of single rules, by name: auto, propose, dry_run or off.",
    )
    explain: bool = Field(True, description="Word what was found with the model.")

    def limits(self) -> dict[str, dict[str, Json]]:
        """The thresholds as they were given: what was left out is not there."""
        return given(self.thresholds)


def given(thresholds: Mapping[str, Limit]) -> dict[str, dict[str, Json]]:
    """Limits as JSON, without what was left out."""
    return {name: limit.model_dump(exclude_unset=True) for name, limit in thresholds.items()}


class Part(BaseModel):
    """Base of every part of the answer: no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ComponentOut(Part):
    """A component as older readers know it; what cannot be told counts as warning."""

    component: Component
    status: State
    message: str
    metrics: dict[str, Json]


class CheckOut(Part):
    """One check. value, warning, critical: in ``unit``; null: nothing to judge, or never.

    needs: the right without which it may be unknown. caused_by: the check that explains this one.
    """

    check: str
    component: Component
    status: Status
    value: Number | None
    unit: str
    warning: Number | None
    critical: Number | None
    message: str
    detail: dict[str, Json]
    remedy: str
    needs: str
    worse: Literal["high", "low"]
    target: str
    caused_by: str | None


class LlmUsed(Part):
    """What the model had to do with ``analysis``."""

    used: bool
    model: str | None = None
    dropped: list[str] = []


class Provenance(Part):
    """How ``analysis`` came about: by the template where the model is not used."""

    llm: LlmUsed


class HealthReport(Part):
    """The whole answer. seconds: what measuring took. timestamp: when that was, ISO, in UTC."""

    status: State
    health_checks: list[ComponentOut]
    checks: list[CheckOut]
    analysis: str
    timestamp: str
    seconds: Number
    provenance: Provenance
    data_warnings: list[str] = []
