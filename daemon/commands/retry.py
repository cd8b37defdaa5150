"""Reopen failed, cancelled or expired requests, with a line in the audit log.

exit codes:
  0   reopened, each of them
  1   some are in no such state, or do not exist
  64  wrong use
  75  the database does not answer
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import getpass
import json
from contextlib import suppress

from daemon.commands.connection import queue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, nargs="+", help="ai_requests.id")
    parser.add_argument("--actor", metavar="NAME", help="who does it (default: this user)")
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each")


def run(arguments: argparse.Namespace) -> int:
    code = 0
    with queue() as requests:
        for request_id in arguments.id:
            with requests.change():
                row = requests.rows(
                    "request_retry",
                    request_id=request_id,
                    actor=arguments.actor or user(),
                    channel="cli",
                    now=None,
                )[0]
            code = code if row["reopened"] else 1
            if arguments.json:
                print(json.dumps({"id": request_id, "reopened": row["reopened"]}))
            else:
                print(
                    f"{request_id}: reopened"
                    if row["reopened"]
                    else f"{request_id}: not reopened (only failed, cancelled, expired ones are)"
                )
    return code


def user() -> str:
    with suppress(OSError, KeyError):  # a user without a name, in a container
        return getpass.getuser()
    return "unknown"
