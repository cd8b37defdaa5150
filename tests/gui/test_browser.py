"""The console in a real browser, in front of a daemon at work.

No complaint of the browser, none of axe; in light and dark, on a phone, without scripts, in many
tabs, by keys; and what changes under an open page.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.gui.browser import KEY, Visit, World, ask, becomes
from tests.gui.conftest import serving
from tests.gui.fill import fill
from tests.kit.signals import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
PAGES = (
    "/gui",
    "/gui/requests",
    "/gui/requests/1",
    "/gui/requests/2",
    "/gui/requests/3",
    "/gui/requests/new",
    "/gui/agents",
    "/gui/agents/1",
    "/gui/agents/new",
    "/gui/metrics",
    "/gui/suggestions",
    "/gui/suggestions/1",
    "/gui/health",
    "/gui/approvals",
    "/gui/schedules",
    "/gui/budgets",
    "/gui/access",
    "/gui/audit",
    "/gui/nothing",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(server: Any, world: World) -> AsyncIterator[World]:
    """The same browser before a console whose pages all have something to show."""
    with server.database(migrated=True) as dsn:
        fill(dsn, 12, "some plain words")
        async with serving(dsn, admin_api_key=KEY) as served:
            yield World(world.browser, served.url, served.gui.live, dsn)


async def test_a_live_run_finishes(world: World, visit: Visit) -> None:
    """A request's page follows it to its end without being reloaded."""
    await visit.start()
    await visit.click(visit.page.get_by_label("Pages").get_by_role("link", name="Requests"))
    await visit.click("New request", role="link")
    await visit.page.get_by_label("Agent").select_option("test_sleep")
    await visit.click("Choose", role="button")
    await visit.page.get_by_label("Seconds").fill("3")
    await visit.click("Send", role="button")
    await visit.said("is on its way.")
    await visit.page.evaluate("window.same = true")
    await expect(visit.page.locator("#state .st.run")).to_be_visible()
    await expect(visit.page.locator("#state .st.ok").first).to_be_visible(timeout=20_000)
    await visit.sees("rested")
    assert await visit.page.evaluate("window.same")


async def test_every_page_in_light_and_dark(shown: World) -> None:
    """No page breaks a rule of WCAG 2.2 A or AA that axe knows, in light or in dark."""
    visit = await shown.visitor(bypass_csp=True, viewport={"width": 1280, "height": 900})
    axe, found = Axe(), []
    rules = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
        "resultTypes": ["violations"],
    }
    for theme in ("light", "dark"):
        await visit.page.context.add_cookies(
            [{"name": "gui_theme", "value": theme, "url": shown.url + "/gui"}]
        )
        for path in PAGES:
            await visit.page.goto(shown.url + path)
            results = await axe.run(visit.page, options=rules)
            found += [
                (
                    theme,
                    path,
                    v["id"],
                    [n["html"][:160] for n in v["nodes"][:2]],
                    [n["failureSummary"][:300] for n in v["nodes"][:1]],
                )
                for v in results.response["violations"]
            ]
            await visit.picture(f"{theme}{path.replace('/', '-')}")
    await visit.page.context.clear_cookies()
    await visit.page.goto(shown.url + "/gui/login")
    results = await axe.run(visit.page, options=rules)
    found += [("light", "/gui/login", v["id"], [], []) for v in results.response["violations"]]
    await visit.picture("login")
    await visit.page.context.close()
    assert found == []


async def test_every_page_is_quiet_and_narrow(shown: World) -> None:
    """With the policy in force the browser complains of nothing; at 320 px nothing hangs over."""
    visit = await shown.visitor(viewport={"width": 320, "height": 640})
    hanging = []
    for path in PAGES:
        await visit.page.goto(shown.url + path)
        over = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            hanging.append((path, over))
    await visit.picture("narrow-last")
    await visit.page.goto(shown.url + "/gui")
    await visit.picture("narrow-overview")
    await visit.page.context.close()
    assert hanging == []
    assert [c for c in visit.complaints if "404" not in c] == []


