"""What people do on the console: it happens, is said, can be taken back, and is written down."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from agents.code.model import Finding, Step
from tests.gui.conftest import Served
from tests.gui.fill import fill
from tests.gui.page import Page, Person
from tests.kit.signals import eventually


def logged(rows: Any) -> list[str]:
    """Actions of the audit log, oldest first, without the signing in."""
    return [
        row[0]
        for row in rows("SELECT action FROM ai_audit_log ORDER BY id")
        if row[0] not in {"sign_in", "add_key"}
    ]


def agent(rows: Any, task_type: str = "scheduling") -> int:
    ((agent_id,),) = rows("SELECT id FROM ai_agents WHERE type = %s", task_type)
    return int(agent_id)


async def test_pause_and_undo(console: Served, admin: Person, rows: Any) -> None:
    """One click pauses an agent; the answer offers to take it back, and that works."""
    agent_id = agent(rows)
    page = await admin.post(f"/gui/agents/{agent_id}/pause", back="/gui")
    assert "Scheduling Intelligence is paused; its requests wait." in page.text
    assert "is paused; 0 requests wait." in page.text  # the verdict, with a button beside it
    assert rows("SELECT paused FROM ai_control WHERE task_type = 'scheduling'") == [(True,)]
    undo = next(a["action"] for a in page.all("form") if a.get("action", "").endswith("/resume"))
    page = await admin.post(undo, back="/gui")
    assert "goes on." in page.text
    assert rows("SELECT paused FROM ai_control WHERE task_type = 'scheduling'") == [(False,)]
    assert logged(rows) == ["pause", "resume"]


async def test_a_pause_for_ever_is_shown_and_ended(
    console: Served, admin: Person, rows: Any
) -> None:
    """A pause until 'infinity', as somebody wrote it by SQL, is one without an end."""
    rows(
        "UPDATE ai_control SET paused = true, resume_at = 'infinity'"
        " WHERE task_type = 'scheduling' RETURNING paused"
    )
    agent_id = agent(rows)
    for path in ("/gui", "/gui/agents", f"/gui/agents/{agent_id}"):
        assert (await admin.get(path)).status == 200, path
    page = await admin.post(f"/gui/agents/{agent_id}/resume", back="/gui")
    assert "goes on." in page.text
    assert rows("SELECT paused FROM ai_control WHERE task_type = 'scheduling'") == [(False,)]


async def test_moments_that_never_come_are_shown(
    database: str, console: Served, admin: Person, rows: Any
) -> None:
    """A request that is held back for good, a model that is never asked again, a question that is
    open for ever: each in its place, on pages that show everything else as well."""
    fill(database, 7)
    ((request_id,),) = rows(
        "UPDATE ai_requests SET run_after = 'infinity', expires_at = 'infinity'"
        " WHERE status = 'pending' RETURNING id"
    )
    rows(
        "INSERT INTO ai_provider_state (model, state, opened_until, reason)"
        " VALUES ('m', 'open', 'infinity', 'too dear') RETURNING model"
    )
    rows(
        "INSERT INTO ai_approvals (request_id, key, question, expires_at)"
        " VALUES (%s, 'k', '{}', 'infinity') RETURNING id",
        request_id,
    )
    rows(
        "INSERT INTO ai_api_keys (name, role, hash, prefix, created_by, expires_at)"
        " VALUES ('old', 'viewer', sha256('x'), 'fai_', 'me', '-infinity') RETURNING id"
    )
    pages = ("requests", f"requests/{request_id}", "health", "approvals", "access")
    for path in ("", *(f"/{page}" for page in pages)):
        page = await admin.get(f"/gui{path}")
        assert page.status == 200, path
        assert "cannot be looked up" not in page.text
    assert "not before never" in (await admin.get(f"/gui/requests/{request_id}")).text


async def test_retry_and_cancel(database: str, console: Served, admin: Person, rows: Any) -> None:
    """A failed request is tried again, a live one asked to stop; what cannot be is said."""
    fill(database, 7)
    ids = dict(rows("SELECT status, id FROM ai_requests"))
    page = await admin.post(f"/gui/requests/{ids['failed']}/retry")
    assert f"Request {ids['failed']} is tried again." in page.text
    page = await admin.post(f"/gui/requests/{ids['pending']}/cancel")
    assert "was asked to stop" in page.text
    page = await admin.post(f"/gui/requests/{ids['completed']}/retry")
    assert page.status == 409 and "is completed" in page.text
    statuses = dict(rows("SELECT id, status FROM ai_requests"))
    assert statuses[ids["failed"]] == "pending"
    assert statuses[ids["completed"]] == "completed"


async def test_the_audit_log_tells_no_change_that_was_none(
    console: Served, admin: Person, rows: Any
) -> None:
    """A cancel and a retry cleared nothing; a setting that was so already makes no line."""
    agent_id = agent(rows)
    rows("INSERT INTO ai_requests (id, task_type) VALUES (1, 'scheduling')")
    [(request_id,)] = rows("SELECT id FROM ai_requests")
    await admin.post(f"/gui/requests/{request_id}/cancel")
    rows(
        "UPDATE ai_requests SET status = 'cancelled', finished_at = now(), attempt = 2"
        " WHERE status <> 'cancelled'"
    )
    await admin.post(f"/gui/requests/{request_id}/retry")
    before = logged(rows)
    assert before == ["cancel", "retry"]
    page = await admin.get("/gui/audit")
    assert "status was pending" in page.text
    assert "cancelled → pending" in page.text
    assert "not set" not in page.text

    _, form = await config_form(admin, agent_id)
    page = await admin.post(f"/gui/agents/{agent_id}/config", form)
    assert "Nothing was changed." in page.text
    await admin.post(f"/gui/agents/{agent_id}/enable", enabled="yes")
    await admin.post(f"/gui/agents/{agent_id}/resume")
    assert logged(rows) == before


async def test_many_at_once(database: str, console: Served, admin: Person, rows: Any) -> None:
    """All that match are retried after a question with their count and cost."""
    fill(database, 70)
    failed = rows("SELECT count(*) FROM ai_requests WHERE status = 'failed'")[0][0]
    assert failed == 10
    asked = await admin.post("/gui/requests/bulk", do="retry", status="failed", back="/gui")
    assert "Retry 10 requests?" in asked.text and "$0.10" in asked.text
    assert rows("SELECT count(*) FROM ai_requests WHERE status = 'failed'") == [(10,)]
    done = await admin.post("/gui/requests/bulk", do="retry", status="failed", sure="yes")
    assert "10 requests tried again." in done.text
    assert rows("SELECT count(*) FROM ai_requests WHERE status = 'failed'") == [(0,)]
    page = await admin.post("/gui/requests/bulk", do="cancel", status="completed", sure="yes")
    assert page.status == 400


async def test_nothing_ticked(console: Served, admin: Person) -> None:
    """Where nothing was ticked, that is said."""
    page = await admin.post("/gui/requests/bulk", do="retry", ticked="yes")
    assert "Nothing was ticked." in page.text


async def test_what_is_ticked_in_vain(
    database: str, console: Served, admin: Person, rows: Any
) -> None:
    """A completed request that was ticked is neither tried again nor stopped, and that is why."""
    fill(database, 7)
    [(done,)] = rows("SELECT id FROM ai_requests WHERE status = 'completed'")
    page = await admin.post("/gui/requests/bulk", do="retry", ticked="yes", id=str(done))
    assert "0 requests tried again; 1 is not failed, cancelled or expired." in page.text
    page = await admin.post("/gui/requests/bulk", do="cancel", ticked="yes", id=str(done))
    assert "0 requests asked to stop; 1 had ended before." in page.text


async def test_nothing_is_done_to_more_than_was_meant(
    database: str, console: Served, admin: Person, rows: Any
) -> None:
    """Where a word of a search was not understood, all that match are not what was meant: no page
    offers to act on them, a form that asks for it is refused, and what was typed stays."""
    fill(database, 70)
    page = await admin.get("/gui/requests?q=status:failed+clint:5")
    assert "Not understood: clint:5" in page.text
    assert "all that match" not in page.text
    [typed] = [a["value"] for a in page.all("input") if a.get("type") == "search"]
    assert typed == "status:failed clint:5"
    tabs = [a["href"] for a in page.all("a") if "status=expired" in a.get("href", "")]
    assert "clint" in (await admin.get(tabs[0])).text
    for form in (
        {"q": "status:failed clint:5"},
        {"q": "clint:5", "status": "failed"},
        {"q": "5", "status": "failed"},
        {"q": "", "status": "faild"},
    ):
        page = await admin.post("/gui/requests/bulk", {"do": "retry", "sure": "yes", **form})
        assert page.status == 400
        assert rows("SELECT count(*) FROM ai_requests WHERE status = 'failed'") == [(10,)]
    assert "all that match" in (await admin.get("/gui/requests?q=status:failed")).text


async def config_form(admin: Person, agent_id: int) -> tuple[Page, dict[str, str]]:
    """The configuration's form as it stands: the page, and field to value."""
    page = await admin.get(f"/gui/agents/{agent_id}")
    fields = {a["name"]: a.get("value", "") for a in page.all("input") if "name" in a}
    return page, {k: v for k, v in fields.items() if k in {"version", "model", "temperature"}}


