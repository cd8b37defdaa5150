"""Prices: listed, synchronised from a package, used at once, and every cost derivable by SQL."""

from __future__ import annotations

import importlib
import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from daemon import cli
from daemon.commands import prices
from daemon.demo.model_server import ModelServer
from tests.kit.model_agents import CATALOG
from tests.kit.worker import FOREVER, becomes, insert, running

Connection = psycopg.AsyncConnection[Any]
MODEL = "house-model"


@pytest.fixture
def at(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database)
    return database


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli.main(["prices", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_seed_is_what_the_package_says(
    at: str, capsys: pytest.CaptureFixture[str], connection: psycopg.Connection[Any]
) -> None:
    """No seeded price differs from the package's of the same version; a dry run writes nothing."""
    told = said(capsys, "sync", "--dry-run")
    changed = [row for row in told["rows"] if row["verdict"] == "changed"]
    assert changed == []
    assert told["same"] > 80
    kept = "SELECT count(*) FROM ai_model_prices WHERE source LIKE 'genai-prices %%'"
    assert connection.execute(kept).fetchone() == (0,)


def test_sync_adds_what_differs_and_keeps_an_admins_price(
    at: str, capsys: pytest.CaptureFixture[str], connection: psycopg.Connection[Any]
) -> None:
    """A stale price gets a successor, an admin's own stays, and a second run changes nothing."""
    connection.execute(
        "UPDATE ai_model_prices SET input_usd_per_million = 99 WHERE model_pattern = 'o3'"
    )
    connection.execute(
        "INSERT INTO ai_model_prices (model_pattern, input_usd_per_million,"
        " output_usd_per_million, valid_from, source) VALUES ('gpt-4o', 1, 2, now(), 'contract')"
    )
    told = said(capsys, "sync")
    verdicts = {(r["model_pattern"], r["tier"]): r["verdict"] for r in told["rows"]}
    assert verdicts["o3", "default"] == "changed"
    assert verdicts["gpt-4o", "default"] == "kept"

    listed = {(r["model_pattern"], r["tier"]): r for r in said(capsys, "list")}
    assert Decimal(listed["o3", "default"]["input_usd_per_million"]) == 2
    assert listed["o3", "default"]["source"].startswith("genai-prices ")
    assert listed["gpt-4o", "default"]["source"] == "contract"

    again = said(capsys, "sync")
    assert [r["verdict"] for r in again["rows"]] == ["kept"]
    assert cli.main(["prices", "list", "gpt-4o"]) == 0
    assert "contract" in capsys.readouterr().out


def test_without_the_package_sync_says_how_to_get_it(
    at: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optional extra is named, and the exit code is that of a configuration."""

    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(prices, "importlib", type("Absent", (), {"import_module": absent}))
    assert cli.main(["prices", "sync"]) == 78
    assert "--extra prices" in capsys.readouterr().err


def test_the_package_is_an_extra(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the command needs the package."""
    version, rows = prices.published()
    assert version == importlib.import_module("genai_prices").__version__
    assert {"gpt-4o-mini", "gpt-5.4"} <= {row["model_pattern"] for row in rows}
    assert not any("audio" in str(row["model_pattern"]) for row in rows)


async def test_a_running_daemon_uses_a_new_price_at_once(at: str, aconnection: Connection) -> None:
    """An unknown model is unpriced and counted; once it has a price, its next call is exact."""
    async with (
        ModelServer().running() as server,
        running(
            at, CATALOG, openai_base_url=server.url, openai_model=MODEL, poll_seconds=FOREVER
        ) as daemon,
    ):
        [first] = await insert(aconnection, "test_writer", topic="one")
        assert (await becomes(aconnection, first, "completed"))["cost_usd"] is None

        configured = daemon.signals.expect("configured")
        await aconnection.execute(
            "INSERT INTO ai_model_prices (model_pattern, input_usd_per_million,"
            " output_usd_per_million) VALUES (%s, 3, 9)",
            (MODEL,),
        )
        await configured
        [second] = await insert(aconnection, "test_writer", topic="two")
        cost = (await becomes(aconnection, second, "completed"))["cost_usd"]

    usage = server.calls[-1].usage
    wanted = Decimal(3 * usage["prompt_tokens"] + 9 * usage["completion_tokens"]) / 10**6
    assert cost == wanted
    cursor = await aconnection.execute(
        "SELECT request_id, derived_usd, difference_usd FROM ai_cost_check"
    )
    assert await cursor.fetchall() == [(second, wanted, Decimal(0))]
