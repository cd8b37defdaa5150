"""Begin and end of a model call: exact under races, deaths, zombies and lost replies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from daemon import statements
from daemon.llm.classify import Bucket
from daemon.llm.journal import Begun, Entry, Feedback, Journal, Limit, Settlement
from daemon.llm.pricing import Cost
from daemon.llm.wire import digest
from tests.kit.ledger import CENT, Ledger, answered, entry

GUARD = """
CREATE FUNCTION within_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.spent_usd + new.reserved_usd + new.uncertain_usd > new.limit_usd THEN
        RAISE EXCEPTION 'budget % % exceeded', new.scope, new.period;
    END IF;
    RETURN new;
END $$
"""
"""Watches every single change of a budget, not only the last one."""


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[Ledger]:
    pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
        database, min_size=2, max_size=12, open=False, timeout=30.0, kwargs={"autocommit": True}
    )
    async with pool:
        yield Ledger(pool)


async def test_an_answered_call_is_replayed_and_not_begun_again(ledger: Ledger) -> None:
    """An identical call of a later attempt gets the kept answer and costs nothing."""
    first = await ledger.request()
    call = entry(first)
    assert (await ledger.journal.begin(call)).verdict == "go"
    assert await ledger.journal.end(call, answered(), Feedback()) == "done"

    second = await ledger.claim(first, "w2")
    again = await ledger.journal.begin(entry(second))

    assert (again.verdict, again.response, again.returned_model) == (
        "replay",
        {"text": "yes"},
        "m-2026",
    )
    assert await ledger.money() == (CENT, 0, 0)


async def test_the_answer_of_another_model_is_replayed_too(ledger: Ledger) -> None:
    """A fallback model's answer serves the second attempt, though another is asked first."""
    first = await ledger.request()
    by_fallback = entry(first, "b", model="fallback")
    await ledger.journal.begin(by_fallback)
    await ledger.journal.end(by_fallback, answered(), Feedback())

    second = await ledger.claim(first, "w2")
    again = await ledger.journal.begin(entry(second, hashes=[digest("a"), digest("b")]))

    assert (again.verdict, again.model) == ("replay", "fallback")


async def test_only_the_owner_of_the_attempt_may_begin(ledger: Ledger) -> None:
    """Neither an earlier fence nor another worker with the right fence begins a call."""
    first = await ledger.request("w1")
    second = await ledger.claim(first, "w2")

    assert (await ledger.journal.begin(entry(first))).verdict == "lost"
    stranger = second._replace(worker_id="w3")
    assert (await ledger.journal.begin(entry(stranger))).verdict == "lost"
    assert (await ledger.journal.begin(entry(second))).verdict == "go"


async def test_a_cancelled_request_buys_nothing(ledger: Ledger) -> None:
    """No call begins once somebody asked to cancel."""
    authority = await ledger.request()
    await ledger.run("UPDATE ai_requests SET cancel_requested_at = now()")

    assert (await ledger.journal.begin(entry(authority))).verdict == "cancelled"


async def test_a_call_its_owner_never_settled_becomes_uncertain_money(ledger: Ledger) -> None:
    """After a crash the open call is in doubt: its reservation is kept apart from the spent."""
    first = await ledger.request()
    await ledger.journal.begin(entry(first))

    second = await ledger.claim(first, "w2")
    again = await ledger.journal.begin(entry(second))

    assert again.verdict == "go"
    assert await ledger.statuses(first.request_id) == [
        ("uncertain", "uncertain"),
        ("started", "reserved"),
    ]
    assert await ledger.money() == (0, CENT, CENT)


async def test_a_zombies_late_answer_is_money_and_serves_the_next_owner(ledger: Ledger) -> None:
    """An attempt that lost its lease still books its answer; the next owner replays it."""
    first = await ledger.request()
    late = entry(first)
    await ledger.journal.begin(late)
    second = await ledger.claim(first, "w2")

    assert await ledger.journal.end(late, answered(), Feedback()) == "done"

    assert (await ledger.journal.begin(entry(second))).verdict == "replay"
    assert await ledger.money() == (CENT, 0, 0)


