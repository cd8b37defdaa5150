"""The retry policy: what happened in an attempt decides how it ends."""

from __future__ import annotations

import asyncio
import random

import pytest

from agents.base import AgentError, ClientNotFound, Drained, InvalidInput, ProviderUnavailable
from daemon.errors import LeaseLost
from daemon.model import ERROR_CODES, Cancel, Fail, Lost, Release, Retry, Snooze, Wait
from daemon.outcome import (
    STACK_ENDS,
    AgentTimedOut,
    Circumstances,
    Snoozed,
    WaitingForPerson,
    decide,
    stack,
)

FIRST = Circumstances(attempt=1)


def test_a_lost_lease_silences_everything_else() -> None:
    """An attempt whose lease is gone writes nothing, whatever else went wrong with it."""
    lost = Circumstances(attempt=1, lost=True, cancelled=True, draining=True)
    for error in (ValueError("x"), ClientNotFound(1), asyncio.CancelledError(), Snoozed(1, "x")):
        assert decide(error, lost) == Lost()
    assert decide(LeaseLost("gone"), FIRST) == Lost()


def test_a_cancel_beats_a_retry_and_a_drain() -> None:
    """A cancelled request ends as cancelled even if the agent failed while it stopped."""
    cancelled = Circumstances(attempt=1, cancelled=True, draining=True)
    assert decide(ValueError("x"), cancelled) == Cancel()
    assert decide(asyncio.CancelledError(), cancelled) == Cancel()


def test_a_drain_gives_the_attempt_back() -> None:
    """A worker that stops releases its requests instead of failing them."""
    draining = Circumstances(attempt=1, draining=True)
    assert decide(asyncio.CancelledError(), draining) == Release()
    assert decide(Drained(), draining) == Release()


def test_an_agent_that_cancels_itself_uses_an_attempt() -> None:
    """A stray CancelledError is an agent's fault, not a reason to run it again for ever."""
    assert isinstance(decide(asyncio.CancelledError(), FIRST), Retry)


def test_snooze_and_wait_are_no_failures() -> None:
    """Waiting for the provider or for a person is not an error of the request."""
    assert decide(Snoozed(90.0, "rate limited"), FIRST) == Snooze(90.0, "rate limited")
    assert decide(WaitingForPerson("k"), FIRST) == Wait()


@pytest.mark.parametrize(
    "error", [ClientNotFound(7), InvalidInput("field"), ProviderUnavailable("down")]
)
def test_errors_that_no_try_mends_fail_at_once(error: AgentError) -> None:
    """A permanent error spends one attempt, not three."""
    outcome = decide(error, FIRST)
    assert isinstance(outcome, Fail)
    assert outcome.error.code == error.code
    assert outcome.error.message == error.message


def test_retry_after_is_obeyed_to_the_second() -> None:
    """An agent that knows when to come back is believed."""
    outcome = decide(AgentError("busy", retry_after_seconds=17), FIRST)
    assert isinstance(outcome, Retry)
    assert outcome.delay_seconds == 17.0


def test_retries_are_spread_and_grow() -> None:
    """Backoff is jittered over the whole interval and its limit doubles with each attempt."""
    rng = random.Random(4)
    for attempt, limit in ((1, 1.0), (2, 2.0), (3, 4.0), (40, 300.0)):
        delays = [
            decide(ValueError(), Circumstances(attempt), rng=rng).delay_seconds  # type: ignore[union-attr]
            for _ in range(200)
        ]
        assert all(0 < delay <= limit for delay in delays)
        assert min(delays) < 0.1 * limit
        assert max(delays) > 0.9 * limit


def test_an_unexpected_error_tells_its_place_but_not_its_text() -> None:
    """The text of a stranger's exception may hold a client's data and is not repeated."""

    def fails() -> None:
        raise KeyError("the client's secret illness")

    try:
        fails()
    except KeyError as error:
        outcome = decide(error, FIRST)
    assert isinstance(outcome, Retry)
    assert outcome.error.code == "agent_error"
    assert "illness" not in str(outcome.error.as_json())
    assert "KeyError in tests/unit/test_outcome.py:" in outcome.error.message


def test_a_timeout_says_how_long_it_waited() -> None:
    """A slow agent is retried, and the message names the limit."""
    outcome = decide(AgentTimedOut(120), FIRST)
    assert isinstance(outcome, Retry)
    assert outcome.error.code == "timeout"
    assert "120 seconds" in outcome.error.message


def test_every_code_is_documented() -> None:
    """No agent error carries a code outside the closed list."""

    def below(kind: type[AgentError]) -> set[type[AgentError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    assert {kind.code for kind in below(AgentError)} <= ERROR_CODES


def test_a_deep_stack_is_shown_at_both_ends() -> None:
    """An endless recursion does not become a log line of a thousand frames."""

    def fall() -> None:
        fall()

    with pytest.raises(RecursionError) as caught:
        fall()
    frames = stack(caught.value)
    assert len(frames) == 2 * STACK_ENDS + 1
    assert "test_a_deep_stack" in frames[0]
    assert frames[-1].endswith(" fall")
