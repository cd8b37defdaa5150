"""One look at everything that has to be right, from outside a daemon, with what to do about it.

A finding is a step of the examination: settings, connections, rights, the listener's round trip,
the provider. Then all checks that need no daemon are made. Whether a daemon runs is no fault of
what is examined, so that alone is never worse than a warning.
"""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import psycopg
from psycopg.rows import dict_row

from agents.crm.tables import KINDS
from agents.health.checks import SEVERITY, CheckResult, Json, Status
from daemon import __version__, clock, migrate, preflight, statements
from daemon.database import (
    CONNECT,
    ELSEWHERE,
    ELSEWHERE_HINT,
    MINIMUM_VERSION,
    brief,
    no_writes,
    remedy,
    same_database,
)
from daemon.errors import ServiceError
from daemon.health import main_app
from daemon.health.checker import Checker
from daemon.health.process import configured_probe
from daemon.health.session import Session
from daemon.llm.pricing import Prices
from daemon.outgoing import careful_session
from daemon.settings import Settings

CHANNEL = "ai_doctor"
ROUNDTRIP_SECONDS = 3.0
PROVIDER_SECONDS = 10.0
LIST_BYTES = 4_000_000
"""A longer list of models is taken for none."""
OPENAI = "https://api.openai.com/v1"
FREE_BYTES = (2_000_000_000, 200_000_000)
"""Less free space on this host's disk is a warning, critical."""
NEEDS_A_DAEMON = ("workers.heartbeat", "listener.sessions")
ROOT = Path(__file__).resolve().parents[2]
NOT_OUR_TABLES = ("ai_agent_executions", "ai_agent_metrics")


@dataclass(frozen=True, slots=True)
class Finding:
    """One step. remedy: '' where there is nothing to do."""

    name: str
    status: Status
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole examination."""

    findings: list[Finding]
    checks: list[CheckResult]

    @property
    def exit_code(self) -> int:
        """0, 1 for a warning or a step that could not be made, 2 for something critical."""
        blind = any(finding.status == "unknown" for finding in self.findings)
        found: list[Finding | CheckResult] = [*self.findings, *self.checks]
        return max(int(blind), *(SEVERITY[one.status] for one in found))

    def as_json(self) -> dict[str, Json]:
        """``{"status", "exit_code", "findings", "checks"}``."""
        return {
            "status": ("healthy", "warning", "critical")[self.exit_code],
            "exit_code": self.exit_code,
            "findings": [asdict(finding) for finding in self.findings],
            "checks": [check.as_json() for check in self.checks],
        }


async def examine(settings: Settings, url: str) -> Report:
    """Examine a deployment with these settings. url: DATABASE_URL, or what stands for it."""
    direct_url = settings.listen_url or url
    findings = [versions(), disk()]
    variable = "DATABASE_URL"
    try:
        async with await _connect(url) as connection:
            if direct_url != url:
                variable = "DATABASE_UNPOOLED_URL"
                async with await _connect(direct_url) as direct:
                    if not await same_database(connection, direct):
                        findings.append(Finding("direct", "critical", ELSEWHERE, ELSEWHERE_HINT))
                variable = "DATABASE_URL"
            listener = await _round_trip(connection, direct_url)
            heard = listener.status == "healthy"
            privileges = await _privileges(connection)
            findings += [
                _server(connection),
                *await _writes(connection),
                await _pooler(connection, settings, direct_url, heard=heard),
                await _migrations(url),
                privileges,
                # What a role should read that is no daemon's is nobody's business.
                *([await _app_tables(connection)] if privileges.status == "healthy" else []),
                await _strangers(connection),
                listener,
            ]
            if privileges.status == "healthy":
                findings += await _prices(connection, settings)
    except (psycopg.Error, OSError, TimeoutError) as error:
        findings.append(
            Finding(
                "database",
                "critical",
                f"the database does not answer at {variable}: {brief(error)}",
                remedy(error, variable=variable),
            )
        )
    findings.append(await provider(settings))
    blind = {"database", "migrations"} & {one.name for one in findings if one.status == "critical"}
    # Without tables each check would only repeat it.
    return Report(findings, [] if blind else await _checks(settings, direct_url))


def versions() -> Finding:
    """This program and what it runs on."""
    said = f"version {__version__} on Python {platform.python_version()}, {platform.platform()}"
    return Finding("versions", "healthy", said)


def disk(folder: Path = ROOT) -> Finding:
    """Room on this host's disk; that of the database's is the check database.size."""
    free = shutil.disk_usage(folder).free
    message = f"{free / 1e9:.1f} GB are free here"
    status: Status = "healthy"
    if free < FREE_BYTES[0]:
        status = "critical" if free < FREE_BYTES[1] else "warning"
    return Finding("disk", status, message, "" if status == "healthy" else "make room")


async def provider(settings: Settings) -> Finding:
    """Whether the model's provider takes the key; asking for its list of models costs nothing."""
    key = settings.openai_api_key
    if key is None and settings.openai_base_url is None:
        return Finding(
            "provider",
            "notice",
            "no model is configured: every answer is worded by templates",
            "set OPENAI_API_KEY, if words are wanted",
        )
    base = (settings.openai_base_url or OPENAI).rstrip("/")
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    host = urlsplit(base).hostname
    began = clock.monotonic()
    try:
        async with (
            careful_session(PROVIDER_SECONDS, loopback=True) as session,
            session.get(
                f"{base}/models", headers=headers, allow_redirects=False, proxy=_proxy(base)
            ) as answer,
        ):
            status = answer.status
            body = await _read(answer.content)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return Finding(
            "provider",
            "critical",
            f"{host} cannot be reached: {type(error).__name__}",
            "check OPENAI_BASE_URL and the way out of this network; answers are worded by"
            " templates until then",
        )
    if status in (400, 401, 403):
        return Finding(
            "provider", "critical", f"{host} refuses the key ({status})", "check OPENAI_API_KEY"
        )
    if status == 429:
        return Finding("provider", "warning", f"{host} limits us (429)", "check plan and quota")
    if status >= 500:
        return Finding("provider", "warning", f"{host} answers {status}", "see its status page")
    listed = _listed(body)
    if status != 200 or listed is None:
        return Finding(
            "provider",
            "warning",
            f"what answers at {host} is no list of models ({status})",
            "check OPENAI_BASE_URL: it often ends in /v1, and a redirect is not followed",
        )
    # A resource of Azure lists what could be deployed there, and takes the names of deployments.
    azure = (host or "").endswith(".azure.com")
    missing = [model for model in _models(settings) if not {model, f"{model}:latest"} & listed]
    if listed and missing and not azure:
        return Finding(
            "provider",
            "warning",
            f"{host} takes the key, and lists no model {', '.join(missing)}",
            "check OPENAI_MODEL and LLM_FALLBACK_MODELS",
        )
    seconds = clock.monotonic() - began
    return Finding("provider", "healthy", f"{host} answers {status} after {seconds:.2f} s")


