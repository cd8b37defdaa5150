"""Build the gym in memory, then write it: `build` is pure, `load` also talks to PostgreSQL."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import psycopg

from daemon.demo.gym.building import Building, Options
from daemon.demo.gym.goals import add_goals
from daemon.demo.gym.measurements import add_measurements
from daemon.demo.gym.older import add_older_ai
from daemon.demo.gym.people import add_clients, add_hostile_clients, add_logins, add_trainers
from daemon.demo.gym.schema import Tables, Variant, copy_rows, create_schema
from daemon.demo.gym.sessions import add_sessions
from daemon.demo.gym.truth import GymTruth
from daemon.demo.gym.workouts import add_workouts

_CLIENTS_PER_TRAINER = 12
_FEWEST_TRAINERS = 3


def build(
    *,
    clients: int = 12,
    seed: int = 1,
    as_of: datetime | None = None,
    variant: Variant = "A",
    options: Options | None = None,
) -> tuple[Tables, GymTruth]:
    """All rows by table, and the truth about them. Equal arguments give equal rows.

    clients: 0 builds an empty gym, without trainers or exercises. as_of: the moment of the
    picture, with a zone; by default now, on the full hour. Later rows, up to two weeks, are
    bookings.
    """
    options = options or Options()
    moment = as_of or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    if moment.tzinfo is None:
        raise ValueError(f"as_of is {moment.isoformat()} without a zone; add one, e.g. +00:00")
    gym = Building(GymTruth(variant, seed, moment.astimezone(UTC), options.time_zone), options)
    if options.older_ai:
        add_older_ai(gym)
    if clients > 0:
        add_trainers(gym, max(_FEWEST_TRAINERS, math.ceil(clients / _CLIENTS_PER_TRAINER)))
        add_clients(gym, clients)
        if options.hostile:
            add_hostile_clients(gym)
        add_logins(gym)
        add_measurements(gym)
        add_goals(gym)
        add_sessions(gym)
        add_workouts(gym)
        if options.hostile:
            _spoil(gym)
    return gym.tables, gym.truth


def load(
    database: str | psycopg.Connection[Any],
    *,
    clients: int = 12,
    seed: int = 1,
    as_of: datetime | None = None,
    variant: Variant = "A",
    options: Options | None = None,
) -> GymTruth:
    """Create the main app's tables and fill them, in one transaction; returns the truth.

    database: a URL, or a connection that is used and left open. Arguments as for `build`.
    Raises GymExists if the database already has a table of clients; nothing is ever replaced.
    """
    tables, truth = build(
        clients=clients, seed=seed, as_of=as_of, variant=variant, options=options
    )
    older_ai = options is not None and options.older_ai
    if isinstance(database, str):
        with psycopg.connect(database) as connection:
            _write(connection, variant, tables, older_ai=older_ai)
    else:
        _write(database, variant, tables, older_ai=older_ai)
    return truth


def _write(
    connection: psycopg.Connection[Any], variant: Variant, tables: Tables, *, older_ai: bool
) -> None:
    with connection.transaction():
        create_schema(connection, variant, older_ai=older_ai)
        copy_rows(connection, tables)


def _spoil(gym: Building) -> None:
    """Numbers and dates that PostgreSQL stores and JSON, or Python, does not."""
    hostile = {client.client_id for client in gym.truth.clients.values() if client.hostile}
    spoilt: set[int] = set()
    for row in gym.tables["measurements"]:
        by_staff = row["recorded_by"] is not None
        if by_staff and row["client_id"] in hostile and row["client_id"] not in spoilt:
            spoilt.add(row["client_id"])
            row["bmi"] = math.nan
            row["waist"] = math.inf
    for row in gym.tables["goals"]:
        if row["client_id"] in hostile:
            row["target_date"] = "infinity"
            row["description"] = gym.tables["clients"][row["client_id"] - 1]["medical_conditions"]
