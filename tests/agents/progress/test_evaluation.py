"""The evaluation itself: seeded simulators, and metrics that notice a bad forecaster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.eval.progress import Answered, answer, main, measure
from tests.eval.simulate_weight import clients


@pytest.fixture(scope="module")
def answered() -> list[Answered]:
    """Sixty clients and their forecasts."""
    return [answer(client) for client in clients(60, seed=4)]


def missed(answered: list[Answered]) -> set[str]:
    """Names of metrics whose target is missed; time belongs to the machine."""
    return {metric.name for metric in measure(answered) if not metric.met} - {"CPU p95, ms"}


def test_clients_are_seeded() -> None:
    """Equal seeds give equal clients, others others."""
    assert clients(3, seed=1) == clients(3, seed=1)
    assert clients(3, seed=1) != clients(3, seed=2)


def test_clients_are_as_described() -> None:
    """The simulator keeps its own ranges."""
    people = clients(200, seed=8)
    assert all(52 <= client.start_kg <= 150 for client in people)
    assert all(28 <= client.today <= 150 for client in people)
    assert all(client.readings for client in people)
    assert 0.15 < sum(any(r.pounds for r in c.readings) for c in people) / len(people) < 0.35
    assert all(client.truth_days is None for client in people if client.kind == "stall")
    assert all(client.truth_days != 0 for client in people)


def test_a_good_forecaster_beats_the_baselines(answered: list[Answered]) -> None:
    """Few clients are enough to see that the agent is better than what it is measured against."""
    values = {metric.name: metric.value for metric in measure(answered)}
    assert values["MAE / TrendWeight's, same rows"] < 1
    assert values["false `reached`"] == 0


def test_an_optimist_is_noticed(answered: list[Answered]) -> None:
    """Who promises everything in three weeks, surely, misses error, coverage and Brier score."""
    optimist = [
        replace(item, p10=20, p50=21, p90=22, p_reach=1.0, status="reached") for item in answered
    ]
    assert missed(optimist) >= {
        "MAE of goal date, days",
        "80 % coverage, all",
        "false `reached`",
    }


def test_unrepaired_units_are_noticed(answered: list[Answered]) -> None:
    """Who repairs nothing misses the recall."""
    assert "unit repair recall" in missed(
        [replace(item, repaired=frozenset()) for item in answered]
    )


def test_a_missed_target_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints a table, and its status says whether every target is met."""
    status = main(["--clients", "20", "--seed", "3"])
    table = capsys.readouterr().out
    assert (status != 0) == ("MISSED" in table)
    assert "80 % coverage" in table
