"""How numbers, searches, forms, charts and verdicts read, without a database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from daemon.web.gui import chart, words
from daemon.web.gui.chart import Axis, Line, plain
from daemon.web.gui.console import inside
from daemon.web.gui.differences import Change, changes, told
from daemon.web.gui.forms import Unreadable, fields_of, read
from daemon.web.gui.measures import EDGES, HOUR, percentile, series
from daemon.web.gui.money import named
from daemon.web.gui.requests import cell
from daemon.web.gui.results import parts
from daemon.web.gui.schedules import EDITED, in_words, shaped
from daemon.web.gui.search import from_query, parse
from daemon.web.gui.verdicts import judge

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


def test_codes_read_as_words() -> None:
    """A note's codes are words on the page; a variable's name stays what one has to type."""
    assert words.worded("unit_repaired: resting_heart_rate 3") == (
        "unit repaired: resting heart rate 3"
    )
    assert words.worded("GYM_TIME_ZONE is not set") == "GYM_TIME_ZONE is not set"


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (("2027-04-10", "2027-08-01", "2028-01-02"), "8 of 10 cases: 2027-04-10 to 2028-01-02"),
        (("2027-04-10", "2027-08-01", None), "9 of 10 cases: 2027-04-10 or later"),
        ((None, None, None), ""),
    ],
)
def test_how_sure_a_goals_date_is(dates: tuple[str | None, ...], said: str) -> None:
    """A goal's date comes with its interval; an end that lies beyond a year is given no name."""
    goal = {"metric": "weight", "goal_date": dict(zip(("p10", "p50", "p90"), dates, strict=True))}
    result = {"interval_pct": 80, "prediction": "x", "goals": [goal]}
    [row] = next(part.data["rows"] for part in parts(result) if part.kind == "goals")
    assert (row["reached"], row["cases"]) == (dates[1] or "not within a year", said)


