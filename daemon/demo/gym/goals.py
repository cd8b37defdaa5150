"""Goals: falling and rising, measurable and not, in every unit, and some the app closed wrongly.

The app calls a goal completed when `current >= target`: for a falling goal, at its first update.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from random import Random

from daemon.demo.gym.building import Building
from daemon.demo.gym.measurements import LBS_PER_KG
from daemon.demo.gym.truth import ClientTruth, GoalTruth

_STARTED_DAYS_AGO = 120
_OTHERS = (
    ("Squat 100 kg", "strength", 100.0, "kg"),
    ("Feel more energetic", "other", None, None),
    ("Touch my toes", "flexibility", None, ""),
    ("Run 10 km", "endurance", 10.0, "km"),
)


def add_goals(gym: Building) -> None:
    """A goal on the scale for most clients, a second of any kind for many, with milestones."""
    for client in gym.truth.clients.values():
        if client.standing == "all_null":
            continue
        dice = gym.dice("goals", client.client_id)
        if client.client_id % 10 != 5:
            _add_weight_goal(gym, client, dice)
        if client.client_id % 2 == 0:
            _add_other(gym, client, dice)
        if client.client_id % 6 == 1:
            # Two of one category: a target sent by category alone cannot tell them apart.
            _add_weight_goal(gym, client, dice, further=True)


def _add_weight_goal(
    gym: Building, client: ClientTruth, dice: Random, *, further: bool = False
) -> None:
    assert client.weight is not None
    start = gym.today - timedelta(days=min(_STARTED_DAYS_AGO, gym.options.days))
    falling = client.body != "gain"
    # Away from today's weight, so that nothing is reached by noise; some were passed long ago.
    distance = dice.uniform(2.5, 6.0) * (1.8 if further else 1.0)
    if client.client_id % 13 == 0 and not further:
        distance = -distance
    now_kg = client.weight.on(gym.today)
    target_kg = round(now_kg - distance if falling else now_kg + distance, 1)
    unit = ("kg", "lbs", "kg", None, "")[client.client_id % 5]
    target = round(target_kg * LBS_PER_KG, 1) if unit == "lbs" else target_kg
    wrong = falling and (
        client.client_id == gym.truth.cast.get("wrong_goal") or dice.random() < 0.25
    )
    begun = datetime.combine(start, time(9, 30))
    closed = begun + timedelta(days=6) if wrong else None
    goal_id = gym.add(
        "goals",
        client_id=client.client_id,
        title=_title(client, falling=falling, loss_kg=distance, unit=unit),
        description="Wants to see it by summer" if dice.random() < 0.4 else None,
        category="weight_loss" if falling else "muscle_gain",
        target_value=target,
        target_unit=unit,
        current_value=(0.0, None, round(now_kg + 3, 1))[client.client_id % 3],
        start_date=begun,
        target_date=begun + timedelta(days=dice.randint(150, 300))
        if dice.random() < 0.7
        else None,
        completed_date=closed,
        status="completed" if wrong else ("active", "Active", None)[client.client_id % 3],
        priority="low" if further else ("high", "medium", None)[client.client_id % 3],
        created_by=client.trainer_id,
        created_at=begun,
        updated_at=closed or begun,
    )
    reached = client.weight.first_past(target_kg, start, falling=falling)
    client.goals.append(
        GoalTruth(
            goal_id,
            "weight_loss" if falling else "muscle_gain",
            falling,
            target_kg,
            reached,
            wrong,
        )
    )
    _add_milestones(gym, goal_id, target, begun, completed=dice.random() < 0.5)


def _title(client: ClientTruth, *, falling: bool, loss_kg: float, unit: str | None) -> str:
    if not falling:
        return "Gain muscle"
    if unit == "lbs" or client.client_id % 3 == 1:
        return f"Lose {round(abs(loss_kg) * LBS_PER_KG)} lbs"
    return "Reach my weight"


def _add_milestones(
    gym: Building, goal_id: int, target: float, begun: datetime, *, completed: bool
) -> None:
    for number in (1, 2):
        done = completed and number == 1
        gym.add(
            "goal_milestones",
            goal_id=goal_id,
            title=f"Step {number}",
            target_value=round(target * (1.03 if number == 1 else 1.01), 1),
            target_date=begun + timedelta(days=50 * number),
            completed=True if done else (None if number == 2 else False),
            completed_date=begun + timedelta(days=48) if done else None,
            created_at=begun,
            updated_at=begun,
        )


def _add_other(gym: Building, client: ClientTruth, dice: Random) -> None:
    title, category, target, unit = _OTHERS[client.client_id // 2 % len(_OTHERS)]
    begun = gym.utc_now - timedelta(days=dice.randint(10, 100))
    goal_id = gym.add(
        "goals",
        client_id=client.client_id,
        title=title,
        category=category,
        target_value=target,
        target_unit=unit,
        current_value=0.0,
        start_date=begun,
        status=("active", "on_hold", "abandoned", "On Hold")[client.client_id // 2 % 4],
        priority=("low", "Medium", "high")[client.client_id % 3],
        created_at=begun,
        updated_at=begun,
    )
    client.goals.append(GoalTruth(goal_id, category, False, None, None, False))
