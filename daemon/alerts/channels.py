"""The receivers of alerts, one per address in ``ALERT_WEBHOOK_URL``, each with its own shape.

======================================  =========================================================
address                                 what it gets
======================================  =========================================================
``https://hooks.slack.com/...``         ``{"text": ...}`` in Slack's markup
``https://discord.com/api/webhooks/..`` ``{"content": ...}``, at most 2,000 characters
any other ``https://`` or ``http://``   JSON: the worst alert's fields, all of them in ``alerts``;
                                        signed, where ``SECRET_KEY`` is set
``smtp://user:password@host:587?to=..`` a plain mail; several receivers by comma; ``from=`` too
======================================  =========================================================

Addresses hold secrets. What is written down, logged or shown is a channel's name: kind, host and
a digest of the whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiohttp

from daemon import clock
from daemon.alerts.words import heading, lines, worst_first
from daemon.errors import ConfigurationError
from daemon.log import get_logger
from daemon.outgoing import careful_socket
from daemon.outward import check_literal

log = get_logger(__name__)

Json = Any
Kind = Literal["slack", "discord", "webhook", "smtp"]

SLACK = ("hooks.slack.com", "hooks.slack-gov.com")
DISCORD = ("discord.com", "discordapp.com")
DISCORD_LIMIT = 2000
SLACK_LIMIT = 8000
_DISCORD_MARKUP = re.compile(r"[\\*_~`|<>\[\]]")
SMTPS_PORT = 465
SMTP_SECONDS = 15.0
"""For each step of a mail's conversation."""
ATTEMPT_SECONDS = 25.0
"""For all of one: the outbox's lease on a message is longer, and other channels wait meanwhile."""
LONGEST_WAIT_SECONDS = 3600.0
"""However long a receiver asks to be left alone."""
EXAMPLES = "https://hooks.example.com/x or smtp://user:password@mail.example.com:587?to=a@b.c"


