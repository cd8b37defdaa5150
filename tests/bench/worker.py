"""``python -m tests.bench.worker SYSTEM DSN SLOTS``: one system's worker, in a process of its
own.

It answers the line ``report`` on its standard input with one line of JSON: how long each job
since the last report had waited. It ends when its standard input does. Whatever the system prints
goes to standard error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading

from tests.bench.handler import waited_seconds


def main() -> None:
    system, dsn, slots = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.disable(logging.WARNING)

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "report":
                told, waited_seconds[:] = list(waited_seconds), []
                print(json.dumps(told), file=answers, flush=True)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    if system in {"ours", "ours_full"}:
        from tests.bench import ours

        ours.serve(dsn, slots, everything=system == "ours_full")
    else:
        from tests.bench import peers

        asyncio.run(peers.WORKERS[system](dsn, slots))


if __name__ == "__main__":
    main()
