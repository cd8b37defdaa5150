"""Which repairs there are for which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from agents.code.fix import arguments, handlers, routes, ruff_fix, settings
from agents.code.fix.edit import Source
from agents.code.gate.patch import Proposal
from agents.code.model import Finding

Fixer = Callable[[Source], Iterator[Proposal]]
FIXERS: dict[str, tuple[Fixer, ...]] = {
    "http-without-timeout": (arguments.timeout,),
    "foreign-key-without-index": (arguments.index,),
    "insecure-cookie": (arguments.cookie,),
    "cookie-not-httponly": (arguments.cookie,),
    "cookie-samesite": (arguments.cookie,),
    "certificate-unchecked": (arguments.certificate,),
    "debug-enabled": (arguments.debug,),
    "unsafe-deserialization": (arguments.yaml_loader,),
    "xss": (arguments.autoescape,),
    "weak-random": (arguments.randomness,),
    "loose-file-rights": (arguments.file_rights,),
    "swallowed-404": (handlers.swallowed_404,),
    "exception-text-to-client": (handlers.exception_text,),
    "literal-secret-fallback": (settings.fallback,),
    "hardcoded-secret": (settings.fallback,),
    "route-parameter-mismatch": (routes.parameters,),
}
"""Rule -> repairs, tried in order; rules of ruff have its own besides."""


def propose(finding: Finding, text: str) -> Iterator[Proposal]:
    """Proposals for a finding in a file of this text, best first; none where nothing helps."""
    if PurePosixPath(finding.file).suffix != ".py":
        return
    source = Source(finding, text)
    try:
        for fixer in (*FIXERS.get(finding.rule, ()), ruff_fix.safe):
            yield from fixer(source)
    except (SyntaxError, ValueError, RecursionError, IndexError):
        return
