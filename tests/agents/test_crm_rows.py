"""What the readers say about the sample gym is what the gym knows to be true."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from agents.crm import Crm, SessionRow, Snapshot, fold, median_minutes, open_engine
from daemon.demo.gym import GymTruth, Options, load
from tests.kit.postgres import Server

AS_OF = datetime(2026, 11, 20, 9, tzinfo=UTC)
BERLIN = "Europe/Berlin"
App = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[tuple[str, GymTruth]]:
    """Thirty clients and some hostile ones, for tests that only read."""
    with server.database(migrated=False) as dsn:
        yield dsn, load(dsn, clients=30, as_of=AS_OF, options=Options(hostile=True))


@pytest.fixture
def truth(shared: tuple[str, GymTruth]) -> GymTruth:
    """The truth about the thirty clients."""
    return shared[1]


@pytest.fixture
def snap(shared: tuple[str, GymTruth]) -> Iterator[Snapshot]:
    """Readers over the thirty clients."""
    crm = Crm(open_engine(shared[0]), tz=BERLIN)
    with crm.snapshot() as opened:
        yield opened
    crm.close()


@pytest.fixture
def app(empty_database: str) -> Iterator[App]:
    """The main app's own connection to a small gym that a test may change."""
    load(empty_database, as_of=AS_OF)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def crm(empty_database: str) -> Iterator[Crm]:
    """The readers' side of the gym that a test may change."""
    opened = Crm(open_engine(empty_database), tz=BERLIN)
    yield opened
    opened.close()


def booking(**columns: Any) -> SessionRow:
    """A session on a Monday at ten."""
    start = datetime(2026, 11, 16, 10)
    return SessionRow(
        id=1, client_id=1, trainer_id=1, start=start, **{"status": "scheduled", **columns}
    )


def test_the_trainer_in_charge_is_the_newest_active_assignment(
    snap: Snapshot, truth: GymTruth
) -> None:
    """For every client: the one the gym says, or none."""
    for client in truth.clients.values():
        assignment = snap.active_assignment(client.client_id)
        assert (assignment.trainer_id if assignment else None) == client.trainer_id


def test_what_a_client_was_given_names_equipment_level_and_frequency(
    snap: Snapshot, truth: GymTruth
) -> None:
    """The newest template carries difficulty, frequency and the equipment of its exercises."""
    checked = 0
    for client in truth.clients.values():
        workouts = snap.client_workouts(client.client_id, AS_OF)
        given = [row for row in workouts if row.status != "completed"]
        if not given:
            continue
        checked += 1
        template = given[0].template
        assert template is not None
        assert template.equipment == client.equipment
        assert (template.difficulty or "").lower() == (client.level or "")
        assert given[0].frequency_per_week == client.frequency_per_week
    assert checked > 15


def test_every_complaint_is_among_the_notes(snap: Snapshot, truth: GymTruth) -> None:
    """Whatever is wrong with a client stands in the texts or in the newest blood pressure."""
    places = set()
    for client in truth.clients.values():
        notes = snap.notes(client.client_id, AS_OF)
        places.add(client.conditions_from)
        if client.conditions_from == "notes":
            assert any("sore" in n.text or "hurting" in n.text or "pain" in n.text for n in notes)
        if client.conditions_from == "measurement":
            pressure = snap.blood_pressure(client.client_id, AS_OF)
            assert pressure is not None
            assert (pressure.systolic or 0) >= 140
    assert places == {"field", "notes", "measurement", "nowhere"}


def test_notes_come_from_every_place_people_write(app: App, crm: Crm) -> None:
    """Conditions, wishes, assignments, workouts, sessions, goals, readings and logs count."""
    app.execute("UPDATE assignments SET notes = 'in assignment' WHERE client_id = 3")
    app.execute("UPDATE client_workouts SET notes = 'in workout' WHERE client_id = 3")
    app.execute("UPDATE sessions SET notes = 'in session' WHERE client_id = 3")
    app.execute("UPDATE goals SET notes = 'in goal', description = 'd' WHERE client_id = 3")
    app.execute("UPDATE measurements SET notes = 'in reading' WHERE client_id = 3")
    app.execute("UPDATE workout_logs SET notes = 'in log' WHERE client_id = 3")
    with crm.snapshot() as snap:
        notes = snap.notes(3, AS_OF)
    assert {note.source for note in notes} == {
        "clients.medical_conditions", "clients.goals", "assignments.notes",
        "client_workouts.notes", "sessions.notes", "goals.title", "goals.description",
        "goals.notes", "measurements.notes", "workout_logs.notes",
    }  # fmt: skip
    sessions = [note for note in notes if note.source == "sessions.notes"]
    assert len(sessions) == 10
    assert [n.written_at for n in sessions] == sorted(
        (n.written_at for n in sessions), reverse=True
    )  # type: ignore[type-var]


