"""The log: what a library says again and again is said seldom."""

from __future__ import annotations

import logging
import subprocess
import sys

from daemon import log
from tests.kit.process import ROOT


def record(words: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("psycopg.pool", logging.WARNING, __file__, 1, words, args, None)


def test_a_pool_without_its_database_does_not_flood() -> None:
    """The same words of the same pool come once a minute; another reason, or pool, at once."""
    now = 100.0
    seldom = log.Seldom(lambda: now)
    refused = ("error connecting in %r: %s", "pool", OSError("refused"))
    assert seldom.filter(record(*refused))
    now += 1
    assert not seldom.filter(record(*refused))
    assert seldom.filter(record("error connecting in %r: %s", "reader", OSError("refused")))
    assert seldom.filter(record("error connecting in %r: %s", "pool", OSError("too many")))
    assert seldom.filter(record("discarding closed connection: %s", object()))
    assert not seldom.filter(record("discarding closed connection: %s", object()))
    now += log.SELDOM_SECONDS
    assert seldom.filter(record(*refused))


def test_the_pools_logger_is_seldom() -> None:
    """It is the logger of the library's, by its name, that has the filter; once, however often
    the log is set up."""
    source = (
        "from daemon import log; log.configure(); log.configure('DEBUG')\n"
        "from psycopg_pool import pool_async\n"
        "print(*(type(one).__name__ for one in pool_async.logger.filters))"
    )
    said = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout == "Seldom\n"
