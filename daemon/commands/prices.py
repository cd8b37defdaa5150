"""What model calls cost: list the prices that hold, or bring them up to date.

`sync` reads the prices that the package genai-prices keeps (an optional extra) and adds a row for
each that differs; rows are never changed, so the cost of every past call stays derivable. A price
that an admin wrote stays in force. Running daemons use new prices at once.

examples:
  python -m daemon prices list gpt-4o
  python -m daemon prices sync --dry-run

exit codes:
  0   done
  64  wrong use
  75  the database does not answer
  78  a setting cannot be used, or the package genai-prices is not installed
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from daemon.commands.connection import queue
from daemon.commands.retry import user
from daemon.errors import ConfigurationError
from daemon.llm.pricing import is_snapshot_of

PROVIDER = "openai"
TIERS = ("default", "flex", "priority", "fast")
OTHER_UNITS = ("audio", "image", "mchars")
"""Prices in these units belong to models that are not asked for words."""
OTHER_PURPOSES = (
    "audio", "realtime", "transcribe", "tts", "whisper", "image", "sora", "search", "embedding",
    "moderation",
)  # fmt: skip
COLUMNS = {
    "input_usd_per_million": "input_mtok",
    "cached_input_usd_per_million": "cache_read_mtok",
    "cache_write_usd_per_million": "cache_write_mtok",
    "output_usd_per_million": "output_mtok",
}
Row = dict[str, str | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|sync")
    listed = actions.add_parser("list", help="the prices that hold now, USD per million tokens")
    listed.add_argument("model", nargs="?", default="", help="only models that begin like this")
    listed.add_argument("--json", action="store_true", help="print JSON")
    sync = actions.add_parser("sync", help="add the prices of the package genai-prices")
    sync.add_argument("--dry-run", action="store_true", help="say what would change")
    sync.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    return _list(arguments) if arguments.action == "list" else _sync(arguments)


def _list(arguments: argparse.Namespace) -> int:
    with queue() as requests:
        rows = requests.rows("price_show")
    rows = [row for row in rows if row["model_pattern"].startswith(arguments.model)]
    if arguments.json:
        print(json.dumps(rows))
        return 0
    print(f"{'model':<32} {'tier':<9} {'input':>9} {'cached':>9} {'output':>9}  source")
    for row in rows:
        prices = (
            _short(row[f"{kind}_usd_per_million"]) for kind in ("input", "cached_input", "output")
        )
        columns = " ".join(f"{price:>9}" for price in prices)
        print(f"{row['model_pattern']:<32} {row['tier']:<9} {columns}  {row['source']}")
    return 0


def _sync(arguments: argparse.Namespace) -> int:
    version, prices = published()
    with queue() as requests, requests.change():
        rows = requests.rows(
            "price_put",
            prices=json.dumps(prices),
            source=f"genai-prices {version}",
            dry_run=arguments.dry_run,
        )
        counts = Counter(row["verdict"] for row in rows)
        if not arguments.dry_run and counts["new"] + counts["changed"]:
            after = {"package": version, "added": counts["new"], "changed": counts["changed"]}
            requests.audit(user(), "sync_prices", "prices", after=after)
    differing = [row for row in rows if row["verdict"] in {"new", "changed", "kept"}]
    if arguments.json:
        print(json.dumps({"version": version, **counts, "rows": differing}))
        return 0
    for row in differing:
        print(f"{row['verdict']:<8} {row['model_pattern']} ({row['tier']})")
    would = "would be " if arguments.dry_run else ""
    print(
        f"genai-prices {version}: {counts['new']} {would}added, {counts['changed']} {would}"
        f"changed, {counts['same']} as before, {counts['kept']} set by an admin and kept"
    )
    return 0


def published() -> tuple[str, list[Row]]:
    """(the package's version, a row per model and service tier whose price it knows now).

    Raises ConfigurationError where the package is not installed.
    """
    try:
        package = importlib.import_module("genai_prices")
        data = importlib.import_module("genai_prices.data_snapshot")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "prices sync needs the package genai-prices, which is not installed",
            hint="uv sync --extra prices, or: pip install genai-prices",
        ) from None
    providers = data.get_snapshot().providers
    models = next(provider.models for provider in providers if provider.id == PROVIDER)
    rows: dict[tuple[str, str], Row] = {}
    now = datetime.now(UTC)
    for model in models:
        if any(purpose in model.id for purpose in OTHER_PURPOSES):
            continue
        for tier, prices in _by_tier(model, now):
            row = _row(prices)
            if row is None:
                continue
            for name in _names(model):
                rows.setdefault((name, tier), {"model_pattern": name, "tier": tier, **row})
    return package.__version__, [rows[key] for key in sorted(rows)]


def _by_tier(model: Any, now: datetime) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The model's prices in each tier that it is sold in."""
    sold = {variant.when.get("service_tier") for variant in model.price_variants or ()}
    for tier in TIERS:
        if tier == "default" or tier in sold:
            yield tier, vars(model.get_prices(now, {"service_tier": tier}))


def _row(prices: Mapping[str, Any]) -> Row | None:
    """The columns of ai_model_prices; None for what is not sold by tokens of text alone."""
    known = {name: price for name, price in prices.items() if price is not None}
    if any(unit in name for name in known for unit in OTHER_UNITS):
        return None
    row = {column: _usd(known.get(name)) for column, name in COLUMNS.items()}
    return row if row["input_usd_per_million"] and row["output_usd_per_million"] else None


def _usd(price: Any) -> str | None:
    # The surcharge for very long prompts is left out: prompts here are far below it.
    base = getattr(price, "base", price)
    return f"{Decimal(base):f}" if base is not None else None


def _names(model: Any) -> Iterator[str]:
    """The model's name and its aliases; dated snapshots are found by their model's name."""
    yield model.id
    for clause in getattr(model.match, "or_", ()):
        alias = getattr(clause, "equals", None)
        if alias is not None and not is_snapshot_of(alias, model.id):
            yield alias


def _short(amount: str | None) -> str:
    return "" if amount is None else f"{Decimal(amount).normalize():f}"
