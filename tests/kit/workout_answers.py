"""Small workout answers written by hand, valid in every detail, for the checker's tests.

No line here comes from the planner: the exercises, the weeks and even the session lengths are
worked out in this file, so that the checker is tested against a third opinion. Each `*_answer`
returns a fresh (answer, request) pair of plain JSON that a test may then break.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Pair = tuple[Json, Json]
Items = Sequence[tuple[str, int]]

GYM = ["gym"]
LEVEL_NAMES = ("beginner", "intermediate", "advanced")


def fact(name: str, pattern: str, prim: str, sec: str, equipment: str, **tags: Any) -> Json:
    """The facts of one exercise; muscles and equipment as words, `tags` replace the harmless
    defaults."""
    return {
        "name": name,
        "pattern": pattern,
        "prim": prim.split(),
        "sec": sec.split(),
        "equipment": equipment.split(),
        "needs": [],
        "level": 0,
        "compound": False,
        "unilateral": False,
        "impact": 0,
        "axial": 0,
        "position": "standing",
        "joint_stress": {},
        "valsalva": 0,
        "fall_risk": 0,
        "flags": [],
        "measure": "reps",
        "seconds_per_rep": 4,
        "setup_seconds": 30,
        "instructions": ["Take the start position.", "Move with control.", "Return slowly."],
        "cues": ["Keep breathing."],
    } | tags


def _lift(name: str, pattern: str, prim: str, sec: str, equipment: str, **tags: Any) -> Json:
    return fact(name, pattern, prim, sec, equipment, compound=True, **tags)


FACTS: Mapping[str, Json] = {
    "goblet_squat": _lift(
        "Goblet Squat", "squat", "quads glutes", "core", "dumbbells",
        axial=1, flags=["deep_knee_flexion"], joint_stress={"knee": 2},
    ),
    "leg_press": _lift(
        "Leg Press", "squat", "quads glutes", "hamstrings", "machine",
        position="seated", joint_stress={"knee": 1},
    ),
    "barbell_back_squat": _lift(
        "Barbell Back Squat", "squat", "quads glutes", "core", "barbell",
        needs=["rack"], level=1, axial=2, valsalva=2, flags=["deep_knee_flexion"],
    ),
    "dumbbell_rdl": _lift(
        "Dumbbell Romanian Deadlift", "hinge", "hamstrings glutes", "lower_back", "dumbbells",
        flags=["loaded_hinge"], joint_stress={"low_back": 2},
    ),
    "glute_bridge": _lift(
        "Glute Bridge", "hinge", "glutes", "hamstrings", "bodyweight", position="supine",
    ),
    "dumbbell_bench_press": _lift(
        "Dumbbell Bench Press", "h_push", "chest", "triceps shoulders", "dumbbells",
        needs=["bench"], position="supine", joint_stress={"shoulder": 1},
    ),
    "machine_chest_press": _lift(
        "Machine Chest Press", "h_push", "chest", "triceps shoulders", "machine",
        position="seated",
    ),
    "push_up": _lift(
        "Push-Up", "h_push", "chest", "triceps shoulders core", "bodyweight", position="prone",
    ),
    "incline_push_up": _lift(
        "Incline Push-Up", "h_push", "chest", "triceps shoulders", "bodyweight",
    ),
    "seated_cable_row": _lift(
        "Seated Cable Row", "h_pull", "back", "biceps", "cable", position="seated",
    ),
    "lat_pulldown": _lift(
        "Lat Pulldown", "v_pull", "back", "biceps", "cable", position="seated",
    ),
    "seated_dumbbell_press": _lift(
        "Seated Dumbbell Shoulder Press", "v_push", "shoulders", "triceps", "dumbbells",
        position="seated", flags=["overhead"], joint_stress={"shoulder": 2},
    ),
    "seated_leg_curl": fact(
        "Seated Leg Curl", "iso_hamstrings", "hamstrings", "calves", "machine",
        position="seated",
    ),
    "plank": fact(
        "Forearm Plank", "core_anti", "core", "shoulders", "bodyweight",
        position="prone", measure="seconds", flags=["isometric"],
    ),
    "dead_bug": fact(
        "Dead Bug", "core_anti", "core", "", "bodyweight", position="supine",
    ),
    "box_jump": fact(
        "Box Jump", "power", "quads glutes", "calves", "bodyweight",
        needs=["box"], level=1, impact=2, compound=True,
    ),
    "single_leg_stand": fact(
        "Single-Leg Stand", "balance", "", "", "bodyweight",
        measure="seconds", unilateral=True, fall_risk=1,
    ),
    "cat_stretch": fact(
        "Kneeling Back Stretch", "mobility", "", "", "bodyweight",
        position="quadruped", measure="seconds",
    ),
    "easy_walk": fact(
        "Easy Walk", "cardio", "", "", "bodyweight", measure="seconds",
    ),
}  # fmt: skip

WEEK: Sequence[Items] = (
    (("goblet_squat", 3), ("dumbbell_rdl", 3), ("dumbbell_bench_press", 3),
     ("seated_cable_row", 3), ("plank", 2)),
    (("leg_press", 3), ("machine_chest_press", 3), ("lat_pulldown", 3),
     ("seated_dumbbell_press", 3), ("seated_leg_curl", 3)),
    (("goblet_squat", 3), ("dumbbell_rdl", 3), ("lat_pulldown", 3),
     ("seated_dumbbell_press", 3), ("plank", 2)),
)  # fmt: skip
DELOAD: Sequence[Items] = tuple(
    tuple((key, 2 if i % 2 == 0 else 1) for i, (key, _) in enumerate(items)) for items in WEEK
)


def facts_of(key: str) -> Json:
    """A fresh copy of the facts of an exercise."""
    return copy.deepcopy(FACTS[key])


def block_of(facts: Json) -> str:
    """The block an exercise belongs to."""
    pattern = str(facts["pattern"])
    if pattern in ("balance", "mobility"):
        return "balance"
    if pattern in ("power", "cardio"):
        return pattern
    if pattern.startswith("core"):
        return "core"
    return "compound" if facts["compound"] else "isolation"


def entry(key: str, order: int, sets: int, **over: Any) -> Json:
    """One prescribed exercise; timed ones hold 20 s."""
    facts = FACTS[key]
    timed = facts["measure"] == "seconds"
    rpe = over.get("rpe", 7)
    return {
        "key": key,
        "exercise": facts["name"],
        "exercise_id": None,
        "order": order,
        "block": block_of(facts),
        "sets": sets,
        "reps": 1 if timed else 10,
        "duration_seconds": 20 if timed else None,
        "rest_seconds": 60,
        "ramp_sets": 0,
        "rpe": rpe,
        "load": {"type": "rpe", "value": rpe},
        "reps_range": None,
        "notes": "",
        "difficulty": LEVEL_NAMES[facts["level"]],
        "reason": "Trains what this week needs.",
    } | over


def seconds_of(workout: Json) -> float:
    """Length of a workout by the published sum."""
    total = sum(item["seconds"] for item in workout["warmup"] + workout["cooldown"])
    if workout["cardio"]:
        total += 60 * workout["cardio"]["minutes"]
    for item in workout["exercises"]:
        facts = FACTS[item["key"]]
        once = item["duration_seconds"] or item["reps"] * facts["seconds_per_rep"]
        once *= 2 if facts["unilateral"] else 1
        total += facts["setup_seconds"] + 60 * item["ramp_sets"] + item["sets"] * once
        total += (item["sets"] - 1) * item["rest_seconds"] + 60
    return float(total)


def retime(answer: Json) -> None:
    """Write the true length into every workout, after a change that is not about time."""
    for week in answer["weeks"]:
        for item in week["workouts"]:
            item["estimated_minutes"] = math.ceil(seconds_of(item) / 60)


def workout(day: int, weekday: int, items: Items, **over: Any) -> Json:
    """One session of `items`, (key, sets) in order; `over` goes into each exercise."""
    return {
        "day": day,
        "weekday": weekday,
        "title": "Full body",
        "estimated_minutes": 1,
        "template_rows": [],
        "warmup": [{"name": "Marching on the spot", "seconds": 300}],
        "cooldown": [{"name": "Calm breathing", "seconds": 180}],
        "cardio": None,
        "exercises": [entry(key, i + 1, sets, **over) for i, (key, sets) in enumerate(items)],
    }


def week_of(number: int, days: Sequence[Items], weekdays: Sequence[int], **over: Any) -> Json:
    """One build week."""
    return {
        "week": number,
        "phase": "build",
        "weekly_cardio": None,
        "workouts": [
            workout(i + 1, weekday, items, **over)
            for i, (weekday, items) in enumerate(zip(weekdays, days, strict=True))
        ],
    }


def recommendation(number: int, item: Json) -> Json:
    """One recommendation that repeats an exercise of the plan."""
    copied = ("exercise", "sets", "reps", "reason", "difficulty", "key", "exercise_id")
    return {key: item[key] for key in copied} | {
        "id": f"412-{number}",
        "source": "ai_orchestrator",
        "rest_seconds": item["rest_seconds"],
        "rpe": item["rpe"],
        "display": f"{item['sets']} x {item['reps']}",
    }


def wrap(weeks: list[Json], **profile: Any) -> Pair:
    """(answer, request) around `weeks`; `profile` replaces the defaults of an intermediate
    client of unknown age in a full gym, 60 minutes."""
    used = {item["key"] for week in weeks for day in week["workouts"] for item in day["exercises"]}
    about = {
        "goal": "general",
        "level": "intermediate",
        "minutes": 60,
        "sessions_per_week": len(weeks[0]["workouts"]) if weeks else 3,
        "duration_weeks": max(1, len(weeks)),
        "equipment": GYM,
        "age": None,
        "sources": {},
    } | profile
    first = weeks[0]["workouts"][0]["exercises"] if weeks else []
    answer = {
        "status": "ok",
        "kind": "plan",
        "client_id": 7,
        "duration_weeks": about["duration_weeks"],
        "focus_areas": [],
        "recommendations": [recommendation(i + 1, item) for i, item in enumerate(first[:3])],
        "weeks": weeks,
        "exercise_facts": {key: facts_of(key) for key in sorted(used)},
        "profile": about,
        "screening": {
            "conditions": [],
            "evidence": [],
            "excluded_count": 0,
            "clearance": {"required": False, "reasons": []},
        },
        "constraints": {
            "passed": ["equipment", "level"],
            "failed": [],
            "relaxed": [],
            "conflict": [],
            "minimal": True,
        },
        "quality": {"score": 80, "parts": {}},
        "weekly_volume": {},
        "progression_rules": ["Add a repetition each week, then load."],
        "summary": "A balanced plan for the whole body.",
        "disclaimer": "Not medical advice.",
        "source": "ai_orchestrator",
        "data_warnings": [],
        "provenance": {
            "algorithm": "hand",
            "version": "1",
            "input_sha256": "0" * 64,
            "llm": {"used": False, "model": None, "dropped": []},
            "elapsed_ms": 1,
            "generated_at": "2026-06-01T08:00:00Z",
        },
    }
    request = {
        "client_id": 7,
        "goals": [about["goal"]],
        "fitness_level": about["level"],
        "available_equipment": about["equipment"],
        "time_per_session": about["minutes"],
        "sessions_per_week": about["sessions_per_week"],
        "duration_weeks": about["duration_weeks"],
        "age": about["age"],
        "as_of": "2026-06-01",
    }
    retime(answer)
    return answer, request


def general_answer(weeks: int = 1) -> Pair:
    """Intermediate, three full-body days; repetitions rise weekly, every sixth week deloads."""
    built = []
    for number in range(1, weeks + 1):
        light = number % 6 == 0
        week = week_of(number, DELOAD if light else WEEK, (1, 3, 5))
        week["phase"] = "deload" if light else "build"
        built.append(week)
        for item in (item for day in week["workouts"] for item in day["exercises"]):
            if light:
                item["rpe"] = item["load"]["value"] = 5
            if item["duration_seconds"] is None:
                item["reps"] = min(9 + number, 14)
            else:
                item["duration_seconds"] = 20 + 2 * min(number, 5)
    return wrap(built)


def strength_answer() -> Pair:
    """Intermediate strength over two weeks with loads in %1RM that rise within the limits."""
    weeks = [week_of(number, WEEK, (1, 3, 5)) for number in (1, 2)]
    for week in weeks:
        for item in (item for day in week["workouts"] for item in day["exercises"]):
            if FACTS[item["key"]]["compound"]:
                rising = 70 if week["week"] == 1 else 72.5
                item |= {"reps": 5, "rest_seconds": 150}
                item["load"] = {"type": "pct_1rm", "value": rising}
    e1rm = {key: 60 for key, facts in FACTS.items() if facts["compound"]}
    return wrap(weeks, goal="strength", minutes=90, e1rm=e1rm)


def weight_loss_answer() -> Pair:
    """Intermediate weight loss at 40 with cardio in and outside the sessions, two weeks."""
    weeks = [week_of(number, WEEK, (1, 3, 5)) for number in (1, 2)]
    for week, target in zip(weeks, (150, 170), strict=True):
        week["weekly_cardio"] = {
            "target_minutes": target,
            "in_session_minutes": 30,
            "outside_minutes": target - 30,
        }
        for day in week["workouts"]:
            day["cardio"] = {
                "type": "cycling", "minutes": 10, "rpe": 5, "impact": 0,
                "hr_low": 110, "hr_high": 135,
            }  # fmt: skip
    return wrap(weeks, goal="weight_loss", age=40)


def older_answer() -> Pair:
    """A beginner of 70: two sets each, a balance drill every session."""
    days = [[(key, 2) for key, _ in items] for items in WEEK]
    days = [[("single_leg_stand", 2), *days[0]], [("single_leg_stand", 2), *days[1]], days[2]]
    week = week_of(1, days, (1, 3, 5))
    week["workouts"][2]["warmup"].append(
        {"name": "Heel-to-toe stand", "seconds": 60, "kind": "balance"}
    )
    answer, request = wrap([week], level="beginner", age=70)
    answer["screening"]["conditions"] = ["older_adult"]
    return answer, request


def jumping_answer() -> Pair:
    """An intermediate client of 30 with one short round of box jumps."""
    days = [[("box_jump", 2), *WEEK[0]], WEEK[1], WEEK[2]]
    week = week_of(1, days, (1, 3, 5))
    week["workouts"][0]["exercises"][0] |= {"reps": 8}
    return wrap([week], age=30)


def cleared_heart_answer() -> Pair:
    """A client with a heart condition and a valid clearance: light, long warm-up."""
    days = [[(key, 2) for key, _ in items] for items in WEEK]
    week = week_of(1, days, (1, 3, 5), rpe=5)
    for day in week["workouts"]:
        day["warmup"][0]["seconds"] = 600
    answer, request = wrap([week], level="beginner", age=50)
    answer["screening"]["conditions"] = ["cardiac"]
    request["clearance"] = {"cleared": True, "by": "Practice 12", "date": "2026-03-01"}
    return answer, request


def relaxed_answer() -> Pair:
    """Two bodyweight days in which nothing can be pulled: three exact reports."""
    days: Sequence[Items] = (
        (("glute_bridge", 3), ("push_up", 3), ("dead_bug", 3)),
        (("glute_bridge", 3), ("incline_push_up", 3), ("dead_bug", 3)),
    )
    week = week_of(1, days, (1, 4))
    for item in (item for day in week["workouts"] for item in day["exercises"]):
        item["load"] = {"type": "bodyweight", "value": None}
    answer, request = wrap([week], level="beginner", minutes=30, equipment=["bodyweight"])
    answer["status"] = "relaxed"
    got = {"quads": 0, "hamstrings": 3, "back": 0, "shoulders": 3}
    reports = [("vol_min", muscle, 4, sets) for muscle, sets in got.items()]
    reports += [("patterns", "pull", 1, 0), ("patterns", "knee_dominant", 1, 0)]
    answer["constraints"]["relaxed"] = [
        {
            "id": rule, "target": target, "wanted": wanted, "got": sets,
            "why": "Nothing to pull on.", "suggestion": "Add bands.",
        }
        for rule, target, wanted, sets in reports
    ]  # fmt: skip
    return answer, request


def stopped_answer() -> Pair:
    """Chest pain without clearance: walking, mobility and balance only."""
    items = (("single_leg_stand", 1), ("cat_stretch", 2), ("easy_walk", 1))
    week = week_of(1, (items, items, items), (1, 3, 5), rpe=2)
    for day in week["workouts"]:
        day["exercises"][2]["duration_seconds"] = 600
    answer, request = wrap([week])
    answer["status"] = "needs_clearance"
    answer["screening"] |= {
        "conditions": ["chest_pain"],
        "evidence": [
            {"code": "chest_pain", "span": "chest pain on stairs",
             "source": "medical_conditions", "by": "lexicon", "verdict": "active"}
        ],
        "clearance": {"required": True, "reasons": ["chest_pain"]},
    }  # fmt: skip
    return answer, request


def infeasible_answer() -> Pair:
    """No plan: the conflict is named and recommendations show what one change would allow."""
    answer, request = general_answer()
    answer |= {"status": "infeasible", "weeks": []}
    answer["constraints"] |= {
        "passed": [],
        "conflict": [
            {"ids": ["time_max", "days"], "why": "The sessions are too short.",
             "suggestion": "Plan fewer, longer sessions."}
        ],
    }  # fmt: skip
    return answer, request
