"""What is known about the client: rows of the main app and what the request brought along.

The only part of the progress agent that touches the main app's tables. One snapshot is read in a
thread; everything after works on the plain values gathered here. No free text but the titles of
goals is kept, and those are read for amounts and units only: notes never reach the model.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from agents.crm import (
    Crm,
    GoalRow,
    MeasurementRow,
    ProgressRow,
    SessionRow,
    Snapshot,
    WorkoutLogRow,
)
from agents.progress import requested
from agents.progress.analyse import Given
from agents.progress.goals import GoalGiven
from agents.progress.model import ProgressRequest
from agents.progress.series import METRICS, Reading, Writer, to_canonical, unit_word

EPOCH = dt.date(1970, 1, 1)
ADHERENCE_DAYS = 56
_PLAUSIBLE_AGE = range(4, 111)
_PRIORITIES = {"high": 0, "medium": 1, "low": 2}
_GIRTH_COLUMNS = {
    "chest": ("chest",),
    "waist": ("waist",),
    "hips": ("hips",),
    "thigh": ("thigh_left", "thigh_right"),
    "arm": ("arm_left", "arm_right"),
    "calf": ("calf_left", "calf_right"),
}
_SIZE = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*([a-z%\"]*)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attendance:
    """The last eight weeks. ratings: of logs that have one."""

    completed: int = 0
    no_show: int = 0
    cancelled: int = 0
    logs: int = 0
    ratings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """given: what is computed with. input_sha256: of the request and every row read."""

    given: Given
    today: dt.date
    attendance: Attendance
    trainer_id: int | None
    input_sha256: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rows:
    goals: tuple[GoalRow, ...] = ()
    measurements: tuple[MeasurementRow, ...] = ()
    records: tuple[ProgressRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    logs: tuple[WorkoutLogRow, ...] = ()


def read(
    crm: Crm | None,
    request: ProgressRequest,
    requested_by: str | None,
    now: dt.datetime,
    time_zone: str,
    portal_unit: str | None,
) -> Facts:
    """Everything about the client at the request's moment.

    portal_unit: what the client's own page shows, if somebody said so.
    Raises ClientNotFound, TrainerNotFound, NotAssigned.
    """
    as_of = request.moment(now, time_zone)
    today = as_of.astimezone(request.zone(time_zone)).date()
    warnings: list[str] = []
    rows, trainer_id, age = _Rows(), request.trainer_id, None
    if crm is None:
        warnings.append("main_app_missing: no tables to read; answered from the request alone")
    else:
        with crm.snapshot() as snapshot:
            age = _age(snapshot.client(request.client_id).age)
            snapshot.check_authority(requested_by, request.client_id)
            trainer_id = _trainer(snapshot, request, warnings)
            rows = _rows(snapshot, request.client_id, as_of)
            warnings.extend(snapshot.warnings)
    asked = requested.read(request, number(today))
    warnings.extend(asked.warnings)
    digest = _fingerprint(request, rows, today, portal_unit)
    stored = [
        reading
        for reading in (*_measured(rows.measurements), *_imported(rows.records))
        if reading.metric not in asked.replaced
    ]
    since = requested.first_day(request.time_period, number(today), warnings)
    readings = [
        reading
        for reading in _not_later((*stored, *asked.readings), number(today))
        if since is None or reading.day >= since
    ]
    goals, more = requested.merge_goals(
        [_goal(row) for row in rows.goals if _counts(row)], request
    )
    return Facts(
        given=Given(
            readings=readings,
            goals=goals,
            today=number(today),
            seed=int(digest[:15], 16),
            hint=portal_unit,
            age=age,
        ),
        today=today,
        attendance=_attendance(rows),
        trainer_id=trainer_id,
        input_sha256=digest,
        warnings=tuple(dict.fromkeys((*warnings, *more))),
    )


def measured(
    snapshot: Snapshot, client_id: int, now: dt.datetime, time_zone: str, hint: str | None
) -> Given:
    """All that the main app holds about a client up to `now`, as a report made then would see it,
    but for the milestones of goals.

    hint: see `series.clean`.
    """
    today = number(now.astimezone(ZoneInfo(time_zone)).date())
    stored = (
        *_measured(snapshot.measurements(client_id, now)),
        *_imported(snapshot.progress_records(client_id, now)),
    )
    return Given(
        readings=list(_not_later(stored, today)),
        goals=[_goal(row) for row in snapshot.goals(client_id, milestones=False) if _counts(row)],
        today=today,
        seed=0,
        hint=hint,
    )


def number(day: dt.date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def date_of(days: float) -> dt.date:
    """The date of a number of days since 1970."""
    return EPOCH + dt.timedelta(days=int(days))


def _rows(snapshot: Snapshot, client_id: int, as_of: dt.datetime) -> _Rows:
    since = as_of - dt.timedelta(days=ADHERENCE_DAYS)
    return _Rows(
        goals=snapshot.goals(client_id),
        measurements=snapshot.measurements(client_id, as_of),
        records=snapshot.progress_records(client_id, as_of),
        sessions=snapshot.sessions(since, as_of, client_id=client_id),
        logs=tuple(
            log
            for log in snapshot.workout_logs(client_id, as_of)
            if log.completed_at is not None and log.completed_at >= snapshot.utc(since)
        ),
    )


def _age(stored: int | None) -> int | None:
    """The client's age, None where it cannot be."""
    return stored if stored is not None and stored in _PLAUSIBLE_AGE else None