@pytest.mark.parametrize("label", ["$0.0050", "100.0 %", "500 ms"])
def test_an_axis_has_room_for_its_labels(label: str) -> None:
    """The longest labels of an axis stand whole to the left of it."""
    assert len(label) * 7 <= chart.LEFT - 6, "about 7 units a letter"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.24, "240 ms"),
        (3.21, "3.2 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(value: float | None, said: str) -> None:
    """A duration has the two units that matter."""
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "$0"),
        (Decimal("0.0007"), "$0.0007"),
        (Decimal("0.00002"), "$0.00002"),
        (Decimal("0.00000000"), "$0"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money(value: Any, said: str) -> None:
    """A fraction of a cent is never shown as nothing."""
    assert words.usd(value) == said


@pytest.mark.parametrize("value", [Decimal("NaN"), float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_a_dash(value: Any) -> None:
    """NaN and the infinities, which columns can hold, fail no page."""
    filters = (words.usd, words.seconds, words.about, words.percent, words.number, words.short)
    assert [say(value) for say in filters] == [words.DASH] * len(filters)


def test_bounded_counts_say_so() -> None:
    """A count that hit its bound ends in a plus; a share is not rounded up to all."""
    assert words.count(10_000) == "10,000"
    assert words.count(10_001) == "10,000+"
    assert words.percent(0.9996) == "> 99 %"


def test_a_chart_tells_whole_counts() -> None:
    """A large count stands in the table and in the CSV with all its digits."""
    slots = [NOW]
    drawn = series(slots, [Line("done", [1_234_567.0])], "s", step=HOUR)
    assert [values for _, values in drawn.rows] == [["1234567"]]
    assert plain(0.25) == "0.25"


def test_search() -> None:
    """A number is an id; named words are filters; what is not understood is told."""
    assert parse(" #1234 ").request_id == 1234
    found = parse("task:scheduling status:failed client:17 error:timeout what")
    assert (found.task_type, found.status, found.client, found.code) == (
        "scheduling",
        "failed",
        "17",
        "timeout",
    )
    assert found.unknown == ("what",)
    assert parse("status:odd").unknown == ("status:odd",)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("status:failed clint:5", ("clint:5",)),
        ("client:5 client:6", ("client:6",)),
        ("status:failed 1234", ("1234",)),
        ("status:failed " + "x " * 95 + "client:5", ("x",) * 92 + ("…",)),
    ],
)
def test_what_narrows_nothing_is_told(text: str, unknown: tuple[str, ...]) -> None:
    """A word that a search leaves aside is named, stays in its field, goes along with links."""
    found = parse(text)
    assert found.unknown == unknown
    assert found.words.split()[-len(unknown) :] == list(unknown)
    again = from_query(found.parameters)
    assert again == found


@pytest.mark.parametrize("url", ["/gui", "/gui/agents?x=1", "/gui?window=7d"])
def test_inside(url: str) -> None:
    """Links of the console lead back to where they came from."""
    assert inside(url) == url


@pytest.mark.parametrize(
    "url", [None, "", "//x", "https://x/gui", "/guile", "/gui/../x", "/gui\\x", "/gui/\nx"]
)
def test_outside(url: str | None) -> None:
    """Whatever leads elsewhere leads to the overview."""
    assert inside(url) == "/gui"


class Sample(BaseModel):
    client_id: int
    goals: list[str] = []
    level: Literal["low", "high"] | None = None
    rest: bool = True
    share: float | None = None
    wish: dict[str, Any] = Field(default_factory=dict)


def test_forms_round_trip() -> None:
    """What a model holds is shown as fields, and read back the same; empty means not given."""
    given = {
        "client_id": 3,
        "goals": ["a", "b"],
        "level": "high",
        "rest": False,
        "share": 0.5,
        "wish": {"a": [1]},
    }
    fields = fields_of(Sample, given)
    assert [field.kind for field in fields] == [
        "number",
        "text",
        "select",
        "select",
        "number",
        "textarea",
    ]
    assert read(fields, {field.name: str(field.value) for field in fields}) == given
    assert read(fields, {"client_id": " 7 ", "goals": ""}) == {"client_id": 7}
    with pytest.raises(Unreadable) as caught:
        read(fields, {"client_id": "seven", "wish": "{"})
    assert set(caught.value.fields) == {"client_id", "wish"}


@pytest.mark.parametrize("value", [None, True, 3, "x", [1], {"a": 1}])
def test_a_value_of_another_kind_is_no_failure(value: Any) -> None:
    """A configuration that was written by SQL is corrected in the form, whatever stands in it."""
    fields = fields_of(Sample, dict.fromkeys(Sample.model_fields, value))
    assert [field.name for field in fields] == list(Sample.model_fields)


def test_percentiles() -> None:
    """A percentile lies within its bucket; no histogram, no percentile."""
    ones = [0] * 30
    ones[10] = 100
    low, high = EDGES[9], EDGES[10]
    assert low < (percentile([ones], 0.5) or 0) < high
    assert percentile([ones, ones], 0.99) == pytest.approx(low + 0.99 * (high - low))
    assert percentile([[], []], 0.5) is None
    assert percentile([[*ones, 7], [None, *ones[1:]]], 0.5) == percentile([ones], 0.5)


def test_charts_escape() -> None:
    """Labels and names are text in a chart, whatever they hold."""
    svg = chart.bars(
        Axis(['"><x>'], ["/gui?a=<b>"]), [Line("<script>", [3.0])], 'a "sentence" <b>'
    )
    assert "<x>" not in svg and "<script>" not in svg and "<b>" not in svg
    assert 'role="group"' in svg and "&lt;script&gt;" in svg


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.9, 1), (1, 1), (11, 20), (21, 25), (300, 500), (5100, 10_000)]
)
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    """The end of an axis is a round number not below the largest value."""
    assert chart.nice_top(value) == top


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ("0 6 * * *", "every day at 06:00"),
        ("30 6 * * mon-fri", "every weekday at 06:30"),
        ("0 9 * * 1", "every Monday at 09:00"),
        ("15 2 1 * *", "on day 1 of each month at 02:15"),
        ("every 90 minutes", "every 90 minutes"),
        ("every hour", "every hour"),
        ("*/5 1-3 * * *", "*/5 1-3 * * *"),
        ("0 9 * * 1-5/2", "0 9 * * 1-5/2"),
    ],
)
def test_triggers_in_words(trigger: str, said: str) -> None:
    """A plain trigger is said as people do; an intricate one stands as it is."""
    assert in_words(trigger) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Decimal("0E-8"), "0"),
        (Decimal("0.00000012"), "0.00000012"),
        (-1.5, "-1.5"),
        (1_234_567.0, "1234567"),
        (-0.0, "0"),
        (12, "12"),
        (NOW, "2026-11-25T12:00:00.000Z"),
        (None, ""),
    ],
)
def test_cells_are_for_programs(value: Any, said: str) -> None:
    """A number in a CSV is plain digits, a moment ISO 8601 in UTC, and nothing is nothing."""
    assert cell(value) == said


