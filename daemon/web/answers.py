"""JSON that goes out and comes in, strictly: no NaN, times with ``Z``, results word for word."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import secrets
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from daemon.store.safe_json import is_shallow
from daemon.web.refused import Refused

Json = Any
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
MOST_DEEP = 500
"""Levels of brackets that a body may have: half of what Python can write out again."""
COMPRESSED_BYTES = 1000
"""From this size on a JSON answer is compressed for who takes gzip. Not so the console's pages:
with a form's token beside what somebody else chose, their length would tell the token bit by bit.
A caller of the API sends its key itself, no browser does it for a stranger."""
GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=([01]\.?[0-9]*))?\s*(?=,|$)", re.IGNORECASE)
BODY_SECONDS = 30.0
"""How long a body may take to arrive: 2 MB over a bad line."""
WORDS = {
    "missing": "it is required",
    "extra_forbidden": "there is no such field",
    "dict_type": "expected a JSON object",
}
"""What pydantic says with Python's words, by its own name for it."""
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Raw:
    """JSON text from the database, put into an answer word for word."""

    def __init__(self, text: str | None, otherwise: str = "{}") -> None:
        self.text = otherwise if text is None else text


def dumps(value: Json) -> str:
    """Strict JSON; moments in UTC with ``Z``, amounts as numbers, :class:`Raw` as it stands.

    NaN and the infinities, which the database keeps and JSON has not, are null.
    """
    raws: list[str] = []
    mark = secrets.token_hex(16)

    def other(item: Any) -> Json:
        match item:
            case Raw():
                raws.append(item.text)
                return f"{mark}:{len(raws) - 1}"
            case datetime():
                return moment(item)
            case Decimal():
                return float(item) if item.is_finite() else None
        raise TypeError(f"{type(item).__name__} is not JSON")

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=other)
    except ValueError:
        raws.clear()
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=other)
    if not raws:
        return text
    return re.sub(f'"{mark}:([0-9]+)"', lambda found: raws[int(found[1])], text)


def _finite(value: Json) -> Json:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value


def moment(value: datetime) -> str:
    """ISO 8601 in UTC, ending in Z; moments beyond every calendar as its last one."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def answer(
    request: web.Request,
    value: Json,
    status: int = 200,
    *,
    etag: bool = False,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A JSON answer. etag: a caller that has this very answer already gets 304 instead."""
    body = dumps(value).encode("utf-8", "replace")
    sent = dict(headers or {})
    if etag:
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        sent["ETag"] = tag
        known = [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]
        if tag in known:
            return web.Response(status=304, headers=sent)
    given = web.Response(body=body, status=status, content_type="application/json", headers=sent)
    if len(body) >= COMPRESSED_BYTES:
        given.headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(request.headers.get("Accept-Encoding", "")):
            given.enable_compression(web.ContentCoding.gzip)
    return given


def _takes_gzip(accepts: str) -> bool:
    """Whether ``Accept-Encoding`` names gzip, and not with ``q=0``."""
    found = GZIP.search(accepts)
    return found is not None and (found[1] is None or float(found[1]) > 0)


async def arrived(reading: Awaitable[T]) -> T:
    """What a caller sends, once it is here. Raises Refused: 408 for one who takes too long, 400
    for what is not encoded as its headers say."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await reading
    except TimeoutError:
        raise Refused(
            408, "too_slow", f"the body did not come within {BODY_SECONDS:g} s", "send it at once"
        ) from None
    except web.RequestPayloadError:
        raise Refused(
            400,
            "invalid_body",
            "the body is not encoded as its headers say",
            "look at Content-Encoding, or leave it out",
        ) from None


async def body_of(request: web.Request, model: type[M], **otherwise: Json) -> M:
    """The body as ``model``; otherwise: fields that count where it leaves them out, or null.

    Raises Refused (400) naming the field.
    """
    data = await arrived(request.read())
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(
            400, "invalid_json", "the body is not JSON", 'send a JSON object, such as {"a": 1}'
        ) from None
    if not isinstance(value, dict):
        raise Refused(400, "invalid_json", "the body is no JSON object", 'such as {"a": 1}')
    if not is_shallow(value, MOST_DEEP):
        raise Refused(
            400, "invalid_json", "the body is nested too deeply", f"at most {MOST_DEEP} levels"
        )
    left = {name: given for name, given in otherwise.items() if value.get(name) is None}
    return _checked({**value, **left}, model)


def query_of(request: web.Request, model: type[M]) -> M:
    """The query as ``model``; an empty parameter is as good as none. Raises Refused (400)."""
    return _checked({name: value for name, value in request.query.items() if value}, model)


def _checked(value: Mapping[str, Json], model: type[M]) -> M:
    try:
        found = model.model_validate(value)
        for field, text in found:
            if isinstance(text, str) and UNSTORABLE.search(text):
                raise Refused(
                    400,
                    "invalid_value",
                    f"{field}: it holds a character that cannot be stored",
                    "leave out \\u0000 and halves of surrogate pairs",
                )
        return found
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
    except RecursionError:
        raise Refused(400, "invalid_json", "the body is nested too deeply") from None
    # What follows is pydantic's own name for a kind that the field may be of.
    field = str(problem["loc"][0])[:200] if problem["loc"] else "body"
    message = WORDS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be ", "expected ", 1)
    if problem["type"] == "dict_type" and isinstance(problem["input"], str):
        message += ", not its text"
    known = ", ".join(model.model_fields)
    hint = f"fields: {known}" if problem["type"] in {"extra_forbidden", "missing"} else ""
    raise Refused(400, "invalid_value", f"{field}: {message}", hint or "GET /api/openapi.json")


def id_of(request: web.Request, *, most: int = 2**63 - 1) -> int:
    """The id of the path. Raises Refused (404) for one that no row can have."""
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit()):
        raise Refused(
            404, "not_found", f"{text[:60]!r} is no id", "an id is a whole number, such as 412"
        )
    if len(text) > len(str(most)) or int(text) > most:
        raise Refused(404, "not_found", f"there is nothing with the id {text[:60]}")
    return int(text)


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
