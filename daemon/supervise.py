"""``python -m daemon.supervise``: the start command; supervisord that tells how it ended.

supervisord restarts a daemon that crashed, but exits 0 once it has given up, so that a platform
takes the failure for an orderly end and restarts nothing. Here supervisord runs in this process,
and its event listener (``--events``, started by ``supervisord.conf``) notes why it ends and sends
this process SIGTERM; the note becomes the exit code:

====  =======================================================================================
0     stopped as asked: the daemon has drained
64    wrong use
70    the daemon crashed again and again
78    no restart mends it: a setting cannot be used, or the database's schema is newer than this
      code and does not work with it; the daemon's last log line tells
====  =======================================================================================

One crash is mended in place and never seen here. There is no control port.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from daemon.errors import (
    EXIT_CONFIGURATION,
    EXIT_INTERNAL,
    EXIT_STOPPED,
    EXIT_USAGE,
    other_python,
)

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "supervisord.conf"
NOTE = "AI_DAEMON_EXIT_NOTE"
HELP = "usage: python -m daemon.supervise [supervisord.conf]\n\n"


def main(arguments: list[str] | None = None) -> int:
    """Run supervisord to its end; returns the exit code of the container."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--events"]:
        listen(sys.stdin, sys.stdout)
        return EXIT_STOPPED
    if given and given[0] in {"-h", "--help"}:
        sys.stdout.write(HELP + (__doc__ or ""))
        return EXIT_STOPPED
    if len(given) > 1 or (given and not Path(given[0]).is_file()):
        sys.stderr.write(HELP)
        return EXIT_USAGE
    try:
        import supervisor  # noqa: F401 - the first package that does not come with Python
    except ModuleNotFoundError as error:
        problem = other_python(error)
        sys.stderr.write(f"error: {problem}\nhint: {problem.hint}\n")
        return EXIT_CONFIGURATION
    os.chdir(ROOT)
    for output in (1, 2):
        _append(output)
    # Our interpreter's folder first, so that `python` in the file is the one with our packages.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with tempfile.TemporaryDirectory(prefix="ai-daemon-") as folder:
        note = Path(folder) / "exit"
        os.environ[NOTE] = str(note)
        _supervise(given[0] if given else str(CONFIG))
        return int(note.read_text()) if note.exists() else EXIT_STOPPED


def _supervise(config: str) -> None:
    from supervisor import supervisord

    try:
        supervisord.main(["-c", config])
    except SystemExit as end:
        # supervisord leaves by exit(0) also after a failure; wrong configuration is its 2.
        if end.code not in {0, None}:
            Path(os.environ[NOTE]).write_text(str(EXIT_CONFIGURATION))


def _append(output: int) -> None:
    """Let what several processes write into a redirected file stand in it one after the other.

    supervisord opens the file anew for the daemon's lines; each would write where it left off
    itself, over what the other wrote: the line that says why nothing runs was lost.
    """
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(output).st_mode):
            flags = fcntl.fcntl(output, fcntl.F_GETFL)
            fcntl.fcntl(output, fcntl.F_SETFL, flags | os.O_APPEND)


def listen(events: TextIO, answers: TextIO) -> None:
    """Speak supervisord's event protocol; note the daemon's end when it is final, and stop all."""
    while True:
        answers.write("READY\n")
        answers.flush()
        header = events.readline()
        if not header:
            return
        fields = tokens(header)
        payload = tokens(events.read(int(fields["len"])).splitlines()[0])
        code = exit_code(fields["eventname"], payload)
        answers.write("RESULT 2\nOK")
        answers.flush()
        if code is not None:
            Path(os.environ[NOTE]).write_text(str(code))
            os.kill(os.getppid(), signal.SIGTERM)


def exit_code(event: str, payload: dict[str, str]) -> int | None:
    """What the container should end with after this event; None to go on.

    An expected exit (57 or 78) is one that no restart mends; the event does not say which it was,
    the daemon's last log line does.
    """
    if payload.get("processname") != "daemon":
        return None
    if event == "PROCESS_STATE_FATAL":
        return EXIT_INTERNAL
    if event == "PROCESS_STATE_EXITED" and payload.get("expected") == "1":
        return EXIT_CONFIGURATION
    return None


def tokens(line: str) -> dict[str, str]:
    """``key:value`` pairs, as supervisord writes them."""
    return dict(pair.split(":", 1) for pair in line.split() if ":" in pair)


if __name__ == "__main__":
    sys.exit(main())
