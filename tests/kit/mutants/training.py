"""Mutants of a session, a week and the course of weeks."""

from __future__ import annotations

from tests.kit import workout_answers as kit
from tests.kit.mutants.base import day, every, item, mutant, seven_weeks, suffer, swap, two_weeks
from tests.kit.workout_answers import Json


@mutant("time_max")
def a_session_too_long(a: Json, r: Json) -> None:
    a["profile"]["minutes"] = r["time_per_session"] = 25


@mutant("time_max")
def an_estimate_too_low(a: Json, r: Json) -> None:
    day(a)["estimated_minutes"] -= 1


@mutant("time_max")
def ramp_sets_nobody_counted(a: Json, r: Json) -> None:
    item(a, "leg_press")["ramp_sets"] = 2


@mutant("rest_rules")
def rest_too_short(a: Json, r: Json) -> None:
    item(a, "leg_press")["rest_seconds"] = 30
    kit.retime(a)


@mutant("rest_rules", kit.strength_answer)
def a_strength_lift_without_rest(a: Json, r: Json) -> None:
    item(a, "leg_press")["rest_seconds"] = 90
    kit.retime(a)


@mutant("rep_scheme")
def too_few_repetitions(a: Json, r: Json) -> None:
    item(a, "leg_press")["reps"] = 5
    kit.retime(a)


@mutant("rep_scheme")
def too_many_sets(a: Json, r: Json) -> None:
    item(a, "leg_press")["sets"] = 4
    kit.retime(a)


@mutant("rep_scheme", kit.strength_answer)
def low_repetitions_with_high_pressure(a: Json, r: Json) -> None:
    suffer(a, r, "hypertension")


@mutant("rep_scheme")
def a_hold_of_five_seconds(a: Json, r: Json) -> None:
    item(a, "plank")["duration_seconds"] = 5
    kit.retime(a)


@mutant("rep_scheme")
def a_range_beyond_the_scheme(a: Json, r: Json) -> None:
    item(a, "leg_press")["reps_range"] = "10-20"


@mutant("session_cap")
def eleven_sets_of_one_muscle(a: Json, r: Json) -> None:
    a["exercise_facts"]["seated_dumbbell_press"]["prim"].append("chest")
    a["exercise_facts"]["lat_pulldown"]["prim"].append("chest")
    a["exercise_facts"]["seated_leg_curl"]["prim"].append("chest")


@mutant("dup")
def twice_in_one_session(a: Json, r: Json) -> None:
    day(a)["exercises"].append(kit.entry("plank", 6, 2))
    kit.retime(a)


@mutant("dup")
def in_three_sessions(a: Json, r: Json) -> None:
    day(a, 1)["exercises"].append(kit.entry("plank", 6, 2))
    kit.retime(a)


@mutant("dup")
def two_presses_in_one_session(a: Json, r: Json) -> None:
    swap(a, "seated_dumbbell_press", "push_up")


@mutant("order")
def the_core_before_the_lifts(a: Json, r: Json) -> None:
    exercises = day(a)["exercises"]
    exercises.insert(0, exercises.pop())
    for number, entry in enumerate(exercises):
        entry["order"] = number + 1


@mutant("order")
def numbers_with_a_gap(a: Json, r: Json) -> None:
    day(a)["exercises"][1]["order"] = 7


@mutant("count")
def a_single_exercise(a: Json, r: Json) -> None:
    day(a)["exercises"] = day(a)["exercises"][:1]
    kit.retime(a)


@mutant("warmup_cooldown")
def a_hurried_warm_up(a: Json, r: Json) -> None:
    day(a)["warmup"][0]["seconds"] = 240
    kit.retime(a)


@mutant("warmup_cooldown")
def a_short_warm_up_with_asthma(a: Json, r: Json) -> None:
    suffer(a, r, "asthma")


