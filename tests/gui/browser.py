"""A real browser for the console's tests: clicks counted, complaints kept, a daemon behind it.

Chromium is the system's (``/usr/bin/chromium``, or what ``CHROMIUM`` names): no downloads.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright

from daemon.web.gui.live import Live
from tests.kit.signals import eventually

ROOT = Path(__file__).resolve().parents[2]
KEY = "the-admin-key-of-the-browser"
PICTURES = ROOT / ".data" / "screenshots"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str:
    """The path of a browser. Without one the test is skipped; with REQUIRE_BROWSER it fails."""
    for path in (os.environ.get("CHROMIUM"), "/usr/bin/chromium", shutil.which("chromium")):
        if path and Path(path).exists():
            return path
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail("no chromium was found; apt-get install chromium, or set CHROMIUM")
    pytest.skip("no chromium was found (apt-get install chromium, or set CHROMIUM)")


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """Somebody at a page. clicks: since the last ``start``. complaints: what the browser said."""

    page: Page
    url: str
    clicks: int = 0
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.set_default_timeout(15_000)

    def _heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")

    async def start(self, path: str = "/gui") -> None:
        """Open a page and count clicks from zero."""
        await self.page.goto(self.url + path)
        self.clicks = 0

    async def click(self, name: str | Locator, *, role: str = "", exact: bool = True) -> None:
        """Click what a person would read: a button, link or summary of this name."""
        if isinstance(name, str):
            found = self.page.get_by_role(role, name=name, exact=exact)  # type: ignore[arg-type]
            await found.first.click()
        else:
            await name.click()
        self.clicks += 1

    async def said(self, text: str) -> None:
        """Wait until the page says so after an action."""
        await self.page.get_by_role("status").get_by_text(text, exact=False).first.wait_for()

    async def sees(self, text: str) -> None:
        await self.page.get_by_text(text, exact=False).first.wait_for()

    async def picture(self, name: str) -> None:
        """Keep a picture for people to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def signed_in(context: BrowserContext, url: str, key: str) -> Visit:
    """Open the console as a person does, with a key."""
    visit = Visit(await context.new_page(), url)
    await visit.page.goto(url + "/gui")
    await visit.page.get_by_label("Key").fill(key)
    await visit.page.get_by_role("button", name="Sign in").click()
    await visit.page.get_by_role("heading", name="Overview").wait_for()
    return visit


@dataclass
class World:
    """A daemon with a model, a browser, and the database behind both."""

    browser: Browser
    url: str
    live: Live
    dsn: str

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    async def visitor(self, **options: Any) -> Visit:
        context = await self.browser.new_context(**options)
        return await signed_in(context, self.url, KEY)


async def ask(world: World, task_type: str, data: str = "{}") -> int:
    ((request_id,),) = world.sql(
        "INSERT INTO ai_requests (task_type, input_data) VALUES (%s, %s) RETURNING id",
        task_type,
        data,
    )
    world.sql("NOTIFY ai_requests")
    return int(request_id)


async def becomes(world: World, request_id: int, *statuses: str) -> None:
    await eventually(
        lambda: (
            world.sql("SELECT status FROM ai_requests WHERE id = %s", request_id)[0][0] in statuses
        ),
        what=f"request {request_id} is {statuses}",
    )
