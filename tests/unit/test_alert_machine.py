"""From samples to alerts: what begins, what ends, what is told, and how little of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import pytest

from daemon.alerts.judge import judge
from daemon.alerts.machine import Memory, Sample, Step, ended, step
from daemon.alerts.plan import Known, Round, plan
from daemon.alerts.reminders import OpenAlert, reminder
from daemon.alerts.store import GROUP_SECONDS
from daemon.health.model import CheckResult, Status

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY_SECONDS = 86_400
LIMIT = 80.0
BAD, CRITICAL = Sample("bad"), Sample("bad", "critical")
GOOD, BETWEEN, UNSEEN = Sample("good"), Sample("between"), Sample("unseen")


def told(samples: list[Sample], memory: Memory | None = None) -> list[str | None]:
    """The changes that a row of samples, a minute apart, brings about."""
    memory = memory or Memory(START)
    changes: list[str | None] = []
    for sample in samples:
        after = step(memory, sample, memory.sampled_at + MINUTE)
        memory = after.memory
        changes.append(after.change)
    return changes


def result(value: float, *, warning: float = LIMIT, critical: float = 90.0) -> CheckResult:
    status: Status = (
        "critical" if value >= critical else "warning" if value >= warning else "healthy"
    )
    return CheckResult(
        "database.connections", "database", status, value, "percent", warning, critical
    )


def test_third_bad_sample_fires() -> None:
    """Two bad samples are nothing yet, the third is told."""
    assert told([BAD, BAD, BAD, BAD]) == [None, None, "firing", None]


@pytest.mark.parametrize("other", [GOOD, BETWEEN])
def test_begins_anew_after_a_better_sample(other: Sample) -> None:
    """Bad samples count only in a row."""
    assert told([BAD, BAD, other, BAD, BAD]) == [None] * 5


def test_unseen_changes_nothing() -> None:
    """What could not be seen neither begins nor ends anything, nor does it break a row."""
    assert told([BAD, BAD, UNSEEN, BAD])[-1] == "firing"
    assert told([BAD] * 3 + [GOOD] * 4 + [UNSEEN, GOOD])[-1] == "resolved"


def test_ends_only_below_the_second_limit() -> None:
    """Five clearly good samples in a row end it; one that is only just good starts them anew."""
    assert told([BAD] * 3 + [GOOD] * 5) == [None, None, "firing", *[None] * 4, "resolved"]
    assert "resolved" not in told([BAD] * 3 + [GOOD] * 4 + [BETWEEN] + [GOOD] * 4)


def test_becoming_critical_is_told_once() -> None:
    """A warning that turns critical is said once, whatever it swings back to."""
    swing = [CRITICAL, BAD, CRITICAL, CRITICAL, CRITICAL, BAD, BAD, CRITICAL, CRITICAL, CRITICAL]
    assert told([BAD] * 3 + swing) == [None, None, "firing", *[None] * 4, "escalated", *[None] * 5]


def test_gone_is_over() -> None:
    """What nobody reports any more is over if it was open, and nothing otherwise."""
    firing = Memory(START, phase="firing", penalty=1.0)
    assert ended(firing, START + MINUTE).change == "resolved"
    assert ended(replace(firing, phase="pending"), START + MINUTE).change is None


@pytest.mark.parametrize(
    ("value", "kind"), [(71.9, "good"), (72.0, "between"), (79.9, "between"), (80.0, "bad")]
)
def test_two_limits(value: float, kind: str) -> None:
    """Below 90 % of the limit is good, up to the limit is between."""
    assert judge(result(value)).sample.kind == kind


def test_two_limits_where_less_is_worse() -> None:
    """Where a low value is trouble the second limit lies above the first."""
    low = replace(result(91.0), worse="low", status="healthy", warning=90.0, critical=None)
    assert judge(low).sample.kind == "between"
    assert judge(replace(low, value=100.1)).sample.kind == "good"


def test_explained_and_unknown_are_no_alarm() -> None:
    """What another check's trouble explains, and what could not be seen, alarms nobody."""
    explained = replace(result(95.0), caused_by="database.connect")
    unknown = replace(result(95.0), status="unknown")
    assert [judge(one).sample.kind for one in (explained, unknown)] == ["unseen", "unseen"]


Values = Callable[[random.Random, float], float]


