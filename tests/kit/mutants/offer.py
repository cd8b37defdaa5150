"""Mutants of the format and of what is offered."""

from __future__ import annotations

from tests.kit import workout_answers as kit
from tests.kit.mutants.base import day, item, mutant, swap, two_weeks
from tests.kit.workout_answers import Json


@mutant("schema")
def a_top_key_is_missing(a: Json, r: Json) -> None:
    del a["weekly_volume"]


@mutant("schema")
def the_old_key_of_the_main_app_appears(a: Json, r: Json) -> None:
    a["workout_optimization"] = []


@mutant("schema")
def repetitions_are_a_text(a: Json, r: Json) -> None:
    item(a, "leg_press")["reps"] = "8-12"


@mutant("schema")
def a_number_is_nan(a: Json, r: Json) -> None:
    a["quality"]["score"] = float("nan")


@mutant("schema")
def weekdays_fall(a: Json, r: Json) -> None:
    day(a, 0)["weekday"], day(a, 1)["weekday"] = 3, 1


@mutant("schema")
def only_two_recommendations(a: Json, r: Json) -> None:
    a["recommendations"].pop()


@mutant("schema")
def status_ok_with_relaxations(a: Json, r: Json) -> None:
    a["status"] = "relaxed"


@mutant("schema", kit.relaxed_answer)
def relaxations_with_status_ok(a: Json, r: Json) -> None:
    a["status"] = "ok"


@mutant("schema")
def a_rule_failed(a: Json, r: Json) -> None:
    a["constraints"]["failed"] = ["time_max"]


@mutant("schema", kit.relaxed_answer)
def a_safety_rule_is_relaxed(a: Json, r: Json) -> None:
    a["constraints"]["relaxed"][0]["id"] = "recovery48"


@mutant("schema")
def markup_in_a_reason(a: Json, r: Json) -> None:
    item(a, "plank")["reason"] = "<script>alert()</script>"


@mutant("schema")
def the_profile_forgets_the_wish(a: Json, r: Json) -> None:
    r["time_per_session"] = 75


@mutant("schema", two_weeks)
def a_week_is_missing(a: Json, r: Json) -> None:
    a["weeks"].pop()


@mutant("schema")
def the_source_is_missing(a: Json, r: Json) -> None:
    del a["source"]


@mutant("schema")
def weekly_volume_is_invented(a: Json, r: Json) -> None:
    a["weekly_volume"] = {"quads": 4}


@mutant("schema")
def the_difficulty_is_wrong(a: Json, r: Json) -> None:
    item(a, "plank")["difficulty"] = "advanced"


@mutant("schema", kit.infeasible_answer)
def a_conflict_names_no_rule(a: Json, r: Json) -> None:
    a["constraints"]["conflict"][0]["ids"] = ["luck"]


@mutant("known_exercise")
def an_unknown_key(a: Json, r: Json) -> None:
    item(a, "leg_press")["key"] = "moon_press"


@mutant("known_exercise")
def a_name_of_its_own(a: Json, r: Json) -> None:
    item(a, "leg_press")["exercise"] = "Super Leg Press"


@mutant("known_exercise")
def a_recommendation_outside_the_plan(a: Json, r: Json) -> None:
    a["exercise_facts"]["push_up"] = kit.facts_of("push_up")
    a["recommendations"][0] |= {"key": "push_up", "exercise": "Push-Up"}


@mutant("known_exercise")
def a_recommendation_with_other_numbers(a: Json, r: Json) -> None:
    a["recommendations"][0]["sets"] = 5


@mutant("equipment")
def only_dumbbells_at_home(a: Json, r: Json) -> None:
    a["profile"]["equipment"] = r["available_equipment"] = ["dumbbells", "bench"]


@mutant("equipment")
def a_profile_richer_than_the_wish(a: Json, r: Json) -> None:
    r["available_equipment"] = "dumbbells, bands"


