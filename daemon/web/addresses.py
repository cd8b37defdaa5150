"""Where a caller is, for the audit log and for what slows guessing.

A platform's edge stands between: it connects from a private address and appends the caller's to
``X-Forwarded-For``. So the header counts only from a private neighbour, and only its last entry,
which that neighbour wrote itself.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

SHARED = ip_network("100.64.0.0/10")
"""Addresses inside of a provider's own network."""


def address_of(request: web.Request) -> str:
    """The caller's address as text; '' where there is none."""
    neighbour = _parse(request.remote or "")
    if neighbour is None or not _inside(neighbour):
        return str(neighbour or "")
    last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return str(_parse(last) or neighbour)


def is_local(request: web.Request) -> bool:
    """Whether the caller is this machine, with nothing in between."""
    neighbour = _parse(request.remote or "")
    return (
        neighbour is not None
        and neighbour.is_loopback
        and "X-Forwarded-For" not in request.headers
    )


def limit_name(address: str) -> str:
    """Whom a limit counts: an IPv4 address, or the network that one household's IPv6 is."""
    found = _parse(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found) >> 64 << 64, 64)))
    return address


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _inside(address: IPv4Address | IPv6Address) -> bool:
    return address.is_private or address.is_loopback or address in SHARED
