"""What the soak calls flat, on curves of which it is known; and that a leak is seen."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.process import DaemonProcess
from tests.soak import chart, page
from tests.soak.judge import Series, crowded, judge, level, ratio, series_of, theil_sen
from tests.soak.life import DECK, DEEDS, Life, deck
from tests.soak.probe import MEGABYTE, Peaks, Sample, process
from tests.soak.run import ERRORS, Recording, logged, stop

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


MEMORY = next(one for one in series_of(1) if one.title == "daemon 1: memory")
NAME = "daemon 1/memory_mb"


def remembered(value: Callable[[float], float], noise: float = 0.0) -> list[Sample]:
    """The same as a daemon's memory."""
    return [{"seconds": s["seconds"], NAME: s["x"]} for s in curve(value, noise)]


def late(at: float, begin: float) -> float:
    """Minutes since then."""
    return max(0.0, at - begin) / 60


@pytest.mark.parametrize(
    ("shape", "flat"),
    [
        pytest.param(lambda at: 200.0, True, id="constant"),
        pytest.param(lambda at: 200.0 + min(80.0, at / 5), True, id="fills up in the warm-up"),
        pytest.param(lambda at: 200.0 + 15.0 * (at % 300 / 300), True, id="teeth of a saw"),
        pytest.param(lambda at: 200.0 + (400.0 if 2000 < at < 2100 else 0), True, id="a peak"),
        pytest.param(lambda at: 300.0 - at / 60, True, id="falls"),
        pytest.param(lambda at: 200.0 + at * 3 / HOUR, True, id="3 MB an hour"),
        pytest.param(lambda at: 200.0 + at * 9.5 / HOUR, False, id="9.5 MB an hour"),
        pytest.param(lambda at: 200.0 + at * 15 / HOUR, False, id="15 MB an hour"),
        pytest.param(lambda at: 2000.0 + at * 15 / HOUR, False, id="15 MB an hour of 2 GB"),
        pytest.param(lambda at: 200.0 + at / 60, False, id="1 MB a minute"),
        pytest.param(lambda at: 200.0 * 1.0002 ** (at / 5), False, id="grows ever faster"),
        pytest.param(lambda at: 200.0 + 6.0 * (at // 900), False, id="in steps"),
        pytest.param(lambda at: 200.0 + late(at, 2700), False, id="from three quarters on"),
        pytest.param(lambda at: 200.0 + (9.0 if at > 3100 else 0), False, id="a step at the end"),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_memory_is_flat_or_not(shape: Callable[[float], float], flat: bool, noise: float) -> None:
    """A leak is found by its size in an hour, whatever the level and whenever it began; noise,
    teeth, peaks and what fills up once are none."""
    assert judge(MEMORY, remembered(shape, noise)).flat is flat


def test_tables_may_grow_by_a_share_of_their_size() -> None:
    """What comes and goes with the requests is measured by what it is."""
    tables = Series("tables", "MB", level("x"), share=0.05, slack=0.25)
    assert judge(tables, curve(lambda at: 12.0 + at * 0.8 / HOUR, 0.01)).flat is True
    assert judge(tables, curve(lambda at: 12.0 + at * 2.4 / HOUR, 0.01)).flat is False
    assert judge(tables, curve(lambda at: 1.0 + at * 0.3 / HOUR, 0.01)).flat is True


def test_the_highest_of_each_slice_is_judged_where_peaks_count() -> None:
    """A child that lives for a moment and becomes larger is seen, though few samples have it."""
    largest = next(one for one in series_of(1) if one.title == "largest child, peaks")

    def peaks(most: Callable[[float], float]) -> list[Sample]:
        return [
            {"seconds": s["seconds"], "daemon 1/child_mb": s["x"] if n % 9 == 0 else 0.0}
            for n, s in enumerate(curve(most))
        ]

    assert judge(largest, peaks(lambda at: 100.0)).flat is True
    assert judge(largest, peaks(lambda at: 100.0)).last == pytest.approx(100.0)
    assert judge(largest, peaks(lambda at: 100.0 + at / 60)).flat is False
    either = next(one for one in series_of(2) if one.title == "largest child, peaks")
    pair = {"seconds": 1.0, "daemon 1/child_mb": 80.0, "daemon 2/child_mb": 90.0}
    assert either.points([pair, {"seconds": 2.0, "daemon 1/child_mb": 80.0}]) == [(1.0, 90.0)]


def test_children_that_hang_are_counted() -> None:
    """Many at a time are none that stay; some more of which there is always one are."""
    left = next(one for one in series_of(1) if one.title == "daemon 1: children left")
    key = "daemon 1/children"
    busy = [{"seconds": STEP * n, key: float(n % 5 * (n // 200))} for n in range(720)]
    assert judge(left, busy).flat is True
    hanging = [sample | {key: sample[key] + n // 200} for n, sample in enumerate(busy)]
    assert judge(left, hanging).flat is False


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
    even = Series("", "", ratio("wal", "ended"), share=0.1)
    assert judge(even, rising).flat is True
    assert judge(even, rising).middle == pytest.approx(50.0, rel=0.05)
    assert judge(Series("", "", ratio("worse", "ended"), share=0.1), rising).flat is False
    still = [{"seconds": at, "ended": 0.0, "wal": at} for at in (0.0, 5.0, 10.0)]
    assert ratio("wal", "ended")(still) == []


def test_what_is_only_shown_is_not_judged() -> None:
    """What depends on the machine never fails a run; latencies do, unless it was crowded."""
    steep = curve(lambda at: 1.0 + at)
    assert judge(Series("x", "s", level("x"), judged=False), steep).flat is None
    latency = Series("x", "s", level("x"), share=0.25, slack=0.25, latency=True)
    assert judge(latency, steep).flat is False
    assert judge(latency, steep, crowded=True).flat is None
    assert judge(latency, curve(lambda at: 1.0, 0.05)).flat is True


@pytest.mark.parametrize(
    ("loads", "busy"),
    [
        pytest.param(lambda n: 1.0, False, id="idle"),
        pytest.param(lambda n: 9.0 if n < 300 else 1.0, False, id="busy in the warm-up"),
        pytest.param(lambda n: 9.0 if 500 < n < 520 else 1.0, False, id="for two minutes"),
        pytest.param(lambda n: 9.0 if 500 < n < 560 else 1.0, True, id="for five minutes"),
    ],
)
def test_a_machine_is_crowded_if_its_load_says_so(
    loads: Callable[[int], float], busy: bool
) -> None:
    """Only what was measured excuses latencies."""
    samples = [{"seconds": STEP * n, "machine/load": loads(n)} for n in range(720)]
    assert crowded(samples, cores=2) is busy


@pytest.mark.parametrize(
    "gap",
    [
        pytest.param(lambda at: False, id="never measured"),
        pytest.param(lambda at: at < 3000, id="not until the end"),
        pytest.param(lambda at: at < 2000 or at > 3400, id="with a large gap"),
    ],
)
@pytest.mark.parametrize("seconds", [180.0, HOUR])
def test_what_was_not_measured_fails(gap: Callable[[float], bool], seconds: float) -> None:
    """A judged series without an end is not flat but missing, and stands in table and picture."""
    samples: list[Sample] = [
        {"seconds": s["seconds"]} | ({NAME: 200.0} if gap(s["seconds"] * HOUR / seconds) else {})
        for s in curve(lambda at: 0.0)
        if s["seconds"] < seconds
    ]
    verdict = judge(MEMORY, samples)
    assert verdict.flat is False
    assert not verdict.measured
    assert chart.word(verdict) == "not measured"
    assert "daemon 1: memory" in chart.draw([verdict], seconds)
    whole = [{"seconds": s["seconds"], NAME: 200.0} for s in samples]
    assert judge(MEMORY, whole).flat is (None if seconds < HOUR else True)


def test_all_that_is_planned_is_judged() -> None:
    """What a run should have measured follows from the plan, not from what it measured."""
    titles = {one.title for one in series_of(2) if one.judged}
    assert {"daemon 2: children left", "largest child, peaks"} <= titles
    assert {"daemon 2: memory", "daemon 2: open handles", "tables", "indexes"} <= titles
    assert {"WAL a request", "insert to end, p95", "private memory of the largest"} <= titles
    nothing: list[Sample] = [{"seconds": s["seconds"]} for s in curve(lambda at: 0.0)]
    assert {one.title for one in series_of(2) if judge(one, nothing).flat is False} == titles


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
            samples.append({"seconds": 60.0 * n, **seen})
        return samples

    def verdicts(leak: bool) -> dict[str, bool | None]:
        samples = measured(leak)
        series = [one for one in series_of(1) if one.points(samples)]
        return {one.title: judge(one, samples).flat for one in series}

    leaking = verdicts(leak=True)
    assert leaking["daemon 1: memory"] is False
    assert leaking["daemon 1: open handles"] is False
    assert leaking["daemon 1: threads"] is True
    for file in kept[1::2]:
        file.close()  # type: ignore[attr-defined]
    assert set(verdicts(leak=False).values()) <= {True, None}


def recorded(
    growth: float = 0.0, seconds: float = HOUR, load: float = 0.5, **found: list[str]
) -> Recording:
    """A run of an hour of which only the memory grows."""
    plan = {"seconds": HOUR, "rate": 2.0, "daemons": 1, "keep_seconds": 300, "pause_seconds": STEP}
    facts = dict.fromkeys(("began", "machine", "Python", "PostgreSQL", "fsync", "version"), "x")
    levels = dict.fromkeys(EVERY_KEY, 5.0) | {"machine/load": load, "table/ai_requests": 1e6}
    samples = [
        levels
        | {"seconds": at, NAME: 200 + growth * at / HOUR, "requests/ended": at, BYTES: 1000 * at}
        for at in (STEP * n for n in range(int(seconds / STEP)))
    ]
    return Recording(
        plan=plan,
        facts=facts | {"cores": 2},
        samples=samples,
        counts={"requests": 7, "alerts": 13, "model calls": 200, "answers of the model": 150},
        found={"lost": [], **found},
        looked={"lost": 321},
        pruned={"ai_requests": 5678},
        types={"soak_haiku": {"completed": 6, "failed": 1}},
    )


BYTES = "server/wal_bytes"
EVERY_KEY = (
    *(f"daemon 1/{key}" for key in ("handles", "threads", "child_mb", "children")),
    "daemon 1/health_ms",
    *(f"server/{key}" for key in ("sessions", "session_mb", "session_max_mb", "table_bytes")),
    *(f"server/{key}" for key in ("index_bytes", "catalog_bytes", "dead_rows")),
    "requests/p50",
    "requests/p95",
)


def judged(recording: Recording) -> tuple[str, str, bool]:
    """The page, the picture, and whether the run passed."""
    verdicts = page.verdicts_of(recording)
    picture = chart.draw(verdicts, HOUR)
    return page.write(recording, verdicts), picture, page.passed(recording, verdicts)


PARENT = """
import os, signal, subprocess, sys
program = "import sys; held = b'x' * 50_000_000; print(flush=True); sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1)
child.stdout.readline()
held = b"x" * 80_000_000
copy = os.fork()
if not copy:
    signal.pause()
print(flush=True)
sys.stdin.read()
os.kill(copy, signal.SIGKILL)
os.waitpid(copy, 0)
child.communicate()
"""


@NEEDS_PROC
def test_the_children_of_a_process_are_measured() -> None:
    """What a child holds is its own, and not the parent's whose copy it is until it is a program;
    but one that stays such a copy is counted too."""
    program = [sys.executable, "-c", PARENT]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdout.readline()
        peaks = Peaks({"it": parent.pid})
        seen = peaks.take("it")
        peaks.close()
        parent.stdin.close()
    assert seen["children"] == 2
    assert 50 < seen["child_mb"] <= seen["children_mb"] < 80
    with pytest.raises(KeyError):
        peaks.take("it")


def test_the_page_says_what_grew_and_what_was_broken() -> None:
    """A series that is not flat and a broken promise each stand on the page and fail the run."""
    text, picture, fine = judged(recorded())
    assert fine
    assert "**16 of 16 judged series are flat, 1 of 1 promises were kept.**" in text
    assert 'class="line"' in picture
    assert 'class="bad"' not in picture
    text, picture, fine = judged(recorded(growth=15.0))
    assert not fine
    assert "**15 of 16 judged series are flat" in text
    assert "**not flat**" in text
    assert 'class="bad"' in picture
    text, _, fine = judged(recorded(twice=["twice: request 7"]))
    assert not fine
    assert "- twice: request 7" in text


def test_a_run_that_was_broken_off_fails() -> None:
    """Neither half an hour of an hour nor an end without questions is a run that passed."""
    text, _, fine = judged(recorded(seconds=HOUR / 2))
    assert not fine
    assert "did not come to its end: it was measured for 29.9 of 60 minutes" in text
    unasked = recorded()
    unasked.found.clear()
    text, _, fine = judged(unasked)
    assert not fine
    assert "nothing was asked of the database" in text
    assert not page.passed(recorded(), [])


def test_the_page_says_what_was_counted() -> None:
    """Numbers on the page are the run's own, and a busy machine is only said of a busy one."""
    text, _, _ = judged(recorded())
    assert "asked 7 times" in text
    assert "alerts opened 13 times" in text
    assert "25.0% of 200 model calls brought no answer" in text
    assert "5,678 requests" in text
    assert "| lost | 321 | none |" in text
    assert "| `soak_haiku` | 6 | 1 | 0 | 0 |" in text
    assert "load average was 0.5" in text
    assert "more wanted to run" not in text
    text, _, fine = judged(recorded(load=7.0))
    assert fine
    assert "**13 of 13 judged series are flat" in text
    assert "more wanted to run" in text


def test_a_part_of_life_that_fails_is_told() -> None:
    """Whatever ends a part of the life, and whatever nobody did, is found in the end."""
    life = Life("", [], [1], 2.0, 1)

    def fail() -> None:
        life._enough.set()
        raise RuntimeError("a mistake of our own")

    life._persist(fail, "fail")
    assert life.troubles == {"fail: RuntimeError: a mistake of our own": 1}
    life.seconds = 100.0
    life.counts.update(dict.fromkeys(DEEDS, 170))
    assert life.missing() == []
    life.counts["requests"], life.counts["pages"] = 149, 0
    assert life.missing() == ["no pages", "149 requests where 200 were planned"]


def test_errors_of_a_daemon_are_told() -> None:
    """What it logs as an error, and what it says outside its log, is found; the rest is not."""
    daemon = DaemonProcess()
    daemon.events += [
        {"level": "info", "message": "ready"},
        {"level": "warning", "message": "slow"},
        *[{"level": "error", "message": "broken"}] * 2,
    ]
    daemon.other_output.append("Task exception was never retrieved")
    assert logged({"daemon 1": daemon}, ERRORS) == {
        "daemon 1 logged error: broken": 2,
        "daemon 1 said: Task exception was never retrieved": 1,
    }
    assert logged({"daemon 1": daemon}, {"warning"}) == {"daemon 1 logged warning: slow": 1}


def test_a_daemon_that_ends_badly_is_told() -> None:
    """A status other than 0, by the signal or before it, is found."""
    wait = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(%d));"
    wait += 'print(\'{"message": "ready"}\', flush=True); signal.pause()'
    with (
        DaemonProcess(args=(), program=(sys.executable, "-c", wait % 0)) as well,
        DaemonProcess(args=(), program=(sys.executable, "-c", wait % 3)) as badly,
    ):
        for daemon in (well, badly):
            daemon.wait_event("ready")
        assert stop({"daemon 1": well, "daemon 2": badly}) == ["daemon 2 ended with status 3"]


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