async def test_a_phone_shows_the_page_and_not_its_frame(shown: World) -> None:
    """On a phone the page begins in the upper third, and charts of half a page fit, with what
    their axis says."""
    visit = await shown.visitor(viewport={"width": 390, "height": 844})
    await visit.page.goto(shown.url + "/gui/metrics")
    begin = await visit.page.locator("main").evaluate("e => e.getBoundingClientRect().top")
    chart = visit.page.locator(".two .pan").first
    wide, room = await chart.evaluate("e => [e.scrollWidth, e.clientWidth]")
    await visit.page.context.close()
    assert begin <= 844 / 3
    assert wide <= room


async def test_long_words_stay_in_their_place(server: Any, world: World) -> None:
    """A word as long as a page, from whoever sent the request, widens no page; beside it, all
    columns of the list stay in sight."""
    with server.database(migrated=True) as dsn:
        fill(dsn, 3, "plain")
        async with serving(dsn, admin_api_key=KEY) as served:
            shown = World(world.browser, served.url, served.gui.live, dsn)
            shown.sql(
                "SET session_replication_role = replica; UPDATE ai_requests SET"
                " task_type = CASE id WHEN 1 THEN 'scheduling' ELSE repeat('W', 200) END,"
                " input_data = jsonb_build_object('client_id', repeat('W', 3000)),"
                " requested_by = repeat('W', 200), fair_key = repeat('W', 200)"
            )
            visit = await shown.visitor(viewport={"width": 1440, "height": 900})
            for path in ("/gui", "/gui/requests", "/gui/requests/1", "/gui/requests/2"):
                await visit.page.goto(shown.url + path)
                wide, room = await visit.page.evaluate(
                    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
                )
                assert wide <= room, path
            await visit.page.goto(shown.url + "/gui/requests")
            wide, room = await visit.page.locator(".scroll").evaluate(
                "e => [e.scrollWidth, e.clientWidth]"
            )
            assert wide <= room
            await visit.page.context.close()


async def test_text_from_outside_turns_nothing_round(server: Any, world: World) -> None:
    """What changes the direction of writing within somebody's text ends with that text: what the
    console says behind it stays behind it."""
    with server.database(migrated=True) as dsn:
        async with serving(dsn, admin_api_key=KEY) as served:
            shown = World(world.browser, served.url, served.gui.live, dsn)
            shown.sql(
                "SET session_replication_role = replica; INSERT INTO ai_requests (id, task_type,"
                " status, input_data, error, finished_at) VALUES (1, E'a\u202eb', 'failed',"
                " jsonb_build_object('client_id', E'7\u202e8'), '{\"code\": \"timeout\"}', now())"
            )
            visit = await shown.visitor(viewport={"width": 1440, "height": 900})
            await visit.page.goto(shown.url + "/gui/requests?status=failed")
            await visit.picture("turned-round")
            # Both are measured in one step: a section that is fetched anew takes its rows along.
            end, begin = await visit.page.evaluate(
                """() => {
                    const e = document.querySelector("td.grow .sub");
                    const range = document.createRange();
                    const said = [...e.childNodes].find((node) => node.textContent.includes("7"));
                    range.selectNodeContents(said);
                    const code = e.querySelector(".bad").getBoundingClientRect();
                    return [range.getBoundingClientRect().right, code.left];
                }"""
            )
            await visit.page.context.close()
            assert 0 < end <= begin


async def test_without_scripts(world: World) -> None:
    """Without JavaScript people sign in, see everything, and act."""
    visit = await world.visitor(java_script_enabled=False)
    request_id = await ask(world, "test_echo", '{"text": 6}')
    await becomes(world, request_id, "failed")
    await visit.start(f"/gui/requests/{request_id}")
    await visit.click("Retry", role="button")
    await visit.said(f"Request {request_id} is tried again.")
    await visit.start()
    await visit.click("Pause Block", role="button")
    await visit.said("Block is paused")
    await visit.click("Undo", role="button")
    await visit.said("Block goes on.")
    await visit.page.context.close()


