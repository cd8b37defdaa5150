"""The exercise library, templates, who was given which, and the few workouts that were logged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daemon.demo.gym.building import Building
from daemon.demo.gym.truth import ClientTruth

# name, category, muscle group, equipment, difficulty: the rows that the app seeds itself with.
STOCK = (
    ("Push-ups", "strength", "chest", "bodyweight", "beginner"),
    ("Bench Press", "strength", "chest", "barbell", "intermediate"),
    ("Dumbbell Flyes", "strength", "chest", "dumbbells", "intermediate"),
    ("Pull-ups", "strength", "back", "bodyweight", "intermediate"),
    ("Bent-Over Rows", "strength", "back", "barbell", "intermediate"),
    ("Lat Pulldowns", "strength", "back", "machine", "beginner"),
    ("Squats", "strength", "legs", "barbell", "intermediate"),
    ("Lunges", "strength", "legs", "bodyweight", "beginner"),
    ("Deadlifts", "strength", "legs", "barbell", "advanced"),
    ("Leg Press", "strength", "legs", "machine", "beginner"),
    ("Overhead Press", "strength", "shoulders", "barbell", "intermediate"),
    ("Lateral Raises", "strength", "shoulders", "dumbbells", "beginner"),
    ("Bicep Curls", "strength", "arms", "dumbbells", "beginner"),
    ("Tricep Dips", "strength", "arms", "bodyweight", "intermediate"),
    ("Planks", "strength", "core", "bodyweight", "beginner"),
    ("Crunches", "strength", "core", "bodyweight", "beginner"),
    ("Russian Twists", "strength", "core", "bodyweight", "intermediate"),
    ("Running", "cardio", "full_body", "bodyweight", "beginner"),
    ("Jump Rope", "cardio", "full_body", "other", "intermediate"),
    ("Burpees", "cardio", "full_body", "bodyweight", "intermediate"),
)
# What trainers add over the years: both spellings, missing tags, names that repeat.
CUSTOM: tuple[tuple[str, str | None, str | None, str | None, str | None], ...] = (
    ("Goblet Squat", "strength", "legs", "kettlebell", "beginner"),
    ("Cable Row", "strength", "back", "cable", "beginner"),
    ("Seated Cable Row", "strength", "back", "cables", "beginner"),
    ("Band Pull-Apart", "strength", "shoulders", "resistance-bands", "beginner"),
    ("Band Squat", "strength", "legs", "bands", "beginner"),
    ("Medicine Ball Slam", "plyometric", "full-body", "medicine-ball", "intermediate"),
    ("TRX Row", "strength", "back", "trx", "beginner"),
    ("Dumbbell Bench Press", "strength", "chest", "dumbbells", "beginner"),
    ("Dumbbell Row", "strength", "back", "dumbbells", "beginner"),
    ("Dumbbell Shoulder Press", "strength", "shoulders", "Dumbbells", "beginner"),
    ("Romanian Deadlift", "strength", "legs", "dumbbells", "intermediate"),
    ("push ups", "strength", "chest", "none", "beginner"),
    ("Plank", "core", "core", "none", "beginner"),
    ("PLANK", "core", "core", "bodyweight", None),
    ("Squats", None, None, None, None),
    ("Jump rope", "cardio", "cardio", "jump-rope", "beginner"),
    ("Hip Flexor Stretch", "flexibility", "flexibility", "none", "beginner"),
    ("Single-Leg Stand", "balance", "legs", None, "beginner"),
    ("Coach's Special", None, None, None, None),
    ("Tennis Drill", "sports", "full_body", "other", "advanced"),
)
# name, category, difficulty, minutes, exercises by name, equipment they need
TEMPLATES: tuple[tuple[str, str | None, str | None, int | None, tuple[str, ...]], ...] = (
    (
        "Gym basics",
        "strength",
        "beginner",
        50,
        ("Leg Press", "Lat Pulldowns", "Push-ups", "Planks"),
    ),
    (
        "Barbell strength",
        "strength",
        "intermediate",
        60,
        ("Squats", "Bench Press", "Bent-Over Rows", "Overhead Press"),
    ),
    (
        "Home dumbbells",
        "strength",
        "intermediate",
        40,
        ("Dumbbell Flyes", "Lateral Raises", "Bicep Curls", "Lunges", "Push-ups"),
    ),
    ("Conditioning", "hiit", "Beginner", 30, ("Burpees", "Jump Rope", "Running")),
    ("Heavy day", "strength", "advanced", 75, ("Deadlifts", "Squats", "Pull-ups")),
    ("Untitled", None, None, None, ()),
)
_HOME = 2
_REPS = ("10", "8-12", "12", "AMRAP")
_WEIGHTS = ("bodyweight", "50 lbs", "RPE 8", None)


def add_workouts(gym: Building) -> None:
    """Library, templates, then what each client with a trainer was given and logged."""
    _add_library(gym)
    _add_templates(gym)
    for client in gym.truth.clients.values():
        if client.trainer_id is not None and client.client_id % 6 != 5:
            _give(gym, client)


def _add_library(gym: Building) -> None:
    rows: list[tuple[tuple[str | None, ...], bool]] = [(row, False) for row in STOCK]
    if not gym.options.stock_exercises_only:
        rows += [(row, True) for row in CUSTOM]
    for (name, category, muscle, equipment, difficulty), custom in rows:
        gym.add(
            "exercises",
            name=name,
            category=category,
            muscle_group=muscle,
            equipment=equipment,
            difficulty=difficulty,
            is_custom=custom,
            created_by=1 if custom and gym.truth.trainers else None,
            created_at=gym.utc_now - timedelta(days=gym.options.days),
        )


def _add_templates(gym: Building) -> None:
    ids: dict[str, int] = {}
    for row in gym.tables["exercises"]:
        ids.setdefault(row["name"], row["id"])
    for name, category, difficulty, minutes, exercises in TEMPLATES:
        template_id = gym.add(
            "workout_templates",
            name=name,
            category=category,
            difficulty=difficulty,
            duration_minutes=minutes,
            created_by=1,
            is_public=None if difficulty is None else True,
            created_at=gym.utc_now - timedelta(days=gym.options.days),
        )
        for order, exercise in enumerate(exercises):
            gym.add(
                "workout_exercises",
                workout_template_id=template_id,
                exercise_id=ids[exercise],
                order=order or None,
                sets=3,
                reps=_REPS[order % len(_REPS)],
                duration_seconds=45 if exercise == "Planks" else None,
                rest_seconds=60,
                weight=_WEIGHTS[order % len(_WEIGHTS)],
            )


def _give(gym: Building, client: ClientTruth) -> None:
    dice = gym.dice("workouts", client.client_id)
    at_home = client.client_id == gym.truth.cast.get("healthy_dumbbells")
    number = _HOME if at_home else client.client_id % len(TEMPLATES)
    given = gym.utc_now - timedelta(days=dice.randint(20, 90))
    if client.client_id % 5 == 0:
        _add_given(gym, client, 0, given - timedelta(days=60), "completed", 2)
    frequency = 3 if at_home else (2, 3, 4, None)[client.client_id % 4]
    status = ("active", "Active", None, "paused")[client.client_id % 4]
    given_id = _add_given(gym, client, number, given, status, frequency)
    _, _, difficulty, _, exercises = TEMPLATES[number]
    client.level = difficulty.lower() if difficulty else None
    client.frequency_per_week = frequency
    tags = {row[0]: row[3] for row in STOCK}
    client.equipment = tuple(sorted({tags[name] for name in exercises}))
    if client.client_id % 3 == 0:
        for days_ago in range(18, 0, -3):
            gym.add(
                "workout_logs",
                client_id=client.client_id,
                client_workout_id=given_id,
                workout_template_id=number + 1,
                completed_date=gym.utc_now - timedelta(days=days_ago),
                duration_minutes=dice.choice((35, 45, None)),
                difficulty_rating=dice.choice((5, 6, 7, 9, 42, None)),
                notes=None,
            )


def _add_given(
    gym: Building,
    client: ClientTruth,
    number: int,
    given: Any,
    status: str | None,
    frequency: int | None,
) -> int:
    return gym.add(
        "client_workouts",
        client_id=client.client_id,
        workout_template_id=number + 1,
        assigned_by=client.trainer_id,
        assigned_date=given if client.client_id % 7 else None,
        start_date=given.date(),
        end_date=given.date() + timedelta(days=60) if client.client_id % 2 else None,
        frequency_per_week=frequency,
        status=status,
    )
