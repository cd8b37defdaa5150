"""Ask for requests to stop: pending and waiting ones within a second, running ones within two.

exit codes:
  0   asked, for each of them
  1   some had ended already, or do not exist
  64  wrong use
  75  the database does not answer
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import json

from daemon.commands.connection import queue
from daemon.commands.retry import user


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, nargs="+", help="ai_requests.id")
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each")


def run(arguments: argparse.Namespace) -> int:
    code = 0
    with queue() as requests:
        for request_id in arguments.id:
            with requests.change():
                asked = requests.rows("request_cancel", request_id=request_id)
                for row in asked:
                    before = {"status": row["status"]}
                    requests.audit(user(), "cancel", f"request:{request_id}", before=before)
            code = code if asked else 1
            if arguments.json:
                print(json.dumps({"id": request_id, "cancel_requested": bool(asked)}))
            else:
                print(
                    f"{request_id}: asked to stop"
                    if asked
                    else f"{request_id}: nothing to stop (it has ended, or does not exist)"
                )
    return code