class NotTaken(Exception):
    """The receiver did not take the message; the text says why and holds no secret.

    after_seconds: how long it asks to be left alone.
    """

    def __init__(self, why: str, after_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class Channel:
    """One receiver. name: what may be shown."""

    kind: Kind
    name: str
    url: str

    def __repr__(self) -> str:
        return f"Channel({self.name})"


def channels(urls: Sequence[str]) -> tuple[Channel, ...]:
    """The receivers in a setting. Raises ConfigurationError that tells which one is wrong."""
    return tuple(_channel(url, place) for place, url in enumerate(urls, start=1))


def check_heartbeat(url: str | None) -> str | None:
    """``HEARTBEAT_URL`` as it is. Raises ConfigurationError where it must not be called."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), None
    reason = check_literal(host) if host else "names no host"
    if reason or parts.scheme not in {"http", "https"}:
        raise ConfigurationError(
            f"HEARTBEAT_URL: {reason or 'is no http:// or https:// address'}",
            hint="for example https://ping.example.com/x",
        )
    return url


def _channel(url: str, place: int) -> Channel:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, SplitResult("", "", "", "", "")
    if not host or parts.scheme not in {"http", "https", "smtp"}:
        raise ConfigurationError(
            f"ALERT_WEBHOOK_URL: number {place} is no address of a webhook or mail server",
            hint=f"for example {EXAMPLES}",
        )
    if parts.scheme == "smtp" and parts.port == SMTPS_PORT:
        raise ConfigurationError(
            f"ALERT_WEBHOOK_URL: number {place} names port 465, where a mail server waits for TLS"
            " before it says a word",
            hint="name the one where it begins in the clear and offers TLS, mostly 587",
        )
    if parts.scheme == "smtp" and not _receivers(parts):
        raise ConfigurationError(
            f"ALERT_WEBHOOK_URL: number {place} has no receiver",
            hint="end it with ?to= and an address, or several by comma",
        )
    if parts.scheme == "smtp" and not _can_be_written_to(parts):
        raise ConfigurationError(
            f"ALERT_WEBHOOK_URL: number {place} has a receiver or sender that is no mail address",
            hint="addresses such as a@example.com after ?to= and &from=",
        )
    reason = check_literal(host)
    if reason:
        raise ConfigurationError(
            f"ALERT_WEBHOOK_URL: number {place} {reason}", hint="name another host"
        )
    kind: Kind = "smtp" if parts.scheme == "smtp" else _kind(host)
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return Channel(kind, f"{kind}:{host}#{digest}", url)


def _kind(host: str) -> Kind:
    if host in SLACK:
        return "slack"
    if host in DISCORD or host.endswith(tuple("." + one for one in DISCORD)):
        return "discord"
    return "webhook"


def body(kind: Kind, message_id: str, alerts: Sequence[Mapping[str, Json]]) -> bytes:
    """What a webhook is sent. alerts: as in ``ai_alert_deliveries.content``, one at least."""
    if kind == "slack":
        told = [f"*{_slack(heading(alerts))}*", *map(_slack, lines(alerts))]
        value: Json = {"text": _within(told, SLACK_LIMIT)}
    elif kind == "discord":
        told = [f"**{_discord(heading(alerts))}**", *map(_discord, lines(alerts))]
        value = {"content": _within(told, DISCORD_LIMIT), "allowed_mentions": {"parse": []}}
    else:
        ordered = worst_first(alerts)
        value = {**ordered[0], "id": message_id, "alerts": ordered}
    return json.dumps(value, ensure_ascii=False).encode()


def signature(key: str, content: bytes) -> str:
    """The value of ``X-Signature``."""
    return "sha256=" + hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


async def send(
    channel: Channel,
    message_id: str,
    alerts: Sequence[Mapping[str, Json]],
    *,
    session: aiohttp.ClientSession,
    key: str | None,
) -> None:
    """Send one message. Raises NotTaken."""
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            if channel.kind == "smtp":
                await _post_by_mail(channel.url, message_id, alerts)
            else:
                await _post(channel, message_id, alerts, session, key)
    except NotTaken:
        raise
    except TimeoutError:
        raise NotTaken("no answer in time") from None
    except smtplib.SMTPException as error:
        code = getattr(error, "smtp_code", None)
        raise NotTaken(f"{type(error).__name__} {code or ''}".strip()) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotTaken(type(error).__name__) from None
    except Exception as error:
        # What somebody edited in the outbox is no message any more: it costs the others nothing.
        log.exception("alert_unwritable", channel=channel.name)
        raise NotTaken(f"it cannot be written: {type(error).__name__}") from None


async def _post(
    channel: Channel,
    message_id: str,
    alerts: Sequence[Mapping[str, Json]],
    session: aiohttp.ClientSession,
    key: str | None,
) -> None:
    content = body(channel.kind, message_id, alerts)
    headers = {"Content-Type": "application/json", "X-Message-Id": message_id}
    if key and channel.kind == "webhook":
        headers["X-Signature"] = signature(key, content)
    async with session.post(
        channel.url, data=content, headers=headers, allow_redirects=False
    ) as answer:
        if not 200 <= answer.status < 300:
            raise NotTaken(f"HTTP {answer.status}", _asked_to_wait(answer.headers))


def _asked_to_wait(headers: Mapping[str, str]) -> float:
    """``Retry-After`` in seconds; 0 where there is none, or a date, which nobody sends here."""
    try:
        return min(max(float(headers.get("Retry-After", "0")), 0.0), LONGEST_WAIT_SECONDS)
    except ValueError:
        return 0.0


async def _post_by_mail(url: str, message_id: str, alerts: Sequence[Mapping[str, Json]]) -> None:
    line = _Line()
    try:
        await asyncio.to_thread(_mail, url, message_id, alerts, line)
    finally:
        line.hang_up()


class _Line:
    """The connection of one attempt, for whoever no longer waits for it: the thread that talks on
    it is one of a few, and names are looked up in them too."""

    def __init__(self) -> None:
        self._twin: socket.socket | None = None
        self._over = False

    def of(self, connected: socket.socket) -> socket.socket:
        """The same; from now on it can be hung up."""
        self._twin = connected.dup()  # TLS takes the first one over
        if self._over:
            self.hang_up()
        return connected

    def hang_up(self) -> None:
        """Whoever waits on the line gets an error. From any thread, any number of times."""
        self._over = True
        if self._twin is not None:
            with self._twin, suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)


class _CarefulSmtp(smtplib.SMTP):
    def __init__(self, host: str, port: int, line: _Line) -> None:
        self._line = line
        super().__init__(host, port, timeout=SMTP_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._line.of(careful_socket(host, port, timeout))


def _mail(url: str, message_id: str, alerts: Sequence[Mapping[str, Json]], line: _Line) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    with _CarefulSmtp(host, parts.port or 25, line) as server:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif parts.password:
            raise NotTaken("the mail server offers no TLS, and the password is not sent without")
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        refused = server.send_message(mail(url, message_id, alerts))
    if refused:  # the others have it, and would get it again
        codes = sorted({code for code, _ in refused.values()})
        log.warning("alert_mail_refused_for_some", receivers=len(refused), codes=codes)


def mail(url: str, message_id: str, alerts: Sequence[Mapping[str, Json]]) -> EmailMessage:
    """The mail to the receivers that an ``smtp://`` address names."""
    letter = _addressed(urlsplit(url))
    letter["Subject"] = " ".join(heading(alerts).split())
    letter["Message-ID"] = f"<{message_id}@ai-orchestrator>"
    letter["Date"] = clock.utcnow()
    letter["Auto-Submitted"] = "auto-generated"  # nobody's absence answers it
    letter.set_content("\n".join(lines(alerts)) + "\n")
    return letter


def _addressed(parts: SplitResult) -> EmailMessage:
    """A letter with its sender and receivers. Raises whatever occurs to the email package."""
    letter = EmailMessage()
    default = f"ai-orchestrator@{parts.hostname}"
    letter["From"] = parse_qs(parts.query).get("from", [default])[0]
    letter["To"] = ", ".join(_receivers(parts))
    return letter


def _can_be_written_to(parts: SplitResult) -> bool:
    try:
        letter = _addressed(parts)
        named = [*letter["From"].addresses, *letter["To"].addresses]
    except Exception:  # noqa: BLE001 - by Python's version IndexError for "a@", others for others
        return False
    return all(one.username and one.domain for one in named)


def _receivers(parts: SplitResult) -> list[str]:
    return [
        receiver.strip()
        for text in parse_qs(parts.query).get("to", [])
        for receiver in text.split(",")
        if receiver.strip()
    ]


def _within(told: Sequence[str], limit: int) -> str:
    """Whole lines, and a sign that there were more."""
    text = "\n".join(told)
    if len(text) <= limit:
        return text
    begun = text[: limit - 2]
    return (begun.rpartition("\n")[0] or begun) + "\n…"


def _discord(text: str) -> str:
    return _DISCORD_MARKUP.sub(r"\\\g<0>", text)


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
