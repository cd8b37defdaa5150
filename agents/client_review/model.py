"""What a review takes and what it answers.

A review runs three other agents and takes their inputs, which it hands on as they came; what they
mean, and whether they can be used, is for each of those agents to say. The answer holds the three
results word for word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from agents.answer import Part, Provenance
from agents.base import AgentInput
from agents.given import shown

Json = Any
Amount = int | Annotated[float, Field(allow_inf_nan=False)] | str | None


def _client(value: Any) -> int:
    number = value
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,20}\s*", value):
        number = int(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**63:
        raise ValueError(
            f"{shown(value)} given; expected the id of a client, a whole number from 1 up to "
            f"{2**63 - 1}"
        )
    return number


class ReviewRequest(AgentInput):
    """A client, and any input of the three agents under the names that those agents know.

    ``week``, ``demand``, ``pinned`` and ``max_moves`` of scheduling are left out: they ask for a
    trainer's week, and a review is about one client.
    """

    client_id: Annotated[int, BeforeValidator(_client)]

    trainer_id: Json = None
    as_of: Json = None
    timezone: Json = None
    narrative: Json = None

    current_metrics: Json = None
    goal_metrics: Json = None
    historical_data: Json = None
    history: Json = None
    units: Json = None
    time_period: Json = None

    goals: Json = None
    fitness_level: Json = None
    available_equipment: Json = None
    equipment: Json = None
    time_per_session: Json = None
    sessions_per_week: Json = None
    duration_weeks: Json = None
    focus_areas: Json = None
    count: Json = None
    preferences: Json = None
    avoid_exercises: Json = None
    conditions: Json = None
    injuries: Json = None
    age: Json = None
    clearance: Json = None
    adaptations: Json = None

    preferred_times: Json = None
    duration: Json = None
    duration_minutes: Json = None
    horizon_days: Json = None
    availability: Json = None
    slot_step_minutes: Json = None
    min_notice_hours: Json = None
    min_gap_hours: Json = None
    buffer_minutes: Json = None
    blackout_dates: Json = None
    location: Json = None
    existing_sessions: Json = None

    def given(self) -> Mapping[str, Json]:
        """Every field that says something; null, "", [] and {} mean: read the tables."""
        values = self.model_dump()
        return {key: value for key, value in values.items() if value not in (None, "", [], {})}


AdaptationCode = Literal[
    "fewer_sessions", "plateau_variety", "slow_down", "more_cardio", "ease_off", "maintain"
]


class Adaptation(Part):
    """A change that the progress asks of the plan.

    from, to: before and after, in ``unit``; from is null where the tables do not say. why: one
    sentence, every numeral of which stands in the progress.
    """

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, serialize_by_alias=True, validate_by_name=True
    )

    code: AdaptationCode
    from_: Amount = Field(alias="from")
    to: Amount
    unit: str
    why: str = Field(min_length=1, max_length=240)


class ClientReview(Part):
    """The whole answer.

    progress, workout, schedule: the full results of progress_monitoring, workout_optimization and
    scheduling; for a part without an answer ``{"status": "failed", "error": {...}}`` or
    ``{"status": "skipped", "why": "..."}``.
    """

    status: Literal["ok", "partial"]
    source: Literal["ai_orchestrator"] = "ai_orchestrator"
    client_id: int
    progress: dict[str, Json]
    workout: dict[str, Json]
    schedule: dict[str, Json]
    adaptations: list[Adaptation]
    summary: str = Field(min_length=1)
    data_warnings: list[str]
    provenance: Provenance
