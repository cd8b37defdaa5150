"""Send a test message to every channel of ALERT_WEBHOOK_URL, and say which one took it.

The message goes the way an alert goes, in the same shape; its `event` is `test` and its `check`
`alerts.test`. No database is needed, and nothing is written down.

examples:
  python -m daemon alerts test

exit codes:
  0   every channel took it
  1   a channel did not
  64  wrong use
  78  ALERT_WEBHOOK_URL is not set, or an address in it cannot be used
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from uuid import uuid4

from daemon import clock, settings
from daemon.alerts.assembly import service_name
from daemon.alerts.channels import Channel, NotTaken, channels, send
from daemon.errors import ConfigurationError
from daemon.outgoing import careful_session
from daemon.settings import Settings

TAKEN = "took it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="test")
    test = actions.add_parser("test", help="send a test message to every channel")
    test.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    chosen = settings.load()
    reached = channels(chosen.alert_webhook_url)
    if not reached:
        raise ConfigurationError(
            "ALERT_WEBHOOK_URL is not set: alerts stand in ai_alerts alone",
            hint="set it to the address of a webhook or mail server; see docs/alerts.md",
        )
    refusals = asyncio.run(_send_to_each(reached, chosen))
    if arguments.json:
        told = [{"channel": name, "problem": why} for name, why in refusals.items()]
        print(json.dumps(told))
    else:
        for name, why in refusals.items():
            print(f"{name}: {TAKEN if why is None else f'did not take it: {why}'}")
    return int(any(refusals.values()))


async def _send_to_each(reached: Sequence[Channel], chosen: Settings) -> dict[str, str | None]:
    """Why each channel did not take the message; None where it did."""
    key = chosen.secret_key.get_secret_value() if chosen.secret_key else None
    message = {
        "service": service_name(chosen),
        "alert": None,
        "check": "alerts.test",
        "target": "",
        "severity": "warning",
        "state": "firing",
        "event": "test",
        "message": "somebody tries whether alerts arrive here; nothing is wrong",
        "value": None,
        "threshold": None,
        "remedy": "",
        "since": clock.utcnow().isoformat(),
        "lasted_seconds": None,
        "healed_by": None,
        "was": None,
        "url": None,
    }
    refusals: dict[str, str | None] = {}
    async with careful_session() as session:
        for channel in reached:
            try:
                await send(channel, str(uuid4()), [message], session=session, key=key)
                refusals[channel.name] = None
            except NotTaken as refused:
                refusals[channel.name] = str(refused)
    return refusals
