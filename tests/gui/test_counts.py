"""A number on a page is the whole number, or it says that there may be more."""

from __future__ import annotations

from typing import Any

from tests.gui.page import Person

FAILED = """INSERT INTO ai_requests (task_type, input_data, status, attempt, error, started_at,
        finished_at)
    SELECT 'scheduling', '{}', 'failed', 1, jsonb_build_object('code', %s::text, 'message', 'm'),
        now(), now() - %s::interval FROM generate_series(1, %s::integer)"""
WAITING = """INSERT INTO ai_requests (task_type, input_data, created_at, run_after)
    SELECT 'scheduling', '{}', now() - interval '1 hour', now() - interval '1 hour'
    FROM generate_series(1, %s::integer)"""
CALLS = """INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,
        task_type, name, model, status, cost_state, cost_usd, finished_at, input_tokens,
        output_tokens)
    SELECT 1, sha256(i::text::bytea), 1, 1, gen_random_uuid(), 1, 'w', 'scheduling', 'c', 'm',
        'done', 'exact', 0.01, now(), 10, 10 FROM generate_series(1, %s::integer) i"""
ALERTS = """INSERT INTO ai_alerts (check_id, severity, message, opened_at, resolved_at, state)
    SELECT 'c', 'warning', 'gone ' || i, now(), now(), 'resolved'
    FROM generate_series(1, %s::integer) i"""


def run(rows: Any, statement: str, *values: Any) -> None:
    """As it is given: no trigger."""
    rows("ALTER TABLE ai_requests DISABLE TRIGGER USER")
    rows(statement, *values)
    rows("ALTER TABLE ai_requests ENABLE TRIGGER USER")


async def test_all_failures_of_a_day_are_counted(admin: Person, rows: Any) -> None:
    """The overview tells how many requests failed, not how many it looked at."""
    run(rows, FAILED, "timeout", "1 hour", 1200)
    page = await admin.get("/gui")
    assert "1,200 requests failed in the last 24 hours" in page.text


async def test_an_old_failure_is_not_of_the_day(admin: Person, rows: Any) -> None:
    """What failed long ago of the same cause does not count as of today."""
    run(rows, FAILED, "timeout", "1 hour", 1)
    run(rows, FAILED, "timeout", "9 days", 7)
    page = await admin.get("/gui")
    assert "1 request failed in the last 24 hours" in page.text


async def test_a_cause_may_have_more(admin: Person, rows: Any) -> None:
    """Where not all failures were looked at, each cause may have more, and says so."""
    run(rows, FAILED, "timeout", "1 hour", 700)
    run(rows, FAILED, "bad_answer", "2 hours", 700)
    page = await admin.get("/gui", **{"X-Fragment": "failures"})
    assert "700+" in page.text and "300+" in page.text
    assert "Retry 300+" in page.text and "Retry 300 " not in page.text


async def test_causes_are_exact_where_all_were_looked_at(admin: Person, rows: Any) -> None:
    """A small number is told as it is."""
    run(rows, FAILED, "timeout", "1 hour", 30)
    page = await admin.get("/gui", **{"X-Fragment": "failures"})
    assert "Retry 30" in page.text and "30+" not in page.text


async def test_due_requests_may_be_more(admin: Person, rows: Any) -> None:
    """Of a long queue the overview says that there is more than it counted."""
    run(rows, WAITING, 1200)
    page = await admin.get("/gui", **{"X-Fragment": "verdicts,agents"})
    assert "1,000+ requests due" in page.text
    assert "1,001" not in page.text


async def test_failures_in_the_metrics_may_be_more(admin: Person, rows: Any) -> None:
    """The metrics say where they show the newest failures alone."""
    run(rows, FAILED, "timeout", "1 hour", 5001)
    page = await admin.get("/gui/metrics", **{"X-Fragment": "errors"})
    assert "The newest 5,000 of the requests that failed" in page.text


async def test_calls_of_a_request_may_be_more(admin: Person, rows: Any) -> None:
    """A request's sums are of the calls that are shown."""
    run(rows, WAITING, 1)
    run(rows, CALLS, 60)
    page = await admin.get("/gui/requests/1", **{"X-Fragment": "trace"})
    assert "The newest 50 model calls" in page.text


async def test_alerts_that_are_over_may_be_more(admin: Person, rows: Any) -> None:
    """The page of health shows the newest of what is over, and calls them so."""
    run(rows, ALERTS, 14)
    page = await admin.get("/gui/health", **{"X-Fragment": "alerts"})
    assert "The newest 10 that are over" in page.text


async def test_the_cost_of_a_workflow_is_its_agents(admin: Person, rows: Any) -> None:
    """Who runs other agents is not said to cost nothing: money counts where it was spent."""
    rows(
        "INSERT INTO ai_agents (name, type) VALUES ('Client Review', 'client_review'),"
        " ('Health Checker', 'health_check') ON CONFLICT DO NOTHING"
    )
    for path in ("/gui", "/gui/agents"):
        page = await admin.get(path, **{"X-Fragment": "agents"})
        cells = {
            row.split("</a>")[0].split(">")[-1]: row
            for row in page.html.split("<tr data-href")[1:]
        }
        assert "with its agents" in cells["Client Review"]
        assert "with its agents" not in cells["Health Checker"]


