"""What is known before anything is computed: rows, hours, rules, and the moment it is.

The only part of the scheduling agent that touches the main app's tables. One snapshot is read in a
thread; everything after works on the plain values gathered here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agents.base import TrainerNotFound
from agents.crm import (
    MOST_BOOKINGS,
    Crm,
    Opinion,
    SessionRow,
    Snapshot,
    TrainerRow,
    fold,
    median_minutes,
)
from agents.scheduling import hours, preferences
from agents.scheduling.attendance import OLDEST_DAYS, Seen
from agents.scheduling.clock import GymClock, mixed_time_basis
from agents.scheduling.habits import Habits
from agents.scheduling.liking import Echo
from agents.scheduling.model import ScheduleConfig, ScheduleRequest
from agents.scheduling.preferences import Wishes
from agents.scheduling.slots import LONGEST_MINUTES, Booking, Rules, Window

DEFAULT_HORIZON_DAYS, DEFAULT_STEP_MINUTES = 14, 30
DEFAULT_NOTICE_HOURS, DEFAULT_GAP_HOURS = 24, 48
DEFAULT_MAX_MOVES = 3
LOOK_AHEAD_DAYS = 56
_OUTCOME_RANK = {"completed": 0, "no_show": 1, "cancelled": 2}


@dataclass(frozen=True, slots=True)
class Facts:
    """now: wall time of the request. trainer_id: None if nobody is in charge.

    seen: past sessions of the whole gym, without duplicates. bookings: what blocks, around the
    days in question and LOOK_AHEAD_DAYS beyond. days: those that may be proposed. minutes: usual
    length per client. movable: the trainer's booked sessions of the week. echoes: how the
    client's earlier proposals were received.
    """

    clock: GymClock
    time_zone: str
    as_of: datetime
    now: datetime
    client_id: int | None
    trainer_id: int | None
    seen: tuple[Seen, ...]
    bookings: tuple[Booking, ...]
    movable: tuple[Booking, ...]
    days: tuple[date, ...]
    until: datetime
    rules: Rules
    minutes: dict[int, int]
    wishes: Wishes
    input_sha256: str
    warnings: tuple[str, ...]
    echoes: tuple[Echo, ...] = ()

    def trainer_bookings(self, without: Booking | None = None) -> list[Booking]:
        """What takes the trainer's time; a session of nobody known takes everybody's."""
        return [
            b
            for b in self.bookings
            if b is not without
            and (b.trainer_id is None or (self.trainer_id and b.trainer_id == self.trainer_id))
        ]

    def client_bookings(self, client_id: int, without: Booking | None = None) -> list[Booking]:
        """Sessions of one client, with any trainer."""
        return [b for b in self.bookings if b is not without and b.client_id == client_id]

    def habits(self, client_id: int) -> Habits:
        """What a client is used to."""
        return Habits.of((s for s in self.seen if s.client_id == client_id), self.now)

    def closed(self, client_id: int) -> list[Seen]:
        """The client's sessions with a known outcome."""
        return [s for s in self.seen if s.client_id == client_id and s.closed]


@dataclass(slots=True)
class _Rows:
    """What the tables gave."""

    history: Sequence[SessionRow] = ()
    booked: Sequence[SessionRow] = ()
    trainer_id: int | None = None
    opinions: Sequence[Opinion] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """When: the days that may be proposed, and the span in which bookings matter."""

    clock: GymClock
    as_of: datetime
    now: datetime
    days: tuple[date, ...]
    until: datetime
    since: datetime
    end: datetime