@mutant("warmup_cooldown")
def no_cool_down(a: Json, r: Json) -> None:
    day(a)["cooldown"] = []
    kit.retime(a)


@mutant("days")
def a_day_too_few(a: Json, r: Json) -> None:
    a["profile"]["sessions_per_week"] = r["sessions_per_week"] = 4


@mutant("days")
def fewer_days_reported_without_need(a: Json, r: Json) -> None:
    a["profile"]["sessions_per_week"] = r["sessions_per_week"] = 4
    a["status"] = "relaxed"
    a["constraints"]["relaxed"] = [
        {"id": "days", "target": "week", "wanted": 4, "got": 3, "why": "x", "suggestion": "y"}
    ]


@mutant("vol_max", kit.older_answer)
def thirteen_sets_for_a_beginner(a: Json, r: Json) -> None:
    for entry in every(a):
        entry["sets"] = 3
    kit.retime(a)


@mutant("vol_min")
def too_little_chest(a: Json, r: Json) -> None:
    item(a, "machine_chest_press")["sets"] = 2
    kit.retime(a)


@mutant("vol_min", kit.relaxed_answer)
def a_shortfall_kept_quiet(a: Json, r: Json) -> None:
    a["constraints"]["relaxed"].pop(1)


@mutant("vol_min", kit.relaxed_answer)
def a_shortfall_made_smaller(a: Json, r: Json) -> None:
    a["constraints"]["relaxed"][1]["got"] = 3.5


@mutant("vol_min", kit.relaxed_answer)
def a_shortfall_that_is_none(a: Json, r: Json) -> None:
    report = dict(a["constraints"]["relaxed"][0])
    a["constraints"]["relaxed"].append(report | {"target": "glutes"})


@mutant("recovery48")
def two_leg_days_running(a: Json, r: Json) -> None:
    for number, weekday in enumerate((1, 2, 4)):
        day(a, number)["weekday"] = weekday


@mutant("recovery48")
def sunday_before_monday(a: Json, r: Json) -> None:
    day(a, 2)["weekday"] = 7


@mutant("rest_day", kit.older_answer)
def six_days_at_seventy(a: Json, r: Json) -> None:
    a["profile"]["sessions_per_week"] = r["sessions_per_week"] = 6
    workouts = a["weeks"][0]["workouts"]
    for number in range(3, 6):
        workouts.append(workouts[number - 3] | {"day": number + 1, "weekday": number + 1})


@mutant("patterns")
def no_hinge(a: Json, r: Json) -> None:
    swap(a, "dumbbell_rdl", "leg_press")


@mutant("patterns", kit.relaxed_answer)
def a_missing_pattern_kept_quiet(a: Json, r: Json) -> None:
    a["constraints"]["relaxed"].pop()


@mutant("patterns", kit.relaxed_answer)
def a_pattern_reported_but_there(a: Json, r: Json) -> None:
    a["constraints"]["relaxed"][-1]["target"] = "core"


@mutant("push_pull")
def all_push_little_pull(a: Json, r: Json) -> None:
    day(a, 0)["exercises"].pop(3)
    day(a, 2)["exercises"].pop(2)
    kit.retime(a)


@mutant("push_pull")
def more_push_than_pull_with_a_shoulder(a: Json, r: Json) -> None:
    suffer(a, r, "shoulder")


@mutant("push_pull", kit.relaxed_answer)
def push_where_a_shoulder_has_no_pull(a: Json, r: Json) -> None:
    suffer(a, r, "shoulder")


@mutant("cardio_dose", kit.weight_loss_answer)
def too_little_cardio(a: Json, r: Json) -> None:
    a["weeks"][0]["weekly_cardio"] |= {"target_minutes": 120, "outside_minutes": 90}


@mutant("cardio_dose", kit.weight_loss_answer)
def cardio_nobody_does(a: Json, r: Json) -> None:
    a["weeks"][0]["weekly_cardio"]["in_session_minutes"] = 60


