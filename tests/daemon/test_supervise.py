"""The real supervisord around the daemon: restarts, gives up honestly, passes on how it ended."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from daemon import migrate, supervise
from daemon.demo.gym import load
from daemon.settings import Settings
from tests.kit.postgres import crash, throwaway
from tests.kit.process import DaemonProcess
from tests.kit.signals import until

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "daemon.supervise")


def configured(folder: Path, command: str) -> Path:
    """Our file, but with another program under supervisord and a pid file of its own."""
    text = (ROOT / "supervisord.conf").read_text()
    text = text.replace("command=python -m daemon run", f"command={command}")
    text = text.replace("/tmp/supervisord.pid", str(folder / "supervisord.pid"))
    text = text.replace("%(here)s", str(ROOT))
    config = folder / "supervisord.conf"
    config.write_text(text)
    return config


@contextmanager
def supervised(folder: Path, command: str, **env: str) -> Iterator[DaemonProcess]:
    """supervisord around another program."""
    config = configured(folder, command)
    with DaemonProcess(env, [str(config)], program=PROGRAM) as process:
        yield process


def python(folder: Path, source: str) -> str:
    """A command line that runs ``source``."""
    script = folder / "program.py"
    script.write_text(source)
    return f"{sys.executable} {script}"


def test_crash_loop_ends_with_70(tmp_path: Path) -> None:
    """A program that dies at once, every time, makes the container end with 70, not with 0."""
    with supervised(tmp_path, python(tmp_path, "raise SystemExit(3)")) as process:
        assert process.wait(60) == 70


def test_a_python_without_packages() -> None:
    """The start command of a Python that lacks the packages names the one that has them."""
    program = [sys.executable, "-S", "-m", "daemon.supervise"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "does not have the package supervisor" in done.stderr
    assert "hint: . .venv/bin/activate" in done.stderr


def test_output_in_a_file(tmp_path: Path) -> None:
    """In a file that takes the output the daemon's words and supervisord's stand side by side."""
    words = [f"line {number} of the daemon" for number in range(40)]
    source = f"import sys\nprint(*{words}, sep='\\n', flush=True)\nraise SystemExit(3)\n"
    with (tmp_path / "log").open("w") as log:
        log.write("from before\n")
        log.flush()
        config = configured(tmp_path, python(tmp_path, source))
        subprocess.run(
            [*PROGRAM, str(config)], cwd=ROOT, stdout=log, stderr=log, check=False, timeout=60
        )
    said = (tmp_path / "log").read_text()
    assert said.startswith("from before\n")
    assert [said.count(f"{word}\n") for word in words] == [4] * 40, "one start, three more"
    assert "WARN received SIGTERM indicating exit request\n" in said
    assert "CRIT" not in said, "nothing is wrong with who it runs as"


def test_output_that_cannot_be_opened_anew() -> None:
    """Where supervisord could write nowhere it would start nothing and never end: 78, and why."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(
            PROGRAM,
            cwd=ROOT,
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 78
    assert "cannot write to /dev/fd/1" in done.stderr
    assert "python -m daemon run" in done.stderr


