"""A console over real HTTP on a database of the test's own, and people signed in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import psycopg
import pytest
import pytest_asyncio
from yarl import URL

from agents.catalog import AGENTS
from daemon import statements
from daemon.database import Database
from daemon.demo.model_server import ModelServer
from daemon.registry import Registry
from daemon.settings import load
from daemon.store import Store
from daemon.web.access import Access, Principal
from daemon.web.actions import Actions
from daemon.web.gui.app import Gui, build
from daemon.web.site import Site, application
from tests.gui.browser import KEY, Visit, World, launched
from tests.gui.page import Person
from tests.kit import agents, model_agents
from tests.kit.worker import running

TEXTS = statements.load()
ADMIN_KEY = "admin-key-of-this-test"
ROLES = ("viewer", "operator", "admin")


@dataclass
class Served:
    """A console that answers at ``url``."""

    url: str
    gui: Gui
    actions: Actions
    registry: Registry
    database: Database
    site: Site

    async def sign_in(self, role: str = "admin", name: str = "") -> Person:
        """Somebody with a key of this role, signed in. Close the session afterwards."""
        who = Principal("the test", "admin", "key")
        _, key = await self.actions.add_key(who, name or f"the {role}", role)  # type: ignore[arg-type]
        return await self.enter(key)

    async def enter(self, key: str) -> Person:
        # Loopback addresses are hosts like any other here.
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(self.url, cookie_jar=jar)
        person = Person(session, self.url)
        async with session.post(
            "/gui/login",
            data={"key": key, "next": "/gui"},
            headers={"Origin": self.url},
            allow_redirects=False,
        ) as answer:
            assert answer.status == 303, await answer.text()
        assert jar.filter_cookies(URL(self.url))
        return person


@asynccontextmanager
async def serving(dsn: str, **values: Any) -> AsyncIterator[Served]:
    """The console on ``dsn``, without a daemon behind it."""
    chosen = {"admin_api_key": ADMIN_KEY, "environment": "test"} | values
    settings = load(database_url=dsn, **chosen)
    database = Database(dsn, dsn, "console-test")
    await database.open()
    registry = Registry(Store(database.pool, TEXTS), settings, AGENTS)
    await registry.start()
    access = Access(settings, database.web_read, database.web_write, TEXTS)
    actions = Actions(database.web_write, TEXTS, registry, access)
    gui = build(
        reader=database.web_read,
        texts=TEXTS,
        access=access,
        actions=actions,
        registry=registry,
        settings=settings,
    )
    app = application()
    gui.mount(app)
    site = Site(app, 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{site.port}"
        yield Served(url, gui, actions, registry, database, site)
    finally:
        await site.stop()
        await database.close()


@pytest.fixture
async def console(database: str) -> AsyncIterator[Served]:
    """A console on an empty, migrated database with the agents' rows."""
    async with serving(database) as served:
        yield served


@pytest.fixture
async def admin(console: Served) -> AsyncIterator[Person]:
    """An admin who is signed in."""
    person = await console.sign_in("admin")
    yield person
    await person.close()


@pytest.fixture
def rows(database: str) -> Any:
    """Runs a statement on the test's database and gives its rows."""

    def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(server: Any) -> AsyncIterator[World]:
    """A daemon and a browser for all tests of a module; each makes the rows it needs."""
    with server.database(migrated=True) as dsn:
        async with (
            launched() as browser,
            ModelServer().running() as model,
            running(
                dsn,
                agents.CATALOG | model_agents.CATALOG,
                admin_api_key=KEY,
                openai_base_url=model.url,
                openai_api_key="local",
                environment="test",
            ) as daemon,
        ):
            url = f"http://127.0.0.1:{daemon.site.port}"
            daemon.web.console.live.ping_seconds = 1.0  # then a tab that went is missed sooner
            yield World(browser, url, daemon.web.console.live, dsn)


@pytest_asyncio.fixture(loop_scope="module")
async def visit(world: World) -> AsyncIterator[Visit]:
    """An admin at the overview; the browser must not have complained at the end."""
    someone = await world.visitor(viewport={"width": 1280, "height": 900})
    yield someone
    # A test may end with what its last click did, while the page is still on its way.
    await someone.page.wait_for_load_state()
    await someone.page.context.close()
    assert someone.complaints == []