@mutant("cardio_dose", kit.weight_loss_answer)
def cardio_that_misses_its_target(a: Json, r: Json) -> None:
    a["weeks"][1]["weekly_cardio"]["outside_minutes"] = 100


@mutant("cardio_dose", kit.weight_loss_answer)
def a_cardio_jump(a: Json, r: Json) -> None:
    a["weeks"][1]["weekly_cardio"] |= {"target_minutes": 200, "outside_minutes": 170}


@mutant("cardio_dose", kit.weight_loss_answer)
def cardio_without_rpe(a: Json, r: Json) -> None:
    del day(a)["cardio"]["rpe"]


@mutant("cardio_dose", kit.weight_loss_answer)
def a_zone_at_unknown_age(a: Json, r: Json) -> None:
    a["profile"]["age"] = r["age"] = None


@mutant("cardio_dose", kit.weight_loss_answer)
def a_zone_with_a_beta_blocker(a: Json, r: Json) -> None:
    suffer(a, r, "beta_blocker")


@mutant("cardio_dose", kit.weight_loss_answer)
def a_zone_for_two(a: Json, r: Json) -> None:
    suffer(a, r, "pregnancy")


@mutant("cardio_dose", kit.weight_loss_answer)
def a_zone_beyond_the_heart(a: Json, r: Json) -> None:
    day(a)["cardio"]["hr_high"] = 195


@mutant("load_step", kit.strength_answer)
def too_much_on_the_bar(a: Json, r: Json) -> None:
    item(a, "lat_pulldown", 1)["load"]["value"] = 76


@mutant("load_step", kit.strength_answer)
def too_much_in_kilograms(a: Json, r: Json) -> None:
    for week, value in ((0, 40), (1, 45)):
        item(a, "leg_press", week)["load"] = {"type": "kg", "value": value}


@mutant("load_step", two_weeks)
def effort_jumps_by_two(a: Json, r: Json) -> None:
    for entry in every(a, 1):
        entry |= {"rpe": 9, "load": {"type": "rpe", "value": 9}}


@mutant("volume_step", two_weeks)
def volume_jumps(a: Json, r: Json) -> None:
    for workout in a["weeks"][0]["workouts"]:
        for entry in workout["exercises"]:
            entry["sets"] = 2
    kit.retime(a)


@mutant("deload", seven_weeks)
def no_deload_at_all(a: Json, r: Json) -> None:
    a["weeks"][5]["phase"] = "build"


@mutant("deload", seven_weeks)
def a_deload_that_is_none(a: Json, r: Json) -> None:
    for entry in every(a, 5):
        entry["sets"] = 3
    kit.retime(a)


@mutant("deload", seven_weeks)
def a_hard_deload(a: Json, r: Json) -> None:
    for entry in every(a, 5):
        entry |= {"rpe": 6, "load": {"type": "rpe", "value": 6}}


@mutant("deload", seven_weeks)
def a_deload_that_drops_a_lift(a: Json, r: Json) -> None:
    day(a, 1, 5)["exercises"].pop(0)


@mutant("deload")
def a_plan_of_one_deload(a: Json, r: Json) -> None:
    a["weeks"][0]["phase"] = "deload"


@mutant("progression_monotone", two_weeks)
def repetitions_fall(a: Json, r: Json) -> None:
    item(a, "leg_press", 1)["reps"] = 9
    kit.retime(a)


@mutant("progression_monotone", two_weeks)
def an_exercise_vanishes(a: Json, r: Json) -> None:
    day(a, 0, 1)["exercises"].pop()
    kit.retime(a)


@mutant("progression_monotone", two_weeks)
def bodyweight_does_not_get_heavier(a: Json, r: Json) -> None:
    item(a, "plank", 1).update(
        {
            "duration_seconds": 15,
            "progress_event": "load_up",
            "load": {"type": "bodyweight", "value": None},
        }
    )
    kit.retime(a)
