"""What a scheduling request may say, and what an operator may set.

Two questions come under one task type. With a client: which free times suit? With a trainer and a
week: where do sessions go (`demand`), or which booked ones had better move? "Not given" (null, an
empty text, list or object) is None everywhere, and then the main app's tables are read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agents import moments
from agents.base import AgentConfig, AgentInput
from agents.given import shown
from agents.scheduling import given

MOST_DEMANDS = 60
MOST_LISTED = 200

Id = Annotated[int | None, BeforeValidator(given.whole(1, given.LARGEST_ID))]
NeededId = Annotated[int, BeforeValidator(given.whole(1, given.LARGEST_ID))]


def _listed(example: str) -> Callable[[Any], Any]:
    """A list of objects such as `example`."""

    def check(value: Any) -> Any:
        if given.missing(value):
            return ()
        items = value if isinstance(value, list | tuple) else [None]
        wrong = [item for item in items if not isinstance(item, Mapping | BaseModel)]
        if wrong:
            first = shown(wrong[0] if items is value else value)
            raise ValueError(f"{first} given; expected a list of objects such as {example}")
        return value

    return check


def _ids(value: Any) -> Any:
    if given.missing(value):
        return ()
    read = given.whole(1, given.LARGEST_ID)
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(number for item in items if (number := read(item)) is not None)


class Part(BaseModel):
    """Base of a request's nested objects: what they do not know is left out."""

    model_config = ConfigDict(extra="ignore")


class Hours(Part):
    """A span in which sessions may lie: every `weekday` (1 = Monday), or on one `date`.

    start, end: minutes after midnight, from texts such as 06:00; end after start.
    """

    weekday: Annotated[int | None, BeforeValidator(given.weekday)] = None
    date: Annotated[dt.date | None, BeforeValidator(given.day)] = None
    start: Annotated[int, BeforeValidator(given.minute_of_day, json_schema_input_type=str)]
    end: Annotated[int, BeforeValidator(given.minute_of_day, json_schema_input_type=str)]

    @model_validator(mode="after")
    def _sound(self) -> Hours:
        if (self.weekday is None) == (self.date is None):
            raise ValueError("expected either a weekday (1 to 7) or a date")
        if self.end <= self.start:
            raise ValueError(
                "the end is not after the start; split hours that cross midnight in two"
            )
        return self


class Demand(Part):
    """So many sessions for one client."""

    client_id: NeededId
    sessions: Annotated[int, given.ranged(1, 7)] = 1


class Existing(Part):
    """A session as the caller knows it. `start` is wall time, or a moment with a zone."""

    id: Annotated[
        int | None,
        BeforeValidator(given.whole(1, given.LARGEST_ID)),
    ] = Field(default=None, validation_alias=AliasChoices("id", "session_id"))
    client_id: Id = None
    start: Annotated[dt.datetime, BeforeValidator(given.start)] = Field(
        validation_alias=AliasChoices("start", "session_date")
    )
    duration: Annotated[int | None, given.ranged(1, 100_000)] = Field(
        default=None, validation_alias=AliasChoices("duration", "duration_minutes")
    )
    status: Annotated[str | None, BeforeValidator(given.text)] = None
    location: Annotated[str | None, BeforeValidator(given.text)] = None


class ScheduleRequest(AgentInput):
    """The caller's wishes.

    duration, slot_step_minutes, buffer_minutes: minutes; min_gap_hours: from start to start of one
    client's sessions. week: any day of the week meant, Monday to Sunday. sessions_per_week: that
    many of the first suggestions can be booked together.
    """

    client_id: Id = None
    trainer_id: Id = None
    preferred_times: Annotated[tuple[str, ...] | None, BeforeValidator(given.texts)] = Field(
        default=None, description="Such as weekday evenings, or tuesday 18:00."
    )
    duration: Annotated[int | None, given.ranged(10, 480)] = Field(
        default=None, validation_alias=AliasChoices("duration", "duration_minutes")
    )
    horizon_days: Annotated[int | None, given.ranged(1, 60)] = None
    availability: Annotated[
        tuple[Hours, ...],
        BeforeValidator(_listed('{"weekday": 1, "start": "06:00", "end": "09:00"}')),
    ] = Field(default=(), max_length=MOST_LISTED)
    slot_step_minutes: Annotated[int | None, given.ranged(5, 240)] = None
    min_notice_hours: Annotated[int | None, given.ranged(0, 720)] = None
    min_gap_hours: Annotated[int | None, given.ranged(0, 336)] = None
    buffer_minutes: Annotated[int | None, given.ranged(0, 240)] = None
    blackout_dates: Annotated[tuple[dt.date, ...] | None, BeforeValidator(given.days)] = None
    location: Annotated[str | None, BeforeValidator(given.text)] = None
    sessions_per_week: Annotated[int | None, given.ranged(1, 7)] = None
    week: Annotated[dt.date | None, BeforeValidator(given.day)] = None
    demand: Annotated[
        tuple[Demand, ...], BeforeValidator(_listed('{"client_id": 7, "sessions": 2}'))
    ] = Field(default=(), max_length=MOST_DEMANDS)
    existing_sessions: Annotated[
        tuple[Existing, ...],
        BeforeValidator(
            _listed('{"session_id": 3, "client_id": 7, "session_date": "2026-03-02T18:00"}')
        ),
    ] = Field(default=(), max_length=MOST_LISTED)
    pinned: Annotated[tuple[int, ...], BeforeValidator(_ids)] = ()
    max_moves: Annotated[int | None, given.ranged(0, 20)] = None
    as_of: Annotated[dt.datetime | None, BeforeValidator(moments.moment)] = None
    timezone: Annotated[str | None, BeforeValidator(given.zone)] = None
    narrative: Annotated[
        Literal["auto", "off"] | None, BeforeValidator(given.word("auto", "off"))
    ] = None

    @model_validator(mode="after")
    def _somebody(self) -> ScheduleRequest:
        if self.week_mode and self.trainer_id is None:
            raise ValueError("trainer_id is missing; a week is planned for a trainer, e.g. 3")
        if not self.week_mode and self.client_id is None:
            raise ValueError(
                "client_id is missing; expected the id of a client, a whole number from 1 up, or "
                "trainer_id with a week"
            )
        return self

    @property
    def week_mode(self) -> bool:
        """Whether a trainer's week is asked for rather than a client's next times."""
        listed = bool(self.existing_sessions) and self.client_id is None
        return self.week is not None or bool(self.demand) or listed


class ScheduleConfig(AgentConfig):
    """Lasting settings in ``ai_agents.config``; the console's form shows the descriptions."""

    gym_hours: tuple[Hours, ...] = Field(
        default=tuple(
            Hours.model_validate({"weekday": day, "start": "06:00", "end": "21:00"})
            for day in range(1, 7)
        ),
        min_length=1,
        max_length=MOST_LISTED,
        description="When sessions may lie where nobody said; after twenty sessions of a trainer"
        " they are narrowed to the hours that trainer really works.",
    )
    words: bool = Field(True, description="Ask the model for sentences.")
    calendar: bool = Field(True, description="Put a calendar file (iCalendar) into the answer.")
    max_output_tokens: int = Field(
        default=800, ge=200, le=4000, description="Most that the model may write in one answer."
    )
    default_minutes: int = Field(
        default=60, ge=10, le=480, description="A session's length where nobody said, 10 to 480."
    )
