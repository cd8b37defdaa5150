"""Failing agents and dear work on a real database: what is slowed, and when it is free again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from daemon.healing.agents import PauseAgent, ShedCost, day_share
from daemon.healing.remedy import Seen
from daemon.healing.rules import Setting
from daemon.health.checker import Checker
from daemon.health.session import Session
from tests.kit.healing import Bench, bench, check
from tests.kit.parts import TEXTS


def ended(made: Bench, status: str, count: int, code: str = "agent_error") -> None:
    made.rows(
        "INSERT INTO ai_control (task_type, concurrency) VALUES ('work', 8) ON CONFLICT DO NOTHING"
    )
    made.rows(
        "SET session_replication_role = replica;"
        " INSERT INTO ai_requests (task_type, status, started_at, finished_at, error)"
        f" SELECT 'work', '{status}', now(), now(), '{{\"code\": \"{code}\"}}'"
        f" FROM generate_series(1, {count})"
    )


CONTROL = "SELECT paused, resume_at IS NULL, concurrency FROM ai_control WHERE task_type = 'work'"
TRY_NOW = "UPDATE ai_control SET resume_at = now() - interval '1 s'; "
LATER = "UPDATE ai_healing_actions SET started_at = started_at - interval '6 minutes'"
FAILING = [check("agents.failure_rate", target="work")]


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """What the daemon's clock says all the time: half of the day's money may be gone."""
    moment = datetime.now(UTC).replace(hour=12, minute=0)
    monkeypatch.setattr("daemon.clock.utcnow", lambda: moment)
    return moment


async def test_failing_agent_is_paused_and_comes_back(database: str) -> None:
    """An agent that mostly fails is paused; when its trial succeeds it has its limit back."""
    async with bench(database) as made:
        ended(made, "failed", 9)
        ended(made, "completed", 1)
        await made.heal(PauseAgent(), see=FAILING)
        assert made.rows(CONTROL) == [(True, False, 1)]
        made.rows("UPDATE ai_requests SET finished_at = now() - interval '1 minute'")
        made.rows(TRY_NOW)
        await made.heal(PauseAgent())
        assert made.rows(CONTROL) == [(True, False, 1)]
        ended(made, "completed", 1)
        await made.heal(PauseAgent(), see=FAILING)
        assert made.rows(CONTROL) == [(False, True, 8)]
        assert made.outcomes() == ["done"]


@pytest.mark.parametrize("setting", ["propose", "off"])
async def test_a_pause_that_a_person_approved_ends_as_any(database: str, setting: Setting) -> None:
    """A proposed pause is over when a trial succeeds, also where the rule is off by then."""
    async with bench(database) as made:
        made.settings["pause_agent"] = "propose"
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        await made.heal(PauseAgent(), see=FAILING)
        assert made.rows(CONTROL) == [(True, False, 1)]
        made.settings["pause_agent"] = setting
        made.rows("UPDATE ai_requests SET finished_at = now() - interval '1 minute'")
        made.rows(TRY_NOW)
        ended(made, "completed", 1)
        await made.heal(PauseAgent())
        assert made.rows(CONTROL) == [(False, True, 8)]


@pytest.mark.parametrize(
    ("meanwhile", "limit"),
    [
        ("UPDATE ai_control SET concurrency = 3", 3),
        ("UPDATE ai_control SET concurrency = 0, paused = false, resume_at = NULL", 0),
    ],
)
async def test_a_limit_that_a_person_set_meanwhile_stays(
    database: str, meanwhile: str, limit: int
) -> None:
    """Who lowers a paused agent's limit, or stops it, is not overruled when it works again."""
    async with bench(database) as made:
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        made.rows("UPDATE ai_requests SET finished_at = now() - interval '1 minute'")
        made.rows(TRY_NOW + meanwhile)
        ended(made, "completed", 1)
        await made.heal(PauseAgent())
        assert made.rows(CONTROL) == [(False, True, limit)]


async def test_a_limit_that_a_person_set_outlives_the_next_pause(database: str) -> None:
    """An agent whose trial fails comes back to the limit that a person gave it since."""
    async with bench(database) as made:
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        made.rows("UPDATE ai_requests SET finished_at = now() - interval '1 minute'")
        made.rows(TRY_NOW + LATER + "; UPDATE ai_control SET concurrency = 3")
        ended(made, "failed", 1)
        await made.heal(PauseAgent())
        made.rows("UPDATE ai_requests SET finished_at = now() - interval '1 minute'")
        made.rows(TRY_NOW)
        ended(made, "completed", 1)
        await made.heal(PauseAgent())
        assert made.rows(CONTROL) == [(False, True, 3)]


QUIET_WEEK = (
    "UPDATE ai_healing_actions SET started_at = now() - interval '8 days';"
    " UPDATE ai_requests SET finished_at = now() - interval '8 days' - interval '1 minute';"
    " UPDATE ai_control SET resume_at = now() - interval '8 days' WHERE resume_at IS NOT NULL"
)