def read(
    crm: Crm | None,
    request: ScheduleRequest,
    config: ScheduleConfig,
    requested_by: str | None,
    now: datetime,
    time_zone: str,
) -> Facts:
    """Everything about the client or the week at the request's moment.

    Raises ClientNotFound, TrainerNotFound, NotAssigned.
    """
    zone = request.timezone or time_zone
    frame = _frame(request, GymClock.of(zone), now)
    if crm is None:
        rows = _Rows(
            trainer_id=request.trainer_id,
            warnings=("main_app_missing: no tables to read; only the request's own data count",),
        )
    else:
        with crm.snapshot() as snapshot:
            rows = _read(snapshot, request, requested_by, frame)
    said = [w for w in rows.warnings if not (request.timezone and w.startswith("time_zone_unset"))]
    wishes = preferences.read(request.preferred_times or (), frame.clock, frame.now)
    said += preferences.warnings(wishes)
    seen, merged = _seen(rows.history, frame.now)
    if merged:
        said.append(f"duplicate_sessions: {merged} rows repeat another session")
    if mixed_time_basis(((s.client_id, s.start) for s in seen), frame.clock):
        said.append("mixed_time_basis: some sessions look as if they were stored in UTC")
    bookings, movable = _bookings(rows, request, frame)
    windows = _windows(request, config, rows, seen_ends(rows))
    facts = Facts(
        clock=frame.clock,
        time_zone=zone,
        as_of=frame.as_of,
        now=frame.now,
        client_id=request.client_id,
        trainer_id=rows.trainer_id,
        seen=seen,
        bookings=bookings,
        movable=movable,
        days=frame.days,
        until=frame.until,
        rules=_rules(request, frame, windows, config.default_minutes),
        minutes=_usual_minutes(rows.history),
        wishes=wishes,
        input_sha256=_fingerprint(request, rows, frame, windows),
        warnings=tuple(dict.fromkeys(said)),
        echoes=_echoes(rows.opinions, frame.as_of),
    )
    own = facts.minutes.get(request.client_id or 0)
    if request.duration is None and own is not None:
        facts = replace(facts, rules=replace(facts.rules, duration=own))
    return facts


def _frame(request: ScheduleRequest, clock: GymClock, now: datetime) -> _Frame:
    as_of = request.as_of or now
    if as_of.tzinfo is None:
        as_of = clock.utc(as_of)
    wall = clock.wall(as_of)
    if request.week_mode:
        first = _week(request, clock, wall)
        days = tuple(first + timedelta(days=n) for n in range(7))
        until = datetime.combine(first + timedelta(days=7), datetime.min.time())
    else:
        horizon = request.horizon_days or DEFAULT_HORIZON_DAYS
        days = tuple(wall.date() + timedelta(days=n) for n in range(horizon + 1))
        until = wall + timedelta(days=horizon)
    around = timedelta(hours=_or(request.min_gap_hours, DEFAULT_GAP_HOURS), days=1)
    since = datetime.combine(days[0], datetime.min.time()) - around
    ahead = timedelta(days=0 if request.week_mode else LOOK_AHEAD_DAYS)
    return _Frame(
        clock,
        as_of.astimezone(UTC),
        wall,
        days,
        until,
        since - timedelta(minutes=LONGEST_MINUTES),
        until + ahead + around,
    )


def _week(request: ScheduleRequest, clock: GymClock, now: datetime) -> date:
    """The Monday of the week that is meant."""
    if request.week is not None:
        day = request.week
    elif request.existing_sessions:
        day = clock.wall(request.existing_sessions[0].start).date()
    else:
        notice = _or(request.min_notice_hours, DEFAULT_NOTICE_HOURS)
        day = (now + timedelta(hours=notice)).date()
    return day - timedelta(days=day.weekday())


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _read(
    snapshot: Snapshot, request: ScheduleRequest, requested_by: str | None, frame: _Frame
) -> _Rows:
    rows = _Rows()
    trainer_id = _people(snapshot, request, requested_by, rows)
    rows.trainer_id = trainer_id
    trainers = (trainer_id,) if trainer_id else ()
    clients = {d.client_id for d in request.demand}
    clients |= {s.client_id for s in request.existing_sessions if s.client_id}
    clients |= {request.client_id} if request.client_id else set()
    rows.booked = snapshot.bookings(
        frame.since, frame.end, client_ids=clients, trainer_ids=trainers
    )
    if request.week_mode:
        found = {row.client_id for row in rows.booked if row.client_id} | clients
        _check_week(snapshot, requested_by, trainer_id, clients, found)
        rows.booked = snapshot.bookings(
            frame.since, frame.end, client_ids=found, trainer_ids=trainers
        )
        clients = found
    rows.history = snapshot.gym_sessions(
        frame.now - timedelta(days=OLDEST_DAYS),
        frame.now,
        client_ids=clients,
        trainer_ids=trainers,
    )
    if request.client_id is not None:
        rows.opinions = snapshot.time_opinions(request.client_id, frame.as_of)
    rows.warnings = (*rows.warnings, *snapshot.warnings)
    return rows