async def test_a_second_answer_to_the_same_call_is_a_duplicate(ledger: Ledger) -> None:
    """Where zombie and owner both paid, one answer counts and both costs do."""
    first = await ledger.request()
    late = entry(first)
    await ledger.journal.begin(late)
    second = await ledger.claim(first, "w2")
    own = entry(second)
    await ledger.journal.begin(own)
    assert await ledger.journal.end(own, answered(text="own"), Feedback()) == "done"

    assert await ledger.journal.end(late, answered(text="late"), Feedback()) == "duplicate"

    third = await ledger.claim(second, "w3")
    assert (await ledger.journal.begin(entry(third))).response == {"text": "own"}
    assert await ledger.money() == (2 * CENT, 0, 0)
    assert await ledger.differences() == []


async def test_an_end_sent_twice_counts_once(ledger: Ledger) -> None:
    """After an unknown commit the end is sent again, and changes nothing."""
    authority = await ledger.request()
    call = entry(authority)
    await ledger.journal.begin(call)

    verdicts = [await ledger.journal.end(call, answered(), Feedback()) for _ in range(3)]

    assert verdicts == ["done", "repeated", "repeated"]
    assert await ledger.money() == (CENT, 0, 0)


async def test_a_begin_sent_twice_reserves_once(ledger: Ledger) -> None:
    """After an unknown commit begin is sent again; the unconfirmed reservation is undone."""
    authority = await ledger.request()
    await ledger.journal.begin(entry(authority))

    assert (await ledger.journal.begin(entry(authority))).verdict == "go"

    assert await ledger.statuses(authority.request_id) == [
        ("failed", "none"),
        ("started", "reserved"),
    ]
    assert await ledger.money() == (0, CENT, 0)


async def test_a_begin_sent_twice_is_settled_once(ledger: Ledger) -> None:
    """The answer belongs to the second line: kept, paid once, and there for the next attempt."""
    call = entry(await ledger.request())
    for _ in range(2):
        assert (await ledger.journal.begin(call)).verdict == "go"

    assert await ledger.journal.end(call, answered(), Feedback()) == "done"
    assert await ledger.journal.end(call, answered(), Feedback()) == "repeated"

    assert await ledger.statuses(call.authority.request_id) == [
        ("failed", "none"),
        ("done", "exact"),
    ]
    assert await ledger.money() == (CENT, 0, 0)
    assert await ledger.differences() == []
    second = await ledger.claim(call.authority, "w2")
    assert (await ledger.journal.begin(entry(second))).verdict == "replay"


async def test_an_end_without_its_begin_writes_the_line(ledger: Ledger) -> None:
    """If a crash of PostgreSQL swallowed the begin, the end alone books the call, once."""
    authority = await ledger.request()
    call = entry(authority)

    assert await ledger.journal.end(call, answered(), Feedback()) == "done"
    assert await ledger.journal.end(call, answered(), Feedback()) == "repeated"

    assert await ledger.statuses(authority.request_id) == [("done", "exact")]
    assert await ledger.money() == (CENT, 0, 0)
    assert await ledger.differences() == []


async def test_a_failed_call_is_tried_again_on_a_line_of_its_own(ledger: Ledger) -> None:
    """Each physical call is a ledger line; a refused one gives its reservation back."""
    authority = await ledger.request()
    for settlement in (Settlement("failed", Cost("none", Decimal(0))), answered()):
        call = entry(authority)
        assert (await ledger.journal.begin(call)).verdict == "go"
        await ledger.journal.end(call, settlement, Feedback())

    assert await ledger.statuses(authority.request_id) == [("failed", "none"), ("done", "exact")]
    assert await ledger.money() == (CENT, 0, 0)


async def test_identical_calls_are_told_apart_by_number(ledger: Ledger) -> None:
    """Two identical calls of one attempt are bought twice, and replayed as two."""
    authority = await ledger.request()
    for n, text in ((1, "one"), (2, "two")):
        call = entry(authority, n=n)
        assert (await ledger.journal.begin(call)).verdict == "go"
        await ledger.journal.end(call, answered(text=text), Feedback())

    again = await ledger.claim(authority, "w2")
    kept = [(await ledger.journal.begin(entry(again, n=n))).response for n in (2, 1)]

    assert kept == [{"text": "two"}, {"text": "one"}]


