"""Requests that the database does not let start or end, as where a trigger of the app's raises.

They are left alone for a minute, and nothing else waits for them. Whatever keeps them is the app's
to mend, so the log says it, once an hour for each reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from daemon import clock
from daemon.log import get_logger

REST_SECONDS = 60.0
TOLD_SECONDS = 3600.0
MOST = 1000
"""So many are passed over: whoever looks for requests compares each that he finds with them."""

log = get_logger(__name__)


class Refusals:
    """Those of one duty. event: the log's word for a refusal."""

    def __init__(self, event: str, *, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._event = event
        self._monotonic = monotonic
        self._past: set[int] = set()
        self._since = monotonic()
        self._told: dict[str, float] = {}

    def past(self) -> Collection[int]:
        """Whom to pass over now; nobody once a minute."""
        if self._monotonic() - self._since > REST_SECONDS:
            self._past.clear()
            self._since = self._monotonic()
        return self._past

    def add(self, refused: Mapping[int, str]) -> int:
        """Remember them; returns how many are new. refused: why, by the requests' ids."""
        before = len(self._past)
        now = self._monotonic()
        for request_id, why in refused.items():
            if now - self._told.get(why, -TOLD_SECONDS) >= TOLD_SECONDS:
                self._told[why] = now
                log.error(self._event, request_id=request_id, error=why)
            if len(self._past) < MOST:
                self._past.add(request_id)
        return len(self._past) - before
