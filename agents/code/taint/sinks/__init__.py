"""The places where data from outside does harm, and calls that are wrong by themselves.

Each module has two tables: by the dotted name that imports give a call, and by the name of a
method where nothing is known of the object. `check` asks all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.code.taint.sinks import crypto, files, injection, markup, transport, web
from agents.code.taint.sinks.call import Call

Check = Callable[[Call], None]
_MODULES: Final = (injection, files, markup, web, crypto, transport)


def _merged(attr: str) -> dict[str, tuple[Check, ...]]:
    found: dict[str, tuple[Check, ...]] = {}
    for module in _MODULES:
        for name, checks in getattr(module, attr).items():
            more = checks if isinstance(checks, tuple) else (checks,)
            found[name] = (*found.get(name, ()), *more)
    return found


BY_NAME: Final = _merged("BY_NAME")
BY_METHOD: Final = _merged("BY_METHOD")


def check(site: Call) -> None:
    """Report what is wrong with a call."""
    if site.place is not None:
        injection.assigned(site)
        return
    if site.dotted:
        for work in BY_NAME.get(site.dotted, ()):
            work(site)
        crypto.named(site)
        transport.named(site)
        if site.receiver is None or site.dotted in BY_NAME:
            return
    if site.receiver is not None:
        for work in BY_METHOD.get(site.name, ()):
            work(site)
