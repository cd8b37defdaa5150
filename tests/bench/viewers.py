"""``python -m tests.bench.viewers URL KEY PEOPLE``: people who have pages of the console open.

Each has signed in, hears of changes over a stream, and fetches the sections that changed, as
``console.js`` does. It prints a line once all of them follow, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading

import aiohttp

PAGES = ("/gui", "/gui/requests", "/gui/agents", "/gui/metrics", "/gui/health")
SETTLE_SECONDS = 0.2
"""What console.js waits for, so that changes that come together are fetched together."""
SECTION = re.compile(r'<section id="(?P<id>[^"]+)"[^>]* data-live="(?P<topics>[^"]*)"')
FOREVER = aiohttp.ClientTimeout(total=None)


class Viewer:
    """One person at one page."""

    def __init__(self, url: str, page: str) -> None:
        self._page = page
        self._sections: dict[str, set[str]] = {}
        self._stale: set[str] = set()
        self._told = asyncio.Event()
        self._session = aiohttp.ClientSession(
            url, cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=FOREVER
        )
        self._url = url
        self.follows = asyncio.Event()
        """It has fetched for the first time."""

    async def look(self, key: str) -> None:
        """Sign in, open the page and follow its changes; never returns."""
        async with self._session.post(
            "/gui/login", data={"key": key}, headers={"Origin": self._url}, allow_redirects=False
        ) as answer:
            assert answer.status == 303, await answer.text()
        async with self._session.get(self._page) as answer:
            html = await answer.text()
        self._sections = {m["id"]: set(m["topics"].split()) for m in SECTION.finditer(html)}
        assert self._sections, f"{self._page} has no section that follows changes"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._fetch())

    async def _hear(self) -> None:
        async with self._session.get("/gui/events") as stream:
            async for line in stream.content:
                if line.startswith(b"data:"):
                    self._stale |= set(line[5:].decode().split())
                    self._told.set()

    async def _fetch(self) -> None:
        while True:
            await self._told.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._told.clear()
            stale, self._stale = self._stale, set()
            wanted = [
                name for name, topics in self._sections.items() if "*" in stale or topics & stale
            ]
            if wanted:
                headers = {"X-Fragment": ",".join(wanted)}
                async with self._session.get(self._page, headers=headers) as answer:
                    assert answer.status == 200, f"{self._page}: {answer.status}"
                    await answer.read()
            self.follows.set()


async def main(url: str, key: str, people: int) -> None:
    viewers = [Viewer(url, PAGES[number % len(PAGES)]) for number in range(people)]
    async with asyncio.TaskGroup() as tasks:
        for viewer in viewers:
            tasks.create_task(viewer.look(key))
        for viewer in viewers:
            await viewer.follows.wait()
        sys.stdout.write("all follow\n")
        sys.stdout.flush()


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
