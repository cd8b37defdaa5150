"""``python -m daemon COMMAND``: finds the command, loads it alone, turns errors into exit codes.

A command is a module ``daemon/commands/<name>.py`` with ``add_arguments(parser)`` and
``run(arguments) -> int``; its docstring is the help, exit codes included.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from daemon.errors import EXIT_USAGE, ConfigurationError, ServiceError, other_python

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "run": "the service, in the foreground",
    "migrate": "bring the database's schema up to this code",
    "demo": "see it work: a sample gym, requests by SQL, their answers",
    "submit": "ask for something, as the main app does",
    "watch": "follow a request to its end",
    "cancel": "ask for a request to stop",
    "retry": "reopen a failed, cancelled or expired request",
    "forget": "erase what is kept of a client, for good",
    "approvals": "questions of agents to people: list, answer, reject",
    "keys": "who may use the HTTP API and the console: add, list, revoke",
    "doctor": "examine everything that has to be right, and say what to do",
    "alerts": "send a test message to where alerts go",
    "prices": "what model calls cost: list, sync",
    "review": "find bugs and holes in code, in CI or by hand; no database needed",
    "replay": "run past requests again with another model or configuration, and compare",
}
EPILOG = "python -m daemon COMMAND --help tells the rest"


class Parser(argparse.ArgumentParser):
    """Wrong use ends with 64, as sysexits has it, not with argparse's 2; a command may differ."""

    usage_exit_code = EXIT_USAGE

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(self.usage_exit_code, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        check_imports()
    except ConfigurationError as error:
        return complain(error)
    name = given[0] if given else ""
    if name not in COMMANDS:
        return _list_commands(given)
    try:
        module = importlib.import_module(f"daemon.commands.{name}")
    except ModuleNotFoundError as error:
        return complain(other_python(error))
    parser = Parser(
        prog=f"python -m daemon {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    parsed = parser.parse_args(given[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As standard error does: letters that the terminal does not have are shown by number.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = module.run(parsed)
        sys.stdout.flush()
    except ServiceError as error:
        return complain(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _list_commands(given: list[str]) -> int:
    parser = Parser(
        prog="python -m daemon",
        description="FitnessCRM AI Orchestrator: answers rows of ai_requests.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, help_line in COMMANDS.items():
        commands.add_parser(name, help=help_line)
    if given and given[0] in {"-h", "--help"}:
        parser.print_help()
        return 0
    if given:
        parser.error(f"there is no command {given[0]!r}; one of: {', '.join(COMMANDS)}")
    parser.print_help(sys.stderr)
    return EXIT_USAGE


def complain(error: ServiceError) -> int:
    """Say on standard error what is wrong and what to do; returns the error's exit code."""
    sys.stderr.write(f"error: {error}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
    return error.exit_code


def check_imports(root: Path = ROOT) -> None:
    """Raises ConfigurationError where ``import agents`` would find somebody else's package.

    ``agents`` (openai-agents) and ``daemon`` (python-daemon) are import names of other projects;
    the repository's root must come first on the path.
    """
    spec = importlib.util.find_spec("agents")
    found = Path(spec.origin) if spec is not None and spec.origin else None
    ours = root / "agents" / "__init__.py"
    if found is not None and found.resolve() == ours:
        return
    where = f"{found} (another project's package)" if found else "nothing"
    raise ConfigurationError(
        f"`import agents` finds {where} instead of {ours}",
        hint=f"start from the repository's root (cd {root}; python -m daemon ...), without -P"
        " and without PYTHONSAFEPATH, or remove the other package: pip uninstall openai-agents",
    )
