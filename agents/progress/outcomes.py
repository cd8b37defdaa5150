"""What became of a forecast: the day the target was really passed, and how far off we were.

A nightly look at reports whose time has come (the target was passed, or the forecast's last day
is over) fills in `actual_date`, `abs_err_days` and `covered80`; from these the live calibration is
read. What can never be told is given up after two years. The judgement here is pure; who reads
the rows and writes them back decides when.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOTHING: Floats = np.array([])
HORIZON_DAYS = 365
GIVE_UP_DAYS = 730
_CONFIRMING = 2
_PATIENCE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Issued:
    """A forecast as it was given. Days since 1970; p10, p50, p90 None: not within 365 days."""

    as_of: int
    target: float
    toward: int
    p10: int | None
    p50: int | None
    p90: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """actual: the day the target was passed, None: not within 365. covered80: p10 <= it <= p90.

    abs_err_days and covered80 are None where nobody will ever know.
    """

    actual: int | None
    abs_err_days: int | None
    covered80: bool | None


NEVER_TOLD = Outcome(None, None, None)


def judge(issued: Issued, days: Floats, values: Floats, now: int) -> Outcome | None:
    """The outcome, or None while it is open. days, values: the clean series, in the target's unit.

    Passed: the first reading after `as_of` that is past the target and confirmed by the median of
    it and the next two. Never passed counts as 365 days, once a year is over; a client who stopped
    measuring earlier tells nothing, and after another year the forecast is given up.
    """
    after = days > issued.as_of
    at, value = days[after], values[after]
    actual = _passed(at, (value - issued.target) * issued.toward)
    over = now - issued.as_of > HORIZON_DAYS
    if actual is not None and actual - issued.as_of > HORIZON_DAYS:
        actual = None
    if actual is None:
        watched = len(at) > 0 and at[-1] >= issued.as_of + HORIZON_DAYS - _PATIENCE_DAYS
        if not (over and watched):
            return NEVER_TOLD if now - issued.as_of > GIVE_UP_DAYS else None
    end = issued.as_of + HORIZON_DAYS
    truth = end if actual is None else actual
    low = end if issued.p10 is None else issued.p10
    middle = end if issued.p50 is None else issued.p50
    high = end if issued.p90 is None else issued.p90
    return Outcome(actual, abs(middle - truth), low <= truth <= high)


def _passed(days: Floats, signed: Floats) -> int | None:
    for index in np.flatnonzero(signed >= 0):
        window = signed[index : index + 3]
        if len(window) >= _CONFIRMING and float(np.median(window)) >= 0:
            return int(days[index])
    return None
