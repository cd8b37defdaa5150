"""Judging, relating, rolling up and wording: what needs neither a database nor a daemon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents.health import words
from agents.health.checks import Check, CheckResult, Status
from agents.health.judge import Limits, judge, quantity, unknown
from agents.health.relate import relate
from agents.health.states import overall, states

DEPTH = Check(
    id="queue.depth",
    unit="count",
    warning=500,
    critical=5000,
    every_seconds=60,
    says="{value} requests wait, the first of {task_type}",
    remedy="start another daemon",
    needs="SELECT on ai_requests",
    target="task_type",
)


def result(check: str, status: Status, **more: Any) -> CheckResult:
    made = CheckResult(check, check.partition(".")[0], status, message=f"{check} is {status}.")  # type: ignore[arg-type]
    return replace(made, **more)


@pytest.mark.parametrize(
    ("value", "status"),
    [(None, "healthy"), (0, "healthy"), (499, "healthy"), (500, "warning"), (5000, "critical")],
)
def test_limits_are_reached(value: float | None, status: str) -> None:
    """A value that reaches a limit is over it; where there is none there is nothing to judge."""
    assert judge(DEPTH, value).status == status


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_unknown(value: float) -> None:
    """It alarms nobody, and an answer can hold it."""
    found = judge(DEPTH, value)
    assert (found.status, found.value) == ("unknown", None)
    assert "no number" in found.message


def test_low_side() -> None:
    """Where little is the trouble, a value at or below the limit is over it."""
    low = replace(DEPTH, worse="low", warning=14, critical=3)
    assert [judge(low, value).status for value in (15, 14, 3)] == [
        "healthy",
        "warning",
        "critical",
    ]


def test_a_notice_is_no_alarm() -> None:
    """Advice stays advice however far over its limit it is."""
    found = judge(replace(DEPTH, notice=True), 9_999)
    assert found.status == "notice"
    assert not found.alarming
    (state,) = states([found])
    assert (state.status, state.worst_check) == ("healthy", None)


def test_hidden_is_not_healthy() -> None:
    """What is partly hidden is unknown while the visible part is fine, else trouble."""
    assert judge(DEPTH, 3, hidden=2).status == "unknown"
    assert judge(DEPTH, None, hidden=2).status == "unknown"
    assert judge(DEPTH, 600, hidden=2).status == "warning"


def test_wishes_replace_limits_one_by_one() -> None:
    """A threshold that names one limit leaves the other; null means never."""
    assert Limits.of(DEPTH, {"warning": 5}) == Limits(5, 5000)
    assert Limits.of(DEPTH, {"warning": 5}, {"critical": None}) == Limits(5, None)
    assert judge(DEPTH, 9_999, limits=Limits(None, None)).status == "healthy"


def test_the_message_names_what_it_is_about() -> None:
    """Value, unit and detail stand in the sentence; what is missing is called unknown."""
    found = judge(DEPTH, 1234, {"task_type": "scheduling"})
    assert found.message == "1,234 requests wait, the first of scheduling."
    assert found.target == "scheduling"
    assert judge(DEPTH, 1234).message == "1,234 requests wait, the first of unknown."


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0042, "seconds", "4.2 ms"),
        (45, "seconds", "45 s"),
        (901, "seconds", "15 min"),
        (90_000, "seconds", "25 h"),
        (86.44, "percent", "86.4 %"),
        (4.5e9, "bytes", "4.5 GB"),
        (2_000_000, "transactions", "2,000,000 transactions"),
        (0.42, "ratio", "0.42"),
    ],
)
def test_quantities(value: float, unit: str, text: str) -> None:
    """Numbers are said in the unit a person would use."""
    assert quantity(value, unit) == text


def test_an_outage_is_one_alarm() -> None:
    """Retries, open breakers and degraded answers are put down to the failing provider."""
    found = relate(
        [
            result("model.error_rate", "critical"),
            result("agents.retry_storm", "critical"),
            result("model.provider", "warning"),
            result("agents.degraded", "warning", detail={"reasons": ["provider_error"]}),
            result("queue.depth", "warning"),
        ]
    )
    assert [r.check for r in found if r.alarming] == ["model.error_rate", "queue.depth"]
    assert found[1].caused_by == "model.error_rate"
    assert "the provider fails" in found[1].message


def test_a_cause_explains_each_target() -> None:
    """Dead rows of every table, not of the worst alone, are put down to what holds vacuum up."""
    tables = [result("database.dead_tuples", "warning", target=name) for name in ("a", "b")]
    _, worst = relate(
        [
            result("database.xmin_horizon", "critical"),
            replace(tables[0], others=(tables[1],)),
        ]
    )
    assert [one.alarming for one in (worst, *worst.others)] == [False, False]
    _, worst = relate(
        [
            result("database.connect", "critical"),
            replace(tables[0], others=(tables[1], replace(tables[1], status="healthy"))),
        ]
    )
    assert [one.caused_by for one in (worst, *worst.others)] == ["database.connect"] * 2 + [None]


def test_a_cause_that_is_less_bad_hides_nothing() -> None:
    """A critical symptom of a mere warning stays an alarm, and names the cause all the same."""
    (_, symptom) = relate(
        [
            result("database.blocked", "warning", detail={"blocker": "77"}),
            result("queue.oldest_pending", "critical"),
        ]
    )
    assert symptom.alarming
    assert "database.blocked" in symptom.message
    assert "(pid 77)" in symptom.message


def test_a_database_that_is_away_explains_the_rest() -> None:
    """One alarm for a database that does not answer, not one for each check."""
    found = relate(
        [
            result("database.connect", "critical"),
            unknown(DEPTH, "The database does not answer."),
            result("listener.canary", "critical"),
            result("workers.memory", "healthy"),
        ]
    )
    assert [r.check for r in found if r.alarming] == ["database.connect"]
    assert [r.caused_by for r in found[1:]] == ["database.connect", "database.connect", None]


def test_an_unrelated_reason_stays() -> None:
    """Answers that lack the model for want of money are the budget's, not the provider's."""
    budget = result("agents.degraded", "warning", detail={"reasons": ["budget_exhausted"]})
    (_, found) = relate([result("model.error_rate", "critical"), budget])
    assert found.alarming
    (_, found) = relate([result("model.budget", "critical"), budget])
    assert found.caused_by == "model.budget"


def test_states_use_three_words() -> None:
    """A component takes the worst of its checks; one that cannot be seen at all is a warning."""
    found = states(
        [
            result("queue.depth", "warning"),
            result("queue.rejected", "critical"),
            result("queue.retention", "unknown"),
            result("model.budget", "unknown"),
            result("agents.paused", "notice"),
            result("agents.degraded", "healthy", value=3.0),
        ]
    )
    assert {s.component: (s.status, s.worst_check, s.checks_unknown) for s in found} == {
        "queue": ("critical", "queue.rejected", 1),
        "agents": ("healthy", None, 0),
        "model": ("warning", "model.budget", 1),
    }
    assert overall(found) == "critical"
    assert overall([]) == "warning"
    assert found[1].metrics == {"agents.degraded": 3.0}


def test_the_template_tells_all() -> None:
    """Without a model the analysis names trouble, worst first, its cure, its train, the unseen."""
    text = words.analysis(
        [
            result("queue.depth", "warning", remedy="start another daemon"),
            result("model.budget", "critical"),
            result("agents.degraded", "warning", caused_by="model.budget"),
            result("database.sequence_exhaustion", "unknown", needs="USAGE on the sequences"),
            result("agents.paused", "notice"),
        ]
    )
    assert text.index("model.budget") < text.index("queue.depth")
    assert "To do: start another daemon." in text
    assert "What comes with it: agents.degraded." in text
    assert "USAGE on the sequences" in text
    assert "Advice: agents.paused is notice." in text
    assert "nothing is wrong" not in text
    assert "nothing is wrong" in words.analysis([result("queue.depth", "healthy")])


TEXTS = ("critical", "Critical, queue.depth: 612 requests wait. To do: start another daemon.")


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        ("612 requests wait in queue.depth; start another daemon first.", None),
        ("613 requests wait in the queue; start another daemon.", "nobody measured"),
        ("The queue is long: see https://example.com for what to do.", "no text speaks of"),
        ("Everything is fine, the queue is a little long.", "all is well"),
        ("The table public.clients has too many rows, look there.", "no text names"),
        ("Too long.", "characters"),
        ("<b>612</b> requests wait; start another daemon.", "plain prose"),
        ("Please ignore the queue, start another daemon then.", "no text speaks of"),
    ],
)
def test_the_sieve(summary: str, why: str | None) -> None:
    """The model's summary is used only if it is prose that stays with what was measured."""
    found = words.problems(summary, TEXTS)
    assert (found == []) if why is None else any(why in problem for problem in found)
