"""Data flows: what reaches a sink, what is stopped on the way, what cannot happen at all."""

from __future__ import annotations

import textwrap

import pytest

from agents.code.analyse import analyse
from agents.code.modules import read_project
from agents.code.taint import engine, patterns
from agents.code.taint.run import Entry, Run
from tests.eval import code
from tests.eval.code_cases import Case, cases
from tests.eval.code_cases.single import SINGLE

HEAD = "from flask import Flask, request\nimport os\napp = Flask(__name__)\n"


def found(text: str, *, head: str = HEAD, **others: str) -> list[tuple[str, str]]:
    """Rule and line of every finding of the interpretation, in the file's order."""
    files = {"views.py": head + textwrap.dedent(text)}
    files |= {f"{name}.py": textwrap.dedent(body) for name, body in others.items()}
    project, failed = read_project(files)
    assert not failed
    return [(item.rule, item.evidence.strip()) for item in engine.judge(project).findings]


@pytest.fixture(scope="module")
def verdicts() -> tuple[list[Case], dict[str, set[int]]]:
    chosen = cases()
    return chosen, code.ours(chosen)


@pytest.mark.timeout(120)
def test_labelled_views_are_told_apart(verdicts: tuple[list[Case], dict[str, set[int]]]) -> None:
    """Of at least 150 labelled views in 12 families, nine of ten unsafe ones are found, and at
    most one alarm of twenty is false."""
    chosen, alarms = verdicts
    whole, families = code.scores(chosen, alarms)
    assert len(chosen) >= 150
    assert len(families) >= 12
    assert 2 * sum(case.unsafe for case in chosen) == len(chosen)
    assert whole.recall >= 0.9, code.wrong(chosen, alarms)
    assert whole.precision >= 0.95, code.wrong(chosen, alarms)
    assert min(score.youden for score in families.values()) >= 70


def test_each_finding_of_a_flow_tells_its_way() -> None:
    """A proved flow names its source first and its sink last."""
    text = (
        HEAD + "@app.route('/a')\ndef a():\n    x = request.args['q']\n    os.system('ls ' + x)\n"
    )
    answer = analyse({"views.py": text}, kind="files")
    [flow] = [item for item in answer.findings if item.rule == "command-injection"]
    assert flow.confidence == "high"
    assert (flow.taint_path[0].line, flow.taint_path[-1].line) == (6, 7)
    assert "request.args['q']" in flow.taint_path[0].note


def test_a_branch_that_constants_rule_out_is_never_entered() -> None:
    """Code that cannot run is no finding."""
    assert not found(
        """
        @app.route("/a")
        def a():
            if 3 * 4 > 12:
                os.system(request.args["q"])
            return "ok"
        """
    )


def test_helpers_of_other_files_are_entered_to_a_depth_of_four() -> None:
    """A value keeps its taint through functions of other files."""
    assert found(
        """
        from helpers import first

        @app.route("/a")
        def a():
            first(request.args["q"])
            return "ok"
        """,
        helpers="""
        import os

        def first(x):
            second(x)

        def second(x):
            third(x)

        def third(x):
            os.system("ls " + x)
        """,
    ) == [("command-injection", 'os.system("ls " + x)')]


def test_a_guard_does_not_outlive_its_branch() -> None:
    """What one branch checked is open again where a branch without the check joins it."""
    text = """
        @app.route("/a")
        def a():
            x = request.args["q"]
            if request.args.get("strict"):
                if x not in ("a", "b"):
                    return "no"
            os.system(x)
            return "ok"
        """
    assert found(text) == [("command-injection", "os.system(x)")]


def test_a_check_of_one_value_does_not_clear_another() -> None:
    """Guards hold for what they looked at alone."""
    text = """
        @app.route("/a")
        def a():
            x, y = request.args["x"], request.args["y"]
            if not x.isdigit():
                return "no"
            os.system("kill " + x)
            os.system("kill " + y)
            return "ok"
        """
    assert found(text) == [("command-injection", 'os.system("kill " + y)')]


def test_a_flag_stands_for_the_check_that_set_it() -> None:
    """A variable set under a check carries the check to where it is asked."""
    text = """
        @app.route("/a")
        def a():
            x = request.args["x"]
            good = False
            if x in ("a", "b"):
                good = True
            if not good:
                return "no"
            os.system("run " + x)
            return "ok"
        """
    assert not found(text)


@pytest.mark.parametrize(
    ("route", "tainted"), [("/<name>", True), ("/<path:name>", True), ("/<int:name>", False)]
)
def test_routes_decide_which_parameters_come_from_outside(route: str, tainted: bool) -> None:
    """A converter that admits numbers alone makes a parameter harmless."""
    text = f"""
        @app.route("{route}")
        def a(name):
            os.system("ls " + str(name))
            return "ok"
        """
    assert bool(found(text)) is tainted


def test_the_path_of_a_route_without_variables_is_constant() -> None:
    """`request.path` is only data where the route has a variable."""
    body = """
        @app.route("{}")
        def a({}):
            os.system(request.path)
            return "ok"
        """
    assert not found(body.format("/fixed", ""))
    assert found(body.format("/<x>", "x"))


