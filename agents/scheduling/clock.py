"""The gym's wall clock and UTC, through the two nights a year on which they disagree.

The main app stores wall time without a zone. In spring an hour of it does not exist, in autumn an
hour happens twice; we never propose the first, and mean its first run (fold 0) by the second.
Lengths and distances are counted in UTC minutes since 1970, where every hour has sixty minutes.

Some of the app's pages store UTC instead. Such rows look like sessions at an hour that is off by
the zone's offset from the hour at which the same client is usually there; :func:`mixed_time_basis`
notices them, and nothing here tries to repair what may be real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HABIT = 4
_SUSPECTS = 4
_TIMES_CONTROL = 3


@dataclass(frozen=True, slots=True)
class GymClock:
    """Wall time in one zone. Wall times are naive, moments aware."""

    zone: ZoneInfo

    @classmethod
    def of(cls, name: str) -> GymClock:
        """The clock of an IANA zone."""
        return cls(ZoneInfo(name))

    def exists(self, wall: datetime) -> bool:
        """False for a time that the clocks skip in spring."""
        return self.wall(self.utc(wall)) == wall.replace(fold=0)

    def utc(self, wall: datetime) -> datetime:
        """The moment in UTC; of a time that happens twice, the first."""
        return wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    def wall(self, moment: datetime) -> datetime:
        """The naive wall time of a moment; a naive one is wall time already."""
        if moment.tzinfo is None:
            return moment.replace(fold=0)
        return moment.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def minute(self, wall: datetime) -> int:
        """UTC minutes since 1970."""
        return int((self.utc(wall) - _EPOCH).total_seconds() // 60)

    def span(self, wall: datetime, minutes: int) -> tuple[int, int]:
        """(first, end) in UTC minutes of a booking; both runs of a time that happens twice."""
        late = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        first = self.minute(wall)
        last = max(first, int((late - _EPOCH).total_seconds() // 60))
        # In the spring gap fold 1 lies an hour before fold 0, so only a later one counts.
        return first, last + minutes

    def utc_text(self, wall: datetime) -> str:
        """ISO with Z."""
        return self.utc(wall).isoformat(timespec="seconds").replace("+00:00", "Z")

    def offset(self, wall: datetime) -> timedelta:
        """Wall time minus UTC at that time."""
        return wall - self.utc(wall).replace(tzinfo=None)


def mixed_time_basis(seen: Iterable[tuple[int, datetime]], clock: GymClock) -> bool:
    """Whether some rows look as if they were stored in UTC. seen: (client_id, wall start).

    A row is suspect if the client is usually there at this weekday but one offset later; rows that
    are off by as much in the other direction say how often that happens by chance.
    """
    rows = list(seen)
    usual = Counter(_key(client_id, start) for client_id, start in rows)
    offsets = {day: _offset_all_day(day, clock) for day in {start.date() for _, start in rows}}
    suspects = controls = 0
    for client_id, start in rows:
        offset = offsets[start.date()]
        if offset is None:
            offset = clock.offset(start)
        if not offset:
            continue
        own = usual[_key(client_id, start)]
        suspects += usual[_key(client_id, start + offset)] >= max(_HABIT, own)
        controls += usual[_key(client_id, start - offset)] > max(_HABIT, own)
    return suspects >= _SUSPECTS and suspects >= _TIMES_CONTROL * controls


def _offset_all_day(day: date, clock: GymClock) -> timedelta | None:
    """Wall time minus UTC on that day; None where it changes."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time
    offset = clock.offset(midnight)
    return offset if clock.offset(midnight + timedelta(days=1)) == offset else None


def _key(client_id: int, start: datetime) -> tuple[int, int, int, int]:
    return client_id, start.isoweekday(), start.hour, start.minute
