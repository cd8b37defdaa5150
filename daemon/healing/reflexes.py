"""Writes down what the service does by itself to stay well, so that an admin can see it.

Whoever acts only puts a note here, which costs a list's append; the rows are written with the next
look of :mod:`daemon.healing.engine`. What cannot be told by its doer is looked for: open breakers,
models that stood in for others, answers without a model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.healing.rules import RULES, Setting
from daemon.healing.store import HealingStore, Outcome
from daemon.meters import Meters

Json = Any
MOST_NOTES = 100
CORRECTNESS = frozenset({"rescue_lease", "set_guards"})
"""These are written down whatever ``ENABLE_SELF_HEALING`` says."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was done. rule: its name in ``rules.RULES``."""

    rule: str
    target: str
    reason: str
    before: Mapping[str, Json]
    after: Mapping[str, Json]
    outcome: Outcome = "done"


class Reflexes:
    """fallbacks: by model, how often it answered for another since the start."""

    def __init__(
        self,
        store: HealingStore,
        meters: Meters,
        worker_id: str,
        fallbacks: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._store = store
        self._meters = meters
        self._worker_id = worker_id
        self._fallbacks = fallbacks
        self._answered: dict[str, int] = {}
        self._notes: deque[Note] = deque(maxlen=MOST_NOTES)
        self.wake: Callable[[], None] = lambda: None
        """Called with each note; whoever flushes sets it."""

    def rescued(self, requests: int) -> None:
        """Requests whose lease ran out are pending again."""
        self._add("rescue_lease", "", "their leases ran out", {"requests": requests}, {"left": 0})

    def restarted_listener(self, seconds: float) -> None:
        """A lost listening connection was replaced by one that hears."""
        self._own("restart_listener", "connection lost", {"deaf_seconds": round(seconds, 1)})

    def polls(self) -> None:
        """Notifications do not arrive, so the queue is polled."""
        self._own("poll_instead", "LISTEN is accepted but nothing arrives", {"polling": True})

    def pruned(self, rows: int) -> None:
        """Rows past their time were deleted."""
        self._add("prune", "", "kept long enough", {"rows": rows}, {"rows": 0})

    def caught_up(self, schedule: str, late_seconds: float) -> None:
        """The newest missed slot of a schedule was run."""
        late = {"late_seconds": round(late_seconds)}
        self._add("catch_up_schedule", schedule, "nobody looked when it came", late, {})

    def guarded(self, guards: str, *, pooled: bool) -> None:
        """Limits were set on each connection; behind a transaction pooler they cannot be."""
        outcome: Outcome = "no_effect" if pooled else "done"
        reason = (
            "a transaction pooler stands between: nothing may be set"
            if pooled
            else "no statement of ours may hold up the main app"
        )
        self._note(Note("set_guards", self._worker_id, reason, {}, {"guards": guards}, outcome))

    async def flush(
        self,
        *,
        enabled: bool,
        settings: Mapping[str, Setting],
        absent: Collection[str] = (),
    ) -> None:
        """Write down what was noted and what is found. Raises psycopg.Error; nothing is lost.

        absent: statements that would find nothing, as of ``HealingStore.absent``.
        """
        if enabled:
            await self._look(absent)
        while self._notes:
            note = self._notes[0]
            rule = RULES[note.rule]
            wanted = settings.get(note.rule, rule.mode) != "off"
            if (enabled and wanted) or note.rule in CORRECTNESS:
                written = await self._store.record(
                    rule,
                    note.target,
                    note.reason,
                    self._worker_id,
                    before=note.before,
                    after=note.after,
                    outcome=note.outcome,
                )
                if written:
                    self._meters.healing_actions.labels(rule.name, note.outcome).inc()
            if self._notes and self._notes[0] is note:
                self._notes.popleft()

    async def _look(self, absent: Collection[str]) -> None:
        for row in await self._found("healing_breakers", absent):
            after = {name: row[name] for name in ("state", "failures", "opened_count", "until")}
            self._notes.append(Note("open_breaker", row["model"], row["reason"] or "", {}, after))
        for row in await self._found("healing_degraded", absent):
            before = {"requests": row["requests"]}
            self._notes.append(Note("answer_without_model", row["reason"], "", before, {}))
        answered = dict(self._fallbacks())
        for model, count in answered.items():
            more = count - self._answered.get(model, 0)
            if more:
                calls = {"calls": more}
                self._notes.append(Note("fallback_model", model, "asked instead", calls, {}))
        self._answered = answered

    async def _found(self, name: str, absent: Collection[str]) -> Sequence[Mapping[str, Any]]:
        return () if name in absent else await self._store.look(name)

    def _own(self, rule: str, reason: str, after: Mapping[str, Json]) -> None:
        self._add(rule, self._worker_id, reason, {}, after)

    def _add(
        self,
        rule: str,
        target: str,
        reason: str,
        before: Mapping[str, Json],
        after: Mapping[str, Json],
    ) -> None:
        self._note(Note(rule, target, reason, before, after))

    def _note(self, note: Note) -> None:
        self._notes.append(note)
        self.wake()