def _proxy(url: str) -> str | None:
    """The proxy of the environment, by which the daemon asks as well (HTTPS_PROXY, NO_PROXY)."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


async def _read(stream: aiohttp.StreamReader) -> bytes:
    """The body; what is longer than any list of models is read no further."""
    body = bytearray()
    while len(body) <= LIST_BYTES and (chunk := await stream.readany()):
        body += chunk
    return bytes(body[:LIST_BYTES])


def _listed(body: bytes) -> set[str] | None:
    """The models of a list as the API words it, also without a folder before the name; None if it
    is no such list."""
    try:
        data = json.loads(body)["data"]
        names = {entry["id"] for entry in data}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return names | {str(name).removeprefix("models/") for name in names}


def _models(settings: Settings) -> tuple[str, ...]:
    return (settings.openai_model, *settings.llm_fallback_models)


async def _prices(connection: psycopg.AsyncConnection[Any], settings: Settings) -> list[Finding]:
    """Whether the models that will be asked have a price; nothing where there is none to ask."""
    if settings.openai_api_key is None and settings.openai_base_url is None:
        return []
    try:
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(statements.load()["price_list"], {"now": None})
        prices = Prices.of(await cursor.fetchall())
    except psycopg.Error as error:
        return [Finding("prices", "unknown", f"prices cannot be read: {brief(error)}")]
    unpriced = [model for model in _models(settings) if prices.find(model) is None]
    if not unpriced:
        return [Finding("prices", "healthy", "every model that is set has a price")]
    return [
        Finding(
            "prices",
            "warning",
            f"no price is known of {', '.join(unpriced)}: what is asked there counts at the price"
            " of *, and larger questions are not asked at all",
            "add rows to ai_model_prices, with zeros for a server of your own",
        )
    ]


# --- the database -------------------------------------------------------------------------------


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, prepare_threshold=None, application_name="ai-doctor", **CONNECT
    )


def _server(connection: psycopg.AsyncConnection[Any]) -> Finding:
    version = connection.info.server_version
    said = f"PostgreSQL {version // 10000}.{version % 10000}, database {connection.info.dbname}"
    if version < MINIMUM_VERSION:
        return Finding("database", "critical", f"{said} is too old", "upgrade to 13 or newer")
    return Finding("database", "healthy", said)


async def _writes(connection: psycopg.AsyncConnection[Any]) -> list[Finding]:
    """What keeps a daemon with this URL from writing; nothing where it may."""
    refuses = await no_writes(connection)
    return [Finding("writes", "critical", "the database takes none", refuses)] if refuses else []


async def _pooler(
    connection: psycopg.AsyncConnection[Any], settings: Settings, direct_url: str, *, heard: bool
) -> Finding:
    """Whether a pooler stands in the way of LISTEN. heard: a notification came all the way."""
    behind = await _is_pooled(connection)
    async with await _connect(direct_url) as other:
        direct_behind = await _is_pooled(other)
    if direct_behind and heard:
        return Finding("pooler", "healthy", "a pooler in session mode: notifications arrive")
    if direct_behind:
        return Finding(
            "pooler",
            "critical",
            "notifications go through a transaction pooler, where they never arrive",
            "set DATABASE_UNPOOLED_URL to a direct connection",
        )
    if behind:
        return Finding("pooler", "healthy", "DATABASE_URL is pooled, LISTEN goes direct")
    two = ", although two URLs are set" if settings.database_unpooled_url else ""
    return Finding("pooler", "healthy", f"no pooler{two}")


async def _is_pooled(connection: psycopg.AsyncConnection[Any]) -> bool:
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    return row is None or bool(row[0] != connection.info.backend_pid)


async def _migrations(url: str) -> Finding:
    def look() -> tuple[str | None, list[str]]:
        with psycopg.connect(url, autocommit=True, **CONNECT) as connection:
            current = migrate.current(connection)
            if current is None:
                preflight.check(connection, migrate.home(connection), adopt=True)
            newest = current == migrate.head()
            return current, migrate.functions_missing(connection) if newest else []

    try:
        current, missing = await asyncio.to_thread(look)
    except ServiceError as error:
        return Finding("migrations", "critical", str(error), error.hint)
    if current is None:
        return Finding(
            "migrations", "critical", "there are no tables of ours", "python -m daemon migrate"
        )
    if missing:
        return Finding(
            "migrations",
            "critical",
            f"revision {current}, without functions that it has: {', '.join(missing)}",
            "a dump of tables alone leaves them out: restore the whole schema, or run the files of"
            " sql/functions that make them, as the owner of the ai_ tables",
        )
    if current == migrate.head():
        return Finding("migrations", "healthy", f"revision {current}")
    if current in migrate.revisions():
        return Finding(
            "migrations",
            "warning",
            f"revision {current}; this code brings {migrate.head()}",
            "python -m daemon migrate, or start the service, which does it",
        )
    return Finding("migrations", "healthy", f"revision {current}, newer, on which this code works")


async def _privileges(connection: psycopg.AsyncConnection[Any]) -> Finding:
    """Whether our role may do with our tables what a daemon does, as a GRANT where it may not."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            statements.load()["rights_missing"], {"foreign": list(NOT_OUR_TABLES)}
        )
        missing = await cursor.fetchall()
    if not missing and (hidden := await _hidden(connection, None)):
        what, cure = hidden
        return Finding("privileges", "critical", f"{what}: no daemon sees those", cure)
    if not missing:
        return Finding("privileges", "healthy", "our role may use all our tables")
    user = missing[0]["role_name"]
    if missing[0]["granted"]:
        return Finding(
            "privileges",
            "critical",
            f"role {user} has rights as {missing[0]['granted']} has them: a daemon needs more",
            "take the DATABASE_URL of the service itself, and leave this role as it is",
        )
    grants = "; ".join(
        f"GRANT {row['rights']} ON {row['table_name']} TO {user}" for row in missing[:5]
    )
    more = f" (and {len(missing) - 5} more tables)" if len(missing) > 5 else ""
    return Finding(
        "privileges",
        "critical",
        f"role {user} lacks rights on {len(missing)} of our tables",
        f"let their owner run: {grants}{more}",
    )


