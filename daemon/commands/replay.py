"""Run past requests again with another model, prompt or configuration, and compare.

Their results stay as they are. Each replay is a request of its own whose calls are on the ledger;
together they never cost more than --max-usd. Inputs, kept steps and people's answers are those of
the original; rows that an agent reads from the main app are today's, and "asked" says whether the
model was asked the same.

examples:
  python -m daemon replay 412 413 --model gpt-5.4-mini --max-usd 0.05
  python -m daemon replay --last 20 --task-type workout_optimization --model gpt-4o --max-usd 0.50
  python -m daemon replay --last 5 --task-type haiku --config '{"system": "Be brief."}' --max-usd 1

exit codes:
  0   all were replayed
  1   some were not: the money was gone, or there is no such finished request
  64  wrong use
  75  the database does not answer
  78  a setting or the configuration cannot be used, or there is no model
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from daemon import log, settings
from daemon.commands.connection import database_url, reachable
from daemon.errors import EXIT_USAGE

MOST = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, nargs="*", help="ai_requests.id")
    parser.add_argument("--last", type=int, metavar="N", help="the newest N completed ones")
    parser.add_argument("--task-type", metavar="TYPE", help="with --last: only of this agent")
    parser.add_argument("--model", help="the model to ask")
    parser.add_argument(
        "--config", metavar="JSON", help="laid over the agent's config; {} changes nothing"
    )
    parser.add_argument(
        "--max-usd", required=True, type=_usd, metavar="X", help="most that all may cost"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    wrong, changes = _changes(arguments)
    if wrong:
        print(wrong, file=sys.stderr)
        return EXIT_USAGE
    log.configure("CRITICAL")
    chosen = settings.load(llm_fallback_models=())
    with reachable():
        done, left = asyncio.run(_replay(arguments, chosen, changes))
    if arguments.json:
        print(json.dumps({"replays": done, "not_replayed": left}, default=str))
    else:
        _show(done, left)
    return 1 if left or not done else 0


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars above 0")
    return amount


def _changes(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """(what is wrong with the arguments or "", the changes of the configuration)."""
    changes: Any = {}
    if arguments.config is not None:
        try:
            changes = json.loads(arguments.config)
        except ValueError:
            changes = None
        if not isinstance(changes, dict):
            return "--config is no JSON object; for example '{\"temperature\": 0}'", {}
    if arguments.model:
        changes["model"] = arguments.model
    if not arguments.model and arguments.config is None:
        return "say what is to be different: --model or --config", {}
    if bool(arguments.id) == (arguments.last is not None):
        return "name requests by id, or say --last N", {}
    if arguments.last is not None and not 0 < arguments.last <= MOST:
        return f"--last is {arguments.last}; expected 1 to {MOST}", {}
    return "", changes


async def _replay(
    arguments: argparse.Namespace, chosen: settings.Settings, changes: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[int]]:
    """(comparisons as JSON, ids that were not replayed)."""
    from daemon.commands.replaying import replays_on

    done: list[dict[str, Any]] = []
    money = arguments.max_usd
    async with replays_on(database_url(), chosen, changes) as replays:
        limit = arguments.last or len(arguments.id)
        found = await replays.find(arguments.id, arguments.task_type, limit)
        left = sorted(set(arguments.id) - {past["id"] for past in found})
        for past in found:
            if money <= 0:
                left.append(past["id"])
                continue
            comparison = await replays.run(past, money)
            money -= comparison.charged_usd
            if comparison.after.validity == "budget_exhausted":
                left.append(past["id"])
                continue
            done.append(comparison.as_json())
    return done, left


def _show(done: list[dict[str, Any]], left: list[int]) -> None:
    head = (
        f"{'request':>9} {'task type':<22} {'validity':<34} {'cost, USD':<24} {'asked':<9} result"
    )
    print(head)
    for row in done:
        before, after = row["before"], row["after"]
        asked = {True: "the same", False: "otherwise", None: "-"}[row["same_question"]]
        changed = ", ".join(row["changed"]) or "the same"
        if not row["same_decision"]:
            changed = f"{before['decision']} → {after['decision']}; {changed}"
        validity = f"{before['validity']} → {after['validity']}"
        cost = f"{_cost(before['cost_usd'])} → {_cost(after['cost_usd'])}"
        line = f"{row['id']:>9} {row['task_type']:<22} {validity:<34} {cost:<24} {asked:<9}"
        print(f"{line} {changed}")
    valid = sum(row["after"]["validity"] == "valid" for row in done)
    spent = sum((row["charged_usd"] for row in done), Decimal(0))
    same = sum(row["same_decision"] for row in done)
    print(f"{len(done)} replayed for {spent} USD: {valid} valid, {same} with the same decision")
    if left:
        print(f"not replayed: {', '.join(map(str, left))}")


def _cost(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:.6f}"
