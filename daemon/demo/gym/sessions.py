"""Bookings: habits within a trainer's shift, kept with known odds, stored in every wrong way."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from daemon.demo.gym import texts
from daemon.demo.gym.building import Building
from daemon.demo.gym.truth import ClientTruth, TrainerTruth

_SPELLINGS = {
    "completed": ("completed", "completed", "completed", "Completed"),
    "no_show": ("no-show", "no-show", "no_show", "No Show", "noshow"),
    "cancelled": ("cancelled", "cancelled", "canceled"),
    "scheduled": ("scheduled", "scheduled", None),
}
_AHEAD_DAYS = 14


def add_sessions(gym: Building) -> None:
    """A year of sessions for every client with a trainer, and two weeks of bookings ahead."""
    for client in gym.truth.clients.values():
        if client.trainer_id is None:
            continue
        dice = gym.dice("sessions", client.client_id)
        trainer = gym.truth.trainers[client.trainer_id]
        client.session_minutes = (60, 60, 45, 30, 90)[client.client_id % 5]
        client.habits = _habits(gym, client, trainer, dice)
        for place, habit in enumerate(client.habits):
            client.odds[habit] = round(dice.uniform(0.78, 0.95) - 0.15 * place, 2)
        client.odds_elsewhere = round(dice.uniform(0.35, 0.6), 2)
        _Diary(gym, client, trainer, dice).fill()
    _late_series(gym)
    _double_bookings(gym)


def _habits(
    gym: Building, client: ClientTruth, trainer: TrainerTruth, dice: Random
) -> tuple[tuple[int, int], ...]:
    slots = [
        (day, hour)
        for day in trainer.days
        for hour in range(trainer.first_hour, trainer.last_hour)
    ]
    used = {
        habit
        for other in gym.truth.clients.values()
        if other.trainer_id == client.trainer_id
        for habit in other.habits
    }
    free = [slot for slot in slots if slot not in used] or slots
    first = dice.choice(free)
    second = [slot for slot in free if slot[0] != first[0]]
    return (first, dice.choice(second)) if second and client.client_id % 4 else (first,)


class _Diary:
    """Writes one client's sessions."""

    def __init__(
        self, gym: Building, client: ClientTruth, trainer: TrainerTruth, dice: Random
    ) -> None:
        self.gym = gym
        self.client = client
        self.trainer = trainer
        self.dice = dice
        self.last_past: dict[str, Any] | None = None
        self.last_start = datetime.min

    def fill(self) -> None:
        """Week by week; a fading client stops coming forty days before `as_of`."""
        begin = max(
            row["created_at"]
            for row in self.gym.tables["assignments"]
            if row["client_id"] == self.client.client_id
        )
        monday = begin.date() - timedelta(days=begin.weekday())
        stop = self.gym.today + timedelta(days=_AHEAD_DAYS)
        if self.client.standing == "fading":
            stop = self.gym.today - timedelta(days=40)
        while monday < stop:
            for day, hour in self.client.habits:
                start = datetime.combine(monday + timedelta(days=day - 1), time(hour))
                if start.date() < stop and self.dice.random() < 0.88:
                    self.book(start, self.client.odds[day, hour])
            if self.dice.random() < 0.12:
                day, hour = self._elsewhere()
                start = datetime.combine(monday + timedelta(days=day - 1), time(hour))
                if start.date() < stop:
                    self.book(start, self.client.odds_elsewhere)
            monday += timedelta(days=7)
        complaint = self.gym.complaints.get(self.client.client_id)
        if complaint and self.last_past is not None:
            self.last_past["notes"] = complaint

    def book(self, start: datetime, odds: float) -> None:
        """One session, unless the trainer is taken."""
        if (self.trainer.trainer_id, start) in self.gym.taken:
            return
        self.gym.taken.add((self.trainer.trainer_id, start))
        past = start < self.gym.wall_now
        status = self._outcome(odds) if past else self._plan()
        stored = start
        late = timedelta(0) < self.gym.wall_now - start < timedelta(days=70)
        on_utc = late and self.trainer.trainer_id % 3 == 2 and self.dice.random() < 0.06
        if on_utc:
            stored = self.gym.to_utc(start)
        minutes = self.client.session_minutes
        session_id = self.gym.add(
            "sessions",
            trainer_id=self.trainer.trainer_id,
            client_id=self.client.client_id,
            session_date=stored,
            end_time=stored + timedelta(minutes=minutes) if self.dice.random() < 0.6 else None,
            duration=self._duration(minutes),
            session_type=self.dice.choice(("personal", "personal", "group", "online", None)),
            location=self.dice.choice(("Gym", "Gym", "Online", None)),
            notes=self.dice.choice(texts.HARMLESS_NOTES) if self.dice.random() < 0.25 else None,
            status=status,
            created_at=start - timedelta(days=7),
            updated_at=start,
            deleted_at=None,
        )
        row = self.gym.tables["sessions"][-1]
        if on_utc:
            self.gym.truth.utc_session_ids.append(session_id)
        if self.client.hostile and self.dice.random() < 0.2:
            row["notes"] = self.gym.tables["clients"][self.client.client_id - 1]["goals"]
        if past and start > self.last_start:
            self.last_past, self.last_start = row, start

    def _elsewhere(self) -> tuple[int, int]:
        hours = range(self.trainer.first_hour, self.trainer.last_hour)
        return self.dice.choice(self.trainer.days), self.dice.choice(hours)

    def _outcome(self, odds: float) -> str | None:
        if self.dice.random() < 0.03:
            return self.dice.choice(_SPELLINGS["scheduled"])  # nobody closed it
        if self.dice.random() < odds:
            return self.dice.choice(_SPELLINGS["completed"])
        return self.dice.choice(_SPELLINGS["no_show" if self.dice.random() < 0.5 else "cancelled"])

    def _plan(self) -> str | None:
        luck = self.dice.random()
        if luck < 0.15:
            return "requested"
        return "cancelled" if luck < 0.2 else self.dice.choice(_SPELLINGS["scheduled"])

    def _duration(self, minutes: int) -> int | None:
        luck = self.dice.random()
        if luck < 0.08:
            return None
        return 0 if luck < 0.085 else (600 if luck < 0.09 else minutes)


