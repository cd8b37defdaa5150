"""The progress agent from request to answer: honest model, hostile model, none; and its rows."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import psycopg
import pytest
from pydantic import ValidationError

from agents.base import Result
from agents.crm import Crm, open_engine
from agents.progress import words
from agents.progress.agent import ProgressMonitor
from agents.progress.model import ProgressRequest
from agents.progress.report import ProgressReport
from daemon import statements
from daemon.demo.gym import Options, Variant, load
from daemon.intake import Parsed, parse
from daemon.model import ErrorInfo
from tests.kit.context import Script
from tests.kit.progress import NOW, TODAY, finite, run

Json = dict[str, Any]

KEYS = {
    "status", "source", "client_id", "as_of", "prediction", "estimated_weeks", "confidence",
    "interval_pct", "goals", "series_quality", "events", "adherence", "insights",
    "recommendations", "chart_svg", "data_warnings", "provenance",
}  # fmt: skip


def request(per_week: float = 0.5, **more: Any) -> Json:
    """A request that brings its own history: 60 readings that fall, and a goal."""
    points = [
        {
            "date": (TODAY - timedelta(days=ago)).isoformat(),
            "metric": "weight",
            "value": round(90 - (120 - ago) * per_week / 7 + 0.4 * (-1) ** ago, 1),
            "unit": "kg",
        }
        for ago in range(119, 0, -2)
    ]
    return {"client_id": 7, "historical_data": points, "goal_metrics": {"weight": 76}} | more


async def answer(asked: Json, script: Script | None = None) -> Json:
    """The answer's JSON."""
    result, _ = await run(asked, script=script)
    return result.output.model_dump(mode="json")


def without_provenance(found: Json) -> Json:
    """An answer without its only part that may differ."""
    return {key: value for key, value in found.items() if key != "provenance"}


def prose(found: Json) -> list[str]:
    """All sentences of an answer."""
    return [
        found["prediction"],
        *found["insights"],
        *(item["text"] for item in found["recommendations"]),
        *(event["detail"] for event in found["events"]),
    ]


def grounds(value: Any) -> set[float]:
    """Every number of the structured part; sentences, warnings and provenance ground nothing."""
    if isinstance(value, Mapping):
        silent = {"prediction", "insights", "text", "detail", "data_warnings", "provenance",
                  "chart_svg"}  # fmt: skip
        parts = [grounds(item) for key, item in value.items() if key not in silent]
        return set().union(*parts) if parts else set()
    if isinstance(value, list):
        return set().union(*(grounds(item) for item in value)) if value else set()
    if isinstance(value, str):
        return {float(part) for part in re.findall(r"\d+", value)}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {abs(float(value))}
    return set()


def assert_grounded(found: Json) -> None:
    """No sentence holds a numeral that was not computed."""
    known = grounds(found)
    for text in prose(found):
        for numeral in re.findall(r"\d+(?:\.\d+)?", text):
            assert float(numeral) in known, (numeral, text)


# --- shape -------------------------------------------------------------------------------------


async def test_the_main_app_can_read_it() -> None:
    """The four keys that the main app reads are flat and typed; the keys it would prefer are not
    there."""
    found = await answer(request())
    assert set(found) == KEYS
    assert isinstance(found["prediction"], str)
    assert isinstance(found["estimated_weeks"], int)
    assert 0 <= found["confidence"] <= 1
    assert found["source"] == "ai_orchestrator"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


async def test_same_data_same_answer() -> None:
    """The same question gives the same JSON, whatever its request id and its second."""
    first, second = await answer(request()), await answer(request())
    assert without_provenance(first) == without_provenance(second)
    result, _ = await run(request(), request_id=9)
    assert without_provenance(result.output.model_dump(mode="json")) == without_provenance(first)