async def test_many_tabs_share_one_stream(world: World, visit: Visit) -> None:
    """Eight tabs hold one stream, all hear of a change, and another takes over when one goes."""
    tabs = [visit.page]
    for _ in range(7):
        tabs.append(await visit.page.context.new_page())
        await tabs[-1].goto(world.url + "/gui/agents")
    await visit.page.goto(world.url + "/gui/agents")
    live = world.live
    await eventually(lambda: live.streams == 1 and live.looked)
    world.sql("UPDATE ai_control SET paused = true WHERE task_type = 'test_secretive'")
    await tabs[3].bring_to_front()
    await expect(tabs[3].get_by_role("button", name="Resume Secretive")).to_be_visible()
    for tab in tabs[1:5]:
        await tab.close()
    await eventually(lambda: live.streams == 1)
    world.sql("UPDATE ai_control SET paused = false WHERE task_type = 'test_secretive'")
    await tabs[6].bring_to_front()
    await expect(tabs[6].get_by_role("button", name="Pause Secretive")).to_be_visible()


async def test_keys(world: World, visit: Visit) -> None:
    """Keys lead to pages and rows, are silent in fields, and can be switched off."""
    await becomes(world, await ask(world, "test_echo"), "completed")
    await visit.start()
    await visit.page.keyboard.press("r")
    await visit.page.wait_for_url("**/gui/requests")
    await visit.page.keyboard.press("/")
    await visit.page.keyboard.type("a")
    assert await visit.page.locator("#q").input_value() == "a"
    await visit.page.keyboard.press("Tab")
    await visit.page.locator("main").focus()
    await visit.page.keyboard.press("j")
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_url("**/gui/requests/*")
    await visit.page.keyboard.press("?")
    await visit.click("Switch keys off", role="button")
    await visit.page.keyboard.press("o")
    await expect(visit.page).to_have_url(re.compile("/gui/requests/"))


async def test_keys_are_switched_on_again(world: World, visit: Visit) -> None:
    """Where keys are off the list of keys, which switches them, is reached without one."""
    await visit.start("/gui/agents")
    await visit.page.keyboard.press("?")
    await visit.click("Switch keys off", role="button")
    await expect(visit.page.locator("body")).to_have_attribute("data-keys", "off")
    await visit.click("Keys", role="button")
    await visit.click("Switch keys on", role="button")
    await expect(visit.page.locator("body")).to_have_attribute("data-keys", "on")


async def test_ages_grow(world: World) -> None:
    """What a page said to be new is old an hour later, though nothing has changed; and a browser
    whose clock is wrong is no exception."""
    request_id = await ask(world, "test_echo")
    await becomes(world, request_id, "completed")
    visit = await world.visitor()
    await visit.page.clock.install(time="2031-05-05T05:05:05Z")
    await visit.start(f"/gui/requests/{request_id}")
    age = visit.page.locator("#state .tile time")
    await expect(age).to_have_text(re.compile("now| s ago"))
    await visit.page.clock.fast_forward("01:00:30")
    await expect(age).to_have_text("1 h ago")
    await visit.page.context.close()


async def test_a_stream_that_fell_silent_is_lost(world: World) -> None:
    """A connection that died without an error is no "live": the page says so and connects anew."""
    world.live.ping_seconds = 15.0
    visit = await world.visitor()
    await visit.page.clock.install()
    await visit.start("/gui/agents")
    lamp = visit.page.locator("#lamp")
    await expect(lamp).to_have_text("live")
    await visit.page.clock.fast_forward("00:41")
    await expect(lamp).to_have_text("lost")
    await visit.page.clock.fast_forward("00:04")
    await expect(lamp).to_have_text("live")
    await visit.page.context.close()
    world.live.ping_seconds = 1.0


