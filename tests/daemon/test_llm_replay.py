"""What makes an answer this question's, and what does not: a later attempt buys nothing because a
form, a setting or a model changed meanwhile, and everything where the question did."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from agents.base import AgentConfig
from daemon.llm.wire import canonical, digest
from tests.kit.llm import (
    DATA,
    FALLBACK,
    MODEL,
    SYSTEM,
    Bench,
    ask,
    asker,
    bench_on,
    gateway_on,
    settings_for,
)
from tests.kit.provider import honest, status

OTHER_DATA = {"exercises": [{"exercise_id": 8, "exercise": "plank"}]}


class Longer(BaseModel):
    summary: str = Field(max_length=400)
    advice: str = Field(max_length=400)


@pytest.fixture
async def bench(database: str) -> AsyncIterator[Bench]:
    async with bench_on(database) as made:
        yield made


@pytest.mark.parametrize("parameter", ["response_format", "temperature", "store"])
async def test_what_an_attempt_learns_costs_none_of_its_answers(
    bench: Bench, parameter: str
) -> None:
    """A model refuses a parameter in the middle of an attempt: the next attempt asks in another
    form, and still replays what was answered in the first one."""
    first = await bench.request()
    llm = bench.llm(first, config=AgentConfig(temperature=0.5))
    answers = [await ask(llm)]
    bench.server.script = deque([status(400, "invalid_request_error", param=parameter), honest])
    answers.append(await ask(llm, data=OTHER_DATA, repair=None))
    assert bench.server.count() == 3

    again = bench.llm(await bench.claim(first, "w2"), config=AgentConfig(temperature=0.5))

    assert [await ask(again), await ask(again, data=OTHER_DATA, repair=None)] == answers
    assert bench.server.count() == 3


async def test_what_others_learn_costs_no_answer(bench: Bench) -> None:
    """What another request taught all daemons about the model changes nothing for an answer that
    was bought before."""
    first = await bench.request()
    answer = await bench.ask(first)
    bench.server.script = deque(
        [status(400, "invalid_request_error", param="response_format")] * 2 + [honest]
    )
    await bench.ask(await bench.request(), data=OTHER_DATA, repair=None)
    count = bench.server.count()

    async with gateway_on(bench.pool, settings_for(bench.server.url)) as other:
        replayed = await ask(other.for_request(await bench.claim(first, "w2"), asker()))

    assert (replayed, bench.server.count()) == (answer, count)


@pytest.mark.parametrize(
    "changes",
    [
        {"openai_temperature": 0.9},
        {"openai_model": FALLBACK},
        {"openai_model": "o3-mini", "llm_fallback_models": ("gpt-4",)},
        {"llm_fallback_models": (FALLBACK,)},
    ],
    ids=str,
)
async def test_settings_that_change_cost_no_answer(bench: Bench, changes: Any) -> None:
    """A request that waited through a deploy with another model or temperature is not asked
    again: settings say how to buy, not what is asked."""
    first = await bench.request()
    answer = await bench.ask(first)

    async with gateway_on(bench.pool, settings_for(bench.server.url, **changes)) as other:
        replayed = await ask(other.for_request(await bench.claim(first, "w2"), asker()))

    assert (replayed, bench.server.count()) == (answer, 1)
    assert await bench.ledger(first.request_id) == [(MODEL, "done", "exact")]


@pytest.mark.parametrize(
    "changes",
    [
        {"system": f"{SYSTEM} Be brief."},
        {"data": OTHER_DATA, "repair": None},
        {"name": "other_words"},
        {"max_output_tokens": 400},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_another_question_is_bought(bench: Bench, changes: Any) -> None:
    """Other words, other data, another name, more room: no kept answer is passed off as theirs,
    whatever is known of the model."""
    first = await bench.request()
    await bench.ask(first)

    again = await bench.ask(await bench.claim(first, "w2"), **changes)

    assert again.value is not None
    assert bench.server.count() == 2


async def test_another_schema_is_another_question(bench: Bench) -> None:
    """The same words about the same data, for an answer of another shape, are bought."""
    first = await bench.request()
    await bench.ask(first)

    llm = bench.llm(await bench.claim(first, "w2"))
    again = await llm.ask(
        Longer, name="asker_words", system=SYSTEM, data=DATA, max_output_tokens=300
    )

    assert again.value is not None
    assert bench.server.count() == 2
    # Not the other answer sent back for a repair.
    assert len(bench.server.calls[-1].body["messages"]) == 2


async def test_the_same_question_twice_has_two_answers(bench: Bench) -> None:
    """An agent that asks twice wants two answers, also after what was learned in between."""
    llm = bench.llm(await bench.request())
    await ask(llm)
    bench.gateway.shop.models.learn(MODEL, "response_format")
    await ask(llm)

    assert bench.server.count() == 2


async def test_a_corrected_agent_is_asked_anew(bench: Bench) -> None:
    """A model that the agent's own configuration names is part of what is asked: who corrects it
    and retries the request does not get the old model's answer."""
    first = await bench.request()
    await bench.ask(first)

    config = AgentConfig(model=FALLBACK)
    answer = await ask(bench.llm(await bench.claim(first, "w2"), config=config))

    assert answer.model == FALLBACK
    assert bench.server.count() == 2


async def test_the_cache_knows_models_apart(bench: Bench) -> None:
    """Between requests an answer serves only where exactly the same would be sent."""
    agent = asker(cache_seconds=60)
    await bench.ask(await bench.request(), agent)

    config = AgentConfig(model=FALLBACK)
    answer = await ask(bench.llm(await bench.request(), agent, config=config))
    async with gateway_on(
        bench.pool, settings_for(bench.server.url, openai_model="gpt-4.1")
    ) as it:
        await ask(it.for_request(await bench.request(), agent))

    assert answer.model == FALLBACK
    assert bench.server.count() == 3


async def test_releases_side_by_side_find_each_others_answers(bench: Bench) -> None:
    """The release before knew a call by its body alone: it finds what is bought now, and what it
    bought is found now."""
    first = await bench.request()
    answer = await bench.ask(first)
    row = await bench.one("SELECT call_hash, prompt, response FROM ai_llm_calls")
    assert bytes(row[0]) == digest(canonical(row[1]))

    await bench.run("UPDATE ai_llm_calls SET response = response - 'question'")
    replayed = await bench.ask(await bench.claim(first, "w2"))

    assert (replayed, bench.server.count()) == (answer, 1)
