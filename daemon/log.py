"""One JSON line per event on stdout, or readable lines on a terminal.

``level`` and ``message`` are the names that log collectors expect; ``request_id``, ``attempt``,
``fence``, ``worker_id`` and ``task_type`` come from context variables. Inputs, results, prompts
and SQL parameters are never logged: they hold people's data. So may the text of an exception: of
one that is logged whole, JSON lines keep the type and the frames.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import structlog

SELDOM_SECONDS = 60.0

_attempt: ContextVar[Mapping[str, Any] | None] = ContextVar("attempt", default=None)


def configure(level: str = "INFO", *, human: bool = False) -> None:
    """Set up structlog and route the standard library's records through it.

    level: a standard level name. human: coloured lines instead of JSON.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_attempt,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    renderer: structlog.typing.Processor
    if human:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
        tail: list[structlog.typing.Processor] = [renderer]
    else:
        tail = [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            _without_texts,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # What is below the level costs a call that does nothing.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in (
        "httpx",
        "httpx2",
        "httpcore",
        "openai",
        "aiohttp.access",
        "apscheduler",
        "alembic",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # While the database is away each pool says several times a second that it is.
    logging.getLogger("psycopg.pool").filters[:] = [Seldom()]


class Seldom(logging.Filter):
    """Lets the same words of a library through once a minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args if isinstance(record.args, tuple) else ()
        # Not what else stands there: a connection has another address each time.
        words = (record.msg, *(str(arg) for arg in args if isinstance(arg, str | Exception)))
        now = self._monotonic()
        self._said = {key: at for key, at in self._said.items() if now - at < SELDOM_SECONDS}
        if words in self._said:
            return False
        self._said[words] = now
        return True


def about_attempt(**values: Any) -> None:
    """From now on, in this task and in those it starts, every line carries these values.

    structlog's own way takes a context variable for each of them, and four times as long.
    """
    _attempt.set(values)


def _with_attempt(_logger: Any, _method: str, event: Any) -> Any:
    for name, value in (_attempt.get() or {}).items():
        event.setdefault(name, value)
    return event


def _without_texts(_logger: Any, _method: str, event: Any) -> Any:
    for shown in event.get("exception", ()):
        _strip(shown)
    return event


def _strip(shown: dict[str, Any]) -> None:
    for text in ("exc_value", "exc_notes", "syntax_error"):
        shown.pop(text, None)
    for inner in shown["exceptions"]:
        for one in inner:
            _strip(one)


def get_logger(name: str) -> Any:
    """A logger whose lines carry the bound context."""
    return structlog.get_logger(name)
