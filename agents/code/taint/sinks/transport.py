"""Certificates, signatures, unencrypted ways, switches that open a service."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final

from agents.code.taint.sinks import stored
from agents.code.taint.sinks.call import Call
from agents.code.taint.values import Value

_LOCAL: Final = re.compile(
    r"http://(?:localhost|127\.|0\.0\.0\.0|\[::1\]|host\.docker|10\.|192\.168\.)"
)
_HTTP: Final = ("requests.", "httpx.", "aiohttp.", "urllib3.")
_CREDENTIALS: Final = re.compile(r"passw|token|secret|api_?key|credential|authorization|auth\b",
                                 re.IGNORECASE)  # fmt: skip


def _false(value: Value | None) -> bool:
    return value is not None and value.known and value.const is False


def _ask(site: Call) -> None:
    """A request: are certificates checked, do credentials travel in the clear."""
    if _false(site.kwargs.get("verify")) or _false(site.kwargs.get("ssl")):
        site.pattern("certificate-unchecked", confidence="high")
    url = site.arg(1 if site.name == "request" else 0, "url")
    if url is None or not url.prefix.startswith("http://") or _LOCAL.match(url.prefix):
        return
    if site.kwargs.get("auth") is not None or _CREDENTIALS.search(_written(site)):
        site.pattern("cleartext-transport", confidence="high")


def _written(site: Call) -> str:
    node = site.node
    if not isinstance(node, ast.Call):
        return ""
    parts = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    return " ".join([*(ast.unparse(part) for part in parts),
                     *(str(keyword.arg) for keyword in node.keywords)])  # fmt: skip


def _client(site: Call) -> None:
    if site.kind.startswith(_HTTP):
        _ask(site)


def _constructor(site: Call) -> None:
    for name in ("verify", "ssl", "verify_ssl", "validate_certs", "use_ssl"):
        if name == "use_ssl":
            continue
        if _false(site.kwargs.get(name)):
            site.pattern("certificate-unchecked", confidence="high")
    reqs = site.kwargs.get("cert_reqs")
    if reqs is not None and ("CERT_NONE" in str(reqs.ref) or reqs.const == "CERT_NONE"):
        site.pattern("certificate-unchecked", confidence="high")


def _unverified(site: Call) -> None:
    site.pattern("certificate-unchecked", confidence="high")


def _context(site: Call) -> None:
    protocol = site.arg(0, "protocol", "ssl_version", "method")
    name = str(protocol.ref or "") if protocol is not None else ""
    if re.search(r"SSLv2|SSLv3|TLSv1$|TLSv1_METHOD|TLSv1_1", name):
        site.pattern("weak-cipher", message="An old version of TLS; TLS 1.2 is the least",
                     confidence="high")  # fmt: skip


def _policy(site: Call) -> None:
    policy = site.arg(0)
    if policy is None:
        return
    name = f"{policy.ref or ''}{policy.kind}"
    if "AutoAddPolicy" in name or "WarningPolicy" in name:
        site.pattern("certificate-unchecked", confidence="high",
                     message="Unknown host keys are accepted")  # fmt: skip


def _decode(site: Call) -> None:
    """``jwt.decode``: is the signature checked, with an algorithm of ours."""
    if _false(site.kwargs.get("verify")):
        site.pattern("signature-unchecked", confidence="high")
        return
    options = site.table(site.kwargs.get("options"))
    if options is not None and _false(options.items.get("verify_signature")):
        site.pattern("signature-unchecked", confidence="high")
        return
    algorithms = site.arg(2, "algorithms")
    listed = site.items(algorithms)
    names = [item.const for item in listed.items] if listed is not None else (
        [algorithms.const] if algorithms is not None else [])  # fmt: skip
    if any(isinstance(name, str) and name.lower() == "none" for name in names):
        site.pattern("signature-unchecked", confidence="high")
    _key(site)


def _encode(site: Call) -> None:
    given = site.arg(2, "algorithm")
    if given is not None and given.known and str(given.const).lower() == "none":
        site.pattern("signature-unchecked", confidence="high")
    _key(site)


def _key(site: Call) -> None:
    key = site.arg(1, "key")
    if key is not None and key.known and isinstance(key.const, str) and len(key.const) >= 4:
        site.pattern("hardcoded-key", confidence="high")


def _claims(site: Call) -> None:
    site.pattern("signature-unchecked", confidence="medium",
                 message="Claims are read without a look at the signature")  # fmt: skip


def _clear(site: Call) -> None:
    site.pattern("cleartext-transport", confidence="high")


def _flask_run(site: Call) -> None:
    debug = site.arg(2, "debug")
    if debug is not None and debug.known and debug.const is True:
        site.pattern("debug-enabled", confidence="high")
    if _false(site.kwargs.get("use_evalex")):
        return


def _config_update(site: Call) -> None:
    """``app.config.update(DEBUG=True, …)``, ``from_mapping``."""
    func = getattr(site.node, "func", None)
    owner = ast.unparse(func.value) if isinstance(func, ast.Attribute) else ""
    if not owner.endswith("config"):
        return
    items = dict(site.kwargs)
    table = site.table(site.arg(0))
    if table is not None:
        items |= {str(key): item for key, item in table.items.items()}
    for key, value in items.items():
        stored.setting(site.run, site.frame, _keyword(site.node, key), key, value)


def _keyword(node: ast.AST, key: str) -> ast.AST:
    for keyword in getattr(node, "keywords", []):
        if keyword.arg == key:
            return keyword.value  # type: ignore[no-any-return]
    return node


def _login(site: Call) -> None:
    """``smtplib.SMTP(...).login`` without ``starttls`` in the same function."""
    place = site.frame.place
    if not site.kind.startswith("smtplib.SMTP") or site.kind.startswith("smtplib.SMTP_SSL"):
        return
    if place is not None:
        node = place.node
        text = "\n".join(site.frame.module.lines[node.lineno - 1 : node.end_lineno])
        if "starttls" in text:
            return
    site.pattern("cleartext-transport", confidence="medium")


def named(site: Call) -> None:
    """Secrets given by name to any call: ``connect(password="…")``."""
    for name, value in site.kwargs.items():
        if stored.secret(name, value) and isinstance(site.node, ast.Call):
            for keyword in site.node.keywords:
                if keyword.arg == name and isinstance(keyword.value, ast.Constant):
                    site.run.report("hardcoded-secret", site.frame, keyword.value,
                                    confidence="medium")  # fmt: skip


Check = Callable[[Call], None]
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
BY_NAME: Final[dict[str, Check | tuple[Check, ...]]] = {
    **{f"{lib}.{verb}": _ask for lib in ("requests", "httpx") for verb in _VERBS},
    "urllib.request.urlopen": _ask, "urllib.request.Request": _ask,
    **dict.fromkeys((
        "requests.Session", "httpx.Client", "httpx.AsyncClient", "aiohttp.TCPConnector",
        "urllib3.PoolManager", "urllib3.HTTPSConnectionPool", "aiohttp.ClientSession",
        "elasticsearch.Elasticsearch", "hvac.Client", "ssl.wrap_socket",
    ), _constructor),
    "ssl._create_unverified_context": _unverified,
    "ssl.SSLContext": _context, "OpenSSL.SSL.Context": _context,
    **dict.fromkeys(("jwt.decode", "jose.jwt.decode", "authlib.jose.jwt.decode"), _decode),
    **dict.fromkeys(("jwt.encode", "jose.jwt.encode"), _encode),
    **dict.fromkeys(("jose.jwt.get_unverified_claims", "jwt.get_unverified_claims"), _claims),
    **dict.fromkeys(("telnetlib.Telnet", "ftplib.FTP"), _clear),
}  # fmt: skip
BY_METHOD: Final[dict[str, Check | tuple[Check, ...]]] = {
    **dict.fromkeys(_VERBS, _client),
    "set_missing_host_key_policy": _policy,
    "run": _flask_run,
    "update": _config_update, "from_mapping": _config_update,
    "login": _login,
}  # fmt: skip
