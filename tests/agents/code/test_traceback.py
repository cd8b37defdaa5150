"""Stack traces as they stand in logs: found, told apart, placed in the source, explained."""

from __future__ import annotations

import html
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agents.code.model import Finding
from agents.code.traceback import Trace, explain, read
from agents.code.traceback.known import entries

PLAIN = """Traceback (most recent call last):
  File "/usr/local/lib/python3.11/site-packages/flask/app.py", line 1511, in wsgi_app
    response = self.full_dispatch_request()
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/app/api/clients.py", line 42, in get_client
    return jsonify(client.to_dict())
                   ^^^^^^^^^^^^^^
AttributeError: 'NoneType' object has no attribute 'to_dict'
"""


def trace(text: str, error: str = "") -> Trace:
    found = read(text, error)
    assert found is not None
    return found


def run(tmp_path: Path, code: str) -> str:
    """What Python prints when a program fails."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(program)], capture_output=True, text=True, check=False
    )
    assert done.returncode
    return done.stderr


WRAPPED = {
    "plain": PLAIN,
    "escaped": PLAIN.replace("\n", "\\n").replace('"', '\\"'),
    "windows": PLAIN.replace("\n", "\r\n"),
    "colours": PLAIN.replace("Traceback", "\x1b[31mTraceback").replace(
        "'to_dict'", "'to_dict'\x1b[0m"
    ),
    "flask": "[2026-11-25 10:00:00,123] ERROR in app: Exception on /api/clients/9 [GET]\n" + PLAIN,
    "gunicorn": "[2026-11-25 10:00:00 +0000] [12] [ERROR] Error handling request /x\n" + PLAIN,
    "compose": "\n".join(f"web-1  | {line}" for line in PLAIN.splitlines()),
    "railway": "\n".join(f"2026-11-25T10:00:00.123Z {line}" for line in PLAIN.splitlines()),
    "kubernetes": "\n".join(
        f"2026-11-25T10:00:00.123456789Z stderr F {line}" for line in PLAIN.splitlines()
    ),
    "syslog": "\n".join(
        f"Nov 25 10:00:00 host gunicorn[12]: {line}" for line in PLAIN.splitlines()
    ),
    "json": json.dumps({"level": "error", "message": "failed", "exc_info": PLAIN}),
    "json_lines": '{"message": "started"}\n' + json.dumps({"exception": PLAIN.splitlines()}),
    "html": PLAIN.replace('"', "&quot;"),
    "more_log": PLAIN + "INFO: 127.0.0.1 - GET /api 500\n2026-11-25 next line\n",
    "headless": PLAIN.split("\n", 1)[1],
}


@pytest.mark.parametrize("form", WRAPPED)
def test_the_same_trace_in_every_wrapping(form: str) -> None:
    """Whatever a logger puts around a trace, it is read alike and has one fingerprint."""
    found = trace(WRAPPED[form])
    assert found.root.type == "AttributeError"
    assert found.root.message == "'NoneType' object has no attribute 'to_dict'"
    assert found.culprit is not None
    assert (found.culprit.function, found.culprit.line) == ("get_client", 42)
    assert found.fingerprint == trace(PLAIN).fingerprint
    assert len(found.root.frames) == 2


def test_the_request_is_known_where_the_log_names_it() -> None:
    """Flask's headline tells which call failed."""
    assert trace(WRAPPED["flask"]).request == "GET /api/clients/9"


def test_chains_begin_with_the_root_cause(tmp_path: Path) -> None:
    """Of exceptions that follow each other the first raised is the root cause."""
    found = trace(
        run(
            tmp_path,
            """
            def load():
                return {}["key"]
            def serve():
                try:
                    load()
                except KeyError as error:
                    raise RuntimeError("cannot serve") from error
            try:
                serve()
            except RuntimeError:
                1 / 0
            """,
        )
    )
    assert [problem.name for problem in found.problems] == [
        "KeyError",
        "RuntimeError",
        "ZeroDivisionError",
    ]
    assert [problem.relation for problem in found.problems] == ["first", "cause", "context"]
    assert found.culprit is not None
    assert found.culprit.function == "load"
    assert found.final.name == "ZeroDivisionError"


