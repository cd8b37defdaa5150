"""The numbers every rule measures against, copied from their sources by hand.

The planner has its own copy on purpose: two tables written by two people from the same sources
must agree, so a slip in either one shows up as a violation instead of reaching a client.

Sources: ACSM position stands 2009 and 2026 (load, rest, repetitions), NSCA 2019 (youth, jumps),
doi 10.1007/s40279-021-01490-1 and 10.1007/s40279-025-02344-w (weekly volume), WHO 2020 (cardio,
balance), PMC10959113, ACOG 804, AHA 2023 and doi 10.1249/MSS.0000000000002800 (conditions).
"""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEVELS = ("beginner", "intermediate", "advanced")
GOALS = ("strength", "hypertrophy", "weight_loss", "endurance", "general")
STATUSES = ("ok", "relaxed", "needs_clearance", "infeasible")
PHASES = ("build", "deload")

BLOCKS = ("balance", "power", "compound", "isolation", "core", "cardio")
STRENGTH_BLOCKS = frozenset(BLOCKS[1:5])

MAJORS = ("quads", "hamstrings", "glutes", "chest", "back", "shoulders")
MINORS = ("biceps", "triceps", "calves", "core")
MUSCLES = frozenset((*MAJORS, *MINORS, "lower_back", "forearms", "adductors", "neck"))
LOWER_MUSCLES = frozenset({"quads", "hamstrings", "glutes", "calves", "adductors"})

PATTERNS = _words(
    "squat lunge hinge h_push v_push h_pull v_pull core_flex core_anti carry power "
    "cardio mobility balance"
) | {f"iso_{muscle}" for muscle in MUSCLES}
LOWER_PATTERNS = frozenset({"squat", "lunge", "hinge"})
GENTLE_PATTERNS = frozenset({"cardio", "mobility", "balance"})
PATTERN_GROUPS = {
    "knee_dominant": frozenset({"squat", "lunge"}),
    "hinge": frozenset({"hinge"}),
    "push": frozenset({"h_push", "v_push"}),
    "pull": frozenset({"h_pull", "v_pull"}),
    "core": frozenset({"core_flex", "core_anti"}),
}

POSITIONS = _words("standing seated kneeling quadruped supine prone side hanging inverted")
JOINTS = _words("shoulder elbow wrist neck low_back hip knee ankle")
FLAGS = _words(
    "loaded_hinge spinal_flexion spinal_rotation deep_knee_flexion leg_extension overhead "
    "upright_row behind_neck dip wide_fly inverted head_down loaded_jump isometric"
)

