"""Assignments that do harm: sessions, headers, switches of libraries, literal secrets."""

from __future__ import annotations

import ast
import re
from typing import Final

from agents.code.taint import patterns
from agents.code.taint.heap import only, whole, write
from agents.code.taint.run import Frame, Run
from agents.code.taint.values import State, Table, Thing, Value

SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|secret|secret_key|api_?key|apikey|access_key"
    r"|private_key|auth_?token|access_?token|refresh_?token|token|encryption_key|jwt_?secret"
    r"|client_secret|signing_key|credential|db_pass|smtp_pass)(?:$|_(?:key|value|prod|dev|default))",
    re.IGNORECASE,
)
NO_SECRET: Final = re.compile(
    r"^(?:|x{3,}|\*+|\.{3}|<.*>|\$?\{.*\}|%.*%|none|null|true|false|test|example|sample|string|"
    r"(?-i:[A-Z]+(?:_[A-Z]+)+|[a-z_]+(?:[./][a-z_]+)+|(?:[A-Z][a-z]*-)+[A-Z][a-z]+)|"
    r"password|passwd|token|secret|your[-_ ].*|.*\s.*|https?://.*|/.*|.*\.(?:html|json|py)|"
    r"todo.*|[a-z]+_(?:token|password|key|secret|type)|bearer|basic|csrf.*|id_token)$",
    re.IGNORECASE | re.DOTALL,
)
KEYED: Final = frozenset(
    {"SECRET_KEY", "JWT_SECRET_KEY", "SECURITY_PASSWORD_SALT", "WTF_CSRF_SECRET_KEY"}
)


def secret(name: str, value: Value) -> bool:
    """Whether a literal beside such a name is a secret."""
    text = value.const.decode("latin-1") if isinstance(value.const, bytes) else value.const
    if not value.known or not isinstance(text, str) or not 4 <= len(text) <= 500:
        return False
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return SECRET_NAME.search(words) is not None and not harmless(words, text)


def harmless(name: str, text: str) -> bool:
    """Whether a literal beside a telling name is none all the same.

    A placeholder, the name of a setting, field, header, module or template, what its own name
    says (``API_KEY = "apikey"``), or a word where a token would be drawn by chance.
    """
    if NO_SECRET.match(text) is not None:
        return True
    said, own = (re.sub(r"[^a-z0-9]", "", word.lower()) for word in (text, name))
    if said in own:
        return True
    return name.lower().endswith("token") and re.fullmatch(r"[A-Za-z_]{,20}", text) is not None


def name(run: Run, frame: Frame, target: ast.Name, value: Value, _state: State) -> None:
    """``SECRET_KEY = "…"``."""
    if frame.place is None and target.id.isupper():
        _setting_name(run, frame, target, value)
    literal = value.known and isinstance(value.const, str | bytes)
    if literal and secret(target.id, value) and _written(frame, target, value):
        run.report("hardcoded-secret", frame, target, confidence="medium")


def _setting_name(run: Run, frame: Frame, target: ast.Name, value: Value) -> None:
    """``DEBUG = True`` in a settings module; cookie flags anywhere."""
    if target.id != "DEBUG" or "INSTALLED_APPS" in frame.module.text:
        name = target.id.replace("CSRF_COOKIE_", "SESSION_COOKIE_")
        if name.startswith(("SESSION_COOKIE", "REMEMBER_COOKIE", "DEBUG")):
            setting(run, frame, target, name, value)


def _written(frame: Frame, target: ast.AST, value: Value) -> bool:
    """Whether the literal stands on the line itself, not behind a name."""
    text = value.const.decode("latin-1") if isinstance(value.const, bytes) else value.const
    line = frame.module.text_at(getattr(target, "lineno", 0))
    return str(text)[:20] in line


