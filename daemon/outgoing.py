"""Connections to where a setting says, and never to where nothing is to be reached.

An address in a setting, or a name that resolves to one, must not lead to what only this machine is
meant to reach, see :mod:`daemon.outward`. Names are judged in the very resolution that the
connection then uses, so that they cannot be swapped in between, and each socket once more, since a
client resolves no host that is an address. Redirects are not followed.

Private networks are allowed: a company's own receivers live there. Loopback is allowed for alerts
only where the setting itself says ``localhost``, ``127.0.0.1`` or ``[::1]``, as for a relay beside
this service; for an app or a model beside us, under any name.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from daemon.outward import is_forbidden, refusal

TIMEOUT_SECONDS = 10.0


class ForbiddenAddress(OSError):
    """The address is one that must not be connected to."""


class CarefulResolver(AbstractResolver):
    """Resolves names and refuses those that lead where nothing is to be reached."""

    def __init__(self, *, loopback: bool = False) -> None:
        self._loopback = loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family
        )
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, protocol, address in allowed(found, host, loopback=self._loopback)
        ]

    async def close(self) -> None:
        """There is nothing to release."""


def allowed(found: list[Any], host: str, *, loopback: bool = False) -> list[tuple[int, int, str]]:
    """(family, protocol, address) of what getaddrinfo found. Raises ForbiddenAddress."""
    for *_, address in found:
        reason = refusal(str(address[0]), host, loopback=loopback)
        if reason:
            raise ForbiddenAddress(f"{host} {reason}")
    return [(family, protocol, str(address[0])) for family, _, protocol, _, address in found]


def careful_session(
    seconds: float = TIMEOUT_SECONDS, *, loopback: bool = False
) -> aiohttp.ClientSession:
    """A client for addresses that came from settings. The caller closes it.

    seconds: for a whole call. loopback: names may lead to this machine.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=CarefulResolver(loopback=loopback), socket_factory=_socket, limit=8
        ),
        timeout=aiohttp.ClientTimeout(total=seconds),
        trust_env=False,
    )


def _socket(found: Any) -> socket.socket:
    """A socket for an address that is about to be connected to."""
    family, kind, protocol, _, address = found
    if is_forbidden(ip_address(str(address[0]).partition("%")[0])):
        raise ForbiddenAddress("a link-local or metadata address")
    return socket.socket(family, kind, protocol)


def careful_socket(host: str, port: int, timeout_seconds: float) -> socket.socket:
    """A connected TCP socket, the same care taken. Blocks; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    error: OSError | None = None
    for _, _, address in allowed(list(found), host):
        try:
            return socket.create_connection((address, port), timeout_seconds)
        except OSError as refused:
            error = refused
    raise error or OSError(f"{host} has no address")
