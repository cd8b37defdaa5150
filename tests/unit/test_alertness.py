"""When a daemon lies down to be rung for, and when it stays up and looks by itself."""

from __future__ import annotations

from daemon.alertness import (
    QUICK_SECONDS,
    SLOW_SECONDS,
    STEADY_RINGS,
    VAIN_RINGS,
    WINDOW_SECONDS,
    Alertness,
)


def test_it_lies_down_between_few_requests() -> None:
    """A request now and then is rung for: nobody looks while nothing comes."""
    alertness = Alertness()
    assert [alertness.looked(second, rows=1, rings=1) for second in range(50)] == [None] * 50


def test_many_at_once_make_it_get_up() -> None:
    """Several requests that rang together are not the last: it stays up and looks for more."""
    alertness = Alertness()
    assert alertness.looked(0.0, rows=10, rings=5) == QUICK_SECONDS


def test_held_back_clients_are_found_by_asking() -> None:
    """Rings one by one hide a crowd: the server tells, much more comes, so it stays up."""
    alertness, now = Alertness(), 0.0
    while not alertness.heard(now, 1):
        assert alertness.looked(now, rows=1, rings=1) is None
        now += 0.01
        assert now < 1.0, "it never asked"
    alertness.queued(now)
    assert alertness.looked(now, rows=1, rings=1) == QUICK_SECONDS
    looks = 0
    for _ in range(100):
        now += QUICK_SECONDS
        looks += alertness.looked(now, rows=20, rings=0) is not None
    assert looks == 100


def test_it_lies_down_once_the_crowd_has_gone() -> None:
    """Without more to come it is asleep again after a window."""
    alertness = Alertness()
    alertness.looked(0.0, rows=50, rings=32)
    assert alertness.looked(WINDOW_SECONDS / 2, rows=50, rings=0) is not None
    assert alertness.looked(WINDOW_SECONDS * 1.1, rows=1, rings=0) is not None
    assert alertness.looked(WINDOW_SECONDS * 2.3, rows=0, rings=0) is None


def test_one_quick_client_is_rung_for() -> None:
    """A single steady client is woken for; the server is asked four times a second."""
    alertness, asked = Alertness(), 0
    for number in range(5000):
        asked += alertness.heard(number * 0.01, 1)
        assert alertness.looked(number * 0.01, rows=1, rings=1) is None
    assert 0 < asked <= 4 * 50


def test_a_crowd_that_was_none_is_asked_for_less_often() -> None:
    """Where nothing was held back it lies down again, and asks more and more seldom."""
    alertness, now, ups = Alertness(), 0.0, 0
    while now < 60.0:
        if alertness.heard(now, 1):
            alertness.queued(now)
            ups += 1
        pause = alertness.looked(now, rows=1, rings=1)
        now += 0.01 if pause is None else pause
    assert 2 < ups < 12


def test_vain_rings_are_not_asked_for() -> None:
    """Rings that lead to nothing make it get up, for longer and longer, and look seldom."""
    alertness, now, looks, rung = Alertness(), 0.0, 0, 0
    while now < 10.0:
        pause = alertness.looked(now, rows=0, rings=1)
        looks += 1
        rung += pause is None
        now += SLOW_SECONDS if pause is not None else 0.001
        assert pause in {None, SLOW_SECONDS}
    assert looks <= 10.0 / SLOW_SECONDS + rung
    assert VAIN_RINGS < rung < 20


def test_when_rings_in_vain_are_over_it_sleeps() -> None:
    """However often it was rung in vain: once nobody rings it lies down and stays there."""
    alertness, now = Alertness(), 0.0
    while now < 10.0:
        pause = alertness.looked(now, rows=0, rings=1)
        now += 0.001 if pause is None else pause
    looks = [alertness.looked(10.0 + number / 10, rows=0, rings=0) for number in range(100)]
    assert set(looks[30:]) == {None}


def test_what_another_daemon_took_is_no_ring_in_vain() -> None:
    """Rings now and then whose request is gone already: it goes on sleeping between them."""
    alertness = Alertness()
    assert {alertness.looked(second, rows=0, rings=1) for second in range(1, 60)} == {None}


def test_vain_rings_are_not_asked_for_while_others_commit_by_the_thousand() -> None:
    """Each ring in vain would hold all their commits up: once up it stays up, and lies down again
    when they are fewer."""
    alertness, now, downs = Alertness(), 0.0, []
    while now < 20.0:
        pause = alertness.looked(now, rows=0, rings=1, crowded=now < 10.0)
        if pause is None:
            downs.append(now)
        now += 0.001 if pause is None else pause
    assert [when for when in downs if 1.0 < when < 10.0] == []
    assert [when for when in downs if when > 10.0]


def test_a_backlog_keeps_a_full_daemon_up() -> None:
    """Slots that become free while there is a backlog are no reason to be rung for."""
    alertness = Alertness()
    alertness.full(0.0)
    assert alertness.looked(0.01, rows=1, rings=0) == QUICK_SECONDS


def test_a_full_daemon_without_a_backlog_lies_down() -> None:
    """Where nothing is left when a slot becomes free, it waits to be rung for at once."""
    alertness = Alertness()
    alertness.full(0.0)
    assert alertness.looked(0.01, rows=0, rings=0) is None


def test_it_asks_only_after_steady_rings() -> None:
    """A few rings close together are no crowd yet."""
    alertness = Alertness()
    said = [alertness.heard(number * 0.01, 1) for number in range(STEADY_RINGS)]
    assert said == [False] * (STEADY_RINGS - 1) + [True]
