"""Money under pressure: many requests from several daemons, one budget, one bill."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from decimal import Decimal
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agents.base import Answer
from daemon.model import Claimed
from tests.kit import provider
from tests.kit.llm import FALLBACK, MODEL, Bench, Words, ask, asker, bench_on, gateway_on
from tests.kit.llm import settings_for as settings
from tests.kit.provider import honest, status

REQUESTS, DAEMONS = 200, 3


async def test_three_daemons_never_exceed_a_third_of_what_they_want(database: str) -> None:
    """200 concurrent requests spend one daily budget to the last call and not a cent more."""
    async with bench_on(database) as bench, contextlib.AsyncExitStack() as stack:
        claimed = await asyncio.gather(*(_request(bench, n) for n in range(REQUESTS)))
        await bench.ask(claimed[0])
        wanted = (await bench.one("SELECT sum(cost_usd) FROM ai_llm_calls"))[0] * REQUESTS
        limit = round(wanted / 3, 8)
        # The database itself watches each change, by whomever.
        await bench.run(
            "ALTER TABLE ai_budgets ADD CHECK"
            " (period IN ('day', 'month')"
            " OR spent_usd + reserved_usd + uncertain_usd <= limit_usd)"
        )
        gateways = []
        for _ in range(DAEMONS):
            pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
                database, min_size=1, max_size=6, open=False, kwargs={"autocommit": True}
            )
            await stack.enter_async_context(pool)
            chosen = settings(bench.server.url, daily_budget_usd=limit)
            gateways.append(await stack.enter_async_context(gateway_on(pool, chosen)))

        # Of answers one in ten fails once and one in twenty is cut off in the middle.
        bench.server.script = deque(
            provider.cut if n % 20 == 7 else status(500) if n % 10 == 3 else honest
            for n in range(100)
        )

        async def one(number: int) -> Answer[Words]:
            gateway = gateways[number % DAEMONS]
            return await ask(gateway.for_request(claimed[number], asker()))

        # A call that ends gives back what it had reserved beyond its cost, and a run of failures
        # opens the breaker: whoever went without asks again, until all hear of the budget alone.
        left, reasons = list(range(1, REQUESTS)), Counter[str | None]()
        while set(reasons) != {"budget_exhausted"}:
            answers = await asyncio.gather(*(one(number) for number in left))
            reasons = Counter(answer.reason for answer in answers)
            assert set(reasons) <= {None, "budget_exhausted", "provider_error", "breaker_open"}
            left = [n for n, answer in zip(left, answers, strict=True) if answer.reason]
            assert left
            await bench.run("UPDATE ai_provider_state SET state = 'closed', failures = 0")

        assert len(left) < REQUESTS - 1
        spent, reserved, uncertain = await bench.one(
            "SELECT spent_usd, reserved_usd, uncertain_usd FROM ai_budgets"
            " WHERE scope = 'global' AND period LIKE '____-__-__'"
        )
        assert reserved == 0
        # Not a cent more; and no further call would have fitted in.
        (reserve,) = await bench.one("SELECT max(reserved_usd) FROM ai_llm_calls")
        assert limit - reserve < spent + uncertain <= limit
        done, doubtful = await bench.one(
            "SELECT coalesce(sum(cost_usd) FILTER (WHERE status = 'done'), 0),"
            " coalesce(sum(charged_usd) FILTER (WHERE cost_state = 'uncertain'), 0)"
            " FROM ai_llm_calls"
        )
        assert (spent, uncertain) == (done, doubtful)
        assert await bench.differences() == []
        deadlocks = await bench.one(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        assert deadlocks[0] == 0


async def _request(bench: Bench, number: int) -> Claimed:
    return await bench.request(fair_key=f"client:{number % 7}")


async def test_a_mixed_days_report_equals_the_servers_own_count(database: str) -> None:
    """Calls, tokens and cost by agent, model and client are what the server itself counted."""
    async with bench_on(database, llm_fallback_models=(FALLBACK,)) as bench:
        scripted = [honest, status(500), honest, provider.fenced, provider.truncated, honest]
        scripted += [provider.text("{}"), honest, provider.refusal(), status(500), honest]
        bench.server.script = deque(scripted)
        bench.server.by_model[MODEL] = deque([honest] * 6 + [status(404, "model_not_found")])
        for number in range(8):
            await bench.ask(await bench.request(fair_key=f"client:{number % 2}"))

        rows = await bench.all(
            "SELECT model, sum(calls), sum(failed_calls), sum(input_tokens), sum(cached_tokens),"
            " sum(output_tokens), sum(cost_usd) FROM ai_cost_daily GROUP BY model ORDER BY model"
        )

        for model, calls, failed, input_tokens, cached, output, cost in rows:
            seen = [call for call in bench.server.calls if call.model == model]
            usages = [call.usage for call in seen if call.usage]
            assert (calls, failed) == (len(seen), len(seen) - len(usages))
            assert (input_tokens, output) == (
                sum(usage["prompt_tokens"] for usage in usages),
                sum(usage["completion_tokens"] for usage in usages),
            )
            assert cached == sum(u["prompt_tokens_details"]["cached_tokens"] for u in usages)
            assert cost == sum([await _price(bench, model, usage) for usage in usages])
        assert {row[0] for row in rows} == {MODEL, FALLBACK}
        assert await bench.differences() == []


async def _price(bench: Bench, model: str, usage: Any) -> Decimal:
    """What the provider would bill for one call."""
    into, cached, out = await bench.one(
        "SELECT input_usd_per_million, cached_input_usd_per_million, output_usd_per_million"
        " FROM ai_model_prices WHERE model_pattern = %s AND tier = 'default'",
        model,
    )
    hit = usage["prompt_tokens_details"]["cached_tokens"]
    fresh = usage["prompt_tokens"] - hit
    amount = fresh * into + hit * cached + usage["completion_tokens"] * out
    return round(Decimal(amount) / 10**6, 8)
