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
import pwd
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
    ConfigurationError,
    other_python,
)

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "supervisord.conf"
NOTE = "AI_DAEMON_EXIT_NOTE"
NOWHERE = ConfigurationError(
    "there is no folder for temporary files that can be written to",
    hint="give it one (docker run --tmpfs /tmp) and name it in TMPDIR if it is not /tmp; or start"
    " `python -m daemon run`, which writes no file",
)
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
        return _complain(other_python(error))
    config = Path(given[0]).absolute() if given else CONFIG
    os.chdir(ROOT)
    for output in (1, 2):
        _append(output)
    try:
        _check_outputs(config)
    except ConfigurationError as error:
        return _complain(error)
    # Our interpreter's folder first, so that `python` in the file is the one with our packages.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        made = tempfile.TemporaryDirectory(prefix="ai-daemon-")
    except OSError:
        return _complain(NOWHERE)
    with made as folder:
        note = Path(folder) / "exit"
        os.environ[NOTE] = str(note)
        _supervise(config, Path(folder) / "pid")
        return int(note.read_text()) if note.exists() else EXIT_STOPPED


def _complain(problem: ConfigurationError) -> int:
    sys.stderr.write(f"error: {problem}\nhint: {problem.hint}\n")
    return problem.exit_code


def _supervise(config: Path, pid_file: Path) -> None:
    from supervisor import supervisord

    options = ["-c", str(config), "-j", str(pid_file)]
    with suppress(KeyError):  # a container whose root has no name
        if os.getuid() == 0 and pwd.getpwuid(0):
            # Otherwise each start says CRIT, as if something were wrong.
            options += ["-u", "0"]
    try:
        supervisord.main(options)
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


def _check_outputs(config: Path) -> None:
    """Raises ConfigurationError where supervisord could not open an output anew for the daemon's
    lines: it would start nothing, say nothing and never end."""
    text = config.read_text("utf-8", "replace")
    for output in (1, 2):
        name = f"/dev/fd/{output}"
        if name not in text:
            continue
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY))
        except OSError as error:
            raise ConfigurationError(
                f"supervisord cannot write to {name}: {error.strerror}",
                hint="it is a socket, as under systemd, or belongs to another user, as after su,"
                " gosu or setpriv: start `python -m daemon run` there, and have it restarted"
                " unless it ends with 0, 57 or 78",
            ) from None


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
