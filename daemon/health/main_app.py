"""The main app's own health page, and how long its certificate holds."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp

from agents.health.checks import Check
from daemon import clock
from daemon.health.process import Measured, Probe
from daemon.outgoing import careful_session

PATH = "/api/health"
TRIES = 3
ANSWER_SECONDS = 5.0
PAUSE_SECONDS = 0.2
NEVER_SECONDS = 3600.0
"""What a page that never answers counts as: over any limit."""
NOT_SET = "MAIN_APP_URL is not set: the main app's API is not watched"

HTTP = Check(
    id="main_api.http",
    unit="seconds",
    warning=1.0,
    critical=5.0,
    every_seconds=60,
    says="the main app's health page answered after {value}",
    remedy="see the main app's log and its platform; check MAIN_APP_URL",
)
CERTIFICATE = Check(
    id="main_api.certificate",
    unit="days",
    worse="low",
    warning=20,
    critical=3,
    every_seconds=900,
    says="the main app's certificate holds for {value}",
    remedy="renew it, or see why it is not renewed by itself",
)
WATCHED = Check(
    id="main_api.watched",
    unit="flag",
    warning=1,
    critical=None,
    every_seconds=900,
    notice=True,
    says=NOT_SET,
    remedy="set MAIN_APP_URL to the main app's base URL",
)


def probes(url: str | None) -> list[Probe]:
    """The checks for this base URL; without one a single piece of advice."""
    if not url:
        return [Probe(WATCHED, _not_watched)]
    found = [Probe(HTTP, lambda: http(url))]
    if urlsplit(url).scheme == "https":
        found.append(Probe(CERTIFICATE, lambda: certificate(url)))
    return found


async def _not_watched() -> Measured:
    return Measured(1.0)


async def http(url: str) -> Measured:
    """How long the page took to say 200, in the best of three tries."""
    why = ""
    async with careful_session(ANSWER_SECONDS, loopback=True) as session:
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS)
            began = clock.monotonic()
            try:
                async with session.get(url.rstrip("/") + PATH, allow_redirects=False) as answer:
                    if answer.status == 200:
                        return Measured(clock.monotonic() - began, {"status": 200})
                    why = f"status {answer.status}"
            except TimeoutError:
                why = f"no answer within {ANSWER_SECONDS:.0f} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                why = type(error).__name__
    return Measured(
        NEVER_SECONDS,
        {"problem": why, "tries": TRIES},
        says="the main app's health page does not answer with 200 ({problem}, {tries} tries)",
    )


async def certificate(url: str) -> Measured:
    """Days until the certificate ends; below nought where it is not to be trusted now."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=ssl.create_default_context()
            )
    except ssl.SSLCertVerificationError as error:
        return Measured(
            -1.0,
            {"problem": error.verify_message},
            says="the main app's certificate is not to be trusted: {problem}",
        )
    except (OSError, TimeoutError):
        return Measured(None)  # main_api.http says that nobody answers
    try:
        shown = writer.get_extra_info("peercert") or {}
        ends = ssl.cert_time_to_seconds(shown["notAfter"]) if "notAfter" in shown else None
    finally:
        writer.close()
    if ends is None:
        return Measured(None)
    left_seconds = ends - datetime.now(UTC).timestamp()
    return Measured(round(left_seconds / 86_400, 1))
