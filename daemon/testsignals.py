"""Points in a service that a test can await, and that cost nothing in production.

A service calls ``self.signals.emit("asleep")`` where something observable has happened. Nobody
listens in production: ``emit`` is then a dictionary look-up in an empty dictionary. A test asks
for a signal *before* it acts, and awaits it afterwards::

    asleep = claimer.signals.expect("asleep")
    await insert_request()
    await asleep

so no test sleeps for "long enough".
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any


class TestSignals:
    """Named moments. ``emit`` belongs to the event loop's thread."""

    __test__ = False  # pytest would take the name for a test class

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[Any]]] = defaultdict(list)
        self.counts: dict[str, int] = defaultdict(int)

    def emit(self, name: str, value: Any = None) -> None:
        """Say that ``name`` happened, with whatever a test may want to know about it."""
        self.counts[name] += 1
        if not self._waiting:
            return
        for future in self._waiting.pop(name, ()):
            if not future.done():
                future.set_result(value)

    def expect(self, name: str, timeout_seconds: float = 10.0) -> asyncio.Future[Any]:
        """A future of the next ``emit(name)``, with its value; TimeoutError when it stays out."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting[name].append(future)

        def too_late() -> None:
            if not future.done():
                future.set_exception(TimeoutError(f"no signal {name!r} in {timeout_seconds} s"))

        timer = loop.call_later(timeout_seconds, too_late)
        future.add_done_callback(lambda _: timer.cancel())
        return future