@pytest.mark.parametrize(
    ("meanwhile", "after"),
    [
        ("", (False, True, 8)),
        ("UPDATE ai_control SET concurrency = 3", (True, False, 3)),
        ("UPDATE ai_control SET concurrency = 0", (True, False, 0)),
        ("UPDATE ai_control SET resume_at = NULL", (True, True, 1)),
        ("UPDATE ai_control SET paused = false, resume_at = NULL", (False, True, 8)),
    ],
)
async def test_a_quiet_week_speaks_for_an_agent(
    database: str, meanwhile: str, after: tuple[bool, bool, int]
) -> None:
    """An agent that nobody asks for a week after its pause has its limit back, as has one that a
    person resumes later; a limit that a person set meanwhile stays."""
    async with bench(database) as made:
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        made.rows(QUIET_WEEK)
        if meanwhile:
            made.rows(meanwhile)
        await made.heal(PauseAgent())
        assert made.rows(CONTROL) == [after]
        given_back = after[2] == 8
        assert ("healing_agent_trials" in await made.store.absent()) is given_back


async def test_a_failed_trial_speaks_against_an_agent(database: str) -> None:
    """Late as a trial may come: while it is known that it failed, the limit stays down."""
    async with bench(database) as made:
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        made.rows(QUIET_WEEK)
        ended(made, "failed", 1)
        await made.heal(PauseAgent())
        assert made.rows(CONTROL) == [(True, False, 1)]
        assert made.outcomes() == ["done"] * 2


async def test_third_pause_stays(database: str) -> None:
    """An agent whose trials fail is paused again, and the third time until a person resumes it."""
    async with bench(database) as made:
        ended(made, "failed", 10)
        for _ in range(3):
            await made.heal(PauseAgent(), see=FAILING)
            stays = made.rows(CONTROL)
            made.rows("UPDATE ai_requests SET finished_at = now() - interval '1 minute'")
            made.rows(TRY_NOW + LATER)
            ended(made, "failed", 1)
        assert made.outcomes() == ["done"] * 3
        reasons = [reason for (reason,) in made.rows("SELECT reason FROM ai_healing_actions")]
        assert "until a person resumes it" in reasons[-1]
        assert stays == [(True, True, 1)]


@pytest.mark.parametrize("excuse", ["caller", "provider", "few"])
async def test_agent_is_not_paused_for_what_others_did(database: str, excuse: str) -> None:
    """Callers' mistakes, a provider that is down and a handful of failures pause no agent."""
    async with bench(database) as made:
        few = excuse == "few"
        code = "invalid_input" if excuse == "caller" else "agent_error"
        ended(made, "failed", 9 if few else 20, code)
        if excuse == "provider":
            made.rows(
                "INSERT INTO ai_provider_state (model, state, opened_until)"
                " VALUES ('m', 'open', now() + interval '1 min')"
            )
        await made.heal(PauseAgent(), see=FAILING)
        assert made.rows() == []


async def test_agent_that_a_person_paused_for_a_while_is_watched_again(database: str) -> None:
    """When a person's pause is over, what fails from then on counts, and nothing from before."""
    async with bench(database) as made:
        ended(made, "failed", 10)
        made.rows("UPDATE ai_requests SET finished_at = now() - interval '2 minutes'")
        made.rows(
            "UPDATE ai_control SET paused = true, resume_at = now() - interval '1 minute'"
            " WHERE task_type = 'work'"
        )
        await made.heal(PauseAgent(), see=FAILING)
        assert made.rows() == []
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        assert made.outcomes() == ["done"]
        assert made.rows(CONTROL) == [(True, False, 1)]


async def test_agent_that_a_person_has_just_changed_is_not_paused(database: str) -> None:
    """What failed before somebody rolled a configuration back does not speak against the agent."""
    async with bench(database) as made:
        made.rows("INSERT INTO ai_agents (name, type) VALUES ('Work', 'work')")
        ended(made, "failed", 10)
        made.rows("UPDATE ai_agents SET config = '{\"use_model\": false}' WHERE type = 'work'")
        await made.heal(PauseAgent(), see=FAILING)
        assert made.rows() == []
        ended(made, "failed", 10)
        await made.heal(PauseAgent(), see=FAILING)
        assert made.outcomes() == ["done"]


def costly(made: Bench, task_type: str) -> None:
    """The agent's model calls have cost money once."""
    made.rows(
        "INSERT INTO ai_budgets (scope, period, spent_usd)"
        f" VALUES ('agent:{task_type}', '2026-01', 0.01)"
    )


