"""Hosts with a network of their own on one machine, and a switch that can be told to misbehave.

A host is a network namespace with one Ethernet card, whose other end this process holds (a TAP
device). The switch is a thread that carries frames from card to card, loses some, delays others,
and knows cables that are pulled, or that carry frames in one direction only. So it needs nothing
of the kernel but namespaces and TAP, and no tool but ``ip``; the TCP on both sides is real.

Nothing has a name outside this process: whatever happens to it, the kernel tidies up.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import selectors
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
FRAME_BYTES = 2048
GROUP_BIT = 1
OWN_NAMESPACE = "/proc/thread-self/ns/net"
TUN = "/dev/net/tun"
CAPABILITIES = 1 << 21 | 1 << 12
"""CAP_SYS_ADMIN, CAP_NET_ADMIN."""
NEEDS = (
    "hosts of its own need Linux, root (CAP_SYS_ADMIN, CAP_NET_ADMIN), /dev/net/tun and `ip`"
    " (Debian: apt-get install iproute2)"
)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter(namespace: str) -> None:
    """Move this thread, and what it starts from now on, into a network namespace's file."""
    opened = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(ctypes.CDLL(None, use_errno=True).setns(opened, CLONE_NEWNET))
    finally:
        os.close(opened)


@contextmanager
def _returning() -> Iterator[None]:
    """Whatever namespace is entered inside, this thread comes back to the one it came from."""
    home = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        enter(f"/proc/self/fd/{home}")
        os.close(home)


def missing() -> str | None:
    """What this machine lacks for hosts, None if nothing.

    Told by facts: where a host cannot be made all the same, that is a failure.
    """
    linux = sys.platform.startswith("linux")
    if not linux or shutil.which("ip") is None or not os.access(TUN, os.R_OK | os.W_OK):
        return NEEDS
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    held = int(status["CapEff"], 16)
    return None if held & CAPABILITIES == CAPABILITIES else NEEDS


@dataclass(eq=False)
class Host:
    """A namespace. number: the last part of its addresses.

    heard: frames that it sends arrive. hears: frames for it arrive. delay_seconds: for each frame
    in either direction, from to. loss: the share of frames that get lost.
    """

    name: str
    number: int
    heard: bool = True
    hears: bool = True
    delay_seconds: tuple[float, float] = (0.0, 0.0)
    loss: float = 0.0
    card: int = field(init=False)
    _namespace: int = field(init=False)

    def __post_init__(self) -> None:
        with _returning():
            _check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET))
            self._namespace = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
            self.card = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self.card, TUNSETIFF, struct.pack("16sH", b"card", IFF_TAP_WITHOUT_HEADER))
            for words in (
                "link set lo up",
                f"link set card address {self.mac.hex(':')} up",
                f"address add {self.address}/24 dev card",
                f"address add {self.address6}/64 dev card nodad",
            ):
                subprocess.run(["ip", *words.split()], check=True, capture_output=True)

    @property
    def address(self) -> str:
        return f"10.77.0.{self.number}"

    @property
    def address6(self) -> str:
        return f"fd77::{self.number:x}"

    @property
    def mac(self) -> bytes:
        return bytes((2, 0, 0, 0, 0, self.number))

    @property
    def namespace(self) -> str:
        """A file for :func:`enter`, for other processes too while this one lives."""
        return f"/proc/{os.getpid()}/fd/{self._namespace}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread, and the threads and processes it starts, are on this host."""
        with _returning():
            enter(self.namespace)
            yield

    def cut(self) -> None:
        """Pull its cable."""
        self.heard = self.hears = False

    def mend(self) -> None:
        """Its cable is as good as new."""
        self.heard = self.hears = True
        self.delay_seconds, self.loss = (0.0, 0.0), 0.0

    def close(self) -> None:
        """Processes that are still there keep the namespace, without its card."""
        os.close(self.card)
        os.close(self._namespace)


class Network:
    """Hosts by name, and the switch between them. A context manager.

    seed: for losses and delays.
    """

    def __init__(self, *names: str, seed: int = 0) -> None:
        self.hosts: dict[str, Host] = {}
        self.lost = 0
        self._rng = random.Random(seed)
        self._turns = itertools.count()
        self._underway: list[tuple[float, int, Host, bytes]] = []
        self._arrival: dict[Host, float] = {}
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._carry, name="switch", daemon=True)
        for number, name in enumerate(names, 1):
            host = self.hosts[name] = Host(name, number)
            self._arrival[host] = 0.0
            self._selector.register(host.card, selectors.EVENT_READ, host)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._thread.join()
        self._selector.close()
        for host in self.hosts.values():
            host.close()

    def _carry(self) -> None:
        while not self._stopping:
            wait = self._underway[0][0] - time.monotonic() if self._underway else 0.1
            for key, _ in self._selector.select(min(0.1, max(0.0, wait))):
                with suppress(BlockingIOError):
                    while True:
                        self._take(key.data, os.read(key.fd, FRAME_BYTES))
            while self._underway and self._underway[0][0] <= time.monotonic():
                _, _, host, frame = heapq.heappop(self._underway)
                if host.hears:
                    self._give(host, frame)

    def _take(self, sender: Host, frame: bytes) -> None:
        if not sender.heard:
            self.lost += 1
            return
        for host in self.hosts.values():
            wanted = frame[0] & GROUP_BIT or frame[:6] == host.mac
            if not wanted or host is sender:
                continue
            if not host.hears or self._rng.random() < max(sender.loss, host.loss):
                self.lost += 1
                continue
            delay = sum(self._rng.uniform(*way.delay_seconds) for way in (sender, host))
            # A frame overtakes none before it.
            at = self._arrival[host] = max(self._arrival[host], time.monotonic() + delay)
            heapq.heappush(self._underway, (at, next(self._turns), host, frame))

    def _give(self, host: Host, frame: bytes) -> None:
        with suppress(OSError):
            os.write(host.card, frame)
