"""The model's rules without I/O: what replies mean, what calls cost, what answers are worth."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from daemon.demo.model_server import build
from daemon.llm.classify import buckets, classify, duration_seconds, retry_after
from daemon.llm.models import KnownModels, known
from daemon.llm.pricing import Price, Prices, Usage, estimate_tokens
from daemon.llm.structured import messages, parse, response_format, strict_schema
from daemon.llm.wire import Call, Reply, canonical, response_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Tip(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exercise_id: int = Field(ge=1)
    focus: Literal["form", "tempo"] = "form"
    tip: str = Field(max_length=60)


class Words(BaseModel):
    model_config = ConfigDict(extra="forbid")

    summary: str | None = Field(default=None, max_length=40)
    weight: int = Field(0, ge=-3, le=3)
    tips: list[Tip] = Field(default_factory=list, max_length=2)


def price(pattern: str, tier: str = "default", into: int = 1, out: int = 2) -> Price:
    return Price(1, pattern, tier, Decimal(into), None, None, Decimal(out))


# --- classify ----------------------------------------------------------------------------------


def failed(status: int, **error: Any) -> Reply:
    return Reply(status, body=json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, body=b'{"choices": []}'), "answer"),
        (Reply(200, body=b"<html>"), "transient"),
        (Reply(200, body=b'{"error": {"code": 429}}'), "rate_limited"),
        (Reply(200, body=b'{"error": {"message": "upstream"}}'), "transient"),
        (Reply(problem="unreachable"), "transient"),
        (Reply(problem="timeout"), "transient"),
        (Reply(200, problem="cut"), "transient"),
        (failed(401, code="invalid_api_key"), "auth"),
        (failed(403, code="model_not_found"), "model_gone"),
        (failed(404, code="model_not_found"), "model_gone"),
        (failed(402), "quota"),
        (failed(429, type="insufficient_quota"), "quota"),
        (failed(429, code="rate_limit_exceeded"), "rate_limited"),
        (failed(400, param="response_format"), "parameter"),
        (failed(400, message="'temperature' is not supported"), "parameter"),
        (failed(422, message="extra field store"), "parameter"),
        (failed(400, message="it is stored in a restore"), "bad_request"),
        (failed(400, code="context_length_exceeded"), "context_length"),
        (failed(400, code="content_filter"), "refusal"),
        (failed(400, param="messages", message="temperature"), "bad_request"),
        (failed(503), "transient"),
        (failed(529), "transient"),
    ],
)
def test_each_reply_has_one_meaning(reply: Reply, kind: str) -> None:
    """A reply is classified by status and code, whatever else it holds."""
    assert classify(reply, NOW).kind == kind


def test_the_providers_words_never_become_a_code() -> None:
    """A code is a code: free text, which may quote the prompt, stays out of the ledger."""
    verdict = classify(failed(400, code="the client has diabetes", type="bad"), NOW)

    assert verdict.code == "bad"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "90"}, 90),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 25 Nov 2026 12:01:30 GMT"}, 90),
        ({"retry-after": "Wed, 25 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 25 Nov 2026 12:00:00 +99999999999999"}, None),
        ({"retry-after": "1795608000"}, None),
        ({"retry-after": "Wed, 25 Nov 2099 12:00:00 GMT"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds, a date, or the reset of an empty bucket."""
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(("delay", "seconds"), [("34s", 34), ("9999999h", None), (34, None)])
def test_a_wait_told_in_the_body_is_one_within_reason(delay: Any, seconds: float | None) -> None:
    """Gemini's; a number beyond any wait, or of another kind, is none."""
    told = failed(429, details=["odd", {"retryDelay": delay}])
    assert classify(told, NOW).retry_after_seconds == seconds


def test_a_moment_is_no_time_to_wait() -> None:
    """A server that says at which second since 1970 it counts anew leaves the rate per minute."""
    told = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1795608000",
    }
    assert buckets(told)[0].rate_per_second == 1.0


def test_a_daily_limit_gives_its_true_rate() -> None:
    """What is missing divided by the time to the reset is the rate, per minute or per day."""
    told = {
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "8.64s",
    }

    assert buckets(told)[0].rate_per_second == pytest.approx(10_000 / 86_400)


@given(st.text(max_size=30))
def test_no_header_breaks_the_reading_of_durations(text: str) -> None:
    """Any text is a duration of 0 or more seconds, or none."""
    seconds = duration_seconds(text)
    assert seconds is None or seconds >= 0


# --- pricing -----------------------------------------------------------------------------------


def test_a_snapshot_is_sold_at_its_models_price() -> None:
    """A dated name finds its model; a longer name that is another model does not."""
    prices = Prices([price("gpt-4o"), price("llama*"), price("*", into=5, out=20)])

    assert prices.find("gpt-4o-2024-08-06") == prices.find("gpt-4o")
    assert prices.find("gpt-4o-20250514") == prices.find("gpt-4o-2506") == prices.find("gpt-4o")
    assert prices.find("gpt-4o-audio-preview") is None
    assert prices.find("llama3.1:8b") is not None
    assert prices.find("gpt-4o", "priority") is None


