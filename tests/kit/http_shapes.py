"""What the OpenAPI document says of an answer, held against the real one."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from daemon.web.api.document import document
from daemon.web.api.routes import ROUTES


def check(method: str, path: str, status: int, body: Any) -> None:
    """Raises AssertionError where an answer of the API is not as documented."""
    path = "/" + path.partition("?")[0].lstrip("/")
    for route in ROUTES:
        pattern = re.escape(route.path).replace(re.escape("{id}"), "[0-9]+")
        if route.method == method and re.fullmatch(pattern, path):
            wrong = [error.message for error in _validator(method, route.path, status)(body)]
            assert not wrong, f"{method} {path} {status}: {wrong[:3]}"


@cache
def _validator(method: str, path: str, status: int) -> Any:
    made = document(ROUTES)
    responses = made["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path}: {status} is not documented"
    content = responses[str(status)].get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return Draft202012Validator({**schema, "components": made["components"]}).iter_errors