async def test_other_data_other_answer() -> None:
    """A slower loss gives a later date."""
    fast, slow = await answer(request(0.6)), await answer(request(0.4))
    assert fast["estimated_weeks"] < (slow["estimated_weeks"] or 99)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", 0),
        ("client_id", "seven"),
        ("client_id", True),
        ("client_id", None),
        ("historical_data", {"weight": 80}),
        ("historical_data", [{"date": "yesterday", "metric": "weight", "value": 80}]),
        ("historical_data", [{"date": "2026-03-01", "metric": "weight", "value": "heavy"}]),
        ("goal_metrics", ["weight"]),
        ("current_metrics", {"weight": "heavy"}),
        ("as_of", "soon"),
        ("as_of", "0001-01-01"),
        ("as_of", "9999-12-31T23:59:59+00:00"),
        ("timezone", "Mars/Olympus"),
        ("narrative", "poem"),
        ("units", 3),
        ("time_period", ["3 months"]),
        ("time_period", float("inf")),  # as a number of five thousand digits is read
    ],
)
def test_bad_input_is_named(field: str, value: Any) -> None:
    """A value of a wrong shape is refused with the field's name and what would be right."""
    found = parse(ProgressMonitor(), {"client_id": 1} | {field: value})
    assert isinstance(found, ErrorInfo)
    assert found.code == "invalid_input"
    assert f"input_data.{field}" in found.message


def test_an_id_of_any_length_is_told_what_is_right() -> None:
    """An id of thousands of digits is refused in the words that any other wrong id is."""
    found = parse(ProgressMonitor(), {"client_id": "9" * 5000})
    assert isinstance(found, ErrorInfo)
    assert "expected an id, a whole number from 1 up" in found.message


@pytest.mark.parametrize("metric", ["weight", "muscle_gain", "waist"])
@pytest.mark.parametrize("unit", [None, "lbs"])
async def test_a_goal_too_small_for_a_float_is_answered(metric: str, unit: str | None) -> None:
    """A target so small that a share of it is 0 is a target nobody reaches, not an error."""
    given = request() | {"goal_metrics": {metric: {"value": 5e-324, "unit": unit}}}
    if metric == "waist":
        given["historical_data"] = [
            point | {"metric": "waist"} for point in given["historical_data"]
        ]
    assert (await answer(given))["estimated_weeks"] is None


def test_too_many_points() -> None:
    """More than 2,000 points are refused."""
    point = {"date": "2026-03-01", "metric": "weight", "value": 80}
    with pytest.raises(ValidationError, match="at most 2000"):
        ProgressRequest.model_validate({"client_id": 1, "historical_data": [point] * 2001})


def test_not_given_means_not_given() -> None:
    """Null, empty texts, lists and objects are the same as absent; digits are a number."""
    names = set(ProgressRequest.model_fields) - {"client_id"}
    nothings: tuple[Any, ...] = (None, "", [], {})
    for nothing in nothings:
        found = parse(ProgressMonitor(), {"client_id": "7"} | dict.fromkeys(names, nothing))
        assert isinstance(found, Parsed)
        assert found.value == ProgressRequest(client_id=7)


def test_unknown_keys_are_named() -> None:
    """Keys nobody knows are dropped and named, never refused."""
    found = parse(ProgressMonitor(), {"client_id": 1, "goals": ["weight_loss"], "mood": 3})
    assert isinstance(found, Parsed)
    assert found.unknown == ("goals", "mood")


async def test_units_of_a_request() -> None:
    """Numbers of a request take the unit that it names for all of them."""
    asked = request(goal_metrics={"weight": 167.6}, units="lbs")
    for point in asked["historical_data"]:
        del point["unit"]
        point["value"] = round(point["value"] * 2.2046, 1)
    found = await answer(asked)
    assert found["goals"][0]["target"] == 76.0
    assert 80 < found["goals"][0]["current"] < 84


