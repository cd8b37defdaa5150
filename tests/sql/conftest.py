"""The queue of a fresh database."""

from typing import Any

import psycopg
import pytest

from tests.sql.driver import Queue


@pytest.fixture
def queue(connection: psycopg.Connection[Any]) -> Queue:
    """One daemon's view of the queue."""
    return Queue(connection)
