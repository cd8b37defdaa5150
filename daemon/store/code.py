"""Where the main app's code is read from, and how the last look went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from daemon.store.executor import Executor
from daemon.store.safe_json import dumps


@dataclass(frozen=True, slots=True)
class CodeSource:
    """A source to look at: its place, and what was there the last time."""

    name: str
    kind: Literal["checkout", "archive", "image"]
    location: str
    repository: str
    branch: str | None
    last_commit: str | None
    etag: str | None


class CodeStore(Executor):
    async def code_source_put(self, name: str, kind: str, location: str, repository: str) -> None:
        """Make a source known, or say that it is somewhere else now."""
        await self._rows(
            "code_source_put", name=name, kind=kind, location=location, repository=repository
        )

    async def code_source_take(self, names: Sequence[str]) -> list[CodeSource]:
        """Those whose time has come; each goes to one of several daemons."""
        rows = await self._rows("code_source_take", names=list(names))
        return [CodeSource(**row) for row in rows]

    async def code_source_settle(
        self,
        name: str,
        *,
        commit: str | None = None,
        etag: str | None = None,
        problem: str | None = None,
        input_data: Mapping[str, Any] | None = None,
    ) -> int | None:
        """Note what a look found; with ``input_data`` ask for its analysis, once per change.

        Returns the id of the request that was made.
        """
        row = await self._row(
            "code_source_settle",
            name=name,
            commit=commit,
            etag=etag,
            problem=problem,
            input_data=None if input_data is None else dumps(dict(input_data)),
        )
        return None if row is None else row["id"]
