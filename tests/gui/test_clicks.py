"""The tasks of an admin's day, in a real browser before a daemon at work, counted in clicks."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.gui.browser import Visit, World, ask, becomes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]


async def test_why_did_it_fail_and_again(world: World, visit: Visit) -> None:
    """Why the last request failed is one click away, to try it again two."""
    request_id = await ask(world, "test_echo", '{"text": 5}')
    await becomes(world, request_id, "failed")
    await visit.start()
    await visit.page.reload()
    await visit.click("Why?", role="link")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text(f"Request {request_id}")
    await visit.sees("input_data.text")
    assert visit.clicks == 1
    await visit.picture("request-failed")
    await visit.click("Retry", role="button")
    await visit.said(f"Request {request_id} is tried again.")
    assert visit.clicks == 2
    await becomes(world, request_id, "failed")


async def test_pause_and_undo(world: World, visit: Visit) -> None:
    """An agent is paused with one click, and the answer takes it back with another."""
    await visit.start()
    await visit.click("Pause Sleep", role="button")
    await visit.said("Sleep is paused; its requests wait.")
    assert visit.clicks == 1
    await visit.page.keyboard.press("Tab")
    await visit.click("Undo", role="button")
    await visit.said("Sleep goes on.")
    assert world.sql("SELECT paused FROM ai_control WHERE task_type = 'test_sleep'") == [(False,)]


async def test_configuration_and_back(world: World, visit: Visit) -> None:
    """A model is changed with three clicks, and rolled back with four."""
    await visit.start()
    await visit.click("Writer", role="link")
    await visit.page.get_by_label("Model", exact=True).fill("gpt-4o")
    await visit.click("Save", role="button")
    await visit.said("Version 2 of Writer is in use.")
    assert visit.clicks <= 3
    await visit.sees("not set")
    await visit.picture("agent")
    await visit.start()
    await visit.click("Writer", role="link")
    await visit.click("Roll back to version 1", role="button")
    await visit.said("Version 3 of Writer holds what version 1 held.")
    assert visit.clicks <= 4
    assert world.sql("SELECT config FROM ai_agents WHERE type = 'test_writer'") == [({},)]


async def test_a_prompt_agent(world: World, visit: Visit) -> None:
    """A prompt agent takes two clicks and its form; then it is tried and activated."""
    await visit.start()
    await visit.click(visit.page.get_by_label("Pages").get_by_role("link", name="Agents"))
    await visit.click("New prompt agent", role="link")
    assert visit.clicks == 2
    page = visit.page
    await page.get_by_label("Name").fill("Class summary")
    await page.get_by_label("Task type").fill("class_summary")
    await page.get_by_label("Instructions").fill("Sum up a gym class in one sentence.")
    await visit.picture("new-agent")
    await visit.click("Save draft", role="button")
    await visit.said("The draft is saved.")
    await page.get_by_label("Topic").fill("yoga")
    await visit.click("Try", role="button")
    await visit.said("The draft answers request")
    await expect(page.locator("#state .st.ok").first).to_be_visible()
    await visit.sees("How it came about")
    await visit.click("Back to Class summary", role="link")
    await visit.click("Activate", role="button")
    await visit.said("Class summary answers class_summary from now on.")


async def test_approve(world: World, visit: Visit) -> None:
    """A question is answered with two clicks, and the request goes on to its end."""
    request_id = await ask(world, "test_publisher", '{"topic": "rest"}')
    await becomes(world, request_id, "waiting")
    await visit.start()
    await visit.page.reload()
    await visit.click("Answer", role="link")
    await visit.picture("approvals")
    await visit.click("Approve", role="button", exact=False)
    await visit.said("Approved; the request goes on.")
    assert visit.clicks == 2
    await becomes(world, request_id, "completed")


async def test_all_of_one_cause_again(world: World, visit: Visit) -> None:
    """All failures of one cause are tried again with two clicks."""
    ids = [await ask(world, "test_nobody") for _ in range(3)]
    for request_id in ids:
        await becomes(world, request_id, "failed")
    await visit.start()
    await visit.page.reload()
    row = visit.page.get_by_role("row").filter(has_text="test_nobody")
    await visit.click(row.get_by_role("button", name="Retry 3"))
    await visit.click("Retry them", role="button")
    await visit.said("3 requests tried again.")
    assert visit.clicks == 2


async def test_find_a_clients_requests(world: World, visit: Visit) -> None:
    """A client's requests are found by typing alone."""
    request_id = await ask(world, "test_stranger", '{"client_id": 17}')
    await visit.start()
    await visit.page.keyboard.press("/")
    await visit.page.keyboard.type("client:17")
    await visit.page.keyboard.press("Enter")
    await visit.page.get_by_role("link", name=str(request_id), exact=True).wait_for()
    assert visit.clicks == 0


