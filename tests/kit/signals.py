"""Waiting for something to become true, with a deadline, instead of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

# Long enough for a busy machine; a passing test never waits for it.
PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.01


def until(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS, *, what: str = "") -> T:
    """Return the first truthy value of `condition`. Raises TimeoutError after `seconds`.

    The error carries `what` and the last value seen. An exception of `condition` passes through.
    """
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(_missed(condition, seconds, what, value))
        time.sleep(PAUSE_SECONDS)


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], seconds: float = ..., *, what: str = ...
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T], seconds: float = ..., *, what: str = ...
) -> T: ...


async def eventually(
    condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS, *, what: str = ""
) -> Any:
    """Like `until`, without blocking the loop; `condition` may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        seen = condition()
        value = await seen if inspect.isawaitable(seen) else seen
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(_missed(condition, seconds, what, value))
        await asyncio.sleep(PAUSE_SECONDS)


def _missed(condition: Callable[..., object], seconds: float, what: str, value: object) -> str:
    name = what or getattr(condition, "__name__", repr(condition))
    return f"not within {seconds:g} seconds: {name}; last value: {value!r}"
