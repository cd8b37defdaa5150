"""Redirects, requests to other hosts, headers, cookies, sessions, logs, raw markup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.code.taint import patterns
from agents.code.taint.sinks.call import Call
from agents.code.taint.values import Value

LOG_LEVELS: Final = ("debug", "info", "warning", "warn", "error", "critical", "exception", "log")
SECRET_COOKIES: Final = ("session", "token", "auth", "sid", "jwt", "remember", "login")


def _redirect(site: Call) -> None:
    value = site.arg(0, "location", "url", "redirect_to")
    if value is None or not site.live(value, "redirect"):
        return
    if patterns.host_fixed(value.prefix) or patterns.local_fixed(value.prefix):
        return
    site.flow("open-redirect", "redirect", value)


def _host(site: Call) -> None:
    _ask(site, site.arg(0, "url", "fullurl"))


def _second(site: Call) -> None:
    """``requests.request(method, url)``."""
    _ask(site, site.arg(1, "url"))


def _ask(site: Call, value: Value | None) -> None:
    if value is None or not site.live(value, "ssrf"):
        return
    if patterns.host_fixed(value.prefix) or (
        value.prefix.startswith("/") and len(value.prefix) > 1
    ):
        return
    site.flow("ssrf", "ssrf", value, bare=False)


def _connect(site: Call) -> None:
    sequence = site.items(site.arg(0))
    if sequence is not None and sequence.items and site.kind.startswith("socket"):
        site.flow("ssrf", "ssrf", sequence.items[0], bare=False)


def _session_ask(site: Call) -> None:
    """A method of a client session: requests, httpx, aiohttp."""
    kind = site.kind
    if kind.startswith(("requests.", "httpx.", "aiohttp.", "urllib3.", "http.client")):
        if site.name in {"request", "urlopen"}:
            _second(site)
        else:
            _host(site)


def _markup(site: Call) -> None:
    site.flow("xss", "xss", site.arg(0, "object", "base", "s"), bare=False)


def _response(site: Call) -> None:
    """Headers given to a response's constructor."""
    table = site.table(site.arg(2, "headers"))
    for key, item in table.items.items() if table is not None else ():
        if str(key).lower() not in {"location", "content-type"}:
            site.flow("header-injection", "header", item)
    for key in ("content_type", "mimetype"):
        site.flow("header-injection", "header", site.kwargs.get(key), confidence="medium")


def _header(site: Call) -> None:
    """``response.headers.add(name, value)``."""
    kind = site.kind
    if kind.endswith(".headers") and not kind.startswith("request") and len(site.args) == 2:
        if site.const(0) == "Location":
            _redirect_header(site, site.args[1])
        for value in site.args:
            if site.flow("header-injection", "header", value):
                return


def _redirect_header(site: Call, value: Value) -> None:
    if not (patterns.host_fixed(value.prefix) or patterns.local_fixed(value.prefix)):
        site.flow("open-redirect", "redirect", value)


def _cookie(site: Call) -> None:
    """The flags of a cookie; the gravest that lacks is named, the others with it."""
    if site.receiver is None or len(site.args) + len(site.kwargs) < 2:
        return  # a cookie jar takes a whole cookie
    name = site.const(0, "key", default="")
    if site.more:
        return
    secure = site.arg(5, "secure")
    httponly = site.arg(6, "httponly")
    samesite = site.arg(-1, "samesite")
    expires = site.const(2, "max_age")
    if expires == 0 or site.const(1, "value") == "":
        return  # a cookie that is taken away
    if _off(secure):
        site.pattern("insecure-cookie", confidence="high")
    elif _off(httponly):
        site.pattern("cookie-not-httponly", confidence="high")
    elif samesite is not None and samesite.known and str(samesite.const).lower() == "none":
        site.pattern("cookie-samesite", confidence="high")
    elif samesite is None and any(word in str(name).lower() for word in SECRET_COOKIES):
        site.pattern("cookie-samesite", confidence="low")


