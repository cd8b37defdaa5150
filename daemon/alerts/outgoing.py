"""Where the service may connect to on an admin's word, and where never.

An address in a setting, or a name that resolves to one, must not lead to what only this machine is
meant to reach: a cloud's metadata service hands out credentials to whoever asks from inside. So
link-local addresses, the metadata services' own, multicast and "any" are refused, whatever name
led there, in the very resolution that the connection then uses: a name cannot be swapped between
the look and the connection. Redirects are not followed.

Private networks are allowed: a company's own receivers live there. Loopback is allowed only where
the setting itself says ``localhost``, ``127.0.0.1`` or ``[::1]``, as for a relay beside this
service; a name that merely resolves to it is refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from daemon.settings import METADATA

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
TIMEOUT_SECONDS = 10.0


class ForbiddenAddress(OSError):
    """The address is one that must not be connected to."""


def refusal(address: str, host: str) -> str | None:
    """Why ``address``, to which ``host`` leads, must not be connected to; None: it may."""
    ip: Any = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback:
        return None if host.strip("[]").lower() in LOOPBACK_NAMES else "leads to this machine"
    if ip.is_link_local or ip in METADATA:
        return "leads to a link-local or metadata address"
    if ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return "leads to no host"
    return None


def check_literal(host: str) -> str | None:
    """The refusal of a host that is an address itself; None for names and what is allowed."""
    try:
        return refusal(host.strip("[]"), host)
    except ValueError:
        return None


class CarefulResolver(AbstractResolver):
    """Resolves names and refuses those that lead where nothing is to be reached."""

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
            for kind, protocol, address in allowed(found, host)
        ]

    async def close(self) -> None:
        """There is nothing to release."""


def allowed(found: list[Any], host: str) -> list[tuple[int, int, str]]:
    """(family, protocol, address) of what getaddrinfo found. Raises ForbiddenAddress."""
    for *_, address in found:
        reason = refusal(str(address[0]), host)
        if reason:
            raise ForbiddenAddress(f"{host} {reason}")
    return [(family, protocol, str(address[0])) for family, _, protocol, _, address in found]


def careful_session() -> aiohttp.ClientSession:
    """A client for addresses that came from settings. The caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=CarefulResolver(), limit=8),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        trust_env=False,
    )


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
