"""Whether a daemon with nothing to do lies down, to be rung for, or stays up and looks by itself.

Lying is quickest for whoever inserts now and then: the insert rings, and the request starts at
once. Yet a ring is a notification, and the server lets only one transaction with a notification
commit at a time. Where many clients insert at once that lock becomes their pace, and nothing here
looks busy: 32 clients that could commit 3,000 times a second queue up, 150 a second get through,
and the daemon answers each at its leisure. The rings alone do not tell that from one client that
inserts 150 times a second.

So the server is asked: steady rings make the daemon look, up to four times a second, whether
anybody waits for that lock. If so it gets up for a tenth of a second: then inserts are free, and
what comes in shows what was held back. Twice as much as rang, and it stays up for as long as that
goes on; otherwise it lies down again and asks less and less often. Two more reasons to stay up for
a while: several requests that came with one look, and rings that lead to nothing (a paused agent's
requests), which are to cost nobody anything.

Pure arithmetic over monotonic seconds; :mod:`daemon.claimer` acts on it.
"""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 0.1
"""So long it stays up before it judges by what came in."""
QUICK_SECONDS = 0.02
SLOW_SECONDS = 0.05
"""Between two looks while up: after one that brought something, and after one that did not."""
MANY = 3
"""So many requests with one look, and as many rings: several clients commit at once."""
STEADY_RINGS = 8
STEADY_SECONDS = 0.5
WORTH_ROWS = 5
"""Fewer in a window are not worth staying up for."""
VAIN_RINGS = 3
"""So often in a row may a ring lead to nothing: its request may have come with an earlier look."""
VAIN_WITHIN_SECONDS = 1.0
"""More within this time hold somebody up; fewer are a trickle, or what other daemons took."""
ASK_AGAIN_SECONDS = (0.25, 30.0)
VAIN_SECONDS = (0.25, 2.0)


class Alertness:
    """Told of every look; says what to do next."""

    def __init__(self) -> None:
        self._rung: deque[float] = deque(maxlen=STEADY_RINGS)
        self._until: float | None = None
        self._rows = 0
        self._worth = 0.0
        self._trying = False
        self._not_before = 0.0
        self._ask_again, self._longest_pause = ASK_AGAIN_SECONDS
        self._vain: deque[float] = deque(maxlen=VAIN_RINGS + 1)
        self._vain_seconds, self._longest_vain = VAIN_SECONDS

    def full(self, now: float) -> None:
        """Every slot is taken, so it is up anyway; a backlog then keeps it up for a window."""
        self._stay(now, WINDOW_SECONDS, WORTH_ROWS)

    def heard(self, now: float, rings: int) -> bool:
        """Rings since the last look; True: ask the server now whether notifiers queue."""
        self._rung.extend([now] * min(rings, STEADY_RINGS))
        if self._until is not None or not rings or now < self._not_before:
            return False
        if len(self._rung) < STEADY_RINGS or now - self._rung[0] > STEADY_SECONDS:
            return False
        self._not_before = now + ASK_AGAIN_SECONDS[0]
        return True

    def queued(self, now: float) -> None:
        """They do: get up, and see whether more comes than rang."""
        rate = STEADY_RINGS / max(now - self._rung[0], WINDOW_SECONDS)
        self._stay(now, WINDOW_SECONDS, max(WORTH_ROWS, 2 * rate * WINDOW_SECONDS))
        self._trying = True

    def looked(
        self, now: float, rows: int, rings: int, meanwhile: int = 0, *, crowded: bool = False
    ) -> float | None:
        """Seconds until the next look, staying up; None: lie down.

        rows: what the look brought. rings: heard before it, since the last look; meanwhile: and
        while it looked. crowded: others commit so much that rings in vain would hold them up
        again at once; until they are fewer it stays up.
        """
        if rows:
            self._vain.clear()
            self._vain_seconds = VAIN_SECONDS[0]
        elif rings:
            self._vain.append(now)
        if self._until is None:
            self._consider(now, rows, rings + meanwhile)
        else:
            self._rows += rows
            self._judge(now, crowded)
        if self._until is None:
            return None
        return QUICK_SECONDS if rows else SLOW_SECONDS

    def _consider(self, now: float, rows: int, rings: int) -> None:
        """It lies, or has just looked for the first time: is there a reason to be up?"""
        if rows >= MANY and rings >= MANY:
            self._stay(now, WINDOW_SECONDS, WORTH_ROWS)
        elif rings and self._rung_in_vain(now):
            self._stay(now, self._vain_seconds, 1)
            self._vain_seconds = min(2 * self._vain_seconds, self._longest_vain)

    def _rung_in_vain(self, now: float) -> bool:
        """Whether rings that lead to nothing come quickly: they must not be asked for any more."""
        often = len(self._vain) > VAIN_RINGS
        return often and now - self._vain[0] <= VAIN_WITHIN_SECONDS

    def _judge(self, now: float, crowded: bool) -> None:
        """It is up: go on, for another window, or lie down."""
        assert self._until is not None
        if now < self._until and (self._rows or self._worth <= 1 or self._trying):
            return
        if now >= self._until and self._rows >= self._worth:
            self._ask_again = ASK_AGAIN_SECONDS[0]
            self._until, self._rows = now + WINDOW_SECONDS, 0
            return
        if crowded and self._worth <= 1:
            self._until = now + WINDOW_SECONDS
            return
        self._until = None
        if self._trying:
            self._not_before = now + self._ask_again
            self._ask_again = min(2 * self._ask_again, self._longest_pause)

    def _stay(self, now: float, seconds: float, worth: float) -> None:
        self._until, self._rows, self._worth = now + seconds, 0, worth
        self._trying = False