def test_readings_after_the_moment_do_not_exist(snap: Snapshot, truth: GymTruth) -> None:
    """A future reading is left out and counted; the others come oldest first."""
    client = truth.clients[truth.cast["low_back"]]
    assert client.future_measurement_ids
    rows = snap.measurements(client.client_id, AS_OF)
    assert not {row.id for row in rows} & set(client.future_measurement_ids)
    assert [row.measured_at for row in rows] == sorted(row.measured_at for row in rows)
    assert "future_rows_ignored: measurements 1" in snap.warnings


def test_an_earlier_moment_sees_only_what_was_known(snap: Snapshot, truth: GymTruth) -> None:
    """Asked for last summer, the history ends last summer."""
    earlier = AS_OF - timedelta(days=120)
    client_id = truth.cast["low_back"]
    history = snap.training_history(client_id, earlier)
    assert history.sessions
    assert all(row.start < snap.wall(earlier) for row in history.sessions)
    assert all(row.completed_at < snap.utc(earlier) for row in history.logs if row.completed_at)
    assert all(
        row.measured_at <= snap.wall(earlier) for row in snap.measurements(client_id, earlier)
    )


def test_numbers_that_json_refuses_are_unknown(snap: Snapshot, truth: GymTruth) -> None:
    """NaN and infinity in numbers or dates become None, with a warning."""
    client_id = truth.cast["markup"]
    rows = snap.measurements(client_id, AS_OF)
    goals = snap.goals(client_id)
    assert all(row.bmi is None or row.bmi < 100 for row in rows)
    assert all(row.girths.get("waist", 0) < 1_000 for row in rows)
    assert {goal.target_date for goal in goals} == {None}
    assert {"not_a_number: measurements.bmi", "not_a_number: measurements.waist"} <= {
        *snap.warnings
    }


def test_hostile_texts_arrive_as_they_are(snap: Snapshot, truth: GymTruth) -> None:
    """Ten thousand letters and markup are data: complete, unchanged, in the notes."""
    letters = snap.notes(truth.cast["letters"], AS_OF)
    assert any(note.text == "a" * 10_000 for note in letters)
    markup = snap.client(truth.cast["markup"])
    assert "<script>" in (markup.medical_conditions or "")


def test_goals_come_most_important_first(snap: Snapshot, truth: GymTruth) -> None:
    """High, medium, low; NULL counts as medium; active ones can be asked for alone."""
    rank = {"high": 0, "medium": 1, "low": 2}
    several = 0
    for client_id in truth.clients:
        goals = snap.goals(client_id)
        ranks = [rank[goal.priority] for goal in goals]
        several += len(ranks) > 1
        assert ranks == sorted(ranks)
        assert {goal.status for goal in snap.goals(client_id, active_only=True)} <= {"active"}
    assert several > 5


def test_milestones_belong_to_their_goal(snap: Snapshot, truth: GymTruth) -> None:
    """A goal on the scale carries its two steps, in order."""
    goals = snap.goals(truth.cast["low_back"])
    steps = [[step.title for step in goal.milestones] for goal in goals if goal.milestones]
    assert steps
    assert all(titles == ["Step 1", "Step 2"] for titles in steps)
    assert all(step.goal_id == goal.id for goal in goals for step in goal.milestones)


def test_double_bookings_are_visible_from_both_sides(snap: Snapshot, truth: GymTruth) -> None:
    """Asking for a client and a trainer gives the rows of either."""
    since, until = AS_OF - timedelta(days=400), AS_OF + timedelta(days=20)
    first, second = truth.double_bookings[0]
    rows = {row.id: row for row in snap.sessions(since, until, trainer_id=1)}
    trainer_id = rows[first].trainer_id if first in rows else None
    assert trainer_id == 1
    client_id = rows[second].client_id
    assert client_id is not None
    mine = {row.id for row in snap.sessions(since, until, client_id=client_id)}
    theirs = {row.id for row in snap.sessions(since, until, trainer_id=trainer_id)}
    both = snap.sessions(since, until, client_id=client_id, trainer_id=trainer_id)
    assert {row.id for row in both} == mine | theirs


def test_sessions_need_somebody(snap: Snapshot) -> None:
    """The whole table is never read by accident."""
    with pytest.raises(ValueError, match="client_id or a trainer_id"):
        snap.sessions(AS_OF, AS_OF)


def test_session_windows_are_wall_time(app: App, crm: Crm) -> None:
    """Nine in the morning UTC is ten o'clock in Berlin, where the sessions are."""
    app.execute("DELETE FROM sessions WHERE client_id = 10")
    app.execute(
        "INSERT INTO sessions (trainer_id, client_id, session_date) VALUES"
        " (1, 10, '2026-11-20 09:30'), (1, 10, '2026-11-20 10:00')"
    )
    with crm.snapshot() as snap:
        later = snap.sessions(AS_OF, AS_OF + timedelta(hours=1), client_id=10)
    assert [row.start.hour for row in later] == [10]


