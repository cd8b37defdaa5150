"""What an agent said, and what came of it: forecasts and proposed times meet their outcome, people
say what an answer was worth.

Looking takes rows and puts them off by a day, so that of several daemons each gets others;
settling writes an outcome once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.store.executor import Executor
from daemon.store.safe_json import dumps


class OutcomeStore(Executor):
    async def forecast_look(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Open forecasts to look at today, at most ``limit``: id, client_id, metric, as_of,
        target, direction, p10_date, p50_date, p90_date."""
        return await self._rows("forecast_look", limit=limit)

    async def forecast_settle(self, outcomes: Sequence[Mapping[str, Any]]) -> int:
        """Write outcomes: id, actual_date (ISO), abs_err_days, covered80; returns how many."""
        return await self._settle("forecast_settle", outcomes)

    async def suggestion_look(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Proposed times to look at today, at most ``limit``: id, client_id, trainer_id,
        created_at, slot_local, tz, session_id."""
        return await self._rows("suggestion_look", limit=limit)

    async def suggestion_settle(self, outcomes: Sequence[Mapping[str, Any]]) -> int:
        """Write outcomes: id, accepted_session_id, outcome; returns how many said news."""
        return await self._settle("suggestion_settle", outcomes)

    async def _settle(self, name: str, outcomes: Sequence[Mapping[str, Any]]) -> int:
        if not outcomes:
            return 0
        row = await self._row(name, outcomes=dumps(list(outcomes)))
        return int(row["settled"]) if row else 0
