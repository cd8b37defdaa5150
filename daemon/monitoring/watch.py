"""Looks at each source when its time has come, and asks for an analysis of what changed.

Of several daemons one looks, since taking a source is a write; a change is asked for once, since
its request and the source's new commit are written together. Several commits between two looks are
one change. A source that cannot be read says why in its row, and is tried again at its pace.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.monitoring.archive import Unreadable
from daemon.monitoring.sources import Sources
from daemon.store import CodeSource, Store
from daemon.upkeep import Duties

LOOK_SECONDS = 30.0

log = get_logger(__name__)


class Monitoring(Service):
    """enabled: False watches nothing; requests about code are answered all the same."""

    name: ClassVar[str] = "code monitoring"

    def __init__(self, store: Store, sources: Sources, *, enabled: bool) -> None:
        super().__init__()
        self._store = store
        self._sources = sources
        self._enabled = enabled
        self._known = False
        self._duties = Duties()

    async def _run(self) -> None:
        if not self._enabled or not self._sources.places:
            log.info("code_not_watched", enabled=self._enabled, reason=self._reason())
            await asyncio.Event().wait()
        while True:
            await self._duties.attempt(self.look)
            self.signals.emit("looked")
            await asyncio.sleep(LOOK_SECONDS)

    def _reason(self) -> str:
        if not self._enabled:
            return "ENABLE_CODE_MONITORING is false"
        return "neither CODE_MONITOR_PATH nor CODE_REPOSITORY is set"

    async def look(self) -> int:
        """Look at what is due; returns how many requests were made."""
        if not self._known:
            for place in self._sources.places.values():
                await self._store.code_source_put(
                    place.name, place.kind, place.location, place.repository
                )
            self._known = True
        made = 0
        for source in await self._store.code_source_take([*self._sources.places]):
            made += await self._look_at(source)
        return made

    async def _look_at(self, source: CodeSource) -> int:
        try:
            seen = await self._sources.look(source)
        except Exception as error:  # noqa: BLE001 - what is odd about a repository is its own trouble
            known = isinstance(error, Unreadable | OSError)
            reason = str(error) if known else f"it cannot be read: {type(error).__name__}: {error}"
            log.warning("code_unreadable", source=source.name, reason=reason)
            await self._store.code_source_settle(source.name, problem=reason[:500])
            return 0
        if seen.commit is None or seen.commit == source.last_commit:
            await self._store.code_source_settle(source.name, etag=seen.etag)
            return 0
        wish: dict[str, Any] = {"source": source.name, "commit": seen.commit}
        if seen.since is not None:
            wish["range"] = f"{seen.since}..{seen.commit}"
        request_id = await self._store.code_source_settle(
            source.name, commit=seen.commit, etag=seen.etag, input_data=wish
        )
        if request_id is None:
            return 0
        log.info("code_changed", source=source.name, commit=seen.commit, request_id=request_id)
        return 1
