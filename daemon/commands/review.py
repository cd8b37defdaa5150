"""Find bugs and holes in code, and propose repairs that were proved to apply.

    python -m daemon review                          a whole project, as it stands
    python -m daemon review --diff origin/main       what the working tree has anew since a commit
    git diff main | python -m daemon review --diff - the same from a diff; or from a file
    python -m daemon review --range main..HEAD       what one commit has anew since another
    python -m daemon review --history 50             which of the last commits' bugs it would have
                                                     found before they were mended

No database, no key and no network are needed. With something to compare with (--diff, --range,
--baseline) only new findings count: what was there before is neither shown nor an error.

Exit codes: 0 nothing at or above --fail-on; 1 something; 2 wrong use; 3 no analyzer ran, or files
were skipped and --strict was given.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from agents.code.collect import Refused
from agents.code.model import SEVERITIES
from agents.code.report import FORMATS, write
from agents.code.results import at_least
from agents.code.workshop import TYPES
from daemon.commands import review_history, reviewing
from daemon.commands.review_output import progress, send

EXIT_FOUND = 1
EXIT_WRONG_USE = 2
EXIT_NOT_ANALYSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage_exit_code = EXIT_WRONG_USE  # type: ignore[attr-defined]
    parser.add_argument("folder", nargs="?", metavar="PATH", help="folder or file; default: here")
    parser.add_argument("--path", metavar="PATH", help="the same, as an option")
    compared = parser.add_mutually_exclusive_group()
    compared.add_argument("--range", metavar="A..B", help="compare two commits")
    compared.add_argument("--diff", metavar="BASE|FILE|-", help="a commit, or a unified diff")
    compared.add_argument("--history", metavar="N|PATH", help="replay the last N commits, of PATH")
    parser.add_argument("--grep", default="", help="with --history: only commits that say so")
    parser.add_argument("--limit", type=int, default=50, help="with --history PATH: how many")
    parser.add_argument("--format", choices=[*FORMATS], default="text")
    parser.add_argument("--output", metavar="FILE", help="instead of standard output")
    parser.add_argument(
        "--baseline", metavar="FILE", help="an earlier report (json, jsonl, sarif): known findings"
    )
    parser.add_argument("--type", choices=[*TYPES], default="comprehensive", dest="kind")
    parser.add_argument(
        "--fail-on", choices=[*SEVERITIES, "never"], default="high", metavar="SEVERITY",
        help="critical, high (default), medium, low or never",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="skipped files are an error")
    parser.add_argument(
        "--repair", type=float, metavar="SECONDS", default=None,
        help="how long to look for repairs; default: 20 for new findings, else none",
    )  # fmt: skip
    parser.add_argument(
        "--test", metavar="COMMAND",
        help="what runs your tests, such as 'pytest -q': a repair must pass them, in a copy",
    )  # fmt: skip
    parser.add_argument(
        "--model", action="store_true", help="let OPENAI_MODEL explain and mend (masked code)"
    )
    parser.add_argument(
        "--post", metavar="URL", help="send the changed files to a running service, too"
    )
    parser.add_argument("--repository", default="", help="with --post: its name, owner/name")


def run(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except Refused as refused:
        sys.stderr.write(f"error: {refused}\n")
        return EXIT_WRONG_USE


def _run(arguments: argparse.Namespace) -> int:
    if arguments.folder and arguments.path:
        raise Refused("PATH", "is given twice")
    folder = Path(arguments.path or arguments.folder or ".")
    if arguments.history is not None:
        return _history(arguments, folder)
    wish = reviewing.Wish(
        folder=folder,
        range=arguments.range,
        diff=arguments.diff,
        baseline=Path(arguments.baseline) if arguments.baseline else None,
        kind=arguments.kind,
        repair_seconds=arguments.repair,
        model=arguments.model,
        test=arguments.test,
    )
    with progress() as told:
        review = asyncio.run(reviewing.review(wish, told))
    text = write(review.report, arguments.format)
    if arguments.output:
        Path(arguments.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    if arguments.post:
        name = arguments.repository or folder.resolve().name
        asyncio.run(send(arguments.post, review, name))
    analysis = review.report.analysis
    if analysis.files and not any(tool.status == "ok" for tool in analysis.tools):
        return EXIT_NOT_ANALYSED
    if arguments.strict and analysis.skipped:
        return EXIT_NOT_ANALYSED
    grave = [item for item in review.report.fresh if at_least(item.severity, arguments.fail_on)]
    return EXIT_FOUND if grave else 0


def _history(arguments: argparse.Namespace, folder: Path) -> int:
    limit = arguments.limit
    if arguments.history.isdecimal():
        limit = int(arguments.history)
    elif arguments.folder or arguments.path:
        raise Refused("--history", "is no number; with a path of its own leave PATH out")
    else:
        folder = Path(arguments.history)
    if limit < 1:
        raise Refused("--history", f"is {limit}; expected a number of commits from 1")
    with progress() as told:
        replayed = review_history.replay(folder, limit=limit, grep=arguments.grep, told=told)
    if arguments.format == "json":
        sys.stdout.write(review_history.as_json(replayed))
    elif arguments.format == "text":
        sys.stdout.write(review_history.as_text(replayed))
    else:
        raise Refused("--format", f"is {arguments.format}; --history knows text and json")
    return 0
