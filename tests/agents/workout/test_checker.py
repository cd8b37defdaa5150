"""The checker lets valid answers pass and names the rule that a broken one breaks."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from agents.workout.checker import RULES, Violation, check, numbers_grounded, survey
from tests.kit import workout_answers as kit
from tests.kit.mutants import MUTANTS, Mutant
from tests.kit.mutants.base import every, item, seven_weeks, two_weeks
from tests.kit.workout_answers import Pair

VALID: list[Callable[[], Pair]] = [
    kit.general_answer,
    two_weeks,
    seven_weeks,
    kit.strength_answer,
    kit.weight_loss_answer,
    kit.older_answer,
    kit.jumping_answer,
    kit.cleared_heart_answer,
    kit.relaxed_answer,
    kit.stopped_answer,
    kit.infeasible_answer,
]


def rules(found: list[Violation]) -> set[str]:
    """The rules that were broken."""
    return {violation.rule for violation in found}


@pytest.mark.parametrize("build", VALID, ids=lambda build: build.__name__)
def test_valid_answers_pass(build: Callable[[], Pair]) -> None:
    """An answer that keeps every rule has no violation, with and without its request."""
    answer, request = build()
    assert check(answer, request=request, trusted_facts=kit.FACTS) == []
    if build is not kit.cleared_heart_answer:
        assert check(answer) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.rule}-{mutant.name}")
def test_mutants_are_caught(mutant: Mutant) -> None:
    """A broken answer is refused by the rule it breaks."""
    answer, request = mutant.pair()
    assert mutant.rule in rules(check(answer, request=request))


def test_every_rule_has_a_mutant() -> None:
    """No rule is untested, and the condition table is tested most."""
    per_rule = Counter(mutant.rule for mutant in MUTANTS)
    assert set(RULES) == set(per_rule)
    assert per_rule["contra_flag"] >= 3
    assert len(MUTANTS) >= 60


def test_checking_changes_nothing() -> None:
    """The checker only reads."""
    answer, request = kit.weight_loss_answer()
    before = copy.deepcopy((answer, request))
    check(answer, request=request)
    assert (answer, request) == before


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"weeks": None, "profile": []},
        {"weeks": [None, {"workouts": [{"exercises": [None, {"sets": "3", "load": 5}]}]}]},
        {"weeks": [{"workouts": [{"cardio": "run", "warmup": [1]}]}], "exercise_facts": {"a": 1}},
        {"profile": {"goal": [], "level": 3, "e1rm": []}, "screening": {"conditions": "knee"}},
        {"constraints": {"relaxed": [1], "conflict": [None]}, "recommendations": [7]},
    ],
)
def test_malformed_answers_are_violations_not_errors(broken: dict[str, Any]) -> None:
    """Whatever comes in, the checker answers with violations and never raises."""
    answer, request = kit.general_answer()
    assert "schema" in rules(check({**answer, **broken, "status": 1}, request=request))
    assert "schema" in rules(check(broken, request={"age": "?", "clearance": 3}))


def test_an_answer_without_its_envelope_can_be_checked() -> None:
    """Source, warnings and provenance may be added after the check."""
    answer, request = kit.general_answer()
    for key in ("source", "data_warnings", "provenance"):
        del answer[key]
    assert check(answer, request=request, envelope=False) == []
    assert rules(check(answer, request=request)) == {"schema"}


def test_facts_must_match_the_trusted_ones() -> None:
    """A tag that differs from the catalogue, or an exercise it does not know, is dishonest."""
    answer, request = kit.general_answer()
    trusted = copy.deepcopy(dict(kit.FACTS))
    trusted["leg_press"]["joint_stress"] = {"knee": 2}
    assert rules(check(answer, request=request, trusted_facts=trusted)) == {"facts_honest"}
    del trusted["leg_press"]
    assert rules(check(answer, request=request, trusted_facts=trusted)) == {"facts_honest"}


def test_rest_day_may_cost_wished_days() -> None:
    """Six wished days become five for a beginner, when the answer says so exactly."""
    answer, request = kit.older_answer()
    answer["profile"]["sessions_per_week"] = request["sessions_per_week"] = 6
    workouts = answer["weeks"][0]["workouts"]
    for number, source in ((4, 0), (5, 1)):
        workouts.append(copy.deepcopy(workouts[source]) | {"day": number, "weekday": number + 2})
    answer["status"] = "relaxed"
    report = {"id": "days", "target": "week", "wanted": 6, "got": 5}
    answer["constraints"]["relaxed"] = [report | {"why": "Rest.", "suggestion": "Walk instead."}]
    assert "days" not in rules(check(answer, request=request))
    answer["constraints"]["relaxed"][0]["got"] = 4
    assert "days" in rules(check(answer, request=request))


def test_a_harder_variant_may_replace_an_exercise() -> None:
    """A variant of the same pattern on the same day is progress, not loss."""
    answer, request = two_weeks()
    chosen = item(answer, "machine_chest_press", 1)
    chosen |= {"key": "push_up", "exercise": "Push-Up", "progress_event": "variant_up", "reps": 8}
    answer["exercise_facts"]["push_up"] = kit.facts_of("push_up")
    kit.retime(answer)
    assert check(answer, request=request) == []


def test_load_may_rise_at_the_price_of_repetitions() -> None:
    """Fewer repetitions are allowed where load_up says that the load rose."""
    answer, request = two_weeks()
    item(answer, "leg_press", 1).update({"reps": 8, "progress_event": "load_up"})
    kit.retime(answer)
    assert check(answer, request=request) == []


def test_old_alarms_are_lifted_by_a_newer_clearance() -> None:
    """A dated blood pressure crisis before the clearance does not stop the plan for ever."""
    answer, request = kit.cleared_heart_answer()
    answer["screening"]["conditions"].append("bp_crisis")
    finding = {
        "code": "bp_crisis", "span": "190/95", "source": "measurements", "by": "lexicon",
        "verdict": "active", "date": "2026-02-01",
    }  # fmt: skip
    answer["screening"]["evidence"] = [finding]
    assert check(answer, request=request) == []
    finding["date"] = "2026-04-01"
    assert rules(check(answer, request=request)) == {"clearance"}


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("low_back", "dumbbell_rdl"), ("knee", "goblet_squat"),
        ("shoulder", "seated_dumbbell_press"), ("hypertension", "barbell_back_squat"),
        ("cardiac", "box_jump"), ("stroke", "barbell_back_squat"),
        ("retinopathy", "box_jump"), ("neuropathy", "box_jump"), ("pregnancy", "push_up"),
        ("pregnancy", "glute_bridge"), ("osteoporosis", "box_jump"),
        ("hernia", "barbell_back_squat"), ("glaucoma", "barbell_back_squat"),
        ("older_adult", "box_jump"), ("other_condition", "barbell_back_squat"),
        ("hip", "box_jump"), ("ankle", "box_jump"), ("unsteady", "box_jump"),
        ("wheelchair", "leg_press"), ("wheelchair", "incline_push_up"), ("wheelchair", "plank"),
        ("one_arm", "barbell_back_squat"), ("one_arm", "incline_push_up"),
        ("pelvic_floor", "box_jump"), ("hernia", "box_jump"), ("pregnancy", "box_jump"),
        ("postpartum", "box_jump"),
        ("healing", "barbell_back_squat"), ("warning_sign", "box_jump"),
    ],
)  # fmt: skip
def test_each_row_of_the_table_forbids(code: str, key: str) -> None:
    """Each condition keeps the exercise its row forbids out of any plan."""
    answer, request = kit.general_answer()
    answer["screening"]["conditions"] = [code]
    answer["exercise_facts"][key] = kit.facts_of(key)
    answer["weeks"][0]["workouts"][0]["exercises"].append(kit.entry(key, 6, 2))
    found = [v for v in check(answer, request=request) if v.rule == "contra_flag"]
    assert any(key in v.message and code in v.message for v in found)


def test_who_sits_is_shown_no_drill_on_the_feet() -> None:
    """Drills known by their names alone and cardio are read for whoever uses a wheelchair."""
    answer, request = kit.general_answer()
    answer["screening"]["conditions"] = ["wheelchair"]
    session = answer["weeks"][0]["workouts"][0]
    session["warmup"] = [{"name": "Walking on the spot", "seconds": 300, "kind": None}]
    session["cardio"] = {"type": "Stationary Bike", "minutes": 10, "rpe": 5, "impact": 0}
    found = [v.message for v in check(answer, request=request) if v.rule == "contra_flag"]
    assert any("'Walking on the spot' is done on the feet" in message for message in found)
    assert any("arms alone" in message for message in found)
    session["warmup"][0]["name"] = "Easy arm circles while seated"
    session["cardio"]["type"] = "Seated Punches"
    found = [v.message for v in check(answer, request=request) if v.rule == "contra_flag"]
    assert not any("arm circles" in message or "arms alone" in message for message in found)


@pytest.mark.parametrize("code", ["epilepsy", "vertigo", "anticoagulant"])
def test_no_barbell_overhead_where_a_fall_is_dangerous(code: str) -> None:
    """A barbell overhead is out for clients who may faint, fall or bleed."""
    answer, request = kit.general_answer()
    answer["screening"]["conditions"] = [code]
    assert "contra_flag" not in rules(check(answer, request=request))
    answer["exercise_facts"]["seated_dumbbell_press"]["equipment"] = ["barbell", "dumbbells"]
    assert "contra_flag" in rules(check(answer, request=request))


@pytest.mark.parametrize(
    ("wish", "key"),
    [
        ("Bench presses", "dumbbell_bench_press"), ("deadlifting", "dumbbell_rdl"),
        ("lat pull down", "lat_pulldown"), ("plank", "plank"), ("hinge", "dumbbell_rdl"),
        ("knee-dominant", "leg_press"), ("goblet_squat", "goblet_squat"),
    ],
)  # fmt: skip
def test_wishes_to_avoid_are_understood(wish: str, key: str) -> None:
    """Names, parts of names, patterns and groups can be avoided in any spelling."""
    answer, request = kit.general_answer()
    request["avoid_exercises"] = [wish]
    found = check(answer, request=request)
    assert rules(found) == {"avoid_list"}
    assert any(violation.message.startswith(f"{key} ") for violation in found)


@pytest.mark.parametrize("wish", ["narrow", "sumo deadlift", "presses behind the neck", "", "!"])
def test_other_wishes_avoid_nothing(wish: str) -> None:
    """A wish that names nothing in the plan changes nothing."""
    answer, request = kit.general_answer()
    request["avoid_exercises"] = [wish]
    assert check(answer, request=request) == []


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        (["Dumbbell", "cables", "Machines"], False),
        (["machine", "dumbbells", "cable"], False),
        ("gym", False),
        (["dumbbells", "resistance-bands"], True),
        ("none", True),
    ],
)
def test_equipment_words_are_folded(listed: object, missing: bool) -> None:
    """Plurals, hyphens and "none" mean what people mean; machines come with a bench."""
    answer, request = kit.general_answer()
    request["available_equipment"] = listed
    assert ("equipment" in rules(check(answer, request=request))) is missing


@pytest.mark.parametrize(
    ("text", "grounded"),
    [
        ("Three sets of 10.", True),
        ("Rest 60 s, then 3 x 10", True),
        ("Rest 61 seconds", False),
        ("On 2026-06-01 at 08:00", True),
        ("At 18:45", False),
        ("Load rises by 2,5 kg", False),
        ("Nothing to count", True),
        ("Use ¾ of it", False),
        ("Score 80%", True),
        ("Half, 0.5", False),
    ],
)
def test_numerals_of_prose_must_exist(text: str, grounded: bool) -> None:
    """A numeral is grounded only when the structured answer holds that number."""
    answer, _ = kit.general_answer()
    answer["starts"] = "2026-06-01T08:00"
    assert numbers_grounded(text, answer) is grounded
    assert numbers_grounded(text, survey(answer).numbers) is grounded


def test_outside_texts_ground_nothing() -> None:
    """A number that only stands in a client's own words or in a warning is no fact."""
    answer, request = kit.general_answer()
    answer["data_warnings"] = ["implausible_age: 777"]
    answer["summary"] = "You are 777."
    assert rules(check(answer, request=request)) == {"numbers_grounded"}


def test_the_stricter_of_profile_and_request_counts() -> None:
    """A profile cannot grant more minutes than the request."""
    answer, request = kit.general_answer()
    request["time_per_session"] = 20
    assert {"time_max", "schema"} <= rules(check(answer, request=request))


def test_gentle_clients_may_do_single_sets() -> None:
    """Beginners may start with one set where others need two."""
    answer, request = kit.older_answer()
    for entry in every(answer):
        entry["sets"] = 1
    kit.retime(answer)
    assert "rep_scheme" not in rules(check(answer, request=request))
