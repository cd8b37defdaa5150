"""Sessions, workouts given and done, and the exercise library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from statistics import median

from agents.crm.reader import Query, Reader, Row
from agents.crm.rows import (
    ClientWorkoutRow,
    ExerciseRow,
    SessionRow,
    TemplateExerciseRow,
    TemplateRow,
    WorkoutLogRow,
)
from agents.crm.words import fold

_RATINGS = range(1, 11)
MOST_SESSIONS = 2_000
MOST_BOOKINGS = 5_000
_MOST_GYM_SESSIONS = 5_000
"""In simulated gyms of 700 clients and some 11,000 sessions the best of the proposed times was
.001 less likely to be kept with these than with all, .01 less with 2,000; squared error of the
chances .0245, .0238 with all, .0256 with 2,000 (`tests/eval/simulate_gyms.py` made larger)."""
_MOST_WORKOUTS = 50
_MOST_LOGS = 500
_MOST_EXERCISES = 5_000
_BOOKED = ("id", "trainer_id", "client_id", "session_date", "end_time", "duration", "status")


class TrainingReader(Reader):
    """Readers for what was booked, prescribed and done."""

    def sessions(
        self,
        since: datetime,
        until: datetime,
        *,
        client_id: int | None = None,
        trainer_id: int | None = None,
    ) -> tuple[SessionRow, ...]:
        """Bookings that start in [since, until), oldest first; at most the newest 2,000.

        since, until: moments with a zone (turned into the gym's wall time), or wall time.
        With a client *and* a trainer: the rows of either, as double bookings occur on both sides.
        """
        who = (("client_id", client_id), ("trainer_id", trainer_id))
        asked = tuple((column, value) for column, value in who if value is not None)
        if not asked:
            raise ValueError("sessions need a client_id or a trainer_id: the table has no index")
        rows = self.read(self._sessions(since, until, asked))
        return tuple(_session(row) for row in reversed(rows) if row["session_date"] is not None)

    def sessions_ahead(
        self, since: datetime, until: datetime, *, client_ids: Iterable[int]
    ) -> None:
        """Read these clients' sessions with one scan; `sessions` then answers for each of them."""
        self.read_ahead(self._sessions(since, until, (("client_id", 0),)), client_ids)

    def _sessions(
        self, since: datetime, until: datetime, asked: tuple[tuple[str, int], ...]
    ) -> Query:
        alone = len(asked) == 1
        return Query(
            "sessions",
            by=asked if alone else (),
            by_any=() if alone else asked,
            window=("session_date", self.wall(since), self.wall(until)),
            order=("-session_date", "-id"),
            limit=MOST_SESSIONS,
        )

    def bookings(
        self,
        since: datetime,
        until: datetime,
        *,
        client_ids: Iterable[int] = (),
        trainer_ids: Iterable[int] = (),
    ) -> tuple[SessionRow, ...]:
        """Sessions of any of these people that start in [since, until), oldest first.

        At most the first 5,000: what the limit cuts off lies far ahead, not tomorrow, and nothing
        is known of the time from the last one's start on. Where the table does not say whose a
        session is, every session is returned: an unknown booking must not look like a free hour.
        """
        by_any = _whose(client_ids, trainer_ids)
        if not by_any:
            return ()
        known = all(self.has("sessions", column) for column, _ in by_any)
        rows = self.read(
            Query(
                "sessions",
                by_any=by_any if known else (),
                window=("session_date", self.wall(since), self.wall(until)),
                order=("session_date", "id"),
                limit=MOST_BOOKINGS,
                only=(*_BOOKED, "session_type", "location"),
            )
        )
        if not known:
            self.warn("column_missing: sessions.client_id, sessions.trainer_id")
        return tuple(_session(row) for row in rows if row["session_date"] is not None)

    def gym_sessions(
        self,
        since: datetime,
        until: datetime,
        *,
        client_ids: Iterable[int] = (),
        trainer_ids: Iterable[int] = (),
    ) -> tuple[SessionRow, ...]:
        """Everybody's sessions that start in [since, until), oldest first, without any texts.

        One sequential scan; at most 5,000: those of these clients, then of these trainers, then
        of others, who are picked evenly and whole. The newest of all would not do: a large gym has
        as many in a few days, in which hardly anybody came twice and only some weekdays occur.
        Where that takes too long, those of these people alone are read, which an index can help.
        """
        gym = Query(
            "sessions",
            window=("session_date", self.wall(since), self.wall(until)),
            first=_whose(client_ids, trainer_ids),
            order=("#client_id", "-session_date", "-id"),
            limit=_MOST_GYM_SESSIONS,
            only=_BOOKED,
        )
        rows = self.read_in_time(gym) if gym.first else self.read(gym)
        if rows is None:
            self.warn("gym_unread: the gym's sessions took too long to read; others' do not count")
            rows = self.read(replace(gym, by_any=gym.first))
        read = (_session(row) for row in rows if row["session_date"] is not None)
        return tuple(sorted(read, key=attrgetter("start", "id")))

    def client_workouts(self, client_id: int, as_of: datetime) -> tuple[ClientWorkoutRow, ...]:
        """Templates given to the client up to `as_of`, newest first, with their exercises."""
        rows = self.read(
            Query(
                "client_workouts",
                by=(("client_id", client_id),),
                order=("-assigned_date", "-id"),
                limit=_MOST_WORKOUTS,
            )
        )
        end = self.utc(as_of)
        kept = [row for row in rows if row["assigned_date"] is None or row["assigned_date"] <= end]
        wanted = {row["workout_template_id"] for row in kept} - {None}
        templates = self.templates(wanted) if wanted else {}
        return tuple(
            ClientWorkoutRow(
                id=row["id"],
                client_id=row["client_id"],
                status=fold(row["status"], "active"),
                template_id=row["workout_template_id"],
                assigned_by=row["assigned_by"],
                assigned_at=row["assigned_date"],
                start_date=row["start_date"],
                end_date=row["end_date"],
                frequency_per_week=row["frequency_per_week"],
                notes=row["notes"],
                template=templates.get(row["workout_template_id"]),
            )
            for row in kept
        )

    def templates(self, template_ids: Iterable[int]) -> dict[int, TemplateRow]:
        """Templates by id, each with its lines in order and their exercises. Three queries."""
        ids = tuple(sorted(set(template_ids)))
        rows = self.read(Query("workout_templates", by=(("id", ids),), limit=_MOST_WORKOUTS))
        lines = self.read(
            Query(
                "workout_exercises",
                by=(("workout_template_id", ids),),
                order=("order", "id"),
                limit=_MOST_WORKOUTS * 20,
            )
        )
        wanted = tuple(sorted({line["exercise_id"] for line in lines} - {None}))
        found = self.read(Query("exercises", by=(("id", wanted),), limit=_MOST_WORKOUTS * 20))
        exercises = {row["id"]: _exercise(row) for row in found if row["name"]}
        by_template: defaultdict[int, list[TemplateExerciseRow]] = defaultdict(list)
        for line in lines:
            if line["exercise_id"] is not None:
                by_template[line["workout_template_id"]].append(
                    _line(line, exercises.get(line["exercise_id"]))
                )
        return {
            row["id"]: TemplateRow(
                id=row["id"],
                name=row["name"],
                category=row["category"],
                difficulty=row["difficulty"],
                duration_minutes=row["duration_minutes"],
                exercises=tuple(by_template[row["id"]]),
            )
            for row in rows
        }

    def workout_logs(self, client_id: int, as_of: datetime) -> tuple[WorkoutLogRow, ...]:
        """Workouts the client did alone up to `as_of` (undated ones too), newest first."""
        rows = self.read(
            Query(
                "workout_logs",
                by=(("client_id", client_id),),
                order=("-completed_date", "-id"),
                limit=_MOST_LOGS,
            )
        )
        end = self.utc(as_of)
        return tuple(
            WorkoutLogRow(
                id=row["id"],
                client_id=row["client_id"],
                completed_at=row["completed_date"],
                client_workout_id=row["client_workout_id"],
                template_id=row["workout_template_id"],
                duration_minutes=row["duration_minutes"],
                difficulty_rating=_rating(row["difficulty_rating"]),
                notes=row["notes"],
            )
            for row in rows
            if row["completed_date"] is None or row["completed_date"] <= end
        )

    def exercises(self) -> tuple[ExerciseRow, ...]:
        """The app's library by id; at most 5,000 rows."""
        rows = self.read(Query("exercises", order=("id",), limit=_MOST_EXERCISES))
        return tuple(_exercise(row) for row in rows if row["name"])


def _whose(
    client_ids: Iterable[int], trainer_ids: Iterable[int]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Columns of sessions with the ids to be found in them; without those nobody is named for."""
    asked = (("client_id", client_ids), ("trainer_id", trainer_ids))
    return tuple((column, found) for column, ids in asked if (found := tuple(sorted(set(ids)))))


def median_minutes(sessions: Iterable[SessionRow]) -> int | None:
    """The middle stated length of sessions that were not cancelled, in minutes; None without."""
    stated = [
        row.stated_minutes for row in sessions if row.blocks and row.stated_minutes is not None
    ]
    return round(median(stated)) if stated else None


def _rating(value: int | None) -> int | None:
    return value if value in _RATINGS else None


def _session(row: Row) -> SessionRow:
    return SessionRow(
        id=row["id"],
        client_id=row["client_id"],
        trainer_id=row["trainer_id"],
        start=row["session_date"],
        status=fold(row["status"], "scheduled"),
        end_time=row["end_time"],
        duration=row["duration"],
        session_type=row["session_type"],
        location=row["location"],
        notes=row["notes"],
        recurring_session_id=row["recurring_session_id"],
        created_at=row["created_at"],
    )


def _exercise(row: Row) -> ExerciseRow:
    return ExerciseRow(
        id=row["id"],
        name=row["name"],
        category=row["category"],
        muscle_group=row["muscle_group"],
        equipment=row["equipment"],
        difficulty=row["difficulty"],
        is_custom=bool(row["is_custom"]),
    )


def _line(row: Row, exercise: ExerciseRow | None) -> TemplateExerciseRow:
    return TemplateExerciseRow(
        exercise_id=row["exercise_id"],
        order=row["order"],
        sets=row["sets"],
        reps=row["reps"],
        duration_seconds=row["duration_seconds"],
        rest_seconds=row["rest_seconds"],
        weight=row["weight"],
        exercise=exercise,
    )
