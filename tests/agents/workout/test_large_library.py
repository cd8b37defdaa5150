"""A gym whose exercise library holds thousands of rows: nobody else waits for a plan."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agents.workout import fill_gaps, wishes
from agents.workout.agent import WorkoutOptimizer
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
