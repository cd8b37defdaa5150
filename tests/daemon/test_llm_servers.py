"""Real HTTP to servers that speak OpenAI's API each in a way of its own."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from agents.base import BudgetExhausted, ProviderUnavailable
from daemon.llm import Snoozed
from daemon.llm.provider import BODY_LIMIT_BYTES
from tests.daemon.provider_words import BLAMED, FLAGGED, KEY, PICKY, SCHEMAS, TOO_LONG, says
from tests.kit.llm import FALLBACK, MODEL, Bench, ask, asker, bench_on
from tests.kit.provider import Behaviour, ModelServer, changed, hang, honest, reset, status, text


@pytest.fixture
async def bench(database: str) -> AsyncIterator[Bench]:
    async with bench_on(database) as made:
        yield made


@pytest.mark.parametrize("speaker", PICKY)
async def test_what_a_server_does_not_know_is_left_out(bench: Bench, speaker: str) -> None:
    """However a server words its refusal, the same question is answered, and the next at once."""
    picky, form, omits = PICKY[speaker]
    bench.server.script = deque([picky] * 9)

    first = await bench.ask(await bench.request(), asker(max_calls=1))
    before = bench.server.count()
    second = await bench.ask(await bench.request(), asker(max_calls=1))

    assert (first.reason, second.reason) == (None, None)
    assert bench.server.count() == before + 1
    learned = bench.gateway.shop.models[MODEL]
    assert (learned.response_format, set(learned.omits)) == (form, omits)
    assert await bench.differences() == []


@pytest.mark.parametrize("speaker", SCHEMAS)
async def test_a_schema_that_is_refused_is_one_questions_fault(bench: Bench, speaker: str) -> None:
    """Only that question is asked in a simpler form from then on: others keep theirs."""
    bench.server.script = deque([SCHEMAS[speaker]])
    agent = asker(max_calls=1)

    for name in ("odd", "odd", "other"):
        llm = bench.llm(await bench.request(), agent)
        assert (await ask(llm, name=name)).reason is None

    forms = [call.body["response_format"]["type"] for call in bench.server.calls]
    assert forms == ["json_schema", "json_object", "json_object", "json_schema"]
    assert await bench.all("SELECT response_format FROM ai_provider_state") == []


@pytest.mark.parametrize("speaker", BLAMED)
async def test_what_a_person_has_to_change_is_said_in_one_line(bench: Bench, speaker: str) -> None:
    """A refused key, model, address or bill: one call, one line in the log that names the setting,
    the same in the error of who demands the model, and nothing of what the server said."""
    refuse, setting = BLAMED[speaker]
    bench.server.script = deque([refuse])
    claimed = await bench.request(on_unavailable="fail")

    with capture_logs() as lines, pytest.raises(ProviderUnavailable) as failed:
        await bench.ask(claimed)

    told = [line for line in lines if line["log_level"] in {"warning", "error"}]
    assert [line["event"] for line in told] == ["model_unavailable"]
    assert setting in told[0]["hint"]
    assert told[0]["model"] == MODEL
    assert failed.value.hint == told[0]["hint"]
    assert bench.server.count() == 1
    assert "gpt-x" not in str([lines, failed.value, failed.value.hint])
    reason = (await bench.one("SELECT reason FROM ai_provider_state WHERE state = 'open'"))[0]
    assert not re.fullmatch(r"(http_)?\d+|invalid_request_error|api_error", reason)
    # Until somebody changes it nobody asks again.
    assert (await bench.ask(await bench.request())).reason == "breaker_open"
    assert bench.server.count() == 1


async def test_a_refused_key_is_the_reason_also_where_there_are_fallbacks(database: str) -> None:
    """The key is theirs too; that nobody may ask them now is no news."""
    async with bench_on(database, llm_fallback_models=(FALLBACK,)) as bench:
        bench.server.script = deque([status(401, "invalid_api_key")])
        with pytest.raises(ProviderUnavailable) as failed:
            await bench.ask(await bench.request(on_unavailable="fail"))
    assert "provider_error: invalid_api_key" in str(failed.value)
    assert KEY in failed.value.hint
    assert bench.server.count() == 1


@pytest.mark.parametrize("speaker", FLAGGED)
async def test_what_was_flagged_is_a_refusal_of_that_question_alone(
    bench: Bench, speaker: str
) -> None:
    """Moderation is no refused key: the next request is asked as ever."""
    bench.server.script = deque([FLAGGED[speaker], honest])

    flagged = await bench.ask(await bench.request())

    assert flagged.reason == "refusal"
    assert (await bench.ask(await bench.request())).reason is None
    assert "words of a client" not in str(await bench.all("SELECT error FROM ai_llm_calls"))


@pytest.mark.parametrize("speaker", TOO_LONG)
async def test_a_server_with_less_room_is_asked_for_a_shorter_answer(
    bench: Bench, speaker: str
) -> None:
    """However it says so; and it keeps the parameter that it knows quite well."""
    bench.server.script = deque([TOO_LONG[speaker], honest])

    answer = await bench.ask(await bench.request(), asker(max_calls=1))

    assert answer.reason is None
    asked = [call.body["max_completion_tokens"] for call in bench.server.calls]
    assert asked == [300, 200]
    assert not bench.gateway.shop.models[MODEL].omits


async def test_json_that_the_server_itself_refuses_is_asked_for_again(bench: Bench) -> None:
    """Groq checks what the model wrote, and answers 400 where it is no JSON: it was written."""
    words = "Failed to generate JSON. Please adjust your prompt."
    error = {"message": words, "code": "json_validate_failed", "failed_generation": "{"}
    bench.server.script = deque([says(400, {"error": error}), honest])
    claimed = await bench.request()

    assert (await bench.ask(claimed)).reason is None

    ledger = await bench.ledger(claimed.request_id)
    assert [line[1:] for line in ledger] == [("failed", "uncertain"), ("done", "exact")]


async def test_gemini_says_in_its_answer_how_long_to_wait(bench: Bench) -> None:
    """Without a header, in a detail of its error."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}
    bench.server.script = deque([says(429, [{"error": error}])])

    with pytest.raises(Snoozed) as snoozed:
        await bench.ask(await bench.request(on_unavailable="wait"))

    assert snoozed.value.delay_seconds == 34
    assert bench.server.count() == 1