async def test_a_refused_stream_is_asked_for_again(world: World) -> None:
    """What a proxy answers while a release takes over does not end the live updates of a page."""
    visit = await world.visitor()
    refused: list[str] = []

    async def away(route: Any) -> None:
        refused.append(route.request.url)
        await (route.fulfill(status=502) if len(refused) == 1 else route.continue_())

    await visit.page.route("**/gui/events", away)
    await visit.start("/gui/agents")
    lamp = visit.page.locator("#lamp")
    await expect(lamp).to_have_text("lost")
    await expect(lamp).to_have_text("live", timeout=15_000)
    await visit.page.context.close()


async def test_a_second_press_sends_nothing(world: World, visit: Visit) -> None:
    """Whoever presses twice because the answer is slow asks once."""
    page = visit.page
    count = "SELECT count(*) FROM ai_requests WHERE task_type = 'test_echo'"
    ((before,),) = world.sql(count)
    await visit.start("/gui/requests/new?task_type=test_echo")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Send").evaluate(
            "e => { e.click(); setTimeout(() => e.click(), 5); }"
        )
    await visit.said("is on its way")
    assert world.sql(count) == [(before + 1,)]


async def test_on_paper(shown: World) -> None:
    """Ink on white also for whoever reads in the dark; whole tables, and moments in full."""
    visit = await shown.visitor(viewport={"width": 800, "height": 600})
    await visit.page.context.add_cookies(
        [{"name": "gui_theme", "value": "dark", "url": shown.url + "/gui"}]
    )
    await visit.page.goto(shown.url + "/gui/requests")
    look = """e => {
        const of = (what, pseudo) => getComputedStyle(document.querySelector(what), pseudo);
        return [of("body").color, of(".scroll").overflowX, of("td time", "::after").content];
    }"""
    ink, overflow, moment = await visit.page.evaluate(look)
    assert (overflow, moment) == ("auto", "none")
    await visit.page.emulate_media(media="print")
    dark_ink, (ink, overflow, moment) = ink, await visit.page.evaluate(look)
    await visit.page.context.close()
    assert ink == "rgb(29, 31, 30)" != dark_ink
    assert overflow == "visible" and "UTC" in moment


async def test_shapes_and_colours_are_kept_in_high_contrast(shown: World) -> None:
    """A status keeps its shape, a chart its key."""
    visit = await shown.visitor(forced_colors="active")
    look = """([what, pseudo]) =>
        getComputedStyle(document.querySelector(what), pseudo).backgroundColor"""
    kept = {}
    for path, what, pseudo in (
        ("/gui/requests", "main .st.bad", "::before"),
        ("/gui/metrics", ".legend .c0", None),
        ("/gui/requests/1", ".trace > li", "::before"),
    ):
        await visit.page.goto(shown.url + path)
        kept[what] = await visit.page.evaluate(look, [what, pseudo])
        ground = await visit.page.evaluate(look, ["body", None])
        assert kept[what] != ground, what
    await visit.page.context.close()


async def test_what_is_no_age_stays(world: World) -> None:
    """The next slots of a schedule are wall times, and stay so."""
    world.sql(
        "INSERT INTO ai_schedules (name, task_type, trigger, enabled)"
        " VALUES ('early', 'test_echo', '0 3 1 1 *', true) ON CONFLICT DO NOTHING"
    )
    visit = await world.visitor()
    await visit.page.clock.install()
    await visit.start("/gui/schedules")
    await visit.page.clock.fast_forward("00:30")
    await expect(visit.page.locator("main time").first).to_contain_text(
        re.compile("01 Jan( [0-9]{4})? 03:00")
    )
    world.sql("DELETE FROM ai_schedules WHERE name = 'early'")
    await visit.page.context.close()


async def suggested(world: World, *names: str) -> None:
    """New suggestions, each newer than the one before."""
    for name in names:
        world.sql(
            "INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description,"
            " suggestion) VALUES ('api.py', 'bug', 'high', %s, 'mend it')",
            name,
        )