def test_an_unknown_model_costs_the_worst_price_and_is_not_exact() -> None:
    """No price: the cost is unknown, the budget is charged as configured, never zero."""
    prices = Prices([price("*", into=5, out=20)])

    cost = prices.cost("x", None, {"prompt_tokens": 10, "completion_tokens": 1}, Decimal(1))

    assert (cost.state, cost.usd, cost.charged) == ("unpriced", None, Decimal("0.00007"))


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        {"prompt_tokens": 1},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 1.5, "completion_tokens": 2},
        {
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 6},
        },
    ],
)
def test_usage_that_makes_no_sense_charges_the_reservation(usage: Any) -> None:
    """Missing or impossible counts are not taken for zero."""
    cost = Prices([price("m")]).cost("m", None, usage, Decimal("0.5"))

    assert (cost.state, cost.usd, cost.charged) == ("unpriced", None, Decimal("0.5"))


def test_each_kind_of_token_has_its_rate() -> None:
    """Cached and written tokens are part of the prompt, reasoning of the completion."""
    row = Price(1, "m", "default", Decimal(10), Decimal(1), Decimal(20), Decimal(100))

    usd = row.usd(Usage(prompt=1000, cached=500, written=100, completion=10, reasoning=7))

    assert usd == Decimal("0.00750000")


@given(st.integers(0, 10**6), st.integers(0, 10**5))
def test_no_cost_within_the_estimate_exceeds_the_reservation(prompt: int, output: int) -> None:
    """A call that stays within its estimated tokens costs at most what was reserved."""
    prices = Prices([Price(1, "m", "default", Decimal("0.15"), None, None, Decimal("0.6"))])
    usage = {"prompt_tokens": prompt, "completion_tokens": output}

    assert prices.cost("m", None, usage, Decimal(0)).charged <= prices.reservation(
        "m", prompt, output
    )


def test_tokens_are_estimated_from_above() -> None:
    """Three ASCII bytes are a token at most; every other byte is one."""
    assert estimate_tokens("abc" * 100, 0) == 100
    assert estimate_tokens("äé", 0) == 4


# --- models ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("gpt-4o-mini", "json_schema"),
        ("gpt-6-luna", "json_schema"),
        ("gpt-4-turbo-preview", "json_object"),
        ("gpt-4-1106-preview", "json_object"),
        ("gpt-3.5-turbo-0125", "json_object"),
        ("gpt-4", "text"),
        ("gpt-4-0613", "text"),
        ("llama3.1", "json_schema"),
    ],
)
def test_each_family_is_asked_in_the_form_it_takes(model: str, form: str) -> None:
    """Known families need no failed call to find out what they take."""
    assert known(model).response_format == form


def test_learning_goes_one_step_at_a_time() -> None:
    """json_schema, json_object, text, and then no simpler one; other parameters go."""
    models = KnownModels()

    forms = [models.learn("m", "response_format") for _ in range(2)]

    assert [form and form.response_format for form in forms] == ["json_object", "text"]
    learned = models.learn("m", "temperature")
    assert learned is not None
    assert learned.omits == {"temperature"}
    assert models.learn("m", "temperature") is None


def test_an_older_server_gets_the_older_name_of_the_cap() -> None:
    """A cap on the output is always sent: without it no reservation would hold."""
    call = Call("m", [], 100, omits=frozenset({"max_completion_tokens"}))

    assert call.body()["max_tokens"] == 100


def test_rules_stand_before_the_data_where_there_is_no_system_message() -> None:
    """Nothing of them is lost, and what follows is as it was."""
    messages = [{"role": r, "content": r} for r in ("system", "user", "assistant", "user")]
    body = Call("m", messages, 100, omits=frozenset({"system"})).body()

    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == "system\n\nuser"
    assert messages[0]["role"] == "system"


# --- structured answers ------------------------------------------------------------------------


def test_a_strict_schema_is_closed_and_complete() -> None:
    """Strict mode takes no open object, no optional key and no keyword it does not know."""
    schema = strict_schema(Words)

    assert schema["additionalProperties"] is False
    assert schema["required"] == ["summary", "weight", "tips"]
    assert "maxLength" not in json.dumps(schema)
    assert "default" not in json.dumps(schema)
    form = response_format(Words, "words of/it", "json_schema")
    assert form is not None
    assert form["json_schema"]["name"] == "words_of_it"
    assert form["json_schema"]["strict"] is True


def test_a_schema_with_free_keys_is_not_called_strict() -> None:
    """Strict mode would refuse it with a 400."""

    class Free(BaseModel):
        notes: dict[str, str]

    form = response_format(Free, "free", "json_schema")
    assert form is not None
    assert form["json_schema"]["strict"] is False


def test_models_without_a_schema_are_told_it() -> None:
    """For json_object and text the schema, and the word JSON, stand in the system message."""
    system = messages("Be brief.", {}, Words, "json_object")[0]["content"]

    assert "JSON" in system
    assert canonical(strict_schema(Words)) in system


