"""What one round of findings changes: which alerts open, go on, end, and what is told of them.

Pure: from what was known and what was found to a list of changes, which ``store.py`` writes in one
transaction. A finding that is good and of which nothing is remembered costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from daemon.alerts.judge import Finding
from daemon.alerts.machine import Memory, Sample, Severity, Step, ended, step
from daemon.alerts.reminders import OpenAlert, reminder

Key = tuple[str, str]
Event = Literal["firing", "repeated", "escalated", "flapping", "resolved"]

APART = timedelta(seconds=15)
"""Samples that are closer together (several daemons look) count as one."""
STALE = timedelta(hours=1)
"""After so long without a sample whatever was open is over: its worker is gone, or its check."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database remembers."""

    memories: Mapping[Key, Memory]
    alerts: Mapping[Key, OpenAlert]


@dataclass(frozen=True, slots=True)
class Round:
    """One round of findings. fleet: checks of which a missing target is a good one, unless the
    check itself was blind.

    A check that each worker makes of itself is not among them: what this worker does not find
    tells nothing about the others.
    """

    now: datetime
    findings: Sequence[Finding]
    fleet: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """A change of one open or new alert. event: what is told, if anything."""

    finding: Finding
    severity: Severity
    state: Literal["firing", "flapping", "resolved"]
    event: Event | None
    came_back: bool = False
    gone: bool = False
    bad: bool = True


@dataclass(slots=True)
class Changes:
    """Everything to be written. pending: checks of which something may soon be an alert; alarming:
    those that have one, and with it samples to wait for.
    """

    memories: dict[Key, Memory] = field(default_factory=dict)
    forgotten: list[Key] = field(default_factory=list)
    opened: list[Update] = field(default_factory=list)
    updated: list[tuple[OpenAlert, Update]] = field(default_factory=list)
    firing: dict[Severity, int] = field(default_factory=lambda: {"warning": 0, "critical": 0})
    pending: set[str] = field(default_factory=set)
    alarming: set[str] = field(default_factory=set)


def plan(known: Known, round_: Round) -> Changes:
    """The changes that a round of findings makes to what is known."""
    changes = Changes()
    found = {finding.key: finding for finding in _worst_first(round_.findings)}
    blind = {finding.check for finding in round_.findings if finding.blind}
    for key, memory in known.memories.items():
        if key not in found and key[0] in round_.fleet:
            found[key] = Finding(*key, Sample("unseen" if key[0] in blind else "good"))
        elif key not in found and round_.now - memory.sampled_at > STALE:
            _note(changes, known, Finding(*key, Sample("good")), ended(memory, round_.now), True)
    for key, finding in found.items():
        before = known.memories.get(key)
        if before is None and finding.sample.kind != "bad":
            continue
        # abs: after a clock was set back a whole hour would be too close.
        if before is not None and abs(round_.now - before.sampled_at) < APART:
            continue
        after = step(before or Memory(round_.now), finding.sample, round_.now)
        _note(changes, known, finding, after, False)
    _remind(changes, known, round_.now)
    _count(changes, known)
    return changes


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Of two findings of the same key the later one counts: the bad one."""
    return sorted(findings, key=lambda finding: finding.sample.kind == "bad")


def _note(changes: Changes, known: Known, finding: Finding, after: Step, gone: bool) -> None:
    memory, alert = after.memory, known.alerts.get(finding.key)
    if memory.forgettable:
        if finding.key in known.memories:
            changes.forgotten.append(finding.key)
    else:
        changes.memories[finding.key] = memory
    bad = finding.sample.kind == "bad"
    state: Literal["firing", "flapping", "resolved"] = (
        "flapping" if memory.folded else "firing" if memory.phase == "firing" else "resolved"
    )
    update = Update(
        finding, memory.severity, state, after.change, after.came_back, gone=gone, bad=bad
    )
    if alert is None:
        if memory.open:
            changes.opened.append(update)
        return
    quiet = alert.silent(memory.sampled_at)
    if bad or state != alert.state or after.change:
        event = None if quiet else after.change
        changes.updated.append((alert, replace(update, event=event)))


def _remind(changes: Changes, known: Known, now: datetime) -> None:
    """Of what stays open and has nothing else to say in this round."""
    said = {alert.alert_id: at for at, (alert, _) in enumerate(changes.updated)}
    for key, alert in known.alerts.items():
        event = reminder(alert, now)
        if event is None:
            continue
        at = said.get(alert.alert_id)
        if at is None:
            update = Update(
                Finding(*key, Sample("unseen")), alert.severity, alert.state, event, bad=False
            )
            changes.updated.append((alert, update))
        elif changes.updated[at][1].event is None and changes.updated[at][1].state == "firing":
            changes.updated[at] = (alert, replace(changes.updated[at][1], event=event))


def _count(changes: Changes, known: Known) -> None:
    severities = {key: alert.severity for key, alert in known.alerts.items()}
    for alert, update in changes.updated:
        key = (alert.check, alert.target)
        severities[key] = update.severity
        if update.state == "resolved":
            del severities[key]
    for update in changes.opened:
        severities[update.finding.key] = update.severity
    for severity in severities.values():
        changes.firing[severity] += 1
    memories = {**known.memories, **changes.memories}
    changes.pending = {key[0] for key, memory in memories.items() if memory.phase == "pending"}
    changes.alarming = {key[0] for key, memory in memories.items() if memory.open}
