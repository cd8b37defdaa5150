"""Sections that several people look at are made once for all of them.

Whenever something changes every open page fetches its sections again, at the same moment. Twenty
people at the overview would have its reads made and its tables rendered twenty times; here the
first one's are everybody's, until something changes again.

What differs between people is left out: sections are kept for each role, and in place of the
session's token stands a mark, which is replaced when a section is handed over. And pages have to
ask for it (``Page.shared``): of one that reads something before its sections are made, what was
read before a change could be kept as if it had been read after it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from daemon import clock

KEPT_SECONDS = 1.0
MOST_KEPT = 500

Key = tuple[str, str, str]
"""Address of the page, role, name of the section."""


@dataclass(frozen=True, slots=True)
class _Kept:
    making: asyncio.Task[str]
    until_monotonic: float


class Sections:
    """HTML of sections by page, role and name. Safe to share between tasks."""

    def __init__(self) -> None:
        self.token_mark = secrets.token_hex(16)
        """Stands where a form carries the session's token; it is never sent."""
        self._kept: dict[Key, _Kept] = {}

    async def html(self, key: Key, make: Callable[[], Awaitable[str]]) -> str:
        """The section as it was made since the last change, within a second; else ``make()``.

        Raises what ``make`` raised, to all who waited for it.
        """
        now = clock.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept.until_monotonic < now or _failed(kept.making):
            if len(self._kept) >= MOST_KEPT:
                self.forget()
            # A task of its own: whoever asked first may hang up, and the others wait for it too.
            kept = _Kept(asyncio.ensure_future(make()), now + KEPT_SECONDS)
            self._kept[key] = kept
        return await asyncio.shield(kept.making)

    def forget(self) -> None:
        """Something changed: what is kept, or being made, is of before."""
        self._kept.clear()


def _failed(making: asyncio.Task[str]) -> bool:
    return making.done() and (making.cancelled() or making.exception() is not None)
