"""The sample gym is reproducible, holds every trap of the main app, and tells the truth."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from daemon.demo.gym import GymExists, GymTruth, Options, Tables, build, load

AS_OF = datetime(2026, 11, 20, 9, tzinfo=UTC)
Rows = list[Mapping[str, Any]]


@pytest.fixture(scope="module")
def gym() -> tuple[Tables, GymTruth]:
    """A gym of a hundred clients, in memory."""
    return build(clients=100, as_of=AS_OF, options=Options(hostile=True))


@pytest.fixture(scope="module")
def small() -> tuple[Tables, GymTruth]:
    """The demo's gym, in memory."""
    return build(as_of=AS_OF)


def words(tables: Tables, table: str, column: str) -> set[Any]:
    """All values of one column, NULL included."""
    return {row.get(column) for row in tables[table]}


def test_equal_arguments_build_equal_gyms() -> None:
    """The same seed and moment give the same rows and the same truth."""
    assert build(clients=20, as_of=AS_OF, seed=5) == build(clients=20, as_of=AS_OF, seed=5)


def test_another_seed_builds_another_gym() -> None:
    """The seed decides: two seeds give different readings."""
    first, _ = build(as_of=AS_OF, seed=1)
    second, _ = build(as_of=AS_OF, seed=2)
    assert first["measurements"] != second["measurements"]


def test_a_moment_needs_a_zone() -> None:
    """A moment without a zone is refused with advice."""
    with pytest.raises(ValueError, match="without a zone"):
        build(as_of=datetime(2026, 11, 20, 9))


@pytest.mark.parametrize("variant", ["A", "B"])
def test_every_row_reaches_its_table(empty_database: str, variant: Any) -> None:
    """What was built is what a full variant's tables hold, and ids go on after it."""
    options = Options(older_ai=True, hostile=True)
    tables, _ = build(as_of=AS_OF, variant=variant, options=options)
    load(empty_database, as_of=AS_OF, variant=variant, options=options)
    with psycopg.connect(empty_database) as connection:
        found = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in tables
        }
        assert {name: (len(rows),) for name, rows in tables.items()} == found
        added = connection.execute(
            "INSERT INTO clients (name, email) VALUES ('new', 'new@mail.example') RETURNING id"
        ).fetchone()
        assert added == (len(tables["clients"]) + 1,)


