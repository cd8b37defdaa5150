"""A daemon in a process of its own, for tests that start, stop, freeze and kill it.

Its standard output is read as it comes: one JSON object per line, whose `message` is the event's
name. Tests wait for events by name, never for a time.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.kit.signals import PATIENCE_SECONDS, until

ROOT = Path(__file__).resolve().parents[2]
# Carried by every descendant, so that strays are found even in another session.
MARK = "TEST_PROCESS_MARK"
KEPT_LINES = 40

Event = dict[str, Any]


class DaemonProcess:
    """`python -m daemon ARGS` as a child. A context manager that leaves nothing running.

    env: added to a clean environment (no keys, URLs or settings of the caller's); a value of
    None is left out. The status server's port is `port`, chosen free unless `PORT` is given.
    """

    def __init__(
        self,
        env: Mapping[str, str | None] | None = None,
        args: Sequence[str] = ("run",),
        *,
        program: Sequence[str] = (sys.executable, "-m", "daemon"),
    ) -> None:
        self.port = int((env or {}).get("PORT") or free_port())
        self.events: list[Event] = []
        self.other_output: list[str] = []
        self._argv = [*program, *args]
        self._mark = secrets.token_hex(8)
        self._env = clean_environment() | {"PORT": str(self.port), MARK: self._mark}
        self._env |= {name: value for name, value in (env or {}).items() if value is not None}
        self._news = threading.Condition()
        self._readers: list[threading.Thread] = []
        self._open_streams = 0
        self._child: subprocess.Popen[str] | None = None

    @property
    def child(self) -> "subprocess.Popen[str]":
        """The process; an error before `start`."""
        assert self._child is not None, "the process was not started"
        return self._child

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def base_url(self) -> str:
        """Where its status server answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it, in a session of its own; returns at once."""
        self._child = subprocess.Popen(
            self._argv,
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._open_streams = 2
        for stream in (self._child.stdout, self._child.stderr):
            assert stream is not None
            reader = threading.Thread(target=self._read, args=[stream], daemon=True)
            reader.start()
            self._readers.append(reader)
        return self

    def seen(self, name: str, **fields: object) -> list[Event]:
        """The events so far with this name and these values, oldest first."""
        return [event for event in list(self.events) if _matches(event, name, fields)]

    def wait_event(
        self,
        name: str,
        seconds: float = PATIENCE_SECONDS,
        *,
        after: int = 0,
        **fields: object,
    ) -> Event:
        """The first matching event from number `after` of `events` on; waits for it.

        Raises TimeoutError after `seconds`, or as soon as the process has ended without it.
        """

        def look() -> Event | None:
            for event in self.events[after:]:
                if _matches(event, name, fields):
                    return event
            return None

        with self._news:
            self._news.wait_for(lambda: look() or not self._open_streams, seconds)
            if found := look():
                return found
            ended = not self._open_streams
        if ended:
            with suppress(subprocess.TimeoutExpired):  # its output may close a moment earlier
                self.child.wait(PATIENCE_SECONDS)
        raise TimeoutError(f"no event {name!r} {fields or ''}\n{self.report()}")

    async def await_event(
        self, name: str, seconds: float = PATIENCE_SECONDS, *, after: int = 0, **fields: object
    ) -> Event:
        """`wait_event` for a test that has a loop to keep running."""
        return await asyncio.to_thread(self.wait_event, name, seconds, after=after, **fields)

    def freeze(self) -> None:
        """SIGSTOP; returns when the process has really stopped."""
        self.signal(signal.SIGSTOP)
        until(lambda: process_state(self.pid) == "T", what="the process is stopped")

    def thaw(self) -> None:
        """SIGCONT: a zombie wakes up, unaware of the time that has passed."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        """SIGTERM: ask it to drain. `wait` tells how it went."""
        self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send any signal to the process itself, not to its children."""
        self.child.send_signal(number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit status; negative for a signal. Raises TimeoutError with its last words."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"still running after {seconds:g} seconds\n{self.report()}"
            ) from None
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return status

    def strays(self) -> list[int]:
        """Living processes that this one started, directly or not, itself excluded."""
        return [pid for pid in marked_processes(self._mark, self.pid) if pid != self.pid]

    def assert_no_orphans(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Nothing that it started outlives it."""
        until(lambda: not self.strays(), seconds, what=f"no process left of {self._argv}")

    def report(self) -> str:
        """The last lines that it wrote, for the message of a failed test."""
        lines = [json.dumps(event) for event in self.events[-KEPT_LINES:]]
        status = self._child.poll() if self._child else "not started"
        return "\n".join([f"exit status: {status}", *lines, *self.other_output[-KEPT_LINES:]])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.child.poll() is None:
            self.kill()
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for stream in (self.child.stdout, self.child.stderr):
            assert stream is not None
            stream.close()
        # An embedded server needs a moment to follow its owner.
        self.assert_no_orphans()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            with self._news:
                if isinstance(event, dict):
                    self.events.append(event)
                else:
                    self.other_output.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._open_streams -= 1
            self._news.notify_all()


def ended(
    *arguments: str, env: Mapping[str, str | None] | None = None, **options: Any
) -> tuple[int, DaemonProcess]:
    """A command, run to its end: its exit status, and the process with all that it said."""
    with DaemonProcess(env, arguments, **options) as process:
        return process.wait(60), process


def _matches(event: Event, name: str, fields: Mapping[str, object]) -> bool:
    return event.get("message") == name and all(
        event.get(field) == value for field, value in fields.items()
    )


def clean_environment() -> dict[str, str]:
    """Only what a program needs to run: a developer's own keys and URLs must not leak in."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def process_state(pid: int) -> str:
    """One letter, as `ps` shows it: R, S, T (stopped), Z (dead, unburied); '' when gone."""
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return ""
    shown = subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()[:1]


def marked_processes(mark: str, session: int) -> list[int]:
    """Living processes that carry `mark` in their environment or belong to `session` (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        state, its_session = status[0], int(status[3])
        carries = f"{MARK}={mark}".encode() in environment
        if state != "Z" and (carries or its_session == session):
            found.append(int(folder.name))
    return found
