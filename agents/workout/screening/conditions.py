"""What a health condition forbids and what it adds, as one table.

Each code names rules over the facts of an exercise (`forbids`) and limits on the dose (`reps`,
`rpe_cap`, `hold_cap_seconds`, `set_cap`, `warmup_seconds`). `restrictions(codes)` merges any
number of them: every rule applies, ranges intersect, the lower cap wins, the longer warm-up wins.
The rules are filters that err towards leaving an exercise out; they are not medical advice.

Red-flag codes stop the plan until a person with authority cleared the client (`clearance.py`).
Clearance lifts the stop; the restrictions of the same row stay.

Sources: hypertension, cardiac, stroke: AHA scientific statement on resistance exercise, 2023.
Pregnancy: ACOG Committee Opinion 804, which goes by effort and not by pulse, as does whoever had a
heart attack or a stroke and no exercise test (ACSM's Guidelines for Exercise Testing and
Prescription). Osteoporosis, neuropathy, retinopathy and the general
screening logic: PMC10959113 and ACSM preparticipation guidance (doi 10.1249/MSS.0000000000002800).
Eating disorders: IOC consensus on energy deficiency, 2023 (doi 10.1136/bjsports-2023-106994).
High readings: AHA, when to call about high blood pressure. Hernia, eye disease, healing: ACSM's
Guidelines, no maximal or strained lifting. Pelvic floor: Goom, Donnelly and Brockwell 2019, no
impact before it bears load. Wheelchair users: Consortium for Spinal Cord Medicine, preserving the
shoulder. One arm: no source but what two hands do. Fever: doi 10.1136/bjsports-2021-105259.
Youth and older adults: NSCA position statements. Joint rules: convention, stress grades by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agents.workout.exercises.exercise import Exercise, Flag, Joint


@dataclass(frozen=True, slots=True)
class Rule:
    """One ground for leaving an exercise out: `why` in words, `hits` over its facts."""

    why: str
    hits: Callable[[Exercise], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the table. Limits that are None do not restrict.

    reps: inclusive range for strength work. rpe_cap: 1-10. hold_cap_seconds: longest timed hold.
    set_cap: sets per exercise. red_flag: needs clearance before any training plan.
    """

    code: str
    title: str
    forbids: tuple[Rule, ...] = ()
    reps: tuple[int, int] | None = None
    rpe_cap: int | None = None
    hold_cap_seconds: int | None = None
    set_cap: int | None = None
    warmup_seconds: int = 300
    pull_at_least_push: bool = False
    rpe_only: bool = False
    red_flag: bool = False
    note: str = ""


def _flags(*names: Flag) -> tuple[Rule, ...]:
    return tuple(_flag(name) for name in names)


def _flag(name: Flag) -> Rule:
    return Rule(name.replace("_", " "), lambda e: name in e.flags)


def _stress(joint: Joint) -> Rule:
    return Rule(
        f"{joint.replace('_', ' ')} stress of 2 or more",
        lambda e: e.joint_stress.get(joint, 0) >= 2,
    )


def _position(name: str) -> Rule:
    return Rule(f"{name} position", lambda e: e.position == name)


_AXIAL_2 = Rule("heavy load down the spine", lambda e: e.axial >= 2)
_IMPACT_1 = Rule("impact", lambda e: e.impact >= 1)
_IMPACT_2 = Rule("high impact", lambda e: e.impact >= 2)
_FALL_2 = Rule("high risk of falling", lambda e: e.fall_risk >= 2)
_VALSALVA_2 = Rule("strong urge to hold the breath", lambda e: e.valsalva >= 2)
_INVERTED = _position("inverted")
_HEAD_DOWN = _flag("head_down")
_BARBELL_OVERHEAD = Rule(
    "barbell overhead", lambda e: "overhead" in e.flags and "barbell" in e.equipment
)
_UNLOADED = frozenset({"bodyweight", "jump_rope", "cardio_machine"})
_LOADED_JUMP = Rule(
    "loaded jump", lambda e: e.impact >= 1 and not _UNLOADED.issuperset(e.equipment)
)
_POWER = Rule("fast and forceful", lambda e: e.pattern == "power")
_CAUTIOUS = (_IMPACT_2, _VALSALVA_2)
_HEART = (_IMPACT_1, _INVERTED, _VALSALVA_2)
_LEG_MUSCLES = frozenset({"quads", "hamstrings", "glutes", "calves", "adductors"})
# The trunk work of the catalogue that is done seated lifts the legs.
_LEG_PATTERNS = frozenset({"squat", "lunge", "hinge", "carry", "power", "core_anti", "core_flex"})