def fields_with(page: Page, *names: str) -> dict[str, str]:
    """Inputs of a page by name: what a browser would send of them."""
    return {a["name"]: a.get("value", "") for a in page.all("input") if a.get("name") in names}


async def test_configuration(console: Served, admin: Person, rows: Any) -> None:
    """Saving makes a version, rolling back another; who was slower sees both sides."""
    agent_id = agent(rows)
    _, form = await config_form(admin, agent_id)
    page = await admin.post(f"/gui/agents/{agent_id}/config", form | {"model": "gpt-4o"})
    assert "Version 2 of Scheduling Intelligence is in use." in page.text
    assert "gpt-4o" in page.text

    slower = await admin.post(f"/gui/agents/{agent_id}/config", form | {"temperature": "0.2"})
    assert slower.status == 409
    assert "saved version 2 meanwhile" in slower.text
    assert "gpt-4o" in slower.text and "0.2" in slower.text

    # What the browser sends is the whole form: saving it again must not undo the other's change.
    whole = fields_with(slower, "version", "model", "temperature")
    assert whole == {"version": "2", "model": "gpt-4o", "temperature": "0.2"}

    page = await admin.post(f"/gui/agents/{agent_id}/rollback", to="1", version="2")
    assert "Version 3 of Scheduling Intelligence holds what version 1 held." in page.text
    assert rows("SELECT version, config FROM ai_agents WHERE id = %s", agent_id) == [(3, {})]
    assert logged(rows) == ["set_agent", "roll_back"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("temperature", "warm", "expected a number"),
        ("temperature", "99", "less than or equal to 2"),
        ("max_usd", "lots", "max_usd"),
    ],
)
async def test_a_configuration_that_cannot_be(
    console: Served, admin: Person, rows: Any, field: str, value: str, said: str
) -> None:
    """What cannot be saved is named beside its field, with what was typed still there."""
    agent_id = agent(rows)
    page = await admin.post(f"/gui/agents/{agent_id}/config", {"version": "1", field: value})
    assert page.status == 422
    assert said in page.text
    assert any(a.get("value") == value for a in page.all("input"))
    assert rows("SELECT version FROM ai_agents WHERE id = %s", agent_id) == [(1,)]


