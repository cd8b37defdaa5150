"""Holds one PostgreSQL server for its owner, and takes it down when the owner is gone.

A server started by a daemon must not outlive it, not even after `kill -9`. This small process,
run as a script by `daemon.embedded`, stands between the two:

* its standard input is a pipe whose other end only the owner holds: end of file means that the
  owner has stopped, or has died. That works on every Unix. A look at the parent's id, once a
  second, covers a pipe that some forked child of the owner still holds;
* the server asks the kernel for SIGINT when this process dies (Linux), so killing the keeper
  leaves no orphan either. That request is tied to the *thread* that forked, which is why the
  owner, whose threads come and go, does not fork the server itself, and it is cleared by a change
  of user, which is why it is made after privileges are dropped.

It runs in a session of its own, so that Ctrl-C in a terminal reaches the daemon, which drains
first, and not the database under it. Only the standard library is used: it is started with
`python -I -S`, possibly as root while the server runs as somebody else.
"""

import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Any

# Fast shutdown first; a backend that is stopped or stuck would hold that up for ever.
FAST_SHUTDOWN_SECONDS = 8.0
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the server described by the JSON in argv[1] until it or the owner ends.

    The description: ``argv`` and ``env`` of the server, ``log`` (a path, truncated), ``uid`` and
    ``gid`` (null: stay), ``owner_pid``, ``discard`` (a folder to delete once the owner has gone,
    or null). Returns the server's exit status, 0 when it was taken down as asked.
    """
    wish = json.loads(sys.argv[1])
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    awake, ring = os.pipe()
    os.set_blocking(ring, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)

    server = os.fork()
    if server == 0:
        become_server(wish, os.getppid())
    status = wait(server, awake, wish["owner_pid"])
    if status is not None:
        return os.waitstatus_to_exitcode(status) or 1
    take_down(server, awake)
    if wish["discard"]:
        shutil.rmtree(wish["discard"], ignore_errors=True)
    return 0


def become_server(wish: dict[str, Any], keeper_pid: int) -> None:
    """Turn this forked child into PostgreSQL; never returns."""
    try:
        follow_parent_into_death = death_notice()
        log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for signal_number in (
            signal.SIGINT,
            signal.SIGHUP,
            signal.SIGTERM,
            signal.SIGCHLD,
        ):
            signal.signal(signal_number, signal.SIG_DFL)
        if wish["uid"] is not None:
            os.setgroups([])
            os.setgid(wish["gid"])
            os.setuid(wish["uid"])
        os.umask(0o077)
        follow_parent_into_death()
        if os.getppid() == keeper_pid:
            os.execve(wish["argv"][0], wish["argv"], wish["env"])  # noqa: S606 - no shell is wanted
    except BaseException as error:  # noqa: BLE001 - a forked child must never return into main()
        os.write(2, f"cannot start PostgreSQL: {error}\n".encode())
    os._exit(127)


def death_notice() -> Callable[[], object]:
    """What asks Linux to interrupt this process when the keeper dies; elsewhere the pipe must do.

    Loaded while still privileged: the unprivileged user may be unable to read Python's own files.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    try:
        import ctypes  # some minimal Pythons are built without it

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda: None
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))


def wait(server: int, awake: int, owner_pid: int) -> int | None:
    """Wait for an end: the server's own (its wait status) or the owner's (None)."""
    while True:
        readable, _, _ = select.select([0, awake], [], [], 1.0)
        if awake in readable:
            os.read(awake, 4096)
        pid, status = os.waitpid(server, os.WNOHANG)
        if pid:
            return status
        if 0 in readable or os.getppid() != owner_pid:
            return None


def take_down(server: int, awake: int) -> None:
    """Stop the server: fast, then at once, then by force."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        os.kill(server, how)
        if ended_within(server, awake, FAST_SHUTDOWN_SECONDS):
            return


def ended_within(server: int, awake: int, seconds: float) -> bool:
    """Whether the server ends in time. Counts in slices: SIGCHLD cuts one short."""
    slices = max(1, int(seconds / 0.1))
    for _ in range(slices):
        if os.waitpid(server, os.WNOHANG)[0]:
            return True
        if select.select([awake], [], [], 0.1)[0]:
            os.read(awake, 4096)
    return bool(os.waitpid(server, os.WNOHANG)[0])


if __name__ == "__main__":
    sys.exit(main())