@pytest.mark.parametrize("details", [{"reasoning_tokens": 3900}, None])
async def test_thinking_that_a_provider_does_not_count_as_output_is_paid_for(
    bench: Bench, details: dict[str, int] | None
) -> None:
    """xAI and Gemini leave it out of completion_tokens, and bill it: total_tokens has it."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 5000}
    bench.server.script = deque([changed(usage=usage | {"completion_tokens_details": details})])

    await bench.ask(await bench.request())

    row = await bench.one(
        "SELECT cost_state, cost_usd, output_tokens, reasoning_tokens,"
        " usage ->> 'told_completion_tokens' FROM ai_llm_calls"
    )
    # 1000 in and 4000 out at 0.15 and 0.60 USD per million.
    assert tuple(row) == ("exact", Decimal("0.00255"), 4000, 3900, "100")
    assert await bench.differences() == []


async def test_a_server_that_ignores_response_format_hears_the_schema(bench: Bench) -> None:
    """Its model was told nothing of it, and answers in prose; the second question says it."""

    async def ignorant(
        server: ModelServer, request: web.Request, body: Mapping[str, Any]
    ) -> web.StreamResponse:
        if any("JSON Schema" in message["content"] for message in body["messages"]):
            return await honest(server, request, body)
        return await text("Gladly! Keep your back straight.")(server, request, body)

    bench.server.script = deque([ignorant] * 2)

    assert (await bench.ask(await bench.request(), asker(max_calls=2))).reason is None
    assert bench.server.count() == 2


async def test_a_server_that_ignores_the_cap_hears_its_older_name(bench: Bench) -> None:
    """Without a cap no reservation would hold: who wrote more than was asked for is told to stop
    in the other way, by every daemon."""
    usage = {"prompt_tokens": 200, "completion_tokens": 301, "total_tokens": 501}
    bench.server.script = deque([changed(usage=usage), honest])

    assert (await bench.ask(await bench.request())).reason is None
    assert (await bench.ask(await bench.request())).reason is None

    asked = [call.body for call in bench.server.calls]
    assert [body.get("max_completion_tokens") for body in asked] == [300, None]
    assert [body.get("max_tokens") for body in asked] == [None, 300]
    assert tuple(await bench.one("SELECT omits FROM ai_provider_state")) == (
        ["max_completion_tokens"],
    )


async def test_calls_side_by_side_learn_the_same_once(bench: Bench) -> None:
    """An answer that was paid for is not lost over what another call has learned meanwhile."""
    both = asyncio.Event()

    async def unbound(
        server: ModelServer, request: web.Request, body: Mapping[str, Any]
    ) -> web.StreamResponse:
        if server.count() == 2:
            both.set()
        await both.wait()
        usage = {"prompt_tokens": 200, "completion_tokens": 301, "total_tokens": 501}
        return await changed(usage=usage)(server, request, body)

    bench.server.script = deque([unbound] * 2)
    claimed = [await bench.request() for _ in range(2)]

    answers = await asyncio.gather(*(bench.ask(one) for one in claimed))

    assert [answer.reason for answer in answers] == [None, None]


def packed(data: bytes) -> Behaviour:
    """These bytes, told to be packed."""

    async def behave(_: ModelServer, __: web.Request, ___: Mapping[str, Any]) -> web.Response:
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        return web.Response(body=data, headers=headers)

    return behave


async def test_a_packed_answer_is_unpacked(bench: Bench) -> None:
    """Some gateways pack whatever they send."""
    message = {"role": "assistant", "content": '{"summary": "fine", "tips": []}'}
    body = {"model": MODEL, "choices": [{"message": message, "finish_reason": "stop"}]}
    bench.server.script = deque([packed(gzip.compress(json.dumps(body).encode()))])

    assert (await bench.ask(await bench.request())).value is not None


@pytest.mark.parametrize(
    ("data", "code"),
    [(gzip.compress(b" " * (BODY_LIMIT_BYTES + 1)), "too_large"), (b"no such thing", "not_json")],
)
async def test_a_packed_answer_that_fills_the_memory_is_none(
    bench: Bench, data: bytes, code: str
) -> None:
    """The limit holds for what comes out of it, and what is no packing at all is no answer."""
    bench.server.script = deque([packed(data), honest])
    claimed = await bench.request()

    assert (await bench.ask(claimed)).reason is None

    row = await bench.one("SELECT error ->> 'code' FROM ai_llm_calls ORDER BY id LIMIT 1")
    assert row[0] == code
    ledger = await bench.ledger(claimed.request_id)
    assert [line[1:] for line in ledger] == [("failed", "uncertain"), ("done", "exact")]


@pytest.mark.parametrize(
    ("answer", "cure"),
    [
        (changed(usage=None), "told no usable token counts"),
        (changed(model="m"), "ai_model_prices"),
    ],
)
async def test_an_answer_of_unknown_cost_says_what_is_missing(
    bench: Bench, answer: Behaviour, cure: str
) -> None:
    """No price helps where the provider tells no counts."""
    bench.server.script = deque([answer])
    with capture_logs() as lines:
        await bench.ask(await bench.request())
    assert [cure in line["hint"] for line in lines if line["event"] == "model_unpriced"] == [True]


async def test_a_model_that_is_too_slow_is_named(bench: Bench) -> None:
    """The log says which, and what would help; so does the error of who demands it."""
    bench.server.script = deque([hang])
    with capture_logs() as lines, pytest.raises(ProviderUnavailable) as failed:
        await bench.ask(await bench.request(on_unavailable="fail"), asker(deadline_seconds=0.5))
    [told] = [line for line in lines if line["log_level"] == "error"]
    assert (told["event"], told["model"], told["code"]) == ("model_unavailable", MODEL, "timeout")
    assert failed.value.hint == told["hint"]


async def test_a_lost_connection_is_no_want_of_time(database: str) -> None:
    """The library calls it a timeout; the next model is asked all the same."""
    async with bench_on(database, llm_fallback_models=(FALLBACK,)) as bench:
        bench.server.by_model[MODEL] = deque([reset] * 3)
        answer = await bench.ask(await bench.request())
        codes = await bench.all("SELECT error ->> 'code' FROM ai_llm_calls ORDER BY id")
    assert answer.model == FALLBACK
    assert [row[0] for row in codes] == [*["connection"] * 3, None]


PRICE = (
    "INSERT INTO ai_model_prices (model_pattern, input_usd_per_million, output_usd_per_million,"
    " source) VALUES (%s, 0, 0, 'ours') ON CONFLICT DO NOTHING"
)


@pytest.mark.parametrize(
    ("model", "cure"), [("our/llama3", "ai_model_prices"), ("gpt-5", "max_usd in the agent's")]
)
async def test_a_model_that_no_request_can_pay_for_says_what_to_change(
    database: str, model: str, cure: str
) -> None:
    """A model without a price is counted at that of ``*``, which may be more than an agent's share
    of a request: no question would ever be asked, and the log says why. With a price it is."""
    async with bench_on(database, openai_model=model) as bench:
        dear = asker(max_usd=Decimal("0.005"))
        with capture_logs() as lines:
            assert (await bench.ask(await bench.request(), dear)).reason == "budget_exhausted"
        with pytest.raises(BudgetExhausted) as failed:
            await bench.ask(await bench.request(on_unavailable="fail"), dear)

        told = [line for line in lines if line["log_level"] == "warning"]
        assert [(line["event"], line["model"]) for line in told] == [("model_too_dear", model)]
        assert cure in told[0]["hint"]
        assert failed.value.hint == told[0]["hint"]
        assert bench.server.count() == 0

        await bench.run(PRICE, "our/*")
        await bench.gateway.know(again=True)
        free = await bench.ask(await bench.request(), dear)
        assert (free.reason is None) == (model == "our/llama3")


THOUGHT = {
    "prompt_tokens": 200,
    "completion_tokens": 2300,
    "total_tokens": 2500,
    "completion_tokens_details": {"reasoning_tokens": 2300},
}
PLAIN = {"prompt_tokens": 200, "completion_tokens": 300, "total_tokens": 500}


@pytest.mark.parametrize(
    ("model", "first", "usage", "message"),
    [
        ("gpt-5-mini", 2300, THOUGHT, {"content": ""}),
        ("openai/o4-mini", 2300, THOUGHT, {"content": ""}),
        ("our-deployment", 300, THOUGHT, {"content": ""}),
        ("deepseek-reasoner", 300, PLAIN, {"content": "", "reasoning_content": "Let me see."}),
        ("qwen3:8b", 300, PLAIN, {"content": None, "reasoning": "Let me see."}),
        ("qwq", 300, PLAIN, {"content": "<think>Let me see."}),
    ],
)
async def test_a_model_that_thinks_gets_room_for_it(
    database: str, model: str, first: int, usage: dict[str, int], message: dict[str, str]
) -> None:
    """Where thoughts ate the answer, both get twice the room; next time there is some at once."""
    async with bench_on(database, openai_model=model) as bench:
        await bench.run(PRICE, model)
        eaten = text("", finish_reason="length", usage=usage, message=message)
        bench.server.script = deque([eaten, honest])

        answer = await bench.ask(await bench.request(), asker(max_calls=2))
        await bench.ask(await bench.request())

        assert answer.reason is None
        asked = [call.body["max_completion_tokens"] for call in bench.server.calls]
        assert asked == [first, 2 * (300 + 2000), 300 + 2000]


@pytest.mark.parametrize(
    ("model", "effort"),
    [("gpt-5", "low"), ("openai/gpt-5-mini", "low"), ("o4-mini", "low"), ("gpt-5.2", None)],
)
async def test_words_need_no_long_thought(database: str, model: str, effort: str | None) -> None:
    """Models that think at length by themselves are told to be brief: an agent's time is short."""
    async with bench_on(database, openai_model=model) as bench:
        assert (await bench.ask(await bench.request())).reason is None
        assert bench.server.calls[0].body.get("reasoning_effort") == effort


async def test_a_model_that_knows_no_brief_thought_is_not_told_to(database: str) -> None:
    """gpt-5-pro takes ``high`` alone; whatever else refuses the word is asked without it."""
    words = "Unsupported value: 'reasoning_effort' does not support 'low' with this model."
    error = {"message": words, "param": "reasoning_effort", "code": "unsupported_value"}
    async with bench_on(database, openai_model="o9-pro") as bench:
        bench.server.script = deque([says(400, {"error": error}), honest])
        assert (await bench.ask(await bench.request(), asker(max_calls=1))).reason is None
        assert "reasoning_effort" not in bench.server.calls[-1].body
