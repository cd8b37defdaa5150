"""The suite on every PostgreSQL at hand: ``python -m tests.kit.matrix [pytest's arguments]``.

Servers: the embedded ones, Debian's in /usr/lib/postgresql, and the installations (folders with a
``bin``) that ``POSTGRES_SERVERS`` lists with colons between. Each gets a cluster of its own, runs
the suite in its turn and is thrown away. The table goes to docs/postgresql.md: versions as
columns, test modules with what they promise as rows. Tests that crash a server of their own, or
need roles, start the embedded version; POSTGRES_MAJOR makes it the column's where there is one.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon import programs
from daemon.errors import ConfigurationError
from tests.kit.documents import table
from tests.kit.process import ROOT, free_port

PAGE = ROOT / "docs" / "postgresql.md"
EMBEDDED = (16, 18)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}
HEAD = """\
# On every PostgreSQL

The whole test suite on each version, by `make matrix`. A cell says how many of a module's tests
passed; `-` means that all were skipped there. The service supports 15 and newer.

"""

Counts = Mapping[str, Counter[str]]


def installations() -> dict[int, Path]:
    """Folders with a ``bin``, by major version; what the caller lists wins, then Debian's."""
    found: dict[int, Path] = {}
    for major in EMBEDDED:
        with suppress(ConfigurationError):
            found[major] = programs.installation(major)
    listed = filter(None, os.environ.get("POSTGRES_SERVERS", "").split(":"))
    for folder in (*Path("/usr/lib/postgresql").glob("*"), *map(Path, listed)):
        with suppress(ConfigurationError):
            found[programs.major_of(folder / "bin" / "postgres")] = folder
    return dict(sorted(found.items()))


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A fresh cluster of an installation; yields its superuser's URL. Nothing of it stays."""
    base = programs.scratch_folder()
    account = programs.account_for(base / "matrix")
    if folder.is_relative_to(ROOT) and not programs.runs(folder, account):
        folder = programs.copy_of(folder, base)
    home = Path(tempfile.mkdtemp(prefix="matrix-", dir=base))
    if account is not None:
        os.chown(home, account.uid, account.gid)
    data, port = home / "data", free_port()
    settings = SETTINGS | {"port": str(port), "unix_socket_directories": str(home)}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    control = [str(folder / "bin" / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log")]
    try:
        for program in (
            [str(folder / "bin" / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust",
             "-E", "UTF8", "--locale=C", "--no-sync"],
            [*control, "-o", options, "start"],
        ):  # fmt: skip
            done = programs.run_as(account, program)
            if done.returncode:
                raise RuntimeError(f"{program[0]} failed: {done.stderr or done.stdout}")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        programs.run_as(account, [*control, "-m", "immediate", "stop"])
        shutil.rmtree(home, ignore_errors=True)


def suite(major: int, dsn: str, arguments: Sequence[str]) -> Counts:
    """Run the suite on a server; outcomes by module."""
    environment = {**os.environ, "TEST_DATABASE_URL": dsn}
    if major in EMBEDDED:
        environment["POSTGRES_MAJOR"] = str(major)
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        program = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report.name}", *arguments]
        subprocess.run(program, cwd=ROOT, env=environment, check=False)
        return read(Path(report.name))


def read(report: Path) -> Counts:
    """What came of each test of a JUnit report, by module such as ``tests.sql.test_claim``."""
    found: dict[str, Counter[str]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        kinds = {child.tag for child in case}
        what = "failed" if kinds & {"failure", "error"} else "skipped" if kinds else "passed"
        found.setdefault(case.get("classname", ""), Counter())[what] += 1
    return found


def cell(counts: Counter[str] | None) -> str:
    """``12``, ``11, 1 failed``, or ``-`` where nothing ran."""
    if not counts or not counts["passed"] + counts["failed"]:
        return "-"
    failed = f", **{counts['failed']} failed**" if counts["failed"] else ""
    return f"{counts['passed']}{failed}"


def promise(module: str) -> str:
    """The first sentence of a test module."""
    path = (ROOT / module.replace(".", "/")).with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def page(results: Mapping[str, Counts]) -> str:
    """docs/postgresql.md. results: by version as the server tells it."""
    modules = sorted({module for counts in results.values() for module in counts if module})
    rows = [
        (
            promise(module),
            f"`{module.removeprefix('tests.')}`",
            *(cell(counts.get(module)) for counts in results.values()),
        )
        for module in modules
    ]
    total = [cell(sum(counts.values(), Counter())) for counts in results.values()]
    rows.append(("**All**", "", *total))
    return HEAD + table(("Promise", "Module", *results), rows)


def main(arguments: Sequence[str]) -> int:
    """Run everything, write the page; 1 where a test failed or no server was found."""
    results: dict[str, Counts] = {}
    for major, folder in installations().items():
        said = programs.run_as(None, [str(folder / "bin" / "postgres"), "--version"]).stdout
        version = said.split("(PostgreSQL)")[-1].split()[0]
        print(f"PostgreSQL {version}: {folder}", flush=True)  # noqa: T201 - a command
        with running(folder) as dsn:
            results[version] = suite(major, dsn, arguments)
    PAGE.write_text(page(results), encoding="utf-8")
    ran = sum((sum(counts.values(), Counter()) for counts in results.values()), Counter[str]())
    return 0 if ran["passed"] and not ran["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
