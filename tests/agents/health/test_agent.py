"""The health agent: what it asks for, what it answers, what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from agents.base import Result
from agents.health.agent import HealthChecker
from agents.health.checks import CHECKS, CheckResult
from agents.health.model import HealthConfig, HealthReport, HealthRequest
from tests.kit.context import FakeContext, ScriptedLLM

FULL = CheckResult(
    "queue.depth",
    "queue",
    "warning",
    value=612.0,
    unit="count",
    warning=500,
    critical=5000,
    message="612 requests are due and wait.",
    remedy="start another daemon",
)
FINE = CheckResult(
    "database.connect", "database", "healthy", value=0.01, unit="seconds", remedy="start it"
)


def context(*results: CheckResult, script: Any = None) -> FakeContext:
    measured = {
        "worker_id": "w1",
        "measured_at": "2026-03-02T09:00:00+00:00",
        "seconds": 0.04,
        "checks": [one.as_json() for one in results],
    }
    return FakeContext(measured=measured, llm=ScriptedLLM(script), config=HealthConfig())


async def answer(ctx: FakeContext, **asked: Any) -> Result[HealthReport]:
    return await HealthChecker().execute(ctx, HealthRequest(**asked))


async def test_shape() -> None:
    """The older three words per component, and every check with all that is known of it."""
    output = (await answer(context(FULL, FINE))).output
    assert output.status == "warning"
    assert [(c.component, c.status) for c in output.health_checks] == [
        ("database", "healthy"),
        ("queue", "warning"),
    ]
    assert [c.remedy for c in output.checks] == ["start another daemon", ""]
    assert {"check", "component", "status", "value", "unit", "warning", "critical", "message",
            "detail", "remedy", "needs"} <= set(output.checks[0].model_dump())  # fmt: skip
    assert "612 requests are due and wait." in output.analysis
    assert "start another daemon" in output.analysis
    assert output.timestamp == "2026-03-02T09:00:00+00:00"
    assert output.seconds == 0.04


async def test_what_is_asked_for_is_measured() -> None:
    """Components stand for their checks, and thresholds go on as they were given."""
    ctx = context(FULL)
    await answer(
        ctx, checks=["queue", "database.blocked"], thresholds={"queue.depth": {"warning": 5}}
    )
    (wish,) = ctx.wished
    assert set(wish["checks"]) == {
        check for check in CHECKS if check.startswith("queue.") or check == "database.blocked"
    }
    assert wish["thresholds"] == {"queue.depth": {"warning": 5}}


async def test_rows_rest_on_all_checks_of_a_component() -> None:
    """A state is kept unless some of its checks were left out, or judged by other limits."""
    whole = await answer(context(FULL, FINE))
    assert [row["component"] for row in whole.rows["ai_system_health"]] == ["database", "queue"]
    assert whole.rows["ai_system_health"][0]["worker_id"] == "w1"
    part = await answer(context(FULL, FINE), checks=["queue.depth", "database"])
    assert [row["component"] for row in part.rows["ai_system_health"]] == ["database"]
    bent = await answer(context(FULL, FINE), thresholds={"queue.depth": {"warning": 5}})
    assert [row["component"] for row in bent.rows["ai_system_health"]] == ["database"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"checks": ["queue.deepness"]}, "neither a check nor a component"),
        ({"checks": 5}, "expected a list"),
        ({"thresholds": {"queue.deepness": {"warning": 1}}}, "is no check"),
        ({"thresholds": {"queue.depth": 5}}, "expected"),
        ({"thresholds": {"queue.depth": {"warning": "high"}}}, "number"),
        ({"thresholds": {"queue.depth": {"warn": 5}}}, "warn"),
    ],
)
def test_impossible_wishes(asked: Mapping[str, Any], words: str) -> None:
    """An impossible wish is refused with what would be right."""
    with pytest.raises(ValidationError, match=words):
        HealthRequest(**asked)


@pytest.mark.parametrize("asked", [{}, {"checks": None}, {"checks": [], "thresholds": {}},
                                   {"timestamp": "2026-01-01"}])  # fmt: skip
def test_what_callers_send(asked: Mapping[str, Any]) -> None:
    """Nothing, and what older callers send, means all checks."""
    assert HealthRequest(**asked).checks == ()


async def test_the_model_sums_up() -> None:
    """The model gets finished sentences and its summary stands, the numbers being ours."""
    said = "612 requests wait, which is too many; start another daemon."
    ctx = context(FULL, FINE, script=lambda name, data: {"summary": said})
    output = (await answer(ctx)).output
    assert output.analysis == said
    assert output.provenance.llm.used
    (data,) = ctx.llm.asked
    assert data["findings"][0]["check"] == "queue.depth"


async def test_the_model_invents() -> None:
    """A summary with a number that nobody measured gives way to the template."""
    ctx = context(
        FULL, script=lambda name, data: {"summary": "About 900 requests wait there now."}
    )
    output = (await answer(ctx)).output
    assert not output.provenance.llm.used
    assert "612 requests are due and wait." in output.analysis


@pytest.mark.parametrize(
    ("results", "asked"), [((FINE,), {}), ((FULL,), {"explain": False})], ids=["fine", "unwanted"]
)
async def test_the_model_is_left_alone(results: tuple[CheckResult, ...], asked: Any) -> None:
    """No call is bought where nothing is wrong, or no words are wanted."""
    ctx = context(*results, script=lambda name, data: {"summary": "x" * 50})
    await answer(ctx, **asked)
    assert ctx.llm.asked == []