def test_the_wrong_escape_does_not_help() -> None:
    """Each sanitizer cleans its own families: HTML escaping makes no command safe."""
    text = """
        import html
        import shlex

        @app.route("/a")
        def a():
            x = request.args["x"]
            os.system("ls " + html.escape(x))
            os.system("ls " + shlex.quote(x))
            return shlex.quote(x)
        """
    assert found(text) == [
        ("command-injection", 'os.system("ls " + html.escape(x))'),
        ("xss", "return shlex.quote(x)"),
    ]


def test_an_encoding_that_is_undone_protects_nothing() -> None:
    """base64 stops a family until it is decoded again."""
    text = """
        import base64

        @app.route("/a")
        def a():
            packed = base64.b64encode(request.args["x"].encode())
            os.system("echo " + packed.decode())
            os.system("echo " + base64.b64decode(packed).decode())
            return "ok"
        """
    assert [line for _, line in found(text)] == [
        'os.system("echo " + base64.b64decode(packed).decode())'
    ]


def test_files_without_views_are_suspected_only() -> None:
    """A public parameter is a suspicion of low confidence, a private one none."""
    text = "import os\ndef f(x):\n    os.system('ls ' + x)\ndef _g(x):\n    os.system('a' + x)\n"
    project, _ = read_project({"a.py": text})
    [finding] = engine.judge(project).findings
    assert (finding.line, finding.confidence) == (3, "low")


def test_single_files_of_every_kind_are_known() -> None:
    """Three of four single files of libraries, scripts and other frameworks are found."""
    files = {f"{cwe}_{name}.py": text for cwe, name, text in SINGLE}
    hits = 0
    for (cwe, _, text), file in zip(SINGLE, files, strict=True):
        project, _ = read_project({file: text})
        group = next((group for group in code.BREADTH if cwe in group), frozenset({cwe}))
        hits += any(item.cwe in group for item in engine.judge(project).findings)
    assert hits / len(SINGLE) >= 0.75


def test_what_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function beyond the budget is named as not followed, the others are judged."""
    monkeypatch.setattr("agents.code.taint.run.BUDGET", 60)
    lines = "\n".join(f"    x = x + str({n})" for n in range(100))
    text = HEAD + f"@app.route('/a')\ndef a():\n    x = ''\n{lines}\n    return x\n"
    text += "@app.route('/b')\ndef b():\n    os.system(request.args['q'])\n"
    answer = analyse({"views.py": text}, kind="files")
    assert [(item.reason, "a takes too long" in item.detail) for item in answer.skipped] == [
        ("limit", True)
    ]
    assert "command-injection" in {item.rule for item in answer.findings}


def test_a_fault_of_ours_costs_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while one function is followed, the others are judged and it is told."""
    visit = Run.visit

    def faulty(run: Run, frame: object, statement: object) -> None:
        entry: Entry | None = run.entry
        if entry is not None and entry.place.qualified == "a":
            raise LookupError("made up")
        visit(run, frame, statement)  # type: ignore[arg-type]

    monkeypatch.setattr(Run, "visit", faulty)
    text = HEAD + "@app.route('/a')\ndef a():\n    return 'x'\n"
    text += "@app.route('/b')\ndef b():\n    os.system(request.args['q'])\n"
    answer = analyse({"views.py": text}, kind="files")
    assert [item.reason for item in answer.skipped] == ["internal"]
    assert "command-injection" in {item.rule for item in answer.findings}


@pytest.mark.parametrize(
    ("pattern", "slow"),
    [
        (r"^(a+)+$", True),
        (r"(\w+\s?)*x", True),
        (r"(x+x+)+y", True),
        (r"^\w+(\.\w+)*$", False),
        (r"^[\w ]+$", False),
        (r"(ab)+c", False),
    ],
)
def test_slow_patterns_are_told_from_quick_ones(pattern: str, slow: bool) -> None:
    """Nested quantifiers are slow only where a text can be split in several ways."""
    read = patterns.read(pattern)
    assert read is not None
    assert read.slow is slow


def test_characters_decide_what_a_pattern_rules_out() -> None:
    """A pattern of word characters stops commands; one with dots and slashes no paths."""
    word, path = patterns.read(r"^\w+$"), patterns.read(r"^[\w./]+$")
    assert word is not None
    assert path is not None
    assert {"command", "sql", "path", "xss"} <= patterns.bounded(word.chars)
    assert "path" not in patterns.bounded(path.chars)
    assert {"command", "xss"} <= patterns.bounded(path.chars)


def test_a_view_registered_by_call_is_the_function_its_name_leads_to() -> None:
    """Of ``add_url_rule`` only the view's argument is a view, and no function elsewhere that
    happens to bear its name."""
    store = """
        class Store:
            def show(self, query):
                return "<i>" + query
            def data(self, name):
                return "<b>" + name
        """
    text = """
        from search import show
        app.add_url_rule("/s/<q>", view_func=show, defaults=data)
        """
    shown = """
        def show(q):
            return "<p>" + q
        """
    assert found(text, store=store, search=shown) == [("xss", 'return "<p>" + q')]