def test_an_unset_time_zone_is_told(shared: tuple[str, GymTruth]) -> None:
    """Without GYM_TIME_ZONE times are read as UTC, and the warning says so."""
    crm = Crm(open_engine(shared[0]))
    with crm.snapshot() as snap:
        snap.sessions(AS_OF, AS_OF, client_id=1)
        assert any(text.startswith("time_zone_unset: ") for text in snap.warnings)
    crm.close()


@pytest.mark.parametrize(
    ("columns", "minutes"),
    [
        ({}, 60),
        ({"duration": 45}, 45),
        ({"duration": 0}, 60),
        ({"duration": 600}, 60),
        ({"end_time": datetime(2026, 11, 16, 10, 30)}, 30),
        ({"end_time": datetime(2026, 11, 16, 10, 30), "duration": 60}, 30),
        ({"end_time": datetime(2026, 11, 16, 9), "duration": 90}, 90),
        ({"end_time": datetime(2026, 11, 17, 10)}, 60),
    ],
)
def test_a_session_always_has_a_length(columns: dict[str, Any], minutes: int) -> None:
    """The end counts, then the duration, both only between 10 and 480 minutes, else an hour."""
    row = booking(**columns)
    assert row.minutes == minutes
    assert row.ends == row.start + timedelta(minutes=minutes)


def test_the_usual_length_counts_only_what_was_entered() -> None:
    """Cancelled sessions and guessed hours do not move the median."""
    rows = [
        booking(duration=30),
        booking(duration=40),
        booking(duration=50),
        booking(),
        booking(duration=480, status="cancelled"),
    ]
    assert median_minutes(rows) == 40
    assert median_minutes([booking()]) is None


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        ("no-show", "no_show"),
        ("No Show", "no_show"),
        ("NOSHOW", "no_show"),
        ("no_show", "no_show"),
        ("On Hold", "on_hold"),
        ("canceled", "cancelled"),
        (" Completed ", "completed"),
        (None, "scheduled"),
        ("  ", "scheduled"),
        ("Überbucht", "überbucht"),
    ],
)
def test_status_words_are_folded(word: str | None, folded: str) -> None:
    """Case, spaces, hyphens and underscores do not matter; unknown words stay."""
    assert fold(word, "scheduled") == folded


def test_unknown_words_harm_nothing(app: App, crm: Crm) -> None:
    """Words nobody knows, in every column that has a vocabulary, are read like any other."""
    app.execute("UPDATE clients SET status = 'VIP'")
    app.execute("UPDATE goals SET status = '??', priority = 'urgent', category = 'zen'")
    app.execute("UPDATE sessions SET status = 'teleported', session_type = '-'")
    app.execute("UPDATE exercises SET equipment = 'trampoline', difficulty = 'insane'")
    app.execute("UPDATE workout_logs SET difficulty_rating = -3")
    app.execute("UPDATE measurements SET weight_unit = 'stone', measurement_unit = 'ell'")
    with crm.snapshot() as snap:
        history = snap.training_history(3, AS_OF)
        assert {goal.priority for goal in snap.goals(3)} == {"urgent"}
    assert history.client.status == "vip"
    assert {row.status for row in history.sessions} == {"teleported"}
    assert {row.difficulty_rating for row in history.logs} == {None}
    assert (history.goals, history.sessions_done) == ((), 0)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(150, 95)], (150, 95)),
        ([(150, 95), (None, None)], (150, 95)),
        ([(150, 95), (120, 80)], (120, 80)),
        ([(150, 95), (12, 8)], (150, 95)),
        ([(150, 95), (190, None)], (190, None)),
        ([(None, 1000)], None),
        ([], None),
    ],
)
def test_the_newest_plausible_blood_pressure_counts(
    app: App,
    crm: Crm,
    readings: list[tuple[int | None, int | None]],
    expected: tuple[int | None, int | None] | None,
) -> None:
    """Rows without a value and impossible values are passed over; half a reading counts."""
    app.execute("DELETE FROM measurements WHERE client_id = 3")
    for day, (systolic, diastolic) in enumerate(readings, start=1):
        app.execute(
            "INSERT INTO measurements (client_id, measurement_date, blood_pressure_systolic,"
            " blood_pressure_diastolic) VALUES (3, make_date(2026, 11, %s), %s, %s)",
            (day, systolic, diastolic),
        )
    with crm.snapshot() as snap:
        found = snap.blood_pressure(3, AS_OF)
    assert (found and (found.systolic, found.diastolic)) == expected


def test_json_too_deep_to_be_read_is_unknown(app: App, crm: Crm) -> None:
    """A record whose json holds thousands of nested lists costs that column, not the answer."""
    app.execute(
        "INSERT INTO progress_records (client_id, record_date, weight, measurements)"
        " SELECT 3, %s, 80, (repeat('[', 5000) || repeat(']', 5000))::json",
        (AS_OF.replace(tzinfo=None),),
    )
    with crm.snapshot() as snap:
        (record,) = snap.progress_records(3, AS_OF)
    assert (record.weight, record.measurements) == (80, None)
    assert "not_json: progress_records.measurements" in snap.warnings
