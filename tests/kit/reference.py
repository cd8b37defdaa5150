"""References in docs/ that are made from the code; ``python -m tests.kit.reference`` writes them.

``configuration.md`` comes from the settings, in the order and under the headings of .env.example;
``metrics.md`` from the meters; ``database.md`` from the comments of a migrated database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from daemon import migrate
from daemon.meters import Meters
from daemon.settings import Settings
from tests.kit.documents import table
from tests.kit.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
Row = tuple[Any, ...]

MADE = "<!-- Made from {source} by `make docs`; a test keeps it current. -->"

CONFIGURATION_HEAD = """\
# Configuration

Every variable that the service reads, from its environment, once at the start. All are optional.
An empty value counts as unset, and blanks around a value are no part of it. A value that cannot be
used stops the start with exit code 78 and a line that names the variable, what is wrong and an
example, and never the value: it may be a secret.

[`.env.example`](../.env.example) holds the same list as a file to copy. What can be changed while
the service runs (models, limits, pauses, schedules) stands in tables instead: see `ai_agents`,
`ai_control`, `ai_budgets` and `ai_schedules` in [database.md](database.md).
"""

DATABASE_HEAD = """\
# Database

Everything that `python -m daemon migrate` makes, in the schema that is current for its connection
(normally `public`). Your own tables are neither altered nor written. The texts are the objects'
own comments: `\\d+ ai_requests` in psql shows the same.

What may be relied on by other programs: `ai_requests`, `ai_results`, the tables of typed answers,
the views, and the functions without a version in their name. Functions named `…_v1` belong to the
daemon and the triggers; a changed one gets a new number, so that two versions of the service can
work side by side. "Empty" says whether a column may be NULL.
"""

METRICS_HEAD = """\
# Metrics

`GET /metrics` on `PORT` answers in Prometheus' text format, without a key and without asking the
database, so that it works while everything else is busy or away. Labels never carry ids or text
from outside: a task type or model that is not registered counts as `unknown`.

Each daemon tells of itself, so sum counters over the instances; gauges about the queue are the
same on all of them, so take the highest. Counters start at nought with each process: use `rate` or
`increase`. Alert rules and a dashboard that use these names are in
[`deploy/prometheus`](../deploy/prometheus) and [`deploy/grafana`](../deploy/grafana).
"""

COLUMNS = """
SELECT c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'), a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(c.oid, a.attnum)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND c.relname LIKE 'ai\\_%'
ORDER BY c.relname COLLATE "C", a.attnum
"""
FUNCTIONS = """
SELECT p.proname, pg_get_function_identity_arguments(p.oid),
    pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc')
FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'ai\\_%'
ORDER BY p.proname COLLATE "C", 2
"""


def configuration() -> str:
    """docs/configuration.md."""
    by_name = {_variable(name): info for name, info in Settings.model_fields.items()}
    parts = [CONFIGURATION_HEAD, MADE.format(source="daemon/settings.py"), ""]
    for heading, variables in sections():
        rows = [_setting(name, said, by_name.get(name)) for name, said in variables]
        parts += [
            f"## {heading}",
            "",
            table(("Variable", "Meaning", "Default", "Takes", "Example"), rows),
        ]
    return "\n".join(parts)


def _variable(field: str) -> str:
    return "FLASK_ENV" if field == "environment" else field.upper()


def sections() -> list[tuple[str, list[tuple[str, str]]]]:
    """(heading, [(variable, what the file says about it)]), in the order of .env.example."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    sections = []
    for part in re.split(r"^# ---- ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = part.partition("\n")
        found = re.findall(r"((?:^# .*\n)+)#?([A-Z][A-Z0-9_]+)=", rest, re.MULTILINE)
        said = [(name, re.sub(r"^# ", "", words, flags=re.MULTILINE)) for words, name in found]
        sections.append((heading.strip(), [(name, " ".join(w.split())) for name, w in said]))
    return sections


def _setting(name: str, said: str, info: FieldInfo | None) -> tuple[str, ...]:
    if info is None:  # read by a library, or by the tests alone
        return (f"`{name}`", said, "", "", "")
    example = str((info.examples or [""])[0])
    return (
        f"`{name}`",
        info.description or said,
        _default(info.default),
        _takes(info),
        f"`{example}`" if example else "",
    )


def _default(value: Any) -> str:
    match value:
        case None | () | "":
            return "unset"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{','.join(map(str, value))}`"
        case _:
            return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _takes(info: FieldInfo) -> str:
    """What is allowed, in words: the type, its bounds or its list."""
    annotation = str(info.annotation)
    words = "a secret" if SecretStr.__name__ in annotation else _kind(info.annotation, annotation)
    bounds = {type(limit).__name__: limit for limit in info.metadata}
    lowest, highest = bounds.get("Ge"), bounds.get("Le")
    if "Gt" in bounds:
        words += f" above {bounds['Gt'].gt}"
    if lowest is not None and highest is not None:
        words += f" from {lowest.ge} to {highest.le}"
    elif lowest is not None:
        words += f" of {lowest.ge} or more"
    elif highest is not None:
        words += f", at most {highest.le}"
    return words


def _kind(annotation: Any, text: str) -> str:
    if "Literal[" in text:
        return ", ".join(f"`{word}`" for word in re.findall(r"'([^']+)'", text))
    if "tuple" in text:
        return "a list with commas"
    if annotation is bool:
        return "`true` or `false`"
    if "float" in text or "Decimal" in text:
        return "a number"
    return "a whole number" if "int" in text else "text"


def metrics() -> str:
    """docs/metrics.md."""
    rows = []
    for family in Meters().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in _labels(family.name))
        rows.append((f"`{name}`", family.type, labels, family.documentation))
    rows.sort()
    made = MADE.format(source="daemon/meters.py")
    return f"{METRICS_HEAD}\n{made}\n\n{table(('Metric', 'Type', 'Labels', 'Meaning'), rows)}"


def _labels(family: str) -> Sequence[str]:
    """The labels of a metric; a metric without samples yet has them all the same."""
    for meter in vars(Meters()).values():
        if getattr(meter, "_name", None) == family:
            return tuple(meter._labelnames)
    return ("version", "python") if family == "ai_build_info" else ()


def database(connection: psycopg.Connection[Any]) -> str:
    """docs/database.md, of the migrated database that ``connection`` leads to."""
    rows = connection.execute(COLUMNS.encode()).fetchall()
    tables = _relations([row for row in rows if row[1] != "v"])
    views = _relations([row for row in rows if row[1] == "v"])
    functions = [
        (f"`{name}({arguments})`", f"`{result}`", _line(comment))
        for name, arguments, result, comment in connection.execute(FUNCTIONS.encode())
    ]
    parts = [
        DATABASE_HEAD,
        MADE.format(source="the comments of a migrated database"),
        "\n## Tables\n",
        *tables,
        "## Views\n",
        *views,
        "## Functions\n",
        table(("Function", "Returns", "What it does"), functions),
    ]
    return "\n".join(parts)


def _relations(rows: Sequence[Row]) -> list[str]:
    """A section for each relation: its comment, then its columns."""
    said = {row[0]: row[2] for row in rows}
    sections = []
    for name, comment in said.items():
        view = next(row[1] for row in rows if row[0] == name) == "v"
        columns = [
            (f"`{column}`", kind, *(() if view else ("" if required else "yes",)), _line(words))
            for relation, _, _, column, kind, required, words in rows
            if relation == name
        ]
        head = ("Column", "Type", "Meaning") if view else ("Column", "Type", "Empty", "Meaning")
        sections.append(f"### {name}\n\n{_line(comment)}\n\n{table(head, columns)}")
    return sections


def _line(comment: str | None) -> str:
    return " ".join((comment or "").split())


PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "metrics.md": metrics,
}


def write() -> None:
    """Write all three anew; the database is made for it and thrown away."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    server = Server.start()
    try:
        with server.database(migrated=False) as dsn:
            migrate.upgrade(dsn)
            with psycopg.connect(dsn) as connection:
                (DOCS / "database.md").write_text(database(connection), encoding="utf-8")
    finally:
        server.stop()


if __name__ == "__main__":
    write()
