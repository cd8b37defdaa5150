"""From a page's blocks to HTML: all of it, or the fragments an open page asks for.

A page names its template and its blocks, each with the read that fills it. Reads run side by
side; one that takes too long leaves :data:`LATE` in its block, which the template answers with
"narrow the window". ``X-Fragment: a,b`` runs the reads of these blocks alone and sends their
sections, for the script to put in place.

HTML is made in a thread: a page takes some milliseconds, and the event loop claims meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from daemon.web.access import is_secure
from daemon.web.gui import chart, words
from daemon.web.gui.reads import SLOW
from daemon.web.gui.shared import Sections

HERE = Path(__file__).resolve().parent
FOLDER_OF_TEMPLATES, FOLDER_OF_FILES = HERE / "templates", HERE / "static"
NAV = (
    (
        ("overview", "Overview", "/gui"),
        ("requests", "Requests", "/gui/requests"),
        ("agents", "Agents", "/gui/agents"),
        ("metrics", "Metrics", "/gui/metrics"),
        ("suggestions", "Suggestions", "/gui/suggestions"),
        ("health", "Health", "/gui/health"),
    ),
    (
        ("approvals", "Approvals", "/gui/approvals"),
        ("schedules", "Schedules", "/gui/schedules"),
        ("budgets", "Budgets", "/gui/budgets"),
    ),
    (("access", "Access", "/gui/access"), ("audit", "Audit", "/gui/audit")),
)
SAID, SECURE_SAID = "gui_said", "__Host-gui_said"
"""Cookie with the sentence that the next page shows once. Its undo is a form with the session's
token, so over TLS it has a name that no neighbouring host can set."""
LEFT = web.ResponseKey("left", str)
"""What such a cookie holds, until the response is sent."""
THEME, KEYS = "gui_theme", "gui_keys"

Read = Callable[[], Awaitable[Any]]


class Late:
    """Stands where a read took too long."""

    def __bool__(self) -> bool:
        return False


LATE = Late()


@dataclass(frozen=True)
class Page:
    """One page. section: the entry of the navigation it belongs to. blocks: name to the read that
    fills it; the template's block ``b_<name>`` shows it as a section with that id. at: where its
    open sections are fetched, if not at its own address. shared: they are the same for all people
    of a role, and all that they show is read by their reads, nothing before."""

    template: str
    title: str
    section: str
    blocks: Mapping[str, Read] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    at: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Undo:
    """A form that takes back what was just done. url: a POST route of the console."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


def environment(app: web.Application) -> jinja2.Environment:
    """Templates with everything escaped, and the macros and filters they all use."""
    env = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(FOLDER_OF_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,  # stored JSON lacks what it lacks
    )
    env.filters.update(words.FILTERS)
    env.tests["late"] = lambda value: value is LATE
    env.globals.update(
        nav=[[dict(zip(("key", "name", "url"), item, strict=True)) for item in g] for g in NAV],
        asset=fingerprint(),
        MODE_HINTS=words.MODE_HINTS,
        chart=chart,
    )
    env.globals["ui"] = env.get_template("parts.html").module
    env.globals["result"] = env.get_template("result.html").module
    return env


def fingerprint() -> str:
    """Changes with the static files, so that browsers may keep them for long."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER_OF_FILES.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


async def respond(
    request: web.Request, page: Page, frame: Read, common: Mapping[str, Any], sections: Sections
) -> web.Response:
    """The page, or its fragments. common: what every template is given."""
    env = aiohttp_jinja2.get_env(request.app)
    reads: dict[str, Read] = {"frame": frame, **page.blocks}
    values = {**common, "title": page.title, "section": page.section, **page.values}
    asked = request.headers.get("X-Fragment")
    if asked is None:
        found = await asyncio.gather(*map(_patiently, reads.values()))
        values |= zip(reads, found, strict=True)
        values["badges"] = _badges(values["frame"])
        html = await asyncio.to_thread(env.get_template(page.template).render, values)
    else:
        names = {name.strip() for name in asked.split(",")}
        wanted = {name: read for name, read in reads.items() if name in names}
        html = await _fragments(env, page, wanted, values, sections)
    return web.Response(text=html, content_type="text/html", status=page.status)


async def _fragments(
    env: jinja2.Environment,
    page: Page,
    reads: Mapping[str, Read],
    values: Mapping[str, Any],
    sections: Sections,
) -> str:
    """The sections of these reads; of a shared page, made once for all who look at it."""
    whose = values["person"].role
    made = await asyncio.gather(
        *(
            sections.html(
                (values["at"], whose, name),
                partial(_section, env, page, name, read, {**values, "token": sections.token_mark}),
            )
            if page.shared
            else _section(env, page, name, read, values)
            for name, read in reads.items()
        )
    )
    return "".join(made).replace(sections.token_mark, values["token"])


async def _section(
    env: jinja2.Environment, page: Page, name: str, read: Read, values: Mapping[str, Any]
) -> str:
    found = await _patiently(read)
    return await asyncio.to_thread(_block, env, page, name, {**values, name: found})


def _block(env: jinja2.Environment, page: Page, name: str, values: Mapping[str, Any]) -> str:
    template = env.get_template(page.template)
    blocks = {**env.get_template("layout.html").blocks, **template.blocks}
    block = blocks.get(f"b_{name}")
    return "".join(block(template.new_context(dict(values)))) if block else ""


async def _patiently(read: Read) -> Any:
    try:
        return await read()
    except SLOW:
        return LATE


def _badges(frame: Any) -> dict[str, int]:
    if frame is LATE:
        return {}
    return {"approvals": frame["approvals"], "suggestions": frame["suggestions"]}


def say(
    response: web.StreamResponse,
    text: str,
    *,
    tone: str = "",
    undo: Undo | None = None,
    link: tuple[str, str] | None = None,
) -> None:
    """Have the next page show a sentence once, see :func:`hand_over`. tone: '' for done, 'bad' for
    refused."""
    said = {
        "text": words.cut(text, 600),
        "tone": tone,
        "undo": None if undo is None else {"url": undo.url, "fields": dict(undo.fields)},
        "link": None if link is None else {"url": link[0], "text": link[1]},
    }
    response[LEFT] = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def hand_over(request: web.Request, response: web.StreamResponse) -> None:
    """Set the cookie of what is to be said."""
    if (left := response.get(LEFT)) is not None:
        secure = is_secure(request)
        response.set_cookie(
            SECURE_SAID if secure else SAID,
            left,
            max_age=60,
            path="/",
            httponly=True,
            secure=secure,
            samesite="Strict",
        )


def forget(request: web.Request, response: web.StreamResponse) -> None:
    """It was said."""
    secure = is_secure(request)
    name = SECURE_SAID if secure else SAID
    response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Strict")


def said(request: web.Request) -> dict[str, Any] | None:
    """What the page before left to be said, or None. Nothing of it leads outside the console."""
    name = SECURE_SAID if is_secure(request) else SAID
    try:
        value = json.loads(base64.urlsafe_b64decode(request.cookies.get(name, "")))
        urls = [value[key]["url"] for key in ("undo", "link") if value[key]]
        inside = all(str(url).startswith("/gui") for url in urls)
        return value if inside and isinstance(value["text"], str) else None
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def today() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
