"""What the soak calls flat, on curves of which it is known; and that a leak is seen."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak import chart, page
from tests.soak.judge import Series, judge, level, ratio, series_of, theil_sen
from tests.soak.life import DECK, deck
from tests.soak.probe import MEGABYTE, Sample, process
from tests.soak.run import Recording

HOUR, STEP = 3600.0, 5.0
NEEDS_PROC = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc, which Linux has"
)


def curve(value: Callable[[float], float], noise: float = 0.0) -> list[Sample]:
    """An hour of samples of ``x``; noise: its share of the value, either way."""
    rng = random.Random(1)
    return [
        {"seconds": at, "x": value(at) * (1 + rng.uniform(-noise, noise))}
        for at in (STEP * n for n in range(int(HOUR / STEP)))
    ]


SERIES = Series("x", "MB", level("x"), slack=3.0)


@pytest.mark.parametrize(
    ("shape", "flat"),
    [
        pytest.param(lambda at: 200.0, True, id="constant"),
        pytest.param(lambda at: 200.0 + min(80.0, at / 5), True, id="fills up in the warm-up"),
        pytest.param(lambda at: 200.0 + 15.0 * (at % 300 / 300), True, id="teeth of a saw"),
        pytest.param(lambda at: 200.0 + (400.0 if 2000 < at < 2100 else 0), True, id="a peak"),
        pytest.param(lambda at: 300.0 - at / 60, True, id="falls"),
        pytest.param(lambda at: 200.0 + at * 10 / HOUR, True, id="5 % in an hour"),
        pytest.param(lambda at: 200.0 + at * 40 / HOUR, False, id="20 % in an hour"),
        pytest.param(lambda at: 200.0 * 1.0002 ** (at / 5), False, id="grows ever faster"),
        pytest.param(lambda at: 200.0 + 25.0 * (at // 600), False, id="in steps"),
        pytest.param(lambda at: 5.0 + at * 2 / HOUR, True, id="a third, and too little to count"),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_flat_or_not(shape: Callable[[float], float], flat: bool, noise: float) -> None:
    """Growth after the warm-up is told from noise, teeth, peaks and what fills up once."""
    assert judge(SERIES, curve(shape, noise)).flat is flat


def test_the_line_does_not_care_for_a_few_odd_points() -> None:
    """A fifth of the points being nonsense leaves the slope as it is."""
    points = [(float(n), 2.0 * n if n % 5 else 1e6) for n in range(50)]
    assert theil_sen(points) == pytest.approx(2.0, rel=0.2)


def test_a_rate_is_what_a_counter_rose_for_each_step_of_another() -> None:
    """A counter that grows with the requests is flat for each request, one that outgrows them is
    not; times without requests are left out."""
    rising = [
        {"seconds": at, "ended": at // 20 * 40, "wal": at * 100, "worse": at * at}
        for at in (STEP * n for n in range(720))
    ]
    even = Series("", "", ratio("wal", "ended"))
    assert judge(even, rising).flat is True
    assert judge(even, rising).middle == pytest.approx(50.0, rel=0.05)
    assert judge(Series("", "", ratio("worse", "ended")), rising).flat is False
    still = [{"seconds": at, "ended": 0.0, "wal": at} for at in (0.0, 5.0, 10.0)]
    assert ratio("wal", "ended")(still) == []


def test_what_is_only_shown_is_not_judged() -> None:
    """What depends on the machine's other work never fails a run, nor does an empty series."""
    steep = curve(lambda at: 1.0 + at)
    assert judge(Series("x", "s", level("x"), judged=False), steep).flat is None
    assert judge(Series("y", "s", level("y")), steep).flat is None


@NEEDS_PROC
def test_a_leak_is_seen(tmp_path: Path) -> None:
    """Memory and handles that this very process keeps make it not flat; given back, it is."""
    kept: list[object] = []

    def measured(leak: bool) -> list[Sample]:
        samples = []
        for n in range(60):
            if leak:
                kept.append(os.urandom(MEGABYTE))
                kept.append((tmp_path / "x").open("w"))
            seen = {f"daemon 1/{key}": value for key, value in process(os.getpid()).items()}
            samples.append({"seconds": float(n), **seen})
        return samples

    def verdicts(leak: bool) -> dict[str, bool | None]:
        samples = measured(leak)
        series = [one for one in series_of(samples) if one.points(samples)]
        return {one.title: judge(one, samples).flat for one in series}

    leaking = verdicts(leak=True)
    assert leaking["daemon 1: memory"] is False
    assert leaking["daemon 1: open handles"] is False
    assert leaking["daemon 1: threads"] is True
    for file in kept[1::2]:
        file.close()  # type: ignore[attr-defined]
    assert set(verdicts(leak=False).values()) <= {True, None}


def test_the_page_says_what_grew_and_what_was_broken() -> None:
    """A series that is not flat and a broken promise each stand on the page and fail the run."""
    plan = {"seconds": HOUR, "rate": 2.0, "daemons": 2, "keep_seconds": 300}
    facts = dict.fromkeys(("date", "machine", "Python", "PostgreSQL", "version"), "x")

    def recorded(growth: float, **found: list[str]) -> Recording:
        samples = [
            {
                "seconds": at,
                "daemon 1/memory_mb": 200 + growth * at / HOUR,
                "table/ai_requests": 1e6,
            }
            for at in (STEP * n for n in range(720))
        ]
        return Recording(plan, facts, samples, {"requests": 7}, {"lost": [], **found})

    def judged(recording: Recording) -> tuple[str, str, bool]:
        verdicts = page.verdicts_of(recording)
        picture = chart.draw(verdicts, HOUR)
        return page.write(recording, verdicts), picture, page.passed(recording, verdicts)

    text, picture, fine = judged(recorded(0.0))
    assert fine
    assert "**1 of 1 judged series are flat, 1 of 1 promises were kept.**" in text
    assert 'class="line"' in picture
    text, picture, fine = judged(recorded(90.0))
    assert not fine
    assert "**not flat**" in text
    assert 'class="bad"' in picture
    text, _, fine = judged(recorded(0.0, twice=["twice: request 7"]))
    assert not fine
    assert "- twice: request 7" in text


def test_a_recording_is_kept_whole(tmp_path: Path) -> None:
    """What is saved is what is loaded, for a page that is made anew."""
    recording = Recording({"seconds": 1.0}, {"a": "b"}, [{"seconds": 0.5}], {"n": 1}, {"lost": []})
    recording.save(tmp_path / "there" / "it.json")
    assert Recording.load(tmp_path / "there" / "it.json") == recording


def test_each_deck_holds_the_same() -> None:
    """Whatever the shuffling, the mix of a few minutes is the mix of the hour."""
    cards, size = deck(random.Random(3)), sum(DECK.values())
    for _ in range(3):
        drawn = [next(cards) for _ in range(size)]
        assert {kind: drawn.count(kind) for kind in DECK} == DECK