EQUIPMENT = _words(
    "bodyweight dumbbells barbell kettlebell machine cable bands trx medicine_ball bench rack "
    "pullup_bar box jump_rope cardio_machine other"
)
ALWAYS_THERE = frozenset({"bodyweight", "mat", "wall", "chair", "step"})
IMPLIED_BY_MACHINES = frozenset({"bench", "box", "pullup_bar", "cardio_machine"})
IMPLEMENTS = _words("dumbbells barbell kettlebell machine cable bands trx medicine_ball other")
EQUIPMENT_WORDS = {
    "none": "bodyweight",
    "no_equipment": "bodyweight",
    "body_weight": "bodyweight",
    "dumbbell": "dumbbells",
    "dumb_bell": "dumbbells",
    "band": "bands",
    "resistance_band": "bands",
    "pull_up_bar": "pullup_bar",
    "chin_up_bar": "pullup_bar",
    "medicineball": "medicine_ball",
    "skipping_rope": "jump_rope",
    "squat_rack": "rack",
    "power_rack": "rack",
    "full_gym": "gym",
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """Bounds of one goal; each pair is (lowest, highest), rest in seconds."""

    compound_reps: tuple[int, int]
    other_reps: tuple[int, int]
    compound_rest: tuple[int, int]
    other_rest: tuple[int, int]
    sets: tuple[int, int]


SCHEMES = {
    "strength": Scheme((1, 6), (6, 15), (120, 300), (60, 180), (2, 5)),
    "hypertrophy": Scheme((6, 15), (6, 15), (60, 180), (45, 120), (2, 4)),
    "weight_loss": Scheme((8, 15), (8, 15), (30, 90), (30, 90), (2, 4)),
    "endurance": Scheme((15, 25), (15, 25), (15, 60), (15, 60), (2, 3)),
    "general": Scheme((8, 15), (8, 15), (45, 120), (30, 120), (2, 3)),
}
STRENGTH_BEGINNER_COMPOUND_REPS = (8, 12)
STRENGTH_REST_WHEN_REPS_REPLACED = (30, 300)
GENTLE_SETS = (1, 3)
HOLD_SECONDS = (10, 120)

ADULT_FROM = 16
RPE_CAPS = (8.0, 9.0, 9.0)
VOLUME_CAPS = (12.0, 18.0, 24.0)
VOLUME_FLOORS = (4.0, 6.0, 8.0)
SESSION_VOLUME_CAP = 10.0
BUILD_WEEKS_RUNNING = (6, 5, 5)
GENTLE_RPE = 3.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What one screened code forbids and adds.

    tags: flags or positions that may not occur. impact, axial, valsalva, fall_risk: the lowest
    forbidden degree (3 = none forbidden). joint: where a stress of 2 or more is forbidden.
    hold_seconds: the longest allowed hold. arms_only: seated, and nothing that the legs do.
    one_hand: nothing that two hands do. power: whether fast and forceful work is forbidden.
    """

    tags: frozenset[str] = frozenset()
    impact: int = 3
    axial: int = 3
    valsalva: int = 3
    fall_risk: int = 3
    joint: str = ""
    barbell_overhead: bool = False
    loaded_jump: bool = False
    hold_seconds: int = 120
    reps: tuple[int, int] | None = None
    rpe: float = 10.0
    sets: int = 99
    warmup_seconds: int = 300
    arms_only: bool = False
    one_hand: bool = False
    power: bool = False


_HEART = Condition(
    _words("inverted"),
    impact=1,
    valsalva=2,
    hold_seconds=20,
    reps=(10, 15),
    rpe=6.0,
    sets=3,
    warmup_seconds=600,
)
_FALLS = Condition(_words("inverted head_down"), fall_risk=2, barbell_overhead=True)
_UNBORN = Condition(
    _words("supine prone spinal_flexion"),
    impact=1,
    fall_risk=2,
    valsalva=2,
    reps=(8, 15),
    rpe=6.0,
    power=True,
)

_PRESSURE = Condition(
    _words("inverted head_down"), valsalva=2, hold_seconds=30, reps=(8, 15), rpe=8.0
)
_CAUTION = Condition(impact=2, valsalva=2, rpe=7.0)
_MENDING = Condition(impact=2, valsalva=2, reps=(8, 15), rpe=7.0, power=True)
_PELVIS = Condition(
    _words("spinal_flexion"), impact=1, valsalva=2, reps=(8, 15), rpe=7.0, power=True
)
_UNWELL = Condition(_words("inverted"), impact=1, valsalva=2, rpe=6.0)

# Red flags without a row of their own keep the nearest one after they are lifted: a crisis that of
# high pressure, birth that of the pelvic floor, surgery that of healing, pain, fainting and what
# else a doctor should see much of the heart's.
CONDITIONS: dict[str, Condition] = {
    "low_back": Condition(
        _words("loaded_hinge spinal_flexion spinal_rotation"), axial=2, joint="low_back", rpe=7.0
    ),
    "knee": Condition(_words("deep_knee_flexion leg_extension"), impact=1, joint="knee"),
    "shoulder": Condition(
        _words("overhead upright_row behind_neck dip wide_fly"), joint="shoulder"
    ),
    "neck": Condition(joint="neck"),
    "wrist": Condition(joint="wrist"),
    "elbow": Condition(joint="elbow"),
    "hip": Condition(joint="hip", impact=1),
    "ankle": Condition(joint="ankle", impact=1),
    "hypertension": _PRESSURE,
    "cardiac": _HEART,
    "stroke": _HEART,
    "diabetes": Condition(),
    "retinopathy": Condition(
        _words("inverted head_down"), valsalva=2, impact=1, reps=(8, 15), rpe=7.0
    ),
    "neuropathy": Condition(impact=1, fall_risk=2),
    "pregnancy": _UNBORN,
    "pregnancy_complication": _UNBORN,
    "osteoporosis": Condition(_words("spinal_flexion spinal_rotation"), impact=2, fall_risk=2),
    "hernia": Condition(
        _words("inverted"), valsalva=2, axial=2, reps=(8, 15), rpe=7.0, power=True
    ),
    "glaucoma": Condition(_words("inverted head_down"), valsalva=2, reps=(8, 15), rpe=8.0),
    "epilepsy": _FALLS,
    "vertigo": _FALLS,
    "anticoagulant": _FALLS,
    "asthma": Condition(warmup_seconds=600),
    "beta_blocker": Condition(),
    "wheelchair": Condition(_words("dip isometric"), arms_only=True, reps=(8, 15), rpe=8.0),
    "one_arm": Condition(impact=2, fall_risk=2, one_hand=True, reps=(8, 15)),
    "unsteady": Condition(
        _words("inverted head_down"), impact=1, fall_risk=2, barbell_overhead=True
    ),
    "pelvic_floor": _PELVIS,
    "healing": _MENDING,
    "older_adult": Condition(_words("inverted"), impact=2, fall_risk=2, reps=(8, 15), rpe=8.0),
    "youth": Condition(loaded_jump=True, reps=(8, 15), rpe=7.0),
    "eating_disorder": _CAUTION,
    "other_condition": _CAUTION,
    "chest_pain": Condition(_words("inverted"), impact=1, valsalva=2, rpe=6.0),
    "syncope": Condition(
        _words("inverted head_down"),
        impact=1,
        valsalva=2,
        fall_risk=2,
        barbell_overhead=True,
        rpe=6.0,
    ),
    "bp_crisis": _PRESSURE,
    "postpartum": _PELVIS,
    "recent_surgery": _MENDING,
    "warning_sign": _UNWELL,
    "acute_illness": _UNWELL,
}

RED_FLAGS = _words(
    "chest_pain syncope bp_crisis cardiac stroke postpartum recent_surgery pregnancy_complication "
    "warning_sign acute_illness"
)
# Whose pulse says little about effort: medicine slows it, the heart is ill, a child is on the way,
# only the arms work, or nobody knows the condition.
NO_PULSE_ZONES = _words(
    "beta_blocker cardiac stroke pregnancy pregnancy_complication other_condition wheelchair "
    "warning_sign acute_illness"
)
NEVER_LIFTED_IF_NEWER = _words("chest_pain syncope bp_crisis warning_sign acute_illness")
NO_JUMP_CODES = _words(
    "low_back knee shoulder neck wrist elbow hip ankle cardiac stroke chest_pain syncope "
    "beta_blocker hypertension bp_crisis osteoporosis pregnancy pregnancy_complication "
    "postpartum recent_surgery wheelchair one_arm unsteady pelvic_floor healing warning_sign "
    "acute_illness"
)
APP_KEY_PREFIX = "app_"
CLEARANCE_DAYS = 365
CONTACTS_PER_EXERCISE = 100
CONTACTS_PER_WEEK = 300


def condition_of(code: str) -> Condition:
    """The row of `code`; a trimester suffix keeps the pregnancy row, a code nobody knows gets
    the row of `other_condition` (the safer of the two readings)."""
    row = CONDITIONS.get(code)
    if row is not None:
        return row
    return CONDITIONS["pregnancy" if code.startswith("pregnan") else "other_condition"]
