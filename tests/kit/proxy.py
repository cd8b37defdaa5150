"""A TCP proxy on loopback that misbehaves on demand, in front of a database or a model server.

It forwards until told otherwise: connections can be cut (with a reset, as a crashed peer does),
swallowed (they stay open and nothing moves, as after a pulled cable), delayed, cut in the middle
of an answer, or refused. It runs in a thread with a loop of its own, so tests, their event loop
and child processes can all talk through it.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

T = TypeVar("T")
Direction = Literal["to_client", "to_server"]

CHUNK_BYTES = 65_536
CALL_SECONDS = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards 127.0.0.1:`port` to `host`:`server_port`. A context manager.

    `connections` counts the living ones, `accepted` all so far, `passed` the bytes forwarded in
    each direction. Every method may be called from any thread and takes effect before it returns.
    """

    def __init__(self, host: str, server_port: int) -> None:
        self.port = 0
        self.accepted = 0
        self.passed: dict[Direction, int] = {"to_client": 0, "to_server": 0}
        self._target = (host, server_port)
        self._links: set[_Link] = set()
        self._delay_seconds = 0.0
        self._allowance: tuple[Direction, int] | None = None
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @classmethod
    def before(cls, url: str) -> Self:
        """A proxy for the server in `url` (postgresql:// or http://)."""
        parts = urlsplit(url)
        default = {"http": 80}.get(parts.scheme, 5432)
        return cls(parts.hostname or "127.0.0.1", parts.port or default)

    def through(self, url: str) -> str:
        """`url` with this proxy in the place of its host and port."""
        parts = urlsplit(url)
        login, found, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{found}127.0.0.1:{self.port}"))

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._links)

    def start(self) -> None:
        """Listen; the port is chosen once and kept."""
        if not self._thread.is_alive():
            self._thread.start()
        self._call(self._listen)

    def stop(self) -> None:
        """Reset every connection and end the thread."""
        if not self._thread.is_alive():
            return
        self._call(self._close_everything)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    def forward(self) -> None:
        """Behave again: listen, let swallowed bytes flow, forget delays and cuts to come."""

        async def behave() -> None:
            self._delay_seconds = 0.0
            self._allowance = None
            self._flowing.set()
            await self._listen()

        self._call(behave)

    def cut(self) -> int:
        """Reset every open connection; new ones are welcome. Returns how many there were."""

        async def cut() -> int:
            return len(await self._cut_links())

        return self._call(cut)

    def refuse(self) -> None:
        """Reset every connection and refuse new ones, as a host without the server does."""

        async def refuse() -> None:
            await self._close_everything()

        self._call(refuse)

    def swallow(self) -> None:
        """Keep connections open, and take new ones, but let nothing through either way.

        What was sent meanwhile arrives late after `forward`, as TCP delivers after an outage.
        """

        async def swallow() -> None:
            self._flowing.clear()

        self._call(swallow)

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for `seconds` in each direction."""

        async def delay() -> None:
            self._delay_seconds = seconds

        self._call(delay)

    def cut_after(self, count: int, direction: Direction = "to_client") -> None:
        """Pass `count` more bytes in `direction`, then close that connection, once.

        The bytes are counted over all connections; the one that crosses the line is cut.
        """

        async def allow() -> None:
            self._allowance = (direction, count)

        self._call(allow)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _call(self, action: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(action(), self._loop).result(CALL_SECONDS)

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _close_everything(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._cut_links()

    async def _cut_links(self) -> "list[_Link]":
        links = list(self._links)
        for link in links:
            link.reset()
            # A swallowed link waits for better times and would not notice.
            link.task.cancel()
        await asyncio.gather(*(link.task for link in links), return_exceptions=True)
        return links

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        link = _Link(task)
        link.add(writer)
        self._links.add(link)
        try:
            await self._flowing.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._target)
            link.add(server_writer)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump("to_server", reader, server_writer, link))
                pumps.create_task(self._pump("to_client", server_reader, writer, link))
            link.finish()
        except* (OSError, asyncio.CancelledError):
            link.reset()
        finally:
            self._links.discard(link)

    async def _pump(
        self,
        direction: Direction,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        link: "_Link",
    ) -> None:
        while chunk := await source.read(CHUNK_BYTES):
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            await self._flowing.wait()
            allowed = self._allowed(direction, len(chunk))
            self.passed[direction] += allowed
            sink.write(chunk[:allowed])
            with suppress(ConnectionError):
                await sink.drain()
            if allowed < len(chunk):
                link.finish()
                return
        with suppress(OSError):
            sink.write_eof()

    def _allowed(self, direction: Direction, size: int) -> int:
        """How much of a chunk of `size` bytes may pass; a smaller number ends the connection."""
        if self._allowance is None or self._allowance[0] != direction:
            return size
        left = self._allowance[1]
        if size <= left:
            self._allowance = (direction, left - size)
            return size
        self._allowance = None
        return left


class _Link:
    """Both sides of one connection, and the task that pumps between them."""

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self.task = task
        self._writers: list[asyncio.StreamWriter] = []

    def add(self, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)

    def reset(self) -> None:
        """Close both sides with a TCP reset: the peers see a crash, not a goodbye."""
        for writer in self._writers:
            if (raw := writer.get_extra_info("socket")) is not None:
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def finish(self) -> None:
        """Close both sides after what was already written: a reset could overtake the bytes."""
        for writer in self._writers:
            writer.close()
