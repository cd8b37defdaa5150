"""Simulated clients on a scale: a noiseless level, noisy readings of it, and the app's slips.

A client loses, gains or stalls. The rate decays; now and then life interrupts it: a pause in which
a little comes back, a fresh start, a slow-down. What is read is the level with the noise of a body
(the week, a cycle, water that lingers for days) and of a scale, on some days only; some readings
are plainly wrong, and a quarter of the clients store pounds beside the word `kg`.

Nothing here is shared with the agent. Equal seeds give equal clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["loss", "gain", "stall"]

POUNDS_PER_KG = 2.2046
HORIZON_DAYS = 365
DAILY_CHANCES = (0.7, 0.28, 0.1, 0.05)


@dataclass(frozen=True, slots=True)
class Reading:
    """day: counted from the first day of the history; at most one reading a day.

    stored: what the table says; true_kg: what the scale said. pounds: stored in pounds as `kg`.
    """

    day: int
    stored: float
    true_kg: float
    pounds: bool
    odd: bool


@dataclass(frozen=True, slots=True)
class Client:
    """One history and its truth.

    today: the day of the question, the last one of the history. target_kg: the goal.
    truth_days: days from `today` to the first noiseless crossing; None: not within 365.
    """

    seed: int
    kind: Kind
    falling: bool
    daily_chance: float
    readings: tuple[Reading, ...]
    today: int
    start_kg: float
    now_kg: float
    target_kg: float
    truth_days: int | None


def clients(count: int, seed: int = 1) -> list[Client]:
    """`count` clients, each made from `seed` and its own number."""
    return [client(seed * 1_000_003 + number) for number in range(count)]


def client(seed: int) -> Client:
    """One client with at least one reading."""
    dice = np.random.default_rng(seed)
    start_kg = float(np.clip(dice.normal(84, 16), 52, 150))
    kind: Kind = ("loss", "loss", "loss", "gain", "stall")[int(dice.integers(5))]
    today = int(dice.integers(28, 151))
    level = _level(dice, kind, start_kg, today + HORIZON_DAYS + 1)
    falling = kind == "loss" or (kind == "stall" and bool(dice.random() < 0.75))
    target_kg = _target(dice, kind, level, today, falling=falling)
    chance = float(dice.choice(DAILY_CHANCES, p=(0.3, 0.3, 0.3, 0.1)))
    return Client(
        seed=seed,
        kind=kind,
        falling=falling,
        daily_chance=chance,
        readings=_readings(dice, level[: today + 1], start_kg, chance),
        today=today,
        start_kg=start_kg,
        now_kg=float(level[today]),
        target_kg=target_kg,
        truth_days=_crossing(level[today:], target_kg, falling=falling),
    )


def _level(dice: np.random.Generator, kind: Kind, start_kg: float, days: int) -> Floats:
    """The noiseless weight in kg, a value per day."""
    per_week = {
        "loss": -dice.uniform(0.15, 1.0),
        "gain": dice.uniform(0.08, 0.35),
        "stall": 0.0,
    }[kind]
    initial = rate = per_week / 100 * start_kg / 7
    tau = float(np.clip(dice.lognormal(np.log(200), 0.6), 40, 900))
    level = np.empty(days)
    kg, paused_until = start_kg, -1
    for day in range(days):
        level[day] = kg
        if dice.random() < 1 / 170:
            event = int(dice.integers(3))
            if event == 0:
                paused_until = day + int(dice.integers(7, 29))
            elif event == 1:
                rate = initial * dice.uniform(0.5, 1.0)
            else:
                rate *= dice.uniform(0.2, 0.7)
        kg += -0.15 * rate if day < paused_until else rate
        rate *= np.exp(-1 / tau)
    if kind == "loss":
        level += dice.uniform(0.3, 1.5) * np.exp(-np.arange(days) / 6)
    return level


def _target(
    dice: np.random.Generator, kind: Kind, level: Floats, today: int, *, falling: bool
) -> float:
    """The true level some time ahead; for a stall, past the best of the year to come."""
    if kind != "stall":
        return float(level[today + int(dice.integers(14, 365))])
    beyond = dice.uniform(0.02, 0.08) * level[today]
    return float(level[today:].min() - beyond if falling else level[today:].max() + beyond)


def _crossing(ahead: Floats, target_kg: float, *, falling: bool) -> int | None:
    past = ahead <= target_kg if falling else ahead >= target_kg
    return int(np.argmax(past)) if past[: HORIZON_DAYS + 1].any() else None


def _readings(
    dice: np.random.Generator, level: Floats, start_kg: float, chance: float
) -> tuple[Reading, ...]:
    noise = _noise(dice, len(level), start_kg)
    share = dice.uniform(0.05, 0.5) if dice.random() < 0.25 else 0.0
    days = [day for day in range(len(level)) if dice.random() < chance] or [len(level) - 1]
    found = []
    for day in days:
        kg = float(level[day] + noise[day])
        odd = bool(dice.random() < 0.03)
        if odd:
            kg += _oddity(dice)
        pounds = bool(dice.random() < share)
        stored = round(kg * POUNDS_PER_KG if pounds else kg, 1)
        found.append(Reading(day, stored, kg, pounds, odd))
    return tuple(found)


def _oddity(dice: np.random.Generator) -> float:
    """Clothes, a typo in the tens, or a scale on a carpet; in kg."""
    which = int(dice.integers(3))
    if which == 0:
        return float(dice.uniform(1.5, 4))
    if which == 1:
        return 10.0 if dice.random() < 0.5 else -10.0
    return float(dice.normal(0, 4))


def _noise(dice: np.random.Generator, days: int, start_kg: float) -> Floats:
    """The week, for some a cycle of 28 days, water that lingers, and the scale; in kg."""
    at = np.arange(days)
    noise = 0.00175 * start_kg * np.cos(2 * np.pi * (at + dice.uniform(0, 7)) / 7)
    if dice.random() < 0.3:
        noise += 0.5 * np.sin(2 * np.pi * (at + dice.uniform(0, 28)) / 28)
    sd = 0.0055 * start_kg
    lingering = np.empty(days)
    lingering[0] = dice.normal(0, sd)
    for day in range(1, days):
        lingering[day] = 0.4 * lingering[day - 1] + dice.normal(0, sd * np.sqrt(1 - 0.16))
    result: Floats = noise + lingering + dice.normal(0, 0.15, days)
    return result
