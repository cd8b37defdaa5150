"""Weights and girths: a noiseless curve per client, and readings of it with the app's slips.

Two hands write readings. The staff form stores the time of day, a unit and who recorded it. The
client page sends a date (midnight), weight and body fat only and no unit, so the app writes `kg`
beside what the page called lbs; that is where pounds stored as kilograms come from.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from daemon.demo.gym.building import Building
from daemon.demo.gym.truth import ClientTruth, Slip, SlipKind, WeightCurve

LBS_PER_KG = 2.2046
FUTURE_DAYS = 365
_GIRTHS = {
    "chest": 1.0,
    "waist": 0.92,
    "hips": 1.04,
    "thigh_left": 0.57,
    "thigh_right": 0.57,
    "arm_left": 0.34,
    "arm_right": 0.34,
    "calf_left": 0.38,
    "calf_right": 0.38,
}
_PAGE_CHANCE = (0.45, 0.28, 0.14)


def add_measurements(gym: Building) -> None:
    """Give every client a body and, unless nobody measures it, readings."""
    for client in gym.truth.clients.values():
        dice = gym.dice("body", client.client_id)
        client.height_m = round(dice.gauss(1.71, 0.08), 2)
        client.weight = _curve(gym, client, dice)
        today, before = gym.today, gym.today - timedelta(days=28)
        client.slope_kg_per_week = (client.weight.on(today) - client.weight.on(before)) / 4
        if client.body == "sparse":
            _Scale(gym, client, dice).some(3)
        elif client.body != "no_readings":
            _Scale(gym, client, dice).year()
    _import_records(gym)


def _curve(gym: Building, client: ClientTruth, dice: Random) -> WeightCurve:
    """A day's change is a rate that decays; plateau and regain turn some weeks before `as_of`."""
    start_kg = min(max(dice.gauss(86, 13), 64.0), 140.0)
    rate = (
        {"gain": -0.0022, "maintenance": 0.0, "no_readings": 0.0}.get(
            client.body, dice.uniform(0.003, 0.006)
        )
        * start_kg
        / 7
    )
    decay_days = dice.uniform(300, 600)
    turn = gym.options.days - dice.randint(38, 55)
    kg, values = start_kg, []
    for day in range(gym.options.days + FUTURE_DAYS + 1):
        values.append(round(kg, 4))
        step = -rate * math.exp(-day / decay_days)
        if day >= turn and client.body == "plateau":
            step = 0.0
        if day >= turn and client.body == "regain":
            step = 0.0035 * start_kg / 7
        kg = min(max(kg + step, 45.0), 160.0)
    return WeightCurve(gym.first_day, tuple(values))


