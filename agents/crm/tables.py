"""The allow-list: the tables and columns of the main app that may be read at all.

On a shared database every service is the same superuser, so a grant cannot keep a secret; this
list does. Whatever it does not name (password hashes, settings with mail and SMS keys, messages,
payments, files, addresses) is never part of a statement. It is also the only place that knows the
app's names: a reader asks for a table and gets the columns named here that exist today.

Kinds: ``i`` integer, ``f`` number, ``b`` boolean, ``t`` text, ``ts`` timestamp without zone,
``d`` date, ``j`` json.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import sqlalchemy as sa

Kind = Literal["i", "f", "b", "t", "ts", "d", "j"]

_READABLE: dict[str, str] = {
    "trainers": "id:i name:t specialization:t certification:t experience:i active:b deleted_at:ts",
    "clients": """id:i name:t age:i goals:t medical_conditions:t status:t membership_type:t
        start_date:ts deleted_at:ts""",
    "assignments": "id:i trainer_id:i client_id:i notes:t status:t created_at:ts deleted_at:ts",
    "sessions": """id:i trainer_id:i client_id:i session_date:ts end_time:ts duration:i
        session_type:t location:t notes:t status:t recurring_session_id:i created_at:ts
        deleted_at:ts""",
    "measurements": """id:i client_id:i measurement_date:ts weight:f weight_unit:t
        body_fat_percentage:f muscle_mass:f bmi:f chest:f waist:f hips:f thigh_left:f thigh_right:f
        arm_left:f arm_right:f calf_left:f calf_right:f measurement_unit:t resting_heart_rate:i
        blood_pressure_systolic:i blood_pressure_diastolic:i notes:t recorded_by:t
        created_at:ts""",
    "progress_records": """id:i client_id:i record_date:ts weight:f body_fat_percentage:f
        measurements:j notes:t created_at:ts""",
    "goals": """id:i client_id:i title:t description:t category:t target_value:f target_unit:t
        current_value:f start_date:ts target_date:ts completed_date:ts status:t priority:t notes:t
        created_at:ts""",
    "goal_milestones": """id:i goal_id:i title:t target_value:f target_date:ts completed:b
        completed_date:ts""",
    "exercises": "id:i name:t category:t muscle_group:t equipment:t difficulty:t is_custom:b",
    "workout_templates": "id:i name:t category:t difficulty:t duration_minutes:i",
    "workout_exercises": """id:i workout_template_id:i exercise_id:i order:i sets:i reps:t
        duration_seconds:i rest_seconds:i weight:t notes:t""",
    "client_workouts": """id:i client_id:i workout_template_id:i assigned_by:i assigned_date:ts
        start_date:d end_date:d frequency_per_week:i notes:t status:t""",
    "workout_logs": """id:i client_id:i client_workout_id:i workout_template_id:i completed_date:ts
        duration_minutes:i difficulty_rating:i notes:t""",
    # Only to see what `requested_by = 'user:3'` may do; the hash beside these is out of reach.
    "users": "id:i email:t role:t active:b",
}

# The e-mail columns take part in one comparison (which trainer or client a user is) and are never
# selected; they are kept apart so that no reader returns them by accident.
MATCHED_BY_EMAIL: frozenset[str] = frozenset({"trainers", "clients"})

# pg_type.typcategory that each kind can be read from; any type can be read as text or json text.
_CATEGORIES: dict[Kind, frozenset[str] | None] = {
    "i": frozenset("N"),
    "f": frozenset("N"),
    "b": frozenset("B"),
    "ts": frozenset("D"),
    "d": frozenset("D"),
    "t": None,
    "j": None,
}

_FIRST_DAY: sa.ColumnElement[Any] = sa.literal_column("date '0001-01-02'")
_LAST_DAY: sa.ColumnElement[Any] = sa.literal_column("date '9999-12-30'")


def _parse(spec: str) -> dict[str, Kind]:
    columns: dict[str, Kind] = {}
    for part in spec.split():
        name, _, kind = part.partition(":")
        if kind not in get_args(Kind):
            raise ValueError(f"column {name!r} has the unknown kind {kind!r}")
        columns[name] = kind  # type: ignore[assignment]  # narrowed by the membership test above
    return columns


KINDS: dict[str, dict[str, Kind]] = {name: _parse(spec) for name, spec in _READABLE.items()}


def source(name: str) -> sa.TableClause:
    """The table as SQLAlchemy Core sees it: the allowed columns, plus `email` where it matches."""
    columns = [*KINDS[name], *(["email"] if name in MATCHED_BY_EMAIL else [])]
    # Untyped on purpose: a typed column would let the dialect convert before `coerce` may judge.
    return sa.table(name, *(sa.column(column) for column in columns))


def fits(kind: Kind, category: str) -> bool:
    """Whether a column of PostgreSQL's type `category` can be read as `kind`."""
    allowed = _CATEGORIES[kind]
    return allowed is None or category in allowed


def selected(table: sa.TableClause, column: str, kind: Kind, text_limit: int) -> sa.Label[Any]:
    """One output column, made safe to fetch.

    Texts come at most `text_limit` + 1 characters long (the extra one betrays a cut). Timestamps
    outside the years 1 to 9999, `infinity` included, become NULL: the driver cannot load them.
    """
    value: sa.ColumnElement[Any] = table.c[column]
    if kind in ("t", "j"):
        value = sa.func.left(sa.cast(value, sa.Text), text_limit + 1)
    elif kind in ("ts", "d"):
        value = sa.case((value.between(_FIRST_DAY, _LAST_DAY), value))
    return value.label(column)
