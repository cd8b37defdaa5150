"""From a measured value to a status and a sentence.

A value that reaches a limit is over it, on either side. Where something could not be seen
(``hidden``) and what was seen is fine, the answer is ``unknown``: the fault may be in the part
that is hidden.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.health.checks import SEVERITY, Check, CheckResult, Json, Status

LONGEST_DETAIL = 120
MOST_NAMED = 3
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Limits:
    """A check's limits where they are not its own; None as in ``Check``."""

    warning: float | None
    critical: float | None

    @classmethod
    def of(cls, check: Check, *wishes: Mapping[str, Json] | None) -> Limits:
        """The check's limits, each replaced by the last wish that names it.

        A wish is ``{"warning": 5, "critical": null}``; what it leaves out stays.
        """
        warning, critical = check.warning, check.critical
        for wish in wishes:
            warning = (wish or {}).get("warning", warning)
            critical = (wish or {}).get("critical", critical)
        return cls(warning, critical)


def judge(
    check: Check,
    value: float | None,
    detail: Mapping[str, Json] | None = None,
    *,
    hidden: int = 0,
    limits: Limits | None = None,
) -> CheckResult:
    """The result of one measurement. hidden: how many objects could not be seen.

    NaN and the infinities, which rows with a moment of no calendar make, tell nothing.
    """
    held = limits or Limits.of(check)
    shown = dict(detail or {})
    remedy = check.remedy
    senseless = value is not None and not math.isfinite(value)
    value = None if senseless else value
    status = _status(check, value, held)
    message = sentence(check.says, value, check.unit, shown)
    if value is None:
        message = "Nothing to report."
    elif status == "healthy":
        message = (
            "Fine." if check.unit in ("count", "flag") else f"Fine: {quantity(value, check.unit)}."
        )
    if status == "healthy" and hidden:
        status = "unknown"
        message = f"What is seen is fine; what our role cannot see: {hidden}."
        remedy = f"our role needs {check.needs}"
    if senseless:
        status = "unknown"
        message = "What was measured is no number; a row that was edited by hand may be why."
    return CheckResult(
        check=check.id,
        component=check.component,
        status=status,
        value=value,
        unit=check.unit,
        warning=held.warning,
        critical=held.critical,
        message=message,
        detail=shown,
        remedy=remedy,
        needs=check.needs,
        worse=check.worse,
        target=str(shown.get(check.target) or "") if check.target else "",
    )


def with_others(worst: CheckResult, others: Sequence[CheckResult]) -> CheckResult:
    """A check's result with those of its other targets; the message names the ones in trouble."""
    troubled = [one for one in others if SEVERITY[one.status]]
    named = [f"{one.target} ({quantity(one.value, one.unit)})" for one in troubled[:MOST_NAMED]]
    if more := len(troubled) - len(named):
        named.append(f"{more} more")
    message = f"{worst.message} Also {', '.join(named)}." if named else worst.message
    return replace(worst, message=message, others=tuple(others))


def unknown(
    check: Check, why: str, limits: Limits | None = None, *, needs: str = ""
) -> CheckResult:
    """A check that could not be made. why: a sentence, without anybody's data. needs: the right
    that was lacking, if it was that. What mends the trouble that it looks for is no help here.
    """
    held = limits or Limits.of(check)
    return CheckResult(
        check=check.id,
        component=check.component,
        status="unknown",
        unit=check.unit,
        warning=held.warning,
        critical=held.critical,
        message=why,
        needs=needs,
        worse=check.worse,
    )


def _status(check: Check, value: float | None, limits: Limits) -> Status:
    if value is None:
        return "healthy"
    if _over(value, limits.critical, check):
        return "notice" if check.notice else "critical"
    if _over(value, limits.warning, check):
        return "notice" if check.notice else "warning"
    return "healthy"


def _over(value: float, limit: float | None, check: Check) -> bool:
    if limit is None:
        return False
    return value >= limit if check.worse == "high" else value <= limit


def sentence(says: str, value: float | None, unit: str, detail: Mapping[str, Json]) -> str:
    """``says`` with its names filled in, as a sentence; what is missing reads "unknown"."""

    def fill(found: re.Match[str]) -> str:
        if found[1] == "value":
            return quantity(value, unit)
        return _short(detail.get(found[1]))

    text = _FIELD.sub(fill, says)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit that a person would use: ``12 min``, ``86 %``, ``4.5 GB``."""
    if value is None:
        return "unknown"
    if unit == "seconds":
        return _duration(value)
    if unit == "percent":
        return f"{_number(value)} %"
    if unit == "bytes":
        return _scaled(value, ("bytes", "kB", "MB", "GB", "TB", "PB"))
    if unit in ("count", "ratio", "flag"):
        return _number(value)
    return f"{_number(value)} {unit}"


def _duration(seconds: float) -> str:
    for limit, size, name in ((1, 0.001, "ms"), (120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{_number(seconds / size)} {name}"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:,.0f} days"


def _scaled(value: float, names: tuple[str, ...]) -> str:
    step = 0
    while abs(value) >= 1000 and step < len(names) - 1:
        value /= 1000
        step += 1
    return f"{_number(value)} {names[step]}"


def _number(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}".removesuffix(".0")


def _short(value: Json) -> str:
    if value is None or value in ("", []):
        return "unknown" if value is None else "none"
    if isinstance(value, list):
        text = ", ".join("/".join(map(str, v)) if isinstance(v, list) else str(v) for v in value)
    elif isinstance(value, float):
        text = _number(value)
    else:
        text = str(value)
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 3] + "..."