def test_groups_give_their_members(tmp_path: Path) -> None:
    """Members of an exception group are read, each with its frames, nested ones too."""
    found = trace(
        run(
            tmp_path,
            """
            def fail(error):
                raise error
            errors = []
            for error in (ValueError("first\\nmore of it"), KeyError("second")):
                try:
                    fail(error)
                except Exception as caught:
                    errors.append(caught)
            raise ExceptionGroup("both", [errors[0], ExceptionGroup("inner", [errors[1]])])
            """,
        )
    )
    names = [problem.name for problem in found.problems]
    assert names[0] == "ValueError"
    assert "KeyError" in names
    assert found.root.message.startswith("first")
    assert found.culprit is not None
    assert found.culprit.function == "fail"
    assert found.final.name == "ExceptionGroup"


def test_recursion_notes_and_several_lines(tmp_path: Path) -> None:
    """Repeated frames are counted; messages of several lines and notes are kept whole."""
    text = run(
        tmp_path,
        """
        def again(n):
            if n == 0:
                error = ValueError("first line\\nsecond line")
                error.add_note("a note")
                raise error
            again(n - 1)
        again(40)
        """,
    )
    found = trace(text)
    assert found.root.message.splitlines() == ["first line", "second line", "a note"]
    assert max(frame.repeated for frame in found.root.frames) > 30
    assert found.root.frames[-1].code == "raise error"


