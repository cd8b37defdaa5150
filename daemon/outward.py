"""Which addresses no setting may lead to.

A cloud's metadata service hands out a machine's credentials to whoever asks from inside, at a
link-local address or at one of a few others. An address is looked at as a connection would use
it, not as it is spelled: ``2852039166``, ``0xa9.254.43518``, full-width digits,
``[::ffff:169.254.169.254]``, and IPv6 addresses that a gateway translates are all the same one.
"""

from __future__ import annotations

import socket
import unicodedata
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42",
        ),
    )
)
"""Metadata services outside the link-local range."""
NAT64 = ip_network("64:ff9b::/96")
TRANSLATED = ip_network("::ffff:0:0:0/96")


def literal(host: str) -> Address | None:
    """The address that a URL's host is, in whatever spelling; None for a name."""
    # What HTTP clients do with a host before they resolve it.
    plain = unicodedata.normalize("NFKC", host).replace("。", ".").strip("[]").rstrip(".")
    with suppress(ValueError):
        return ip_address(plain.partition("%")[0])
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(plain))
    return None


def meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, IPv6Address):
        if address in NAT64 or address in TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def is_forbidden(address: Address) -> bool:
    """Whether it is link-local, a metadata service's, or no host's at all."""
    ip = meant(address)
    return (
        ip.is_link_local
        or ip in METADATA
        or ip.is_multicast
        or ip.is_unspecified
        or ip.is_reserved
    ) and not ip.is_loopback


def refusal(address: str, host: str, *, loopback: bool = False) -> str | None:
    """Why ``address``, to which ``host`` leads, must not be connected to; None: it may.

    loopback: this machine may be reached under any name, not only where the setting says so
    itself. Raises ValueError for what is no address.
    """
    ip = meant(ip_address(address.partition("%")[0]))
    if ip.is_loopback:
        said = loopback or host.strip("[]").lower() in LOOPBACK_NAMES
        return None if said else "leads to this machine"
    if ip.is_link_local or ip in METADATA:
        return "leads to a link-local or metadata address"
    return "leads to no host" if is_forbidden(ip) else None


def check_literal(host: str, *, loopback: bool = False) -> str | None:
    """The refusal of a host that is an address itself; None for names and what is allowed."""
    found = literal(host)
    return None if found is None else refusal(str(found), host, loopback=loopback)
