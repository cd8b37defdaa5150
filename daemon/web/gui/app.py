"""All routes of the console, each with the least role that may use it: an application of its own.

:func:`build` makes it and what ends its streams; the service mounts it under ``/gui``::

    gui.mount(app)
    ...
    await gui.live.stop()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from daemon.database import Pool
from daemon.statements import Statements
from daemon.web.access import Access, Role, is_secure
from daemon.web.actions import Actions
from daemon.web.gui.access import AccessPage
from daemon.web.gui.agent_acts import AgentActs
from daemon.web.gui.agents import AgentPage, Agents
from daemon.web.gui.approvals import Approvals
from daemon.web.gui.compose import Compose
from daemon.web.gui.console import FORM, THEMES, Console, Handler, inside
from daemon.web.gui.door import Door, headers_of
from daemon.web.gui.health import Health
from daemon.web.gui.live import Live
from daemon.web.gui.metrics import Metrics
from daemon.web.gui.money import Budgets
from daemon.web.gui.other_acts import OtherActs
from daemon.web.gui.overview import Overview
from daemon.web.gui.reads import Reads
from daemon.web.gui.render import FOLDER_OF_FILES, KEYS, THEME, environment
from daemon.web.gui.request import RequestPage
from daemon.web.gui.request_acts import RequestActs
from daemon.web.gui.requests import Requests
from daemon.web.gui.schedules import Schedules
from daemon.web.gui.suggestions import SuggestionPage, Suggestions
from daemon.web.gui.trail import Audit
from daemon.web.site import BODY_LIMIT_BYTES

if TYPE_CHECKING:
    from daemon.registry import Registry
    from daemon.settings import Settings

YEAR_SECONDS = 365 * 86_400

Routes = Sequence[tuple[str, Handler, Role]]


@dataclass(frozen=True)
class Gui:
    """app: to be mounted under ``/gui``. live: its streams, ended at a stop. roles: the least
    role of each route, by method and path."""

    app: web.Application
    live: Live
    roles: Mapping[tuple[str, str], Role]

    def mount(self, app: web.Application) -> None:
        """Under ``/gui``, where the bare address leads too: it is what a platform shows."""
        app.add_subapp("/gui", self.app)
        app.router.add_get("/", _to_the_console)


async def _to_the_console(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/gui"})


def build(
    *,
    reader: Pool,
    texts: Statements,
    access: Access,
    actions: Actions,
    registry: Registry,
    settings: Settings,
) -> Gui:
    """The console on a read-only pool, and on the actions that the API uses too."""
    reads = Reads(reader, texts)
    console = Console(reads, registry, settings, actions)
    live = Live(reads, access, console.forget)
    door = Door(console, access)
    app = web.Application(middlewares=[door.errors], client_max_size=BODY_LIMIT_BYTES)
    asset = str(environment(app).globals["asset"])
    app.on_response_prepare.append(headers_of(asset))

    async def end_streams(_: web.Application) -> None:
        await live.stop()

    app.on_shutdown.append(end_streams)
    roles: dict[tuple[str, str], Role] = {}
    for path, handler, least in pages(console, live):
        app.router.add_get(path, door.guard(handler, least))
        roles["GET", f"/gui{path}"] = least
    for path, handler, least in acts(console, door):
        app.router.add_post(path, door.guard(handler, least))
        roles["POST", f"/gui{path}"] = least
    app.router.add_get("/login", door.sign_in_page)
    app.router.add_post("/login", door.sign_in)
    app.router.add_static("/static", FOLDER_OF_FILES)
    return Gui(app, live, roles)


def pages(console: Console, live: Live) -> Routes:
    """Everything that is looked at: no GET changes anything."""
    requests, request, compose = Requests(console), RequestPage(console), Compose(console)
    agents, agent, agent_acts = Agents(console), AgentPage(console), AgentActs(console)
    metrics, audit = Metrics(console), Audit(console)
    overview, approvals = Overview(console), Approvals(console)
    return [
        ("", overview.show, "viewer"),
        ("/", overview.show, "viewer"),
        ("/events", live.stream, "viewer"),
        ("/requests", requests.show, "viewer"),
        ("/requests.csv", requests.csv, "viewer"),
        ("/requests/new", compose.show, "operator"),
        (r"/requests/{id:\d+}", request.show, "viewer"),
        (r"/requests/{id:\d+}/{what:input|result}.json", request.raw, "viewer"),
        (r"/requests/{id:\d+}/chart.svg", request.picture, "viewer"),
        ("/agents", agents.show, "viewer"),
        ("/agents/new", agent_acts.form, "admin"),
        (r"/agents/{id:\d+}", agent.show, "viewer"),
        ("/metrics", metrics.show, "viewer"),
        ("/metrics.csv", metrics.csv, "viewer"),
        ("/suggestions", Suggestions(console).show, "viewer"),
        (r"/suggestions/{id:\d+}", SuggestionPage(console).show, "viewer"),
        ("/health", Health(console).show, "viewer"),
        ("/approvals", approvals.show, "viewer"),
        (r"/approvals/{id:\d+}", approvals.show, "viewer"),
        ("/schedules", Schedules(console).show, "viewer"),
        ("/budgets", Budgets(console).show, "viewer"),
        ("/access", AccessPage(console).show, "admin"),
        ("/audit", audit.show, "viewer"),
        ("/audit.csv", audit.csv, "viewer"),
    ]


def acts(console: Console, door: Door) -> Routes:
    """Everything that changes something, by a form with the session's token."""
    requests, agents, other = RequestActs(console), AgentActs(console), OtherActs(console)
    access = AccessPage(console)
    return [
        ("/logout", door.sign_out, "viewer"),
        ("/theme", choose(THEME, "theme", ("", *THEMES)), "viewer"),
        ("/keys", choose(KEYS, "keys", ("on", "off")), "viewer"),
        ("/requests/new", requests.send, "operator"),
        ("/requests/bulk", requests.bulk, "operator"),
        (r"/requests/{id:\d+}/retry", requests.retry, "operator"),
        (r"/requests/{id:\d+}/cancel", requests.cancel, "operator"),
        (r"/requests/{id:\d+}/feedback", requests.feedback, "operator"),
        (r"/requests/{id:\d+}/reveal", requests.reveal, "operator"),
        ("/agents/new", agents.create, "admin"),
        (r"/agents/{id:\d+}/pause", agents.pause, "operator"),
        (r"/agents/{id:\d+}/resume", agents.resume, "operator"),
        (r"/agents/{id:\d+}/try", agents.attempt, "operator"),
        (r"/agents/{id:\d+}/activate", agents.activate, "admin"),
        (r"/agents/{id:\d+}/config", agents.configure, "admin"),
        (r"/agents/{id:\d+}/rollback", agents.roll_back, "admin"),
        (r"/agents/{id:\d+}/control", agents.control, "admin"),
        (r"/agents/{id:\d+}/enable", agents.enable, "admin"),
        (r"/agents/{id:\d+}/delete", agents.delete, "admin"),
        (r"/approvals/{id:\d+}/approve", other.approve, "operator"),
        (r"/approvals/{id:\d+}/reject", other.reject, "operator"),
        (r"/suggestions/{id:\d+}", other.suggestion, "operator"),
        ("/health/check", other.check, "operator"),
        ("/health/drain", other.drain, "operator"),
        (r"/health/alerts/{id:\d+}", other.alert, "operator"),
        (r"/health/healing/{id:\d+}", other.healing, "operator"),
        ("/schedules/save", other.save_schedule, "admin"),
        ("/schedules/on", other.schedule_on, "admin"),
        ("/schedules/off", other.schedule_off, "admin"),
        ("/schedules/run", other.run_schedule, "admin"),
        ("/budgets/set", other.budget, "admin"),
        ("/access/keys", access.add, "admin"),
        (r"/access/keys/{id:\d+}/revoke", access.revoke, "admin"),
        (r"/access/sessions/{id:\d+}/end", access.end_session, "admin"),
    ]


def choose(cookie: str, field: str, values: Sequence[str]) -> Handler:
    """A handler that keeps a choice of this browser in a cookie; it belongs to no person."""

    async def chosen(request: web.Request) -> web.Response:
        value = str(request[FORM].get(field, ""))
        where = inside(str(request[FORM].get("back", "")))
        response = web.Response(status=303, headers={"Location": where})
        if value in values and value:
            response.set_cookie(
                cookie,
                value,
                max_age=YEAR_SECONDS,
                path="/gui",
                httponly=True,
                secure=is_secure(request),
                samesite="Lax",
            )
        else:
            response.del_cookie(cookie, path="/gui")
        return response

    return chosen