async def test_a_prompt_agent(console: Served, admin: Person, rows: Any) -> None:
    """A draft is made from a form, tried under its own type, and activated."""
    fields = {
        "name": "Haiku",
        "task_type": "haiku",
        "system": "Write a haiku about the topic.",
        "input_schema": '{"properties": {"topic": {"type": "string"}}, "required": ["topic"]}',
        "output_schema": '{"properties": {"text": {"type": "string"}}, "required": ["text"]}',
        "max_usd": "0.02",
    }
    wrong = await admin.post("/gui/agents/new", fields | {"output_schema": "{}"})
    assert wrong.status == 422 and "output_schema" in wrong.text
    taken = await admin.post("/gui/agents/new", fields | {"task_type": "scheduling"})
    assert taken.status == 422 and "scheduling is taken" in taken.text
    page = await admin.post("/gui/agents/new", fields)
    assert "The draft is saved." in page.text and "Write a haiku about the topic." in page.text
    agent_id = agent(rows, "draft:haiku")
    assert "state draft" in page.text
    for place in ("/gui", "/gui/agents"):
        listed = await admin.get(place)
        assert "draft:haiku draft" in listed.text
        assert "Pause Haiku" not in listed.html

    for place in (f"/gui/agents/{agent_id}", "/gui/agents/new"):
        form = await admin.get(place)
        assert "When no model can be had" in form.text
        # There is no answer without the model: what is always refused is not offered.
        assert "Use the model" not in form.text and "Ask again once" not in form.text
        offered = [a.get("value") for a in form.all("option")]
        assert "wait" in offered and "degrade" not in offered

    # A browser ends lines with CR LF; a text that nobody touched makes no version.
    lines = {key: fields[key] for key in ("input_schema", "output_schema", "max_usd")}
    said = {"system": "Write a haiku.\r\nAbout the topic.", "on_unavailable": "wait"}
    await admin.post(f"/gui/agents/{agent_id}/config", {"version": "1", **lines, **said})
    kept = rows("SELECT config->>'system' FROM ai_agents WHERE id = %s", agent_id)
    assert kept == [("Write a haiku.\nAbout the topic.",)]
    same = await admin.post(f"/gui/agents/{agent_id}/config", {"version": "2", **lines, **said})
    assert "Nothing was changed." in same.text

    tried = await admin.post(f"/gui/agents/{agent_id}/try", topic="rain")
    assert "The draft answers request" in tried.text
    asked = rows("SELECT task_type, input_data, max_usd FROM ai_requests ORDER BY id DESC LIMIT 1")
    assert asked[0][:2] == ("draft:haiku", {"topic": "rain"})
    assert float(asked[0][2]) == 0.02

    page = await admin.post(f"/gui/agents/{agent_id}/activate")
    assert "Haiku answers haiku from now on." in page.text
    assert agent(rows, "haiku") == agent_id
    await admin.post(f"/gui/agents/{agent_id}/delete")
    page = await admin.post("/gui/agents/new", fields)
    assert "another agent has 'Haiku'; choose another one; also deleted agents" in page.text


async def test_a_draft_keeps_its_limits(console: Served, admin: Person, rows: Any) -> None:
    """What a draft was held to holds for the agent it becomes, whatever one before it left."""
    rows("INSERT INTO ai_control (task_type, paused, starts_per_minute) VALUES ('haiku', true, 7)")
    fields = {
        "name": "Haiku",
        "task_type": "haiku",
        "system": "Write a haiku.",
        "output_schema": '{"properties": {"text": {"type": "string"}}, "required": ["text"]}',
    }
    await admin.post("/gui/agents/new", fields)
    agent_id = agent(rows, "draft:haiku")
    await console.registry.reload()
    await admin.post(f"/gui/agents/{agent_id}/control", concurrency="2", daily_budget_usd="0.5")
    budget = {"scope": "agent:draft:haiku", "period": "month", "limit_usd": "3"}
    await admin.post("/gui/budgets/set", budget, reason="a trial")
    page = await admin.post(f"/gui/agents/{agent_id}/activate")
    assert "Haiku answers haiku from now on." in page.text
    assert rows(
        "SELECT task_type, paused, concurrency, starts_per_minute, daily_budget_usd::float"
        " FROM ai_control WHERE task_type LIKE '%haiku'"
    ) == [("haiku", False, 2, None, 0.5)]
    assert rows("SELECT scope, period, limit_usd::integer FROM ai_budgets") == [
        ("agent:haiku", "month", 3)
    ]