async def test_cheap_work_waits_for_tomorrow(database: str, noon: datetime) -> None:
    """While the money goes faster than the day, only requests below priority 0 are put off, and of
    those only the ones that have a model work for them."""
    async with bench(database) as made:
        costly(made, "work")
        made.rows("INSERT INTO ai_requests (task_type, priority) VALUES ('free', -1)")
        for priority in (-1, 0):
            made.rows(
                "INSERT INTO ai_requests (task_type, priority)"
                f" SELECT 'work', {priority} FROM generate_series(1, 3)"
            )
        slow = check("model.budget", 40.0, status="healthy", detail={"day_share": 0.4})
        await made.heal(ShedCost(), see=[slow])
        assert made.rows() == []
        # A sum that a price of NaN once spoilt says nothing.
        spoilt = {slow.check: replace(slow, detail={"day_share": "NaN"})}
        assert not await ShedCost().find(Seen(made.store, spoilt))
        await made.heal(ShedCost(), see=[replace(slow, detail={"day_share": 0.7})])
        assert made.outcomes() == ["done"]
        assert made.rows(
            "SELECT task_type, priority, count(*) FROM ai_requests WHERE run_after > now()"
            " GROUP BY 1, 2"
        ) == [("work", -1, 3)]


@pytest.mark.parametrize("raised", [0.2, None])
async def test_cheap_work_goes_on_when_the_limit_is_raised(
    database: str, noon: datetime, raised: float | None
) -> None:
    """What was put off says why it waits, and is due again once an admin has raised or lifted the
    limit; not because time passes, and nothing else that waits for tomorrow with it."""
    async with bench(database) as made:
        costly(made, "work")
        tomorrow = "(date_trunc('day', now() AT TIME ZONE 'UTC') + '1 day') AT TIME ZONE 'UTC'"
        made.rows("INSERT INTO ai_requests (task_type, priority) VALUES ('work', -1)")
        made.rows(f"INSERT INTO ai_requests (task_type, run_after) VALUES ('work', {tomorrow})")
        healing = made.healing(ShedCost())
        due = "SELECT run_after <= now(), error ->> 'code' FROM ai_requests ORDER BY id"
        put_off = (False, "budget_exhausted")
        for share, cheap in ((0.7, put_off), (0.66, put_off), (raised, (True, None))):
            await healing.observe([check("model.budget", 70.0, detail={"day_share": share})])
            await healing.tick()
            await healing.settled()
            assert made.rows(due) == [cheap, (False, None)]


async def test_a_long_queue_of_cheap_work_waits_for_tomorrow(
    database: str, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are waiting, all of them are put off, and the row says that it helped."""
    async with bench(database) as made:
        monkeypatch.setattr(ShedCost, "patience_seconds", 0.0)
        costly(made, "work")
        made.rows(
            "INSERT INTO ai_requests (task_type, priority)"
            " SELECT 'work', -1 FROM generate_series(1, 2500)"
        )
        detail = {"day_share": 0.7}
        await made.heal(ShedCost(), see=[check("model.budget", 70.0, detail=detail)])
        assert made.outcomes() == ["done"]
        assert made.rows("SELECT count(*) FROM ai_requests WHERE run_after <= now()") == [(0,)]


async def test_what_expires_today_is_not_put_off(database: str, noon: datetime) -> None:
    """Cheap work that would expire before tomorrow is left where it is; the rest waits."""
    async with bench(database) as made:
        costly(made, "work")
        made.rows(
            "INSERT INTO ai_requests (task_type, priority, expires_at)"
            " SELECT 'work', -1, date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
            " + hours * interval '1 hour' FROM unnest('{24, 48, NULL}'::int[]) AS t (hours)"
        )
        pressed = [check("model.budget", 70.0, detail={"day_share": 0.7})]
        for _ in range(2):
            await made.heal(ShedCost(), see=pressed)
        assert made.outcomes() == ["done"]
        put_off = "SELECT run_after > now(), expires_at IS NULL FROM ai_requests ORDER BY id"
        assert made.rows(put_off) == [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize(("fuller", "period"), [("global", "month"), ("agent:x", "day")])
async def test_a_fuller_budget_does_not_hide_the_days(
    database: str, noon: datetime, fuller: str, period: str
) -> None:
    """Cheap work waits for what the day costs, also while another budget is nearer to its end."""
    async with bench(database) as made:
        costly(made, "work")
        made.rows(
            "INSERT INTO ai_budgets (scope, period, limit_usd)"
            f" VALUES ('global', 'day', 10), ('{fuller}', '{period}', 10);"
            " INSERT INTO ai_budgets (scope, period, spent_usd)"
            " SELECT 'global', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 7 UNION ALL"
            f" SELECT '{fuller}', to_char(now() AT TIME ZONE 'UTC',"
            f" CASE '{period}' WHEN 'day' THEN 'YYYY-MM-DD' ELSE 'YYYY-MM' END), 9;"
            " INSERT INTO ai_requests (task_type, priority) VALUES ('work', -1)"
        )
        checker = Checker(Session(database, "w1"), TEXTS)
        results = {result.check: result for result in await checker.run(["model.budget"])}
        await checker.close()
        assert results["model.budget"].target == fuller
        await made.heal(ShedCost(), see=[results["model.budget"]])
        assert made.rows() == [("shed_cost", "", "auto", "done")]


def test_share_of_a_day() -> None:
    """A day is a UTC day."""
    assert day_share(datetime(2026, 3, 1, 6, tzinfo=UTC)) == 0.25
