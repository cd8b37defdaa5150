"""What is really so in the generated gym, whatever its rows say; answers are marked by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

Body = Literal["steady_loss", "plateau", "regain", "gain", "maintenance", "sparse", "no_readings"]
Standing = Literal["normal", "fading", "no_trainer", "former_trainer", "soft_deleted", "all_null"]
Where = Literal["field", "notes", "measurement", "nowhere"]
SlipKind = Literal["pounds_as_kg", "decimal", "typo"]


@dataclass(frozen=True, slots=True)
class Slip:
    """A reading that does not say what the scale said. stored: the column; true_kg: the scale."""

    measurement_id: int
    kind: SlipKind
    stored: float
    true_kg: float


@dataclass(frozen=True, slots=True)
class WeightCurve:
    """The noiseless weight in kg, a value per day from `first_day`, well past `as_of`."""

    first_day: date
    kg: tuple[float, ...]

    def on(self, day: date) -> float:
        """Kilograms on `day`; the nearest end of the curve outside it."""
        index = (day - self.first_day).days
        return self.kg[min(max(index, 0), len(self.kg) - 1)]

    def first_past(self, target_kg: float, start: date, *, falling: bool) -> date | None:
        """The first day from `start` on which the weight has passed `target_kg`, or None."""
        for offset in range(max((start - self.first_day).days, 0), len(self.kg)):
            past = self.kg[offset] <= target_kg if falling else self.kg[offset] >= target_kg
            if past:
                return self.first_day + timedelta(days=offset)
        return None


@dataclass(frozen=True, slots=True)
class GoalTruth:
    """target_kg: None for a goal that no scale can measure. reached_on: on the noiseless curve."""

    goal_id: int
    category: str
    falling: bool
    target_kg: float | None
    reached_on: date | None
    wrongly_completed: bool


@dataclass(slots=True)
class ClientTruth:
    """One client. Ids are the rows' ids; weekdays are ISO (Monday = 1), hours wall time.

    conditions: the codes that a careful reader finds (`low_back`, `other_condition`, ...), those
    that follow from age alone left out; conditions_from: where they stand. habits: usual
    (weekday, hour), the favourite first; odds: probability that a session at such a time is kept;
    odds_elsewhere: at any other time.
    slope_kg_per_week: of the noiseless curve over the four weeks before `as_of`.
    """

    client_id: int
    body: Body
    standing: Standing
    age: int | None = None
    conditions: frozenset[str] = frozenset()
    conditions_from: Where = "nowhere"
    hostile: bool = False
    trainer_id: int | None = None
    former_trainer_id: int | None = None
    height_m: float = 1.72
    weight: WeightCurve | None = None
    slope_kg_per_week: float = 0.0
    slips: list[Slip] = field(default_factory=list)
    future_measurement_ids: list[int] = field(default_factory=list)
    goals: list[GoalTruth] = field(default_factory=list)
    habits: tuple[tuple[int, int], ...] = ()
    odds: dict[tuple[int, int], float] = field(default_factory=dict)
    odds_elsewhere: float = 0.0
    session_minutes: int = 60
    level: str | None = None
    equipment: tuple[str, ...] = ()
    frequency_per_week: int | None = None


@dataclass(frozen=True, slots=True)
class TrainerTruth:
    """Working days (ISO) and hours, [first_hour, last_hour), wall time."""

    trainer_id: int
    days: tuple[int, ...]
    first_hour: int
    last_hour: int
    active: bool = True
    soft_deleted: bool = False


@dataclass(slots=True)
class GymTruth:
    """The whole gym. cast: named clients, e.g. `cast["low_back"]` is a client id.

    as_of: the moment of the picture, UTC. utc_session_ids: sessions stored on the wrong clock.
    late_series_ids: recurring sessions whose rows landed a weekday late. double_bookings: pairs of
    overlapping sessions of one trainer.
    """

    variant: Literal["A", "B", "C"]
    seed: int
    as_of: datetime
    time_zone: str
    clients: dict[int, ClientTruth] = field(default_factory=dict)
    trainers: dict[int, TrainerTruth] = field(default_factory=dict)
    cast: dict[str, int] = field(default_factory=dict)
    utc_session_ids: list[int] = field(default_factory=list)
    late_series_ids: list[int] = field(default_factory=list)
    double_bookings: list[tuple[int, int]] = field(default_factory=list)

    def visible(self) -> Mapping[int, ClientTruth]:
        """Clients that exist for a reader: in variant B the soft-deleted ones do not."""
        return {
            client_id: client
            for client_id, client in self.clients.items()
            if not (self.variant == "B" and client.standing == "soft_deleted")
        }
