"""Free words become ids we wrote ourselves; what matches nothing is only counted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agents.workout import wishes
from agents.workout.exercises.catalogue import CATALOGUE
from agents.workout.exercises.exercise import EQUIPMENT
from agents.workout.fill_gaps import fill
from agents.workout.profile import Goal
from agents.workout.request import WorkoutConfig, WorkoutRequest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", {"bodyweight"}),
        ("Dumbbell", {"bodyweight", "dumbbells"}),
        ("resistance-bands, kettlebells", {"bodyweight", "bands", "kettlebell"}),
        ("pull-up bar and bench", {"bodyweight", "pullup_bar", "bench"}),
        ("gym", set(EQUIPMENT)),
        (
            "machines",
            {"bodyweight", "machine", "bench", "box", "pullup_bar", "cardio_machine"},
        ),
        (
            "cable, barbell",
            {
                "bodyweight",
                "cable",
                "barbell",
                "rack",
                "bench",
                "box",
                "pullup_bar",
                "cardio_machine",
            },
        ),
        ("barbell", {"bodyweight", "barbell"}),
        ("a pair of dumbells up to 10 kg", {"bodyweight", "dumbbells"}),
        ("treadmill at home", {"bodyweight", "cardio_machine"}),
        ("pull-up bar in the doorway", {"bodyweight", "pullup_bar"}),
        ("hotel gym", {"bodyweight", "dumbbells", "bench", "cardio_machine"}),
        ("my gym", set(EQUIPMENT)),
    ],
)
def test_equipment_is_folded_and_completed(text: str, expected: set[str]) -> None:
    """Spellings, plurals and hyphens fold; a machine room has benches, a barbell alone no rack."""
    assert expected == set(wishes.equipment([text]).known)


def test_unknown_equipment_is_counted() -> None:
    """A word that is no equipment is left out and counted, not echoed."""
    found = wishes.equipment(["dumbbells", "warp drive"])
    assert (found.known, found.unknown) == (("bodyweight", "dumbbells"), 1)


@pytest.mark.parametrize(
    "text",
    ["no dumbbells", "everything except a barbell", "mini bands", "ankle weights", "home gym",
     "a leg press machine"],
)  # fmt: skip
def test_what_is_not_there_is_not_planned_with(text: str) -> None:
    """A text that denies equipment, or names another thing, gives none and is counted."""
    assert wishes.equipment([text]) == wishes.Folded(("bodyweight",), 1)


@pytest.mark.parametrize(
    ("text", "goal", "sport"),
    [
        ("couch to 5k", "endurance", True),
        ("football season", "general", True),
        ("climbing", "general", True),
        ("squat 100 kg", "strength", False),
        ("lose 10 kg", "weight_loss", False),
    ],
)
def test_a_sport_is_a_goal_and_is_told(text: str, goal: Goal, sport: bool) -> None:
    """Who trains for a sport gets a goal that serves it, and is told what is not planned."""
    assert wishes.goal([text]) == wishes.GoalWish(goal, sport=sport)
    profile, warnings = fill(
        WorkoutRequest.model_validate({"client_id": 1, "goals": [text]}), None, WorkoutConfig(), {}
    )
    assert profile.goal == goal
    assert any(warning.startswith("goal_sport") for warning in warnings) is sport


@pytest.mark.parametrize(
    ("texts", "goal", "opposed"),
    [
        (["weight_loss"], "weight_loss", False),
        (["Weight loss and toning"], "weight_loss", False),
        (["muscle_gain"], "hypertrophy", False),
        (["toning"], "hypertrophy", False),
        (["run a marathon"], "endurance", False),
        (["get stronger"], "strength", False),
        (["general fitness"], "general", False),
        (["lose 10 kg", "gain 10 kg"], "general", True),
        (["Perder peso"], "weight_loss", False),
        (["I don't want to lose weight", "just strength"], "strength", False),
        (["don't want to get bulky"], None, False),
        (["drop a few pounds"], "weight_loss", False),
        (["loose weight"], "weight_loss", False),
        (["build muscel"], "hypertrophy", False),
        (["abnehmen"], "weight_loss", False),
        (["body recomposition"], "general", True),
        (["stay healthy"], "general", False),
        (["stay healthy", "get stronger"], "strength", False),
        (["be happy"], None, False),
        ([], None, False),
    ],
)
def test_goals_are_read_from_words(texts: list[str], goal: str | None, opposed: bool) -> None:
    """The first goal counts; losing and gaining at once is general and said so."""
    found = wishes.goal(texts)
    assert (goal, opposed) == (found.goal, found.opposed)


@pytest.mark.parametrize(
    ("wish", "avoided", "kept"),
    [
        ("squats", "back_squat", "push_up"),
        ("pullups", "pull_up", "push_up"),
        ("running", "run", "brisk_walk"),
        ("push", "push_up", "glute_bridge"),
        ("knee dominant", "reverse_lunge", "push_up"),
    ],
)
def test_an_avoided_word_finds_names_and_patterns(wish: str, avoided: str, kept: str) -> None:
    """Plural, -ing, joined spelling, pattern and group all mean the same exercises."""
    assert wishes.matches(CATALOGUE[avoided], wish)
    assert not wishes.matches(CATALOGUE[kept], wish)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("client_id", "x", "whole number"),
        ("client_id", 0, "from 1"),
        ("client_id", "+-5", "whole number from 1"),
        ("client_id", "9" * 5000, "whole number from 1"),
        ("adaptations", "ease_off", "'ease_off' given; expected a list of plateau_variety, "),
        ("time_per_session", 500, "from 15 to 120"),
        ("sessions_per_week", 7, "from 1 to 6"),
        ("duration_weeks", 53, "from 1 to 52"),
        ("count", 9, "from 3 to 5"),
        ("fitness_level", "expert", "beginner, intermediate, advanced"),
        ("goals", [{"a": 1}], "a text or a list of texts"),
        ("conditions", "x" * 4001, "at most 4000"),
        ("as_of", "yesterday", "ISO date"),
        ("as_of", "0001-01-01", "from 1970 to 2200"),
        ("timezone", "Mars/Base", "IANA"),
        ("clearance", "yes", "an object"),
        ("clearance", {"cleared": True, "date": "soon"}, "ISO date"),
        ("clearance", {"cleared": True, "date": 5}, "date 5 given; expected an ISO date"),
        ("clearance", {"by": ["x"]}, "given; expected who gave it, such as Dr Meyer"),
        ("clearance", {"cleared": [1]}, "given; expected true or false"),
    ],
)
def test_a_bad_value_is_named_with_what_is_right(field: str, value: Any, says: str) -> None:
    """The message says what was given and what would be accepted."""
    with pytest.raises(ValidationError, match=says):
        WorkoutRequest.model_validate({"client_id": 1} | {field: value})


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_empty_values_mean_not_given(nothing: Any) -> None:
    """Null, an empty text, list or object leaves the field to tables and defaults."""
    fields = set(WorkoutRequest.model_fields) - {"client_id"}
    request = WorkoutRequest.model_validate({"client_id": "7"} | dict.fromkeys(fields, nothing))
    assert WorkoutRequest(client_id=7) == request
    assert request.kind == "recommendations"


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"duration_weeks": 4}, "plan"),
        ({"focus_areas": ["strength"]}, "plan"),
        ({"goals": [], "fitness_level": "intermediate"}, "recommendations"),
    ],
)
def test_the_two_calls_of_the_main_app_are_told_apart(given: dict[str, Any], kind: str) -> None:
    """Weeks or focus areas mean a plan, everything else recommendations."""
    assert kind == WorkoutRequest.model_validate({"client_id": 1} | given).kind


def test_doubtful_values_are_replaced_and_named() -> None:
    """An impossible age is unknown, a year is built to sixteen weeks, and both are said."""
    request = WorkoutRequest.model_validate(
        {"client_id": 1, "age": 3, "duration_weeks": 52, "equipment": ["gym", "warp drive"]}
    )
    profile, warnings = fill(request, None, WorkoutConfig(), CATALOGUE)
    assert (profile.age, profile.weeks, profile.duration_weeks) == (None, 16, 52)
    codes = {warning.split(":")[0] for warning in warnings}
    assert {"implausible_age", "duration_cut", "equipment_unknown"} <= codes
    assert profile.sources["duration_weeks"] == "request"


def test_nothing_known_is_a_careful_default() -> None:
    """Without any word: a beginner, bodyweight, three times 45 minutes, general fitness."""
    profile, warnings = fill(WorkoutRequest(client_id=1), None, WorkoutConfig(), CATALOGUE)
    assert (
        profile.goal,
        profile.level,
        profile.minutes,
        profile.sessions_per_week,
        profile.weeks,
    ) == ("general", 0, 45, 3, 1)
    assert {"bodyweight"} == profile.equipment
    assert {"goal_assumed", "fitness_level_assumed", "equipment_assumed"} == {
        warning.split(":")[0] for warning in warnings
    }


def test_a_list_of_wishes_is_looked_up_as_one_is_tried_out() -> None:
    """The index of names finds exactly the exercises that a wish means on its own."""
    names = wishes.Names(CATALOGUE.values(), also=("Slow walking",))
    words = {word for e in CATALOGUE.values() for word in (*e.name.split(), e.name, e.pattern)}
    glued = {e.name.replace("-", "").replace(" ", "")[2:12] for e in CATALOGUE.values()}
    for wish in sorted(words | glued | {"push", "pull", "jumps", "", "walking", "x"}):
        tried = {key for key, e in CATALOGUE.items() if wishes.matches(e, wish)}
        assert names.meant_by(wish) - {"Slow walking"} == tried, wish
    assert "Slow walking" in names.meant_by("walks")
