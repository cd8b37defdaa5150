"""How long single steps keep an event loop from everything else.

What counts is the processor time that the loop's own thread spends in one callback: a machine that
is busy with something else, or a thread that holds the interpreter for a moment, adds waiting but
no processor time, so a limit on it holds on a loaded machine too. What is left of the neighbours
is that they crowd the processor's caches, which makes now this step longer and now that one; a
step that is too long by itself is so each time, and :func:`too_long` looks again before it says
so.
"""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_handle: Any = asyncio.Handle
_run: Any = _handle._run


@dataclass(frozen=True)
class Step:
    """One callback: how long it kept the loop, in seconds of processor time, and what it was."""

    seconds: float
    what: str


@dataclass
class Steps:
    """The longest callbacks first."""

    longest: list[Step] = field(default_factory=list)

    def note(self, seconds: float, what: str) -> None:
        if len(self.longest) < 20 or seconds > self.longest[-1].seconds:
            self.longest.append(Step(seconds, what))
            self.longest.sort(key=lambda step: -step.seconds)
            del self.longest[20:]

    def over(self, seconds: float) -> list[Step]:
        """Callbacks that kept the loop longer."""
        return [step for step in self.longest if step.seconds > seconds]


def _name(handle: Any) -> str:
    callback: Any = handle._callback
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        coroutine: Any = task.get_coro()
        frame = getattr(coroutine, "cr_frame", None)
        node = getattr(frame.f_locals.get("self"), "name", None) if frame else None
        given = re.sub(r"^Task-\d+$", "", task.get_name())  # a counter is no name
        return f"{given} {getattr(coroutine, '__qualname__', '')} {node or ''}".strip()
    return str(getattr(callback, "__qualname__", callback))


@contextmanager
def watched_steps() -> Iterator[Steps]:
    """Note every callback of this thread's loop inside the block.

    What is loaded is left out of garbage collection, as in a worker that has started.
    """
    steps = Steps()
    thread = threading.get_ident()

    def run(handle: Any) -> None:
        if threading.get_ident() != thread:
            _run(handle)
            return
        what = _name(handle)  # a coroutine that is done has forgotten its name
        began = time.thread_time()
        _run(handle)
        steps.note(time.thread_time() - began, what)

    gc.collect()
    gc.freeze()
    _handle._run = run
    try:
        yield steps
    finally:
        _handle._run = _run
        gc.unfreeze()


async def too_long(
    work: Callable[[], Awaitable[None]], seconds: float, *, rounds: int = 3
) -> list[str]:
    """Names of the callbacks that keep the loop longer each time that ``work`` is done."""
    found: set[str] | None = None
    for _ in range(rounds):
        with watched_steps() as steps:
            await work()
        over = {step.what for step in steps.over(seconds)}
        found = over if found is None else found & over
        if not found:
            break
    return sorted(found or ())