async def test_answers(database: str, console: Served, admin: Person, rows: Any) -> None:
    """The first answer counts; whoever comes second sees whose; a rejection takes a reason."""
    rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling'), ('scheduling')")
    first, second = (row[0] for row in rows("SELECT id FROM ai_requests ORDER BY id"))
    for request_id in (first, second):
        rows(
            "INSERT INTO ai_approvals (request_id, key, question) VALUES (%s, 'publish', %s)",
            request_id,
            json.dumps({"question": "Publish it?", "consequence": "writes 12 rows"}),
        )
    page = await admin.get("/gui/approvals")
    assert "Publish it?" in page.text and "writes 12 rows" in page.text
    page = await admin.get(f"/gui/approvals/{second}")
    assert [f"/gui/approvals/{second}/reject"] == [
        form["action"] for form in page.all("form") if "reject" in form.get("action", "")
    ]
    page = await admin.post(f"/gui/approvals/{first}/approve", key="publish")
    assert "Approved; the request goes on." in page.text
    other = await console.sign_in("operator", "dana")
    page = await other.post(f"/gui/approvals/{first}/reject", key="publish", reason="late")
    assert "the admin answered first" in page.text
    page = await other.post(f"/gui/approvals/{second}/reject", key="publish", reason=" ")
    assert page.status == 400 and "rejection" in page.text
    await other.close()


async def test_a_question_ends_with_its_request(admin: Person, rows: Any) -> None:
    """What a cancelled request asked is neither counted nor shown: nobody waits for an answer."""
    rows("INSERT INTO ai_requests (task_type) VALUES ('scheduling')")
    ((request_id,),) = rows(
        "INSERT INTO ai_approvals (request_id, key, question)"
        " SELECT id, 'publish', '{\"question\": \"Publish it?\"}' FROM ai_requests"
        " RETURNING request_id"
    )
    assert "1 question waits for a person" in (await admin.get("/gui")).text
    rows("UPDATE ai_requests SET status = 'cancelled', finished_at = now()")
    for path in ("/gui/approvals", f"/gui/approvals/{request_id}"):
        assert "Publish it?" not in (await admin.get(path)).text, path
    page = await admin.post(f"/gui/approvals/{request_id}/approve", key="publish")
    assert f"request {request_id} is cancelled; nobody waits for an answer" in page.text

    async def uncounted() -> bool:
        return "question waits" not in (await admin.get("/gui")).text

    await eventually(uncounted, what="the counters, which are kept for a second, are read again")


async def test_suggestions(database: str, console: Served, admin: Person, rows: Any) -> None:
    """A suggestion is accepted with one click, and taken back with another."""
    fill(database, 1)
    page = await admin.post("/gui/suggestions/1", status="accepted", back="/gui/suggestions")
    assert "Suggestion 1 is accepted." in page.text
    assert any(a.get("action") == "/gui/suggestions/1" for a in page.all("form"))
    page = await admin.post("/gui/suggestions/1", status="pending")
    assert rows("SELECT status FROM ai_code_suggestions") == [("pending",)]


async def test_a_source_that_cannot_be_read_is_shown(
    console: Served, admin: Person, rows: Any
) -> None:
    """Whoever wonders why nothing is found any more sees that nothing could be read."""
    rows(
        "INSERT INTO ai_code_sources (name, kind, location, repository, last_checked_at, problem)"
        " VALUES ('archive', 'archive', 'owner/name', 'owner/name', now(), 'the token is <old>')"
    )
    page = await admin.get("/gui/suggestions")
    assert "archive owner/name : looked at" in page.text
    assert "It cannot be read: the token is <old>" in page.text


async def test_a_suggestion_tells_how_data_gets_there(admin: Person, rows: Any) -> None:
    """Each step of the way is a place and what happens there, as the analysis says it."""
    finding = Finding(
        rule="command-injection",
        file="api/x.py",
        line=4,
        message="m",
        issue_type="security",
        severity="critical",
        confidence="high",
        taint_path=(Step("api/x.py", 3, "the parameter r comes from outside"),),
    )
    rows(
        "INSERT INTO ai_code_suggestions (id, file_path, issue_type, severity, description,"
        " suggestion, taint_path) VALUES (7, 'f', 'bug', 'high', 'd', 's', %s)",
        json.dumps(finding.json()["taint_path"]),
    )
    page = await admin.get("/gui/suggestions/7")
    assert "api/x.py:3 the parameter r comes from outside" in page.text


async def test_money_and_schedules(console: Served, admin: Person, rows: Any) -> None:
    """Budgets change for a reason; a schedule is added, run at once, and switched off."""
    page = await admin.post("/gui/budgets/set", scope="global", period="day", limit_usd="7.5")
    assert page.status == 400
    page = await admin.post(
        "/gui/budgets/set", scope="global", period="day", limit_usd="7.5", reason="a busy day"
    )
    assert "may cost $7.50 a day" in page.text
    assert "$7.50" in (await admin.get("/gui/budgets")).text
    page = await admin.post(
        "/gui/budgets/set",
        scope="global",
        period="day",
        limit_usd="9",
        holds="today",
        reason="an open day",
    )
    assert "may cost $9.00 a day until midnight UTC" in page.text
    page = await admin.get("/gui/budgets")
    assert "$9.00" in page.text and "until midnight" in page.text
    standing = "SELECT limit_usd, interim_until > now() FROM ai_budgets WHERE period = 'day'"
    assert rows(standing) == [(Decimal("7.5"), True)]
    await admin.post(
        "/gui/budgets/set", scope="global", period="day", limit_usd="8", reason="for good"
    )
    assert rows(standing) == [(Decimal(8), None)]
    schedule = {
        "name": "nightly",
        "task_type": "scheduling",
        "trigger": "0 3 * * *",
        "time_zone": "UTC",
        "misfire": "latest",
        "input_data": '{"client_id": 1}',
    }
    bad = await admin.post("/gui/schedules/save", schedule | {"new": "yes", "trigger": "daily"})
    assert bad.status == 422 and "not saved: trigger" in bad.text and "daily" in bad.text
    bad = await admin.post("/gui/schedules/save", schedule | {"new": "yes", "input_data": "1 2"})
    assert bad.status == 422 and "the input is not JSON; for example" in bad.text
    bad = await admin.post(
        "/gui/schedules/save", schedule | {"new": "yes", "input_data": "[" * 3000}
    )
    assert bad.status == 422 and "the input is not JSON; for example" in bad.text
    page = await admin.post("/gui/schedules/save", schedule | {"new": "yes"})
    assert "nightly is saved." in page.text and "every day at 03:00" in page.text
    page = await admin.post("/gui/schedules/run", name="nightly")
    assert "its next slot stays" in page.text
    page = await admin.post("/gui/schedules/off", name="nightly")
    assert "nightly is off." in page.text
    assert rows("SELECT enabled FROM ai_schedules WHERE name = 'nightly'") == [(False,)]
    assert logged(rows) == [
        "set_budget",
        "set_budget",
        "set_budget",
        "add_schedule",
        "run_schedule",
        "set_schedule",
    ]


