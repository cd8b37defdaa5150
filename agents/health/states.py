"""A component's state: the worst of its checks, in the three words that everybody reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agents.health.checks import COMPONENTS, SEVERITY, CheckResult, Component, Json

State = Literal["healthy", "warning", "critical"]
WORDS: tuple[State, ...] = ("healthy", "warning", "critical")


@dataclass(frozen=True, slots=True)
class ComponentState:
    """How a component stands. worst_check: the check that decided it, None where none did.

    metrics: values by check id, numbers only. checks_unknown: how many could not tell; where all
    are, the state is ``warning``.
    """

    component: Component
    status: State
    message: str
    metrics: Mapping[str, Json]
    worst_check: str | None
    checks_total: int
    checks_unknown: int

    def as_json(self) -> dict[str, Json]:
        """A JSON object with the fields' names."""
        return {name: getattr(self, name) for name in self.__slots__}


def states(results: Sequence[CheckResult]) -> list[ComponentState]:
    """One state for each component that was checked, in the fixed order."""
    found = []
    for component in COMPONENTS:
        own = [result for result in results if result.component == component]
        if own:
            found.append(_state(component, own))
    return found


def overall(found: Sequence[ComponentState]) -> State:
    """The worst of all; ``warning`` where nothing was checked."""
    if not found:
        return "warning"
    return WORDS[max(WORDS.index(state.status) for state in found)]


def _state(component: Component, own: Sequence[CheckResult]) -> ComponentState:
    blind = [result for result in own if result.status == "unknown"]
    notices = [result for result in own if result.status == "notice"]
    # Trouble of its own comes before what it brought about.
    worst = max(own, key=lambda result: (SEVERITY[result.status], result.caused_by is None))
    status = WORDS[SEVERITY[worst.status]]
    if status != "healthy":
        message, decided = worst.message, worst.check
    elif len(blind) == len(own):
        status, decided = "warning", blind[0].check
        message = f"Nothing could be told: {blind[0].message}"
    else:
        decided = None
        seen = len(own) - len(blind)
        message = f"Checks that are fine: {seen} of {len(own)}."
        if blind:
            message += f" {len(blind)} could not tell."
        if notices:
            message += f" Advice: {notices[0].message}"
    return ComponentState(
        component,
        status,
        message,
        _metrics(own),
        decided,
        len(own),
        len(blind),
    )


def _metrics(own: Sequence[CheckResult]) -> dict[str, Json]:
    values: dict[str, Json] = {
        result.check: result.value for result in own if result.value is not None
    }
    for result in own:
        if result.check == "database.size" and "bytes" in result.detail:
            values["database.bytes"] = result.detail["bytes"]
    return values
