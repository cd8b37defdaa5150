"""Every fault of the provider ends as documented, and the ledger says what it cost."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.base import AgentError
from daemon.llm import Snoozed
from tests.daemon.provider_faults import FAULTS, Fault
from tests.kit.llm import FALLBACK, MODEL, Bench, ask, asker, bench_on, gateway_on, settings_for
from tests.kit.process import free_port
from tests.kit.provider import status


@pytest.fixture
async def bench(database: str) -> AsyncIterator[Bench]:
    async with bench_on(database) as made:
        yield made


by_name = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@by_name
async def test_a_fault_ends_as_documented(bench: Bench, fault: Fault) -> None:
    """A fault leads to the documented answer, ledger and breaker; budgets equal the ledger."""
    bench.server.script = deque(fault.script)
    claimed = await bench.request()
    llm = bench.llm(claimed, asker(deadline_seconds=fault.deadline_seconds))

    answer = await ask(llm)

    assert answer.reason == fault.reason
    assert (answer.value is None) == (fault.reason is not None)
    assert llm.mode() == (("degraded", fault.reason) if fault.reason else ("full", None))
    ledger = await bench.ledger(claimed.request_id)
    assert [line[1:] for line in ledger] == list(fault.ledger)
    assert bench.server.count() == len(fault.ledger)
    assert await breaker(bench) == fault.breaker
    assert await bench.differences() == []


@by_name
async def test_a_fault_is_met_as_the_request_wants(bench: Bench, fault: Fault) -> None:
    """``wait`` is snoozed by what will pass; ``fail`` gets the answer or a documented error."""
    agent = asker(deadline_seconds=fault.deadline_seconds)
    bench.server.script = deque(fault.script)
    waiting = await bench.request(on_unavailable="wait")
    if fault.waits == "snooze":
        with pytest.raises(Snoozed) as snoozed:
            await bench.ask(waiting, agent)
        assert snoozed.value.delay_seconds >= 1
    else:
        assert (await bench.ask(waiting, agent)).reason == fault.reason

    await bench.run("DELETE FROM ai_provider_state")
    bench.server.script = deque(fault.script)
    demanding = await bench.request(on_unavailable="fail")
    if fault.fails is None:
        assert (await bench.ask(demanding, agent)).value is not None
    else:
        with pytest.raises(AgentError) as failed:
            await bench.ask(demanding, agent)
        assert failed.value.code == fault.fails


async def test_a_fallback_model_answers_when_the_first_is_gone(database: str) -> None:
    """The next of LLM_FALLBACK_MODELS answers when a model is gone, on a line of its own."""
    async with bench_on(database, llm_fallback_models=(FALLBACK,)) as bench:
        bench.server.by_model[MODEL] = deque([status(404, "model_not_found")])
        claimed = await bench.request()

        answer = await bench.ask(claimed)

        assert answer.model == FALLBACK
        assert await bench.ledger(claimed.request_id) == [
            (MODEL, "failed", "none"),
            (FALLBACK, "done", "exact"),
        ]


async def test_five_failures_in_a_row_open_the_breaker_for_everybody(bench: Bench) -> None:
    """A model that keeps failing is left alone, by every daemon, until its time is over."""
    bench.server.script = deque([status(500)] * 6)
    for _ in range(2):
        await bench.ask(await bench.request())
    before = bench.server.count()

    answer = await bench.ask(await bench.request())

    assert answer.reason == "breaker_open"
    assert bench.server.count() == before
    assert await breaker(bench) == ("open", "closed")


async def test_a_learned_form_is_kept_for_the_next_daemon(bench: Bench) -> None:
    """What one daemon learned about a model is not paid for again by the next."""
    from tests.kit.llm import gateway_on, settings_for
    from tests.kit.provider import no_response_format

    bench.server.script = deque([no_response_format(("json_schema", "json_object"))] * 3)
    await bench.ask(await bench.request())
    assert bench.server.count() == 3

    async with gateway_on(bench.pool, settings_for(bench.server.url)) as other:
        answer = await ask(other.for_request(await bench.request(), asker()))

    assert answer.value is not None
    assert bench.server.count() == 4
    assert "response_format" not in bench.server.calls[-1].body


async def breaker(bench: Bench) -> tuple[Any, Any]:
    states = await bench.all("SELECT model, state FROM ai_provider_state")
    rows = {row[0]: row[1] for row in states}
    return rows.get(MODEL, "closed"), rows.get("*", "closed")


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_a_provider_that_is_away_costs_nothing(bench: Bench, host: str) -> None:
    """Nobody listens, or no such name: nothing was sent, so no money is in doubt."""
    settings = settings_for(f"http://{host}:{free_port()}/v1")
    claimed = await bench.request()
    async with gateway_on(bench.pool, settings) as gateway:
        answer = await ask(gateway.for_request(claimed, asker()))
    assert answer.reason == "provider_error"
    lines = await bench.ledger(claimed.request_id)
    assert {line[1:] for line in lines} == {("failed", "none")}
    assert await bench.differences() == []