async def test_ask_by_hand(console: Served, admin: Person, rows: Any) -> None:
    """A request is sent from the form, or from raw JSON; empty fields are left out."""
    page = await admin.get("/gui/requests/new?task_type=workout_optimization")
    assert any(a.get("name") == "client_id" for a in page.all("input"))
    page = await admin.post(
        "/gui/requests/new",
        task_type="workout_optimization",
        client_id="17",
        goals="strength, fun",
        fitness_level="",
    )
    assert "is on its way." in page.text
    page = await admin.post("/gui/requests/new", task_type="scheduling", raw='{"client_id": 3}')
    assert [row[0] for row in rows("SELECT input_data FROM ai_requests ORDER BY id")] == [
        {"client_id": 17, "goals": ["strength", "fun"]},
        {"client_id": 3},
    ]
    page = await admin.post("/gui/requests/new", task_type="scheduling", raw="[1]")
    assert page.status == 422 and "must be an object" in page.text
    deep = '{"a": ' + "[" * 3000 + "]" * 3000 + "}"
    page = await admin.post("/gui/requests/new", task_type="scheduling", raw=deep)
    assert page.status == 422 and "Raw JSON cannot be read: nested too deeply" in page.text
    assert (await admin.get("/gui/requests/new?input=" + "[" * 1500)).status == 200


async def test_prompts_are_revealed_on_record(
    database: str, console: Served, admin: Person, rows: Any
) -> None:
    """Prompts are shown to whoever asks and may; that they looked is written down first."""
    fill(database, 1, "the secret wish of a client")
    before = await admin.get("/gui/requests/1")
    assert "Prompts and answers" not in before.text
    page = await admin.post("/gui/requests/1/reveal")
    assert "Prompts and answers" in page.text
    assert logged(rows)[-1] == "reveal_prompts"


async def test_feedback(database: str, console: Served, admin: Person, rows: Any) -> None:
    """Helpful or not, and why, is kept with who said it."""
    rows(
        "SET session_replication_role = replica; INSERT INTO ai_requests (id, task_type, status,"
        " finished_at, agent_version) VALUES (3, 'scheduling', 'completed', now(), 1)"
    )
    page = await admin.post("/gui/requests/3/feedback", feedback="not_helpful", comment="too late")
    assert "noted" in page.text
    assert rows("SELECT verdict, reason, given_by FROM ai_feedback") == [
        ("not_helpful", "too late", "the admin")
    ]


ANSWERED_BY_A_PAGE: tuple[tuple[str, dict[str, str], str], ...] = (
    ("/gui/requests/1/reveal", {}, "/gui/requests/1"),
    ("/gui/requests/1/retry", {"token": "wrong"}, "/gui"),
    ("/gui/requests/bulk", {"do": "cancel", "status": "pending"}, "/gui/requests"),
    ("/gui/requests/new", {"task_type": "scheduling", "raw": "[1]"}, "/gui/requests/new"),
    ("/gui/agents/1/config", {"version": "99"}, "/gui/agents/1"),
    ("/gui/agents/1/config", {"version": "²"}, "/gui/agents/1"),
    ("/gui/agents/1/rollback", {"to": "9" * 5000, "version": "last"}, "/gui"),
    ("/gui/agents/1/control", {"concurrency": "many"}, "/gui/agents/1"),
    ("/gui/agents/new", {}, "/gui/agents/new"),
    ("/gui/schedules/save", {"name": "x", "input_data": "{"}, "/gui/schedules"),
    ("/gui/access/keys", {"name": "sam", "role": "viewer"}, "/gui/access"),
    (
        "/gui/budgets/set",
        {"scope": "global", "period": "day", "limit_usd": "x"},
        "/gui/budgets",
    ),
    ("/gui/approvals/77/approve", {"key": "k"}, "/gui"),
    ("/gui/health/alerts/77", {"do": "silence"}, "/gui"),
)


