"""How much others write to the database, and how long to rest for their sake.

A backlog of short attempts keeps the database busy for as long as it lasts. That is nobody's loss
while nobody else is there; beside a main app that commits by the thousand it takes processor time
that the app's own commits then wait for. So a claim that left more to do is followed by a rest
while others write as much as that: the backlog is nobody's hurry, the app's users are.

The server numbers its writing transactions, for all its databases; each claim brings the next
number. What this daemon itself commits, batch by batch, is far below BUSY_COMMITS.

Pure arithmetic over monotonic seconds; :mod:`daemon.claimer` acts on it.
"""

from __future__ import annotations

BUSY_COMMITS = 1000.0
"""Writing transactions a second from which on the database is busy with others."""
SMOOTH_SECONDS = 0.25
"""So long a rate is taken over: a moment's burst, or a moment's silence, decides nothing."""
REST = 19.0
"""Times as long as the claim took. What it brought is run and ended in about the same time again:
nine tenths of the time belong to others."""
REST_SECONDS = 0.25
"""Never longer than this, and so long after a look that found nothing to claim."""


class Neighbours:
    """Told of every claim; says how long to rest before the next."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None
        self._commits = 0.0

    @property
    def busy(self) -> bool:
        """Whether others write so much that they would feel a daemon at full speed."""
        return self._commits >= BUSY_COMMITS

    def claimed(self, now: float, transactions: int) -> None:
        """transactions: how many that wrote the server has seen so far."""
        if self._since is None or transactions < self._since[1]:  # another server took over
            self._since, self._commits = (now, transactions), 0.0
            return
        seconds = now - self._since[0]
        if seconds >= SMOOTH_SECONDS:
            self._commits = (transactions - self._since[1]) / seconds
            self._since = (now, transactions)

    def rest_seconds(self, claim_seconds: float) -> float:
        """After a claim that took so long and left more to do."""
        return min(REST * claim_seconds, REST_SECONDS) if self.busy else 0.0

    def pause_seconds(self, pause_seconds: float) -> float:
        """After a look that found nothing, where otherwise ``pause_seconds`` would be enough."""
        return max(pause_seconds, REST_SECONDS) if self.busy else pause_seconds
