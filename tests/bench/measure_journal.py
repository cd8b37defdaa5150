"""A graph of three nodes, one model call each: our journal beside LangGraph's Postgres
checkpointer.

The same provider client, the same local model server that answers at once, the same number of
runs at a time. Ours is the whole daemon: requests are inserted as rows, claimed, journaled call
by call, and count when their results are committed. Beside it ``saver`` runs the bare graph from
memory, once with LangGraph's own ``AsyncPostgresSaver`` and once without keeping anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from tests.bench.bench import Bench
from tests.bench.process import Worker
from tests.bench.server import ROOT
from tests.bench.systems import OURS

PATIENCE_SECONDS = 300.0
INSERT = (
    "INSERT INTO ai_requests (task_type, input_data)"
    " SELECT 'bench_graph', jsonb_build_object('ts', n) FROM generate_series(1, %(n)s) n"
)
WARM_REQUESTS = 20


def journal(bench: Bench, round_number: int) -> None:
    """Graph runs a second, all requests at once."""
    model = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.model"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert model.stdout is not None
    url = model.stdout.readline().strip()
    try:
        turns: list[Callable[[], None]] = [
            lambda: _ours(bench, url),
            lambda: _saver(bench, url, "checkpointer"),
            lambda: _saver(bench, url, "nothing"),
        ]
        first = round_number % len(turns)
        for turn in (*turns[first:], *turns[:first]):
            turn()
    finally:
        model.kill()
        model.wait()
        model.stdout.close()


def _ours(bench: Bench, url: str) -> None:
    requests = bench.sizes.journal_requests
    environment = {"OPENAI_BASE_URL": url, "OPENAI_MODEL": "gpt-4o-mini", "OPENAI_API_KEY": "x"}
    with (
        bench.turn("journal", bench.ours),
        bench.server.database(OURS) as database,
        Worker(bench.server, bench.ours, database, requests, environment=environment) as worker,
        bench.server.connect(database) as connection,
    ):
        worker.warm()
        for count in (WARM_REQUESTS, requests):
            connection.execute(INSERT.encode(), {"n": count})
            began = time.perf_counter()
            worker.until_finished(connection, PATIENCE_SECONDS)
            seconds = time.perf_counter() - began
        full = connection.execute("SELECT count(*) FROM ai_requests WHERE mode = 'full'")
        answered = (full.fetchone() or [0])[0]
        assert answered == requests + WARM_REQUESTS, f"{answered} requests had a model's answer"
        bench.add("journal", "journal", requests / seconds)


def _saver(bench: Bench, url: str, keeping: str) -> None:
    requests = bench.sizes.journal_requests
    bench.say(f"journal: LangGraph keeping {keeping}")
    with bench.turn("journal", bench.ours), bench.server.database("floor") as database:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.bench.saver"),
                *(bench.server.dsn(database), url, str(requests), keeping),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        bench.add("journal", keeping, requests / float(json.loads(done.stdout)))
