"""What the daemon's own timer writes and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daemon.model import Json
from daemon.store.executor import Executor
from daemon.store.safe_json import dumps


class HealthStore(Executor):
    async def health_put(self, states: Sequence[Mapping[str, Json]], worker_id: str) -> int:
        """Write states, see ``ai_health_state_v1``; returns how many of them are new."""
        row = await self._row("health_put", states=dumps(list(states)), worker_id=worker_id)
        return int(row["begun"]) if row else 0

    async def suggestion_counts(self) -> dict[tuple[str, str], int]:
        """How many suggestions about code stand, by (severity, status)."""
        rows = await self._rows("suggestion_counts")
        return {(row["severity"], row["status"]): row["n"] for row in rows}