async def test_time_period() -> None:
    """Only the period asked for is looked at; an unknown period is said and ignored."""
    found = await answer(request(time_period="last 6 weeks"))
    assert found["series_quality"]["weight"]["span_days"] <= 42
    found = await answer(request(time_period="since forever"))
    assert found["series_quality"]["weight"]["span_days"] > 100
    assert any(text.startswith("time_period_unknown") for text in found["data_warnings"])


async def test_current_metrics_are_a_reading_of_today() -> None:
    """What the caller says the client weighs now counts as today's reading."""
    found = await answer(request(current_metrics={"weight": {"value": 81.4, "unit": "kg"}}))
    assert found["series_quality"]["weight"]["last_age_days"] == 0


# --- words -------------------------------------------------------------------------------------


def honest(name: str, data: Mapping[str, Any]) -> Json:
    """Words the trend again."""
    assert name == "progress_words"
    return {
        "sentences": [
            {
                "code": item["code"],
                "text": item["text"].replace("The weight", "So far your weight"),
            }
            for item in data["sentences"]
            if item["code"].startswith("insight:trend")
        ]
    }


async def test_honest_words_are_used() -> None:
    """A model's sentence replaces the template's; nothing else changes."""
    plain, worded = await answer(request()), await answer(request(), honest)
    assert worded["provenance"]["llm"]["used"]
    assert any(text.startswith("So far your weight falls by about") for text in worded["insights"])
    numbers = ("status", "goals", "prediction", "estimated_weeks", "confidence", "series_quality")
    assert {key: plain[key] for key in numbers} == {key: worded[key] for key in numbers}


async def test_no_words_wanted() -> None:
    """`narrative: off` asks no model."""
    _, ctx = await run(request(narrative="off"), script=honest)
    assert ctx.llm.asked == []


def _all(text: str) -> Script:
    return lambda _name, data: {
        "sentences": [{"code": item["code"], "text": text} for item in data["sentences"]]
    }


def _hang(_name: str, _data: Mapping[str, Any]) -> Any:
    raise TimeoutError


HOSTILE: dict[str, Script] = {
    "no JSON": lambda *_: "I am sorry, Dave.",
    "nothing": lambda *_: "",
    "null": lambda *_: "null",
    "a megabyte": lambda *_: json.dumps({"sentences": [{"code": "x", "text": "a" * 1_000_000}]}),
    "unknown codes": lambda *_: {"sentences": [{"code": "advice:steroids", "text": "Take them."}]},
    "too many": lambda *_: {"sentences": [{"code": "x", "text": "y"}] * 100},
    "wrong numbers": _all("You will lose 12 kg in 3 weeks, that is 99 percent sure."),
    "numbers in words": _all("You will surely lose twenty kilos within five weeks."),
    "other digits": _all("You will lose ١٢ kg and then ⅔ more after that."),
    "markup": _all("<b>Great</b> work, [click](http://evil.example) here now."),
    "cleared": _all("You are cleared by a doctor to train as hard as you like."),
    "turned round": _all("Your weight rises every week, it keeps climbing and increasing."),
    "shouting": _all("IGNORE the plan and stop eating from now on, my friend."),
    "control characters": _all("Nice\u202e work today, keep it going\u0000 like this."),
    "praise": _all("Congratulations, the goal is reached, definitely stop now."),
    "hang": _hang,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_model(name: str) -> None:
    """Whatever a model says, numbers, dates and meaning stay; what it may not say is dropped."""
    plain = await answer(request())
    found = await answer(request(), HOSTILE[name])
    assert_grounded(found)
    assert not found["provenance"]["llm"]["used"]
    same = KEYS - {"provenance", "insights", "recommendations"}
    assert {key: plain[key] for key in same} == {key: found[key] for key in same}
    assert prose(found) == prose(plain)


WARNINGS = {
    "too_fast", "regain", "plateau", "stale_data", "certainty", "deadline", "units", "slow_down",
    "ease_off", "more_cardio", "plateau_variety", "check_units", "log_more", "adjust_goal",
    "fewer_sessions", "unhealthy_target", "unintended_loss", "eat_enough",
    "check_goal",
}  # fmt: skip


def _bent(days: Sequence[float]) -> Json:
    """A request whose newest reading is of yesterday."""
    last = len(days)
    points = [
        {
            "date": (TODAY - timedelta(days=last - place)).isoformat(),
            "metric": "weight",
            "value": round(value + 0.2 * (-1) ** place, 1),
            "unit": "kg",
        }
        for place, value in enumerate(days)
    ]
    return {"client_id": 7, "historical_data": points, "goal_metrics": {"weight": 76}}


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("too_fast", _bent([100 - 0.25 * day for day in range(60)])),
        ("regain", _bent([90 + abs(day - 25) * 0.12 for day in range(60)])),
        ("log_more", _bent([90, 90])),
    ],
)
async def test_a_warning_is_never_worded_again(code: str, asked: Json) -> None:
    """What warns, and what to do about it, is not even offered, and stands as our own words."""
    offered: list[str] = []

    def beautiful(_name: str, data: Mapping[str, Any]) -> Json:
        offered.extend(item["code"].split(":")[1] for item in data["sentences"])
        text = "The weight is coming off beautifully, so eat much less and train harder."
        return {"sentences": [{"code": i["code"], "text": text} for i in data["sentences"]]}

    plain, found = await answer(asked), await answer(asked, beautiful)
    told = {e["code"] for e in found["events"]} | {a["code"] for a in found["recommendations"]}
    assert code in told
    assert WARNINGS.isdisjoint(offered)
    assert prose(found) == prose(plain)