async def test_a_recent_answer_serves_another_request_for_free(ledger: Ledger) -> None:
    """With cache_seconds an identical prompt is not bought twice; copies do not keep it fresh."""
    first = await ledger.request()
    call = entry(first)
    await ledger.journal.begin(call)
    await ledger.journal.end(call, answered(), Feedback())

    second = await ledger.request()
    assert (await ledger.journal.begin(entry(second))).verdict == "go"
    third = await ledger.request()
    cached = await ledger.journal.begin(entry(third, cache_seconds=60))
    assert (cached.verdict, cached.response) == ("cached", {"text": "yes"})
    assert (await ledger.journal.begin(entry(third, cache_seconds=60))).verdict == "replay"

    await ledger.run(
        "UPDATE ai_llm_calls SET finished_at = now() - interval '2 minutes' WHERE request_id = %s",
        first.request_id,
    )
    fourth = await ledger.request()
    assert (await ledger.journal.begin(entry(fourth, cache_seconds=60))).verdict == "go"
    assert await ledger.differences() == []


async def test_a_spent_budget_says_which_one_and_when_it_renews(ledger: Ledger) -> None:
    """The verdict names scope and period; a day's budget renews at the next UTC midnight."""
    authority = await ledger.request()
    poor = [Limit("global", "day", CENT / 2)]

    begun = await ledger.journal.begin(entry(authority, limits=poor))

    today = (await ledger.one("SELECT (now() AT TIME ZONE 'UTC')::date::text"))[0]
    assert (begun.verdict, begun.detail) == ("budget", f"global {today}")
    assert begun.wait_seconds is not None
    assert 0 < begun.wait_seconds <= 86_400
    assert await ledger.statuses(authority.request_id) == []


async def test_a_requests_own_budget_never_renews(ledger: Ledger) -> None:
    """Waiting does not help where a request's own limit is spent."""
    authority = await ledger.request()
    own = [Limit(f"request:{authority.request_id}", "request", CENT / 2)]

    begun = await ledger.journal.begin(entry(authority, limits=own))

    assert (begun.verdict, begun.wait_seconds) == ("budget", None)


async def test_a_request_whose_limit_was_raised_goes_on(ledger: Ledger) -> None:
    """What a request may spend is what its agent and its own wish say now, not what they said."""
    authority = await ledger.request()
    scope = f"request:{authority.request_id}:x"
    first = entry(authority, limits=[Limit(scope, "request", CENT)])
    await ledger.journal.begin(first)
    await ledger.journal.end(first, answered(), Feedback())
    spent = entry(authority, "b", limits=[Limit(scope, "request", CENT)])
    assert (await ledger.journal.begin(spent)).verdict == "budget"

    raised = entry(authority, "b", limits=[Limit(scope, "request", 2 * CENT)])
    assert (await ledger.journal.begin(raised)).verdict == "go"
    beyond = entry(authority, "c", limits=[Limit(scope, "request", 2 * CENT)])
    assert (await ledger.journal.begin(beyond)).verdict == "budget"


INTERIM = (
    "INSERT INTO ai_budgets (scope, period, limit_usd, interim_usd, interim_until)"
    " VALUES ({}, {}, now() + {} * interval '1 hour')"
)


