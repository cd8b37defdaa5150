"""Daemons by the dozen: forked from one process that has imported everything, each ready at once.

``python -m tests.chaos.child`` takes seconds to import LangGraph; a fork takes none. What runs in
the fork is the same :func:`tests.chaos.child.main`, in a session of its own, its output in a file.
``CHAOS_HOST`` names the network namespace it lives in. ``CHAOS_RELEASE`` names the folder of
another release of the code: that has to be started as a program of its own.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.keeper import PR_SET_PDEATHSIG
from tests.chaos import child
from tests.chaos.network import enter
from tests.kit.process import clean_environment
from tests.kit.signals import PATIENCE_SECONDS

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

PRELOAD = [
    "tests.chaos.child",
    "tests.chaos.agents",
    "daemon.service",
    "daemon.runner",
    "daemon.llm.gateway",
    "agents.crm",
    "agents.graph",
    "langchain_openai",
    "openai",
    "aiohttp",
]

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(PRELOAD)


def open_nursery() -> None:
    """Start the process that all daemons are forked from.

    It stays in the network of whoever starts it: to be done before anybody moves to another host.
    """
    forkserver.ensure_running()


def _follow_parent() -> None:
    """Whoever started the daemons may be killed: then nobody else would end them."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _be(release: str, env: Mapping[str, str]) -> None:
    """Become the daemon of another release; the kernel ends it with whoever forked us (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(release)
    os.execve(sys.executable, [sys.executable, "-m", "tests.chaos.child"], dict(env))  # noqa: S606


def _live(env: Mapping[str, str], output: str) -> None:
    os.setsid()
    if namespace := env.get("CHAOS_HOST"):
        enter(namespace)
    threading.Thread(target=_follow_parent, daemon=True).start()
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if release := env.get("CHAOS_RELEASE"):
        _be(release, env)
    os.environ.clear()
    os.environ.update(env)
    sys.exit(child.main())


@contextmanager
def forked(database: str, output: Path, **env: str) -> Iterator[ForkServerProcess]:
    """A daemon on this database, killed on leaving if it still lives. env: its settings."""
    wanted = clean_environment() | {"DATABASE_URL": database, "PORT": "0"} | env
    process = _forks.Process(target=_live, args=(wanted, str(output)), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(PATIENCE_SECONDS)
        process.close()
