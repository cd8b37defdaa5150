"""A gym of thousands: what is read stays bounded, and what is asked about is not lost in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from agents.crm import Crm, open_engine
from agents.scheduling import facts
from agents.scheduling.agent import _free
from agents.scheduling.model import ScheduleConfig, ScheduleRequest
from daemon.demo.gym import load

AS_OF = datetime(2026, 11, 20, 8, tzinfo=UTC)  # a Friday, nine o'clock in Berlin
NOW = datetime(2026, 11, 20, 9)
BERLIN = "Europe/Berlin"
CLIENT, TRAINER = 3, 1


class Gym:
    """A sample gym that a test makes large."""

    def __init__(self, dsn: str) -> None:
        load(dsn, clients=12, as_of=AS_OF)
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute("TRUNCATE sessions, assignments")
        self.engine = open_engine(dsn)
        self.crm = Crm(self.engine, tz=BERLIN)
        self.statements: list[str] = []
        sa.event.listen(self.engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.statements.append(statement)

    def book(self, starts: str, client_id: str, trainer_id: int = TRAINER) -> None:
        """Sessions for each g of `starts`, a FROM item that gives g and start."""
        self.connection.execute(
            "INSERT INTO sessions (trainer_id, client_id, session_date, duration, status)"
            f" SELECT {trainer_id}, {client_id}, start,"
            f" 60, CASE WHEN start < '{NOW}' THEN 'completed' ELSE 'scheduled' END"
            f" FROM {starts}".encode()
        )

    def read(self, requested_by: str | None = None, **given: Any) -> facts.Facts:
        request = ScheduleRequest.model_validate(given)
        return facts.read(self.crm, request, ScheduleConfig(), requested_by, AS_OF, BERLIN)


@pytest.fixture
def gym(empty_database: str) -> Iterator[Gym]:
    opened = Gym(empty_database)
    yield opened
    opened.crm.close()
    opened.connection.close()


def every(step: str, count: int, first: datetime) -> str:
    return (
        f"(SELECT g, '{first}'::timestamp + g * interval '{step}' AS start"
        f" FROM generate_series(0, {count - 1}) g) s"
    )


def test_a_clients_own_history_is_read_however_large_the_gym_is(gym: Gym) -> None:
    """Twelve thousand newer sessions of others hide none of the client's, nor of the trainer's."""
    gym.book(every("7 days", 16, NOW - timedelta(days=112)), str(CLIENT), trainer_id=2)
    gym.book(every("7 days", 30, NOW - timedelta(days=212)), "4", trainer_id=2)
    gym.book(every("10 seconds", 12_000, NOW - timedelta(days=2)), "5 + g % 4")
    found = gym.read(client_id=CLIENT, trainer_id=2)
    assert len(found.closed(CLIENT)) == 16
    assert len(found.closed(4)) == 30
    assert len(found.seen) <= 5_000


def test_clients_of_a_large_gym_are_read_whole(gym: Gym) -> None:
    """What stands for the gym are some clients' years, not everybody's last days."""
    gym.connection.execute(
        "INSERT INTO clients (name, email) SELECT 'c', 'many' || g FROM generate_series(1, 3000) g"
    )
    first = NOW - timedelta(days=300)
    gym.book(every("30 minutes", 14_000, first), "(SELECT max(id) - g % 2800 FROM clients)")
    found = gym.read(client_id=CLIENT, trainer_id=2)
    visits: dict[int, int] = {}
    for session in found.seen:
        visits[session.client_id] = visits.get(session.client_id, 0) + 1
    assert len(found.seen) == 5_000
    assert len(visits) == 1_000
    assert set(visits.values()) == {5}
    assert min(session.start for session in found.seen) < first + timedelta(days=7)


def test_an_hour_that_was_not_read_is_not_free(gym: Gym) -> None:
    """Of more bookings than are read the nearest count, and what lies behind them is no free time.

    A group's session is a row for each of its members, so a trainer may have hundreds a day.
    """
    gym.book(every("1 day", 5, NOW + timedelta(days=2)), str(CLIENT), trainer_id=2)
    gym.book(every("1 minute", 6_000, datetime(2026, 11, 25)), "5 + g % 4")  # until the 29th
    found = gym.read(client_id=CLIENT, trainer_id=TRAINER, min_gap_hours=0)
    free = [slot.start for slot in _free(found).free]
    booked = gym.connection.execute(
        "SELECT session_date FROM sessions WHERE session_date > %s"
        " AND (client_id = %s OR trainer_id = %s)",
        (NOW, CLIENT, TRAINER),
    ).fetchall()
    assert free
    assert not [
        (start, taken) for start in free for (taken,) in booked
        if abs(start - taken) < timedelta(hours=1)
    ]  # fmt: skip
    assert max(free) < datetime(2026, 11, 25)


@pytest.mark.parametrize("role", ["trainer", "user"])
def test_a_week_costs_no_statement_per_client(gym: Gym, role: str) -> None:
    """Sixty clients are looked up, and the right to each of them, in as many reads as two."""
    gym.connection.execute(
        "INSERT INTO clients (name, email) SELECT 'c', 'many' || g FROM generate_series(1, 60) g;"
        "INSERT INTO assignments (trainer_id, client_id, status)"
        " SELECT 1, id, 'active' FROM clients"
    )
    login = gym.connection.execute(
        "SELECT u.id FROM users u JOIN trainers t USING (email) WHERE t.id = 1"
    ).fetchone()
    assert login is not None
    asker = f"user:{login[0]}" if role == "user" else "trainer:1"
    ids = [row[0] for row in gym.connection.execute("SELECT id FROM clients ORDER BY id DESC")]
    sent = []
    for many in (2, 60):
        gym.statements.clear()
        demand = [{"client_id": client_id} for client_id in ids[:many]]
        gym.read(asker, trainer_id=TRAINER, week="2026-11-23", demand=demand)
        sent.append(len(gym.statements))
    assert sent[1] <= sent[0]


def test_a_gym_too_large_to_be_read_leaves_the_clients_own_history(gym: Gym) -> None:
    """Where the whole gym cannot be read in time, a client is answered from what is theirs."""
    gym.book(every("7 days", 16, NOW - timedelta(days=112)), str(CLIENT), trainer_id=2)
    gym.book(every("7 days", 16, NOW - timedelta(days=112)), "5", trainer_id=TRAINER)

    def slow(_c: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> Any:
        if "hashint8" in statement and " OR " not in statement:
            statement = statement.replace("\nWHERE ", "\nWHERE pg_sleep(9)::text = '' AND ")
        return statement, values

    sa.event.listen(gym.engine, "before_cursor_execute", slow, retval=True)
    gym.crm = Crm(gym.engine, tz=BERLIN, statement_timeout_seconds=0.5)
    found = gym.read(client_id=CLIENT, trainer_id=2)
    assert len(found.closed(CLIENT)) == len(found.seen) == 16
    assert [text for text in found.warnings if text.startswith("gym_unread: ")]
