"""What stands before every page: who is it, may they, does the form come from a page of ours.

GET changes nothing. A POST needs the session's form token and must come from our own origin. Until
a key with a role exists the console is closed and says how to open it. Whatever goes wrong is a
page: in the console's frame for whoever is signed in, a bare one for everybody else, and a static
one while the database is away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp_jinja2
import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout

from daemon.log import get_logger
from daemon.web.access import (
    CONSOLE_HINT,
    PRINCIPAL,
    Access,
    Role,
    cookie_arrives,
    del_cookie,
    is_secure,
    same_origin,
    set_cookie,
    token_is_right,
)
from daemon.web.answers import arrived
from daemon.web.gui.console import FORM, LOOKS, Console, inside, place_of
from daemon.web.gui.reads import SLOW
from daemon.web.gui.render import Page, hand_over
from daemon.web.refused import Refused

if TYPE_CHECKING:
    from multidict import MultiDictProxy

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

POLICY = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
    " object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
MOST_DIGITS = 18
"""What a row's id can have, whatever the digits are."""
KEEP = "public, max-age=31536000, immutable"
AWAY = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="refresh" content="5"><title>Database away · FitnessCRM AI</title>
<link rel="stylesheet" href="/gui/static/console.css"></head>
<body><div class="door"><main><h1>The database does not answer</h1>
<p>The console shows what is in the database, and has nothing to show without it. This page tries
again every five seconds; <a href="/health">/health</a> tells about the process itself.</p>
</main></div></body></html>
"""

log = get_logger(__name__)


class Door:
    """Guards the handlers of one console. access: who is who."""

    def __init__(self, console: Console, access: Access) -> None:
        self._console = console
        self._access = access

    def guard(self, handler: Handler, least: Role) -> Handler:
        """The handler, for people of this role or a higher one."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not await self._access.is_open(console=True):
                return closed(request)
            person = await self._access.session(request)
            if person is None:
                return self._to_sign_in(request)
            request[PRINCIPAL] = person
            if not person.may(least):
                raise Refused(
                    403,
                    "role_too_low",
                    f"Your role is {person.role}; this needs the role {least}.",
                    "Ask an admin for a key of that role.",
                )
            if request.method == "POST":
                form = request[FORM] = await arrived(request.post())
                if not same_origin(request) or not token_is_right(person, _token(form)):
                    raise Refused(
                        403,
                        "form_refused",
                        "This form does not come from a page of this session.",
                        "Open the page again and repeat what you wanted to do.",
                    )
            if len(request.match_info.get("id", "")) > MOST_DIGITS:
                raise Refused(404, "not_found", "There is nothing of so long a number.")
            answer = await handler(request)
            hand_over(request, answer)
            return answer

        return guarded

    def _to_sign_in(self, request: web.Request) -> web.Response:
        place = f"/gui/login?next={quote(inside(place_of(request)), safe='')}"
        if request.method == "GET" and "X-Fragment" not in request.headers:
            return web.Response(status=303, headers={"Location": place})
        said = "Sign in again to go on."
        if request.method == "POST":
            said = "What you just sent did nothing: sign in, then do it again."
        return bare(request, 401, "You are signed out", said, ("Sign in", place))

    # --- signing in -----------------------------------------------------------------------------

    async def sign_in_page(self, request: web.Request) -> web.Response:
        if not await self._access.is_open(console=True):
            return closed(request)
        if await self._access.session(request) is not None:
            return web.Response(
                status=303, headers={"Location": inside(request.query.get("next"))}
            )
        return self._sign_in_form(request, request.query.get("next", ""))

    async def sign_in(self, request: web.Request) -> web.Response:
        form = await arrived(request.post())
        after = inside(str(form.get("next", "")))
        if not same_origin(request):
            return self._sign_in_form(request, after, "This form came from another site.", 403)
        try:
            _, cookie = await self._access.sign_in(request, str(form.get("key", "")))
        except Refused as refused:
            if refused.code == "no_key_set":
                return closed(request)
            said = f"{refused.message[:1].upper()}{refused.message[1:]}."
            answer = self._sign_in_form(request, after, said, refused.status)
            answer.headers.update(refused.headers)
            return answer
        response = web.Response(status=303, headers={"Location": after})
        set_cookie(response, request, cookie)
        return response

    def _sign_in_form(
        self, request: web.Request, after: str, wrong: str = "", status: int = 200
    ) -> web.Response:
        return door_page(
            request,
            "login.html",
            {"next": after, "wrong": wrong, "plain_http": not cookie_arrives(request)},
            status,
        )

    async def sign_out(self, request: web.Request) -> web.Response:
        await self._access.sign_out(request[PRINCIPAL])
        response = web.Response(status=303, headers={"Location": "/gui/login"})
        del_cookie(response)
        return response

    # --- what goes wrong ------------------------------------------------------------------------

    @web.middleware
    async def errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Whatever goes wrong is a page, and says nothing of our insides."""
        try:
            return await handler(request)
        except Refused as refused:
            answer = await self._trouble(request, refused.status, refused.message, refused.hint)
            answer.headers.update(refused.headers)
            return answer
        except web.HTTPRequestEntityTooLarge:
            return await self._trouble(
                request, 413, "That is too large", "At most 2 MB are taken."
            )
        except web.HTTPNotFound as error:
            reason = error.reason if error.reason != "Not Found" else f"There is no {request.path}"
            return await self._trouble(request, 404, reason, "")
        except web.HTTPException as error:
            if error.status < 400:
                raise
            if error.status == 405 and request.method in LOOKS:
                # A form's address, reloaded or kept: its page is what can be looked at.
                return web.Response(status=303, headers={"Location": place_of(request)})
            return await self._trouble(request, error.status, error.reason, "")
        except SLOW:
            return await self._trouble(
                request, 503, "That took too long", "Narrow the window or the filter."
            )
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
            return web.Response(text=AWAY, content_type="text/html", status=503)
        except psycopg.DataError:
            return await self._trouble(
                request, 400, "Something in this cannot be looked up or stored", "Type it anew."
            )
        except Exception:
            log.exception("console_page_failed", method=request.method)
            return await self._trouble(request, 500, "This page failed", "The log has the reason.")

    async def _trouble(
        self, request: web.Request, status: int, text: str, hint: str
    ) -> web.StreamResponse:
        text = f"{text[:1].upper()}{text[1:]}"
        try:
            person = request.get(PRINCIPAL) or await self._access.session(request)
            if person is None:
                return bare(request, status, text, hint)
            request[PRINCIPAL] = person
            form = request.get(FORM, {})
            back = "" if request.method in LOOKS else inside(form.get("back"), place_of(request))
            values = {"text": text, "hint": hint, "back": back}
            page = Page("error.html", text, "", values=values, status=status, at="/gui")
            return await self._console.respond(request, page)
        except (psycopg.Error, PoolTimeout, OSError):
            return web.Response(text=AWAY, content_type="text/html", status=503)


def headers_of(asset: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """What every answer of the console carries; pages are kept by nobody.

    asset: what the files of this release are asked for by. Only then are they kept for long: while
    releases take turns, a page of the other one may ask here for a file that is not the one it
    means, and a browser would keep the wrong one under its name for a year.
    """

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/gui/static/") and response.status < 400:
            wanted = request.query_string == asset
            response.headers["Cache-Control"] = KEEP if wanted else "no-cache"
        else:
            response.headers["Cache-Control"] = "no-store"
            response.headers["Vary"] = "Cookie, X-Fragment"
        if is_secure(request):
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")

    return add_headers


def closed(request: web.Request) -> web.Response:
    """403: there is no key yet, and how to make one."""
    return bare(request, 403, "The console is closed until there is a key", f"Run {CONSOLE_HINT}.")


def bare(
    request: web.Request,
    status: int,
    text: str,
    hint: str,
    link: tuple[str, str] = ("Overview", "/gui"),
) -> web.Response:
    """A page without the frame, for whoever is not signed in. link: words, and where they lead."""
    return door_page(request, "bare.html", {"text": text, "hint": hint, "link": link}, status)


def door_page(
    request: web.Request, template: str, values: dict[str, Any], status: int
) -> web.Response:
    env = aiohttp_jinja2.get_env(request.app)
    text = env.get_template(template).render({**values, "title": values.get("text", "Sign in")})
    return web.Response(text=text, content_type="text/html", status=status)


def _token(form: MultiDictProxy[Any]) -> str:
    value = form.get("token", "")
    return value if isinstance(value, str) else ""
