"""Erase what this service's tables hold of a client, for good; the main app's are not touched.

Requests that have not ended are cancelled. Of model calls the bill stays, without their words.
Prints the rows per table: deleted, or in ai_llm_calls emptied. Templates that the plans were
saved as in the main app are named: they are the main app's to delete.

exit codes:
  0   done; also if nothing was there
  64  wrong use
  75  the database does not answer, or holds one of the client's rows for long: try again
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import json

import psycopg

from daemon.commands.connection import queue
from daemon.commands.retry import user
from daemon.errors import DatabaseUnavailable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client_id", type=_client, help="clients.id of the main app")
    parser.add_argument("--actor", metavar="NAME", help="who does it (default: this user)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    with queue() as requests, requests.change():
        try:
            [row] = requests.rows(
                "forget_client",
                client_id=arguments.client_id,
                actor=arguments.actor or user(),
                channel="cli",
            )
        except psycopg.errors.LockNotAvailable:
            raise DatabaseUnavailable(
                "somebody holds one of the client's rows; nothing was erased",
                hint="try again; SELECT * FROM pg_stat_activity shows who is in a transaction",
            ) from None
    counts = row["rows"]
    if arguments.json:
        print(json.dumps(counts))
        return 0
    templates = counts.pop("workout_templates")
    for table, count in counts.items():
        print(f"{count:>8}  {table}")
    if templates:
        print(f"still in the main app, workout_templates: {', '.join(map(str, templates))}")
    return 0


def _client(text: str) -> int:
    number = int(text)
    if not 1 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text} given; expected clients.id, from 1 up")
    return number
