"""When a check's samples become an alert, and when that is over: a pure function of what was.

::

            3 bad in a row             5 good in a row
    ok ---> pending ---> firing ------------------------> ok
     ^         |
     +---------+ anything but bad

A sample is *bad* beyond the check's limit, *good* below 90 % of it, and *between* otherwise: that
keeps what is firing, yet lets nothing begin. *Unseen* (unknown, or explained by another check)
changes nothing at all.

**Flapping.** Each change adds 1 to a penalty that halves every hour, and to one that halves every
eight. When either is above 4 the alert is *folded*: one message says so, and further changes are
counted (``flaps``) but not told, until the quick penalty is below 0.7: two hours and more without
a change. The quick one catches what comes and goes within minutes, the slow one what drifts
across its limit all day: without it twelve such hours cost 20 messages, with it 9.

Severity only grows while an alert is open: a value that swings between warning and critical is
critical, said once. What comes back within the hour or so is as severe as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Kind = Literal["good", "between", "bad", "unseen"]
Severity = Literal["warning", "critical"]
Phase = Literal["ok", "pending", "firing"]
Change = Literal["firing", "escalated", "flapping", "resolved"]

PENDING_SAMPLES = 3
CLEAR_SAMPLES = 5
HALF_LIFE_SECONDS = 3600.0
SLOW_HALF_LIFE_SECONDS = 8 * 3600.0
FOLD_ABOVE = 4.0
SLOW_FOLD_ABOVE = 4.0
UNFOLD_BELOW = 0.7
RECENT_PENALTY = 0.5
FORGET_BELOW = 0.05
"""So small a penalty, with nothing pending, is not worth a row."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged look at a check. severity counts only where it is bad."""

    kind: Kind
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one check and target from its samples so far.

    bad, good, critical: samples of that kind in a row. penalties: as of sampled_at. folded: it
    flaps.
    """

    sampled_at: datetime
    phase: Phase = "ok"
    folded: bool = False
    severity: Severity = "warning"
    bad: int = 0
    good: int = 0
    critical: int = 0
    penalty: float = 0.0
    slow_penalty: float = 0.0

    @property
    def open(self) -> bool:
        """Whether there is an alert that people see."""
        return self.folded or self.phase == "firing"

    @property
    def forgettable(self) -> bool:
        return not self.open and self.phase == "ok" and self.slow_penalty < FORGET_BELOW


@dataclass(frozen=True, slots=True)
class Step:
    """The memory after a sample, and what is to be told. came_back: it fired once more, folded."""

    memory: Memory
    change: Change | None = None
    came_back: bool = False


def step(before: Memory, sample: Sample, now: datetime) -> Step:
    """One sample later. now: of the sample, not before ``before.sampled_at``."""
    memory = _aged(before, now)
    if sample.kind == "unseen":
        return _unfolded(Step(memory))
    memory = _counted(memory, sample)
    if memory.phase == "firing":
        return _unfolded(_while_firing(memory))
    if memory.bad >= PENDING_SAMPLES:
        return _fired(memory, sample.severity)
    return _unfolded(Step(replace(memory, phase="pending" if memory.bad else "ok")))


def ended(before: Memory, now: datetime) -> Step:
    """Nothing reports this check and target any more: whatever was open is over."""
    aged = _aged(before, now)
    memory = Memory(now, penalty=aged.penalty, slow_penalty=aged.slow_penalty)
    return Step(memory, "resolved" if before.open else None)


def _aged(memory: Memory, now: datetime) -> Memory:
    seconds = max(0.0, (now - memory.sampled_at).total_seconds())
    return replace(
        memory,
        penalty=memory.penalty * 0.5 ** (seconds / HALF_LIFE_SECONDS),
        slow_penalty=memory.slow_penalty * 0.5 ** (seconds / SLOW_HALF_LIFE_SECONDS),
        sampled_at=now,
    )


def _changed(memory: Memory, phase: Phase) -> Memory:
    return replace(
        memory, phase=phase, penalty=memory.penalty + 1, slow_penalty=memory.slow_penalty + 1
    )


def _counted(memory: Memory, sample: Sample) -> Memory:
    bad, good = sample.kind == "bad", sample.kind == "good"
    critical = bad and sample.severity == "critical"
    return replace(
        memory,
        bad=min(memory.bad + 1, PENDING_SAMPLES) if bad else 0,
        good=min(memory.good + 1, CLEAR_SAMPLES) if good else 0,
        critical=min(memory.critical + 1, PENDING_SAMPLES) if critical else 0,
    )


def _fired(memory: Memory, severity: Severity) -> Step:
    recent = memory.folded or memory.penalty >= RECENT_PENALTY
    if recent and memory.severity == "critical":
        severity = "critical"
    fired = replace(_changed(memory, "firing"), severity=severity)
    if memory.folded:
        return Step(fired, came_back=True)
    if fired.penalty > FOLD_ABOVE or fired.slow_penalty > SLOW_FOLD_ABOVE:
        return Step(replace(fired, folded=True), "flapping")
    return Step(fired, "firing")


def _while_firing(memory: Memory) -> Step:
    if memory.good >= CLEAR_SAMPLES:
        calm = _changed(memory, "ok")
        return Step(calm, None if memory.folded else "resolved")
    if memory.critical >= PENDING_SAMPLES and memory.severity == "warning":
        # A flapping alert has its one message; that it became critical is worth another.
        return Step(replace(memory, severity="critical"), "escalated")
    return Step(memory)


def _unfolded(after: Step) -> Step:
    """A folded alert whose penalty is gone is an ordinary one again, or over."""
    memory = after.memory
    if not memory.folded or memory.penalty >= UNFOLD_BELOW or after.change is not None:
        return after
    calm = replace(memory, folded=False)
    return Step(calm, None if memory.phase == "firing" else "resolved")
