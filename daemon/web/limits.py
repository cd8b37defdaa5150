"""Token buckets by name: how often somebody may do something, in this process.

A bucket holds ``burst`` tokens and gets ``per_second`` back. Names nobody used for long are
forgotten, so a flood of made-up names costs no memory.
"""

from __future__ import annotations

from collections import OrderedDict

from daemon import clock

MOST_NAMES = 10_000


class Buckets:
    """``take`` and ``look`` return 0.0, or the seconds after which a token will be there."""

    def __init__(
        self, per_second: float, burst: float, now: clock.Monotonic = clock.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def look(self, name: str) -> float:
        """Whether a token could be taken."""
        tokens, _ = self._level(name)
        return max(0.0, (1.0 - tokens) / self._per_second)

    def take(self, name: str) -> float:
        """Take a token, if there is one."""
        tokens, now = self._level(name)
        if tokens < 1.0:
            return (1.0 - tokens) / self._per_second
        self._buckets[name] = (tokens - 1.0, now)
        self._buckets.move_to_end(name)
        while len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)
        return 0.0

    def _level(self, name: str) -> tuple[float, float]:
        now = self._now()
        tokens, at = self._buckets.get(name, (self._burst, now))
        return min(self._burst, tokens + (now - at) * self._per_second), now