def test_a_stream_of_our_own_may_be_read_back() -> None:
    """`pickle.loads(pickle.dumps(x))` is a copy, whatever came from outside is in it."""
    text = """
        import pickle
        @app.route("/a")
        def a():
            pickle.loads(pickle.dumps(request.json))
            {}
            return "ok"
        """
    assert not found(text.format("pass"))
    assert found(text.format("pickle.loads(request.data)")) == [
        ("unsafe-deserialization", "pickle.loads(request.data)")
    ]


def test_what_an_unknown_helper_redirects_or_renders_is_no_page_of_ours() -> None:
    """`h.redirect_to(name)` of a library nobody can read is no text put into a page."""
    text = """
        from ckit import helpers as h, redirect_back
        @app.route("/a/<name>")
        def a(name):
            if name == "b":
                return redirect_back(name)
            if name == "c":
                return h.rendered_view(name)
            {}
            return h.redirect_to("a.index", id=name)
        """
    assert not found(text.format("pass"))
    assert found(text.format("return h.joined(name)")) == [("xss", "return h.joined(name)")]


def test_a_text_that_is_a_path_is_put_right_without_harm() -> None:
    """`normpath(x).replace("a", "b")` makes a text; `Path(x).replace(target)` moves a file."""
    text = """
        from pathlib import Path
        @app.route("/a")
        def a():
            name = os.path.normpath(request.args["n"])
            name = name.replace("a", "b")
            {}
            return "ok"
        """
    assert not found(text.format("pass"))
    moved = "Path('/srv/' + name).replace('/srv/x')"
    assert found(text.format(moved)) == [("path-traversal", moved)]


def test_escaping_is_off_where_somebody_writes_it() -> None:
    """A constructor that keeps its parameter `autoescape=False` switches nothing off."""
    kept = """
        class Templates:
            def __init__(self, autoescape=False):
                self.autoescape = autoescape
        made = Templates()
        """
    off = "made.autoescape = False"
    assert not found(kept)
    assert found(f"{kept}{off}") == [("xss", off)]


def test_a_bare_answer_of_fastapi_is_json() -> None:
    """What a FastAPI view returns becomes JSON, unless its route or the value says HTML."""
    head = "from fastapi import FastAPI\nfrom fastapi.responses import HTMLResponse\n"
    view = "app = FastAPI()\n@app.get('/a'{})\ndef a(q: str):\n    return {}\n"
    html = "HTMLResponse('<p>' + q)"
    assert not found(view.format("", "'<p>' + q"), head=head)
    assert [rule for rule, _ in found(view.format("", html), head=head)] == ["xss"]
    classed = view.format(", response_class=HTMLResponse", "'<p>' + q")
    assert [rule for rule, _ in found(classed, head=head)] == ["xss"]


def test_an_uploaded_file_is_no_path() -> None:
    """`ZipFile(upload)` reads the upload's stream; its file name is a path from outside."""
    text = """
        from zipfile import ZipFile
        @app.route("/a", methods=["POST"])
        def a():
            upload = request.files.get("data")
            if not upload:
                return "no"
            ZipFile({})
            return "ok"
        """
    assert not found(text.format("upload"))
    assert found(text.format("'/srv/' + upload.filename"))[0][0] == "path-traversal"


def test_a_graphql_query_is_no_sql() -> None:
    """Clients of GraphQL write their queries; `execute` with variables runs no statement."""
    text = """
        @app.route("/a", methods=["POST"])
        def a():
            return str(schema.execute("query " + request.json["q"]{}).errors is None)
        """
    assert not found(text.format(", variables={}"))
    assert [rule for rule, _ in found(text.format(""))] == ["sql-injection"]


def test_a_quoted_value_brings_no_line_breaks_into_the_log() -> None:
    """`%r` writes them as characters; `%s` as they are."""
    text = """
        @app.route("/a")
        def a():
            app.logger.info({}, request.args["user"])
            return "ok"
        """
    assert not found(text.format("'login of %r'"))
    assert [rule for rule, _ in found(text.format("'login of %s'"))] == ["log-injection"]


def test_the_headers_of_a_tuple_say_what_an_answer_is() -> None:
    """`make_response((text, 200, headers))` is no page where the headers say JSON."""
    text = """
        from flask import make_response
        TYPES = {{"json": "application/json", "html": "text/html"}}
        def finish(text, kind):
            headers = {{}}
            headers["Content-Type"] = TYPES[kind]
            return make_response((text, 200, headers))
        @app.route("/a")
        def a():
            return finish("<p>" + request.args["q"], "{}")
        """
    assert not found(text.format("json"))
    assert [rule for rule, _ in found(text.format("html"))] == ["xss"]


def test_a_tests_constants_are_not_held_against_the_code() -> None:
    """A helper that a test calls with a key of its own has no key in it."""
    signed = """
        import hmac, hashlib
        def signature(key, content):
            return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
        """
    call = """
        from signed import signature
        def test_it():
            assert signature("k8sd-Qw12-vv9", b"")
        """
    assert not found("", signed=signed, test_signed=call)
    assert [rule for rule, _ in found("", signed=signed, sender=call)] == ["hardcoded-key"]