@mutant("equipment")
def a_bench_is_missing(a: Json, r: Json) -> None:
    a["profile"]["equipment"] = r["available_equipment"] = ["dumbbells", "cables"]
    a["exercise_facts"]["dumbbell_bench_press"]["needs"] = ["bench", "rack"]


@mutant("equipment", kit.weight_loss_answer)
def cycling_without_a_bike(a: Json, r: Json) -> None:
    a["profile"]["equipment"] = r["available_equipment"] = ["dumbbells", "bench"]


@mutant("level")
def an_advanced_exercise(a: Json, r: Json) -> None:
    a["exercise_facts"]["leg_press"]["level"] = 2


@mutant("level")
def a_profile_above_the_wish(a: Json, r: Json) -> None:
    swap(a, "leg_press", "barbell_back_squat")
    r["fitness_level"] = "beginner"


@mutant("avoid_list")
def an_avoided_name(a: Json, r: Json) -> None:
    r["avoid_exercises"] = ["planks"]


@mutant("avoid_list")
def an_avoided_pattern(a: Json, r: Json) -> None:
    r["avoid_exercises"] = "squats, burpees"
    swap(a, "goblet_squat", "leg_press")


@mutant("avoid_list")
def an_avoided_group(a: Json, r: Json) -> None:
    r["avoid_exercises"] = ["pull"]


@mutant("avoid_list", kit.weight_loss_answer)
def avoided_cardio(a: Json, r: Json) -> None:
    r["avoid_exercises"] = ["cycling"]


@mutant("avoid_list")
def an_avoided_drill(a: Json, r: Json) -> None:
    r["avoid_exercises"] = ["march"]


@mutant("instructions")
def two_steps_only(a: Json, r: Json) -> None:
    a["exercise_facts"]["plank"]["instructions"].pop()


@mutant("instructions")
def no_cue(a: Json, r: Json) -> None:
    a["exercise_facts"]["plank"]["cues"] = []


@mutant("instructions")
def a_long_reason(a: Json, r: Json) -> None:
    item(a, "plank")["reason"] = "Long " * 60


@mutant("facts_honest")
def a_deadlift_without_its_flag(a: Json, r: Json) -> None:
    a["exercise_facts"]["dumbbell_rdl"]["flags"] = []


@mutant("facts_honest")
def a_bench_press_standing(a: Json, r: Json) -> None:
    a["exercise_facts"]["dumbbell_bench_press"]["position"] = "standing"


@mutant("facts_honest")
def a_squat_without_deep_knees(a: Json, r: Json) -> None:
    a["exercise_facts"]["goblet_squat"]["flags"] = []


@mutant("facts_honest")
def a_barbell_squat_without_rack(a: Json, r: Json) -> None:
    swap(a, "leg_press", "barbell_back_squat")
    a["exercise_facts"]["barbell_back_squat"]["needs"] = []


@mutant("facts_honest")
def a_bent_over_row_that_hides(a: Json, r: Json) -> None:
    a["exercise_facts"]["seated_cable_row"]["name"] = "Bent-Over Cable Row"
    item(a, "seated_cable_row")["exercise"] = "Bent-Over Cable Row"


@mutant("facts_honest", kit.jumping_answer)
def a_jump_without_impact(a: Json, r: Json) -> None:
    a["exercise_facts"]["box_jump"]["impact"] = 0


@mutant("facts_honest")
def a_dumbbell_without_dumbbells(a: Json, r: Json) -> None:
    a["exercise_facts"]["dumbbell_rdl"]["equipment"] = ["bodyweight"]


@mutant("facts_honest")
def a_lift_hidden_in_the_balance_block(a: Json, r: Json) -> None:
    item(a, "goblet_squat")["block"] = "balance"


@mutant("facts_honest", kit.weight_loss_answer)
def running_without_impact(a: Json, r: Json) -> None:
    day(a)["cardio"]["type"] = "outdoor running"


@mutant("schema")
def fewer_recommendations_than_wished(a: Json, r: Json) -> None:
    r["count"] = 5
