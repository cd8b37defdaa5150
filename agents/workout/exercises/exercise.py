"""One exercise as the planner, the checker and the client see it: facts, no opinions.

Safety rests on tags set by hand, one exercise at a time, because names mislead: "bent-over row"
loads the lower back like a deadlift and no pattern over words finds that reliably. The words the
tags may use are closed sets declared here; a misspelt tag fails when the catalogue loads instead
of silently never matching a rule.

Three grades run 0 none, 1 some, 2 high: `impact`, `axial` (load down the spine), `valsalva`
(urge to hold the breath), `fall_risk`. `level` is 0 beginner, 1 intermediate, 2 advanced.
`joint_stress` runs 0-3. `equipment` is what the client holds or sits in, `needs` what stands by
(bench, rack, bar, box): an exercise is possible only when both lists are available.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Pattern = Literal[
    "squat", "lunge", "hinge", "h_push", "v_push", "h_pull", "v_pull",
    "core_flex", "core_anti", "carry", "power", "cardio", "mobility", "balance",
    "iso_quads", "iso_hamstrings", "iso_glutes", "iso_chest", "iso_back", "iso_shoulders",
    "iso_biceps", "iso_triceps", "iso_calves", "iso_core", "iso_lower_back", "iso_forearms",
    "iso_adductors", "iso_neck",
]  # fmt: skip
Muscle = Literal[
    "quads", "hamstrings", "glutes", "chest", "back", "shoulders",
    "biceps", "triceps", "calves", "core",
    "lower_back", "forearms", "adductors", "neck",
]  # fmt: skip
Equipment = Literal[
    "bodyweight", "dumbbells", "barbell", "kettlebell", "machine", "cable", "bands", "trx",
    "medicine_ball", "bench", "rack", "pullup_bar", "box", "jump_rope", "cardio_machine", "other",
]  # fmt: skip
Position = Literal[
    "standing", "seated", "kneeling", "quadruped", "supine", "prone", "side", "hanging", "inverted"
]
Joint = Literal["shoulder", "elbow", "wrist", "neck", "low_back", "hip", "knee", "ankle"]
Flag = Literal[
    "loaded_hinge", "spinal_flexion", "spinal_rotation", "deep_knee_flexion", "leg_extension",
    "overhead", "upright_row", "behind_neck", "dip", "wide_fly", "head_down", "isometric",
]  # fmt: skip
Grade = Annotated[int, Field(ge=0, le=2)]
Stress = Annotated[int, Field(ge=0, le=3)]
Sentence = Annotated[str, StringConstraints(min_length=8, max_length=160)]

PATTERNS: tuple[str, ...] = get_args(Pattern)
MUSCLES: tuple[str, ...] = get_args(Muscle)
EQUIPMENT: tuple[str, ...] = get_args(Equipment)
POSITIONS: tuple[str, ...] = get_args(Position)
JOINTS: tuple[str, ...] = get_args(Joint)
FLAGS: tuple[str, ...] = get_args(Flag)

MAJOR_MUSCLES: tuple[Muscle, ...] = (
    "quads", "hamstrings", "glutes", "chest", "back", "shoulders",
)  # fmt: skip
MINOR_MUSCLES: tuple[Muscle, ...] = ("biceps", "triceps", "calves", "core")

# What a balanced week must contain, each from any of these patterns.
PATTERN_GROUPS: dict[str, tuple[Pattern, ...]] = {
    "knee_dominant": ("squat", "lunge"),
    "hinge": ("hinge",),
    "push": ("h_push", "v_push"),
    "pull": ("h_pull", "v_pull"),
    "core": ("core_flex", "core_anti"),
}


class Exercise(BaseModel):
    """The facts of one exercise; immutable.

    `facts()` is the published part. The rest serves planning: `aliases` for matching names,
    `staple` marks the exercises most trainers reach for first, `variant_up` is the key of the
    harder variant or None, `hands` is 2 where the free hand of one-sided work bears the trunk
    (what else takes two hands shows in the other facts), `own_weight` that its implement carries
    the body and is no load, and `origin` says who tagged it (`main_app` = tagged for the worst
    case, only for clients without any condition).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,59}$")]
    name: Annotated[str, StringConstraints(min_length=3, max_length=80)]
    pattern: Pattern
    prim: tuple[Muscle, ...]
    sec: tuple[Muscle, ...] = ()
    equipment: Annotated[tuple[Equipment, ...], Field(min_length=1)]
    needs: tuple[Equipment, ...] = ()
    level: Grade = 0
    compound: bool
    unilateral: bool = False
    hands: Literal[1, 2] = 1
    impact: Grade = 0
    axial: Grade = 0
    position: Position = "standing"
    joint_stress: dict[Joint, Stress]
    valsalva: Grade = 0
    fall_risk: Grade = 0
    flags: tuple[Flag, ...] = ()
    measure: Literal["reps", "seconds"] = "reps"
    seconds_per_rep: Annotated[int, Field(ge=2, le=8)]
    setup_seconds: Annotated[int, Field(ge=15, le=180)]
    instructions: Annotated[tuple[Sentence, ...], Field(min_length=3)]
    cues: Annotated[tuple[Sentence, ...], Field(min_length=1)]
    aliases: tuple[str, ...] = ()
    staple: bool = False
    variant_up: str | None = None
    own_weight: bool = False
    origin: Literal["catalogue", "main_app"] = "catalogue"

    @property
    def group(self) -> str | None:
        """The pattern group this exercise counts for (`knee_dominant` …), or None."""
        for group, patterns in PATTERN_GROUPS.items():
            if self.pattern in patterns:
                return group
        return None

    @property
    def requires(self) -> frozenset[str]:
        """Everything that must be available: `equipment` and `needs` together."""
        return frozenset(self.equipment) | frozenset(self.needs)

    def facts(self) -> dict[str, object]:
        """The published facts, JSON-ready: every key of one `exercise_facts` value but `key`.

        Lists are lists, `joint_stress` holds all eight joints, zeros included.
        """
        return {
            "name": self.name,
            "pattern": self.pattern,
            "prim": list(self.prim),
            "sec": list(self.sec),
            "equipment": list(self.equipment),
            "needs": list(self.needs),
            "level": self.level,
            "compound": self.compound,
            "unilateral": self.unilateral,
            "impact": self.impact,
            "axial": self.axial,
            "position": self.position,
            "joint_stress": {joint: self.joint_stress.get(joint, 0) for joint in get_args(Joint)},
            "valsalva": self.valsalva,
            "fall_risk": self.fall_risk,
            "flags": list(self.flags),
            "measure": self.measure,
            "seconds_per_rep": self.seconds_per_rep,
            "setup_seconds": self.setup_seconds,
            "instructions": list(self.instructions),
            "cues": list(self.cues),
        }