@pytest.mark.parametrize(
    "text",
    [
        '{"tips": [{"exercise_id": 1, "tip": "x"}]}',
        '```json\n{"tips": [{"exercise_id": 1, "tip": "x"}]}\n```',
        'Here you are: {"tips": [{"exercise_id": 1, "tip": "x"}]} Enjoy!',
        '{"tips": [{"exercise_id": 1, "tip": "x\\u0000\\ud800"}]}',
        '<think>{"tips": []} or {x}?</think>\n{"tips": [{"exercise_id": 1, "tip": "x"}]}',
        '{"tips": [{"exercise_id": 1, "tip": "x"}]}\n\nNote: {that} is all.',
        '{"tips": [{"exercise_id": 1, "tip": "x"}]}\n{"tips": [{"exercise_id": 1, "tip": "x"}]}',
    ],
)
def test_wrapping_is_stripped(text: str) -> None:
    """Thoughts, a fence, words around it, a second copy, NUL and lone surrogates do not cost the
    answer."""
    parsed = parse(text, len(text), Words)

    assert parsed.value == Words(tips=[Tip(exercise_id=1, tip="x")])
    assert parsed.dropped == ()


def test_small_faults_are_mended_and_listed() -> None:
    """Too long is cut, out of range clamped, unknown dropped, and each is named."""
    answer = {
        "summary": "s" * 50,
        "weight": 9,
        "mood": "good",
        "tips": [
            {"exercise_id": 1, "tip": "x" * 70},
            {"exercise_id": 2, "focus": "dance", "tip": "y"},
            {"exercise_id": 3, "tip": "z"},
            {"exercise_id": 4, "tip": "w"},
        ],
    }

    parsed = parse(json.dumps(answer), 100, Words)

    assert parsed.value is not None
    assert parsed.value.weight == 3
    assert len(parsed.value.summary or "") == 40
    assert [tip.exercise_id for tip in parsed.value.tips] == [1]
    assert set(parsed.dropped) == {
        "summary: cut to 40",
        "weight: clamped to 3",
        "mood: unknown key",
        "tips: cut to 2",
        "tips.1: unknown value",
        "tips.0.tip: cut to 60",
    }


def test_an_entry_with_several_faults_costs_no_other_entry() -> None:
    """Dropping an entry moves those behind it: what else was wrong with it is not theirs."""

    class Choice(BaseModel):
        effort: int = Field(ge=1, le=10)
        focus: Literal["form", "tempo"]
        side: Literal["left", "right"]

    class Choices(BaseModel):
        choices: list[Choice]

    good = [{"effort": n, "focus": "form", "side": "left"} for n in (7, 8)]
    answer = {"choices": [{"effort": 99, "focus": "dance", "side": "up"}, *good]}

    parsed = parse(json.dumps(answer), 100, Choices)

    assert parsed.value is not None
    assert [choice.model_dump() for choice in parsed.value.choices] == good
    assert parsed.dropped == ("choices.0: unknown value",)


def test_a_map_that_is_too_long_is_not_cut() -> None:
    """Only texts and lists have an end to cut: which keys to keep only the model can tell."""

    class Answer(BaseModel):
        words: dict[str, str] = Field(max_length=1)

    parsed = parse(json.dumps({"words": {"a": "x", "b": "y"}}), 100, Answer)

    assert parsed.value is None
    assert parsed.problems


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[1]",
        "null",
        "{" * 5000,
        '{"weight": "a"}',
        '<think>It may be {"weight": 1}, but',
        '{"weight": 1, "tips": [{"exercise_id": 1, "tip": "x"}',
    ],
)
def test_what_is_no_answer_says_why(text: str) -> None:
    """Text that holds no valid object has no value and at least one problem to show the model."""
    parsed = parse(text, len(text), Words)

    assert parsed.value is None
    assert parsed.problems


def test_an_overlong_answer_is_not_parsed() -> None:
    """The size limit holds for the whole answer, of which only the beginning is kept."""
    assert parse("{}", 10_000_000, Words).value is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["summary", "weight", "tips", "exercise_id", "tip", "focus", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_an_answer_or_says_why_not(value: Any) -> None:
    """Whatever a model sends, parsing ends in a value or in problems, not in an exception."""
    parsed = parse(json.dumps(value), 10, Words)

    assert (parsed.value is None) == bool(parsed.problems)


@given(json_values)
def test_any_body_has_a_kept_part(value: Any) -> None:
    """What is kept of an answer can be made of any JSON body."""
    assert set(response_of(value)) == {"text", "finish_reason", "refusal", "bytes"}


def test_the_honest_server_answers_within_the_closed_world() -> None:
    """What the local server builds from a schema is valid, and its ids come from the data."""
    data = {"exercises": [{"exercise_id": 7}]}

    built = build(strict_schema(Words), data)

    assert Words.model_validate(built).tips[0].exercise_id == 7
