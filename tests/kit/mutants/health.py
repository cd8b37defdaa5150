"""Mutants of conditions, clearance, intensity, impact, balance and prose."""

from __future__ import annotations

from tests.kit import workout_answers as kit
from tests.kit.mutants.base import day, item, mutant, suffer, swap
from tests.kit.workout_answers import Json


@mutant("contra_flag")
def loaded_hinge_with_low_back_pain(a: Json, r: Json) -> None:
    suffer(a, r, "low_back")


@mutant("contra_flag")
def deep_knees_with_a_bad_knee(a: Json, r: Json) -> None:
    suffer(a, r, "knee")


@mutant("contra_flag")
def overhead_with_a_bad_shoulder(a: Json, r: Json) -> None:
    suffer(a, r, "shoulder")


@mutant("contra_flag")
def stress_on_a_bad_wrist(a: Json, r: Json) -> None:
    suffer(a, r, "wrist")
    a["exercise_facts"]["plank"]["joint_stress"] = {"wrist": 2}


@mutant("contra_flag")
def supine_in_pregnancy(a: Json, r: Json) -> None:
    suffer(a, r, "pregnancy")


@mutant("contra_flag")
def a_code_with_trimester(a: Json, r: Json) -> None:
    a["screening"]["conditions"] = ["pregnancy_late"]


@mutant("contra_flag")
def breath_holding_with_a_hernia(a: Json, r: Json) -> None:
    suffer(a, r, "hernia")
    swap(a, "leg_press", "barbell_back_squat")


@mutant("contra_flag")
def a_long_hold_with_high_pressure(a: Json, r: Json) -> None:
    suffer(a, r, "hypertension")
    item(a, "plank")["duration_seconds"] = 40
    kit.retime(a)


@mutant("contra_flag", kit.weight_loss_answer)
def impact_cardio_with_a_bad_ankle(a: Json, r: Json) -> None:
    suffer(a, r, "ankle")
    day(a)["cardio"]["impact"] = 1


@mutant("contra_flag")
def a_jumping_warm_up_with_a_bad_hip(a: Json, r: Json) -> None:
    suffer(a, r, "hip")
    day(a)["warmup"][0]["name"] = "Jumping jacks"


@mutant("contra_flag")
def a_fall_risk_with_osteoporosis(a: Json, r: Json) -> None:
    suffer(a, r, "osteoporosis")
    a["exercise_facts"]["goblet_squat"]["fall_risk"] = 2


@mutant("contra_flag", kit.older_answer)
def fall_risk_by_age_alone(a: Json, r: Json) -> None:
    a["screening"]["conditions"] = []
    a["exercise_facts"]["single_leg_stand"]["fall_risk"] = 2


@mutant("contra_flag", kit.jumping_answer)
def a_loaded_jump_for_a_child(a: Json, r: Json) -> None:
    a["profile"]["age"] = r["age"] = 14
    a["exercise_facts"]["box_jump"]["equipment"] = ["dumbbells"]


@mutant("contra_flag")
def an_unknown_code_is_taken_lightly(a: Json, r: Json) -> None:
    a["screening"]["conditions"] = ["rare_thing"]
    swap(a, "leg_press", "barbell_back_squat")


@mutant("contra_flag")
def a_named_condition_vanishes(a: Json, r: Json) -> None:
    r["injuries"] = ["wrist"]


@mutant("contra_flag")
def an_active_finding_vanishes(a: Json, r: Json) -> None:
    a["screening"]["evidence"] = [
        {"code": "neck", "span": "neck pain", "source": "notes", "by": "llm", "verdict": "active"}
    ]


@mutant("clearance", kit.cleared_heart_answer)
def no_clearance_at_all(a: Json, r: Json) -> None:
    del r["clearance"]


@mutant("clearance", kit.cleared_heart_answer)
def a_clearance_too_old(a: Json, r: Json) -> None:
    r["clearance"]["date"] = "2025-05-01"


