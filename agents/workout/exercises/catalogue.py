"""The exercise catalogue: TOML files read once, checked once, looked up by key or by name.

The `*.toml` files beside this one hold a table per exercise, hand-tagged, a file per family of
movements. TOML, because the people who should judge the tags are trainers and physiotherapists.
What no judgement needs is filled in here: `compound`, the pace of a repetition and the time to set
up follow from pattern and equipment unless a file says otherwise.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agents.workout.exercises.exercise import JOINTS, Exercise

_FOLDER = Path(__file__).parent
_COMPOUND = frozenset(
    {"squat", "lunge", "hinge", "h_push", "v_push", "h_pull", "v_pull", "carry", "power"}
)
# Seconds to fetch, load and adjust, by the slowest thing involved.
_SETUP_SECONDS = {
    "barbell": 60, "machine": 40, "cable": 40, "cardio_machine": 40, "trx": 30, "rack": 60,
    "bands": 25, "bench": 30, "box": 25, "dumbbells": 25, "kettlebell": 20, "pullup_bar": 20,
    "medicine_ball": 20,
}  # fmt: skip
_LISTS = ("prim", "sec", "equipment", "needs", "flags", "aliases", "instructions", "cues")


class CatalogueError(ValueError):
    """A catalogue file breaks its rules; the message names file, exercise and field."""


def normalise(name: str) -> str:
    """`name` reduced to what two spellings of one exercise share.

    Case, accents, punctuation, spaces and plural endings go: "Push-ups", "pushup" and
    "Push Up" all give "pushup".
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return "".join(_singular(word) for word in re.findall(r"[a-z0-9]+", plain))


def _singular(word: str) -> str:
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 2 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def build(key: str, row: Mapping[str, Any]) -> Exercise:
    """One TOML table as an `Exercise`; raises pydantic.ValidationError on a wrong field."""
    fields: dict[str, Any] = dict(row)
    fields.update({name: tuple(fields[name]) for name in _LISTS if name in fields})
    fields.setdefault("equipment", ("bodyweight",))
    stress = fields.pop("stress", {})
    fields["joint_stress"] = dict.fromkeys(JOINTS, 0) | stress
    pattern = fields.get("pattern", "")
    compound = fields.setdefault("compound", pattern in _COMPOUND)
    fields.setdefault("seconds_per_rep", 2 if pattern == "power" else 4 if compound else 3)
    involved = (*fields["equipment"], *fields.get("needs", ()))
    fields.setdefault("setup_seconds", max(_SETUP_SECONDS.get(item, 15) for item in involved))
    return Exercise(key=key, **fields)


@cache
def _load() -> tuple[Mapping[str, Exercise], Mapping[str, str]]:
    exercises: dict[str, Exercise] = {}
    names: dict[str, str] = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        for key, row in tomllib.loads(path.read_text("utf-8")).items():
            if key in exercises:
                raise CatalogueError(f"{path.name}: the key {key} is taken by another file")
            try:
                exercise = build(key, row)
            except ValueError as error:
                raise CatalogueError(f"{path.name}: {key}: {error}") from error
            exercises[key] = exercise
            for name in (exercise.name, *exercise.aliases):
                owner = names.setdefault(normalise(name), key)
                if owner != key:
                    raise CatalogueError(
                        f"{path.name}: {key}: the name {name!r} belongs to {owner} already"
                    )
    for exercise in exercises.values():
        if exercise.variant_up is not None and exercise.variant_up not in exercises:
            raise CatalogueError(
                f"{exercise.key}: variant_up {exercise.variant_up!r} is no key of the catalogue"
            )
    return MappingProxyType(exercises), MappingProxyType(names)


CATALOGUE: Mapping[str, Exercise] = _load()[0]
_KEY_BY_NAME: Mapping[str, str] = _load()[1]


def find(name: str) -> Exercise | None:
    """The exercise with this key, name or alias in any spelling, or None."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    key = _KEY_BY_NAME.get(normalise(name))
    return CATALOGUE[key] if key is not None else None