def decided(world: World) -> list[str]:
    """The suggestions that somebody decided."""
    return [
        name
        for (name,) in world.sql(
            "SELECT description FROM ai_code_suggestions WHERE status <> 'pending' ORDER BY id"
        )
    ]


async def test_keys_decide_what_was_looked_at(world: World, visit: Visit) -> None:
    """What arrives meanwhile moves the rows, and never under the finger of whoever decides."""
    world.sql("DELETE FROM ai_code_suggestions")
    await suggested(world, "apple", "pear", "plum")
    page = visit.page
    await visit.start("/gui/suggestions")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    chosen = page.locator("tr.on")
    await expect(chosen).to_contain_text("pear")
    await suggested(world, "newer")
    await visit.sees("newer")
    await expect(chosen).to_contain_text("pear")
    async with page.expect_navigation():
        await page.keyboard.press("y")
    assert decided(world) == ["pear"]

    await suggested(world, "newest")
    await visit.sees("newest")
    await page.keyboard.press("y")
    await visit.said("The list has changed")
    await visit.picture("list-has-changed")
    assert decided(world) == ["pear"]
    await page.keyboard.press("j")
    async with page.expect_navigation():
        await page.keyboard.press("n")
    assert decided(world) == ["pear", "newest"]


async def test_a_key_takes_back_what_was_just_done(world: World, visit: Visit) -> None:
    """In a list too, u undoes the last decision, whichever row is chosen or has come meanwhile."""
    world.sql("DELETE FROM ai_code_suggestions")
    await suggested(world, "apple", "pear")
    page = visit.page
    await visit.start("/gui/suggestions")
    await page.keyboard.press("j")
    async with page.expect_navigation():
        await page.keyboard.press("y")
    await visit.said("is accepted")
    assert decided(world) == ["pear"]
    await page.keyboard.press("j")
    async with page.expect_navigation():
        await page.keyboard.press("u")
    await visit.said("is pending")
    assert decided(world) == []


async def test_no_key_alone_cancels(world: World, visit: Visit) -> None:
    """What a key would end for good waits for Enter; the list of keys says so."""
    request_id = await ask(world, "test_sleep", '{"seconds": 60}')
    await visit.start(f"/gui/requests/{request_id}")
    await visit.page.keyboard.press("n")
    await visit.said("Cancel? Enter does it.")
    asked = "SELECT cancel_requested_at IS NOT NULL FROM ai_requests WHERE id = %s"
    assert world.sql(asked, request_id) == [(False,)]
    async with visit.page.expect_navigation():
        await visit.page.keyboard.press("Enter")
    await visit.said("was asked to stop")
    assert world.sql(asked, request_id) == [(True,)]
    await visit.page.keyboard.press("?")
    await visit.picture("keys")
    await expect(visit.page.get_by_role("dialog")).to_contain_text("cancel, once Enter confirms")


async def test_what_could_not_be_fetched_is_fetched_later(world: World) -> None:
    """A change that fell into a moment without an answer is shown without a further one."""
    world.sql("DELETE FROM ai_code_suggestions")
    visit = await world.visitor()
    page = visit.page
    failed: list[str] = []

    async def away(route: Any) -> None:
        if "x-fragment" in route.request.headers and len(failed) < 2:
            failed.append(route.request.url)
            await (route.abort() if len(failed) == 1 else route.fulfill(status=503))
        else:
            await route.continue_()

    await visit.start("/gui/suggestions")
    await eventually(lambda: world.live.looked)
    await expect(page.locator("#lamp")).to_have_text("live")
    await page.route("**/gui/suggestions", away)
    await suggested(world, "late")
    await expect(page.locator("#lamp")).to_have_text("lost")
    # It asks again after a while, and that fails too: longer than `expect` waits by itself. What
    # was fetched when the page opened may have brought the row before.
    await expect(page.locator("#lamp")).to_have_text("live", timeout=15_000)
    await expect(page.get_by_text("late")).to_be_visible()
    assert len(failed) == 2
    assert len(failed) == 2
    await page.context.close()