def _echoes(opinions: Iterable[Opinion], as_of: datetime) -> tuple[Echo, ...]:
    return tuple(
        Echo(
            opinion.verdict,
            opinion.about,
            max(0.0, (as_of - opinion.said_at).total_seconds() / 86_400),
        )
        for opinion in opinions
        if isinstance(opinion.about, datetime)
    )


def _people(
    snapshot: Snapshot, request: ScheduleRequest, requested_by: str | None, rows: _Rows
) -> int | None:
    """The trainer in charge, or the one named; everybody is known and may be asked about."""
    snapshot.check_clients(demand.client_id for demand in request.demand)
    if request.client_id is not None:
        snapshot.client(request.client_id)
        snapshot.check_authority(requested_by, request.client_id)
    if request.trainer_id is not None:
        _warn_if_inactive(snapshot.trainer(request.trainer_id), rows)
        if request.client_id is not None and snapshot.has("assignments", "client_id"):
            active = (
                row.trainer_id
                for row in snapshot.assignments(request.client_id)
                if row.status == "active"
            )
            if request.trainer_id not in active:
                said = f"trainer_not_assigned: {request.trainer_id} does not train this client"
                rows.warnings += (said,)
        return request.trainer_id
    assert request.client_id is not None, "a week has a trainer: the request's validator saw to it"
    assigned = snapshot.active_assignment(request.client_id)
    problem = "no active assignment"
    if assigned is not None:
        try:
            _warn_if_inactive(snapshot.trainer(assigned.trainer_id), rows)
        except TrainerNotFound:
            problem = f"the assigned trainer {assigned.trainer_id} no longer exists"
        else:
            return assigned.trainer_id
    rows.warnings += (f"trainer_unknown: {problem}; only the client's own sessions block",)
    return None


def _warn_if_inactive(trainer: TrainerRow, rows: _Rows) -> None:
    if not trainer.active:
        said = f"trainer_inactive: {trainer.id} is marked as not active; another may be named"
        rows.warnings += (said,)


def _check_week(
    snapshot: Snapshot,
    requested_by: str | None,
    trainer_id: int | None,
    asked: set[int],
    found: set[int],
) -> None:
    """A trainer may see the own week; anybody else needs a right to every client in it."""
    own = bool(requested_by) and requested_by == f"trainer:{trainer_id}"
    snapshot.check_authority(requested_by, *sorted(asked if own else found))


def _seen(history: Iterable[SessionRow], now: datetime) -> tuple[tuple[Seen, ...], int]:
    """(past sessions, how many rows repeated another). Of two outcomes the better known counts."""
    best: dict[tuple[int, datetime], Seen] = {}
    merged = 0
    for row in history:
        if row.client_id is None or row.start >= now:
            continue
        key = (row.client_id, row.start)
        session = Seen(row.client_id, row.start, row.status)
        if key in best:
            merged += 1
            if _rank(best[key].status) <= _rank(session.status):
                continue
        best[key] = session
    return tuple(best[key] for key in sorted(best)), merged


def _rank(status: str) -> int:
    return _OUTCOME_RANK.get(status, len(_OUTCOME_RANK))