async def _app_tables(connection: psycopg.AsyncConnection[Any]) -> Finding:
    """Whether agents see the main app's tables: without them they answer, knowing nobody."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statements.load()["app_tables"], {"names": list(KINDS)})
        tables = await cursor.fetchall()
    user, schemas = tables[0]["role_name"], tables[0]["schemas"]
    path = ", ".join(filter(None, (schemas, "that_schema")))
    found = [row["table_name"] for row in tables if row["found"]]
    hidden = [row for row in tables if row["found"] and not row["readable"]]
    if not any(row["is_clients"] and row["found"] for row in tables):
        return Finding(
            "app",
            "notice",
            f"{schemas or 'no schema'}: no table clients there, so agents know nobody",
            "compare this DATABASE_URL with the app's; where the app's tables stand in another"
            f" schema: ALTER ROLE {user} SET search_path = {path}; then restart",
        )
    if hidden:
        grants = [f"GRANT SELECT{_of(row)} ON {row['table_name']} TO {user}" for row in hidden]
        return Finding(
            "app",
            "warning",
            f"role {user} may not read {len(hidden)} of the app's tables: answers do without them",
            f"let their owner run: {'; '.join(grants)}",
        )
    if unseen := await _hidden(connection, list(KINDS)):
        what, cure = unseen
        return Finding("app", "warning", f"{what}: such clients are not found", cure)
    return Finding("app", "healthy", f"agents can read {len(found)} of the app's tables")


async def _hidden(
    connection: psycopg.AsyncConnection[Any], names: list[str] | None
) -> tuple[str, str] | None:
    """Whether policies may hide rows of these tables of the main app's from our role, or of ours
    (None): what they do, and what the tables' owner can do."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statements.load()["rows_hidden"], {"names": names})
        rows = await cursor.fetchall()
    if not rows:
        return None
    tables = ", ".join(row["table_name"] for row in rows)
    return (
        f"row level security may hide rows of {tables} from role {rows[0]['role_name']}",
        f"let their owner run: {'; '.join(row['policy'] for row in rows)}",
    )


