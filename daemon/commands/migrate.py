"""Bring the database at DATABASE_URL up to this code's schema. Doing it twice changes nothing.

Safe while the service runs and while others migrate. DATABASE_UNPOOLED_URL is preferred where set.

exit codes:
  0   migrated, or nothing to do
  57  the schema is newer than this code and does not work with it
  64  wrong use
  75  the database does not answer
  78  a setting cannot be used, or the role may not create tables
"""

from __future__ import annotations

import argparse
import json

from daemon import migrate
from daemon.commands.connection import database_url, reachable
from daemon.errors import WrongUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sql",
        action="store_true",
        help="print the SQL for a DBA instead of running it; needs no database",
    )
    parser.add_argument(
        "--since", metavar="REVISION", help="with --sql: from this revision on, not from nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    if arguments.since is not None:
        _check_since(arguments.since, sql=arguments.sql)
    if arguments.sql:
        print(migrate.script(since=arguments.since))
        return 0
    with reachable(direct=True):
        migrated = migrate.upgrade(database_url(direct=True), regrant=True)
    if arguments.json:
        print(
            json.dumps(
                {
                    "before": migrated.before,
                    "after": migrated.after,
                    "changed": migrated.changed,
                }
            )
        )
    elif migrated.changed:
        print(f"migrated from {migrated.before or 'nothing'} to {migrated.after}")
    else:
        print(f"nothing to migrate: the database is at {migrated.after}")
    if migrated.granted and not arguments.json:
        print(f"rights as in docs/security.md were granted to {', '.join(migrated.granted)}")
    return 0


def _check_since(revision: str, *, sql: bool) -> None:
    """Raises WrongUse."""
    if not sql:
        raise WrongUse("--since says where the script begins", hint="add --sql")
    if revision not in migrate.revisions():
        raise WrongUse(
            f"there is no revision {revision}", hint=f"one of {', '.join(migrate.revisions())}"
        )
