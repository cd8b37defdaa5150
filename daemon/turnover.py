"""How fast slots change hands, and so how much may be claimed before there is a slot for it.

While a claim is on its way nothing of it can run. Where attempts take seconds that is nothing;
where they take less than the claim itself, a worker that claims only for slots that are free
spends half its time waiting. So it claims ahead: as many as ended within the last moment will have
a slot again a moment after the claim has answered. Little's law, with a wait of RECENT_SECONDS.

What stands still gives no reason to claim ahead: the count fades by itself.

Pure arithmetic over monotonic seconds; :mod:`daemon.claimer` acts on it.
"""

from __future__ import annotations

import math

RECENT_SECONDS = 0.05


class Turnover:
    """Told of every agent that ended."""

    def __init__(self) -> None:
        self._ended = 0.0
        self._as_of = 0.0

    def ended(self, now: float) -> None:
        self._ended = self.recent(now) + 1.0
        self._as_of = now

    def recent(self, now: float) -> float:
        """How many ended within the last moment; the longer ago, the less each counts."""
        return self._ended * math.exp((self._as_of - now) / RECENT_SECONDS)