@pytest.mark.parametrize(("path", "form", "place"), ANSWERED_BY_A_PAGE)
async def test_a_page_that_answers_a_form_is_a_page_like_others(
    database: str, admin: Person, path: str, form: dict[str, str], place: str
) -> None:
    """Its open sections are fetched, and what is done on it leads back, where there is a page; one
    that only says what is wrong has none but the frame's."""
    fill(database, 1)
    page = await admin.post(path, form)
    assert len(page.all("h1")) == 1
    [body] = page.all("body")
    assert body["data-at"] == place
    live = [a["id"] for _, a in page.tags if "data-live" in a]
    part = await admin.get(body["data-at"], **{"X-Fragment": ",".join(live)})
    assert part.status == 200
    ids = {a["id"] for _, a in part.tags if "id" in a}
    assert ids >= set(live)
    for back in {a["value"] for a in page.all("input") if a.get("name") == "back"}:
        assert (await admin.get(back)).status == 200, back
    # Reloaded, or tried again by the page that says that the database is away.
    assert (await admin.get(path)).status == 200


async def test_a_schedule_that_could_not_be_changed(admin: Person, rows: Any) -> None:
    """What was wrongly typed into an existing schedule comes back as a change of that schedule,
    not as a new one."""
    rows(
        "INSERT INTO ai_schedules (name, task_type, trigger)"
        " VALUES ('n', 'scheduling', '1 1 * * *')"
    )
    seen = fields_with(await admin.get("/gui/schedules?edit=n"), "seen")
    page = await admin.post(
        "/gui/schedules/save", seen, name="n", task_type="scheduling", trigger="2 2 * * *",
        time_zone="UTC", input_data='{"client_id": 7', misfire="skip",
    )  # fmt: skip
    assert page.status == 422 and "n was not saved" in page.text
    assert "New schedule" not in page.text and "Change n" in page.text
    assert '{"client_id": 7' in page.text
    assert [a for a in page.all("input") if a.get("name") == "new"] == []
    names = [a["value"] for a in page.all("input") if a.get("name") == "name"]
    assert names.count("n") == 1


async def test_two_admins_change_a_schedule(admin: Person, rows: Any) -> None:
    """Who saves second undoes nothing unseen: both sides are shown, and the form holds the first
    one's change with the second one's in it."""
    rows(
        "INSERT INTO ai_schedules (name, task_type, trigger, input_data)"
        " VALUES ('n', 'scheduling', '1 1 * * *', '{\"client_id\": 1}')"
    )
    looked = await admin.get("/gui/schedules?edit=n")
    form = fields_with(looked, "name", "seen", "trigger", "time_zone")
    form |= {"task_type": "scheduling", "misfire": "latest", "input_data": '{"client_id": 1}'}
    first = await admin.post("/gui/schedules/save", form | {"trigger": "2 2 * * *", "name": "n"})
    assert "n is saved." in first.text
    # That its slots fire, or that it is switched off, is no change of what the form shows.
    rows("UPDATE ai_schedules SET last_slot = now(), enabled = false")
    mine = form | {"time_zone": "Europe/Vienna", "trigger": "1 1 * * *", "name": "n"}
    second = await admin.post("/gui/schedules/save", mine)
    assert second.status == 409 and "Somebody changed it meanwhile" in second.text
    kept = "SELECT trigger, time_zone, enabled FROM ai_schedules WHERE name = 'n'"
    assert rows(kept) == [("2 2 * * *", "UTC", False)]
    again = fields_with(second, "name", "seen", "trigger", "time_zone")
    assert (again["trigger"], again["time_zone"]) == ("2 2 * * *", "Europe/Vienna")
    saved = await admin.post("/gui/schedules/save", mine | again)
    assert "n is saved." in saved.text
    assert rows(kept) == [("2 2 * * *", "Europe/Vienna", False)]


@pytest.mark.parametrize("seen", ["", "{", "[1]"])
async def test_a_page_of_an_older_release_changes_no_schedule_unseen(
    admin: Person, rows: Any, seen: str
) -> None:
    """Where a form does not tell what it was made from, what holds is shown first."""
    rows(
        "INSERT INTO ai_schedules (name, task_type, trigger)"
        " VALUES ('n', 'scheduling', '1 1 * * *')"
    )
    page = await admin.post(
        "/gui/schedules/save", name="n", task_type="scheduling", trigger="2 2 * * *",
        time_zone="UTC", input_data='{"client_id": 7}', misfire="skip", seen=seen,
    )  # fmt: skip
    assert page.status == 409
    assert rows("SELECT trigger FROM ai_schedules WHERE name = 'n'") == [("1 1 * * *",)]


async def test_who_takes_no_client_is_not_asked_for_each(admin: Person, rows: Any) -> None:
    """A slot that would ask the same once for each client of the gym is refused in words."""
    form = {"name": "n", "trigger": "every 5 minutes", "time_zone": "UTC", "misfire": "skip"}
    form |= {"for_each": "yes", "new": "yes"}
    page = await admin.post("/gui/schedules/save", form, task_type="health_check")
    assert page.status == 422 and "health_check takes no client_id" in page.text
    page = await admin.post("/gui/schedules/save", form, task_type="progress_monitoring")
    assert "n is saved." in page.text


async def test_a_schedule_of_the_second_page_is_edited_there(admin: Person, rows: Any) -> None:
    """The link to edit a schedule leads to the page on which it stands."""
    rows(
        "INSERT INTO ai_schedules (name, task_type, trigger)"
        " SELECT 's' || to_char(i, 'FM00'), 'scheduling', '1 1 * * *'"
        " FROM generate_series(1, 35) i"
    )
    first = await admin.get("/gui/schedules")
    [more] = [a["href"] for a in first.all("a") if "after=" in a.get("href", "")]
    second = await admin.get(more)
    [edit] = [a["href"] for a in second.all("a") if a.get("aria-label") == "Edit s33"]
    page = await admin.get(edit)
    assert [a for a in page.all("input") if a.get("id") == "s-s33-trigger"]


