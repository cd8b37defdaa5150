"""Sends what the outbox holds, and calls the dead man's switch.

Delivery is *at least once*: a message is marked as sent after its receiver took it, so a daemon
that dies in between leaves it to another, who sends it again half a minute later. It then carries
the same id (``X-Message-Id``, the JSON's ``id``, the mail's Message-ID): a receiver can tell.

**Dead man's switch.** Whoever watches this service from outside cannot see whether its checks
still run. So ``HEARTBEAT_URL`` is called each minute, and only while the last run of the checks is
fresh: silence is the alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import aiohttp
import psycopg

from daemon import backoff
from daemon.alerts.channels import Channel, NotTaken, send
from daemon.alerts.store import AlertStore
from daemon.database import brief, is_transient, refusal
from daemon.lifecycle import Loop, Service
from daemon.log import get_logger
from daemon.outgoing import careful_session

LOOK_SECONDS = 5.0
LEASE_SECONDS = 30.0
"""Longer than any attempt takes; after that another daemon takes over."""
HEARTBEAT_SECONDS = 60.0
AGAIN_BASE_SECONDS, AGAIN_CAP_SECONDS = 15.0, 900.0

Json = Any

log = get_logger(__name__)


class Outbox(Service):
    """fresh: whether the health checks ran lately. key: signs webhooks."""

    name: ClassVar[str] = "outbox"

    def __init__(
        self,
        *,
        store: AlertStore,
        worker_id: str,
        channels: Sequence[Channel],
        key: str | None = None,
        heartbeat_url: str | None = None,
        fresh: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._store = store
        self._worker_id = worker_id
        self._channels = tuple(channels)
        self._key = key
        self._heartbeat_url = heartbeat_url
        self._fresh = fresh
        self._session: aiohttp.ClientSession | None = None
        self._failing: set[str] = set()

    def _loops(self) -> list[Loop]:
        return [self._sending, self._beating]

    async def _closed(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _client(self) -> aiohttp.ClientSession:
        """Made by the first who needs it."""
        if self._session is None:
            self._session = careful_session()
        return self._session

    async def _sending(self) -> None:
        while True:
            for channel in self._channels:
                await self._guarded_send(channel)
            self.signals.emit("looked")
            await asyncio.sleep(LOOK_SECONDS * (0.9 + backoff.full_jitter(1, base_seconds=0.2)))

    async def _guarded_send(self, channel: Channel) -> None:
        try:
            while await self.send_next(channel):
                pass
        except Exception as error:
            if is_transient(error):
                log.info("outbox_waits", error=brief(error))
            elif isinstance(error, psycopg.Error):  # one channel's rows; others have theirs
                self._tell(channel, refusal(error))
            else:
                raise

    async def send_next(self, channel: Channel) -> bool:
        """Take and send one message of a channel; False if there was none, or it failed."""
        message = await self._store.take(channel.name, self._worker_id, LEASE_SECONDS)
        if message is None:
            return False
        try:
            await send(
                channel,
                str(message.message_id),
                message.alerts,
                session=self._client(),
                key=self._key,
            )
        except NotTaken as refused:
            again = AGAIN_BASE_SECONDS + backoff.full_jitter(
                message.attempt, base_seconds=AGAIN_BASE_SECONDS, cap_seconds=AGAIN_CAP_SECONDS
            )
            again = max(again, refused.after_seconds)
            await self._store.settle(message, str(refused), again)
            self._tell(channel, str(refused))
            return False
        await self._store.settle(message, None)
        self._tell(channel, None)
        self.signals.emit("sent", len(message.alerts))
        return True

    async def send_directly(
        self, message_id: UUID, alert: Mapping[str, Json], owed: Collection[str] | None = None
    ) -> set[str]:
        """Send one alert now; returns the names of the channels that did not take it.

        owed: those that are still to get it; all of them at first.
        """
        left = set()
        for channel in self._channels:
            if owed is not None and channel.name not in owed:
                continue
            try:
                await send(
                    channel, str(message_id), [alert], session=self._client(), key=self._key
                )
            except NotTaken as refused:
                left.add(channel.name)
                self._tell(channel, str(refused))
            else:
                self._tell(channel, None)
        return left

    async def _beating(self) -> None:
        while True:
            if self._heartbeat_url is not None and self._fresh():
                await self.beat(self._heartbeat_url)
            self.signals.emit("beat")
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def beat(self, url: str) -> bool:
        """Call the dead man's switch; True if it answered well."""
        try:
            async with self._client().get(url, allow_redirects=False) as answer:
                well = 200 <= answer.status < 300
                self._say("heartbeat", None if well else f"HTTP {answer.status}")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # Not the error's text: it holds the address, and that may be a secret.
            self._say("heartbeat", type(error).__name__)
            well = False
        return well

    def _tell(self, channel: Channel, reason: str | None) -> None:
        self._say(channel.name, reason)

    def _say(self, what: str, reason: str | None) -> None:
        """Log the first failure of a channel, and that it works again."""
        if reason is not None and what not in self._failing:
            self._failing.add(what)
            log.warning("alert_not_delivered", channel=what, reason=reason)
        elif reason is None and what in self._failing:
            self._failing.discard(what)
            log.info("alerts_delivered_again", channel=what)
