"""The nights on which the clocks change, and rows stored on the wrong clock."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.scheduling.clock import GymClock, mixed_time_basis

BERLIN = GymClock.of("Europe/Berlin")


def test_the_skipped_hour_does_not_exist() -> None:
    """In spring the times of the missing hour are no times, those around it are."""
    night = datetime(2026, 3, 29, 1, 30)
    assert [BERLIN.exists(night + timedelta(hours=h)) for h in range(3)] == [True, False, True]


def test_the_repeated_hour_means_its_first_run() -> None:
    """In autumn a start is the first of the two moments, and a booking takes both."""
    wall = datetime(2026, 10, 25, 2, 30)
    assert BERLIN.utc_text(wall) == "2026-10-25T00:30:00Z"
    first, end = BERLIN.span(wall, 60)
    assert end - first == 120


def test_zones_with_half_hours() -> None:
    """Lord Howe's clocks move by half an hour, and still nothing is off."""
    clock = GymClock.of("Australia/Lord_Howe")
    assert not clock.exists(datetime(2026, 10, 4, 2, 15))
    assert clock.exists(datetime(2026, 10, 4, 2, 30))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_there_and_back(zone: str) -> None:
    """Every existing wall time comes back from UTC unchanged."""
    clock = GymClock.of(zone)
    for hours in range(0, 24 * 366, 7):
        wall = datetime(2026, 1, 1) + timedelta(hours=hours)
        if clock.exists(wall):
            assert clock.wall(clock.utc(wall)) == wall
            assert clock.utc(wall).tzinfo is UTC


def _weekly(hour: int, weeks: range, client: int = 1) -> list[tuple[int, datetime]]:
    monday = datetime(2026, 6, 1, hour)
    return [(client, monday + timedelta(weeks=week)) for week in weeks]


def test_utc_rows_are_noticed() -> None:
    """Rows two hours early in summer, beside the client's usual hour, look like UTC."""
    mixed = [*_weekly(18, range(10)), *_weekly(16, range(10, 15))]
    assert mixed_time_basis(mixed, BERLIN)


def test_two_real_habits_are_not_taken_for_utc() -> None:
    """A second habit at another distance, or rows later than usual, are no sign of it."""
    assert not mixed_time_basis([*_weekly(18, range(10)), *_weekly(9, range(10))], BERLIN)
    assert not mixed_time_basis([*_weekly(18, range(10)), *_weekly(20, range(10, 15))], BERLIN)
    assert not mixed_time_basis(_weekly(18, range(10)), GymClock.of("UTC"))