def _needs_legs(exercise: Exercise) -> bool:
    """Whether legs that do not work keep anybody from it; a stretch is done by the hands."""
    if exercise.pattern == "mobility":
        return False
    work = exercise.prim if exercise.pattern != "cardio" else (*exercise.prim, *exercise.sec)
    return exercise.pattern in _LEG_PATTERNS or not _LEG_MUSCLES.isdisjoint(work)


_LEGS = Rule("work of the legs", _needs_legs)
_HELD = frozenset({"dumbbells", "barbell", "kettlebell", "trx", "medicine_ball", "jump_rope"})


def _needs_both_hands(exercise: Exercise) -> bool:
    """Whether two hands hold, press or bear; one-sided work of the legs may hold two weights."""
    if exercise.hands == 2 or exercise.position in ("quadruped", "hanging", "inverted"):
        return True
    if exercise.pattern == "mobility":
        return False
    one_armed = exercise.unilateral and exercise.pattern not in _LEG_PATTERNS - {"carry"}
    if not _HELD.isdisjoint(exercise.equipment):
        return not one_armed
    arms = any(exercise.joint_stress.get(joint, 0) for joint in ("shoulder", "elbow", "wrist"))
    return (arms and not one_armed) or ("bands" in exercise.equipment and not exercise.unilateral)


_BOTH_HANDS = Rule("work of both hands", _needs_both_hands)
_OFF_THE_CHAIR = Rule("not done seated", lambda e: e.position != "seated")
_FALLS = (_FALL_2, _INVERTED, _HEAD_DOWN, _BARBELL_OVERHEAD)
_EXPECTING = (
    _position("supine"),
    _position("prone"),
    _IMPACT_1,
    _FALL_2,
    _VALSALVA_2,
    _POWER,
    *_flags("spinal_flexion"),
)
_MENDING = (_IMPACT_2, _VALSALVA_2, _POWER)
_PELVIS = (_IMPACT_1, _VALSALVA_2, _POWER, *_flags("spinal_flexion"))

