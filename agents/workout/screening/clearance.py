"""When somebody with authority has said that a client may train despite a red flag.

A clearance holds when it is given, names who gave it and is at most a year old. It lifts the stop
and none of the restrictions. Chest pain, fainting, a blood pressure crisis, another sign of danger
or a fever that came up after it, or at a time nobody noted, stop the plan again: nobody cleared
what was not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

VALID_DAYS = 365
# Flags that a clearance covers only if they are older than it.
URGENT = frozenset({"chest_pain", "syncope", "bp_crisis", "warning_sign", "acute_illness"})


class Clearance(Protocol):
    """What the caller says: `cleared`, `by` whom, on which `date` (None = not said)."""

    @property
    def cleared(self) -> bool: ...
    @property
    def by(self) -> str: ...
    @property
    def date(self) -> date | None: ...


def holds(clearance: Clearance | None, as_of: date) -> bool:
    """Whether `clearance` counts on the day `as_of`."""
    return (
        clearance is not None
        and clearance.cleared
        and bool(clearance.by.strip())
        and clearance.date is not None
        and timedelta(0) <= as_of - clearance.date <= timedelta(days=VALID_DAYS)
    )


def still_stopping(
    red_flags: Mapping[str, date | None], clearance: Clearance | None, as_of: date
) -> tuple[str, ...]:
    """The red flags that stop the plan, in the order given.

    red_flags: code to the newest day it was noted, None when unknown.
    """
    if clearance is None or clearance.date is None or not holds(clearance, as_of):
        return tuple(red_flags)
    given = clearance.date
    return tuple(
        code
        for code, noted in red_flags.items()
        if code in URGENT and (noted is None or noted > given)
    )
