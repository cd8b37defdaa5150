"""How fast slots change hands, and so how much may be claimed before there is a slot for it.

While a claim is on its way nothing of it can run. Where attempts take seconds that is nothing;
where they take less than the claim itself, a worker that claims only for slots that are free
spends half its time waiting. So it claims ahead, of the agents that are quick: as many as ended
within the last moment will have a slot again a moment after the claim has answered. Little's law,
with a wait of RECENT_SECONDS.

Quick is an agent of which no more run than ended within the last moment. What stands still gives
no reason to claim ahead: the counts fade by themselves.

Pure arithmetic over monotonic seconds; :mod:`daemon.claimer` acts on it.
"""

from __future__ import annotations

import math

RECENT_SECONDS = 0.05
PRECISE_SECONDS = 0.001
"""It is told and asked for every attempt: what is closer together happens at once."""


class _Agent:
    """One agent's attempts: how many run, and how many have ended lately."""

    def __init__(self) -> None:
        self.running = 0
        self._ended = 0.0
        self._as_of = 0.0

    def end(self, now: float) -> None:
        if now - self._as_of >= PRECISE_SECONDS:
            self._ended, self._as_of = self.recent(now), now
        self._ended += 1.0
        self.running -= 1

    def recent(self, now: float) -> float:
        """How many ended within the last moment; the longer ago, the less each counts."""
        return self._ended * math.exp((self._as_of - now) / RECENT_SECONDS)


class Turnover:
    """Told of every attempt that begins and ends; says which agents are quick, and how quick."""

    def __init__(self) -> None:
        self._agents: dict[str, _Agent] = {}
        self._quick: list[str] = []
        self._soon = 0
        self._judged_at = -math.inf

    def began(self, task_type: str) -> None:
        agent = self._agents.get(task_type)
        if agent is None:
            agent = self._agents[task_type] = _Agent()
        agent.running += 1

    def ended(self, task_type: str, now: float) -> None:
        self._agents[task_type].end(now)

    def quick(self, now: float) -> list[str]:
        """The task types of which as many end within a moment as run."""
        self._judge(now)
        return self._quick

    def soon(self, now: float) -> int:
        """How many attempts of quick agents end within a moment."""
        self._judge(now)
        return self._soon

    def _judge(self, now: float) -> None:
        if now - self._judged_at < PRECISE_SECONDS:
            return
        self._judged_at = now
        recent = {name: agent.recent(now) for name, agent in self._agents.items()}
        self._quick = [
            name for name, n in recent.items() if n >= max(1, self._agents[name].running)
        ]
        self._soon = int(sum(recent[name] for name in self._quick))
