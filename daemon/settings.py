"""Every setting, from the environment, in one typed place.

A value that cannot be used stops the start with the variable's name, what is wrong with it and an
example, never with the value itself: it may be a secret.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from daemon.errors import ConfigurationError
from daemon.outward import check_literal

Csv = Annotated[tuple[str, ...], NoDecode]
REPOSITORY = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9._-]{1,100}")
"""``owner/name``, and nothing that could lead elsewhere as a part of an address."""

_QUOTES = {"'", '"'}
_IN_QUOTES = "stands in quotes, which are a part of the value here: leave them out"


_NO_HOST = (
    "names no host, or one with a port that cannot be; in a password write / as %2F, ? as %3F,"
    " # as %23, [ as %5B, ] as %5D"
)


def _split(url: str) -> SplitResult:
    """The parts of a URL. Raises ValueError in words of ours: Python's repeat what it cannot read,
    which may be a piece of a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(_NO_HOST) from None
    return parts


def _example(text: str, description: str) -> dict[str, Any]:
    return {"description": description, "examples": [text]}


class Settings(BaseSettings):
    """Read once at start with :func:`load`."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        None,
        **_example(
            "postgresql://user:password@host:5432/fitnesscrm",
            "The main app's database. Unset: an embedded PostgreSQL is started.",
        ),
    )
    database_unpooled_url: SecretStr | None = Field(
        None,
        **_example(
            "postgresql://user:password@host:5432/fitnesscrm",
            "A direct connection for LISTEN, where DATABASE_URL goes through a pooler.",
        ),
    )
    port: int = Field(
        5001, ge=0, le=65535, **_example("5001", "Port of health, metrics, API and console.")
    )
    environment: str = Field(
        "production",
        validation_alias=AliasChoices("FLASK_ENV", "environment"),
        **_example("production", "Name of the environment, shown in the console."),
    )
    secret_key: SecretStr | None = Field(
        None, **_example("a long random string", "Signs webhooks and console sessions.")
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", **_example("INFO", "How much is logged.")
    )

    openai_api_key: SecretStr | None = Field(
        None, **_example("sk-...", "Without it every agent answers deterministically.")
    )
    openai_base_url: str | None = Field(
        None, **_example("https://api.openai.com/v1", "Any OpenAI-compatible server.")
    )
    openai_model: str = Field("gpt-4o-mini", **_example("gpt-4o-mini", "The model to ask first."))
    openai_temperature: float | None = Field(
        None, ge=0, le=2, **_example("0.3", "Sampling temperature; unset: the model's own.")
    )
    llm_fallback_models: Csv = Field(
        (), **_example("gpt-4.1-mini,gpt-4o", "Models to ask, in order, when the first is down.")
    )
    daily_budget_usd: Decimal | None = Field(
        # What the column of a budget takes.
        None,
        ge=0,
        le=999_999,
        **_example("5.00", "Most that all model calls of a UTC day may cost."),
    )
    log_prompts: bool = Field(
        True, **_example("true", "false keeps hashes and counts of prompts, never their text.")
    )

    main_app_url: str | None = Field(
        None, **_example("https://app.example.com", "The main app's base URL.")
    )
    main_app_api_key: SecretStr | None = Field(
        None, **_example("a long random string", "The bearer key shared with the main app.")
    )
    admin_api_key: SecretStr | None = Field(
        None, **_example("a long random string", "First admin of the console.")
    )
    cors_origins: Csv = Field(
        (), **_example("https://app.example.com", "Origins that may call the API from a browser.")
    )

    gym_time_zone: str = Field(
        "UTC", **_example("Europe/Berlin", "The gym's time zone: its session times are local.")
    )
    client_portal_unit: Literal["kg", "lbs"] | None = Field(
        None, **_example("lbs", "Unit that clients type their weight in, where none is stored.")
    )

    enable_self_healing: bool = Field(True, **_example("true", "Let healing rules act."))
    enable_code_monitoring: bool = Field(True, **_example("true", "Watch the main app's code."))
    enable_workout_optimization: bool = Field(
        True, **_example("true", "Answer workout_optimization.")
    )
    enable_progress_monitoring: bool = Field(
        True, **_example("true", "Answer progress_monitoring.")
    )
    enable_scheduling_intelligence: bool = Field(True, **_example("true", "Answer scheduling."))
    code_monitor_path: str | None = Field(
        None, **_example("/srv/fitnesscrm", "A checkout of the main app to watch.")
    )
    code_repository: str | None = Field(
        None, **_example("owner/name", "The main app's repository, read as an archive.")
    )
    code_repository_token: SecretStr | None = Field(
        None, **_example("a read-only token", "Reads CODE_REPOSITORY.")
    )
    alert_webhook_url: Csv = Field(
        (), **_example("https://hooks.example.com/x", "Where alerts go; smtp:// too.")
    )
    heartbeat_url: str | None = Field(
        None, **_example("https://ping.example.com/x", "Called each minute while all is well.")
    )

    worker_concurrency: int = Field(
        20, ge=1, le=1000, **_example("20", "Requests answered at the same time.")
    )
    lease_seconds: float = Field(
        30.0, ge=3, le=3600, **_example("30", "How long a silent worker keeps its requests.")
    )
    drain_seconds: float = Field(
        45.0, ge=0, le=3600, **_example("45", "How long a stop waits for running requests.")
    )
    poll_seconds: float = Field(
        5.0, ge=0.1, le=3600, **_example("5", "Longest sleep between two looks at the queue.")
    )

    @field_validator("*", mode="before")
    @classmethod
    def _trimmed(cls, value: Any, info: Any) -> Any:
        """``NAME=`` in a dashboard means "not set", as does a template nobody filled in; and what
        was copied with a blank or a line's end around it means what it says."""
        if isinstance(value, str):
            return value.strip() or cls.model_fields[info.field_name].get_default()
        return value

    @field_validator("llm_fallback_models", "cors_origins", "alert_webhook_url", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts: list[str] = []
        for part in filter(None, map(str.strip, value.split(","))):
            # The receivers of a mail stand in one address, with commas between.
            if parts and parts[-1].startswith("smtp://") and "://" not in part:
                parts[-1] += f",{part}"
            else:
                parts.append(part)
        return tuple(parts)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("gym_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("is not an IANA time zone name")
        ZoneInfo(value)
        return value

    @field_validator("database_url", "database_unpooled_url")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        return SecretStr(normalise_dsn(value.get_secret_value()))

    @field_validator("openai_base_url", "main_app_url")
    @classmethod
    def _reachable_url(cls, value: str | None) -> str | None:
        """A private network and this machine are fine; what hands out a machine's keys is not."""
        if value is not None:
            parts = _split(value)
            if parts.scheme not in {"http", "https"}:
                raise ValueError("is not an http:// or https:// URL")
            if not parts.hostname or parts.port == 0:
                raise ValueError(_NO_HOST)
            if reason := check_literal(parts.hostname, loopback=True):
                raise ValueError(reason)
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _beginning_of_a_path(cls, value: str | None) -> str | None:
        """Paths are put behind it: what belongs behind them would stand in their middle."""
        if value is not None:
            parts = urlsplit(value)
            if parts.query or parts.fragment:
                raise ValueError("has a ? or #; Azure takes .../openai/v1 without an api-version")
            if parts.path.rstrip("/").endswith("/completions"):
                raise ValueError("names an endpoint; leave off what follows its version (/v1)")
            if parts.username or parts.password:
                raise ValueError("holds a user or a password; a key goes into OPENAI_API_KEY")
        return value

    @field_validator("openai_api_key")
    @classmethod
    def _key_of_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value() if value is not None else ""
        if key[:1] in _QUOTES:
            raise ValueError(_IN_QUOTES)
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("holds a blank, or a letter that no key has: the key alone is wanted")
        return value

    @field_validator("admin_api_key")
    @classmethod
    def _not_the_main_apps(cls, value: SecretStr | None, info: Any) -> SecretStr | None:
        """Else every part of the main app that asks for a plan could sign in as an admin."""
        if value is not None and value == info.data.get("main_app_api_key"):
            raise ValueError("is the same as MAIN_APP_API_KEY, which is to open no console")
        return value

    @field_validator("openai_model")
    @classmethod
    def _bare_name(cls, value: str) -> str:
        if value[:1] in _QUOTES:
            raise ValueError(_IN_QUOTES)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A browser sends ``scheme://host[:port]``, which anything else would never equal."""
        for origin in value:
            parts = urlsplit(origin)
            extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
            if not parts.scheme or not parts.hostname or extra:
                raise ValueError("each origin is a scheme and a host, without a path or a *")
        return value

    @field_validator("code_repository")
    @classmethod
    def _on_github(cls, value: str | None) -> str | None:
        if value is not None and not REPOSITORY.fullmatch(value):
            raise ValueError("is not owner/name")
        return value

    @property
    def listen_url(self) -> str | None:
        """Where to LISTEN: the direct connection if there is one."""
        chosen = self.database_unpooled_url or self.database_url
        return chosen.get_secret_value() if chosen else None

    @property
    def listen_variable(self) -> str:
        """The variable that names it."""
        return "DATABASE_UNPOOLED_URL" if self.database_unpooled_url else "DATABASE_URL"


def normalise_dsn(url: str) -> str:
    """The URL as libpq takes it: ``postgresql://``, no SQLAlchemy driver, no pooler options, and
    no encoding but ours.

    Raises ValueError, which names no part of the URL, since that may be a password.
    """
    if url[:1] in _QUOTES:
        raise ValueError(_IN_QUOTES)
    scheme, found, _ = url.partition("://")
    if not found or scheme.split("+")[0] not in {"postgres", "postgresql"}:
        raise ValueError("is not a postgresql:// URL")
    try:
        parts = urlsplit(url)
    except ValueError:  # its words repeat what stands before the first /
        raise ValueError(_NO_HOST) from None
    account, at, hosts = parts.netloc.rpartition("@")
    # libpq takes the first @ for the last one, and would then say that it finds no host of that
    # name: a piece of the password.
    if "@" in account:
        raise ValueError("has more than one @ before the host; in a password write @ as %40")
    # A password with a bare / ? or # in it ends the host there; libpq would then complain of a bad
    # port, repeating a piece of the password, and be tried again for ever.
    if not at and re.match("[^=]*@", url[url.index("://") + 3 + len(hosts) :]):
        raise ValueError(_NO_HOST)
    for host in hosts.split(","):
        name, colon, port = host.rpartition("]")[2].rpartition(":")
        if ":" in name:
            raise ValueError("has more than one port; an IPv6 address stands in brackets: [::1]")
        if colon and not (port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(
                "has a port that is no number from 1 to 65535; in a password write / as %2F, ? as"
                " %3F, # as %23"
            )
    foreign = {"pgbouncer", "connection_limit", "pool_timeout", "schema", "client_encoding"}
    # To libpq a + is a plus, not a blank.
    given = parse_qsl(parts.query.replace("+", "%2B"))
    query = urlencode([(k, v) for k, v in given if k not in foreign], quote_via=quote)
    # Not urlunsplit: it forgets the // where no host stands, as for a socket's folder.
    dsn = f"postgresql://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
    try:
        conninfo_to_dict(dsn)
    except ProgrammingError:
        raise ValueError(
            "cannot be read; in user and password write a blank as %20, % as %25, @ as %40; after"
            " the ? stand parameters of libpq alone"
        ) from None
    return dsn


def load(**overrides: Any) -> Settings:
    """The settings of this process. Raises ConfigurationError naming each bad variable."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(_explain(problem) for problem in error.errors(include_input=False)),
            hint="every variable is described in .env.example",
        ) from None


def _explain(problem: Any) -> str:
    """One line for one bad variable: its name, what is wrong, an example."""
    field = str(problem["loc"][0])
    name = "FLASK_ENV" if field == "environment" else field.upper()
    examples = Settings.model_fields[field.lower()].examples or [""]
    what = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {what}; example: {name}={examples[0]}"
