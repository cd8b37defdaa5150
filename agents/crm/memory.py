"""What this service said about a client before, and what people thought of it.

These tables are ours, so their shape is known; they may still be absent, in a database that holds
the main app alone, or closed to the role that reads. Then nothing is remembered, and that is no
warning: a first answer is as good as any. Reads are bounded like all others, and a reason typed by
a person is never among what is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import sqlalchemy as sa

from agents.crm.reader import Reader

Verdict = Literal["helpful", "not_helpful", "incorrect"]
OPINION_DAYS = 365
"""Older words say little about what somebody likes today."""
LIVED_DAYS = 7
"""A plan that is younger was hardly trained, and asking twice must not count as having done it."""
FORGOTTEN_DAYS = 180
_MOST_OPINIONS = 200

_TABLES = ("ai_feedback", "ai_workout_plans", "ai_workout_plan_items", "ai_schedule_suggestions")
_MAY = sa.text(
    "SELECT coalesce(bool_and(has_table_privilege(to_regclass(t.name), 'SELECT')), false)"
    " AND count(to_regclass(t.name)) = count(*) FROM unnest(CAST(:names AS text[])) AS t (name)"
)
# An item is an exercise's key, or the id of a card of the plan, which the card then names. Cards
# of a review share their ids with its times, so only keys are understood there.
_EXERCISES = sa.text("""
    SELECT f.verdict, f.created_at, coalesce((
        SELECT card ->> 'key' FROM ai_workout_plans p
        CROSS JOIN LATERAL jsonb_array_elements(p.plan -> 'recommendations') AS card
        WHERE p.request_id = f.request_id AND f.task_type = 'workout_optimization'
            AND card ->> 'id' = f.item_id LIMIT 1), f.item_id) AS item
    FROM ai_feedback f
    WHERE f.client_id = :client_id AND f.problem IS NULL AND f.item_id <> ''
        AND f.task_type IN ('workout_optimization', 'client_review')
        AND f.created_at > :since AND f.created_at <= :until
    ORDER BY f.created_at DESC, f.id DESC LIMIT :limit
""")
_TIMES = sa.text("""
    SELECT f.verdict, f.created_at, s.slot_local
    FROM ai_schedule_suggestions s
    JOIN ai_feedback f ON f.request_id = s.request_id
        AND f.item_id = s.request_id || '-' || s.rank
    WHERE s.client_id = :client_id AND s.created_at > :since AND f.problem IS NULL
        AND f.task_type = 'scheduling' AND f.created_at <= :until
    ORDER BY f.created_at DESC, f.id DESC LIMIT :limit
""")
# A plan that somebody called wrong as a whole was not taken up.
_PLAN = sa.text("""
    SELECT p.id, p.created_at, p.goal, p.fitness_level, p.weeks
    FROM ai_workout_plans p
    WHERE p.client_id = :client_id AND p.kind = 'plan' AND p.status IN ('ok', 'relaxed')
        AND p.created_at > :since AND p.created_at <= :until
        AND NOT EXISTS (SELECT FROM ai_feedback f
            WHERE f.request_id = p.request_id AND f.item_id = ''
                AND f.verdict IN ('not_helpful', 'incorrect'))
    ORDER BY p.created_at DESC LIMIT 1
""")
_ITEMS = sa.text("""
    SELECT i.week, i.key, max(i.sets) AS sets, max(i.reps) AS reps,
        max(i.duration_seconds) AS hold, max(i.rpe) AS rpe
    FROM ai_workout_plan_items i WHERE i.plan_id = :plan_id
    GROUP BY i.week, i.key ORDER BY i.week, i.key
""")


@dataclass(frozen=True, slots=True)
class Opinion:
    """One person's word. about: an exercise's key; or a proposed time, on the gym's clock."""

    verdict: Verdict
    said_at: datetime
    about: str | datetime


@dataclass(frozen=True, slots=True)
class DoneBefore:
    """An exercise as it stood in one week of a plan. hold: seconds of a timed set, else None."""

    key: str
    sets: int
    reps: int
    hold: int | None
    rpe: float | None


@dataclass(frozen=True, slots=True)
class PlanBefore:
    """The last plan that was taken up. made_at: UTC. weeks: its length, each with its exercises
    in the order of their keys."""

    made_at: datetime
    goal: str | None
    level: str | None
    weeks: tuple[tuple[DoneBefore, ...], ...]


class MemoryReader(Reader):
    """Readers for our own answers about a client and their echo."""

    _readable: bool | None = None

    def exercise_opinions(self, client_id: int, as_of: datetime) -> tuple[Opinion, ...]:
        """What was said of exercises in the year before `as_of`, newest first, at most 200."""
        rows = self._remembered(_EXERCISES, client_id, as_of, OPINION_DAYS, limit=_MOST_OPINIONS)
        return tuple(
            Opinion(cast(Verdict, row["verdict"]), row["created_at"], row["item"]) for row in rows
        )

    def time_opinions(self, client_id: int, as_of: datetime) -> tuple[Opinion, ...]:
        """What was said of proposed times in the year before `as_of`, newest first."""
        rows = self._remembered(_TIMES, client_id, as_of, OPINION_DAYS, limit=_MOST_OPINIONS)
        return tuple(
            Opinion(cast(Verdict, row["verdict"]), row["created_at"], row["slot_local"])
            for row in rows
        )

    def plan_before(self, client_id: int, as_of: datetime) -> PlanBefore | None:
        """The newest plan made a week to half a year before `as_of`, unless it was refused."""
        lived = as_of - timedelta(days=LIVED_DAYS)
        found = self._remembered(_PLAN, client_id, lived, FORGOTTEN_DAYS)
        if not found or self._connection is None:
            return None
        plan = found[0]
        weeks: dict[int, list[DoneBefore]] = {}
        for row in self._connection.execute(_ITEMS, {"plan_id": plan["id"]}).mappings():
            weeks.setdefault(row["week"], []).append(
                DoneBefore(row["key"], row["sets"], row["reps"], row["hold"], row["rpe"])
            )
        return PlanBefore(
            made_at=plan["created_at"],
            goal=plan["goal"],
            level=plan["fitness_level"],
            weeks=tuple(tuple(weeks[number]) for number in sorted(weeks)),
        )

    def _remembered(
        self, query: sa.TextClause, client_id: int, until: datetime, days: int, **more: Any
    ) -> Sequence[sa.RowMapping]:
        if self._connection is None or not self._may_remember(self._connection):
            return ()
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        since = until - timedelta(days=days)
        values = {"client_id": client_id, "since": since, "until": until, **more}
        return self._connection.execute(query, values).mappings().all()

    def _may_remember(self, connection: sa.Connection) -> bool:
        if self._readable is None:
            self._readable = bool(connection.execute(_MAY, {"names": list(_TABLES)}).scalar())
        return self._readable