_ROWS = (
    Condition(
        "low_back",
        "low back pain",
        (
            _AXIAL_2,
            *_flags("loaded_hinge", "spinal_flexion", "spinal_rotation"),
            _stress("low_back"),
        ),
        rpe_cap=7,
        note="Stop a set when back pain rises; keep the spine long and breathe.",
    ),
    Condition(
        "knee",
        "knee problem",
        (_IMPACT_1, *_flags("deep_knee_flexion", "leg_extension"), _stress("knee")),
        note="Stay in the range that does not hurt.",
    ),
    Condition(
        "shoulder",
        "shoulder problem",
        (
            *_flags("overhead", "upright_row", "behind_neck", "dip", "wide_fly"),
            _stress("shoulder"),
        ),
        pull_at_least_push=True,
        note="Pulling work is kept at or above pushing work.",
    ),
    Condition("neck", "neck problem", (_stress("neck"),), note="Keep the neck long and relaxed."),
    Condition("wrist", "wrist problem", (_stress("wrist"),), note="Keep the wrists straight."),
    Condition("elbow", "elbow problem", (_stress("elbow"),), note="Use a relaxed grip."),
    Condition("hip", "hip problem", (_stress("hip"), _IMPACT_1), note="Stay in an easy range."),
    Condition("ankle", "ankle or foot problem", (_stress("ankle"), _IMPACT_1)),
    Condition(
        "hypertension",
        "high blood pressure",
        (_INVERTED, _HEAD_DOWN, _VALSALVA_2),
        reps=(8, 15),
        rpe_cap=8,
        hold_cap_seconds=30,
        note="Breathe out with every effort; never hold the breath.",
    ),
    Condition(
        "cardiac",
        "heart condition",
        _HEART,
        reps=(10, 15),
        rpe_cap=6,
        hold_cap_seconds=20,
        set_cap=3,
        warmup_seconds=600,
        rpe_only=True,
        red_flag=True,
        note="Warm up for ten minutes; stop at chest discomfort, dizziness or odd breathlessness.",
    ),
    Condition(
        "stroke",
        "stroke in the past",
        _HEART,
        reps=(10, 15),
        rpe_cap=6,
        hold_cap_seconds=20,
        set_cap=3,
        warmup_seconds=600,
        rpe_only=True,
        red_flag=True,
        note="Warm up for ten minutes; keep a support within reach.",
    ),
    Condition(
        "diabetes",
        "diabetes",
        note="Check blood sugar before and after, keep fast sugar at hand, look after the feet.",
    ),
    Condition(
        "retinopathy",
        "diabetic eye disease",
        (_VALSALVA_2, _INVERTED, _HEAD_DOWN, _IMPACT_1),
        reps=(8, 15),
        rpe_cap=7,
        note="Avoid straining and jolts.",
    ),
    Condition(
        "neuropathy",
        "nerve damage in feet or hands",
        (_IMPACT_1, _FALL_2),
        note="Check the feet after training and train near a support.",
    ),
    Condition(
        "pregnancy",
        "pregnancy",
        _EXPECTING,
        reps=(8, 15),
        rpe_cap=6,
        rpe_only=True,
        note="You should be able to talk throughout; drink, keep cool, stop at any warning sign.",
    ),
    Condition(
        "osteoporosis",
        "low bone density",
        (*_flags("spinal_flexion", "spinal_rotation"), _IMPACT_2, _FALL_2),
        note="Bend at the hips, not in the spine.",
    ),
    Condition(
        "hernia",
        "hernia",
        (_VALSALVA_2, _INVERTED, _AXIAL_2, _POWER),
        reps=(8, 15),
        rpe_cap=7,
        note="Never strain or hold the breath; stop when the bulge grows or hurts.",
    ),
    Condition(
        "glaucoma",
        "glaucoma",
        (_VALSALVA_2, _INVERTED, _HEAD_DOWN),
        reps=(8, 15),
        rpe_cap=8,
        note="Breathe out with every effort; keep the head above the heart.",
    ),
    Condition("epilepsy", "epilepsy", _FALLS, note="Train with somebody near."),
    Condition("vertigo", "dizziness", _FALLS, note="Change position slowly."),
    Condition(
        "anticoagulant", "blood thinner", _FALLS, note="Avoid knocks; report unusual bruises."
    ),
    Condition(
        "asthma", "asthma", warmup_seconds=600, note="Warm up for ten minutes; inhaler at hand."
    ),
    Condition(
        "beta_blocker",
        "medicine that slows the pulse",
        rpe_only=True,
        note="Pulse zones do not apply; go by effort.",
    ),
    Condition(
        "wheelchair",
        "use of a wheelchair",
        (_OFF_THE_CHAIR, _LEGS, *_flags("dip", "isometric")),
        reps=(8, 15),
        rpe_cap=8,
        rpe_only=True,
        note="Lock the wheels; keep the shoulders pain-free, they do the work of the day as well.",
    ),
    Condition(
        "one_arm",
        "use of one arm alone",
        (_BOTH_HANDS, _IMPACT_2, _FALL_2),
        reps=(8, 15),
        note="Do one-sided work of the arms with the working arm only; a machine for the legs "
        "needs no grip. While a cast or sling is on, ask the doctor what the arm may do.",
    ),
    Condition(
        "unsteady",
        "unsteady standing or poor sight",
        (*_FALLS, _IMPACT_1),
        note="Train beside something to hold and with somebody near.",
    ),
    Condition(
        "pelvic_floor",
        "weak pelvic floor or belly wall",
        _PELVIS,
        reps=(8, 15),
        rpe_cap=7,
        note="Breathe out with every effort; at leaking, heaviness below or a doming belly take "
        "the easier variant and see a pelvic health physiotherapist.",
    ),
    Condition(
        "healing",
        "healing after an operation",
        _MENDING,
        reps=(8, 15),
        rpe_cap=7,
        note="Ask the surgeon or physiotherapist which movements and loads are allowed by now.",
    ),
    Condition(
        "older_adult",
        "65 years or older",
        (_IMPACT_2, _FALL_2, _INVERTED),
        reps=(8, 15),
        rpe_cap=8,
    ),
    Condition(
        "youth",
        "under 16 years",
        (_LOADED_JUMP,),
        reps=(8, 15),
        rpe_cap=7,
        note="Train under the eyes of a qualified adult; good technique comes before more load.",
    ),
    Condition(
        "eating_disorder",
        "eating disorder",
        _CAUTIOUS,
        rpe_cap=7,
        note="Train in step with the treatment team, and leave weight and calories out of it.",
    ),
    Condition(
        "other_condition",
        "condition that was not recognised",
        _CAUTIOUS,
        rpe_cap=7,
        rpe_only=True,
        note="The notes mention something this service does not know; ask before training.",
    ),
    Condition(
        "chest_pain",
        "chest pain",
        _HEART,
        rpe_cap=6,
        red_flag=True,
        note="See a doctor about chest pain soon; call an ambulance if it comes at rest or stays.",
    ),
    Condition(
        "syncope",
        "fainting",
        (*_FALLS, *_HEART),
        rpe_cap=6,
        red_flag=True,
        note="See a doctor about fainting soon; sit down at the first sign of it.",
    ),
    Condition(
        "bp_crisis",
        "very high blood pressure",
        (_INVERTED, _HEAD_DOWN, _VALSALVA_2),
        reps=(8, 15),
        rpe_cap=8,
        hold_cap_seconds=30,
        red_flag=True,
        note="Measure again after five minutes of rest; see a doctor at once if it stays so high, "
        "and call an ambulance at chest pain, or trouble to breathe, see or speak.",
    ),
    Condition(
        "postpartum",
        "recent birth",
        _PELVIS,
        reps=(8, 15),
        rpe_cap=7,
        red_flag=True,
        note="Ask a doctor or midwife when more than walking and the pelvic floor may follow.",
    ),
    Condition(
        "recent_surgery",
        "recent operation",
        _MENDING,
        reps=(8, 15),
        rpe_cap=7,
        red_flag=True,
        note="Ask the surgeon which movements are allowed again, and from when on.",
    ),
    Condition(
        "warning_sign",
        "a sign that a doctor should see first",
        _HEART,
        rpe_cap=6,
        rpe_only=True,
        red_flag=True,
        note="See a doctor about this today; call an ambulance when it came suddenly, grows worse "
        "or takes the breath.",
    ),
    Condition(
        "acute_illness",
        "fever or infection",
        _HEART,
        rpe_cap=6,
        rpe_only=True,
        red_flag=True,
        note="Rest until the fever is gone and you feel well for some days, then begin easily.",
    ),
    Condition(
        "pregnancy_complication",
        "complicated pregnancy",
        _EXPECTING,
        reps=(8, 15),
        rpe_cap=6,
        rpe_only=True,
        red_flag=True,
        note="Ask the doctor or midwife which movement is safe now.",
    ),
)

