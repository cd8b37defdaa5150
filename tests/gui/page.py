"""A page as a test sees it: parsed, so that what is markup and what is text cannot be mixed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import aiohttp

VOID = {"meta", "link", "input", "img", "br", "hr"}


@dataclass
class Page(HTMLParser):
    """tags: (name, attributes) in order. text: all text. token: of its forms."""

    status: int
    html: str
    headers: Mapping[str, str]
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(self.html)
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def __hash__(self) -> int:
        return id(self)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def token(self) -> str:
        return next(a["value"] for t, a in self.tags if t == "input" and a.get("name") == "token")

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self) -> list[str]:
        return [a["href"] for a in self.all("a") if "href" in a]


class Person:
    """Somebody's browser without scripts: follows forms and redirects as one does."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self._token = ""

    async def close(self) -> None:
        await self.session.close()

    async def get(self, path: str, **headers: str) -> Page:
        async with self.session.get(path, headers=headers, allow_redirects=True) as answer:
            return Page(answer.status, await answer.text(), answer.headers)

    async def token(self) -> str:
        """What this session's forms carry."""
        if not self._token:
            self._token = (await self.get("/gui/health")).token
        return self._token

    async def post(
        self,
        path: str,
        form: Mapping[str, Any] | None = None,
        /,
        *,
        follow: bool = True,
        token: str | None = None,
        **fields: Any,
    ) -> Page:
        """Send a form of one of the console's pages; keys may name any field."""
        sent = await self.token() if token is None else token
        data = {"token": sent, **(form or {}), **fields}
        async with self.session.post(
            path, data=data, headers={"Origin": self.url}, allow_redirects=follow
        ) as answer:
            return Page(answer.status, await answer.text(), answer.headers)