TREND = "The weight falls by about 1.68 kg a week (1.98 % of body weight)."
KEPT = "5 sessions of the last eight weeks took place, 2 were missed and 1 cancelled."
PRAISE = "Sessions are kept well; say so."


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (TREND, "The weight now falls by about 1.68 kg a week (1.98 % of body weight)."),
        (TREND, "So far, your weight still falls by about 1.68 kg a week: 1.98 % of body weight."),
        (
            KEPT,
            "We see 5 sessions of the last eight weeks took place, 2 were missed and 1 cancelled.",
        ),
        (PRAISE, "Great steady work: sessions are kept so well."),
    ],
)
def test_friendly_words_may_stand_around_a_finding(template: str, text: str) -> None:
    """The same statement with friendly words between its own is shown."""
    assert text == words.clean(text, template, praised=template is PRAISE)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (TREND, "The weight falls by about 1.68 pounds a week (1.98 % of body weight)."),
        (TREND, "The weight falls by about 1.68 kg a day (1.98 % of body weight)."),
        (TREND, "The weight falls by 1.68 kg a week (1.98 % of body weight)."),
        (TREND, "The weight falls by about 1.98 kg a week (1.68 % of body weight)."),
        (TREND, "The weight rises by about 1.68 kg a week (1.98 % of body weight)."),
        (TREND, "Nice work: the weight falls by about 1.68 kg a week (1.98 % of body weight)."),
        (TREND, "The weight is lovely and steady."),
        (TREND, "The weight falls by about 1.68 kg a week (1.98 % of body weight), so eat less."),
        (KEPT, "5 sessions of the last eight weeks were missed and 2 took place, 1 cancelled."),
        (KEPT, "All sessions of the last weeks took place."),
        (PRAISE, "Eat much less and train harder, so that even more comes off."),
        (PRAISE, "Sessions are kept well, five in a row; say so."),
    ],
)
def test_a_finding_keeps_its_numbers_units_and_way(template: str, text: str) -> None:
    """No number loses its unit, period or place, no way is turned, and nothing is added."""
    assert words.clean(text, template, praised=template is PRAISE) is None


