"""Hears the database: one direct connection that does nothing but LISTEN and hold the doorbell.

Channels: ``ai_requests`` (hints that there may be work, and cancels), ``ai_config`` (an agent's
row changed), and one of our own for the self-test. A hint is never trusted and never needed: a
poll stands behind it.

**Doorbell.** While this daemon sleeps it holds its slot's session lock exclusively, and inserting
transactions that find the slot taken ring. The one order that loses no wake-up is: take the lock
(waiting for producers in flight), claim once more, wait. :mod:`daemon.claimer` keeps that order;
here are :meth:`Listener.lie_down` and :meth:`Listener.get_up`. There are eight slots; a ninth
sleeper has no lock, hears the rings that the others' cause, and polls.

**Self-test.** Behind a transaction pooler LISTEN succeeds and nothing ever arrives; over a
half-open connection likewise. So every ten seconds we notify ourselves through another
connection. What does not come back in time is *deaf*: said once, polled around. A connection that
was fine and falls silent is replaced; the lock is only ever taken on one that hears.

The socket is read by the event loop directly, not by ``AsyncConnection.notifies()``: that
generator holds the connection, and would have to be broken off for each lock and unlock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from daemon import backoff, clock
from daemon.database import brief, told
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.statements import Statements
from daemon.store import doorbell_lock, doorbell_unlock

REQUESTS, CONFIG = "ai_requests", "ai_config"
SELF_TEST_SECONDS = 10.0
ANSWER_SECONDS = 3.0
UNSENT_SECONDS = 1.0
RECONNECT_CAP_SECONDS = 10.0
DEAF = (
    "LISTEN is accepted but nothing arrives: DATABASE_URL goes through a transaction pooler;"
    " set DATABASE_UNPOOLED_URL to a direct connection. Polling until then."
)

log = get_logger(__name__)


class Listener(Service):
    """``wake`` is set whenever there may be work; whoever looks clears it *before* looking.

    connect: opens the connection. notify: sends (channel, payload) through *another* connection.
    on_cancel gets request ids, on_config the task type whose row changed ('' for any); both must
    return at once. on_deaf: LISTEN works and nothing arrives. on_restarted: a connection took the
    place of one that was lost, and hears; it gets the seconds in between.
    """

    name: ClassVar[str] = "listener"

    def __init__(
        self,
        *,
        worker_id: str,
        connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]],
        notify: Callable[[str, str], Awaitable[None]],
        statements: Statements,
        meters: Meters,
        on_cancel: Callable[[int], None] = lambda _: None,
        on_config: Callable[[str], None] = lambda _: None,
        on_deaf: Callable[[], None] = lambda: None,
        on_restarted: Callable[[float], None] = lambda _: None,
        self_test_seconds: float = SELF_TEST_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        super().__init__()
        self.wake = asyncio.Event()
        self.rings = 0
        self._channel = f"ai_canary_{worker_id}"[:63]
        self._connect = connect
        self._notify = notify
        self._statements = statements
        self._meters = meters
        self._on_cancel = on_cancel
        self._on_config = on_config
        self._on_deaf = on_deaf
        self._on_restarted = on_restarted
        self._lost_monotonic: float | None = None
        self._self_test_seconds = self_test_seconds
        self._answer_seconds = answer_seconds
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._watched: int | None = None
        self._busy = asyncio.Lock()
        self._broken = asyncio.Event()
        self._tried = asyncio.Event()
        self._slot: int | None = None
        self._beat = 0
        self._answers: dict[str, asyncio.Future[float | None]] = {}
        self._hearing = False
        self._said_deaf = False
        self._roundtrip_seconds: float | None = None
        self._heard_monotonic = clock.monotonic()
        self._rung_monotonic = clock.monotonic()

    @property
    def hearing(self) -> bool:
        """True while the last self-test came back on this connection."""
        return self._hearing

    @property
    def heard(self) -> tuple[float | None, float]:
        """Seconds of the last notification to ourselves, None before the first; and for how long
        none has come back since, or since the start."""
        return self._roundtrip_seconds, clock.monotonic() - self._heard_monotonic

    @property
    def unrung_seconds(self) -> float:
        """For how long nothing has rung."""
        return clock.monotonic() - self._rung_monotonic

    @property
    def lying(self) -> bool:
        """True while the doorbell's lock is held: whoever inserts rings."""
        return self._slot is not None

    async def lie_down(self) -> bool:
        """Take the doorbell's lock, so that whoever inserts from now on rings.

        True when it was taken just now: the caller must look at the queue once more before it
        waits. False when it was held already, or cannot be had: then only the poll is left.
        """
        if self.lying or not self._hearing:
            return False
        async with self._busy:
            connection = self._connection
            if connection is None or not self._hearing:
                return False
            try:
                async with self._unread(connection):
                    slot = await doorbell_lock(connection, self._statements)
            except psycopg.errors.LockNotAvailable:
                return False  # a producer takes its time to commit
            except psycopg.Error as error:
                self._break(connection, error)
                return False
            if slot is None or connection is not self._connection:
                return False
            self._slot = slot
        self.signals.emit("lying")
        return True

    async def get_up(self) -> None:
        """Give the doorbell's lock back: inserts cost the main app nothing from now on."""
        if not self.lying:
            return
        async with self._busy:
            connection, slot = self._connection, self._slot
            if slot is None or connection is None:
                return
            self._slot = None
            try:
                async with self._unread(connection):
                    await doorbell_unlock(connection, self._statements, slot)
            except psycopg.Error as error:
                self._break(connection, error)
        self.signals.emit("up")

    @asynccontextmanager
    async def _unread(self, connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
        """Run statements: psycopg watches the socket meanwhile, then the event loop does again.

        Broken off in the middle, nobody knows whether the lock is held: the connection must go.
        """
        self._look_away()
        try:
            yield
        except asyncio.CancelledError as error:
            self._break(connection, error)
            raise
        finally:
            if not connection.closed and connection is self._connection:
                self._watched = connection.fileno()
                asyncio.get_running_loop().add_reader(self._watched, self._readable)
                self._readable()

    def _look_away(self) -> None:
        """No longer watch the socket. By its number: libpq closes it as soon as the line is dead,
        and the event loop would take the next socket of that number for one it watches already."""
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None

    def _readable(self) -> None:
        """Take whatever has arrived; an error or the end of the stream breaks the connection."""
        connection = self._connection
        if connection is None:
            return
        try:
            connection.pgconn.consume_input()
            while (note := connection.pgconn.notifies()) is not None:
                self._heard(note.relname.decode(), note.extra.decode("utf-8", "replace"))
            if connection.pgconn.status != psycopg.pq.ConnStatus.OK:
                raise psycopg.OperationalError("the server closed the connection")
        except psycopg.Error as error:
            self._break(connection, error)

    def _heard(self, channel: str, payload: str) -> None:
        if channel == self._channel:
            answer = self._answers.pop(payload, None)
            if answer is not None and not answer.done():
                answer.set_result(clock.monotonic())
        elif channel == CONFIG:
            self._on_config(payload)
            self._ring()
        else:
            cancelled = cancelled_id(payload)
            if cancelled is not None:
                self._on_cancel(cancelled)
            self._ring()

    def _ring(self) -> None:
        self.rings += 1
        self._rung_monotonic = clock.monotonic()
        self.wake.set()

    def _break(self, connection: psycopg.AsyncConnection[Any], error: BaseException) -> None:
        """This connection is of no use any more; the loop replaces it."""
        if connection is not self._connection:
            return  # replaced already
        self._look_away()
        if not self._broken.is_set():
            log.info("listener_connection_lost", error=brief(error))
        self._broken.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)

    async def _opened(self) -> None:
        self._tried.clear()

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Returns once the first connection listens and has been tested, or was found deaf."""
        await super().start(group)
        tried = asyncio.ensure_future(self._tried.wait())
        # The loop may be stopped, or fail, before it comes so far.
        await asyncio.wait({tried, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._open_connection()
            except (psycopg.Error, OSError) as error:
                attempt += 1
                log.warning("listener_unavailable", attempt=attempt, **told(error))
                await self._drop()
                await self._pause(attempt)
                continue
            await self._attend()
            # One that never heard anything was no better than none.
            attempt = 1 if self._hearing else attempt + 1
            self._meters.listener_reconnects.inc()
            await self._drop()
            # Also spreads the daemons that one restart has disconnected at the same moment.
            await self._pause(attempt)

    async def _pause(self, attempt: int) -> None:
        await asyncio.sleep(
            backoff.full_jitter(attempt, base_seconds=0.2, cap_seconds=RECONNECT_CAP_SECONDS)
        )

    async def _open_connection(self) -> None:
        """Connect and LISTEN, then have the queue looked at: what rang meanwhile was not heard."""
        self._broken.clear()
        connection = await self._connect()
        self._connection = connection
        connection.add_notify_handler(lambda note: self._heard(note.channel, note.payload))
        async with self._busy, self._unread(connection):
            for channel in (REQUESTS, CONFIG, self._channel):
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        self.signals.emit("listening")
        self._on_config("")
        self._ring()

    async def _attend(self) -> None:
        """Test the connection again and again; returns when it is broken or has fallen silent."""
        while not self._broken.is_set():
            came_back = await self._self_test()
            if came_back is False and (self._hearing or self._broken.is_set()):
                log.warning("listener_silent", after_seconds=self._answer_seconds)
                return
            if came_back is not None:
                self._set_hearing(came_back)
            self._tried.set()
            pause = self._self_test_seconds if came_back is not None else UNSENT_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._broken.wait()

    async def _self_test(self) -> bool | None:
        """Whether a notification comes back; None, for "unknown", where none could be sent."""
        self._beat += 1
        payload = str(self._beat)
        answer: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._answers[payload] = answer
        sent = clock.monotonic()
        try:
            try:
                await self._notify(self._channel, payload)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.info("self_test_not_sent", error=brief(error))
                return None
            try:
                async with asyncio.timeout(self._answer_seconds):
                    heard = await answer
            except TimeoutError:
                return False
            if heard is None:
                return False
            self._roundtrip_seconds, self._heard_monotonic = heard - sent, heard
            self._meters.notify_roundtrip_seconds.set(heard - sent)
            return True
        finally:
            self._answers.pop(payload, None)

    def _set_hearing(self, hearing: bool) -> None:
        if hearing and not self._hearing:
            log.info("listener_connected")
            self._said_deaf = False
            if self._lost_monotonic is not None:
                self._on_restarted(clock.monotonic() - self._lost_monotonic)
                self._lost_monotonic = None
        if not hearing and not self._said_deaf:
            log.error("listener_deaf", reason=DEAF)
            self._said_deaf = True
            self._on_deaf()
        self._hearing = hearing
        self._meters.listener_connected.set(hearing)
        self.signals.emit("hearing" if hearing else "deaf")

    async def _drop(self) -> None:
        """Forget the connection: its locks go with it."""
        connection, self._connection = self._connection, None
        if self._hearing:
            self._lost_monotonic = clock.monotonic()
        self._hearing = False
        self._slot = None
        self._meters.listener_connected.set(0)
        self._look_away()
        if connection is not None:
            await connection.close()
        # The doorbell is silent until we listen again: whoever sleeps must know it.
        self.wake.set()

    async def _closed(self) -> None:
        await self._drop()


def cancelled_id(payload: str) -> int | None:
    """The id in a ``{"cancel": 7}`` hint; None for every other payload, however it is formed."""
    if not payload.startswith("{") or len(payload) > 64:
        return None
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    found = value.get("cancel") if isinstance(value, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None