async def test_the_first_page_keeps_the_filter(admin: Person, rows: Any) -> None:
    """Back from older suggestions, the severity that was asked for still holds."""
    rows(
        "INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description,"
        " suggestion) SELECT 'f', 'bug', 'high', 'd' || i, 's' FROM generate_series(1, 60) i"
    )
    first = await admin.get("/gui/suggestions?severity=high")
    [older] = [a["href"] for a in first.all("a") if a.get("rel") == "next"]
    second = await admin.get(older)
    [newest] = [
        a["href"]
        for t, a in second.tags
        if a.get("class") == "button" and "severity" in a.get("href", "")
    ]
    assert "severity=high" in newest and "before" not in newest


async def test_an_agent_whose_configuration_cannot_be_shown(admin: Person, rows: Any) -> None:
    """Its page is there all the same, to see its limits and to roll it back; to switch it off
    leaves what cannot be shown as it is."""
    ((agent_id,),) = rows("SELECT id FROM ai_agents WHERE type = 'scheduling'")
    deep = '{"a": ' + "[" * 3000 + "]" * 3000 + "}"
    rows("UPDATE ai_agents SET config = %s::jsonb WHERE id = %s", deep, agent_id)
    page = await admin.get(f"/gui/agents/{agent_id}")
    assert (page.status, "Versions" in page.text) == (200, True)
    page = await admin.post(f"/gui/agents/{agent_id}/enable", enabled="")
    assert "Scheduling Intelligence is off" in page.text
    kept = "SELECT enabled, config = %s::jsonb FROM ai_agents WHERE id = %s"
    assert rows(kept, deep, agent_id) == [(False, True)]


async def test_an_empty_limit_is_no_limit(admin: Person, rows: Any) -> None:
    """A limit per key is taken away by emptying its field; one that never was shows as that."""
    ((agent_id,),) = rows("SELECT id FROM ai_agents WHERE type = 'scheduling'")
    here = f"/gui/agents/{agent_id}"
    shown = []
    for typed in ("3", ""):
        await admin.post(f"{here}/control", per_key=typed, starts_per_minute="")
        page = await admin.get(here)
        (field,) = (one for one in page.all("input") if one.get("name") == "per_key")
        limit = rows("SELECT per_key FROM ai_control WHERE task_type = 'scheduling'")
        shown.append((field["value"], limit))
    assert shown == [("3", [(3,)]), ("", [(1_000_000,)])]


async def test_a_pause_ends_by_itself(admin: Person, rows: Any) -> None:
    """An agent is paused for some hours; every page says until when, the undo of its resuming
    too, and one that lasts to another day is not taken for one of today."""
    agent_id = agent(rows)
    here = f"/gui/agents/{agent_id}"
    page = await admin.post(f"{here}/pause", hours="8", back=here)
    assert "Scheduling Intelligence is paused until" in page.text
    left = "SELECT extract(epoch FROM resume_at - now()) / 3600 FROM ai_control WHERE paused"
    [(hours,)] = rows(left)
    assert 7.9 < hours <= 8
    assert "paused until" in page.text.partition("Scheduling Intelligence is")[2]
    assert "state paused" in page.text
    ((at,),) = rows(
        "UPDATE ai_control SET resume_at = resume_at + interval '2 days' WHERE paused"
        " RETURNING to_char(resume_at AT TIME ZONE 'UTC', 'Dy FMDD Mon HH24:MI')"
    )
    for path in ("/gui", "/gui/agents", here):
        assert f"until {at} UTC" in (await admin.get(path)).text, path
    page = await admin.post(f"{here}/resume", back=here)
    (undo,) = (a["value"] for a in page.all("input") if a.get("name") == "until")
    page = await admin.post(f"{here}/pause", until=undo, back=here)
    assert f"is paused until {at} UTC" in page.text
    assert rows(left)[0][0] > 48


async def test_what_could_not_be_set_stays_in_its_form(admin: Person, rows: Any) -> None:
    """A limit, a budget and a key with a mistake: the page says what is wrong with them, beside
    what was typed."""
    page = await admin.post(
        f"/gui/agents/{agent(rows)}/control", concurrency="7", daily_budget_usd="1000000"
    )
    assert page.status == 400
    assert "Not set: Daily budget, US dollars: 1000000 given; from 0 to 999999" in page.text
    values = {a.get("name"): a.get("value") for a in page.all("input")}
    assert (values["concurrency"], values["daily_budget_usd"]) == ("7", "1000000")
    page = await admin.post(
        "/gui/budgets/set", scope="agent:scheduling", period="day", holds="today", reason="a sale"
    )
    assert page.status == 400 and "Not set: Limit: a limit that lapses" in page.text
    assert any(a.get("value") == "a sale" for a in page.all("input"))
    chosen = {a.get("value") for a in page.all("option") if "selected" in a}
    assert chosen == {"agent:scheduling", "today"}
    for _ in range(2):
        page = await admin.post("/gui/access/keys", name="kim", role="operator", days="90")
    assert page.status == 409 and "Not made:" in page.text
    assert any(a.get("value") == "kim" for a in page.all("input"))
    assert "<option selected>operator" in page.html and '"90" selected' in page.html


