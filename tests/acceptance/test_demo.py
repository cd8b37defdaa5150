"""The demo, as a newcomer runs it."""

from __future__ import annotations

import signal
import urllib.request
from typing import Any

import pytest

from tests.kit.process import DaemonProcess
from tests.kit.signals import until

PLAYED_SECONDS = 120.0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_leaves_nothing_running(server: Any, number: signal.Signals) -> None:
    """Every request ends as it should and the console is open; told to end, by a terminal, a
    supervisor or a closed connection, it takes the daemon along."""
    arguments = ("demo", "--stay", "--model", "none")
    with DaemonProcess({"DATABASE_URL": server.dsn, "COLUMNS": "200"}, arguments) as demo:
        said = until(
            lambda: (
                demo.other_output
                if any("Ctrl-C ends the demo" in line for line in demo.other_output)
                else None
            ),
            PLAYED_SECONDS,
            what="the demo has been played",
        )
        assert said is not None
        address = next(line.strip() for line in said if line.strip().endswith("/gui"))
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert answer.status == 200
        assert demo.strays()
        demo.signal(number)
        assert demo.wait(60) == 0, demo.report()
        assert demo.strays() == []
        assert any("requests ended as they should" in line for line in demo.other_output)
