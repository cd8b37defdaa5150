"""Keeps ``sys.exit()`` and ``KeyboardInterrupt`` of an agent from ending the whole process.

asyncio lets these two through: a task that raises one stops the event loop, and with it every
other request. An agent's code runs in tasks that we do not make (LangGraph makes one for each
node, an agent may make its own), so tasks are contained where all are made: in the loop's task
factory, for every task that was started from within an agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

_inside: ContextVar[bool] = ContextVar("inside_an_agent", default=False)


class AgentExited(Exception):
    """The agent raised what was meant to end the program; carries the place where it did."""

    @classmethod
    def by(cls, error: BaseException) -> AgentExited:
        """What ``error`` becomes. Raise it ``from`` the error."""
        return cls(type(error).__name__).with_traceback(error.__traceback__)


class Contained(Coroutine[Any, Any, T]):
    """A coroutine whose ``SystemExit`` and ``KeyboardInterrupt`` are ordinary exceptions.

    Not an ``async def`` around it: one that is cancelled before its first step would leave the
    inner coroutine unawaited, which Python complains about.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        try:
            return self._coroutine.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise AgentExited.by(error) from error

    def throw(self, *error: Any) -> Any:
        try:
            return self._coroutine.throw(*error)
        except (SystemExit, KeyboardInterrupt) as raised:
            raise AgentExited.by(raised) from raised

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return (yield from self._coroutine.__await__())

    def __getattr__(self, name: str) -> Any:
        """Frames and names, for whoever shows where a task stands."""
        return getattr(self._coroutine, name)


def start(coroutine: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """A task for an agent: what it raises is contained, in the tasks that it starts as well."""
    context = copy_context()
    context.run(_inside.set, True)
    loop = asyncio.get_running_loop()
    return asyncio.Task(Contained(coroutine), loop=loop, name=name, context=context)


def result(task: asyncio.Task[T]) -> T:
    """``task.result()``; what neither is an ``Exception`` nor a cancellation is AgentExited."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Exception):
        raise AgentExited.by(error) from error
    return task.result()


def install(loop: asyncio.AbstractEventLoop) -> None:
    """Contain, from now on, every task of ``loop`` that an agent starts."""
    loop.set_task_factory(_factory)


def _factory(
    loop: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None, **more: Any
) -> asyncio.Task[Any]:
    inside = _inside.get() if context is None else context.get(_inside, False)
    if inside and not isinstance(coroutine, Contained):
        coroutine = Contained(coroutine)
    return asyncio.Task(coroutine, loop=loop, context=context, **more)
