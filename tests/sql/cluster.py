"""A server with roles: they belong to a whole server, so these tests get one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from daemon import migrate
from tests.kit.postgres import throwaway

PASSWORD = "made-up"
LOGINS = ("app", "reader", "admin")


class Cluster:
    """A server on which the roles of sql/grants exist, each with somebody who logs in with it."""

    def __init__(self, dsn: str) -> None:
        self.owner_dsn = dsn

    def dsn(self, role: str, database: str = "postgres", *, search_path: str = "") -> str:
        """The URL by which a role logs in."""
        parts = urlsplit(self.owner_dsn)
        options = f"options={quote('-csearch_path=' + search_path)}" if search_path else ""
        return urlunsplit(
            parts._replace(
                netloc=f"{role}:{PASSWORD}@{parts.hostname}:{parts.port}",
                path=f"/{database}",
                query=options,
            )
        )

    def connect(self, role: str, **options: Any) -> psycopg.Connection[Any]:
        """An autocommit connection as a role."""
        return psycopg.connect(self.dsn(role, **options), autocommit=True)

    def owner(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """An autocommit connection as the superuser."""
        return psycopg.connect(
            urlunsplit(urlsplit(self.owner_dsn)._replace(path=f"/{database}")), autocommit=True
        )

    def role(self, name: str) -> None:
        """Make somebody who may log in and nothing else."""
        with self.owner() as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'".encode())


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    with throwaway() as server:
        cluster = Cluster(server.dsn())
        with cluster.owner() as connection:
            # As docs/security.md has it done; since PostgreSQL 15 it is so from the start.
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            for login in LOGINS:
                connection.execute(f"CREATE ROLE ai_{login} NOLOGIN".encode())
                cluster.role(login)
                connection.execute(f"GRANT ai_{login} TO {login}".encode())
            connection.execute("GRANT ai_reader TO admin")
        migrate.upgrade(server.dsn())
        yield cluster
