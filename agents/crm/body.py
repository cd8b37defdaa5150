"""Goals and what was measured. Units and wrong statuses are handed on, not repaired here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from agents.crm.reader import Query, Reader, Row
from agents.crm.rows import BloodPressure, GoalRow, MeasurementRow, MilestoneRow, ProgressRow
from agents.crm.words import fold

GIRTHS = (
    "chest",
    "waist",
    "hips",
    "thigh_left",
    "thigh_right",
    "arm_left",
    "arm_right",
    "calf_left",
    "calf_right",
)
_PRIORITIES = {"high": 0, "medium": 1, "low": 2}
_SYSTOLIC = range(60, 301)
_DIASTOLIC = range(30, 201)
_MOST_GOALS = 200
_MOST_MEASUREMENTS = 2_000


class BodyReader(Reader):
    """Readers for goals, measurements and imported progress records."""

    def body_ahead(self, client_ids: Iterable[int]) -> None:
        """Read goals, measurements and records of these clients with one scan each; the readers
        then answer for each of them."""
        ids = tuple(client_ids)
        for query in (_goals(0), _records(0), self._measurements(0, None)):
            self.read_ahead(query, ids)

    def goals(
        self, client_id: int, *, active_only: bool = False, milestones: bool = True
    ) -> tuple[GoalRow, ...]:
        """The client's goals with their milestones: high priority first, then the newest start.

        milestones: False spares the scan of their table.
        """
        rows = self.read(_goals(client_id))
        ids = tuple(sorted(row["id"] for row in rows)) if milestones else ()
        steps = self._milestones(ids) if ids else {}
        goals = [_goal(row, steps.get(row["id"], ())) for row in rows]
        chosen = [goal for goal in goals if goal.status == "active" or not active_only]
        return tuple(sorted(chosen, key=lambda goal: _PRIORITIES.get(goal.priority, 1)))

    def _milestones(self, goal_ids: tuple[int, ...]) -> dict[int, tuple[MilestoneRow, ...]]:
        found: defaultdict[int, list[MilestoneRow]] = defaultdict(list)
        for row in self.read(
            Query(
                "goal_milestones",
                by=(("goal_id", goal_ids),),
                order=("target_date", "id"),
                limit=1_000,
            )
        ):
            found[row["goal_id"]].append(
                MilestoneRow(
                    id=row["id"],
                    goal_id=row["goal_id"],
                    title=row["title"],
                    target_value=row["target_value"],
                    target_date=row["target_date"],
                    completed=bool(row["completed"]),
                    completed_date=row["completed_date"],
                )
            )
        return {goal_id: tuple(rows) for goal_id, rows in found.items()}

    def measurements(
        self, client_id: int, as_of: datetime, since: datetime | None = None
    ) -> tuple[MeasurementRow, ...]:
        """Readings up to `as_of`, oldest first; at most the newest 2,000.

        `since` is inclusive. Rows dated later are left out and counted in a warning
        (`future_rows_ignored`). Several a day occur.
        """
        rows = self.read(self._measurements(client_id, since))
        kept = self._until("measurements", "measurement_date", rows, as_of)
        return tuple(_measurement(row) for row in reversed(kept))

    def _measurements(self, client_id: int, since: datetime | None) -> Query:
        return Query(
            "measurements",
            by=(("client_id", client_id),),
            window=("measurement_date", self.wall(since) if since else None, None),
            order=("-measurement_date", "-id"),
            limit=_MOST_MEASUREMENTS,
        )

    def blood_pressure(self, client_id: int, as_of: datetime) -> BloodPressure | None:
        """The newest plausible blood pressure up to `as_of`, None if nobody measured one."""
        for row in reversed(self.measurements(client_id, as_of)):
            systolic = row.systolic if row.systolic in _SYSTOLIC else None
            diastolic = row.diastolic if row.diastolic in _DIASTOLIC else None
            if (systolic, diastolic) != (row.systolic, row.diastolic):
                self.warn("implausible_value: measurements.blood_pressure was left out")
            if systolic is not None or diastolic is not None:
                return BloodPressure(row.id, row.measured_at, systolic, diastolic)
        return None

    def progress_records(self, client_id: int, as_of: datetime) -> tuple[ProgressRow, ...]:
        """Imported records up to `as_of`, oldest first; usually there are none."""
        rows = self.read(_records(client_id))
        kept = self._until("progress_records", "record_date", rows, as_of)
        return tuple(
            ProgressRow(
                id=row["id"],
                client_id=row["client_id"],
                recorded_at=row["record_date"],
                weight=row["weight"],
                body_fat_percentage=row["body_fat_percentage"],
                measurements=row["measurements"],
                notes=row["notes"],
            )
            for row in reversed(kept)
        )

    def _until(self, table: str, column: str, rows: Sequence[Row], as_of: datetime) -> list[Row]:
        """Rows that exist at `as_of`, on the later of two clocks: pages store wall time, the
        server UTC."""
        end = max(self.wall(as_of), self.utc(as_of))
        dated = [row for row in rows if row[column] is not None]
        kept = [row for row in dated if row[column] <= end]
        if len(kept) < len(dated):
            self.warn(f"future_rows_ignored: {table} {len(dated) - len(kept)}")
        return kept


def _goals(client_id: int) -> Query:
    return Query(
        "goals",
        by=(("client_id", client_id),),
        order=("-start_date", "-id"),
        limit=_MOST_GOALS,
    )


def _records(client_id: int) -> Query:
    return Query(
        "progress_records",
        by=(("client_id", client_id),),
        window=("record_date", None, None),
        order=("-record_date", "-id"),
        limit=_MOST_MEASUREMENTS,
    )


def _goal(row: Row, milestones: tuple[MilestoneRow, ...]) -> GoalRow:
    return GoalRow(
        id=row["id"],
        client_id=row["client_id"],
        title=row["title"],
        status=fold(row["status"], "active"),
        priority=fold(row["priority"], "medium"),
        description=row["description"],
        category=row["category"],
        target_value=row["target_value"],
        target_unit=row["target_unit"],
        current_value=row["current_value"],
        start_date=row["start_date"],
        target_date=row["target_date"],
        completed_date=row["completed_date"],
        notes=row["notes"],
        milestones=milestones,
    )


def _measurement(row: Row) -> MeasurementRow:
    girths = {name: row[name] for name in GIRTHS if row[name] is not None}
    return MeasurementRow(
        id=row["id"],
        client_id=row["client_id"],
        measured_at=row["measurement_date"],
        weight=row["weight"],
        weight_unit=row["weight_unit"],
        body_fat_percentage=row["body_fat_percentage"],
        muscle_mass=row["muscle_mass"],
        bmi=row["bmi"],
        girths=girths,
        girth_unit=row["measurement_unit"],
        resting_heart_rate=row["resting_heart_rate"],
        systolic=row["blood_pressure_systolic"],
        diastolic=row["blood_pressure_diastolic"],
        notes=row["notes"],
        recorded_by=row["recorded_by"],
    )