CONDITIONS: Mapping[str, Condition] = MappingProxyType({row.code: row for row in _ROWS})
CODES: tuple[str, ...] = tuple(CONDITIONS)
RED_FLAGS: frozenset[str] = frozenset(row.code for row in _ROWS if row.red_flag)

# Impact 2 is for sound joints, heart, vessels and bones, and never in pregnancy (NSCA).
_NO_JUMPS = frozenset(
    {
        "low_back", "knee", "shoulder", "neck", "wrist", "elbow", "hip", "ankle",
        "hypertension", "bp_crisis", "cardiac", "stroke", "chest_pain", "syncope", "beta_blocker",
        "osteoporosis", "pregnancy", "pregnancy_complication", "postpartum", "recent_surgery",
        "wheelchair", "one_arm", "unsteady", "pelvic_floor", "healing", "warning_sign",
        "acute_illness",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Every limit that holds for one client; `codes` sorted in table order, may be empty.

    reps: inclusive range or None. rpe_cap, hold_cap_seconds, set_cap: None = no limit from
    health. rpe_only: no heart-rate zones. notes: sentences for the client, one per code with one.
    """

    codes: tuple[str, ...]
    reps: tuple[int, int] | None
    rpe_cap: int | None
    hold_cap_seconds: int | None
    set_cap: int | None
    warmup_seconds: int
    pull_at_least_push: bool
    rpe_only: bool
    notes: tuple[str, ...]

    def forbids(self, exercise: Exercise) -> str | None:
        """Why `exercise` is out (`code: reason`, the first in table order), or None."""
        for code in self.codes:
            reason = forbids(code, exercise)
            if reason is not None:
                return reason
        if self.codes and exercise.origin == "main_app":
            return f"{self.codes[0]}: the exercise carries no tags judged by hand"
        return None


def forbids(code: str, exercise: Exercise) -> str | None:
    """Why condition `code` rules `exercise` out (`code: reason`), or None.

    Raises KeyError for a code outside `CODES`.
    """
    for rule in CONDITIONS[code].forbids:
        if rule.hits(exercise):
            return f"{code}: {rule.why}"
    return None


def restrictions(codes: Iterable[str]) -> Restrictions:
    """All rows of `codes` merged into one set of limits; no code gives no limits.

    Raises KeyError for a code outside `CODES`.
    """
    wanted = set(codes)
    unknown = wanted.difference(CODES)
    if unknown:
        raise KeyError(f"condition codes {sorted(unknown)} are unknown; known: {list(CODES)}")
    rows = [row for row in _ROWS if row.code in wanted]
    ranges = [row.reps for row in rows if row.reps is not None]
    return Restrictions(
        codes=tuple(row.code for row in rows),
        reps=(max(r[0] for r in ranges), min(r[1] for r in ranges)) if ranges else None,
        rpe_cap=_lowest(row.rpe_cap for row in rows),
        hold_cap_seconds=_lowest(row.hold_cap_seconds for row in rows),
        set_cap=_lowest(row.set_cap for row in rows),
        warmup_seconds=max((row.warmup_seconds for row in rows), default=300),
        pull_at_least_push=any(row.pull_at_least_push for row in rows),
        rpe_only=any(row.rpe_only for row in rows),
        notes=tuple(row.note for row in rows if row.note),
    )


def age_codes(age: int | None) -> tuple[str, ...]:
    """`("older_adult",)` from 65, `("youth",)` below 16, else (); unknown age gives ()."""
    if age is None:
        return ()
    if age >= 65:
        return ("older_adult",)
    return ("youth",) if age < 16 else ()


def allows_jumps(level: int, age: int | None, codes: Iterable[str]) -> bool:
    """Whether impact 2 may be planned at all: level 1 or more, a known age below 65, no joint,
    heart, blood pressure, bone or pregnancy code."""
    return level >= 1 and age is not None and age < 65 and _NO_JUMPS.isdisjoint(codes)


def _lowest(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
