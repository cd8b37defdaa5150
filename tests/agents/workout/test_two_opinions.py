"""Screening and checker were written apart from the same table; here they have to agree."""

from __future__ import annotations

import pytest

from agents.workout.checker import tables
from agents.workout.checker.health_rules import forbidden
from agents.workout.checker.names import name_slips
from agents.workout.checker.view import read_fact
from agents.workout.exercises.catalogue import CATALOGUE
from agents.workout.screening.conditions import (
    CODES,
    RED_FLAGS,
    allows_jumps,
    forbids,
    restrictions,
)

EXERCISES = sorted(CATALOGUE.values(), key=lambda exercise: exercise.key)


@pytest.mark.parametrize("code", CODES)
def test_both_forbid_the_same_exercises(code: str) -> None:
    """For every condition, both sides leave exactly the same exercises out."""
    row = tables.condition_of(code)
    ours = {e.key for e in EXERCISES if forbidden(row, read_fact(e.key, e.facts()))}
    theirs = {e.key for e in EXERCISES if forbids(code, e)}
    assert ours == theirs


@pytest.mark.parametrize("code", CODES)
def test_both_limit_the_dose_alike(code: str) -> None:
    """For every condition, both sides know the same repetitions, efforts, holds and warm-ups."""
    row, theirs = tables.condition_of(code), restrictions([code])
    assert row.reps == theirs.reps
    assert row.rpe == (theirs.rpe_cap or 10)
    assert row.hold_seconds == (theirs.hold_cap_seconds or tables.HOLD_SECONDS[1])
    assert row.sets == (theirs.set_cap or 99)
    assert row.warmup_seconds == theirs.warmup_seconds
    assert theirs.pull_at_least_push is (code == "shoulder")
    assert theirs.rpe_only is (code in tables.NO_PULSE_ZONES)


def test_both_know_the_same_codes() -> None:
    """No code is known to one side alone, and both stop for the same ones."""
    assert set(CODES) == set(tables.CONDITIONS)
    assert set(RED_FLAGS) == set(tables.RED_FLAGS)
    for code in CODES:
        may_jump = code not in tables.NO_JUMP_CODES and not code.startswith("pregnan")
        assert allows_jumps(1, 30, [code]) is may_jump


def test_each_stop_says_whom_to_ask() -> None:
    """No red flag stops a client without a word on what to do."""
    assert [code for code in RED_FLAGS if not restrictions([code]).notes] == []


def test_no_name_of_the_catalogue_contradicts_its_tags() -> None:
    """What an exercise is called agrees with what it is tagged with."""
    slips = [slip for e in EXERCISES for slip in name_slips(read_fact(e.key, e.facts()))]
    assert slips == []
