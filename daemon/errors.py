"""What can go wrong, and what the world is told about it.

::

    ServiceError                    the service itself, never an agent's business
    ├── ConfigurationError          a setting cannot be used (exit 78)
    ├── SchemaTooNew                the database is ahead of this code and says so (exit 57)
    ├── DatabaseUnavailable         no connection; kept trying
    ├── WrongUse                    what somebody typed cannot be used (exit 64)
    ├── RestartWanted               this process has had enough; a fresh one is better (exit 75)
    └── LeaseLost                   this attempt is somebody else's now; write nothing

Everything an *agent* may raise lives in ``agents.base`` (``AgentError`` and its subclasses), since
agents know nothing of this package. The two trees meet in ``daemon.outcome``.
"""

import sys

EXIT_STOPPED = 0
EXIT_SCHEMA_TOO_NEW = 57
EXIT_USAGE = 64
EXIT_INTERNAL = 70
EXIT_TRY_AGAIN = 75
EXIT_CONFIGURATION = 78
EXIT_SECOND_SIGNAL = 130


class ServiceError(Exception):
    """The service cannot go on as asked. ``hint`` says what to do next."""

    exit_code = EXIT_INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigurationError(ServiceError):
    """A setting is missing or cannot be used."""

    exit_code = EXIT_CONFIGURATION


class SchemaTooNew(ServiceError):
    """The database carries a breaking migration this code does not know."""

    exit_code = EXIT_SCHEMA_TOO_NEW


class DatabaseUnavailable(ServiceError):
    """PostgreSQL does not answer."""

    exit_code = EXIT_TRY_AGAIN


class WrongUse(ServiceError):
    """Something that was typed cannot be used."""

    exit_code = EXIT_USAGE


class RestartWanted(ServiceError):
    """The process drained because healing wants a fresh one."""

    exit_code = EXIT_TRY_AGAIN


class LeaseLost(ServiceError):
    """The attempt's lease ran out or was taken over: nothing it does counts any more."""


def other_python(error: ModuleNotFoundError) -> ConfigurationError:
    """Whoever types `python` where the environment is not active gets the system's. Raises the
    error anew where it is a module of ours that is missing."""
    if (error.name or "").partition(".")[0] in {"daemon", "agents", "migrations"}:
        raise error
    return ConfigurationError(
        f"{sys.executable or 'this Python'} does not have the package {error.name}",
        hint=". .venv/bin/activate makes `python` the one that has; `make run` or `make demo`"
        " builds .venv first",
    )