def test_no_folder_for_temporary_files() -> None:
    """On a file system that takes no file the start says so, and what to mount."""
    source = (
        "import sys, tempfile\n"
        "def none(**_): raise FileNotFoundError('No usable temporary directory found')\n"
        "tempfile.TemporaryDirectory = none\n"
        "from daemon import supervise\n"
        "sys.exit(supervise.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 78
    assert "hint: give it one (docker run --tmpfs /tmp)" in done.stderr


def test_what_no_restart_mends_ends_with_78(tmp_path: Path) -> None:
    """Status 78 after startsecs is passed on as 78, without a restart."""
    source = 'import time; print(\'{"message": "begun"}\', flush=True)\n'
    source += "time.sleep(5.5); raise SystemExit(78)"
    with supervised(tmp_path, python(tmp_path, source)) as process:
        assert process.wait(60) == 78
        assert len(process.seen("begun")) == 1


def test_wanted_restart_happens_in_place(tmp_path: Path) -> None:
    """A daemon that ends with 75 because it wants a fresh process gets one."""
    mark = tmp_path / "restarted"
    source = (
        "import pathlib, time\n"
        f"mark = pathlib.Path({str(mark)!r})\n"
        'print(\'{"message": "begun"}\', flush=True)\n'
        "if not mark.exists():\n"
        "    mark.touch()\n"
        "    time.sleep(5.5)\n"
        "    raise SystemExit(75)\n"
        "time.sleep(600)\n"
    )
    with supervised(tmp_path, python(tmp_path, source)) as process:
        until(lambda: len(process.seen("begun")) == 2, 30, what="a fresh process was started")
        process.terminate()
        assert process.wait(30) == 0


def test_one_crash_is_mended_in_place(tmp_path: Path) -> None:
    """A single crash is a restart of the program, and an orderly stop afterwards is 0."""
    source = (
        "import os, pathlib, time\n"
        f"mark = pathlib.Path({str(tmp_path / 'crashed')!r})\n"
        'print(\'{"message": "begun"}\', flush=True)\n'
        "if not mark.exists():\n"
        "    mark.touch()\n"
        "    os.abort()\n"
        "time.sleep(600)\n"
    )
    with supervised(tmp_path, python(tmp_path, source)) as process:
        until(lambda: len(process.seen("begun")) == 2, 30, what="the program was restarted")
        process.terminate()
        assert process.wait(30) == 0


def test_daemon_under_supervision_drains(tmp_path: Path, database: str) -> None:
    """SIGTERM to the supervisor drains the daemon and ends with 0; its log passes through."""
    command = f"{sys.executable} -m tests.kit.child"
    with supervised(tmp_path, command, DATABASE_URL=database) as process:
        process.wait_event("ready", 40)
        with urllib.request.urlopen(f"{process.base_url}/ready", timeout=5) as answer:
            assert answer.status == 200
        process.terminate()
        assert process.wait(40) == 0
        assert process.seen("drained")


def answer(url: str) -> int:
    """The status of an answer, 0 without one."""
    try:
        with urllib.request.urlopen(url, timeout=5) as found:
            return int(found.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def answers(url: str, status: int) -> None:
    """Wait until it does so."""
    until(lambda: answer(url) == status, 60, what=f"{url} answers {status}")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on its loopback")
@pytest.mark.database
@pytest.mark.timeout(240)
def test_as_a_platform_runs_it(tmp_path: Path) -> None:
    """The start command brings up what the health check's path tells about over IPv4 and IPv6: 503
    while the database is away, then 200; SIGTERM under load ends in time with 0 and nothing lost.
    The database is reached over IPv6."""
    with throwaway(listen="127.0.0.1,::1") as server:
        local = server.dsn()
        load(local, clients=2)
        migrate.upgrade(local)
        crash(server)
        url = local.replace("127.0.0.1", "[::1]")
        command = f"{sys.executable} -m daemon run"
        with supervised(tmp_path, command, DATABASE_URL=url) as process:
            hosts = ("127.0.0.1", "[::1]")
            ready = [f"http://{host}:{process.port}/ready" for host in hosts]
            for path in ready:
                answers(path, 503)
                assert answer(path.replace("/ready", "/health")) == 200
            server.start()
            for path in ready:
                answers(path, 200)
            with psycopg.connect(local, autocommit=True) as connection:
                connection.execute(
                    "SELECT ai_submit('workout_optimization', '{\"client_id\": 1}')"
                    " FROM generate_series(1, 12)"
                )
                busy = "SELECT FROM ai_requests WHERE status = 'running'"
                until(lambda: connection.execute(busy.encode()).fetchone() is not None, 60)
                process.terminate()
                assert process.wait(Settings.model_fields["drain_seconds"].default + 10) == 0
                left = connection.execute("SELECT status, attempt FROM ai_requests").fetchall()
        assert len(left) == 12
        assert set(left) <= {("completed", 1), ("pending", 0)}


def test_bad_setting_under_supervision_is_not_restarted(tmp_path: Path) -> None:
    """A configuration error waits past startsecs, so that supervisord takes it for final: 78."""
    command = f"{sys.executable} -m tests.kit.child"
    with supervised(tmp_path, command, LEASE_SECONDS="never") as process:
        assert process.wait(60) == 78
        assert len(process.seen("cannot_run")) == 1


def test_shipped_file_starts_our_daemon() -> None:
    """The shipped file runs `python -m daemon run` and leaves more time than a drain takes."""
    text = (ROOT / "supervisord.conf").read_text()
    assert "command=python -m daemon run" in text
    assert "user=" not in text.replace("No user=", "")
    assert "%(ENV_" not in text


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        ("PROCESS_STATE_FATAL", {"processname": "daemon"}, 70),
        ("PROCESS_STATE_EXITED", {"processname": "daemon", "expected": "1"}, 78),
        ("PROCESS_STATE_EXITED", {"processname": "daemon", "expected": "0"}, None),
        ("PROCESS_STATE_FATAL", {"processname": "ending"}, None),
    ],
)
def test_only_final_ends_count(event: str, payload: dict[str, str], expected: int | None) -> None:
    """A crash that supervisord mends ends nothing."""
    assert supervise.exit_code(event, payload) == expected


def test_protocol_is_spoken_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The event listener prints READY and RESULT only, leaves a note, and stops its parent."""
    note = tmp_path / "note"
    monkeypatch.setenv(supervise.NOTE, str(note))
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    payload = "processname:daemon groupname:daemon from_state:BACKOFF"
    header = f"ver:3.0 server:s serial:1 pool:p eventname:PROCESS_STATE_FATAL len:{len(payload)}\n"
    out = io.StringIO()
    supervise.listen(io.StringIO(header + payload), out)
    assert out.getvalue() == "READY\nRESULT 2\nOKREADY\n"
    assert note.read_text() == "70"
    assert sent == [(os.getppid(), signal.SIGTERM)]