def test_cells() -> None:
    """No cell of a CSV is taken for a formula by a spreadsheet."""
    assert [cell(text) for text in ("=1+1", "@x", "-2", "fine", None)] == [
        "'=1+1",
        "'@x",
        "'-2",
        "fine",
        "",
    ]


def test_changes() -> None:
    """Settings are compared by name, long ones line by line."""
    before = {"a": 1, "system": "one\ntwo"}
    found = changes(before, {"b": 2, "system": "one\nthree"})
    assert [(c.key, c.before, c.after) for c in found if not c.lines] == [
        ("a", "1", "not set"),
        ("b", "not set", "2"),
    ]
    assert ("add", "+three") in found[-1].lines and ("del", "-two") in found[-1].lines


def test_what_a_line_of_the_audit_log_leaves_out_was_not_cleared() -> None:
    """Only a field of both sides has changed; what one side alone tells is told as that."""
    found = told({"status": "failed", "attempt": 3, "same": 1}, {"status": "pending", "same": 1})
    assert [(c.key, c.before, c.after) for c in found] == [
        ("attempt", "3", None),
        ("status", "failed", "pending"),
    ]
    assert told({"limit": 5, "code": None}, {"limit": None, "why": "x"}) == [
        Change("limit", "5", "not set", []),
        Change("why", None, "x", []),
    ]


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "text",
        {},
        {"kind": "plan", "weeks": "no"},
        {"weeks": [1, None], "kind": "plan"},
        {"suggestions": [{"start": 5}]},
        {"analysis_result": 3, "findings": [None, 5, {"line": {}}], "error_analysis": [1]},
        {"analysis_result": "", "findings": [], "counts": {"severity": 5}, "skipped": [7]},
        {"interval_pct": 80, "goals": [None, {"trend": 3}]},
        {"workout": {"weeks": [{"workouts": [{"exercises": [3]}]}]}, "progress": {}},
        {"a": {"b": 1}, "c": [[1]], "d": True},
        {"kind": ["plan"]},
        {"interval_pct": 80, "goals": [{"current": 10**400, "target": 1e999}]},
        {"suggestions": [{"start": 5, "p_attend": 10**400, "p_lo": 0.5, "p_hi": True}]},
        {"kind": "recommendations", "recommendations": [{"rpe": 10**400}]},
    ],
)
def test_odd_results_are_no_trouble(result: Any) -> None:
    """A result of any shape is shown without failing."""
    assert isinstance(parts(result), list)


def test_a_goals_row_is_in_the_unit_of_its_sentences() -> None:
    """Who reads of 175 lbs in the answer finds no kilograms beside it."""
    own = {"unit": "lbs", "current": 186.7, "target": 175.0, "per_week": -1.05}
    goal = {"metric": "weight", "unit": "kg", "current": 84.7, "target": 79.4, "own_unit": own}
    result = {"interval_pct": 80, "prediction": "", "goals": [goal, goal | {"own_unit": None}]}
    [table] = [part for part in parts(result) if part.kind == "goals"]
    pounds, kilograms = table.data["rows"]
    assert [pounds[key] for key in ("now", "target", "rate")] == [
        "186.7 lbs",
        "175.0 lbs",
        "-1.05 lbs",
    ]
    assert kilograms["target"] == "79.4 kg"


def said(result: Any) -> str:
    return " ".join(str(part.data) for part in parts(result))


CONFLICT = {"ids": ["gap"], "why": "other sessions are too near", "suggestion": "Accept less."}


def test_a_schedule_without_a_time_says_why() -> None:
    """Where no time is free, the rules in the way and the way out are shown."""
    told = said(
        {
            "status": "infeasible",
            "suggestions": [],
            "week": None,
            "attendance_summary": {"n": 0},
            "constraints": {"conflict": [CONFLICT]},
        }
    )
    assert "other sessions are too near" in told and "Accept less." in told


def test_a_trainers_week_is_shown() -> None:
    """Who trains when, what had better move, and for whom there was no time."""
    told = said(
        {
            "status": "ok",
            "suggestions": [],
            "attendance_summary": {"n": 3},
            "week": {
                "placements": [{"client_id": 7, "start": "2026-12-01T18:00:00"}],
                "moves": [{"session_id": 5, "from": "2026-12-02T08:00", "to": "2026-12-03T09:00"}],
                "unplaced": [{"client_id": 8, "missing": 2, "why": "trainer_busy"}],
            },
        }
    )
    assert "client 7: Tue 1 Dec 18:00" in told
    assert "session 5: Wed 2 Dec 08:00 to Thu 3 Dec 09:00" in told
    assert "client 8: 2 without a time (trainer_busy)" in told


