"""Calls to a running daemon's API, as some key's holder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import psycopg

from daemon.service import Daemon
from tests.kit import http_shapes

SERVICE_KEY = "service-key-of-the-main-app"
ADMIN_KEY = "admin-key-of-the-environment"


@dataclass(frozen=True)
class Called:
    """An answer, read."""

    status: int
    headers: Any
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class Caller:
    """Somebody with a key, or without. Each answer is held against the OpenAPI document."""

    def __init__(self, daemon: Daemon, session: aiohttp.ClientSession) -> None:
        self.daemon = daemon
        self.session = session

    async def send(self, method: str, path: str, **more: Any) -> Called:
        async with self.session.request(
            method, self.base + path, allow_redirects=False, **more
        ) as answer:
            called = Called(answer.status, answer.headers, await answer.text())
        if called.text and answer.content_type == "application/json":
            http_shapes.check(method, path, called.status, called.body)
        return called

    async def get(self, path: str, **more: Any) -> Called:
        return await self.send("GET", path, **more)

    async def post(self, path: str, **body: Any) -> Called:
        return await self.send("POST", path, json=body)

    async def put(self, path: str, **body: Any) -> Called:
        return await self.send("PUT", path, json=body)

    async def delete(self, path: str) -> Called:
        return await self.send("DELETE", path)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.daemon.site.port}"


@asynccontextmanager
async def calling(
    daemon: Daemon, key: str | None, *, connections: int = 100
) -> AsyncIterator[Caller]:
    """A caller with this key; None: without one. connections: at most so many, 0: any number."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield Caller(daemon, session)


async def add_key(
    connection: psycopg.AsyncConnection[Any], role: str, name: str = "", key: str = ""
) -> str:
    """A key of this role, put into the table; returns it."""
    key = key or f"fai_key-of-a-{role}-{name}"
    await connection.execute(
        "INSERT INTO ai_api_keys (name, role, hash, prefix, created_by)"
        " VALUES (%s, %s, %s, %s, 'test')",
        (name or role, role, hashlib.sha256(key.encode()).digest(), key[:10]),
    )
    return key