@mutant("clearance", kit.cleared_heart_answer)
def a_clearance_from_nobody(a: Json, r: Json) -> None:
    r["clearance"]["by"] = " "


@mutant("clearance", kit.cleared_heart_answer)
def a_clearance_of_the_future(a: Json, r: Json) -> None:
    r["clearance"]["date"] = "2026-07-01"


@mutant("clearance", kit.cleared_heart_answer)
def chest_pain_in_spite_of_clearance(a: Json, r: Json) -> None:
    a["screening"]["conditions"].append("chest_pain")


@mutant("clearance")
def a_stop_without_a_red_flag(a: Json, r: Json) -> None:
    a["status"] = "needs_clearance"


@mutant("clearance", kit.stopped_answer)
def a_lift_in_a_safe_minimum(a: Json, r: Json) -> None:
    a["exercise_facts"]["leg_press"] = kit.facts_of("leg_press")
    day(a)["exercises"].append(kit.entry("leg_press", 4, 2, rpe=3))
    kit.retime(a)


@mutant("clearance", kit.stopped_answer)
def a_hard_walk(a: Json, r: Json) -> None:
    day(a)["exercises"][2] |= {"rpe": 4, "load": {"type": "rpe", "value": 4}}


@mutant("intensity")
def rpe_ten(a: Json, r: Json) -> None:
    item(a, "leg_press").update({"rpe": 10, "load": {"type": "rpe", "value": 10}})


@mutant("intensity", kit.older_answer)
def rpe_nine_for_a_beginner(a: Json, r: Json) -> None:
    item(a, "leg_press").update({"rpe": 9, "load": {"type": "rpe", "value": 9}})


@mutant("intensity", kit.cleared_heart_answer)
def rpe_seven_with_a_heart_condition(a: Json, r: Json) -> None:
    item(a, "leg_press").update({"rpe": 7, "load": {"type": "rpe", "value": 7}})


@mutant("intensity", kit.strength_answer)
def a_share_of_an_unknown_maximum(a: Json, r: Json) -> None:
    del a["profile"]["e1rm"]["leg_press"]


@mutant("intensity")
def a_load_that_contradicts_its_rpe(a: Json, r: Json) -> None:
    item(a, "leg_press")["load"]["value"] = 8


@mutant("impact_ramp", kit.jumping_answer)
def jumps_at_unknown_age(a: Json, r: Json) -> None:
    a["profile"]["age"] = r["age"] = None


@mutant("impact_ramp", kit.jumping_answer)
def jumps_with_a_bad_elbow(a: Json, r: Json) -> None:
    suffer(a, r, "elbow")


@mutant("impact_ramp", kit.jumping_answer)
def too_many_contacts(a: Json, r: Json) -> None:
    item(a, "box_jump").update({"sets": 3, "reps": 40})
    kit.retime(a)


@mutant("impact_ramp", kit.weight_loss_answer)
def ten_minutes_of_rope(a: Json, r: Json) -> None:
    day(a)["cardio"] |= {"type": "jump rope", "impact": 2}


@mutant("balance65", kit.older_answer)
def a_day_without_balance(a: Json, r: Json) -> None:
    day(a, 2)["warmup"].pop()
    kit.retime(a)


@mutant("numbers_grounded")
def a_number_from_nowhere(a: Json, r: Json) -> None:
    a["summary"] = "You will lose 13.7 kg with this plan."


@mutant("numbers_grounded")
def a_percentage_from_nowhere(a: Json, r: Json) -> None:
    item(a, "plank")["reason"] = "Works 97% of the time."


@mutant("clearance", kit.stopped_answer)
def a_lift_recommended_in_a_safe_minimum(a: Json, r: Json) -> None:
    a["exercise_facts"]["leg_press"] = kit.facts_of("leg_press")
    a["recommendations"][0] |= {"key": "leg_press", "exercise": "Leg Press"}