async def test_two_people_set_limits(admin: Person, rows: Any) -> None:
    """Whoever sets one limit does not put back another, which somebody set after the form was
    opened."""
    here = f"/gui/agents/{agent(rows)}"
    page = await admin.get(here)
    names = {"concurrency", "per_key", "starts_per_minute", "daily_budget_usd"}
    form = {
        a["name"]: a.get("value", "")
        for a in page.all("input")
        if a.get("name", "").removeprefix("was_") in names
    }
    await admin.post(f"{here}/control", form | {"concurrency": "2"})
    await admin.post(f"{here}/control", form | {"daily_budget_usd": "5"})
    limits = "SELECT concurrency, daily_budget_usd FROM ai_control WHERE task_type = 'scheduling'"
    assert rows(limits) == [(2, Decimal(5))]
    page = await admin.post(f"{here}/control", form)
    assert "Nothing was changed." in page.text and rows(limits) == [(2, Decimal(5))]


async def test_a_form_that_arrives_twice_asks_once(admin: Person, rows: Any) -> None:
    """Where answers are slow people press twice; another input of the same form is another
    request."""
    address = "/gui/requests/new"
    page = await admin.get(f"{address}?task_type=scheduling")
    (once,) = (a["value"] for a in page.all("input") if a.get("name") == "once")
    form = {"task_type": "scheduling", "once": once}
    said = [
        (await admin.post(address, form | {"client_id": client})).text
        for client in ("1", "1", "2")
    ]
    assert "is on its way already." in said[1] and "is on its way." in said[2]
    asked = "SELECT input_data ->> 'client_id' FROM ai_requests ORDER BY id"
    assert rows(asked) == [("1",), ("2",)]


async def test_what_was_refused_leads_back(admin: Person, rows: Any) -> None:
    """Beside what is wrong stands the way back to the page where it was asked for."""
    here = f"/gui/agents/{agent(rows)}"
    page = await admin.post("/gui/health/alerts/5", do="silence", back="/gui/health")
    assert page.status == 404 and "/gui/health" in page.links()
    page = await admin.post(f"{here}/rollback", to="70", version="1")
    assert page.status >= 400 and here in page.links()
    page = await admin.post("/gui/health/alerts/5", do="silence", back="https://example.org")
    assert "Back to the page" in page.text and "https://example.org" not in page.html


async def test_an_agent_that_is_gone_stays_chosen(admin: Person, rows: Any) -> None:
    """To save its schedule must not give it to the first agent of the list; and metrics of it are
    not said to be of all."""
    rows("INSERT INTO ai_schedules (name, task_type, trigger) VALUES ('old', 'gone', '0 3 * * *')")
    page = await admin.get("/gui/schedules?edit=old")
    assert "<option selected>gone</option>" in page.html
    page = await admin.get("/gui/metrics?task_type=gone")
    assert "<option selected>gone</option>" in page.html


async def test_csv_begins_where_the_list_does(database: str, admin: Person, rows: Any) -> None:
    """What is saved is what is looked at, with how much of it; nothing of a search that was not
    understood."""
    fill(database, 60)
    first = await admin.get("/gui/requests?task_type=scheduling&status=failed")
    assert "CSV, up to 1,000 rows" in first.text
    page = await admin.get("/gui/requests?before=31")
    (saved,) = (url for url in page.links() if ".csv" in url)
    lines = (await admin.get(saved)).html.splitlines()
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(30, 0, -1))
    moment = "2020-01-01T00:00:00+00:00"
    page = await admin.get(f"/gui/requests?status=failed&to={quote(moment)}")
    assert not any(".csv" in url for url in page.links())  # there is nothing
    page = await admin.get("/gui/requests?q=whatever")
    assert page.status == 200 and not any(".csv" in url for url in page.links())
    page = await admin.get("/gui/audit?before=5")
    assert any("before=5" in url for url in page.links() if ".csv" in url)


async def test_the_audit_log_tells_moments(admin: Person, rows: Any) -> None:
    """Not only how long ago: also on a phone, and on paper."""
    await admin.post(f"/gui/agents/{agent(rows)}/pause")
    ((at,),) = rows(
        "SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM ai_audit_log"
        " ORDER BY id DESC LIMIT 1"
    )
    assert f"{at} UTC" in (await admin.get("/gui/audit")).text


async def test_budgets_of_fair_keys(admin: Person, rows: Any) -> None:
    """The first one can be set, each is listed whatever its periods, and who is left out is told
    of."""
    limit = {"scope": "key:*", "period": "day", "limit_usd": "2", "reason": "a fair share"}
    assert "key:*" in [a.get("value") for a in (await admin.get("/gui/budgets")).all("option")]
    page = await admin.post("/gui/budgets/set", limit, back="/gui/budgets")
    assert "Each fair key without a limit of its own may cost $2" in page.text
    offered = [a.get("value") for a in page.all("option")]
    assert offered.count("key:*") == 1
    keys = (
        "INSERT INTO ai_budgets (scope, period, limit_usd) SELECT 'key:k' || to_char(i, 'FM00'),"
        " p, 1 FROM generate_series(%s::int, %s::int) i, unnest('{day,month}'::text[]) p"
    )
    rows(keys, 1, 19)
    page = await admin.get("/gui/budgets")
    assert "Fair key k19" in page.text and "the first 20" not in page.text
    rows(keys, 20, 22)
    page = await admin.get("/gui/budgets")
    assert "Fair key k20" not in page.text and "the first 20 by name" in page.text
