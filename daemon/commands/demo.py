"""``python -m daemon demo``: see it work, on a machine that has nothing.

Exit codes: 0 every request ended as it should; 1 some did not; 64 wrong use; 75 no server.
"""

from __future__ import annotations

import argparse

from rich.console import Console

from daemon.errors import ServiceError
from daemon.settings import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        choices=("configured", "local", "none"),
        default="configured",
        help="configured: OPENAI_API_KEY if set; local: a stand-in served on this machine, to see"
        " the full mode without a key; none: deterministic answers only",
    )
    parser.add_argument(
        "--stay",
        action="store_true",
        help="afterwards keep the daemon running, with its admin console, until Ctrl-C",
    )


def run(arguments: argparse.Namespace) -> int:
    from daemon.demo.play import play

    console = Console()
    overrides = {"openai_api_key": None} if arguments.model == "none" else {}
    try:
        wrong = play(
            load(**overrides), console, local_model=arguments.model == "local", stay=arguments.stay
        )
    except ServiceError as error:
        console.print(f"[red]{error}[/]", highlight=False)
        if error.hint:
            console.print(f"hint: {error.hint}", highlight=False)
        return error.exit_code
    return 1 if wrong else 0
