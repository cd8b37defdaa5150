"""From what happened in an attempt to its Outcome: the whole retry policy, as one pure function.

| what happened                                   | outcome   | attempt   |
|--------------------------------------------------|-----------|-----------|
| the agent answered                               | Complete  | used      |
| the lease is gone                                | Lost      | nobody's  |
| somebody cancelled                               | Cancel    | used      |
| this worker drains                               | Release   | given back |
| the model is to be had later (429, breaker)      | Snooze    | given back |
| a person must answer                             | Wait      | given back |
| an error that another try may mend               | Retry     | used      |
| out of time                                      | Retry     | used      |
| an error that no try will mend                   | Fail      | used      |

An unexpected exception is reported by its type and place only: its text may hold a client's data.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from dataclasses import dataclass
from pathlib import Path

from agents.base import AgentError, Drained
from daemon import backoff
from daemon.errors import LeaseLost
from daemon.model import (
    Cancel,
    ErrorInfo,
    Fail,
    Lost,
    Outcome,
    Release,
    Retry,
    Shortage,
    Snooze,
    Wait,
)

ROOT = Path(__file__).resolve().parent.parent
STACK_ENDS = 20
"""How many frames of a deep stack are shown at each end."""


class Snoozed(Exception):
    """Nothing is wrong with the request; it must come back later. Carries the delay in seconds.

    shortage: what it waits for, where that is money.
    """

    def __init__(
        self, delay_seconds: float, reason: str, shortage: Shortage | None = None
    ) -> None:
        super().__init__(reason)
        self.delay_seconds = delay_seconds
        self.reason = reason
        self.shortage = shortage


class CancelRequested(Exception):
    """Somebody asked to cancel this request; nothing more is bought for it."""


class WaitingForPerson(Exception):
    """The agent asked a question that nobody has answered yet."""


class AgentTimedOut(Exception):
    """The attempt passed its deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} seconds")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was true when the attempt ended."""

    attempt: int
    lost: bool = False
    cancelled: bool = False
    draining: bool = False


def decide(
    error: BaseException, circumstances: Circumstances, *, rng: random.Random | None = None
) -> Outcome:
    """The outcome of an attempt that raised ``error``."""
    if circumstances.lost or isinstance(error, LeaseLost):
        return Lost()
    if circumstances.cancelled:
        return Cancel()
    match error:
        case Drained():
            return Release()
        case asyncio.CancelledError() if circumstances.draining:
            return Release()
        case Snoozed():
            return Snooze(error.delay_seconds, error.reason, error.shortage)
        case CancelRequested():
            return Cancel()
        case WaitingForPerson():
            return Wait()
        case AgentError(retryable=False):
            return Fail(describe(error))
        case AgentError(retry_after_seconds=float() | int() as delay):
            return Retry(describe(error), float(delay))
        case _:
            return Retry(describe(error), backoff.full_jitter(circumstances.attempt, rng=rng))


def describe(error: BaseException) -> ErrorInfo:
    """``ai_requests.error`` for an exception."""
    if isinstance(error, AgentError):
        return ErrorInfo(error.code, error.message, error.hint, error.retryable)
    if isinstance(error, AgentTimedOut):
        return ErrorInfo(
            "timeout",
            f"the agent gave {error}",
            "if this repeats, look at the attempt's events for the slow node",
            retryable=True,
        )
    return ErrorInfo(
        "agent_error",
        f"{type(error).__name__} in {where(error)}",
        "this is a bug in the agent or a fault around it; the log has the stack",
        retryable=True,
    )


def where(error: BaseException) -> str:
    """File and line, from the repository's root, of the innermost frame of ours."""
    ours = [line for line in stack(error) if not line.startswith("…")]
    return ours[-1].partition(" ")[0] if ours else "code outside this repository"


def stack(error: BaseException) -> list[str]:
    """The frames of an exception, outermost first, as ``file:line function``: no values, no text.

    Frames outside this repository begin with ``…``. Of a deep stack (an endless recursion) the
    middle is left out.
    """
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        inside = path.is_relative_to(ROOT) and ".venv" not in path.parts
        name = str(path.relative_to(ROOT)) if inside else f"…{path.name}"
        lines.append(f"{name}:{frame.lineno} {frame.name}")
    if len(lines) > 2 * STACK_ENDS:
        lines[STACK_ENDS:-STACK_ENDS] = [f"… {len(lines) - 2 * STACK_ENDS} frames"]
    return lines