def test_syntax_errors_name_the_file(tmp_path: Path) -> None:
    """A file that does not compile is the culprit itself."""
    (tmp_path / "broken.py").write_text("def f(:\n    pass\n", encoding="utf-8")
    text = run(tmp_path, f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport broken\n")
    found = trace(text)
    assert found.root.name == "SyntaxError"
    assert found.culprit is not None
    assert found.culprit.file.endswith("broken.py")


def test_a_log_of_several_is_about_the_last() -> None:
    """Where a log holds several traces, the last one is read."""
    other = PLAIN.replace("AttributeError", "KeyError").replace("get_client", "first_one")
    assert trace(other + "\nINFO x\n" + PLAIN).root.name == "AttributeError"


def test_sqlalchemy_errors_lose_their_parameters() -> None:
    """Statement, parameters and the link below a database error are no part of its message."""
    text = PLAIN.replace(
        "AttributeError: 'NoneType' object has no attribute 'to_dict'",
        "sqlalchemy.exc.IntegrityError: (psycopg2.errors.UniqueViolation) duplicate key value"
        ' violates unique constraint "clients_email_key"\n'
        "DETAIL:  Key (email)=(x) already exists.\n\n"
        "[SQL: INSERT INTO clients (email) VALUES (%(email)s)]\n"
        "[parameters: {'email': 'somebody'}]\n"
        "(Background on this error at: https://sqlalche.me/e/20/gkpj)",
    )
    found = trace(text)
    assert "somebody" not in found.root.message
    assert "sqlalche.me" not in found.root.message
    explained = explain(found)
    assert explained.known is not None
    assert explained.known.id == "unique_violation"
    assert "clients_email_key" in explained.known.cause


V8 = """Uncaught (in promise) TypeError: Cannot read properties of undefined (reading 'name')
    at renderClient (https://app.example.com/static/js/clients.js?v=3:88:21)
    at Array.map (<anonymous>)
    at async loadClients (https://app.example.com/static/js/clients.js:40:5)
"""
GECKO = """TypeError: client is undefined
renderClient@https://app.example.com/static/js/clients.js:88:21
loadClients@https://app.example.com/static/js/clients.js:40:5
"""
NODE = """/srv/app/server.js:12
    throw new Error("outer", { cause: error });
    ^

Error: outer
    at serve (/srv/app/server.js:12:11)
    at node:internal/process/task_queues:95:5 {
  [cause]: TypeError: items.map is not a function
      at load (/srv/app/load.js:3:9)
      at /srv/app/node_modules/express/lib/router.js:10:1
}
"""


@pytest.mark.parametrize("text", [V8, GECKO])
def test_browser_stacks(text: str) -> None:
    """Stacks of Chrome and Firefox give file, line and function, the outermost call first."""
    found = trace(text)
    assert found.language == "javascript"
    assert found.culprit is not None
    assert (found.culprit.file, found.culprit.line) == ("static/js/clients.js", 88)
    assert found.culprit.function == "renderClient"
    known = explain(found).known
    assert known is not None
    assert known.id == "js_undefined_property"


def test_node_stacks_and_causes() -> None:
    """Node's causes are root causes, and packages are nobody's own code."""
    found = trace(NODE)
    assert [problem.name for problem in found.problems] == ["TypeError", "Error"]
    assert found.culprit is not None
    assert (found.culprit.file, found.culprit.function) == ("/srv/app/load.js", "load")


def test_frames_meet_the_source() -> None:
    """A frame is placed in the file that ends alike, on the line that still has its text."""
    source = "\n" * 50 + "def get_client(id):\n    client = find(id)\n"
    source += "    return jsonify(client.to_dict())\n"
    files = {"backend/api/clients.py": source, "clients.py": "", "api/other.py": ""}
    explained = explain(trace(PLAIN), files)
    assert explained.culprit is not None
    assert (explained.culprit.file, explained.culprit.line) == ("backend/api/clients.py", 53)
    assert ">   53     return jsonify(client.to_dict())" in explained.source


def test_findings_of_the_place_are_related() -> None:
    """A NameError meets the finding that foresaw it, before others of its function."""
    text = PLAIN.replace("'NoneType' object has no attribute 'to_dict'", "name 'x' is not defined")
    text = text.replace("AttributeError", "NameError")
    base = {"file": "clients.py", "message": "m", "issue_type": "bug", "severity": "high"}
    findings = [
        Finding(rule=rule, line=line, scope=scope, confidence="high", **base)  # type: ignore[arg-type]
        for rule, line, scope in (
            ("B006", 40, "get_client"),
            ("F821", 41, "get_client"),
            ("F821", 90, "other"),
        )
    ]
    related = explain(trace(text), {"clients.py": "\n" * 60}, findings).related
    assert [(finding.rule, finding.line) for finding in related] == [("F821", 41), ("B006", 40)]


def test_fingerprints_survive_what_does_not_matter() -> None:
    """Other lines, values and folders leave a fingerprint alone; other code does not."""
    moved = PLAIN.replace("line 42", "line 57").replace("/app/api/", "/srv/gym/api/")
    assert trace(moved).fingerprint == trace(PLAIN).fingerprint
    other = PLAIN.replace("jsonify(client.to_dict())", "jsonify(coach.to_dict())")
    assert trace(other).fingerprint != trace(PLAIN).fingerprint


KNOWN = {
    "naive_and_aware": "TypeError: can't compare offset-naive and offset-aware datetimes",
    "not_json_serializable": "TypeError: Object of type Decimal is not JSON serializable",
    "detached_instance": "sqlalchemy.orm.exc.DetachedInstanceError: Instance <C> is not bound",
    "too_many_clients": "psycopg2.OperationalError: FATAL:  sorry, too many clients already",
    "pool_exhausted": "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached",
    "undefined_column": "psycopg.errors.UndefinedColumn: column clients.age does not exist",
    "undefined_table": 'psycopg2.errors.UndefinedTable: relation "goals" does not exist',
    "not_null_violation": "sqlalchemy.exc.IntegrityError: (psycopg2.errors.NotNullViolation) null"
    ' value in column "name" of relation "clients" violates not-null constraint',
    "circular_import": "ImportError: cannot import name 'db' from partially initialized module"
    " 'app' (most likely due to a circular import)",
    "module_missing": "ModuleNotFoundError: No module named 'flask_cors'",
    "unchecked_int": "ValueError: invalid literal for int() with base 10: 'abc'",
    "working_outside_context": "RuntimeError: Working outside of application context.",
    "model_limit": "openai.BadRequestError: This model's maximum context length is 8192 tokens",
    "key_error": "KeyError: 'email'",
    "name_error": "UnboundLocalError: cannot access local variable 'x' where it is not associated",
    "deadlock": "psycopg.errors.DeadlockDetected: deadlock detected",
    "json_body": "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "not_executable": "AttributeError: 'str' object has no attribute '_execute_on_connection'",
    "template_undefined": "jinja2.exceptions.UndefinedError: 'client' is undefined",
    "template_not_found": "jinja2.exceptions.TemplateNotFound: clients/list.html",
    "url_build": "BuildError: Could not build url for endpoint 'clients.detail'.",
    "arguments": "TypeError: show() missing 1 required positional argument: 'client_id'",
    "coroutine": "TypeError: 'coroutine' object is not subscriptable",
    "file_not_found": "FileNotFoundError: [Errno 2] No such file or directory: 'up/x.png'",
    "bad_request_key": "werkzeug.exceptions.BadRequestKeyError: 400 Bad Request",
    "js_cors_or_network": "TypeError: Failed to fetch",
    "js_html_for_json": "SyntaxError: Unexpected token '<', \"<!doctype \"... is not valid JSON",
    "js_not_a_function": "TypeError: data.map is not a function",
    "js_not_defined": "ReferenceError: Chart is not defined",
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_errors_are_recognised_by_their_line_alone(name: str) -> None:
    """The exception's line is enough to name the error and its cure, wherever it happened."""
    known = explain(trace("", KNOWN[name])).known
    assert known is not None
    assert known.id == name
    assert "{" not in known.cause + known.cure.replace("{}", "")


def test_the_table_is_well_formed() -> None:
    """At least 40 known errors, each with another name, a cause and a cure."""
    assert len({entry.id for entry in entries()}) == len(entries()) >= 40
    assert all(entry.cause.endswith(".") and entry.cure.endswith(".") for entry in entries())


@pytest.mark.parametrize("text", ["", "hello", "x = 1\n", "{}", "\\n", '{"a": [1, {"b": null}]}'])
def test_what_is_no_trace(text: str) -> None:
    """Text without an error is no trace, and nothing breaks."""
    assert read(text) is None


def test_frames_of_code_that_nobody_wrote_are_no_culprit() -> None:
    """Generated wrappers and compiled parts of libraries stand behind the own line."""
    text = (
        "Traceback (most recent call last):\n"
        '  File "/app/api/clients.py", line 30, in create\n    db.session.commit()\n'
        '  File "<sqlalchemy generated warned() wrapper for Session._flush>", line 2, in _flush\n'
        "    return target(fn, self)\n"
        '  File "lib/sqlalchemy/engine/_result_cy.py", line 598, in _only_one_row\n'
        "sqlalchemy.exc.IntegrityError: UNIQUE constraint failed: clients.email\n"
    )
    culprit = explain(trace(text)).culprit
    assert culprit is not None
    assert (culprit.file, culprit.line) == ("/app/api/clients.py", 30)


@pytest.mark.parametrize("form", ["router", "page"])
def test_prefixes_and_pages_around_a_trace_are_taken_off(form: str) -> None:
    """A platform's time, process and level before each line, or a page's tags, change nothing."""
    plain = (
        'Traceback (most recent call last):\n  File "/app/a.py", line 4, in show\n'
        "    return client.name\nAttributeError: 'NoneType' object has no attribute 'name'"
    )
    if form == "router":
        begin = "2026-11-01T10:00:00Z web.1 | [ERROR] "
        text = "\n".join(begin + line for line in plain.split("\n"))
    else:
        text = f"<pre>{html.escape(plain)}</pre>".replace("\n", "<br>\n")
    assert trace(text).root == trace(plain).root


def test_members_of_a_group_that_were_never_raised_are_told() -> None:
    """Exceptions put into a group by hand have no frames; the group's line is the place."""
    text = (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "/app/a.py", line 3, in load\n'
        "  |     raise ExceptionGroup('many', errors)\n"
        "  | ExceptionGroup: many (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n    | ValueError: bad id\n"
        "    +---------------- 2 ----------------\n    | KeyError: 'name'\n"
        "    +------------------------------------\n"
    )
    explained = explain(trace(text))
    assert [problem.name for problem in explained.trace.problems] == [
        "ValueError", "KeyError", "ExceptionGroup"
    ]  # fmt: skip
    assert explained.root_cause == "ValueError: bad id."
    assert explained.culprit is not None
    assert explained.culprit.line == 3


def test_a_failed_validation_names_its_field() -> None:
    """Pydantic's first line says how many fields are wrong, the next ones which and why."""
    text = (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for Booking\nseats\n"
        "  Input should be a valid integer [type=int_parsing]\n"
    )
    head = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n'
    explained = explain(trace(head + text))
    assert "seats: Input should be a valid integer" in explained.root_cause
    assert explained.known is not None
    assert explained.known.cause == (
        "The data for Booking do not fit: seats: Input should be a valid integer."
    )


def test_what_a_browser_says_of_cors_is_read() -> None:
    """The console's line about CORS names no exception."""
    line = "Access to fetch at 'https://a/x' from 'https://b' has been blocked by CORS policy"
    known = explain(trace(line)).known
    assert known is not None
    assert known.id == "js_cors_or_network"