class _Scale:
    """Writes one client's readings."""

    def __init__(self, gym: Building, client: ClientTruth, dice: Random) -> None:
        self.gym = gym
        self.client = client
        self.dice = dice
        self.page_is_lbs = client.client_id % 3 == 1
        self.staff_unit = ("kg", "kg", "lbs", "KG", None)[client.client_id % 5]
        self.girth_unit = ("cm", "cm", "inches", "in", None)[client.client_id % 5]
        measured = client.body not in ("sparse", "no_readings")
        if measured and not client.conditions and client.client_id % 13 == 0:
            client.conditions = frozenset({"hypertension"})
            client.conditions_from = "measurement"
        self.high_pressure = "hypertension" in client.conditions

    def some(self, number: int) -> None:
        """A few readings, the last one weeks old."""
        days = self.dice.sample(range(25, min(160, self.gym.options.days)), number)
        for days_ago in sorted(days, reverse=True):
            self.page(self.gym.today - timedelta(days=days_ago))

    def year(self) -> None:
        """Readings all along, with gaps, several on some days, and one dated after `as_of`."""
        chance = _PAGE_CHANCE[self.client.client_id % 3]
        stop = 40 if self.client.standing == "fading" else 1
        for days_ago in range(self.gym.options.days, stop - 1, -1):
            day = self.gym.today - timedelta(days=days_ago)
            if self.dice.random() < chance:
                self.page(day)
                if self.dice.random() < 0.03:
                    self.page(day)
            if days_ago % 28 == 3 or self.dice.random() < 0.02:
                self.staff(day)
        if stop == 1:
            self.staff(self.gym.today - timedelta(days=2))
        if self.client.client_id % 7 == 1:
            future = self.page(self.gym.today + timedelta(days=20), slips=False)
            self.client.future_measurement_ids.append(future)

    def page(self, day: date, *, slips: bool = True) -> int:
        """A reading by the client: no unit is sent, and the app stores kg."""
        kg = self._read(day)
        stored, kind = self._slip(kg) if slips else (kg, None)
        if self.page_is_lbs and self.dice.random() < 0.7:
            stored, kind = kg * LBS_PER_KG, "pounds_as_kg"
        return self._write(
            kg,
            kind,
            measurement_date=datetime.combine(day, time.min),
            weight=round(stored, 1),
            weight_unit="kg",
            body_fat_percentage=self._fat(kg) if self.dice.random() < 0.4 else None,
            measurement_unit="cm",
            recorded_by=None,
        )

    def staff(self, day: date) -> int:
        """A reading by the trainer: time of day, unit, girths and now and then a cuff."""
        kg = self._read(day)
        stored, kind = self._slip(kg)
        lbs = self.staff_unit == "lbs"
        columns: dict[str, Any] = {
            "measurement_date": datetime.combine(day, time(self.dice.randint(7, 19), 12)),
            "weight": round(stored * LBS_PER_KG if lbs else stored, 1),
            "weight_unit": self.staff_unit,
            "body_fat_percentage": self._fat(kg),
            "muscle_mass": round(kg * 0.42, 1) if self.dice.random() < 0.3 else None,
            "bmi": round(kg / self.client.height_m**2, 1) if self.dice.random() < 0.5 else None,
            "measurement_unit": self.girth_unit,
            "resting_heart_rate": self.dice.randint(54, 78),
            "recorded_by": f"Trainer {self.client.trainer_id or 1:02d}",
            "notes": "Weighed after training" if self.dice.random() < 0.1 else None,
            **self._girths(kg),
            **self._pressure(),
        }
        return self._write(kg, kind, **columns)

    def _write(self, kg: float, kind: SlipKind | None, **columns: Any) -> int:
        stamp = min(columns["measurement_date"], self.gym.utc_now)
        measurement_id = self.gym.add(
            "measurements",
            client_id=self.client.client_id,
            created_at=stamp,
            updated_at=stamp,
            **columns,
        )
        if kind:
            slip = Slip(measurement_id, kind, columns["weight"], kg)
            self.client.slips.append(slip)
        return measurement_id

    def _read(self, day: date) -> float:
        assert self.client.weight is not None
        return round(self.client.weight.on(day) + self.dice.gauss(0, 0.45), 2)

    def _slip(self, kg: float) -> tuple[float, SlipKind | None]:
        luck = self.dice.random()
        if luck < 0.006:
            return (kg * 10 if luck < 0.003 else kg / 10), "decimal"
        if luck < 0.014:
            return kg + (10 if luck < 0.01 else -10), "typo"
        return kg, None

    def _fat(self, kg: float) -> float:
        return round(min(max(kg * 0.32 + self.dice.gauss(0, 0.6), 6), 55), 1)

    def _girths(self, kg: float) -> dict[str, float]:
        scale = 1 / 2.54 if self.girth_unit in ("in", "inches") else 1.0
        waist = 60 + kg * 0.4
        return {
            name: round(waist * part * scale + self.dice.gauss(0, 0.4), 1)
            for name, part in _GIRTHS.items()
            if self.dice.random() < 0.7
        }

    def _pressure(self) -> dict[str, int]:
        top, bottom = (148, 94) if self.high_pressure else (121, 77)
        return {
            "blood_pressure_systolic": top + self.dice.randint(-4, 6),
            "blood_pressure_diastolic": bottom + self.dice.randint(-3, 4),
        }


def _import_records(gym: Building) -> None:
    """No page writes progress_records; one client's came with an import, pounds and all."""
    client = next((c for c in gym.truth.clients.values() if c.body == "steady_loss"), None)
    if client is None or client.weight is None:
        return
    for weeks_ago in range(30, 22, -1):
        day = gym.today - timedelta(weeks=weeks_ago)
        gym.add(
            "progress_records",
            client_id=client.client_id,
            record_date=datetime.combine(day, time.min),
            weight=round(client.weight.on(day), 1),
            measurements='{"waist": "34 in"}' if weeks_ago % 2 else None,
            notes="Imported",
            created_at=gym.utc_now,
        )
