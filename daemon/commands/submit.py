"""Ask for something, exactly as the main app does: one row in ai_requests.

examples:
  python -m daemon submit workout_optimization '{"client_id": 1}' --wait
  echo '{"client_id": 1}' | python -m daemon submit workout_optimization -

exit codes:
  0   submitted; with --wait: completed
  1   with --wait: failed, cancelled or expired
  64  wrong use
  75  the database does not answer, or --wait is over and the request goes on
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import json
import sys

from daemon.commands.connection import queue
from daemon.commands.retry import user
from daemon.commands.terminal import seconds_from
from daemon.commands.watch import follow
from daemon.errors import EXIT_USAGE

WAIT_SECONDS = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task_type", help="which agent, for example workout_optimization")
    parser.add_argument(
        "input_data", nargs="?", default="{}", help="a JSON object; - reads standard input"
    )
    parser.add_argument("--key", metavar="TEXT", help="idempotency key: the same one asks once")
    parser.add_argument("--priority", type=int, default=0, help="higher first (default 0)")
    parser.add_argument("--fair-key", metavar="TEXT", help="whose turn it uses up")
    parser.add_argument("--requested-by", metavar="WHO", help="such as trainer:12 or client:7")
    parser.add_argument(
        "--wait",
        nargs="?",
        type=seconds_from,
        const=WAIT_SECONDS,
        metavar="SECONDS",
        help=f"follow it to its end (default {WAIT_SECONDS:.0f} s) and print the answer",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        text = sys.stdin.read() if arguments.input_data == "-" else arguments.input_data
        json.loads(text)
    except (ValueError, RecursionError) as error:
        example = "for example '{\"client_id\": 1}'"
        print(f"input_data is not JSON ({error}); {example}", file=sys.stderr)
        return EXIT_USAGE
    with queue() as requests:
        with requests.change():
            row = requests.rows(
                "request_submit",
                task_type=arguments.task_type,
                input_data=text,
                priority=arguments.priority,
                idempotency_key=arguments.key,
                fair_key=arguments.fair_key,
                requested_by=arguments.requested_by,
            )[0]
            asked = {"task_type": arguments.task_type[:200]}
            requests.audit(user(), "submit", f"request:{row['id']}", after=asked)
        if arguments.wait is None:
            print(json.dumps({"id": row["id"]}) if arguments.json else row["id"])
            return 0
        return follow(requests, row["id"], arguments.wait, as_json=arguments.json)