def attribute(
    run: Run, frame: Frame, target: ast.Attribute, owner: Value, value: Value, state: State
) -> None:
    """``session.verify = False`` and its like."""
    attr = target.attr
    false = value.known and not value.const and value.const is not None
    if (
        (attr == "verify" and false and owner.kind.startswith(("requests", "httpx")))
        or (attr == "check_hostname" and false)
        or (
            attr == "verify_mode"
            and isinstance(value.ref, str)
            and value.ref in {"ssl.CERT_NONE", "OpenSSL.SSL.VERIFY_NONE"}
        )
        or (attr == "_create_default_https_context" and "unverified" in str(value.ref))
    ):
        run.report("certificate-unchecked", frame, target, confidence="high")
    elif attr == "debug" and value.const is True and "lask" in owner.kind:
        run.report("debug-enabled", frame, target)
    elif (
        attr in {"secret_key", "SECRET_KEY"}
        and value.known
        and isinstance(value.const, str | bytes)
    ):
        if _written(frame, target, value) and secret("secret_key", value):
            run.report("hardcoded-secret", frame, target, confidence="high")
    elif attr in {"mimetype", "content_type"}:
        _typed(run, state, owner, value)
    elif attr == "autoescape" and false and "False" in frame.module.text_at(target.lineno):
        run.report("xss", frame, target, confidence="medium",
                   message="Templates are rendered without escaping")  # fmt: skip
    elif secret(attr, value) and _written(frame, target, value):
        run.report("hardcoded-secret", frame, target, confidence="medium")
    elif attr == "location":
        taint = run.live(value, "redirect", state)
        fixed = patterns.host_fixed(value.prefix) or patterns.local_fixed(value.prefix)
        if taint is not None and taint.origin != "suspected" and not fixed:
            run.report("open-redirect", frame, target, taint)


def _typed(run: Run, state: State, owner: Value, value: Value) -> None:
    def change(content: object) -> Thing | None:
        if isinstance(content, Thing) and content.of == "response":
            return Thing(content.of, {**content.attrs, "type": value})
        return None

    write(run, state, owner, change)


def item(
    run: Run,
    frame: Frame,
    target: ast.Subscript,
    owner: Value,
    key: Value,
    value: Value,
    state: State,
) -> None:
    """``session[key] = value``, ``response.headers[key] = value``, ``app.config[key] = value``."""
    written = _text(target.value)
    if owner.ref in {"flask.session", "quart.session"} or written.endswith("request.session"):
        taint = run.live(whole(run, state, value), "trust", state) or run.live(key, "trust", state)
        if taint is not None:
            run.report("trust-boundary", frame, target, taint)
    elif owner.kind == "response":
        _set_header(run, frame, target, key, value, state)
    elif written.endswith("headers") and not owner.kind.startswith("request"):
        _header(run, frame, target, key, value, state)
    elif written.endswith("config"):
        _config(run, frame, target, key, value)
    elif key.known and isinstance(key.const, str) and secret(key.const, value):
        table = only(run, state, owner, Table)
        if table is not None and _written(frame, target, value):
            run.report("hardcoded-secret", frame, target, confidence="low")


def _header(
    run: Run, frame: Frame, target: ast.Subscript, key: Value, value: Value, state: State
) -> None:
    if (
        key.known
        and str(key.const).lower() == "content-type"
        and isinstance(target.value, ast.Attribute)
    ):
        owner = run.evaluate(frame, target.value.value, state)
        _typed(run, state, owner, value)
    _set_header(run, frame, target, key, value, state)


def _set_header(
    run: Run, frame: Frame, target: ast.Subscript, key: Value, value: Value, state: State
) -> None:
    if key.known and str(key.const).lower() == "location":
        taint = run.live(value, "redirect", state)
        if taint and not (patterns.host_fixed(value.prefix) or patterns.local_fixed(value.prefix)):
            run.report("open-redirect", frame, target, taint)
    taint = run.live(value, "header", state) or run.live(key, "header", state)
    if taint is not None and taint.origin not in {"exception", "suspected"}:
        run.report("header-injection", frame, target, taint)


def _config(run: Run, frame: Frame, target: ast.Subscript, key: Value, value: Value) -> None:
    setting(run, frame, target, key.const if key.known else "", value)


def setting(run: Run, frame: Frame, node: ast.AST, key: object, value: Value) -> None:
    """A Flask setting, wherever it is made."""
    if not isinstance(key, str):
        return
    if key in {"DEBUG", "TESTING"} and value.const is True and key == "DEBUG":
        run.report("debug-enabled", frame, node)
    elif key in {"SESSION_COOKIE_SECURE", "REMEMBER_COOKIE_SECURE"} and value.const is False:
        run.report("insecure-cookie", frame, node)
    elif key in {"SESSION_COOKIE_HTTPONLY", "REMEMBER_COOKIE_HTTPONLY"} and value.const is False:
        run.report("cookie-not-httponly", frame, node)
    elif key == "SESSION_COOKIE_SAMESITE" and str(value.const).lower() == "none" and value.known:
        run.report("cookie-samesite", frame, node)
    elif (
        (key in KEYED or secret(key, value))
        and secret("secret_key", value)
        and _written(frame, node, value)
    ):
        run.report("hardcoded-secret", frame, node, confidence="high")


def _text(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return ""
