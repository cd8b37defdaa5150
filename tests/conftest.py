"""Fixtures for every test: real PostgreSQL, fresh for each test.

`database` is a migrated database, `empty_database` one without any table; both are URLs and are
dropped afterwards. `connection` and `aconnection` are autocommit psycopg connections to
`database`. `private_server` is a server of the test's own, to crash or stop.

Each test that needs a server has the marker `database`, by its fixtures or, where it starts one
itself, in its own words; without the marker it gets none. A test with the marker `random_seed`
does something else each time: a second try would prove nothing, so `--second-try` fails it. With
`--no-skips` what is skipped fails, for machines that must have everything.
"""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import psycopg
import pytest

from daemon.embedded import EmbeddedPostgres
from tests.kit import postgres
from tests.kit.postgres import Server, throwaway

# Whoever asks for one of these, even through other fixtures, talks to a PostgreSQL.
SERVERS = {"server", "private_server", "cluster"}
# Only in the process that owns the server: the controller, or the only process.
OWNED = pytest.StashKey[Server]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """For those who run once more what has failed, and those who must run everything."""
    parser.addoption(
        "--second-try",
        action="store_true",
        help="with --last-failed: a random_seed fails again, unasked",
    )
    parser.addoption("--no-skips", action="store_true", help="a test that is skipped fails")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for line in (
        "database: needs a PostgreSQL; set by the fixtures used, or by who starts one",
        "random_seed: another test each time; what it finds stays found",
    ):
        config.addinivalue_line("markers", line)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server."""
    for item in items:
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.hookimpl(tryfirst=True)  # before any fixture
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No server without the marker, no second try with another seed."""
    postgres.allowed = item.get_closest_marker("database") is not None
    if item.config.getoption("second_try") and item.get_closest_marker("random_seed"):
        pytest.fail("it failed with a random seed, which the first run tells", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What must be run is not skipped in silence."""
    report = yield
    if report.skipped and item.config.getoption("no_skips"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr}"
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the server before the first xdist worker, and tell each worker where it is."""
    server = node.config.stash.get(OWNED, None)
    if server is None:
        server = node.config.stash[OWNED] = Server.start()
    node.workerinput["postgres"] = (server.dsn, server.token)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the server down at the very end, after every worker."""
    server = config.stash.get(OWNED, None)
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The session's PostgreSQL server."""
    told = getattr(request.config, "workerinput", {}).get("postgres")
    if told is None:
        mine = request.config.stash[OWNED] = Server.start()
    else:
        mine = Server(*told)
    yield mine
    mine.disconnect()


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The URL of a database without any table."""
    with server.database(migrated=False) as dsn:
        yield dsn


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    with server.database(migrated=True) as dsn:
        yield dsn


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to `database`."""
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture
async def aconnection(database: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """An autocommit asyncio connection to `database`."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture
def private_server() -> Iterator[EmbeddedPostgres]:
    """A running server that belongs to this test alone; its data vanishes."""
    with throwaway() as server:
        yield server