async def test_run_and_cancel_by_hand(world: World, visit: Visit) -> None:
    """An agent is run by hand with three clicks, and what runs is cancelled with three."""
    await visit.start()
    await visit.click("Sleep", role="link")
    await visit.click("Run now", role="link")
    await visit.page.get_by_label("Seconds").fill("60")
    await visit.click("Send", role="button")
    await visit.said("is on its way.")
    assert visit.clicks == 3
    ((request_id,),) = world.sql(
        "SELECT max(id) FROM ai_requests WHERE task_type = 'test_sleep' AND attempt < 2"
    )
    await becomes(world, request_id, "running")
    await visit.start()
    await visit.click("running", role="link", exact=False)
    await visit.click(str(request_id), role="link")
    await visit.click("Cancel", role="button", exact=False)
    await becomes(world, request_id, "cancelled")
    assert visit.clicks == 3


async def test_money_and_time_by_agent(world: World, visit: Visit) -> None:
    """The week's cost by agent takes two clicks, as does a bar that leads to its requests."""
    request_id = await ask(world, "test_writer", '{"topic": "rest"}')
    await becomes(world, request_id, "completed")
    pages = visit.page.get_by_label("Pages")
    await visit.start()
    await visit.click(pages.get_by_role("link", name="Metrics"))
    await visit.page.get_by_label("Window").select_option("7d")
    await visit.click("Show", role="button")
    await expect(visit.page.get_by_role("heading", name="Cost by agent")).to_be_visible()
    await expect(visit.page).to_have_url(re.compile("window=7d"))
    assert visit.clicks == 2
    await visit.start()
    await visit.click(pages.get_by_role("link", name="Metrics"))
    await visit.click(visit.page.locator("svg a").last)
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Requests")
    assert visit.clicks == 2


async def test_upkeep_by_hand(world: World, visit: Visit) -> None:
    """Two clicks each: a worker is drained, a limit set, a schedule switched off, a key made, and
    a key revoked."""
    world.sql(
        "INSERT INTO ai_workers (worker_id, version, host, pid, concurrency, state)"
        " VALUES ('another', '1', 'h', 1, 20, 'ready')"
    )
    world.sql(
        "INSERT INTO ai_schedules (name, task_type, trigger, input_data)"
        " VALUES ('rest', 'test_sleep', '0 6 1 1 *', '{\"seconds\": 0}')"
    )
    page, pages = visit.page, visit.page.get_by_label("Pages")

    async def on(name: str) -> None:
        await visit.start()
        await visit.click(pages.get_by_role("link", name=name))

    await on("Health")
    await visit.click("Drain another", role="button")
    await visit.said("another")
    assert visit.clicks == 2
    await on("Budgets")
    await page.get_by_label("Limit, US dollars").fill("50")
    await page.get_by_label("Reason").fill("a busy week")
    await visit.click("Set", role="button")
    await visit.said("may cost $50.00 a day")
    assert visit.clicks == 2
    await on("Schedules")
    await visit.click("Switch off rest", role="button")
    await visit.said("rest is off.")
    assert visit.clicks == 2
    await on("Access")
    await page.get_by_label("Name").fill("board")
    await visit.click("Make key", role="button")
    await visit.sees("It is shown this once")
    assert visit.clicks == 2
    await on("Access")
    await visit.click("Revoke the key of board", role="button")
    await visit.said("The key of board opens nothing any more.")
    assert visit.clicks == 2


async def test_decide_suggestions_by_keys(world: World, visit: Visit) -> None:
    """Ten suggestions are decided with one click and ten keys."""
    world.sql("DELETE FROM ai_code_suggestions")
    world.sql(
        "INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description,"
        " suggestion) SELECT 'api.py', 'bug', 'high', 'finding ' || i, 'mend it'"
        " FROM generate_series(1, 10) i"
    )
    await visit.start()
    await visit.click(visit.page.get_by_label("Pages").get_by_role("link", name="Suggestions"))
    await visit.sees("finding 10")
    for left in range(9, -1, -1):
        async with visit.page.expect_navigation():
            await visit.page.keyboard.press("y" if left % 2 else "n")
        ((undecided,),) = world.sql(
            "SELECT count(*) FROM ai_code_suggestions WHERE status = 'pending'"
        )
        assert undecided == left
    assert visit.clicks == 1
