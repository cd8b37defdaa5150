"""A worker process for one request: analysis takes seconds of CPU, and the daemon's loop has none.

The process gets an empty environment, limits on memory and time, and a lower priority; it talks
in pickles over its standard streams, and ends when its input ends. The loop only waits. A request
that is cancelled, times out or loses its lease kills the process with the tools it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import resource
import signal
import struct
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from agents.code.collect import Refused

ROOT: Final = Path(__file__).resolve().parents[2]
MOST_BYTES: Final = 3 * 1024**3
MOST_CPU_SECONDS: Final = 600
NICE: Final = 10
_LENGTH: Final = struct.Struct("!Q")


class ProcessFailed(Exception):
    """The process broke; the text names the kind of error, and nothing of the code."""


class Remote:
    """A :class:`agents.code.workshop.Workshop` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, name: str, *args: Any) -> Any:
        """The result of one of the functions of `_SERVED`. Raises Refused, ProcessFailed."""
        reading, writing = self._process.stdout, self._process.stdin
        assert reading is not None
        assert writing is not None
        message = pickle.dumps((name, args))
        try:
            writing.write(_LENGTH.pack(len(message)) + message)
            await writing.drain()
            (length,) = _LENGTH.unpack(await reading.readexactly(_LENGTH.size))
            # Read whole: what comes is our own process', masked and bounded.
            kind, value = pickle.loads(await reading.readexactly(length))  # noqa: S301
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise ProcessFailed("the analysis ended before it answered") from error
        if kind == "refused":
            raise Refused(*value)
        if kind == "error":
            raise ProcessFailed(f"{name} broke: {value}")
        return value


@contextlib.asynccontextmanager
async def remote() -> AsyncIterator[Remote]:
    """A fresh process, killed with all it started when the block is left."""
    with tempfile.TemporaryDirectory(prefix="analysis-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agents.code.process",
            cwd=ROOT,
            env={"HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield Remote(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


# --- in the process ------------------------------------------------------------------------------


class _Bench:
    """Keeps the workshop between calls."""

    def __init__(self) -> None:
        self._workshop: Any = None

    def serve(self, name: str, args: tuple[Any, ...]) -> Any:
        from agents.code.opening import opened
        from agents.code.workshop import Workshop

        if name == "open":
            given, root, tree, changed = args
            found = opened(given, root, tree, changed)
            self._workshop = Workshop(found, given.get("analysis_type", "comprehensive"))
            return {
                "kind": found.collected.kind,
                "whole": found.whole,
                "commit": found.commit,
                "files": sorted(found.collected.files),
            }
        found = getattr(self._workshop, name)(*args)
        # Its findings hold code that is not masked yet.
        return None if name == "analyse" else found


def main() -> None:
    """Answer calls until the input ends."""
    reading = sys.stdin.buffer
    writing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever prints must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _limit()
    bench = _Bench()
    while (message := _message(reading)) is not None:
        name, args = pickle.loads(message)  # noqa: S301 - our parent's
        try:
            answer: tuple[str, Any] = ("value", bench.serve(name, args))
        except Refused as refused:
            answer = ("refused", (refused.key, str(refused).removeprefix(f"{refused.key} ")))
        except MemoryError:
            answer = ("error", "the code needs more memory than an analysis may take")
        except Exception as error:  # noqa: BLE001 - the parent decides; its text may hold code
            answer = ("error", type(error).__name__)
        data = pickle.dumps(answer)
        writing.write(_LENGTH.pack(len(data)) + data)
        writing.flush()


def _message(reading: BinaryIO) -> bytes | None:
    head = reading.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    return reading.read(length)


def _limit() -> None:
    os.nice(NICE)
    for kind, most in (
        (resource.RLIMIT_AS, MOST_BYTES),
        (resource.RLIMIT_CPU, MOST_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
