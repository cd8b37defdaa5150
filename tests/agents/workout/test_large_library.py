"""A gym whose exercise library holds thousands of rows: nobody else waits for a plan."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from agents.crm import ExerciseRow
from agents.workout import fill_gaps, wishes
from agents.workout.agent import WorkoutOptimizer
from agents.workout.exercises.app_exercises import merge
from agents.workout.exercises.catalogue import CATALOGUE
from agents.workout.request import WorkoutConfig, WorkoutRequest
from tests.kit.context import FakeContext

REQUEST = {"client_id": 1, "equipment": ["gym"], "goals": ["muscle_gain"]}


async def test_names_are_not_looked_up_in_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wishes are compared with every name of the library in a thread, like all that takes long."""
    names, threads = wishes.Names, []

    def note(*given: Any, **more: Any) -> wishes.Names:
        threads.append(threading.current_thread())
        return names(*given, **more)

    monkeypatch.setattr(wishes, "Names", note)
    wished = {"preferences": ["rows"], "avoid_exercises": ["burpees"]}
    request = WorkoutRequest.model_validate(REQUEST | wished)
    await WorkoutOptimizer().execute(FakeContext(config=WorkoutConfig()), request)
    assert threads
    assert threading.main_thread() not in threads


def test_without_a_wish_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who neither prefers nor avoids anything does not pay for the length of the library."""
    monkeypatch.setattr(wishes, "Names", None)
    request = WorkoutRequest.model_validate(REQUEST)
    profile, _ = fill_gaps.fill(request, None, WorkoutConfig(), CATALOGUE)
    assert (profile.preferred, profile.avoid) == (frozenset(), ())


def test_a_library_is_judged_once() -> None:
    """Plan after plan costs no more judging until a row changes, and then what it says counts."""
    rows = [
        ExerciseRow(number, f"Dumbbell Row {number}", None, "back", "dumbbells", "beginner")
        for number in range(1, 3001)
    ]
    first = merge(rows)
    assert merge(reversed(rows)) is first
    assert "app_7" in first.exercises
    changed = merge([*rows[:6], replace(rows[6], difficulty="unknown"), *rows[7:]])
    assert "app_7" not in changed.exercises
    assert "app_8" in changed.exercises
