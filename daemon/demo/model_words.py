"""What the local server answers to the agents' own questions: honest, plain, and a little dull.

Each function gets the question's data and schema and returns the answer as JSON. It uses only what
the data holds, as the instructions of a real model demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any

REASONS = (
    "{name} trains the {muscles} and fits your goal of {goal}.",
    "With {name} you build strength in the {muscles}, which helps with {goal}.",
    "{name} keeps the {muscles} in the plan every week, and that supports {goal}.",
)


def workout_words(data: Mapping[str, Json], _: Mapping[str, Json]) -> Json:
    """A reason for each exercise, a cue for the first ones, a summary; texts are ignored."""
    exercises = data["exercises"]
    goal = "general fitness" if data["goal"] == "general" else str(data["goal"]).replace("_", " ")
    return {
        "summary": f"This plan works towards {goal} with balance between all parts of the body. "
        "Its workouts build on each other week by week.",
        "reasons": [
            {
                "key": exercise["key"],
                "text": REASONS[place % len(REASONS)].format(
                    name=exercise["name"], muscles=_listed(exercise["trains"]), goal=goal
                ),
            }
            for place, exercise in enumerate(exercises)
        ],
        "tips": [
            {"key": exercise["key"], "text": exercise["cues"][0]} for exercise in exercises[:5]
        ],
        "focus": [],
        "weights": [],
        "conditions": [],
    }


def schedule_words(data: Mapping[str, Json], _: Mapping[str, Json]) -> Json:
    """A sentence for each slot, with its own time."""
    return {
        "sentences": [
            {"id": slot["id"], "text": f"{slot['when']} is a good time to train."}
            for slot in data["slots"]
        ]
    }


def _listed(names: list[str]) -> str:
    words = [name.replace("_", " ") for name in names]
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
