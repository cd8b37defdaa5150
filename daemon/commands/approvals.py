"""Questions of agents that wait for a person: list them, answer them, or say no.

An answer sends the request back to work; nothing it bought before is paid for again. `reject`
ends it with the error approval_rejected.

examples:
  python -m daemon approvals list
  python -m daemon approvals answer 7 publish
  python -m daemon approvals answer 7 publish '{"decision": "approve", "note": "fine"}' --by sam
  python -m daemon approvals reject 7 publish

exit codes:
  0   done
  1   there is no such open question
  64  wrong use
  75  the database does not answer
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import json
import sys

from daemon.commands.connection import queue
from daemon.commands.retry import user
from daemon.commands.terminal import plain, plain_json
from daemon.errors import EXIT_USAGE

MOST_LISTED = 200
APPROVE, REJECT = '{"decision": "approve"}', '{"decision": "reject"}'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|answer|reject")
    listed = actions.add_parser("list", help="open questions, oldest first")
    listed.add_argument(
        "--all", action="store_true", help="answered ones too, and of ended requests"
    )
    listed.add_argument("--json", action="store_true", help="print JSON")
    for name, help_line in (("answer", "answer a question"), ("reject", "say no to it")):
        action = actions.add_parser(name, help=help_line)
        action.add_argument("id", type=int, help="ai_requests.id")
        action.add_argument("key", help="the question's key, as listed")
        if name == "answer":
            action.add_argument(
                "answer", nargs="?", default=APPROVE, help=f"a JSON object (default {APPROVE})"
            )
        action.add_argument("--by", metavar="NAME", help="who does it (default: this user)")
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    return _list(arguments) if arguments.action == "list" else _answer(arguments)


def _list(arguments: argparse.Namespace) -> int:
    with queue() as requests:
        rows = requests.rows("approval_list", every=arguments.all, limit=MOST_LISTED)
    if arguments.json:
        print(plain_json(rows))
        return 0
    for row in rows:
        state = "open" if row["ended"] is None else f"its request is {row['ended']}"
        if row["decided_at"]:
            state = f"answered by {row['decided_by']}"
        until = f" until {row['expires_at']}" if row["expires_at"] and state == "open" else ""
        head = f"{row['request_id']} {row['key']} · {row['task_type']} · {state}{until}"
        print(plain(head))
        print(f"    {plain_json(row['question'])}")
    if not rows:
        print("nobody asks anything")
    return 0


def _answer(arguments: argparse.Namespace) -> int:
    text = REJECT if arguments.action == "reject" else arguments.answer
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        print(f"the answer is no JSON object; for example {APPROVE}", file=sys.stderr)
        return EXIT_USAGE
    with queue() as requests, requests.change():
        row = requests.rows(
            "approval_answer",
            request_id=arguments.id,
            key=arguments.key,
            answer=text,
            decided_by=arguments.by or user(),
            channel="cli",
        )[0]
    done = bool(row["answered"])
    if arguments.json:
        print(json.dumps({"id": arguments.id, "key": arguments.key, "answered": done}))
    elif done:
        print(f"{arguments.id} {arguments.key}: answered")
    else:
        print(f"{arguments.id} {arguments.key}: no such open question")
    return 0 if done else 1
