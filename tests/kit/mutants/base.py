"""Ways to break a valid workout answer, each with the rule that must notice.

A mutant is a function that changes a fresh (answer, request) pair in place; its name says what it
does. `retime` keeps session lengths true where time is not the point. Importing the modules of
this package fills MUTANTS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.kit import workout_answers as kit
from tests.kit.workout_answers import Json, Pair

Break = Callable[[Json, Json], Any]


@dataclass(frozen=True)
class Mutant:
    """A base answer, what breaks it, and the rule that must catch it."""

    rule: str
    name: str
    base: Callable[[], Pair]
    apply: Break

    def pair(self) -> Pair:
        """The broken (answer, request)."""
        answer, request = self.base()
        self.apply(answer, request)
        return answer, request


MUTANTS: list[Mutant] = []


def mutant(rule: str, base: Callable[[], Pair] = kit.general_answer) -> Callable[[Break], Break]:
    """Register a function as a mutant of `base` for `rule`."""

    def register(apply: Break) -> Break:
        MUTANTS.append(Mutant(rule, apply.__name__, base, apply))
        return apply

    return register


def seven_weeks() -> Pair:
    """Five build weeks, a deload, a build week."""
    return kit.general_answer(7)


def two_weeks() -> Pair:
    """Two build weeks."""
    return kit.general_answer(2)


def day(answer: Json, number: int = 0, week: int = 0) -> Json:
    """One workout."""
    found: Json = answer["weeks"][week]["workouts"][number]
    return found


def item(answer: Json, key: str, week: int = 0) -> Json:
    """The first exercise `key` of a week."""
    return next(
        e for d in answer["weeks"][week]["workouts"] for e in d["exercises"] if e["key"] == key
    )


def every(answer: Json, week: int = 0) -> list[Json]:
    """All exercises of a week."""
    return [e for d in answer["weeks"][week]["workouts"] for e in d["exercises"]]


def suffer(answer: Json, request: Json, *codes: str) -> None:
    """Let the client have conditions, properly screened."""
    answer["screening"]["conditions"] += codes
    request["conditions"] = [code.replace("_", " ") for code in codes]


def swap(answer: Json, old: str, new: str) -> None:
    """Prescribe `new` wherever `old` was."""
    facts = answer["exercise_facts"][new] = kit.facts_of(new)
    for week in answer["weeks"]:
        for workout in week["workouts"]:
            for entry in workout["exercises"]:
                if entry["key"] == old:
                    entry["key"] = new
                    entry["exercise"] = facts["name"]
                    entry["difficulty"] = kit.LEVEL_NAMES[facts["level"]]
    kit.retime(answer)
