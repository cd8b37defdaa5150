"""What the commands that talk to the database share: its URL, a connection, honest errors."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from daemon import settings, statements
from daemon.database import CONNECT, brief, refusal, remedy
from daemon.errors import ConfigurationError, DatabaseUnavailable, ServiceError, WrongUse
from daemon.store.safe_json import dumps

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_SET = (
    "set it as it is set where the service runs; a service without it (make run) has a PostgreSQL"
    " of its own, which is found while it runs"
)


def database_url(*, direct: bool = False) -> str:
    """The configured database, or the running one of `make run`. Raises ConfigurationError."""
    chosen = settings.load()
    if direct and chosen.listen_url is not None:
        return chosen.listen_url
    if chosen.database_url is not None:
        return chosen.database_url.get_secret_value()
    from daemon.embedded import EmbeddedPostgres

    try:
        return EmbeddedPostgres(ROOT / ".data" / "run").dsn()
    except OSError:
        raise ConfigurationError("DATABASE_URL is not set", hint=NOT_SET) from None


@contextmanager
def reachable(*, direct: bool = False) -> Iterator[None]:
    """Turn what the database refuses into an exit code, a sentence, and what to do. direct: it is
    reached as :func:`database_url` has it with that."""
    try:
        yield
    except psycopg.OperationalError as error:
        variable = settings.load().listen_variable if direct else "DATABASE_URL"
        raise DatabaseUnavailable(
            f"the database does not answer: {brief(error)}",
            hint=remedy(error, variable=variable),
        ) from None
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UndefinedFunction,
    ) as error:
        raise ConfigurationError(
            f"the database does not hold what this release needs: {brief(error)}",
            hint="python -m daemon migrate; or it is ahead: take the release that it was made for",
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"the role in DATABASE_URL may not do this: {brief(error)}",
            hint="take the DATABASE_URL of the service itself: the app's role asks and reads only",
        ) from None
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise DatabaseUnavailable(
            f"the database takes no changes: {brief(error)}",
            hint=remedy(error),
        ) from None
    except psycopg.DataError as error:
        raise WrongUse(
            f"the database cannot take what was typed: {brief(error)}",
            hint="ids and numbers have bounds; text holds no \\u0000, JSON no NaN",
        ) from None
    except psycopg.Error as error:
        raise ServiceError(
            f"the database refuses this: {refusal(error)}",
            hint="is that a trigger or a constraint of the app's on a table of the service's?",
        ) from None
    except UnicodeEncodeError:
        raise WrongUse(
            "the database cannot take what was typed: it is not UTF-8",
            hint="look at the terminal's locale, or at the file that it comes from",
        ) from None


class Queue:
    """The queue, for one command."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._statements = statements.load()

    def rows(self, name: str, /, **values: Any) -> list[DictRow]:
        """All rows of ``sql/<name>.sql``."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(self._statements[name], values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def change(self) -> Iterator[None]:
        """A transaction whose lines in the audit log say from which machine it came."""
        with self.connection.transaction():
            self.rows("audit_origin", origin=socket.gethostname(), note="")
            yield

    def audit(
        self,
        actor: str,
        action: str,
        target: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """A line of the audit log, inside of :meth:`change`."""
        self.rows(
            "audit_put",
            actor=actor,
            channel="cli",
            action=action,
            target=target,
            before=None if before is None else dumps(dict(before)),
            after=None if after is None else dumps(dict(after)),
            origin=None,
        )


@contextmanager
def queue() -> Iterator[Queue]:
    """The configured database's queue, for one command."""
    with (
        reachable(),
        psycopg.connect(
            database_url(), autocommit=True, application_name="ai-cli", **CONNECT
        ) as connection,
    ):
        yield Queue(connection)