async def test_a_section_in_use_is_fetched_when_it_is_left(world: World, visit: Visit) -> None:
    """What changed under an open menu is shown once it is closed, without a further change."""
    world.sql("DELETE FROM ai_code_suggestions")
    await suggested(world, "apple")
    page = visit.page
    await visit.start("/gui/suggestions")
    await page.get_by_role("link", name="apple").focus()
    await suggested(world, "pear")
    await expect(page.locator("#rows[data-missed]")).to_be_attached()
    await page.locator("#q").focus()
    await visit.sees("pear")


async def test_what_was_typed_stays(world: World, visit: Visit) -> None:
    """A limit that was typed and not yet set is not put back by somebody else's change."""
    [(agent_id, name)] = world.sql(
        "SELECT a.id, a.type FROM ai_agents a JOIN ai_control c ON c.task_type = a.type"
        " ORDER BY a.id LIMIT 1"
    )
    budget = "UPDATE ai_control SET daily_budget_usd = %s WHERE task_type = %s"
    page = visit.page
    await visit.start(f"/gui/agents/{agent_id}")
    await eventually(lambda: world.live.looked)
    await page.locator("#l-starts_per_minute").fill("7")
    await page.locator("#q").focus()
    world.sql(budget, 4, name)
    await expect(page.locator("#limits[data-missed]")).to_be_attached()
    await expect(page.locator("#l-starts_per_minute")).to_have_value("7")
    await page.locator("#l-starts_per_minute").fill("")
    await page.locator("#q").focus()
    await expect(page.locator("#l-daily_budget_usd")).to_have_value("4.00000000")
    world.sql(budget, None, name)


async def test_what_was_chosen_stays(world: World, visit: Visit) -> None:
    """A choice of an open form that is not saved yet is not put back by what happens meanwhile."""
    world.sql(
        "INSERT INTO ai_schedules (name, task_type, trigger, for_each, enabled)"
        " VALUES ('choice', 'test_echo', '1 1 * * *', 'active_clients', false)"
    )
    page = visit.page
    for choice in ("#s-choice-misfire", "#s-choice-each"):
        await visit.start("/gui/schedules?edit=choice")
        await eventually(lambda: world.live.looked)
        if choice == "#s-choice-misfire":
            await page.locator(choice).select_option("skip")
        else:
            await page.locator(choice).uncheck()
        await page.locator("#q").focus()
        world.sql("UPDATE ai_schedules SET enabled = NOT enabled WHERE name = 'choice'")
        await expect(page.locator("#schedules[data-missed]")).to_be_attached()
    await expect(page.locator("#s-choice-each")).not_to_be_checked()
    world.sql("DELETE FROM ai_schedules WHERE name = 'choice'")


async def test_why_a_form_was_refused_is_in_view(world: World, visit: Visit) -> None:
    """Far down a page the reason has the focus: it is seen, and read out."""
    world.sql(
        "INSERT INTO ai_schedules (name, task_type, trigger, enabled)"
        " SELECT 'many-' || i, 'test_echo', '1 1 * * *', false FROM generate_series(1, 20) i"
    )
    page = visit.page
    await visit.start("/gui/schedules")
    await page.locator("#s-new-name").fill("wrong")
    await page.locator("#s-new-trigger").fill("now and then")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Add", exact=True).click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("wrong was not saved")
    await expect(alert).to_be_focused()
    await expect(alert).to_be_in_viewport()
    world.sql("DELETE FROM ai_schedules WHERE name LIKE 'many-%'")
    visit.complaints.clear()  # the browser tells of the 422


async def test_lost_news_are_read_out(world: World, visit: Visit) -> None:
    """That a page follows nothing any more is told to whoever does not see the lamp."""
    page = visit.page
    await visit.start("/gui/health")
    await page.keyboard.press("p")
    await visit.said("Updates: paused")
    await page.keyboard.press("p")
    await visit.said("Updates: live")
