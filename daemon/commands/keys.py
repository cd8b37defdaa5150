"""Keys of the HTTP API and the console: give one, list them, take one back.

A key is shown once, when it is made, and stored nowhere. A viewer looks; an operator also submits,
cancels, retries, answers, pauses and decides; an admin also configures, limits and gives keys.

examples:
  python -m daemon keys add dana --role admin
  python -m daemon keys add dashboard --role viewer --days 90
  python -m daemon keys list
  python -m daemon keys revoke dashboard

exit codes:
  0   done
  1   a key of that name is in use, or none is
  64  wrong use
  75  the database does not answer
  78  a setting cannot be used
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta

from daemon.commands.connection import queue
from daemon.commands.retry import user
from daemon.errors import EXIT_USAGE
from daemon.web.access import new_key
from daemon.web.actions.keys import ROLES, check_key
from daemon.web.refused import Refused

MOST_DAYS = 3650


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|revoke")
    add = actions.add_parser("add", help="make a key and show it, once")
    add.add_argument("name", help="whose key it is, or what for; stands in the audit log")
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument(
        "--days", type=int, metavar="N", help="until when it opens anything (default: for ever)"
    )
    listed = actions.add_parser("list", help="keys in use, and those that were")
    revoke = actions.add_parser("revoke", help="end a key and its sessions, at once")
    revoke.add_argument("name", help="the key's name")
    for action in (add, revoke):
        action.add_argument("--by", metavar="NAME", help="who does it (default: this user)")
    for action in (add, listed, revoke):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    actions = {"add": _add, "list": _list, "revoke": _revoke}
    return actions[arguments.action](arguments)


def _add(arguments: argparse.Namespace) -> int:
    name, role, days = arguments.name.strip(), arguments.role, arguments.days
    if days is not None and not 1 <= days <= MOST_DAYS:
        print(f"--days: {days} given; from 1 to {MOST_DAYS}", file=sys.stderr)
        return EXIT_USAGE
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    try:
        check_key(name, role, expires_at)
    except Refused as refused:
        print(f"{refused.message}; {refused.hint}", file=sys.stderr)
        return EXIT_USAGE
    key, digest, prefix = new_key()
    by = arguments.by or user()
    with queue() as requests, requests.change():
        made = requests.rows(
            "key_put",
            name=name,
            role=role,
            hash=digest,
            prefix=prefix,
            by=by,
            expires_at=expires_at,
        )
        if made:
            after = {"name": name, "role": role, "expires_at": expires_at}
            requests.audit(by, "add_key", f"key:{made[0]['id']}", after=after)
    if not made:
        print(f"a key {name!r} is in use: revoke it first, or take another name", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"id": made[0]["id"], "name": name, "role": role, "key": key}))
    else:
        print(key)
        print("This key is shown once; send it as Authorization: Bearer KEY.", file=sys.stderr)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with queue() as requests:
        rows = requests.rows("key_list")
    if arguments.json:
        print(json.dumps(rows, default=str, ensure_ascii=False))
        return 0
    print(f"{'name':<24} {'role':<9} {'begins':<11} {'last used':<17} state")
    for row in rows:
        used = row["last_used_at"].strftime("%Y-%m-%d %H:%M") if row["last_used_at"] else "never"
        if row["revoked_at"]:
            state = f"revoked by {row['revoked_by']}"
        elif not row["usable"]:
            state = "expired"
        else:
            end = row["expires_at"]
            state = f"until {end:%Y-%m-%d}" if end else "in use"
        print(f"{row['name']:<24} {row['role']:<9} {row['prefix']:<11} {used:<17} {state}")
    if not rows:
        print("none: the API and the console are closed, unless a key stands in the environment")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    by = arguments.by or user()
    with queue() as requests, requests.change():
        ended = requests.rows("key_revoke", key_id=None, name=arguments.name, by=by)
        for row in ended:
            before = {"name": row["name"], "role": row["role"]}
            requests.audit(by, "revoke_key", f"key:{row['id']}", before=before)
    if arguments.json:
        print(json.dumps({"name": arguments.name, "revoked": bool(ended)}))
    else:
        print(f"{arguments.name}: {'revoked' if ended else 'no such key in use'}")
    return 0 if ended else 1
