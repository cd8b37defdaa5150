"""Whatever may be sent by the OpenAPI document, and what may not: refused rightly, never a 5xx.

``API_FUZZ_EXAMPLES`` raises the number of calls per route and caller, for a longer look.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import psycopg
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from daemon.web.api.document import document
from daemon.web.api.routes import ROUTES
from tests.kit.http import ADMIN_KEY, SERVICE_KEY
from tests.kit.postgres import Server
from tests.kit.process import DaemonProcess

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "4"))
ROLES = ("viewer", "operator")
CALLERS = ("nobody", "stranger", "service", *ROLES, "admin")
SECRETS = ("Traceback", "psycopg", "SELECT ", ADMIN_KEY, SERVICE_KEY)
CHILD = (sys.executable, "-m", "tests.kit.child")
CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
SCHEMA = schemathesis.openapi.from_dict(document(ROUTES))
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]


@dataclass
class Served:
    """A daemon in a process of its own; keys by caller."""

    url: str
    keys: dict[str, str]


@pytest.fixture(scope="module")
def served(server: Server) -> Iterator[Served]:
    keys = {"service": SERVICE_KEY, "admin": ADMIN_KEY, "stranger": "wrong"}
    with server.database(migrated=True) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            for role in ROLES:
                keys[role] = f"fai_key-of-a-{role}"
                connection.execute(
                    "INSERT INTO ai_api_keys (name, role, hash, prefix, created_by)"
                    " VALUES (%s, %s, sha256(convert_to(%s, 'UTF8')), 'fai_', 'test')",
                    [role, role, keys[role]],
                )
        environment = {
            "DATABASE_URL": database,
            "MAIN_APP_API_KEY": SERVICE_KEY,
            "ADMIN_API_KEY": ADMIN_KEY,
            "DRAIN_SECONDS": "0",
        }
        with DaemonProcess(environment, (), program=CHILD) as daemon:
            daemon.wait_event("ready")
            yield Served(f"http://127.0.0.1:{daemon.port}", keys)
            daemon.terminate()
            daemon.wait()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.label)
def test_fuzz(served: Served, operation: Any) -> None:
    """Every answer is one that the document knows, and tells nothing of our insides."""

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(data=st.data())
    def run(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for caller in CALLERS:
            call(served, case, caller)

    run()


def call(served: Served, case: Any, caller: str) -> None:
    """One call, judged."""
    # Each caller has an address of its own: what a stranger guesses is held against no other.
    headers = {"X-Forwarded-For": f"198.18.1.{CALLERS.index(caller)}"}
    if caller in served.keys:
        headers["Authorization"] = f"Bearer {served.keys[caller]}"
    # What is no number, or too long a one, is no path of ours, whoever asks.
    given = str(case.path_parameters.get("id", "0"))
    is_number = given.isdecimal() and len(given) <= 18
    no_route = set() if is_number else {404, 405}
    answer = case.call(base_url=served.url, headers=headers, timeout=25)
    told = (caller, answer.status_code, answer.text[:500])
    assert answer.status_code < 500, told
    if caller in {"nobody", "stranger"}:  # a made-up key may be drawn for nobody, too
        assert answer.status_code in {401, 429, *no_route}, told
    if answer.status_code >= 400:
        assert set(answer.json()) >= {"error", "code", "hint"}, told
        assert not any(secret in answer.text for secret in SECRETS), told
    case.validate_response(answer, checks=CHECKS)


def test_document_is_valid() -> None:
    """The document is OpenAPI 3.1, names every route once, and says who may use it."""
    made = document(ROUTES)
    assert made["openapi"] == "3.1.0"
    listed = {
        f"{method.upper()} {path}" for path, found in made["paths"].items() for method in found
    }
    assert listed == {f"{route.method} {route.path}" for route in ROUTES}
    names = [
        operation["operationId"]
        for found in made["paths"].values()
        for operation in found.values()
    ]
    assert len(names) == len(set(names))
    told = json.dumps(made)
    unused = [name for name in made["components"]["schemas"] if f'/schemas/{name}"' not in told]
    assert unused == []
    SCHEMA.validate()
