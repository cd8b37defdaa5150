"""What people type as their preferred times, as structure: "Mon 18:00", "weekday evenings", ISO.

A text is cut into clauses at commas, semicolons, line breaks, "or" and their like; of each clause
weekdays, parts of the day, times and dates are read, in English and in the Spanish words of the
same meaning. What is not understood never becomes a wish: a clause with any word that is not known
here is counted as unread, and so is one that may mean both.

A refusal reaches as far as people mean it to. "not", "no", "except" turn what follows into times
to avoid, "don't work", "impossible", "busy" the whole clause, and both go on through a list ("not
Mon or Tue") until something positive is said. A list that could also be a new wish ("no Sundays,
evenings") is counted as unread, and so is a refusal of which nobody knows whether it is about the
morning or the evening ("not after 8"). The text itself is never kept: what an answer says about a
wish is written from the structure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from agents.scheduling.clock import GymClock
from agents.scheduling.preferences.clauses import clauses_of
from agents.scheduling.preferences.wish import DAY, WEEKDAY_NAMES, Preference, Wishes

__all__ = ["WEEKDAY_NAMES", "Preference", "Wishes", "read", "warnings"]

_ENOUGH_WISHES = 60


def read(texts: Iterable[str], clock: GymClock, now: datetime) -> Wishes:
    """Preferences from texts. now: wall time; wishes for dates before it are only counted, and so
    are texts behind the first sixty wishes."""
    likes: list[Preference] = []
    dislikes: list[Preference] = []
    unread = past = 0
    for text in texts:
        if len(likes) + len(dislikes) >= _ENOUGH_WISHES:
            unread += 1
            continue
        for found in clauses_of(text, clock, now.date()):
            if found is None:
                unread += 1
            elif _gone(found, now):
                past += 1
            elif found.avoid:
                dislikes.append(found)
            elif found != Preference():  # "any time" wishes for nothing
                likes.append(found)
    return Wishes(tuple(dict.fromkeys(likes)), tuple(dict.fromkeys(dislikes)), unread, past)


def _gone(wish: Preference, now: datetime) -> bool:
    if wish.dates is None:
        return False
    end = wish.at if wish.at is not None else DAY - 1
    return datetime.combine(wish.dates[1], time()) + timedelta(minutes=end) < now


def warnings(wishes: Wishes) -> tuple[str, ...]:
    """What could not be used, without repeating any of it."""
    said: list[str] = []
    if wishes.unread:
        said.append(
            f"preference_unread: {wishes.unread} of preferred_times not understood; weekdays, "
            "parts of the day, times such as 18:00 and dates such as 1 Dec or 2026-03-01 are, in "
            "English or Spanish"
        )
    if wishes.past:
        said.append(f"preference_past: {wishes.past} of preferred_times lie in the past")
    return tuple(said)
