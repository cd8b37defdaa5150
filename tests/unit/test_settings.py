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
        ("postgres:///d?host=/run/postgresql", "postgresql:///d?host=%2Frun%2Fpostgresql"),
        ("postgres://h/d?options=-c%20geqo%3Doff", "postgresql://h/d?options=-c%20geqo%3Doff"),
        ("postgres://h/d?application_name=a+b", "postgresql://h/d?application_name=a%2Bb"),
        ("postgres://u:p%40q@h/d?user=me@h", "postgresql://u:p%40q@h/d?user=me%40h"),
        ("postgres:///d?user=me@h", "postgresql:///d?user=me%40h"),
        ("postgresql://h/d?client_encoding=latin1", "postgresql://h/d"),
        ("postgres://h:5,[::1]:6,i/d", "postgresql://h:5,[::1]:6,i/d"),
    ],
)
def test_database_urls_of_other_tools_work(given: str, expected: str) -> None:
    """URLs as platforms, SQLAlchemy and Prisma write them are understood."""
    assert normalise_dsn(given) == expected


def test_quotes_that_an_env_file_kept_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL in quotes, as `docker run --env-file` hands it on, is refused with that reason."""
    monkeypatch.setenv("DATABASE_URL", '"postgresql://user:secret@host/d"')
    with pytest.raises(ConfigurationError, match="stands in quotes") as caught:
        load()
    assert "secret" not in str(caught.value)


def test_the_direct_connection_is_preferred_for_listening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there is an unpooled URL, LISTEN goes there."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler/d")
    assert load().listen_url == "postgresql://pooler/d"
    monkeypatch.setenv("DATABASE_UNPOOLED_URL", "postgresql://direct/d")
    assert load().listen_url == "postgresql://direct/d"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://１６９.254.169.254/v1",
        "http://[64:ff9b::a9fe:a9fe]/v1",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://100.100.100.200",
        "169.254.169.254/latest",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "MAIN_APP_URL"])
def test_addresses_that_hand_out_credentials_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    """No setting leads to a cloud's metadata service or to a file."""
    monkeypatch.setenv(name, url)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert str(caught.value).startswith(f"{name}: ")
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434/v1/",
        "http://[::1]:8000",
        "https://10.0.0.7",
        "http://app.internal",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
    ],
)
def test_private_servers_may_be_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A model or an app on this machine or in a private network is what many have."""
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("MAIN_APP_URL", url)
    assert (load().openai_base_url, load().main_app_url) == (url, url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://u:hunter2 x@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2%zz@h/d"),
        ("DATABASE_URL", "postgresql://u:p@h/d?hunter2=x"),
        ("DATABASE_URL", "postgresql://u:p@h:99999/d"),
        ("DATABASE_URL", "postgresql://u:p@hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:p[hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2\u2100@h/d"),
        ("DATABASE_URL", "postgresql://u:12/hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:12?hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:p@::1:5432/d"),
        ("DATABASE_URL", "postgresql://u:p@h:5432:5432/d"),
        ("DATABASE_UNPOOLED_URL", "postgresql://u:hunter2%@h/d"),
        ("OPENAI_BASE_URL", "api.example.com/v1"),
        ("OPENAI_BASE_URL", "http://"),
        ("OPENAI_BASE_URL", "https://h/openai/deployments/d?api-version=2024-10-21"),
        ("OPENAI_BASE_URL", "https://h/v1/chat/completions"),
        ("OPENAI_BASE_URL", "https://user:hunter2@h/v1"),
        ("OPENAI_API_KEY", '"sk-hunter2"'),
        ("OPENAI_API_KEY", "Bearer sk-hunter2"),
        ("OPENAI_API_KEY", "sk-hunter2\u201d"),
        ("OPENAI_MODEL", '"gpt-4o"'),
        ("DAILY_BUDGET_USD", "1000000"),
        ("MAIN_APP_URL", "app.internal:80"),
        ("MAIN_APP_URL", "http://user:hunter2/x@app.internal"),
        ("MAIN_APP_URL", "http://user:hunter2\u2100@app.internal"),
        ("MAIN_APP_URL", "http://app.internal:99999"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "app.example.com"),
        ("CORS_ORIGINS", "https://a.example.com,https://b.example.com/page"),
        ("CODE_REPOSITORY", "https://github.com/owner/name"),
    ],
)
def test_what_could_never_work_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """An address that leads nowhere is a mistake to name now, not a failure to meet later."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert str(caught.value).startswith(f"{name}: ")
    assert "example: " in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_blanks_around_a_value_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was pasted with the end of its line is the same value, a key too."""
    monkeypatch.setenv("DATABASE_URL", " postgresql://h/d\n")
    monkeypatch.setenv("ADMIN_API_KEY", "k \n")
    monkeypatch.setenv("GYM_TIME_ZONE", " Europe/Berlin")
    monkeypatch.setenv("LOG_PROMPTS", "false ")
    monkeypatch.setenv("LOG_LEVEL", "info ")
    settings = load()
    assert settings.listen_url == "postgresql://h/d"
    assert settings.admin_api_key is not None
    assert settings.admin_api_key.get_secret_value() == "k"
    assert settings.gym_time_zone == "Europe/Berlin"
    assert (settings.log_prompts, settings.log_level) == (False, "INFO")


def test_a_mail_may_have_several_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas stand between addresses, and between the receivers of one mail."""
    mail = "smtp://mail.example.com?to=a@example.com,b@example.com"
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"https://h.example.com/x, {mail}, https://i.example")
    assert load().alert_webhook_url == ("https://h.example.com/x", mail, "https://i.example")


def test_an_admins_key_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key for the main app and the first admin would open the console to all who have it."""
    monkeypatch.setenv("MAIN_APP_API_KEY", "hunter2-for-both")
    monkeypatch.setenv("ADMIN_API_KEY", " hunter2-for-both\n")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert str(caught.value).startswith("ADMIN_API_KEY: ")
    assert "MAIN_APP_API_KEY" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("ADMIN_API_KEY", "hunter2-for-admins")
    assert load().admin_api_key is not None