def test_a_part_of_a_review_that_failed_says_why() -> None:
    """A part without an answer has its reason under its heading."""
    error = {"code": "timeout", "message": "it took too long", "hint": "ask again"}
    told = said(
        {
            "summary": "s",
            "progress": {"prediction": "80 kg"},
            "workout": {"status": "failed", "error": error},
            "schedule": {"status": "skipped", "why": "a professional has to clear the client"},
        }
    )
    assert "it took too long" in told and "ask again" in told
    assert "a professional has to clear the client" in told


def test_a_hold_is_told_in_seconds() -> None:
    """A recommended plank reads as seconds to hold, not as one repetition."""
    plank = {"exercise": "Plank", "sets": 3, "reps": 1, "display": "3 x 30 s, rest 45 s, RPE 6"}
    found = parts({"kind": "recommendations", "weeks": [], "recommendations": [plank]})
    [rows] = [part.data["rows"] for part in found if part.kind == "exercises"]
    assert rows[0]["dose"] == "3 × 30 s"


def test_all_is_well() -> None:
    """With nothing to tell the verdict is one good sentence; troubles come worst first."""
    frame = {"approvals": 0, "cost_today": Decimal(0), "budget": None, "failed_day": 37}
    signs: dict[str, Any] = {
        "workers": 1,
        "last_heartbeat": NOW,
        "providers": None,
        "unpriced": None,
        "schedules": None,
        "health": None,
    }
    calm: dict[str, Any] = {
        "now": NOW,
        "frame": frame,
        "agents": [],
        "failures": [],
        "signs": signs,
        "budget": None,
    }
    assert [v.tone for v in judge(**calm)] == ["good"]
    failure = {
        "code": "timeout",
        "task_type": "x",
        "requests": 37,
        "newest": NOW,
        "newest_id": 5,
        "message": "too slow",
        "hint": "",
    }
    spent = frame | {"cost_today": Decimal(6), "approvals": 2}
    found = judge(
        **calm
        | {
            "frame": spent,
            "failures": [failure],
            "budget": Decimal(5),
            "signs": signs | {"workers": 0},
        }
    )
    assert [v.tone for v in found] == ["bad", "bad", "warn", "info"]
    assert "37 requests failed in the last 24 hours" in found[2].text
    assert found[2].links[0] == ("/gui/requests/5", "Why?")


@pytest.mark.parametrize(
    ("model", "state", "tone", "told"),
    [
        ("m", "open", "bad", "The model m is not asked: errors."),
        ("*", "open", "bad", "The model provider is not asked: errors."),
        ("m", "half_open", "warn", "The model m is being tried again: errors."),
    ],
)
def test_a_provider_in_trouble(model: str, state: str, tone: str, told: str) -> None:
    """What is not asked is named: one model, or the provider as a whole; and what is tried again
    is not called out of use."""
    signs: dict[str, Any] = {
        "workers": 1,
        "last_heartbeat": NOW,
        "providers": [{"model": model, "state": state, "reason": "errors"}],
        "unpriced": None,
        "schedules": None,
        "health": None,
    }
    frame = {"approvals": 0, "cost_today": Decimal(0), "budget": None, "failed_day": 0}
    [verdict] = judge(now=NOW, frame=frame, agents=[], failures=[], signs=signs, budget=None)
    assert (verdict.tone, verdict.text) == (tone, told)


def test_a_budget_of_a_key_is_not_taken_for_an_agents() -> None:
    """A key may be named as an agent is, and what holds for all keys is no star."""
    scopes = ("global", "agent:scheduling", "key:scheduling", "key:*")
    assert [named(scope) for scope in scopes] == [
        "All agents",
        "Scheduling",
        "Fair key scheduling",
        "Each fair key without a limit of its own",
    ]


def test_slots_of_other_years_say_so() -> None:
    """What is due on the next 29th of February is not taken for this year's."""
    now = dt.datetime(2026, 12, 31, 12, tzinfo=dt.UTC)
    row: dict[str, Any] = dict.fromkeys(EDITED) | {
        "trigger": "0 3 29 2 *",
        "time_zone": "UTC",
        "input_data": {},
        "problem": None,
    }
    assert shaped(row, now)["slots"][0]["local"] == "Tue 29 Feb 2028 03:00"
    row["trigger"] = "0 18 * * *"
    slots = shaped(row, now)["slots"]
    assert [slot["local"] for slot in slots[:2]] == ["Thu 31 Dec 18:00", "Fri 01 Jan 2027 18:00"]
