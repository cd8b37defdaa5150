"""What is known about the client before any planning: rows, texts, library, and the day it is.

The only part of the workout agent that touches the main app's tables. One snapshot is read in a
thread; everything after works on the plain values gathered here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from agents.crm import Crm, Snapshot
from agents.crm.history import TrainingHistory
from agents.workout import fill_gaps
from agents.workout.exercises.app_exercises import Library, merge
from agents.workout.profile import Profile
from agents.workout.remembered import Memory, fingerprint, recall
from agents.workout.request import WorkoutConfig, WorkoutRequest
from agents.workout.screening.screen import BloodPressure, Screening, Source, screen

_HEALTH_FIELDS = frozenset({"clients.medical_conditions"})
_REQUEST_TEXTS = ("goals", "preferences", "avoid_exercises", "focus_areas")
# A reading without its other half: a harmless value that decides nothing.
_USUAL_SYSTOLIC, _USUAL_DIASTOLIC = 120, 80


@dataclass(frozen=True, slots=True)
class Facts:
    """history: None where there is no main app. today: the client's day. texts: all that people
    wrote. input_sha256: of the request and every row read. memory: earlier answers and their
    echo. warnings: for `data_warnings`."""

    history: TrainingHistory | None
    library: Library
    texts: tuple[Source, ...]
    blood_pressure: BloodPressure | None
    resting_heart_rate: int | None
    today: date
    trainer_id: int | None
    input_sha256: str
    as_of: datetime
    memory: Memory = field(default_factory=Memory)
    warnings: tuple[str, ...] = ()

    def with_warnings(self, more: Iterable[str]) -> Facts:
        """The same facts and more warnings, each once."""
        return replace(self, warnings=tuple(dict.fromkeys((*self.warnings, *more))))

    def request_json(self, request: WorkoutRequest) -> dict[str, Any]:
        """The request as plain JSON, given fields only, with the day it is answered for."""
        given = request.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        given["client_id"] = request.client_id
        given["as_of"] = self.today.isoformat()
        if request.clearance is not None:
            given["clearance"] = {
                "cleared": request.clearance.cleared,
                "by": request.clearance.by,
                "date": request.clearance.date.isoformat() if request.clearance.date else None,
            }
        return given


def read(
    crm: Crm | None,
    request: WorkoutRequest,
    requested_by: str | None,
    now: datetime,
    time_zone: str,
) -> Facts:
    """Everything about the client at the request's moment.

    Raises ClientNotFound, TrainerNotFound, NotAssigned.
    """
    as_of = fill_gaps.moment(request, now, time_zone)
    today = as_of.astimezone(ZoneInfo(request.timezone or time_zone)).date()
    history: TrainingHistory | None = None
    warnings: list[str] = []
    trainer_id: int | None = None
    resting: int | None = None
    memory = Memory()
    if crm is None:
        warnings.append("main_app_missing: no tables to read; planned from the request alone")
        trainer_id = request.trainer_id
    else:
        with crm.snapshot() as snapshot:
            history = snapshot.training_history(request.client_id, as_of)
            snapshot.check_authority(requested_by, request.client_id)
            trainer_id = _trainer(snapshot, request, history, warnings)
            resting = _resting_heart_rate(snapshot, request.client_id, as_of)
            memory = Memory(
                snapshot.exercise_opinions(request.client_id, as_of),
                snapshot.plan_before(request.client_id, as_of),
            )
            warnings.extend(snapshot.warnings)
    return Facts(
        history=history,
        library=merge(history.exercises if history else ()),
        texts=_texts(request, history, today),
        blood_pressure=_blood_pressure(history),
        resting_heart_rate=resting,
        today=today,
        trainer_id=trainer_id,
        input_sha256=_fingerprint(request, history, today, resting, memory),
        as_of=as_of,
        memory=memory,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def profile_of(
    request: WorkoutRequest, facts: Facts, config: WorkoutConfig
) -> tuple[Profile, tuple[str, ...]]:
    """(the client without conditions, warnings)."""
    profile, warnings = fill_gaps.fill(
        request, facts.history, config, facts.library.exercises, facts.resting_heart_rate
    )
    return recall(profile, facts.memory, facts.history, facts.as_of), warnings


def screening_of(request: WorkoutRequest, facts: Facts, age: int | None) -> Screening:
    """The health conditions in everything that was written or measured."""
    return screen(
        facts.texts,
        as_of=facts.today,
        age=age,
        blood_pressure=facts.blood_pressure,
        clearance=request.clearance,
    )


def _trainer(
    snapshot: Snapshot,
    request: WorkoutRequest,
    history: TrainingHistory,
    warnings: list[str],
) -> int | None:
    """The trainer in charge, or the one named; one who is not assigned is only a warning."""
    assigned = history.assignment.trainer_id if history.assignment else None
    if request.trainer_id is None:
        return assigned
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


def _resting_heart_rate(snapshot: Snapshot, client_id: int, as_of: datetime) -> int | None:
    rows = snapshot.measurements(client_id, as_of)
    return next((row.resting_heart_rate for row in reversed(rows) if row.resting_heart_rate), None)


def _blood_pressure(history: TrainingHistory | None) -> BloodPressure | None:
    found = history.blood_pressure if history else None
    if found is None:
        return None
    systolic = found.systolic or max(_USUAL_SYSTOLIC, (found.diastolic or 0) + 1)
    diastolic = found.diastolic or min(_USUAL_DIASTOLIC, systolic - 1)
    return BloodPressure(systolic, diastolic, found.measured_at.date())


def _texts(
    request: WorkoutRequest, history: TrainingHistory | None, today: date
) -> tuple[Source, ...]:
    found = [
        Source(f"request.{name}", text, declared=True, written=today)
        for name in ("conditions", "injuries")
        for text in getattr(request, name) or ()
    ]
    found += [
        Source(f"request.{name}", text, written=today)
        for name in _REQUEST_TEXTS
        for text in getattr(request, name) or ()
    ]
    found += [
        Source(
            note.source,
            note.text,
            declared=note.source in _HEALTH_FIELDS,
            written=note.written_at.date() if note.written_at else None,
        )
        for note in (history.notes if history else ())
    ]
    return tuple(found)


def _fingerprint(
    request: WorkoutRequest,
    history: TrainingHistory | None,
    today: date,
    resting: int | None,
    memory: Memory,
) -> str:
    rows = asdict(history) if history else None
    day = today.isoformat()
    seen = [request.model_dump(mode="json"), rows, day, resting, fingerprint(memory)]
    text = json.dumps(seen, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
