"""Rules about settings: secrets with a fallback, calls that wait forever, CORS, naive clocks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.code.model import Finding, Severity
from agents.code.modules import Module, Project, holds_tests
from agents.code.project.found import called, found, keyword, name_of, text_of
from agents.code.project.routes import Web
from agents.code.taint.sinks.stored import SECRET_NAME

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_READERS = frozenset({"os.environ.get", "os.getenv", "environ.get", "decouple.config"})
_PLAIN = frozenset({"", "none", "null"})


def rules(project: Project, web: Web) -> Iterator[Finding]:
    """Every rule of this module."""
    shared = any("CORS(" in module.text for module in project.modules)
    for module in project.modules:
        if holds_tests(module.file):
            continue
        for node in module.nodes:
            if isinstance(node, ast.Call):
                yield from _fallback(module, node)
                yield from _timeout(module, node)
                yield from _cors(module, node)
            elif isinstance(node, ast.keyword):
                yield from _clock(module, node)
            elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
                yield from _or_fallback(module, node)
            elif isinstance(node, ast.Assign):
                yield from _header(module, node)
            elif isinstance(node, ast.FunctionDef) and shared:
                yield from _options(module, node)
    del web


def _dotted(module: Module, node: ast.Call) -> str:
    name = name_of(node.func)
    first, *rest = name.split(".")
    return ".".join([module.imports.get(first, first), *rest])


def _reads(module: Module, node: ast.AST) -> str | None:
    """The name of the environment variable that a call reads, None for any other call."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    if _dotted(module, node) not in _READERS:
        return None
    return text_of(node.args[0])


def _fallback(module: Module, node: ast.Call) -> Iterator[Finding]:
    name = _reads(module, node)
    fallback = node.args[1] if len(node.args) > 1 else keyword(node, "default")
    if name is not None:
        yield from _judge(module, node, name, text_of(fallback))


def _or_fallback(module: Module, node: ast.BoolOp) -> Iterator[Finding]:
    name = _reads(module, node.values[0])
    if name is not None:
        yield from _judge(module, node, name, text_of(node.values[-1]))


def _judge(module: Module, node: ast.AST, name: str, text: str | None) -> Iterator[Finding]:
    if text is None or text.lower() in _PLAIN or not SECRET_NAME.search(name):
        return
    message = f"Without {name} a secret everybody can read is used; refuse to start instead"
    yield found(module, node, "literal-secret-fallback", message, "security", "high", "high", 798)


def _timeout(module: Module, node: ast.Call) -> Iterator[Finding]:
    name = _dotted(module, node)
    library, _, verb = name.replace("requests.api.", "requests.").partition(".")
    waits = (library == "requests" and verb in _VERBS) or name in {
        "urllib.request.urlopen", "smtplib.SMTP", "smtplib.SMTP_SSL",
    }  # fmt: skip
    if not waits or keyword(node, "timeout") is not None:
        return
    if any(item.arg is None for item in node.keywords):
        return
    if name == "urllib.request.urlopen" and len(node.args) > 2:
        return
    message = "Without a timeout this call can wait forever and hold its worker"
    yield found(
        module, node, "http-without-timeout", message, "performance", "medium", "high", 400
    )


def _clock(module: Module, node: ast.keyword) -> Iterator[Finding]:
    """``default=datetime.utcnow``: no time zone, and gone in a later Python."""
    named = isinstance(node.value, ast.Attribute) and node.arg in {"default", "onupdate"}
    if named and name_of(node.value).endswith("datetime.utcnow"):
        message = "utcnow gives a time without a zone; use datetime.now(UTC)"
        yield found(module, node.value, "naive-utc", message, "style", "low")


def _cors(module: Module, node: ast.Call) -> Iterator[Finding]:
    if called(node) not in {"CORS", "cross_origin"}:
        return
    text = ast.unparse(node)
    origins = keyword(node, "origins")
    listed = origins.elts if isinstance(origins, ast.List) else []
    star = text_of(origins) == "*" or any(text_of(item) == "*" for item in listed)
    star = star or "'origins': '*'" in text or "'origins': ['*']" in text
    bare = called(node) == "CORS" and origins is None and keyword(node, "resources") is None
    credentials = keyword(node, "supports_credentials")
    trusting = isinstance(credentials, ast.Constant) and credentials.value is True
    if (star or bare) and trusting:
        message = "Every site may act with the visitor's login; name the origins"
        yield found(module, node, "cors-wildcard", message, "security", "high", "high", 942)
    elif star or bare:
        message = "Every site may read these answers; name the origins"
        yield found(module, node, "cors-wildcard", message, "security", "medium", "medium", 942)


def _header(module: Module, node: ast.Assign) -> Iterator[Finding]:
    target = node.targets[0]
    if not isinstance(target, ast.Subscript):
        return
    if (text_of(target.slice) or "").lower() != "access-control-allow-origin":
        return
    value = ast.unparse(node.value)
    if text_of(node.value) == "*" or "Origin" in value:
        credentials = "Access-Control-Allow-Credentials" in module.text
        severity: Severity = "high" if credentials else "medium"
        message = "Every site may read these answers; name the origins"
        yield found(module, node, "cors-wildcard", message, "security", severity, "medium", 942)


def _options(module: Module, node: ast.FunctionDef) -> Iterator[Finding]:
    """A login asked of preflight requests, which carry none: the browser gives up."""
    hooks = [name_of(d) for d in node.decorator_list]
    if not any(name.endswith(("before_request", "before_app_request")) for name in hooks):
        return
    text = ast.unparse(node)
    refuses = "401" in text or "403" in text
    if refuses and "OPTIONS" not in text and ("Authorization" in text or "token" in text.lower()):
        message = "Preflight requests (OPTIONS) carry no login and are refused here: CORS fails"
        yield found(module, node, "cors-options-unhandled", message, "bug", "medium", "medium")