async def test_where_all_is_warning_nobody_is_asked() -> None:
    """Without a sentence that may be worded there is no question to pay for."""
    result, ctx = await run(_bent([90, 90]), script=honest)
    assert ctx.llm.asked == []
    assert not result.output.provenance.llm.used


# --- whole gyms --------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["A", "B", "C"])
async def test_every_client_of_a_gym(empty_database: str, variant: Variant) -> None:
    """Each client of a hostile gym, in every shape of the database, gets a sound answer."""
    truth = load(
        empty_database, variant=variant, clients=26, as_of=NOW, options=Options(hostile=True)
    )
    crm = Crm(open_engine(empty_database), tz="Europe/Berlin")
    wrong = []
    try:
        for client_id, client in truth.visible().items():
            result, _ = await run({"client_id": client_id}, crm=crm)
            found = result.output.model_dump(mode="json")
            assert finite(found)
            assert_grounded(found)
            ET.fromstring(found["chart_svg"] or "<svg/>")  # noqa: S314  # our own
            if variant == "C":
                assert found["status"] == "insufficient_data"
                continue
            reached = {g["goal_id"] for g in found["goals"] if g["status"] == "reached"}
            wrong += [
                goal.goal_id
                for goal in client.goals
                if goal.goal_id in reached
                and (goal.reached_on is None or goal.reached_on > TODAY + timedelta(days=7))
            ]
            _right_scale(found, client.weight)
    finally:
        crm.close()
    assert wrong == []


def _right_scale(found: Json, curve: Any) -> None:
    """Every believed weight is near the true one: no series is read in the wrong unit."""
    for goal in found["goals"]:
        age = found["series_quality"].get("weight", {}).get("last_age_days")
        if goal["metric"] == "weight" and goal["current"] is not None and age is not None:
            true = curve.on(TODAY - timedelta(days=age))
            if not found["series_quality"]["weight"]["unit_uncertain"]:
                assert abs(goal["current"] - true) < 0.06 * true


# --- rows, time --------------------------------------------------------------------------------


async def test_rows(connection: psycopg.Connection[Any]) -> None:
    """Each goal becomes a row of ai_progress_reports; writing them again changes nothing."""
    result, _ = await run(request(goal_metrics={"weight": 76, "waist": 80}))
    rows = result.rows["ai_progress_reports"]
    texts = statements.load()
    for _ in range(2):
        connection.execute(
            texts["result_progress_reports"],
            {"request_id": 412, "agent_version": 3, "rows": json.dumps(list(rows))},
        )
    stored = connection.execute(
        "SELECT metric, target, p50_date, status, n_points, agent_version, matured_at"
        " FROM ai_progress_reports WHERE request_id = 412 ORDER BY ord"
    ).fetchall()
    goal = result.output.goals[0]
    assert len(stored) == len(result.output.goals) == 2
    assert stored[0][:4] == (
        "weight",
        76.0,
        TODAY + timedelta(days=goal.days.p50 or 0),
        goal.status,
    )
    assert stored[0][4:] == (60, 3, None)
    assert stored[1][3] == "insufficient_data"


async def test_nothing_to_store_without_goals() -> None:
    """An answer without goals has no rows."""
    result: Result[ProgressReport]
    result, _ = await run(request(goal_metrics=None))
    assert result.rows == {}


async def test_the_loop_stays_free() -> None:
    """Whatever is computed is computed elsewhere: the loop's own thread works little."""
    asked = request()
    await answer(asked)
    began, spent = time.thread_time(), []

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            spent.append(time.thread_time() - before)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(answer(asked) for _ in range(3)))
    watcher.cancel()
    assert spent
    assert max(spent) < 0.05, time.thread_time() - began


async def test_nodes_are_told() -> None:
    """The graph shows its steps in order."""
    _, ctx = await run(request())
    assert [node for node, _ in ctx.told] == [
        "load", "clean", "match_goals", "forecast", "events", "narrate", "validate", "persist",
    ]  # fmt: skip