@pytest.mark.parametrize(
    ("setting", "spent"),
    [
        (INTERIM.format("'global', 'day'", "0.005, 1", 1), 0),
        (INTERIM.format("'global', 'day'", "0.005, 1", 0), 1),
        (INTERIM.format("'global', 'day'", "1, 0.005", 1), 1),
        (INTERIM.format("'key:*', 'month'", "0.005, 1", 1), 0),
        (
            INTERIM.format("'agent:x', 'day'", "NULL, 1", 1)
            + "; INSERT INTO ai_control (task_type, daily_budget_usd) VALUES ('x', 0.005)",
            0,
        ),
        ("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 0.005)", 1),
        ("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'month', 0.005)", 1),
        ("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('key:*', 'day', 0.005)", 1),
        ("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('key:c', 'day', 0.005)", 1),
        ("INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('key:d', 'day', 0.005)", 0),
        ("INSERT INTO ai_control (task_type, daily_budget_usd) VALUES ('x', 0.005)", 1),
    ],
)
async def test_limits_that_admins_set_hold_at_once(
    ledger: Ledger, setting: str, spent: int
) -> None:
    """A row of ai_budgets or ai_control limits the very next call."""
    await ledger.run(setting)
    authority = await ledger.request()
    counted = [
        Limit("key:c", "day"),
        Limit("agent:x", "day"),
        Limit("global", "day", Decimal(5)),
        Limit("global", "month"),
    ]

    begun = await ledger.journal.begin(entry(authority, limits=counted))

    assert begun.verdict == ("budget" if spent else "go")


PRICE = (
    "INSERT INTO ai_model_prices (model_pattern, input_usd_per_million,"
    " cached_input_usd_per_million, output_usd_per_million) VALUES ('m', {})"
)


@pytest.mark.parametrize(
    "written",
    [
        "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 'NaN')",
        "INSERT INTO ai_control (task_type, daily_budget_usd) VALUES ('x', 'NaN')",
        PRICE.format("1, 'NaN', 2"),
        PRICE.format("1, NULL, 'NaN'"),
    ],
)
async def test_what_is_no_number_is_neither_a_limit_nor_a_price(
    ledger: Ledger, written: str
) -> None:
    """NaN is refused where it is written: no sum would be above it, and every sum with it lost."""
    with pytest.raises(psycopg.errors.CheckViolation):
        await ledger.run(written)


async def test_a_request_may_not_spend_what_is_no_number(ledger: Ledger) -> None:
    """A main app that works its limit out as NaN has set none that allows anything."""
    authority = await ledger.request(max_usd=Decimal("NaN"))
    (most,) = await ledger.one(
        "SELECT max_usd FROM ai_requests WHERE id = %s", authority.request_id
    )
    assert most == -1


async def test_a_key_without_a_limit_leaves_no_budget_row(ledger: Ledger) -> None:
    """Counting every client would fill the table: keys are counted where somebody limits them."""
    authority = await ledger.request()
    counted = [Limit("key:c", "day"), Limit("global", "day")]
    await ledger.journal.begin(entry(authority, limits=counted))

    scopes = [row[0] for row in await ledger.all("SELECT scope FROM ai_budgets")]

    assert scopes == ["global"]


async def test_a_rate_bucket_in_debt_makes_the_next_caller_wait(ledger: Ledger) -> None:
    """Once the shared bucket of requests is empty, begin answers how long to wait."""
    authority = await ledger.request()
    call = entry(authority)
    await ledger.journal.begin(call)
    told = Feedback("ok", buckets=[Bucket("rpm", 0.5, 30, 1), Bucket("tpm", 100, 6000, 5000)])
    await ledger.journal.end(call, answered(), told)

    assert (await ledger.journal.begin(entry(authority, "b"))).verdict == "go"
    begun = await ledger.journal.begin(entry(authority, "c"))

    assert begun.verdict == "wait"
    assert begun.wait_seconds is not None
    assert 0 < begun.wait_seconds <= 4
    assert await ledger.statuses(authority.request_id) == [
        ("done", "exact"),
        ("started", "reserved"),
    ]


async def test_a_rate_bucket_fills_after_the_clock_was_set_back(ledger: Ledger) -> None:
    """A bucket that a clock far ahead has written does not stand still until that moment."""
    authority = await ledger.request()
    await ledger.run(
        "INSERT INTO ai_rate_buckets (key, rate_per_second, burst, tokens, updated_at)"
        " VALUES ('rpm:' || %s, 0.5, 30, 0, now() + interval '1 hour')",
        entry(authority).model,
    )

    assert (await ledger.journal.begin(entry(authority))).verdict == "go"

    level, late = await ledger.one("SELECT tokens, updated_at > now() FROM ai_rate_buckets")
    assert (level, late) == (29, False)