def _off(value: Value | None) -> bool:
    return value is None or (value.known and not value.const)


def _log(site: Call) -> None:
    if site.dotted.startswith("logging.") or _logger(site):
        form = site.const(0)
        quoted = isinstance(form, str) and "%r" in form and "%s" not in form
        # `%r` writes a line break as two characters.
        for value in () if quoted else (*site.args, *site.kwargs.values()):
            taint = site.live(value, "log")
            if taint is not None and taint.origin not in {"suspected", "program", "exception"}:
                site.run.report("log-injection", site.frame, site.node, taint)
                return


def _logger(site: Call) -> bool:
    import ast

    kind = site.kind
    if "logging.getLogger" in kind or kind.endswith((".logger", ".log")) or "loguru" in kind:
        return True
    func = getattr(site.node, "func", None)
    owner = func.value if isinstance(func, ast.Attribute) else None
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return str(name).lower().lstrip("_") in {"logger", "log", "logging"}


def _environment(site: Call) -> None:
    safe = site.arg(-1, "autoescape")
    if safe is not None and safe.known and not safe.const:
        site.pattern("xss", confidence="medium",
                     message="Templates are rendered without escaping")  # fmt: skip


def _session(site: Call) -> None:
    """``session.update(request.form)``, ``session.setdefault(key, value)``."""
    receiver = site.receiver
    if receiver is not None and receiver.ref in {"flask.session", "quart.session"}:
        for value in site.args:
            if site.flow("trust-boundary", "trust", value):
                return


Check = Callable[[Call], None]
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options")
BY_NAME: Final[dict[str, Check | tuple[Check, ...]]] = {
    **dict.fromkeys((
        "flask.redirect", "werkzeug.utils.redirect", "django.shortcuts.redirect",
        "django.http.HttpResponseRedirect", "fastapi.responses.RedirectResponse",
        "starlette.responses.RedirectResponse", "quart.redirect", "bottle.redirect",
        "aiohttp.web.HTTPFound", "django.http.HttpResponsePermanentRedirect",
    ), _redirect),
    **{f"{lib}.{verb}": _host for lib in ("requests", "httpx") for verb in _VERBS},
    "requests.request": _second, "httpx.request": _second, "httpx.stream": _second,
    "urllib3.request": _second, "aiohttp.request": _second,
    **dict.fromkeys((
        "urllib.request.urlopen", "urllib.request.Request", "urllib.request.urlretrieve",
        "urllib2.urlopen", "urllib.urlopen", "http.client.HTTPConnection",
        "http.client.HTTPSConnection", "socket.create_connection", "pycurl.Curl.setopt",
        "websocket.create_connection", "feedparser.parse", "pandas.read_html", "wget.download",
    ), _host),
    **dict.fromkeys((
        "markupsafe.Markup", "flask.Markup", "jinja2.Markup",
        "django.utils.safestring.mark_safe", "jinja2.utils.markupsafe.Markup",
    ), _markup),
    **dict.fromkeys(("flask.Response", "flask.make_response", "django.http.HttpResponse"),
                    _response),
    **dict.fromkeys(("jinja2.Environment", "jinja2.environment.Environment"), _environment),
    **{f"logging.{level}": _log for level in LOG_LEVELS},
    **{f"flask.current_app.logger.{level}": _log for level in LOG_LEVELS},
    **{f"loguru.logger.{level}": _log for level in LOG_LEVELS},
    **{f"flask.session.{name}": _session for name in ("update", "setdefault")},
}  # fmt: skip
BY_METHOD: Final[dict[str, Check | tuple[Check, ...]]] = {
    **dict.fromkeys((*_VERBS, "request", "urlopen", "stream"), _session_ask),
    "connect": _connect,
    **dict.fromkeys(("add", "set", "extend", "add_header", "setdefault"), _header),
    "set_cookie": _cookie,
    **dict.fromkeys(LOG_LEVELS, _log),
}