async def test_the_list_of_agents_tells_opinions_and_slots(admin: Person, rows: Any) -> None:
    """How an agent's answers were received, when it runs next by itself, and how to run it now."""
    rows(
        "INSERT INTO ai_agents (name, type) VALUES ('Client Review', 'client_review'),"
        " ('Health Checker', 'health_check') ON CONFLICT DO NOTHING"
    )
    rows("ALTER TABLE ai_feedback DISABLE TRIGGER USER")
    rows(
        "INSERT INTO ai_feedback (request_id, task_type, verdict) VALUES"
        " (1, 'client_review', 'helpful'), (2, 'client_review', 'helpful'),"
        " (3, 'client_review', 'not_helpful')"
    )
    rows(
        "INSERT INTO ai_schedules (name, task_type, trigger, enabled) VALUES"
        " ('a', 'client_review', 'every 2 days', true),"
        " ('b', 'client_review', 'every 90 minutes', true),"
        " ('c', 'client_review', 'every minute', false)"
    )
    page = await admin.get("/gui/agents", **{"X-Fragment": "agents"})
    cells = {
        row.split("</a>")[0].split(">")[-1]: row for row in page.html.split("<tr data-href")[1:]
    }
    review, health = cells["Client Review"], cells["Health Checker"]
    assert ("helpful 67 % of 3" in review, "helpful" in health) == (True, False)
    assert ("in 1 h" in review or " min</time>" in review) and "in 1 day" not in review
    assert "/gui/requests/new?task_type=client_review" in review
    overview = await admin.get("/gui", **{"X-Fragment": "agents"})
    assert "helpful" not in overview.text


async def test_what_is_to_be_first_has_no_age(admin: Person, rows: Any) -> None:
    """A run_after of '-infinity' is due; nobody has waited since before all time."""
    rows("INSERT INTO ai_agents (name, type) VALUES ('Work', 'work') ON CONFLICT DO NOTHING")
    rows("INSERT INTO ai_requests (task_type) VALUES ('work')")
    rows("UPDATE ai_requests SET run_after = '-infinity'")
    page = await admin.get("/gui/agents", **{"X-Fragment": "agents"})
    (row,) = (one for one in page.html.split("<tr data-href")[1:] if ">Work</a>" in one)
    assert '<td class="num">1</td>' in row
    overview = await admin.get("/gui")
    assert "the oldest for" not in overview.text


async def test_an_agents_page_knows_a_budget_until_midnight(admin: Person, rows: Any) -> None:
    """What was granted for today is what the agent's money is held against."""
    rows("INSERT INTO ai_agents (name, type) VALUES ('A', 'work') ON CONFLICT DO NOTHING")
    rows(
        "INSERT INTO ai_budgets (scope, period, limit_usd, interim_usd, interim_until)"
        " VALUES ('agent:work', 'day', 1, 4, now() + interval '1 hour')"
    )
    ((agent_id,),) = rows("SELECT id FROM ai_agents WHERE type = 'work'")
    page = await admin.get(f"/gui/agents/{agent_id}", **{"X-Fragment": "limits"})
    assert "of $4.00, its budget until midnight" in page.text


async def test_open_alerts_may_be_more(admin: Person, rows: Any) -> None:
    """What is worst comes first, however many lesser ones came after it; that there are more is
    said."""
    alert = "INSERT INTO ai_alerts (check_id, target, severity, message, opened_at) SELECT"
    run(rows, f"{alert} 'a', '', 'critical', 'the root of it', now() - interval '1 day'")
    run(
        rows,
        f"{alert} 'b', i::text, 'warning', 'what follows', now() FROM generate_series(1, 60) i",
    )
    page = await admin.get("/gui/health", **{"X-Fragment": "alerts"})
    assert page.text.index("the root of it") < page.text.index("what follows")
    assert "These are the first 20; more are open" in page.text
    run(rows, "DELETE FROM ai_alerts WHERE target <> '' AND target::int > 19")
    assert "more are open" not in (await admin.get("/gui/health")).text


async def test_questions_may_be_more(admin: Person, rows: Any) -> None:
    """Whoever answers the questions of a page knows whether there are others."""
    run(rows, WAITING, 26)
    run(
        rows,
        "INSERT INTO ai_approvals (request_id, key, question) SELECT id, 'k', '{}'"
        " FROM ai_requests",
    )
    page = await admin.get("/gui/approvals")
    assert "These are the oldest 25; more wait" in page.text
    run(rows, "DELETE FROM ai_approvals WHERE id = (SELECT max(id) FROM ai_approvals)")
    assert "more wait" not in (await admin.get("/gui/approvals")).text


async def test_old_versions_are_reached(admin: Person, rows: Any) -> None:
    """Every version of an agent can be looked at and rolled back to."""
    [(agent_id,)] = rows("SELECT id FROM ai_agents WHERE type = 'scheduling'")
    run(
        rows,
        "INSERT INTO ai_agent_versions (agent_id, version, type, name, config, enabled,"
        " changed_by) SELECT id, i, type, name, config, true, 'dana' FROM ai_agents,"
        f" generate_series(2, 30) i WHERE id = {int(agent_id)}",
    )
    page = await admin.get(f"/gui/agents/{agent_id}")
    assert "Version 11 " in page.text and "Version 10 " not in page.text
    (older,) = (url for url in page.links() if "before=" in url)
    page = await admin.get(older)
    assert "Version 10 " in page.text and "Version 11 " not in page.text
    assert any(a.get("aria-label") == "Roll back to version 2" for a in page.all("button"))
    assert "Newest" in page.text and "Older" not in page.text