async def test_a_broken_model_is_probed_by_one_caller(ledger: Ledger) -> None:
    """When an open breaker's time is over, one of many callers goes, the others do not."""
    await ledger.run(
        "INSERT INTO ai_provider_state (model, state, opened_until, reason)"
        " VALUES ('m', 'open', now() + interval '1 minute', 'http_500')"
    )
    callers = [await ledger.request() for _ in range(8)]
    shut = await ledger.journal.begin(entry(callers[0]))
    assert (shut.verdict, shut.detail) == ("breaker", "http_500")
    await ledger.run("UPDATE ai_provider_state SET opened_until = now() - interval '1 second'")

    calls = [entry(caller) for caller in callers]
    begun = await asyncio.gather(*(ledger.journal.begin(call) for call in calls))

    assert sorted(one.verdict for one in begun) == ["breaker"] * 7 + ["go"]
    prober = next(call for call, one in zip(calls, begun, strict=True) if one.verdict == "go")
    failed = Settlement("failed", Cost("none", Decimal(0)))
    again = Feedback("failure", seconds=30, threshold=5, reason="http_500")
    await ledger.journal.end(prober, failed, again)
    state = "SELECT state, opened_until > now() FROM ai_provider_state WHERE model = 'm'"
    assert await ledger.one(state) == ("open", True)

    await ledger.run("UPDATE ai_provider_state SET opened_until = now() - interval '1 second'")
    probe = entry(callers[0], "b")
    await ledger.journal.begin(probe)
    await ledger.journal.end(probe, answered(), Feedback("ok"))
    assert (await ledger.one(state))[0] == "closed"


async def test_a_model_that_a_person_shut_for_ever_is_shut(ledger: Ledger) -> None:
    """A breaker that is open until 'infinity' refuses calls; who waits looks again in a year."""
    await ledger.run(
        "INSERT INTO ai_provider_state (model, state, opened_until, reason)"
        " VALUES ('m', 'open', 'infinity', 'too dear')"
    )
    begun = await ledger.journal.begin(entry(await ledger.request()))
    assert (begun.verdict, begun.detail) == ("breaker", "too dear")
    assert begun.wait_seconds is not None
    assert 365 * 86_400 <= begun.wait_seconds <= 366 * 86_400


async def test_a_prober_that_dies_does_not_shut_the_model_for_ever(ledger: Ledger) -> None:
    """A probe that nobody settles is over after its time, and another caller may try."""
    await ledger.run(
        "INSERT INTO ai_provider_state (model, state, opened_until)"
        " VALUES ('m', 'open', now() - interval '1 second')"
    )
    authority = await ledger.request()
    assert (await ledger.journal.begin(entry(authority))).verdict == "go"
    assert (await ledger.journal.begin(entry(authority, "b"))).verdict == "breaker"

    await ledger.run("UPDATE ai_provider_state SET opened_until = now() - interval '1 second'")

    assert (await ledger.journal.begin(entry(authority, "b"))).verdict == "go"


async def test_abandoned_calls_are_settled_as_uncertain(ledger: Ledger) -> None:
    """What a dead owner left open, and nobody asked again, is counted by upkeep."""
    authority = await ledger.request()
    await ledger.journal.begin(entry(authority))
    assert await ledger.journal.abandon(3600) == 0
    await ledger.run("UPDATE ai_llm_calls SET started_at = now() - interval '2 hours'")

    assert await ledger.journal.abandon(3600) == 1

    assert await ledger.statuses(authority.request_id) == [("uncertain", "uncertain")]
    assert await ledger.money() == (0, 0, CENT)


async def test_private_answers_are_erased_with_their_request(ledger: Ledger) -> None:
    """Without log_prompts no prompt is kept, and the answer only while its request runs."""
    authority = await ledger.request()
    call = entry(authority, prompt=None)
    await ledger.journal.begin(call)
    await ledger.journal.end(call, answered(), Feedback())
    kept = "SELECT prompt, response FROM ai_llm_calls"

    await ledger.journal.forget(10)
    assert await ledger.one(kept) == (None, {"text": "yes"})
    await ledger.run("UPDATE ai_requests SET status = 'completed', finished_at = now()")
    await ledger.journal.forget(10)

    assert await ledger.one(kept) == (None, None)


