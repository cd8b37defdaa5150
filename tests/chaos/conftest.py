"""Fixtures of the fault tests."""

from collections.abc import Iterator

import pytest

from daemon.demo.model_server import ModelServer, running_server
from tests.chaos.invariants import watch


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """A model server, in a thread: child processes and the test's loop reach it alike."""
    made = ModelServer()
    with running_server(made):
        yield made


@pytest.fixture
def watched(database: str) -> str:
    """A migrated database that writes down every step."""
    watch(database)
    return database
