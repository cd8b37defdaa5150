"""The kit's own promises: a helper that lies makes every test that uses it worthless."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest

from daemon.embedded import EmbeddedPostgres
from tests.kit.postgres import crash
from tests.kit.process import DaemonProcess
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually, until

ECHO_CHILD = """
import json, subprocess, sys, threading
print("not json", flush=True)
print(json.dumps({"message": "started", "number": 1}), flush=True)
print(json.dumps({"message": "started", "number": 2}), flush=True)
if "stray" in sys.argv:
    waiting = [sys.executable, "-c", "input()"]
    subprocess.Popen(waiting, stdin=subprocess.PIPE, start_new_session=True)
if "end" not in sys.argv:
    threading.Event().wait()
"""


@asynccontextmanager
async def echo_through_proxy() -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1000):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1])
    await asyncio.to_thread(proxy.start)
    try:
        yield proxy
    finally:
        await asyncio.to_thread(proxy.stop)
        server.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with echo_through_proxy() as running:
        yield running


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.readexactly(len(text))


Connect = Callable[[], Awaitable[Client]]


@pytest.fixture
async def connect(proxy: Proxy) -> AsyncIterator[Connect]:
    clients: list[Client] = []

    async def open_client() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", proxy.port)))
        return clients[-1]

    yield open_client
    for client in clients:
        client.writer.close()
        with suppress(ConnectionError):
            await client.writer.wait_closed()


async def test_forwards(proxy: Proxy, connect: Connect) -> None:
    """What is sent through the proxy arrives, and its answer comes back."""
    client = await connect()
    assert await client.say(b"hello") == b"hello"
    assert proxy.passed == {"to_client": 5, "to_server": 5}
    client.writer.close()
    await eventually(lambda: proxy.connections == 0)


async def test_cut(proxy: Proxy, connect: Connect) -> None:
    """A cut connection ends with a reset, and the next one works."""
    client = await connect()
    await client.say(b"hello")
    assert proxy.cut() == 1
    with pytest.raises(ConnectionResetError):
        await client.reader.readexactly(1)
    assert await (await connect()).say(b"again") == b"again"


async def test_swallow(proxy: Proxy, connect: Connect) -> None:
    """Swallowed bytes arrive only after the proxy forwards again."""
    client = await connect()
    await client.say(b"hello")
    proxy.swallow()
    saying = asyncio.create_task(client.say(b"late"))
    second = await connect()
    await eventually(lambda: proxy.accepted == 2)
    assert proxy.passed["to_server"] == 5
    assert not saying.done()
    proxy.forward()
    assert await saying == b"late"
    assert await second.say(b"too") == b"too"


async def test_cut_while_swallowed(proxy: Proxy, connect: Connect) -> None:
    """A connection can be cut while nothing flows."""
    proxy.swallow()
    client = await connect()
    await eventually(lambda: proxy.connections == 1)
    proxy.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.reader.readexactly(1)
    assert proxy.connections == 0


async def test_cut_after(proxy: Proxy, connect: Connect) -> None:
    """An answer can be cut in its middle, once."""
    proxy.cut_after(3)
    client = await connect()
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await client.say(b"hello")
    assert caught.value.partial == b"hel"
    assert await (await connect()).say(b"hello") == b"hello"


async def test_refuse(proxy: Proxy, connect: Connect) -> None:
    """A refusing proxy is like a host without the server, and comes back on the same port."""
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    proxy.forward()
    assert proxy.port == port
    assert await (await connect()).say(b"back") == b"back"


async def test_delay(proxy: Proxy, connect: Connect) -> None:
    """A delayed chunk still arrives."""
    proxy.delay(0.05)
    assert await (await connect()).say(b"slow") == b"slow"


def test_proxy_before_a_database(empty_database: str) -> None:
    """A database URL can be led through a proxy."""
    with (
        Proxy.before(empty_database) as proxy,
        psycopg.connect(proxy.through(empty_database), autocommit=True) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_databases_are_fresh_copies(database: str, empty_database: str) -> None:
    """A migrated database has our tables, an empty one has none."""
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    with psycopg.connect(database) as migrated, psycopg.connect(empty_database) as empty:
        found = migrated.execute(tables).fetchone()
        assert found is not None and found[0] > 10
        assert empty.execute(tables).fetchone() == (0,)


def test_a_crashed_server_recovers(private_server: EmbeddedPostgres) -> None:
    """A private server can crash and be started again with what was committed."""
    with psycopg.connect(private_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    crash(private_server)
    private_server.start()
    with psycopg.connect(private_server.dsn()) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.fixture
def child() -> Iterator[DaemonProcess]:
    with DaemonProcess(program=[sys.executable, "-c", ECHO_CHILD], args=[]) as started:
        yield started


def test_events_are_found_by_name_and_values(child: DaemonProcess) -> None:
    """A child's log lines are waited for by name and by their values."""
    assert child.wait_event("started", number=2)["number"] == 2
    assert len(child.seen("started")) == 2
    assert child.other_output == ["not json"]


def test_a_missing_event_of_an_ended_child_is_told_at_once() -> None:
    """Waiting ends with the child's last words when the event cannot come any more."""
    with (
        DaemonProcess(program=[sys.executable, "-c", ECHO_CHILD], args=["end"]) as child,
        pytest.raises(TimeoutError, match="exit status: 0"),
    ):
        child.wait_event("never", seconds=3600)


def test_a_child_can_be_frozen_thawed_and_killed(child: DaemonProcess) -> None:
    """SIGSTOP, SIGCONT and SIGKILL do what they say."""
    child.wait_event("started")
    child.freeze()
    child.thaw()
    child.kill()
    assert child.wait() == -9


def test_strays_are_found() -> None:
    """A descendant in another session is noticed."""
    with DaemonProcess(program=[sys.executable, "-c", ECHO_CHILD], args=["stray"]) as child:
        until(lambda: len(child.strays()) == 1)
        child.kill()
        child.assert_no_orphans()


def test_until_names_what_did_not_happen() -> None:
    """A missed deadline says what was waited for and what was seen last."""
    with pytest.raises(TimeoutError, match=r"pigs fly; last value: 0"):
        until(lambda: 0, 0.01, what="pigs fly")


async def test_eventually_takes_coroutines() -> None:
    """An asynchronous condition may be a coroutine function."""
    ready = threading.Event()
    asyncio.get_running_loop().call_soon(ready.set)

    async def condition() -> bool:
        return ready.is_set()

    assert await eventually(condition) is True
