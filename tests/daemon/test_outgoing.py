"""Answers that lead elsewhere are not followed; names that lead inside are not asked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.health import main_app
from daemon.llm.provider import Provider
from daemon.llm.wire import Call
from tests.kit.provider import ModelServer

STATUSES = (301, 302, 303, 307, 308)


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[str, list[str]]]:
    """Another server, and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), asked


@pytest.mark.parametrize("status", STATUSES)
async def test_a_model_cannot_send_data_on(status: int) -> None:
    """A provider that redirects is a failed call: clients' data goes nowhere else."""
    async with elsewhere() as (url, asked), ModelServer().running() as server:

        async def redirect(
            _: ModelServer, request: web.Request, body: Mapping[str, Any]
        ) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{url}stolen"})

        server.script.append(redirect)
        provider = Provider(api_key="sk-made-up", base_url=server.url)
        try:
            reply = await provider.call(
                Call("gpt-4o-mini", [{"role": "user", "content": "x"}], 10), 10.0
            )
        finally:
            await provider.aclose()
    assert reply.status == status
    assert asked == []


async def test_a_health_page_cannot_send_us_on() -> None:
    """The main app's health page is asked where the setting says, and nowhere else."""
    async with elsewhere() as (url, asked):

        async def redirect(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{url}stolen"})

        app = web.Application()
        app.router.add_get(main_app.PATH, redirect)
        async with TestServer(app) as server:
            found = await main_app.http(str(server.make_url("/")))
    assert found.detail["problem"] == "status 307"
    assert asked == []


async def test_a_name_that_leads_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A main app's name that resolves to a metadata service is not asked."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(main_app, "TRIES", 1)
    measured = await main_app.http("http://metadata.example.com")
    # The refusal, as the client words it; the address itself would have been a timeout.
    assert measured.detail["problem"] == "ClientConnectorDNSError"
