"""Follow a request to its end and print the answer; progress goes to standard error.

exit codes:
  0   completed
  1   failed, cancelled or expired
  64  wrong use, or no such request
  75  the database does not answer, or the time is over and the request goes on
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import sys
import time
from decimal import Decimal

from psycopg.rows import DictRow

from daemon.commands.connection import Queue, queue
from daemon.commands.terminal import plain, plain_json, seconds_from
from daemon.errors import EXIT_TRY_AGAIN, EXIT_USAGE
from daemon.model import TERMINAL

LOOK_SECONDS = 2.0
"""Longest pause between two looks; NOTIFY ai_results makes it shorter."""
EVENTS_AT_ONCE = 200

NOBODY = (
    "no daemon is alive on this database, so this waits until one is started (make run);"
    " python -m daemon doctor tells more"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, help="ai_requests.id")
    parser.add_argument(
        "--seconds", type=seconds_from, default=600.0, help="give up after so long (default 600)"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(arguments: argparse.Namespace) -> int:
    with queue() as requests:
        return follow(requests, arguments.id, arguments.seconds, as_json=arguments.json)


def follow(requests: Queue, request_id: int, seconds: float, *, as_json: bool) -> int:
    """Print progress until the request ends or ``seconds`` are over; returns the exit code."""
    deadline = time.monotonic() + seconds
    requests.connection.execute("LISTEN ai_results")
    requests.connection.execute("LISTEN ai_events")
    seen_id = 0
    told = False
    while True:
        rows = requests.rows("request_show", request_id=request_id)
        if not rows:
            print(f"there is no request {request_id}", file=sys.stderr)
            return EXIT_USAGE
        events = requests.rows(
            "event_list", request_id=request_id, after_id=seen_id, limit=EVENTS_AT_ONCE
        )
        for event in events:
            seen_id = event["id"]
            percent = "" if event["percent"] is None else f"{event['percent']:3d} % "
            line = plain(f"{percent}{event['node']} {event['message']}")
            print(line.rstrip(), file=sys.stderr)
        if len(events) == EVENTS_AT_ONCE:
            continue  # the rest of them, before the end is told
        if rows[0]["status"] in TERMINAL:
            _show(rows[0], as_json=as_json)
            return 0 if rows[0]["status"] == "completed" else 1
        if not told and not rows[0]["attempt"] and not requests.rows("workers_alive")[0]["alive"]:
            told = True
            print(NOBODY, file=sys.stderr)
        left = deadline - time.monotonic()
        if left <= 0:
            print(
                f"request {request_id} is {rows[0]['status']}; "
                f"python -m daemon watch {request_id} goes on watching",
                file=sys.stderr,
            )
            return EXIT_TRY_AGAIN
        for _ in requests.connection.notifies(timeout=min(left, LOOK_SECONDS), stop_after=1):
            pass


def _show(row: DictRow, *, as_json: bool) -> None:
    if as_json:
        print(plain_json(row))
        return
    facts = [f"request {row['id']}", row["task_type"], row["status"]]
    facts += [row[name] for name in ("mode", "degraded_reason") if row[name]]
    if row["cost_usd"]:
        facts.append(f"{Decimal(row['cost_usd']).normalize():f} USD")
    print(plain(" · ".join(facts)), file=sys.stderr)
    if row["error"]:
        error = row["error"]
        print(plain(f"{error.get('code')}: {error.get('message')}"), file=sys.stderr)
        if error.get("hint"):
            print(plain(f"hint: {error['hint']}"), file=sys.stderr)
    if row["result"] is not None:
        print(plain_json(row["result"], indent=2))
