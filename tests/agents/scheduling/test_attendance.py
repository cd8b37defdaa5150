"""How likely a session is kept, from what was kept before."""

import random
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.scheduling import attendance
from agents.scheduling.attendance import Attendance, Chance, Seen

NOW = datetime(2026, 11, 20, 9)
MONDAY, SATURDAY = datetime(2026, 11, 23), datetime(2026, 11, 28)


def weekly(client: int, hour: int, statuses: list[str], first_week: int = 1) -> list[Seen]:
    """A session each Monday, the newest first."""
    monday = MONDAY.replace(hour=hour)
    return [
        Seen(client, monday - timedelta(weeks=first_week + n), status)
        for n, status in enumerate(statuses)
    ]


def chance(seen: list[Seen], client: int, start: datetime, wish: float = 0.0) -> Chance:
    return Attendance.fit(seen, NOW).chances(client, [start], [wish])[0]


def test_a_client_nobody_knows_gets_the_prior() -> None:
    """Without any history the chance is the usual one, and the band says how little is known."""
    found = chance([], 1, MONDAY.replace(hour=18))
    assert 0.7 < found.p < 0.8
    assert found.high - found.low > 0.5


def test_elimination_equals_the_full_solution() -> None:
    """Eliminating each client's block gives what one large system of equations gives."""
    dice = random.Random(1)
    seen = [
        Seen(
            client,
            NOW - timedelta(days=dice.randrange(1, 350), hours=dice.randrange(12)),
            dice.choice(("completed", "completed", "completed", "no_show", "cancelled")),
        )
        for client in range(6)
        for _ in range(25)
    ]
    cells = attendance._cells(seen, NOW)
    shared, own = attendance._features([(day, hour) for _, day, hour, _, _ in cells])
    width = own.shape[1]
    x = np.zeros((len(cells), shared.shape[1] + 6 * width))
    x[:, : shared.shape[1]] = shared
    for place, cell in enumerate(cells):
        begin = shared.shape[1] + cell[0] * width
        x[place, begin : begin + width] = own[place]
    weight, kept = np.array([c[3] for c in cells]), np.array([c[4] for c in cells])
    variances = [attendance._shared_prior(), *[attendance._own_prior()] * 6]
    precision = 1 / np.concatenate(variances)
    mean = np.zeros(x.shape[1])
    mean[0] = 1.4
    b = mean.copy()
    for _ in range(40):
        p: Any = 1 / (1 + np.exp(-x @ b))
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(precision)
        b += np.linalg.solve(curvature, x.T @ (kept - weight * p) - precision * (b - mean))
    start = MONDAY.replace(hour=9)
    row = np.zeros(x.shape[1])
    shared_row, own_row = attendance._features([(0, 9)])
    row[: shared.shape[1]] = shared_row
    row[shared.shape[1] + 3 * width : shared.shape[1] + 4 * width] = own_row
    spread = float(np.sqrt(row @ np.linalg.inv(curvature) @ row))
    expected = attendance._chance(float(row @ b), spread)
    found = chance(seen, 3, start)
    assert found.p == pytest.approx(expected.p, abs=2e-4)
    assert found.low == pytest.approx(expected.low, abs=2e-4)


def test_misses_lower_and_narrow() -> None:
    """Ten missed Mondays make the next unlikely; the same client's Saturday noon less so."""
    seen = weekly(1, 18, ["no_show"] * 10)
    monday = chance(seen, 1, MONDAY.replace(hour=18))
    saturday = chance(seen, 1, SATURDAY.replace(hour=12))
    assert monday.p < 0.35 < saturday.p
    assert monday.high - monday.low < 0.5


def test_a_cancellation_counts_half_a_miss() -> None:
    """Nobody knows who cancelled, so it says less than a miss; an unclosed row says nothing."""
    start = MONDAY.replace(hour=18)
    missed, cancelled, unknown = (
        chance(weekly(1, 18, [status] * 5), 1, start).p
        for status in ("no_show", "cancelled", "scheduled")
    )
    assert missed < cancelled < unknown
    assert unknown == chance([], 1, start).p


def test_old_sessions_fade() -> None:
    """The same misses count less when they lie half a year back, and not at all after a year."""
    start = MONDAY.replace(hour=18)
    recent, old, ancient = (
        chance(weekly(1, 18, ["no_show"] * 5, first_week=week), 1, start).p for week in (1, 30, 53)
    )
    assert recent < old < ancient
    assert ancient == chance([], 1, start).p


def test_a_wish_matters_most_where_little_is_known() -> None:
    """A stated preference lifts a stranger's chance more than that of a client with a record."""
    start = MONDAY.replace(hour=18)
    known = weekly(1, 18, ["completed", "no_show"] * 15)
    lifts = [chance(seen, 1, start, 1.0).p - chance(seen, 1, start).p for seen in ([], known)]
    assert lifts[0] > 0.05
    assert 0 < lifts[1] < lifts[0] / 2


def test_others_inform_a_newcomer() -> None:
    """Where everybody misses early hours, a newcomer is expected to miss them too."""
    others = [
        session
        for client in range(2, 12)
        for session in (
            *weekly(client, 6, ["no_show"] * 6),
            *weekly(client, 18, ["completed"] * 6),
        )
    ]
    early, late = (chance(others, 1, MONDAY.replace(hour=hour)).p for hour in (6, 18))
    assert early + 0.2 < late


def test_future_rows_have_no_outcome() -> None:
    """A row that lies ahead teaches nothing, whatever its status says."""
    ahead = [Seen(1, NOW + timedelta(days=1), "no_show")]
    assert chance(ahead, 1, MONDAY) == chance([], 1, MONDAY)
