"""Settings: every variable typed, every mistake named, no secret repeated."""

from __future__ import annotations

import pytest

from daemon.errors import ConfigurationError
from daemon.settings import load, normalise_dsn


def test_every_bad_variable_is_named_with_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that cannot go on says which variables are wrong, all at once."""
    monkeypatch.setenv("PORT", "eighty")
    monkeypatch.setenv("GYM_TIME_ZONE", "Mars/Olympus")
    monkeypatch.setenv("WORKER_CONCURRENCY", "0")
    with pytest.raises(ConfigurationError) as caught:
        load()
    lines = str(caught.value).splitlines()
    assert {line.split(":")[0] for line in lines} == {
        "PORT",
        "GYM_TIME_ZONE",
        "WORKER_CONCURRENCY",
    }
    assert all("example: " in line for line in lines)


def test_a_bad_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database URL that cannot be used is described without its password."""
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hunter2@host/db")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert "DATABASE_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard's empty field means the default."""
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("DATABASE_UNPOOLED_URL", " ")
    monkeypatch.setenv("LLM_FALLBACK_MODELS", "")
    settings = load()
    assert (settings.port, settings.database_unpooled_url, settings.llm_fallback_models) == (
        5001,
        None,
        (),
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://u:p@h:5/d", "postgresql://u:p@h:5/d"),
        ("postgresql+psycopg://u:p@h/d", "postgresql://u:p@h/d"),
        ("postgresql://h/d?pgbouncer=true&sslmode=require", "postgresql://h/d?sslmode=require"),
    ],
)
def test_database_urls_of_other_tools_work(given: str, expected: str) -> None:
    """URLs as platforms, SQLAlchemy and Prisma write them are understood."""
    assert normalise_dsn(given) == expected


def test_the_direct_connection_is_preferred_for_listening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is an unpooled URL, LISTEN goes there."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler/d")
    assert load().listen_url == "postgresql://pooler/d"
    monkeypatch.setenv("DATABASE_UNPOOLED_URL", "postgresql://direct/d")
    assert load().listen_url == "postgresql://direct/d"