def _late_series(gym: Building) -> None:
    """A recurring session per trainer; the page means 0 = Sunday, the generator Monday."""
    for trainer in gym.truth.trainers.values():
        clients = [
            c
            for c in gym.truth.clients.values()
            if c.trainer_id == trainer.trainer_id and c.standing == "normal"
        ]
        if not clients or not trainer.active:
            continue
        client, weekday, hour = clients[-1], trainer.days[0], trainer.last_hour
        first = gym.today - timedelta(weeks=6)
        first -= timedelta(days=first.isoweekday() - weekday)
        series_id = gym.add(
            "recurring_sessions",
            trainer_id=trainer.trainer_id,
            client_id=client.client_id,
            start_date=datetime.combine(first, time.min),
            start_time=time(hour),
            duration=60,
            session_type="personal",
            recurrence_pattern="weekly",
            recurrence_days=f"[{weekday % 7}]",
            active=True,
            created_at=gym.utc_now - timedelta(weeks=7),
        )
        gym.truth.late_series_ids.append(series_id)
        for week in range(8):
            start = datetime.combine(first + timedelta(days=7 * week + 1), time(hour))
            past = start < gym.wall_now
            gym.add(
                "sessions",
                trainer_id=trainer.trainer_id,
                client_id=client.client_id,
                session_date=start,
                end_time=start + timedelta(minutes=60),
                duration=60,
                session_type="personal",
                status="completed" if past else "scheduled",
                recurring_session_id=series_id,
                created_at=gym.utc_now - timedelta(weeks=7),
            )


def _double_bookings(gym: Building) -> None:
    """The app checks conflicts only when a session is made, so moved ones overlap."""
    for trainer in gym.truth.trainers.values():
        rows = [
            row
            for row in gym.tables["sessions"]
            if row["trainer_id"] == trainer.trainer_id and row["status"] == "completed"
        ]
        others = [
            c.client_id for c in gym.truth.clients.values() if c.trainer_id == trainer.trainer_id
        ]
        if len(others) < 2 or len(rows) < 2:
            continue
        for row in (rows[len(rows) // 2], rows[-1]):
            other = next(number for number in others if number != row["client_id"])
            twin = {
                **row,
                "client_id": other,
                "end_time": None,
                "notes": None,
                "session_date": row["session_date"] + timedelta(minutes=15),
            }
            del twin["id"]
            gym.truth.double_bookings.append((row["id"], gym.add("sessions", **twin)))
