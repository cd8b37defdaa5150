"""Everything the tables say that a training plan depends on, read in one go.

Ten bounded queries, one per table, in one snapshot. Nothing is interpreted here: equipment words,
goal categories and free texts are handed on as the app stores them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.crm.body import BodyReader
from agents.crm.memory import MemoryReader
from agents.crm.people import PeopleReader
from agents.crm.rows import (
    AssignmentRow,
    BloodPressure,
    ClientRow,
    ClientWorkoutRow,
    ExerciseRow,
    GoalRow,
    Note,
    SessionRow,
    WorkoutLogRow,
)
from agents.crm.training import TrainingReader, median_minutes

HISTORY_WEEKS = 26
RECENT_WEEKS = 8
_NOTED_ROWS = 10


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """What is known about one client at one moment.

    goals: active ones, most important first. sessions: the last 26 weeks, oldest first.
    workouts, logs: newest first. notes: every free text in which a complaint may hide, the
    client's own two fields first. sessions_done: completed in 26 weeks; sessions_done_recently and
    median_minutes look at 8 weeks.
    """

    client: ClientRow
    assignment: AssignmentRow | None
    goals: tuple[GoalRow, ...]
    sessions: tuple[SessionRow, ...]
    workouts: tuple[ClientWorkoutRow, ...]
    logs: tuple[WorkoutLogRow, ...]
    blood_pressure: BloodPressure | None
    exercises: tuple[ExerciseRow, ...]
    notes: tuple[Note, ...]
    sessions_done: int
    sessions_done_recently: int
    median_minutes: int | None
    warnings: tuple[str, ...]


class HistoryReader(PeopleReader, BodyReader, TrainingReader, MemoryReader):
    """The readers that combine several tables."""

    def training_history(self, client_id: int, as_of: datetime) -> TrainingHistory:
        """All of it, up to `as_of` (with a zone). Raises ClientNotFound."""
        client = self.client(client_id)
        sessions = self._recent_sessions(client_id, as_of)
        done = [row.start for row in sessions if row.status == "completed"]
        recently = self.wall(as_of - timedelta(weeks=RECENT_WEEKS))
        return TrainingHistory(
            client=client,
            assignment=self.active_assignment(client_id),
            goals=self.goals(client_id, active_only=True),
            sessions=sessions,
            workouts=self.client_workouts(client_id, as_of),
            logs=self.workout_logs(client_id, as_of),
            blood_pressure=self.blood_pressure(client_id, as_of),
            exercises=self.exercises(),
            notes=self.notes(client_id, as_of),
            sessions_done=len(done),
            sessions_done_recently=sum(start >= recently for start in done),
            median_minutes=median_minutes(row for row in sessions if row.start >= recently),
            warnings=self.warnings,
        )

    def notes(self, client_id: int, as_of: datetime) -> tuple[Note, ...]:
        """Every non-empty free text about the client, for the screening of conditions.

        The client's conditions and wishes, then notes of assignments, workouts and the last ten
        sessions, titles, descriptions and notes of goals that are not abandoned, and the notes of
        the last ten measurements and workout logs. Texts are data; they may hold anything.
        """
        found = self._noted(client_id, as_of)
        return tuple(
            Note(source, row_id, text.strip(), at)
            for source, row_id, text, at in found
            if text and text.strip()
        )

    def _noted(
        self, client_id: int, as_of: datetime
    ) -> Iterator[tuple[str, int, str | None, datetime | None]]:
        client = self.client(client_id)
        yield "clients.medical_conditions", client.id, client.medical_conditions, None
        yield "clients.goals", client.id, client.goals, None
        for assignment in self.assignments(client_id):
            yield "assignments.notes", assignment.id, assignment.notes, assignment.created_at
        for workout in self.client_workouts(client_id, as_of):
            yield "client_workouts.notes", workout.id, workout.notes, workout.assigned_at
        for session in self._recent_sessions(client_id, as_of)[: -_NOTED_ROWS - 1 : -1]:
            yield "sessions.notes", session.id, session.notes, session.start
        for goal in self.goals(client_id):
            if goal.status != "abandoned":
                yield "goals.title", goal.id, goal.title, goal.start_date
                yield "goals.description", goal.id, goal.description, goal.start_date
                yield "goals.notes", goal.id, goal.notes, goal.start_date
        for reading in self.measurements(client_id, as_of)[: -_NOTED_ROWS - 1 : -1]:
            yield "measurements.notes", reading.id, reading.notes, reading.measured_at
        for log in self.workout_logs(client_id, as_of)[:_NOTED_ROWS]:
            yield "workout_logs.notes", log.id, log.notes, log.completed_at

    def _recent_sessions(self, client_id: int, as_of: datetime) -> tuple[SessionRow, ...]:
        return self.sessions(as_of - timedelta(weeks=HISTORY_WEEKS), as_of, client_id=client_id)
