"""The main app's tables, read-only: the one place that knows their names.

The tables belong to another application that changes them without notice, checks nothing and has
no index to offer. So: the columns are looked up and only what exists is selected
(:mod:`agents.crm.catalogue`), only what an allow-list names can be read at all
(:mod:`agents.crm.tables`), every read is bounded (:mod:`agents.crm.reader`), and the readers turn
rows into frozen dataclasses (:mod:`agents.crm.rows`)::

    crm = Crm(open_engine(settings.database_url), tz="Europe/Berlin")
    with crm.snapshot() as snap:
        snap.check_authority("trainer:12", client_id=7)
        history = snap.training_history(7, as_of=ctx.now)
    history.warnings  # ("table_missing: workout_logs", ...)

An unknown client or trainer is an error (``ClientNotFound``, ``TrainerNotFound``); everything else
that is missing is None, empty, and named in the warnings. ``Crm(None)`` answers like a database
without any of the tables. All calls block: run them in a thread.
"""

from agents.crm.connection import Crm, Snapshot, open_engine
from agents.crm.history import TrainingHistory
from agents.crm.memory import DoneBefore, Opinion, PlanBefore
from agents.crm.reader import Reader
from agents.crm.rows import (
    AssignmentRow,
    BloodPressure,
    ClientRow,
    ClientWorkoutRow,
    ExerciseRow,
    GoalRow,
    MeasurementRow,
    MilestoneRow,
    Note,
    ProgressRow,
    SessionRow,
    TemplateExerciseRow,
    TemplateRow,
    TrainerRow,
    WorkoutLogRow,
)
from agents.crm.training import MOST_BOOKINGS, MOST_SESSIONS, median_minutes
from agents.crm.words import fold

__all__ = [
    "MOST_BOOKINGS",
    "MOST_SESSIONS",
    "AssignmentRow",
    "BloodPressure",
    "ClientRow",
    "ClientWorkoutRow",
    "Crm",
    "DoneBefore",
    "ExerciseRow",
    "GoalRow",
    "MeasurementRow",
    "MilestoneRow",
    "Note",
    "Opinion",
    "PlanBefore",
    "ProgressRow",
    "Reader",
    "SessionRow",
    "Snapshot",
    "TemplateExerciseRow",
    "TemplateRow",
    "TrainerRow",
    "TrainingHistory",
    "WorkoutLogRow",
    "fold",
    "median_minutes",
    "open_engine",
]
