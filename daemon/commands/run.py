"""Run the service in the foreground, on DATABASE_URL or on a kept PostgreSQL of its own.

Settings come from the environment; .env.example describes each. SIGTERM, SIGINT or SIGHUP (a
terminal that is closed) drains: no more claims, running requests get DRAIN_SECONDS, the rest is
given back. A second SIGTERM or SIGINT ends at once. SIGUSR1 logs where every task stands.

exit codes:
  0    stopped as asked
  57   the database's schema is newer than this code and does not work with it
  64   wrong use
  70   internal: a part of the service died, or its event loop was stuck
  75   try again: something it needs was not there in time
  78   a setting cannot be used
  130  ended at once by a second signal
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from daemon import log, settings
from daemon.errors import (
    EXIT_CONFIGURATION,
    EXIT_INTERNAL,
    EXIT_SCHEMA_TOO_NEW,
    EXIT_STOPPED,
    ServiceError,
)

ROOT = Path(__file__).resolve().parent.parent.parent
PAST_STARTSECS = 6.0
"""supervisord looks at exit codes only after ``startsecs`` (5); an earlier exit it would retry."""
SWITCH_SECONDS = 0.001
"""After so long a thread that computes lets the event loop have the interpreter. By Python's own
5 ms each turn of the loop waits behind what agents compute: beside four reviews /health answered
in 9 ms (p95 45), with this in 6 (27), and the reviews took no longer."""
LEAVE_SECONDS = 2.0
"""How long what could not be stopped may keep a process that is done."""

logger = log.get_logger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--human", action="store_true", help="readable log lines (the default on a terminal)"
    )


def run(arguments: argparse.Namespace) -> int:
    from agents.catalog import AGENTS

    return serve(AGENTS, human=arguments.human or sys.stdout.isatty())


def serve(catalog: Mapping[str, str], *, human: bool = False) -> int:
    """Be the service with these agents until told to stop; returns the exit code."""
    log.configure(human=human)
    try:
        chosen = settings.load()
        log.configure(chosen.log_level, human=human)
        if chosen.database_url is None:
            from daemon import embedded

            with embedded.ensure("run", ROOT) as server:
                logger.warning(
                    "database_embedded",
                    reason="DATABASE_URL is not set: this PostgreSQL is the service's own",
                    folder=str(server.home),
                    hint="set DATABASE_URL to the main app's database; no app writes to this one",
                )
                url = SecretStr(server.dsn())
                return _serve(chosen.model_copy(update={"database_url": url}), catalog)
        return _serve(chosen, catalog)
    except Exception as error:  # noqa: BLE001 - the last place where it can be told
        return _ended_by(error)


def _serve(chosen: settings.Settings, catalog: Mapping[str, str]) -> int:
    from daemon.service import Daemon

    async def live() -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        daemon = Daemon(chosen, catalog, alone=True)
        daemon.obey_signals()
        try:
            await daemon.run()
        except BaseException as error:
            _leave_within(PAST_STARTSECS + LEAVE_SECONDS, _exit_code(error))
            raise
        _leave_within(LEAVE_SECONDS, EXIT_STOPPED)

    asyncio.run(live())
    return EXIT_STOPPED


def _leave_within(seconds: float, code: int) -> None:
    """End the process whatever still runs in it.

    An agent that refuses to be cancelled, or a thread that computes for ever, would be waited for
    by asyncio or by Python: a drained process would not end, a broken one not be restarted.
    """

    def leave() -> None:
        logger.warning("left_work_behind", exit_code=code)
        sys.stdout.flush()
        os._exit(code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


def _ended_by(error: BaseException) -> int:
    """Log what ended the service; returns the exit code that tells the supervisor what to do."""
    known = _known(error)
    code = _exit_code(error)
    if known is not None and code != EXIT_INTERNAL:
        logger.critical("cannot_run", reason=str(known), hint=known.hint, exit_code=code)
    else:
        reason, hint = (str(known), known.hint) if known else _refused(error)
        logger.critical("service_died", reason=reason, hint=hint, exit_code=code, exc_info=error)
    if code in {EXIT_SCHEMA_TOO_NEW, EXIT_CONFIGURATION} and "SUPERVISOR_ENABLED" in os.environ:
        time.sleep(PAST_STARTSECS)
    return code


def _refused(error: BaseException) -> tuple[str | None, str]:
    """What the database would not do, without its words, and what to do; (None, "") where it was
    something else."""
    import psycopg

    from daemon.database import refusal

    refused = next((leaf for leaf in leaves(error) if isinstance(leaf, psycopg.Error)), None)
    if refused is None:
        return None, ""
    return refusal(refused), "python -m daemon doctor says what is missing or not allowed"


def _known(error: BaseException) -> ServiceError | None:
    return next((leaf for leaf in leaves(error) if isinstance(leaf, ServiceError)), None)


def _exit_code(error: BaseException) -> int:
    known = _known(error)
    return known.exit_code if known else EXIT_INTERNAL


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside exception groups, outermost first."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]