def _of(table: Mapping[str, Any]) -> str:
    """The columns to be granted of a table; '' for all. Beside those of users that are read stands
    a hash of their password."""
    if table["table_name"] != "users":
        return ""
    read = [name for name in KINDS["users"] if name in table["columns"]] or ["id"]
    return f" ({', '.join(read)})"


async def _strangers(connection: psycopg.AsyncConnection[Any]) -> Finding:
    """Whether others may put functions beside ours, which ours would then call."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statements.load()["schema_creators"])
        found = await cursor.fetchall()
    if not found:
        return Finding("schema", "healthy", "nobody else may create functions in our schema")
    schema, everybody = found[0]["schema_name"], found[0]["everybody"]
    names = ", ".join(row["role_name"] for row in found[:5])
    return Finding(
        "schema",
        "warning" if everybody else "notice",
        f"{names} may create functions in schema {schema}, and so run code with our rights",
        f"let its owner run: REVOKE CREATE ON SCHEMA {schema} FROM"
        f" {'PUBLIC' if everybody else names}; or trust them as yourself",
    )


async def _round_trip(connection: psycopg.AsyncConnection[Any], direct_url: str) -> Finding:
    """LISTEN on the direct connection, NOTIFY through the other one."""
    async with await _connect(direct_url) as listener:
        await listener.execute(f"LISTEN {CHANNEL}".encode())
        began = clock.monotonic()
        await connection.execute("SELECT pg_notify(%s, 'there')", [CHANNEL])
        async for _ in listener.notifies(timeout=ROUNDTRIP_SECONDS, stop_after=1):
            milliseconds = 1000 * (clock.monotonic() - began)
            return Finding(
                "listener", "healthy", f"a notification arrived after {milliseconds:.1f} ms"
            )
    return Finding(
        "listener",
        "critical",
        "LISTEN is accepted but nothing arrives",
        "a transaction pooler stands between: set DATABASE_UNPOOLED_URL to a direct connection;"
        " until then requests are found by polling",
    )


async def _checks(settings: Settings, url: str) -> list[CheckResult]:
    checker = Checker(
        Session(url, "doctor"),
        statements.load(),
        probes=[
            configured_probe(bool(settings.openai_api_key or settings.openai_base_url)),
            *main_app.probes(settings.main_app_url),
        ],
        lease_seconds=settings.lease_seconds,
        daily_budget_usd=settings.daily_budget_usd,
    )
    try:
        results = await checker.run()
    finally:
        await checker.close()
    return [_without_a_daemon(result) for result in results]


def _without_a_daemon(result: CheckResult) -> CheckResult:
    if result.check in NEEDS_A_DAEMON and result.status == "critical":
        return replace(result, status="warning")
    return result


def troubles(report: Report) -> Sequence[Finding | CheckResult]:
    """What is not as it should be, the worst first."""
    found: list[Finding | CheckResult] = [*report.findings, *report.checks]
    wrong = [one for one in found if one.status != "healthy"]
    return sorted(wrong, key=lambda one: -SEVERITY[one.status])