def white(random_: random.Random, _: float) -> float:
    return LIMIT + random_.gauss(0, 4)


def drifting() -> Values:
    drift = 0.0

    def value(random_: random.Random, _: float) -> float:
        nonlocal drift
        drift = 0.9 * drift + random_.gauss(0, 4)
        return LIMIT + drift

    return value


def square(_: random.Random, second: float) -> float:
    """Eight minutes of trouble, eight of peace: the worst that the counters let through."""
    return 95.0 if int(second // 480) % 2 else 40.0


def day(seed: int, hovering: Values, hours: float) -> tuple[int, float | None]:
    """(messages of a day, seconds from the incident to its message).

    Checks run each minute, and every 20 s while something may soon be an alert; a message leaves
    after the time in which it may be joined by others. ``hours`` of hovering, then one incident.
    """
    random_ = random.Random(seed)
    hover = random_.uniform(0, 10) * 3600
    incident = random_.uniform(0, 1) * 3600 + max(hover + hours * 3600 + 3600, 14 * 3600)
    incident = min(incident, DAY_SECONDS - 3600)
    second, memory, messages, seen = 0.0, Memory(START), 0, None
    while second < DAY_SECONDS:
        value = 40 + random_.gauss(0, 5)
        if hover <= second < hover + hours * 3600:
            value = hovering(random_, second)
        if incident <= second < incident + 1800:
            value = 97.0
        after = step(memory, judge(result(value)).sample, START + timedelta(seconds=second))
        memory = after.memory
        if after.change is not None:
            messages += 1
            if seen is None and second >= incident:
                seen = second + GROUP_SECONDS - incident
        second += 20 if memory.phase == "pending" else 60
    return messages, seen


def days(hovering: Callable[[], Values], hours: float) -> Iterator[tuple[int, float]]:
    for seed in range(25):
        messages, seen = day(seed, hovering(), hours)
        assert seen is not None, "the incident was missed"
        yield messages, seen


@pytest.mark.parametrize("hovering", [lambda: white, drifting, lambda: square])
def test_an_hour_at_the_limit(hovering: Callable[[], Values]) -> None:
    """A day with an hour at the limit and one incident costs a handful of messages, the
    incident's own two among them, and it is told within three minutes."""
    outcomes = list(days(hovering, 1.0))
    assert mean(messages for messages, _ in outcomes) <= 8
    assert max(messages for messages, _ in outcomes) <= 11
    assert max(seen for _, seen in outcomes) <= 180


def test_noise_at_the_limit_costs_about_four() -> None:
    """Plain noise around the limit for an hour, and an incident: about four messages a day."""
    assert mean(messages for messages, _ in days(lambda: white, 1.0)) <= 5


@pytest.mark.parametrize("hovering", [lambda: white, drifting, lambda: square])
def test_a_whole_flapping_day(hovering: Callable[[], Values]) -> None:
    """Flapping from morning till night costs a handful of messages."""
    counts = [day(seed, hovering(), 12.0)[0] for seed in range(6)]
    assert mean(counts) <= 10


def test_flapping_is_said_and_ends() -> None:
    """The third time round it is called flapping, then nothing is told until all is quiet."""
    cycle = [BAD] * 3 + [GOOD] * 5
    assert [change for change in told(cycle * 10 + [GOOD] * 400) if change] == [
        "firing",
        "resolved",
        "firing",
        "resolved",
        "flapping",
        "resolved",
    ]


def test_flapping_that_stays_bad_is_an_ordinary_alert_again() -> None:
    """A flapping alert that settles in trouble ends like any other when that ends."""
    cycle = [BAD] * 3 + [GOOD] * 5
    changes = told(cycle * 4 + [BAD] * 300 + [GOOD] * 5)
    assert changes[-1] == "resolved"


def alert(**values: Any) -> OpenAlert:
    base = OpenAlert(1, "queue.depth", "", "critical", "firing", START, START)
    return replace(base, **values)


@pytest.mark.parametrize(
    ("minutes", "values", "expected"),
    [
        (29, {}, None),
        (30, {}, "escalated"),
        (30, {"acknowledged_by": "sam"}, None),
        (30, {"silenced_until": START + timedelta(hours=2)}, None),
        (59, {"escalated_at": START}, None),
        (60, {"escalated_at": START}, "repeated"),
        (239, {"severity": "warning"}, None),
        (240, {"severity": "warning"}, "repeated"),
        (240, {"severity": "warning", "acknowledged_by": "sam"}, None),
        (240, {"state": "flapping"}, None),
    ],
)
def test_reminders(minutes: int, values: dict[str, object], expected: str | None) -> None:
    """Critical is escalated after half an hour and repeated hourly, a warning every four hours;
    nobody is reminded of what somebody has acknowledged or silenced."""
    assert reminder(alert(**values), START + timedelta(minutes=minutes)) == expected


def known(memory: Memory, **values: object) -> Known:
    open_ = alert(**values)
    key = (open_.check, open_.target)
    return Known({key: memory}, {key: open_} if memory.open else {})


def test_nothing_wrong_costs_nothing() -> None:
    """Good findings of which nothing is remembered change nothing."""
    changes = plan(Known({}, {}), Round(START, [judge(result(10.0))]))
    assert (changes.memories, changes.opened, changes.updated) == ({}, [], [])


def test_samples_close_together_count_once() -> None:
    """Two daemons that look at the same moment are one sample."""
    pending = Memory(START, phase="pending", bad=2)
    key = ("database.connections", "")
    changes = plan(
        Known({key: pending}, {}), Round(START + timedelta(seconds=5), [judge(result(95.0))])
    )
    assert changes.memories == {}


def test_a_clock_that_was_set_back_stops_no_alert() -> None:
    """What was seen an hour later by the clock of before is no sample of the same moment."""
    pending = Memory(START + timedelta(hours=1), phase="pending", bad=2)
    key = ("database.connections", "")
    changes = plan(Known({key: pending}, {}), Round(START, [judge(result(95.0))]))
    assert [update.event for update in changes.opened] == ["firing"]


@pytest.mark.parametrize(
    "values",
    [
        {"status": "unknown", "value": None},
        {"status": "warning", "value": None},
        {"status": "warning", "caused_by": "database.blocked"},
    ],
)
def test_what_cannot_be_seen_ends_no_targets_alert(values: dict[str, Any]) -> None:
    """A check that cannot be made, or never can by now, or is explained by another, says nothing
    about a target of before: neither that it is well nor that nobody reports it."""
    firing = Memory(START, phase="firing", severity="critical", good=4, penalty=1.0)
    before = known(firing, check="database.connections", target="a", escalated_at=START)
    blind = replace(result(85.0), **values)
    changes = plan(before, Round(START + MINUTE, [judge(blind)], {blind.check}))
    assert changes.updated == []
    memory = changes.memories[blind.check, "a"]
    assert (memory.phase, memory.good, memory.sampled_at) == ("firing", 4, START + MINUTE)


def test_target_that_is_gone_is_good() -> None:
    """A check that finds no more trouble with a target ends that target's alert."""
    firing = Memory(START, phase="firing", severity="critical", good=4, penalty=1.0)
    before = known(firing, target="ai_requests")
    changes = plan(before, Round(START + MINUTE, [], {"queue.depth"}))
    assert [update.event for _, update in changes.updated] == ["resolved"]
    assert changes.firing == {"warning": 0, "critical": 0}


def test_other_workers_are_not_judged() -> None:
    """A worker says nothing about what others measure of themselves, until they are silent for
    an hour."""
    firing = Memory(START, phase="firing", severity="critical", penalty=1.0)
    before = known(firing, target="w2", escalated_at=START)
    assert plan(before, Round(START + 10 * MINUTE, [])).updated == []
    (gone,) = plan(before, Round(START + 61 * MINUTE, [])).updated
    assert (gone[1].event, gone[1].gone) == ("resolved", True)


def test_silenced_alert_ends_in_silence() -> None:
    """While an alert is silenced not even its end is told, yet it ends."""
    firing = Memory(START, phase="firing", severity="critical", good=4, penalty=1.0)
    before = known(firing, silenced_until=START + timedelta(hours=1))
    (ending,) = plan(before, Round(START + MINUTE, [], {"queue.depth"})).updated
    assert (ending[1].state, ending[1].event) == ("resolved", None)


def test_step_is_pure() -> None:
    """The same memory and sample give the same step."""
    memory = Memory(START, phase="pending", bad=2)
    first, second = (step(memory, BAD, START + MINUTE) for _ in range(2))
    assert first == second == Step(first.memory, "firing")
