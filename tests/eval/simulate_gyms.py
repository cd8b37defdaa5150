"""Simulated gyms: who keeps which sessions, known exactly, and a year of rows that hint at it.

A gym has 8 to 32 clients and opens Monday to Saturday, for sessions that start at 6 to 19 o'clock,
in six parts of the day. The log odds that a client keeps a session add up: the gym's level, the
client's, an effect of the hour that wanders from hour to hour, one of the weekday, how the client
likes the part of the day (one is the favourite), a taste for weekdays, and chance. Past sessions,
none to a weekly one for a year, lie mostly at one to three habitual times, which popular hours,
weekdays and a little the client's own liking choose.

Nothing here is shared with the agent; a seed and a number make the same gym again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAYS, FIRST_HOUR, HOURS = 6, 6, 14
PARTS = np.repeat(np.arange(6), (3, 3, 2, 2, 2, 2))
NEXT_MONDAY = date(2026, 11, 23)
AS_OF = datetime.combine(NEXT_MONDAY - timedelta(days=2), time(12))
_HISTORY = (0, 2, 5, 12, 30, 52)
_SEEN_AT_HABITS = 0.75
_FREE, _OPEN_PER_DEMAND = 0.35, 1.25


@dataclass(frozen=True, slots=True)
class PastSession:
    """A row: client index, wall start, and the word in the status column."""

    client: int
    start: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Client:
    """chance[day, hour]: probability that a session then is kept. free: which slots are open.

    sessions: how many lie in the past. demand: sessions wanted next week.
    """

    index: int
    chance: Floats
    free: NDArray[np.bool_]
    sessions: int
    demand: int


@dataclass(frozen=True, slots=True)
class Gym:
    """open_slots: (day, hour) of the trainer's week that can be filled."""

    number: int
    clients: tuple[Client, ...]
    past: tuple[PastSession, ...]
    open_slots: tuple[tuple[int, int], ...]


def gyms(number: int, seed: int) -> Iterator[Gym]:
    """`number` gyms, each from its own generator."""
    for index in range(number):
        yield gym(index, np.random.default_rng([seed, index]))


def gym(number: int, dice: np.random.Generator) -> Gym:
    """One gym."""
    size = int(dice.integers(8, 33))
    level = dice.normal(1.5, 0.3)
    by_hour = np.cumsum(dice.normal(0, 0.25, HOURS))
    by_hour -= by_hour.mean()
    by_day = dice.normal(0, 0.25, DAYS)
    clients: list[Client] = []
    past: list[PastSession] = []
    for index in range(size):
        liking = _liking(dice)[PARTS]
        logit = (
            level
            + dice.normal(0, 0.8)
            + by_hour[None, :]
            + by_day[:, None]
            + liking[None, :]
            + dice.normal(0, 0.3, DAYS)[:, None]
            + dice.normal(0, 0.2, (DAYS, HOURS))
        )
        chance = 1 / (1 + np.exp(-logit))
        sessions = int(dice.choice(_HISTORY))
        pull = 0.8 * by_hour[None, :] + 0.8 * by_day[:, None] + 0.5 * liking[None, :]
        past += _history(index, sessions, chance, pull, dice)
        free = dice.random((DAYS, HOURS)) < _FREE
        free[int(dice.integers(DAYS)), int(dice.integers(HOURS))] = True
        clients.append(Client(index, chance, free, sessions, int(dice.integers(1, 4))))
    wanted = sum(client.demand for client in clients)
    cells = [(day, hour) for day in range(DAYS) for hour in range(HOURS)]
    count = min(len(cells), round(_OPEN_PER_DEMAND * wanted))
    picked = sorted(dice.choice(len(cells), count, replace=False))
    return Gym(number, tuple(clients), tuple(past), tuple(cells[i] for i in picked))


def start_of(day: int, hour: int, week: int = 0) -> datetime:
    """Wall time of a cell (day 0 = Monday, hour 0 = six o'clock), `week` weeks after next."""
    return datetime.combine(NEXT_MONDAY + timedelta(days=day, weeks=week), time(FIRST_HOUR + hour))


def _liking(dice: np.random.Generator) -> Floats:
    """Of each part of the day."""
    favourite = int(dice.integers(6))
    away = np.abs(np.arange(6) - favourite)
    base = np.where(away == 0, 0.9, np.where(away == 1, 0.2, -0.6))
    return np.asarray(base + dice.normal(0, 0.2, 6), dtype=np.float64)


def _history(
    client: int, sessions: int, chance: Floats, pull: Floats, dice: np.random.Generator
) -> list[PastSession]:
    """One session a week, the last of them this week, so that every row has its own day."""
    weight = np.exp(pull + dice.normal(0, 0.5, pull.shape)).ravel()
    weight /= weight.sum()
    habits = dice.choice(weight.size, int(dice.integers(1, 4)), replace=False, p=weight)
    found = []
    for week in range(1, sessions + 1):
        at_habit = dice.random() < _SEEN_AT_HABITS
        cell = int(dice.choice(habits) if at_habit else dice.integers(weight.size))
        day, hour = divmod(cell, HOURS)
        start = start_of(day, hour, -week)
        if start >= AS_OF:
            start -= timedelta(weeks=sessions)
        kept = dice.random() < chance[day, hour]
        found.append(PastSession(client, start, "completed" if kept else "no-show"))
    return found