async def test_an_erased_answer_is_bought_again(ledger: Ledger) -> None:
    """A request that is reopened after its private answers were erased gets new ones: nothing that
    is no more is handed to it. The new answer is replayed, and both are on the bill."""
    first = await ledger.request()
    call = entry(first, prompt=None)
    await ledger.journal.begin(call)
    await ledger.journal.end(call, answered(), Feedback())
    await ledger.run("UPDATE ai_requests SET status = 'failed', finished_at = now()")
    await ledger.journal.forget(10)
    await ledger.run(f"SELECT ai_retry({first.request_id}, 'sam')")

    second = entry(await ledger.claim(first, "w2"), prompt=None)
    assert (await ledger.journal.begin(second)).verdict == "go"
    assert await ledger.journal.end(second, answered(text="again"), Feedback()) == "done"
    third = await ledger.journal.begin(entry(await ledger.claim(first, "w3"), prompt=None))

    assert (third.verdict, third.response) == ("replay", {"text": "again"})
    assert await ledger.money() == (2 * CENT, 0, 0)
    assert await ledger.differences() == []


async def test_fifty_racing_tasks_never_exceed_one_budget(ledger: Ledger) -> None:
    """Whatever races, dies, comes late or twice: no budget is exceeded, sums are exact."""
    await ledger.run(GUARD)
    await ledger.run(
        "CREATE TRIGGER within_limit BEFORE INSERT OR UPDATE ON ai_budgets"
        " FOR EACH ROW EXECUTE FUNCTION within_limit()"
    )
    limit = Decimal("0.60")
    dice = random.Random(7)
    seeds = [dice.random() for _ in range(50)]
    # Five daemons: what comes together in one of them is one statement.
    journals = [Journal(ledger.pool, statements.load()) for _ in range(5)]
    outcomes = await asyncio.gather(
        *(_spend(ledger, journals[n % 5], seed, limit) for n, seed in enumerate(seeds))
    )

    spent, reserved, uncertain = await ledger.money()
    assert spent + reserved + uncertain <= limit
    assert await ledger.differences() == []
    bought = sum(outcome.count("go") for outcome in outcomes)
    assert bought > 0
    assert any("budget" in outcome for outcome in outcomes)


async def _spend(ledger: Ledger, journal: Journal, seed: float, limit: Decimal) -> list[str]:
    """One task: calls, some of which die, are settled late by a zombie, or twice."""
    dice = random.Random(seed)
    authority = await ledger.request(worker=f"w{seed}", fair_key=f"c{int(seed * 5)}")
    seen: list[str] = []
    late: list[Entry] = []
    limits = [
        Limit(f"request:{authority.request_id}", "request", Decimal("0.08")),
        Limit(f"key:c{int(seed * 5)}", "day", Decimal("0.30")),
        Limit("agent:x", "day"),
        Limit("agent:x", "month"),
        Limit("global", "day", limit),
        Limit("global", "month"),
    ]
    for number in range(8):
        call = entry(authority, f"call-{number % 4}", limits=limits, n=1 + number // 4)
        begun: Begun = await journal.begin(call)
        seen.append(begun.verdict)
        if begun.verdict != "go":
            continue
        fate = dice.random()
        actual = (CENT * Decimal(str(round(dice.random(), 3)))).quantize(Decimal("0.00000001"))
        if fate < 0.2:
            late.append(call)
            authority = await ledger.claim(authority, f"w{seed}-{number}")
        elif fate < 0.3:
            unsure = Settlement("uncertain", Cost("uncertain", call.usd))
            await journal.end(call, unsure, Feedback())
        else:
            await journal.end(call, answered(actual), Feedback("ok"))
            if fate > 0.9:
                await journal.end(call, answered(actual), Feedback("ok"))
    for call in late[::2]:
        await journal.end(call, answered(CENT / 2), Feedback("ok"))
    return seen