def _trainer(snapshot: Snapshot, request: ProgressRequest, warnings: list[str]) -> int | None:
    """The trainer in charge, or the one named; one who is not assigned is only a warning."""
    if request.trainer_id is None:
        assigned = snapshot.active_assignment(request.client_id)
        return assigned.trainer_id if assigned else None
    if snapshot.has("trainers", "id"):
        snapshot.trainer(request.trainer_id)
    trains = any(
        row.trainer_id == request.trainer_id and row.status == "active"
        for row in snapshot.assignments(request.client_id)
    )
    if not trains:
        warnings.append(
            f"trainer_not_assigned: trainer {request.trainer_id} has no active assignment to "
            "this client"
        )
    return request.trainer_id


def _counts(row: GoalRow) -> bool:
    return row.status not in ("abandoned", "on_hold", "cancelled")


def _goal(row: GoalRow) -> GoalGiven:
    return GoalGiven(
        goal_id=row.id,
        category=(row.category or "other").strip().casefold().replace("-", "_").replace(" ", "_"),
        title=(row.title or "")[:200],
        target=row.target_value,
        unit=row.target_unit,
        priority=_PRIORITIES.get(row.priority, 1),
        start_day=_day_number(row.start_date),
        target_day=_day_number(row.target_date),
        closed_day=_day_number(row.completed_date),
        completed=row.status == "completed",
        milestones=tuple(
            step.target_value for step in row.milestones if step.target_value is not None
        ),
    )


def _day_number(moment: dt.datetime | None) -> int | None:
    return number(moment.date()) if moment is not None else None


def _clock(moment: dt.datetime) -> float:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return number(moment.date()) + seconds / 86400


def _measured(rows: Sequence[MeasurementRow]) -> Iterator[Reading]:
    for row in rows:
        day, writer = _clock(row.measured_at), _writer(row)
        if row.weight is not None:
            yield _reading(row, "weight", row.weight, unit_word(row.weight_unit), day, writer)
        for name, value in (
            ("body_fat", row.body_fat_percentage),
            ("muscle_mass", row.muscle_mass),
            ("resting_heart_rate", row.resting_heart_rate),
        ):
            if value is not None:
                yield _reading(row, name, float(value), None, day, writer)
        for name, columns in _GIRTH_COLUMNS.items():
            sides = [row.girths[column] for column in columns if column in row.girths]
            if sides:
                unit = unit_word(row.girth_unit)
                yield _reading(row, name, sum(sides) / len(sides), unit, day, writer)


def _writer(row: MeasurementRow) -> Writer:
    """The client's page sends a date and no name; the staff's form stores both name and time."""
    if row.recorded_by is None and row.measured_at.time() == dt.time.min:
        return "portal"
    return "staff" if row.weight_unit and row.recorded_by is not None else "unstated"


def _reading(
    row: MeasurementRow, name: str, value: float, unit: str | None, day: float, writer: Writer
) -> Reading:
    turned = to_canonical(METRICS[name], value, unit)
    return Reading(
        metric=name,
        day=day,
        stored=value,
        value=value if turned is None else turned,
        writer=writer,
        row_id=row.id,
        bmi=row.bmi if name == "weight" else None,
    )


def _imported(rows: Sequence[ProgressRow]) -> Iterator[Reading]:
    """Imported records state no unit; their `measurements` is any json."""
    for row in rows:
        day = _clock(row.recorded_at)
        if row.weight is not None:
            yield Reading("weight", day, row.weight, row.weight, "unstated")
        if row.body_fat_percentage is not None:
            yield Reading("body_fat", day, row.body_fat_percentage, row.body_fat_percentage)
        if isinstance(row.measurements, Mapping):
            yield from _loose(row.measurements, day)


def _loose(values: Mapping[str, Any], day: float) -> Iterator[Reading]:
    for name, value in list(values.items())[:40]:
        metric = METRICS.get(requested.metric_name(str(name)) or "")
        match = _SIZE.fullmatch(str(value)[:40])
        if metric is None or match is None or metric.name == "strength":
            continue
        size = float(match[1].replace(",", "."))
        turned = to_canonical(metric, size, unit_word(match[2]))
        if turned is not None:
            yield Reading(metric.name, day, size, turned, "unstated")


def _not_later(readings: Sequence[Reading], today: int) -> Iterator[Reading]:
    """Readings of a day that has begun: clocks of pages and server differ by some hours."""
    for reading in readings:
        if reading.day < today + 2:
            yield reading if reading.day < today + 1 else _on(reading, today)


def _on(reading: Reading, today: int) -> Reading:
    return Reading(
        reading.metric,
        today + 0.99,
        reading.stored,
        reading.value,
        reading.writer,
        reading.row_id,
        reading.bmi,
    )


def _attendance(rows: _Rows) -> Attendance:
    statuses = [row.status for row in rows.sessions]
    return Attendance(
        completed=statuses.count("completed"),
        no_show=statuses.count("no_show"),
        cancelled=statuses.count("cancelled"),
        logs=len(rows.logs),
        ratings=tuple(
            log.difficulty_rating for log in rows.logs if log.difficulty_rating is not None
        ),
    )


def _fingerprint(
    request: ProgressRequest, rows: _Rows, today: dt.date, portal_unit: str | None
) -> str:
    seen = [request.model_dump(mode="json"), asdict(rows), today.isoformat(), portal_unit]
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()
