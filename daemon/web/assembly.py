"""The whole HTTP side of a worker: open core, API and console on one server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.health.checks import CheckResult
from daemon.database import Database
from daemon.meters import Meters
from daemon.settings import Settings
from daemon.statements import Statements
from daemon.web.access import Access
from daemon.web.actions import Actions
from daemon.web.api.routes import add_api
from daemon.web.api.shared import Parts
from daemon.web.gui.app import Gui
from daemon.web.gui.app import build as build_console
from daemon.web.gui.rollup import Rollup
from daemon.web.hub import Hub
from daemon.web.reader import Reader
from daemon.web.site import STOP, Site
from daemon.web.status import Vitals, build

if TYPE_CHECKING:
    from daemon.registry import Registry


@dataclass(frozen=True)
class Web:
    """site: serves it all. hub, rollup: services to be started once the database is there."""

    site: Site
    hub: Hub
    console: Gui
    rollup: Rollup
    access: Access
    actions: Actions


def assemble(
    settings: Settings,
    *,
    vitals: Vitals,
    meters: Meters,
    database: Database,
    texts: Statements,
    registry: Registry,
    latest: Callable[[], Sequence[CheckResult]] = tuple,
) -> Web:
    """Nothing is opened here; the server may start before the database is reachable.

    latest: the newest result of each health check, from memory.
    """
    app = build(vitals, meters, settings.cors_origins)
    reader = Reader(database.web_read, texts)
    access = Access(settings, database.web_read, database.web_write, texts)
    actions = Actions(database.web_write, texts, registry, access)
    hub = Hub(reader, lambda: database.direct("web-listen"))
    add_api(app, access, Parts(reader, actions, hub, registry, app[STOP], latest))
    console = build_console(
        reader=database.web_read,
        texts=texts,
        access=access,
        actions=actions,
        registry=registry,
        settings=settings,
    )
    console.mount(app)
    rollup = Rollup(database.reader, texts)
    return Web(Site(app, settings.port), hub, console, rollup, access, actions)
