"""The main app's tables are read whatever shape they have, and never written."""

import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from agents.base import AgentError, ClientNotFound, NotAssigned, TrainerNotFound
from agents.crm import Crm, Snapshot, open_engine
from daemon.demo.gym import SECRET, GymTruth, Options, Variant, load
from tests.kit.signals import until

AS_OF = datetime(2026, 11, 20, 9, tzinfo=UTC)
BERLIN = "Europe/Berlin"


class Gym:
    """A loaded database, the readers on it, and every statement they sent."""

    def __init__(self, dsn: str, truth: GymTruth) -> None:
        self.dsn = dsn
        self.truth = truth
        self.engine = open_engine(dsn)
        self.crm = Crm(self.engine, tz=BERLIN)
        self.statements: list[str] = []
        sa.event.listen(self.engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.statements.append(statement)

    def sql(self, statement: str, *values: Any) -> Any:
        """Execute as the main app would, committed; returns the first column of the first row."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


@pytest.fixture
def gyms(empty_database: str) -> Iterator[Any]:
    """Loads a gym into the test's database: `gyms("B", clients=20)`."""
    opened: list[Gym] = []

    def open_gym(variant: Variant = "A", options: Options | None = None, clients: int = 12) -> Gym:
        truth = load(
            empty_database, variant=variant, clients=clients, as_of=AS_OF, options=options
        )
        opened.append(Gym(empty_database, truth))
        return opened[-1]

    yield open_gym
    for gym in opened:
        gym.crm.close()


@pytest.fixture
def gym(gyms: Any) -> Gym:
    """The demo's gym in variant A."""
    opened: Gym = gyms()
    return opened


def everything(snap: Snapshot, client_id: int) -> dict[str, Any]:
    """What all readers say about one client."""
    return {
        "history": asdict(snap.training_history(client_id, AS_OF)),
        "measurements": snap.measurements(client_id, AS_OF),
        "records": snap.progress_records(client_id, AS_OF),
        "goals": snap.goals(client_id),
        "bookings": snap.sessions(
            AS_OF - timedelta(days=30),
            AS_OF + timedelta(days=30),
            client_id=client_id,
            trainer_id=1,
        ),
    }


# --- shapes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["A", "B", "C"])
def test_every_client_can_be_read_in_every_shape(gyms: Any, variant: Variant) -> None:
    """No shape of the database makes a reader fail, for any client, hostile texts included."""
    gym = gyms(variant, Options(hostile=True), clients=30)
    for client_id in gym.truth.visible():
        with gym.crm.snapshot() as snap:
            told = everything(snap, client_id)
        assert told["history"]["client"]["id"] == client_id


def test_the_full_shape_gives_no_table_warnings(gym: Gym) -> None:
    """Variant A has everything: nothing is reported missing."""
    with gym.crm.snapshot() as snap:
        everything(snap, gym.truth.cast["low_back"])
        assert not [text for text in snap.warnings if "missing" in text or "unreadable" in text]


def test_the_small_shape_names_what_is_missing(gyms: Any) -> None:
    """Variant C has sessions and clients; each other table is absent and said so."""
    gym = gyms("C")
    client_id = gym.truth.cast["low_back"]
    with gym.crm.snapshot() as snap:
        history = snap.training_history(client_id, AS_OF)
    assert history.client.age is None
    assert history.client.medical_conditions is None
    assert history.sessions
    assert history.sessions[0].trainer_id is None
    missing = {
        text.removeprefix("table_missing: ")
        for text in history.warnings
        if text.startswith("table_missing: ")
    }
    assert missing == {
        "assignments", "goals", "client_workouts", "workout_logs", "measurements", "exercises",
    }  # fmt: skip


def test_an_empty_database_knows_nobody_and_fails_nobody(empty_database: str) -> None:
    """Without any table a client is a bare id, every list is empty, and the warnings say why."""
    crm = Crm(open_engine(empty_database), tz=BERLIN)
    with crm.snapshot() as snap:
        history = snap.training_history(7, AS_OF)
        trainer = snap.trainer(3)
    crm.close()
    assert (history.client.id, history.client.name, trainer.id) == (7, None, 3)
    assert (history.sessions, history.goals, history.notes) == ((), (), ())
    assert "table_missing: clients" in history.warnings


def test_no_database_answers_like_an_empty_one(empty_database: str) -> None:
    """`Crm(None)` gives what an empty database gives, warnings included."""
    real = Crm(open_engine(empty_database), tz=BERLIN)
    answers = []
    for crm in (Crm(None, tz=BERLIN), real):
        with crm.snapshot() as snap:
            answers.append((everything(snap, 7), snap.warnings))
    real.close()
    assert answers[0] == answers[1]


def test_tables_without_rows_know_no_client(gyms: Any) -> None:
    """Where a table of clients exists, an id without a row is an error, not a warning."""
    gym = gyms(clients=0)
    with gym.crm.snapshot() as snap, pytest.raises(ClientNotFound):
        snap.client(1)


@pytest.mark.parametrize("client_id", [0, 999_999, 2**31, 2**63, 10**40])
def test_an_unknown_client_is_an_error(gym: Gym, client_id: int) -> None:
    """However large the number is, the answer is "not found"."""
    with gym.crm.snapshot() as snap, pytest.raises(ClientNotFound):
        snap.client(client_id)


def test_an_unknown_trainer_is_an_error(gym: Gym) -> None:
    """A trainer who does not exist cannot be read."""
    with gym.crm.snapshot() as snap, pytest.raises(TrainerNotFound):
        snap.trainer(99)


@pytest.mark.parametrize("variant", ["A", "B"])
def test_soft_deleted_rows_hide_only_where_the_column_exists(gyms: Any, variant: Variant) -> None:
    """`deleted_at` hides a client in variant B; variant A has no such column."""
    gym = gyms(variant)
    client_id = gym.truth.cast["soft_deleted"]
    with gym.crm.snapshot() as snap:
        if variant == "B":
            with pytest.raises(ClientNotFound):
                snap.client(client_id)
        else:
            assert snap.client(client_id).id == client_id


def test_a_dropped_column_reads_as_unknown(gym: Gym) -> None:
    """A column that is gone gives None, not an error, and is named: nobody takes what is unread,
    such as a client's conditions, for nothing."""
    gym.sql("ALTER TABLE clients DROP COLUMN age, DROP COLUMN medical_conditions")
    with gym.crm.snapshot() as snap:
        client = snap.client(gym.truth.cast["low_back"])
    assert (client.age, client.medical_conditions) == (None, None)
    assert client.goals == "Lose weight"
    for column in ("age", "medical_conditions"):
        assert f"column_missing: clients.{column}" in snap.warnings


def test_a_column_that_comes_back_is_soon_read_again(
    gym: Gym, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one is missing the catalogue is looked up often; where all are there it is kept."""
    monkeypatch.setattr("agents.crm.connection.INCOMPLETE_SECONDS", 0.0)
    low_back = gym.truth.cast["low_back"]
    with gym.crm.snapshot() as snap:
        assert snap.client(low_back).medical_conditions
        assert not snap.warnings
    gym.sql("ALTER TABLE clients RENAME medical_conditions TO conditions")
    with gym.crm.snapshot() as snap:
        assert snap.client(low_back).medical_conditions is None
        assert "column_missing: clients.medical_conditions" in snap.warnings
    gym.sql("ALTER TABLE clients RENAME conditions TO medical_conditions")
    with gym.crm.snapshot() as snap:
        assert snap.client(low_back).medical_conditions
        assert not snap.warnings


def test_a_dropped_key_column_makes_the_table_absent(gym: Gym) -> None:
    """Rows that cannot be told apart by client are not read at all."""
    gym.sql("ALTER TABLE goals DROP COLUMN client_id")
    with gym.crm.snapshot() as snap:
        assert snap.goals(1) == ()
        assert "column_missing: goals.client_id" in snap.warnings


def test_a_column_of_another_type_reads_as_unknown(gym: Gym) -> None:
    """A number column that became text is left out and named."""
    gym.sql("ALTER TABLE clients ALTER COLUMN age TYPE text")
    with gym.crm.snapshot() as snap:
        assert snap.client(1).age is None
        assert "column_type: clients.age has an unexpected type" in snap.warnings


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE measurements DROP COLUMN bmi",
        "DROP TABLE measurements CASCADE",
        "ALTER TABLE measurements RENAME TO body_measurements",
    ],
)
def test_a_table_may_change_while_it_is_read(gym: Gym, change: str) -> None:
    """A change between two reads of one snapshot costs a new look, never an error."""
    with gym.crm.snapshot() as snap:
        assert snap.exercises()
        gym.sql(change)
        rows = snap.measurements(1, AS_OF)
        assert (
            "schema_changed: the main app's tables changed while they were read" in snap.warnings
        )
        assert bool(rows) is ("DROP COLUMN" in change)
    with gym.crm.snapshot() as snap:
        snap.measurements(1, AS_OF)
        assert not any(text.startswith("schema_changed") for text in snap.warnings)


def test_tables_that_appear_later_are_found(empty_database: str) -> None:
    """The app may create its tables after we started; a refresh finds them."""
    crm = Crm(open_engine(empty_database), tz=BERLIN)
    assert crm.tables() == frozenset()
    load(empty_database, as_of=AS_OF)
    crm.refresh()
    assert {"clients", "sessions"} <= crm.tables()
    crm.close()


def test_a_column_we_may_not_read_is_left_out(gym: Gym) -> None:
    """With narrower grants the readers do without, and say which column it was."""
    role = f"narrow_{abs(hash(gym.dsn)) % 10**9}"
    gym.sql(f"CREATE ROLE {role}")
    try:
        gym.sql(f"GRANT SELECT (id, name, age) ON clients TO {role}")

        @sa.event.listens_for(gym.engine, "connect")
        def become(raw: Any, _record: Any) -> None:
            raw.execute(f"SET SESSION AUTHORIZATION {role}")
            raw.commit()

        with gym.crm.snapshot() as snap:
            client = snap.client(gym.truth.cast["low_back"])
            assert snap.goals(client.id) == ()
        assert client.name == "Client 001"
        assert client.medical_conditions is None
        assert "column_unreadable: clients.medical_conditions" in snap.warnings
        assert "table_unreadable: goals" in snap.warnings
    finally:
        gym.crm.close()
        gym.sql(f"DROP OWNED BY {role}")
        gym.sql(f"DROP ROLE {role}")


# --- safety ------------------------------------------------------------------------------------


def test_a_snapshot_cannot_write(gym: Gym) -> None:
    """The transaction itself is read-only and isolated, whatever a statement tries."""
    with gym.crm.snapshot() as snap:
        snap.client(1)
        connection: sa.Connection = snap._connection  # type: ignore[assignment]
        assert connection.scalar(sa.text("SHOW transaction_read_only")) == "on"
        assert connection.scalar(sa.text("SHOW transaction_isolation")) == "repeatable read"
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "2s"
        with pytest.raises(DBAPIError, match="read-only transaction"):
            connection.execute(sa.text("UPDATE clients SET name = 'x'"))


def test_a_snapshot_leaves_no_setting_behind(gym: Gym) -> None:
    """The next user of the pooled connection finds the server's own settings."""
    with gym.crm.snapshot() as snap:
        snap.client(1)
    with gym.engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "0"
        assert connection.scalar(sa.text("SHOW transaction_read_only")) == "off"


def test_all_reads_see_one_moment(gym: Gym) -> None:
    """A row that appears during a snapshot is not seen in it, and is in the next one."""
    with gym.crm.snapshot() as snap:
        snap.client(1)
        before = len(snap.goals(1))
        gym.sql("INSERT INTO goals (client_id, title) VALUES (1, 'new')")
        gym.sql("INSERT INTO workout_logs (client_id, notes) VALUES (1, 'new')")
        assert all(log.notes != "new" for log in snap.workout_logs(1, AS_OF))
    with gym.crm.snapshot() as snap:
        assert len(snap.goals(1)) == before + 1


def test_no_secret_is_ever_part_of_a_statement_or_an_answer(gym: Gym) -> None:
    """Hashes, settings, messages, payments, files and addresses are beyond every reader."""
    told = []
    for client_id in gym.truth.clients:
        with gym.crm.snapshot() as snap:
            snap.check_authority("user:1", client_id)
            told.append(everything(snap, client_id))
    assert SECRET in gym.sql("SELECT password_hash FROM users LIMIT 1")
    assert SECRET not in repr(told)
    assert "@" not in repr(told)
    text = "\n".join(gym.statements).lower()
    for word in (
        "password_hash",
        "settings ",
        "messages",
        "payments",
        "files",
        "phone",
        "activity",
    ):
        assert word not in text.replace("_settings", ""), word


def test_every_read_is_bounded(gym: Gym) -> None:
    """Each statement on the app's tables has a condition (the library apart) and a limit."""
    with gym.crm.snapshot() as snap:
        everything(snap, 1)
    reads = [text for text in gym.statements if "\nFROM " in text]
    assert len(reads) >= 10
    assert all("LIMIT" in text for text in reads)
    unconditional = [text for text in reads if "WHERE" not in text]
    assert all("FROM exercises" in text for text in unconditional)


def test_a_history_costs_one_query_per_table(gym: Gym) -> None:
    """Reading all of a client's history asks no table twice with the same question."""
    with gym.crm.snapshot() as snap:
        snap.client(1)
        gym.statements.clear()
        snap.training_history(1, AS_OF)
    assert len(gym.statements) == len(set(gym.statements))
    assert len(gym.statements) <= 12


def test_what_was_read_ahead_is_what_is_read(gym: Gym, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows are read together, and wherever that cuts them off: each client's are
    those that a read of its own finds."""
    ids = sorted(gym.truth.visible())[:4]

    def told(snap: Snapshot) -> list[Any]:
        return [
            (snap.measurements(each, AS_OF), snap.goals(each), snap.progress_records(each, AS_OF))
            for each in ids
        ]

    with gym.crm.snapshot() as snap:
        alone = told(snap)
    first, most = len(alone[0][0]), sum(len(measured) for measured, *_ in alone)
    for together in (1, first - 1, first, first + 1, most - 1, most, most + 1):
        monkeypatch.setattr("agents.crm.reader.MOST_AHEAD", together)
        with gym.crm.snapshot() as snap:
            snap.body_ahead(ids)
            assert told(snap) == alone


def test_active_clients_come_in_pages(gym: Gym) -> None:
    """Page after page gives each active client once, by index, however many are not active."""
    gym.sql(
        "INSERT INTO clients (name, email, status) SELECT 'c', 'm' || g,"
        " CASE WHEN mod(g, 50) = 0 THEN ' Active ' WHEN mod(g, 75) > 0 THEN 'inactive' END"
        " FROM generate_series(1, 600) g;"
    )
    found: list[int] = []
    gym.statements.clear()
    while page := gym.crm.active_clients(found[-1] if found else 0, 7):
        assert len(page) <= 7
        found += page
    active = gym.sql(
        "SELECT array_agg(id ORDER BY id) FROM clients"
        " WHERE coalesce(trim(lower(status)), 'active') = 'active'"
    )
    assert found == active
    assert all("WHERE clients.id >" in text for text in gym.statements if "FROM clients" in text)


def test_a_cut_is_told(gym: Gym) -> None:
    """Texts beyond the limit are cut and rows beyond the limit left out, both with a warning."""
    gym.sql("UPDATE clients SET goals = repeat('x', 50000) WHERE id = 1")
    gym.sql("INSERT INTO goals (client_id, title) SELECT 1, 'g' FROM generate_series(1, 300)")
    with gym.crm.snapshot() as snap:
        assert len(snap.client(1).goals or "") == 16_000
        assert len(snap.goals(1)) == 200
        assert "text_cut: clients.goals" in snap.warnings
        assert "rows_cut: goals has more than 200 rows, the rest was left out" in snap.warnings


def test_a_locked_table_costs_a_bounded_wait(gym: Gym) -> None:
    """A read that waits for a lock ends after the statement timeout, and names the table."""
    crm = Crm(gym.engine, tz=BERLIN, statement_timeout_seconds=0.1)
    with psycopg.connect(gym.dsn) as other:
        other.execute("LOCK TABLE clients IN ACCESS EXCLUSIVE MODE")
        said = "reading clients of the main app took more than 0.1 seconds"
        with pytest.raises(AgentError, match=said), crm.snapshot() as snap:
            snap.client(1)
        other.rollback()
    with crm.snapshot() as snap:
        assert snap.client(1).id == 1


def test_a_read_takes_one_process_of_the_server(gym: Gym) -> None:
    """However large a table is, its scan leaves the other cores to the app; nothing stays set."""
    asked = sa.text("SHOW max_parallel_workers_per_gather")
    with gym.engine.connect() as connection:
        before = connection.execute(asked).scalar()
    with gym.crm.snapshot() as snap:
        assert snap._connection is not None
        assert snap._connection.execute(asked).scalar() == "0"
    with gym.engine.connect() as connection:
        assert connection.execute(asked).scalar() == before != "0"


def test_error_texts_hold_no_parameters(gym: Gym) -> None:
    """What a failed statement was asked about does not reach a log."""
    with gym.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(sa.text("SELECT :note / 0"), {"note": 4711})
    assert "4711" not in str(caught.value)


def test_snapshots_work_in_several_threads(gym: Gym) -> None:
    """One `Crm` serves threads at once; each gets its own picture."""
    names: list[str | None] = []

    def read(client_id: int) -> None:
        with gym.crm.snapshot() as snap:
            names.append(snap.client(client_id).name)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(name) for name in names) == [
        f"Client {number:03d}" for number in range(1, 9)
    ]


def test_a_read_that_outlives_the_engine_leaves_no_session(gym: Gym) -> None:
    """A thread cannot be stopped: its connection is closed when it gives it back."""
    opened: list[Any] = []
    sa.event.listen(gym.engine, "connect", lambda connection, _: opened.append(connection))
    with gym.crm.snapshot() as snap:
        assert snap.tables()
        gym.crm.close()
    assert [connection.closed for connection in opened] == [True]


def test_a_session_that_cannot_be_set_up_is_closed(
    gym: Gym, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that fails between connecting and the first read leaves nothing open."""
    monkeypatch.setattr("agents.crm.connection.SERVER_KEEPALIVES", "SELECT 1/0")
    left = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'ai-orchestrator agents' AND datname = current_database()"
    )
    with pytest.raises(DBAPIError, match="division"), gym.crm.snapshot():
        pass
    until(lambda: gym.sql(left) == 0, what="no session is left")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_any_spelling_of_an_address_opens(empty_database: str, scheme: str) -> None:
    """The driver is ours whatever the address says, and PgBouncer's own option is dropped."""
    address = empty_database.replace("postgresql", scheme, 1)
    engine = open_engine(f"{address}?pgbouncer=true")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


# --- authority ---------------------------------------------------------------------------------


def test_those_who_may_ask(gym: Gym) -> None:
    """The assigned trainer, the client, the app itself and an administrator pass."""
    client = gym.truth.clients[gym.truth.cast["low_back"]]
    trainer_login = gym.sql(
        "SELECT u.id FROM users u JOIN trainers t USING (email) WHERE t.id = %s", client.trainer_id
    )
    client_login = gym.sql(
        "SELECT u.id FROM users u JOIN clients c USING (email) WHERE c.id = %s", client.client_id
    )
    with gym.crm.snapshot() as snap:
        for asker in (
            None,
            "",
            f"client:{client.client_id}",
            f"trainer:{client.trainer_id}",
            f"user:{trainer_login}",
            f"user:{client_login}",
            "user:1",
        ):
            snap.check_authority(asker, client.client_id)
        assert snap.warnings == ()


def test_those_who_may_not(gym: Gym) -> None:
    """Another client, other trainers, a former one, unknown people: all refused."""
    client = gym.truth.clients[gym.truth.cast["former_trainer"]]
    others = set(gym.truth.trainers) - {client.trainer_id}
    assert client.former_trainer_id in others
    stranger = gym.sql("SELECT id FROM users WHERE role = 'client' ORDER BY id LIMIT 1")
    askers = [f"trainer:{number}" for number in (*others, 999)]
    askers += ["client:1", "client:0", f"user:{stranger}", "user:999"]
    with gym.crm.snapshot() as snap:
        for asker in askers:
            with pytest.raises(NotAssigned, match=f"'{asker}' has no right to client_id"):
                snap.check_authority(asker, client.client_id)


@pytest.mark.parametrize("status", ["cancelled", "Completed", "whatever"])
def test_an_ended_assignment_gives_no_right(gym: Gym, status: str) -> None:
    """Only an active assignment counts; an unknown word is not active."""
    trainer_id = gym.truth.clients[1].trainer_id
    gym.sql("UPDATE assignments SET status = %s WHERE client_id = 1", status)
    with gym.crm.snapshot() as snap:
        assert snap.active_assignment(1) is None
        with pytest.raises(NotAssigned):
            snap.check_authority(f"trainer:{trainer_id}", 1)


def test_a_disabled_login_gives_no_right(gym: Gym) -> None:
    """`active = false` closes a login; NULL means active."""
    gym.sql("UPDATE users SET active = NULL WHERE id = 1")
    with gym.crm.snapshot() as snap:
        snap.check_authority("user:1", 1)
    gym.sql("UPDATE users SET active = false WHERE id = 1")
    with gym.crm.snapshot() as snap, pytest.raises(NotAssigned):
        snap.check_authority("user:1", 1)


@pytest.mark.parametrize(
    "asker", ["admin", "trainer:", "trainer:x", "trainer:1; DROP TABLE", "🙂"]
)
def test_what_cannot_be_checked_is_told(gym: Gym, asker: str) -> None:
    """Another form of requested_by is no refusal, but a warning that does not repeat it."""
    with gym.crm.snapshot() as snap:
        snap.check_authority(asker, 1)
        (warning,) = snap.warnings
    assert warning.startswith("authority_unchecked: ")
    assert "DROP" not in warning
    assert "🙂" not in warning


def test_without_assignments_nothing_can_be_checked(gyms: Any) -> None:
    """Variant C has no assignments: a trainer passes, with a warning."""
    gym = gyms("C")
    with gym.crm.snapshot() as snap:
        snap.check_authority("trainer:1", 1)
        assert snap.warnings == ("authority_unchecked: this database has no assignments",)