def test_the_small_variant_keeps_clients_and_sessions(empty_database: str) -> None:
    """Variant C has no trainers and no measurements, but the same clients and session times."""
    tables, _ = build(as_of=AS_OF, variant="C")
    load(empty_database, as_of=AS_OF, variant="C")
    with psycopg.connect(empty_database) as connection:
        names = connection.execute(
            "SELECT array_agg(relname::text ORDER BY relname) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
        assert names == (["clients", "sessions", "users"],)
        dates = connection.execute("SELECT session_date FROM sessions ORDER BY id").fetchall()
        assert [row["session_date"] for row in tables["sessions"]] == [row[0] for row in dates]


def test_an_empty_gym_has_tables_without_rows(empty_database: str) -> None:
    """No clients means no rows at all, in tables that exist."""
    truth = load(empty_database, clients=0, as_of=AS_OF)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT count(*) FROM exercises").fetchone() == (0,)
    assert truth.clients == {}


def test_somebody_elses_clients_are_left_alone(empty_database: str) -> None:
    """Loading into a database that has clients is refused and changes nothing."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE clients (id int)")
        with pytest.raises(GymExists, match="empty"):
            load(connection, as_of=AS_OF)
        assert connection.execute("SELECT to_regclass('trainers')").fetchone() == (None,)


def test_the_cast_is_known_by_name(small: tuple[Tables, GymTruth]) -> None:
    """The demo finds its clients by what is special about them."""
    tables, truth = small
    conditions = {
        name: tables["clients"][client_id - 1]["medical_conditions"]
        for name, client_id in truth.cast.items()
    }
    assert conditions["low_back"] == "Chronic lower back pain"
    assert truth.clients[truth.cast["knee_hypertension"]].conditions == {"knee", "hypertension"}
    assert truth.clients[truth.cast["healthy_dumbbells"]].equipment == ("bodyweight", "dumbbells")
    assert truth.clients[truth.cast["chest_pain"]].conditions == {"chest_pain"}
    assert truth.clients[truth.cast["notes_only"]].conditions_from == "notes"
    assert conditions["notes_only"] is None
    assert conditions["pregnant"].startswith("Pregnant")


def test_the_client_without_data_has_only_a_name(small: tuple[Tables, GymTruth]) -> None:
    """Nothing but what NOT NULL demands is stored about it, in any table."""
    tables, truth = small
    client_id = truth.cast["no_data"]
    filled = {key for key, value in tables["clients"][client_id - 1].items() if value is not None}
    assert filled == {"id", "name", "email"}
    mentions = {
        name for name, rows in tables.items() if any(r.get("client_id") == client_id for r in rows)
    }
    assert mentions == set()


def test_labels_name_nobody(gym: tuple[Tables, GymTruth]) -> None:
    """People are numbers and addresses end in .example."""
    tables, truth = gym
    plain = [row for row in tables["clients"] if not truth.clients[row["id"]].hostile]
    assert all(row["name"] == f"Client {row['id']:03d}" for row in plain)
    people = [*tables["clients"], *tables["trainers"], *tables["users"]]
    assert all(row["email"].endswith(".example") for row in people)


def test_every_kind_of_client_occurs(gym: tuple[Tables, GymTruth]) -> None:
    """All bodies and all standings are there."""
    clients = gym[1].clients.values()
    assert {client.body for client in clients} == {
        "steady_loss", "plateau", "regain", "gain", "maintenance", "sparse", "no_readings",
    }  # fmt: skip
    assert {client.standing for client in clients} == {
        "normal", "fading", "no_trainer", "former_trainer", "soft_deleted", "all_null",
    }  # fmt: skip


def test_bodies_do_what_they_are_called(gym: tuple[Tables, GymTruth]) -> None:
    """Losing clients lose, gaining and regaining ones gain, the others stay."""
    for client in gym[1].clients.values():
        slope = client.slope_kg_per_week
        expected = {"steady_loss": slope < -0.03, "gain": slope > 0.03, "regain": slope > 0.03}
        assert expected.get(client.body, True), client
        if client.body in ("plateau", "maintenance"):
            assert abs(slope) < 0.01, client


def test_slips_are_stored_as_the_app_stores_them(gym: tuple[Tables, GymTruth]) -> None:
    """Each slip names its row, and pounds as kg look just like the client page's rows."""
    tables, truth = gym
    kinds: Counter[str] = Counter()
    for client in truth.clients.values():
        for slip in client.slips:
            row = tables["measurements"][slip.measurement_id - 1]
            kinds[slip.kind] += 1
            assert row["weight"] == slip.stored
            if slip.kind == "pounds_as_kg":
                assert (row["weight_unit"], row["recorded_by"]) == ("kg", None)
                assert row["measurement_date"].time() == datetime.min.time()
                assert row.get("waist") is None
                assert row["weight"] == pytest.approx(slip.true_kg * 2.2046, abs=0.06)
    assert all(kinds[kind] > 5 for kind in ("pounds_as_kg", "decimal", "typo"))


def test_readings_without_a_slip_are_honest(gym: tuple[Tables, GymTruth]) -> None:
    """Every other weight, read in its stated unit (none: kg), lies near the true curve."""
    tables, truth = gym
    slips = {slip.measurement_id for client in truth.clients.values() for slip in client.slips}
    for row in tables["measurements"]:
        if row["id"] in slips:
            continue
        weight = truth.clients[row["client_id"]].weight
        assert weight is not None
        kg = row["weight"] / (2.2046 if row["weight_unit"] == "lbs" else 1)
        assert abs(kg - weight.on(row["measurement_date"].date())) < 3


def test_one_series_mixes_pounds_and_kilograms(small: tuple[Tables, GymTruth]) -> None:
    """The demo's client has both in one column, all called kg."""
    tables, truth = small
    client = truth.clients[truth.cast["pounds_as_kg"]]
    page = [
        row
        for row in tables["measurements"]
        if row["client_id"] == client.client_id and row["recorded_by"] is None
    ]
    pounds = {slip.measurement_id for slip in client.slips if slip.kind == "pounds_as_kg"}
    assert 0 < sum(row["id"] in pounds for row in page) < len(page)
    assert {row["weight_unit"] for row in page} == {"kg"}


def test_falling_goals_are_closed_wrongly(gym: tuple[Tables, GymTruth]) -> None:
    """Some goals say completed though the weight was never past the target on that day."""
    tables, truth = gym
    wrong = [
        (client, goal)
        for client in truth.clients.values()
        for goal in client.goals
        if goal.wrongly_completed
    ]
    assert len(wrong) >= 5
    for client, goal in wrong:
        row = tables["goals"][goal.goal_id - 1]
        assert row["status"] == "completed"
        assert goal.falling
        assert client.weight is not None
    demo = truth.clients[truth.cast["wrong_goal"]]
    assert any(goal.wrongly_completed for goal in demo.goals)


def test_goals_come_in_every_form(gym: tuple[Tables, GymTruth]) -> None:
    """Up, down, unmeasurable, two of a category, units missing or in pounds, 0 as current."""
    tables, truth = gym
    goals = [goal for client in truth.clients.values() for goal in client.goals]
    assert {goal.falling for goal in goals} == {True, False}
    assert any(goal.target_kg is None for goal in goals)
    assert {None, "", "kg", "lbs"} <= words(tables, "goals", "target_unit")
    assert {0.0, None} <= words(tables, "goals", "current_value")
    assert {"active", "Active", None, "completed", "on_hold", "On Hold", "abandoned"} <= words(
        tables, "goals", "status"
    )
    twice = Counter((row["client_id"], row["category"]) for row in tables["goals"])
    assert max(twice.values()) > 1


def test_sessions_hold_every_status_and_gap(gym: tuple[Tables, GymTruth]) -> None:
    """All statuses in their spellings, requests, stale rows, and NULL ends and lengths."""
    tables, _ = gym
    assert {
        "completed", "Completed", "no-show", "no_show", "No Show", "noshow", "cancelled",
        "canceled", "scheduled", "requested", None,
    } <= words(tables, "sessions", "status")  # fmt: skip
    past = [row for row in tables["sessions"] if row["session_date"] < datetime(2026, 11, 20)]
    assert any(row["status"] == "scheduled" for row in past)
    assert any(row["end_time"] is None and row["duration"] is None for row in past)
    assert {0, 600} <= words(tables, "sessions", "duration")


def test_habits_are_kept_as_often_as_the_truth_says(gym: tuple[Tables, GymTruth]) -> None:
    """Over the whole gym, kept sessions match the odds of their times within a few percent."""
    tables, truth = gym
    kept = expected = count = 0.0
    odd = set(truth.utc_session_ids)
    for row in tables["sessions"]:
        client = truth.clients[row["client_id"]]
        start: datetime = row["session_date"]
        odds = client.odds.get((start.isoweekday(), start.hour))
        status = (row["status"] or "scheduled").lower()
        if odds is None or row["id"] in odd or status in ("scheduled", "requested"):
            continue
        if row.get("recurring_session_id") or start > datetime(2026, 11, 20):
            continue
        count += 1
        kept += status == "completed"
        expected += odds
    assert count > 2_000
    assert abs(kept - expected) / count < 0.03


def test_double_bookings_overlap(gym: tuple[Tables, GymTruth]) -> None:
    """Each pair is one trainer, two clients, less than an hour apart."""
    tables, truth = gym
    assert truth.double_bookings
    for first, second in truth.double_bookings:
        one, two = tables["sessions"][first - 1], tables["sessions"][second - 1]
        assert one["trainer_id"] == two["trainer_id"]
        assert one["client_id"] != two["client_id"]
        assert abs(one["session_date"] - two["session_date"]) < timedelta(minutes=30)


def test_a_series_lands_a_day_late(gym: tuple[Tables, GymTruth]) -> None:
    """The page's 0 is Sunday; the rows of a series stand on the next weekday."""
    tables, truth = gym
    assert truth.late_series_ids
    for series_id in truth.late_series_ids:
        days = json.loads(tables["recurring_sessions"][series_id - 1]["recurrence_days"])
        for row in tables["sessions"]:
            if row.get("recurring_session_id") == series_id:
                assert row["session_date"].isoweekday() % 7 == (days[0] + 1) % 7


def test_some_sessions_are_on_the_wrong_clock(gym: tuple[Tables, GymTruth]) -> None:
    """The admin calendar's rows hold UTC: an hour or two before the client's usual time."""
    tables, truth = gym
    assert truth.utc_session_ids
    for session_id in truth.utc_session_ids:
        stored: datetime = tables["sessions"][session_id - 1]["session_date"]
        trainer = truth.trainers[tables["sessions"][session_id - 1]["trainer_id"]]
        walls = [stored + timedelta(hours=offset) for offset in (1, 2)]
        assert any(trainer.first_hour <= wall.hour < trainer.last_hour for wall in walls)


def test_the_library_is_as_untidy_as_the_apps(gym: tuple[Tables, GymTruth]) -> None:
    """Names repeat, tags are missing, both spellings occur."""
    tables, _ = gym
    names = Counter(row["name"] for row in tables["exercises"])
    assert max(names.values()) > 1
    assert {None, "bands", "resistance-bands", "cable", "cables"} <= words(
        tables, "exercises", "equipment"
    )
    assert {"full_body", "full-body", None} <= words(tables, "exercises", "muscle_group")


def test_the_library_can_be_the_stock_one() -> None:
    """On request it is the twenty rows that the app seeds, and templates still fit."""
    tables, _ = build(as_of=AS_OF, options=Options(stock_exercises_only=True))
    assert len(tables["exercises"]) == 20
    assert words(tables, "workout_exercises", "exercise_id") <= set(range(1, 21))


def test_hostile_texts_change_no_other_client() -> None:
    """Hostile clients come on top; everybody else keeps the same readings."""
    plain, _ = build(clients=14, as_of=AS_OF)
    hostile, truth = build(clients=14, as_of=AS_OF, options=Options(hostile=True))
    assert hostile["measurements"][: len(plain["measurements"])] == plain["measurements"]
    assert len(hostile["clients"][truth.cast["letters"] - 1]["medical_conditions"]) == 10_000
    assert "<script>" in hostile["clients"][truth.cast["markup"] - 1]["medical_conditions"]
    texts = [row.get("notes") or "" for row in hostile["sessions"]]
    assert any("Ignore all previous instructions" in text for text in texts)


def test_only_the_newest_models_hide_deleted_clients() -> None:
    """A soft-deleted client is hidden in variant B and an ordinary one in A."""
    for variant, hidden in (("A", False), ("B", True)):
        _, truth = build(as_of=AS_OF, variant=variant)  # type: ignore[arg-type]
        assert (truth.cast["soft_deleted"] not in truth.visible()) is hidden