def _bookings(
    rows: _Rows, request: ScheduleRequest, frame: _Frame
) -> tuple[tuple[Booking, ...], tuple[Booking, ...]]:
    """(everything that blocks, what of it may move)."""
    stored = {row.id: _booking(row) for row in rows.booked if row.blocks}
    unread = _unread(rows.booked, frame.end)
    gone = {row.id for row in rows.booked if not row.blocks}
    named: list[Booking] = []
    extra: list[Booking] = []
    for given in request.existing_sessions:
        status = fold(given.status, "scheduled")
        if status == "cancelled" or given.id in gone:
            continue
        if given.id is not None and given.id in stored:
            named.append(stored[given.id])
            continue
        minutes = given.duration if given.duration and 10 <= given.duration <= 480 else 60
        extra.append(
            Booking(
                frame.clock.wall(given.start).replace(second=0, microsecond=0),
                minutes,
                rows.trainer_id,
                given.client_id,
                given.id,
                status,
                given.location,
                _online(None, given.location),
            )
        )
    everything = (*stored.values(), *extra, *unread)
    if not request.week_mode:
        return everything, ()
    pool = [*named, *extra] if request.existing_sessions else list(stored.values())
    movable = [
        b
        for b in pool
        if b.trainer_id == rows.trainer_id and b.client_id and b.start.date() in frame.days
    ]
    return everything, tuple(movable)


def _unread(booked: Sequence[SessionRow], end: datetime) -> list[Booking]:
    """The time after the last session that was read, as booked: where there are more sessions
    than are read, nobody knows what is free there."""
    if len(booked) < MOST_BOOKINGS:
        return []
    spans, start = [], booked[-1].start
    while start < end:
        spans.append(Booking(start, LONGEST_MINUTES, None, None))
        start += timedelta(minutes=LONGEST_MINUTES)
    return spans


def _booking(row: SessionRow) -> Booking:
    return Booking(
        row.start,
        row.minutes,
        row.trainer_id,
        row.client_id,
        row.id,
        row.status,
        row.location,
        _online(row.session_type, row.location),
    )


def _online(session_type: str | None, location: str | None) -> bool:
    return fold(session_type, "") == "online" or fold(location, "") == "online"


def seen_ends(rows: _Rows) -> list[tuple[datetime, datetime]]:
    """(start, end) of the trainer's sessions that took place or were to."""
    return [
        (row.start, row.ends)
        for row in rows.history
        if row.blocks and row.trainer_id is not None and row.trainer_id == rows.trainer_id
    ]


def _windows(
    request: ScheduleRequest,
    config: ScheduleConfig,
    rows: _Rows,
    worked: list[tuple[datetime, datetime]],
) -> tuple[Window, ...]:
    given = request.availability or config.gym_hours
    windows = tuple(Window(h.start, h.end, h.weekday, h.date) for h in given)
    if request.availability or rows.trainer_id is None:
        return windows
    return hours.narrowed(windows, worked)


def _rules(
    request: ScheduleRequest, frame: _Frame, windows: tuple[Window, ...], default_minutes: int
) -> Rules:
    notice = timedelta(hours=_or(request.min_notice_hours, DEFAULT_NOTICE_HOURS))
    # On either clock: a day's notice is a day on the wall too when the clocks change.
    earliest = max(frame.now + notice, frame.clock.wall(frame.as_of + notice))
    return Rules(
        duration=request.duration or default_minutes,
        step=request.slot_step_minutes or DEFAULT_STEP_MINUTES,
        earliest=earliest,
        gap=60 * _or(request.min_gap_hours, DEFAULT_GAP_HOURS),
        buffer=request.buffer_minutes or 0,
        windows=windows,
        blackout=frozenset(request.blackout_dates or ()),
        location=request.location,
        online=_online(None, request.location),
    )


def _usual_minutes(history: Iterable[SessionRow]) -> dict[int, int]:
    """The middle length of each client's sessions."""
    by_client: dict[int, list[SessionRow]] = {}
    for row in history:
        if row.client_id is not None:
            by_client.setdefault(row.client_id, []).append(row)
    found = {client: median_minutes(mine) for client, mine in by_client.items()}
    return {client: minutes for client, minutes in found.items() if minutes is not None}


def _fingerprint(
    request: ScheduleRequest, rows: _Rows, frame: _Frame, windows: tuple[Window, ...]
) -> str:
    seen: list[Any] = [
        request.model_dump(mode="json"),
        [frame.as_of.isoformat(), rows.trainer_id],
        [asdict(window) for window in windows],
    ]
    digest = hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode())
    for row in (*rows.history, *rows.booked, *rows.opinions):
        digest.update(repr(row).encode())
    return digest.hexdigest()
