"""The whole analysis: inputs, verdicts of several tools, newness, cache, limits."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from agents.code import collect
from agents.code.analyse import analyse
from agents.code.model import Skipped
from tests.eval import code_app

VIEW = (
    "from flask import Flask, request\nimport os\napp = Flask(__name__)\n"
    "@app.route('/a')\ndef a():\n    os.system('ls ' + request.args['q'])\n    return 'ok'\n"
)


class Memory:
    """A cache that counts what it is asked."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.hits = self.misses = 0

    def get(self, key: str) -> str | None:
        """The kept text."""
        found = self.kept.get(key)
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, key: str, value: str) -> None:
        """Keep a text."""
        self.kept[key] = value


def test_analysed_code_is_never_run(tmp_path: Path) -> None:
    """Code that would leave a file behind when imported leaves none."""
    trap = tmp_path / "ran"
    text = f"import pathlib\npathlib.Path({str(trap)!r}).write_text('x')\nraise SystemExit(3)\n"
    files = {"a.py": text, "conftest.py": text, "setup.py": text, "b.py": "import a\n"}
    answer = analyse(files, kind="directory")
    assert answer.files == 4
    assert not trap.exists()


def test_a_file_that_does_not_parse_falls_back_to_ruff_and_is_told() -> None:
    """The broken file is in `skipped` with its line, ruff's finding of it stands, others go on."""
    answer = analyse({"bad.py": "x = 1\ndef f(:\n    pass\n", "good.py": VIEW}, kind="files")
    [skipped] = answer.skipped
    assert (skipped.file, skipped.reason) == ("bad.py", "syntax_error")
    assert "line 2" in skipped.detail
    assert {(item.file, item.rule) for item in answer.findings} >= {
        ("bad.py", "E999"), ("good.py", "command-injection"),
    }  # fmt: skip


def test_what_two_tools_say_is_one_finding() -> None:
    """A flow that ruff sees too has both as sources and ruff's code as alias."""
    [finding] = [f for f in analyse({"a.py": VIEW}, kind="files").findings if f.cwe == 78]
    assert finding.sources == ("taint", "ruff")
    assert finding.aliases == ("S605",)
    assert finding.scope == "a"


def test_a_scanner_is_overruled_where_no_data_arrives() -> None:
    """What the interpretation disproves is set aside with the reason."""
    text = VIEW.replace("request.args['q']", "'x'.lower()")
    answer = analyse({"a.py": text}, kind="files")
    assert not answer.findings
    assert [(item.finding.aliases, item.reason) for item in answer.suppressed] == [
        (("S605",), "no data from outside reaches this call")
    ]


def test_a_line_that_is_never_reached_is_no_finding() -> None:
    """A pattern in a branch that constants rule out is set aside."""
    text = "import ssl\ndef f():\n    if 1 > 2:\n        ssl._create_unverified_context()\n"
    answer = analyse({"a.py": text}, kind="files")
    assert not answer.findings
    assert [item.reason for item in answer.suppressed] == ["this line is never reached"]


def test_only_changed_lines_are_new() -> None:
    """With spans of changed lines a finding says whether it lies in one; new ones rank first."""
    twice = VIEW + "@app.route('/b')\ndef b():\n    os.system('ls ' + request.args['r'])\n"
    answer = analyse({"a.py": twice}, kind="diff", changed={"a.py": [(10, 10)]})
    assert [(item.line, item.new) for item in answer.findings if item.cwe == 78] == [
        (10, True), (6, False),
    ]  # fmt: skip


def test_style_only_when_asked_for() -> None:
    """An unused import is style."""
    files = {"a.py": "import os\n"}
    assert not analyse(files, kind="files").findings
    assert [f.rule for f in analyse(files, kind="files", types={"style"}).findings] == ["F401"]


def test_context_files_are_read_and_not_reported() -> None:
    """`only` names the files that findings may be in."""
    answer = analyse({"a.py": VIEW, "b.py": VIEW}, kind="files", only={"b.py"})
    assert {item.file for item in answer.findings} == {"b.py"}


def test_a_second_run_pays_for_what_changed_alone() -> None:
    """Kept parts give the same answer, and a change in one file asks anew for what sees it."""
    cache = Memory()
    files = code_app.clean(2) | {"views.py": VIEW}
    first = analyse(files, kind="directory", cache=cache)
    cache.hits = cache.misses = 0
    again = analyse(files, kind="directory", cache=cache)
    assert again.findings == first.findings
    assert cache.misses == 0
    changed = files | {"views.py": VIEW.replace("'ls '", "'cat '")}
    third = analyse(changed, kind="directory", cache=cache)
    assert 0 < cache.misses <= 4
    assert [f.evidence.strip() for f in third.findings if f.cwe == 78] == [
        "os.system('cat ' + request.args['q'])"
    ]


def test_a_helper_is_judged_anew_when_its_caller_changes() -> None:
    """A finding in a helper goes when the view no longer passes it data from outside."""
    helper = "import os\ndef run(x):\n    os.system('ls ' + x)\n"
    view = (
        "from flask import Flask, request\nfrom helper import run\napp = Flask(__name__)\n"
        "@app.route('/a')\ndef a():\n    run(request.args['q'])\n    return 'ok'\n"
    )
    cache = Memory()
    first = analyse({"helper.py": helper, "view.py": view}, kind="files", cache=cache)
    assert [(f.file, f.confidence) for f in first.findings] == [("helper.py", "high")]
    mended = view.replace("request.args['q']", "'fixed'")
    second = analyse({"helper.py": helper, "view.py": mended}, kind="files", cache=cache)
    assert not second.findings


def test_a_helper_is_no_suspect_once_a_view_shows_what_it_gets() -> None:
    """A kept suspicion goes when a view comes to call the function, with harmless data."""
    helper = "import os\ndef run(x):\n    os.system('ls ' + x)\n"
    view = (
        "from flask import Flask, request\nfrom helper import run\napp = Flask(__name__)\n"
        "@app.route('/a')\ndef a():\n    {}\n    return 'ok'\n"
    )
    cache = Memory()
    files = {"helper.py": helper, "view.py": view.format("pass")}
    first = analyse(files, kind="files", cache=cache)
    assert [(f.file, f.confidence) for f in first.findings if f.cwe == 78] == [
        ("helper.py", "medium")
    ]
    assert first.findings[0].sources == ("taint", "ruff")
    files["view.py"] = view.format("run('fixed')")
    assert not analyse(files, kind="files", cache=cache).findings


@pytest.mark.timeout(60)
def test_it_runs_in_a_worker_process() -> None:
    """Arguments and answer can be pickled; the child answers as this process does."""
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        there = pool.submit(_in_worker).result(timeout=50)
    here = analyse({"a.py": VIEW}, kind="files")
    assert there == pickle.loads(pickle.dumps(here.findings))  # noqa: S301 - our own bytes


def _in_worker() -> object:
    return analyse({"a.py": VIEW}, kind="files").findings


def test_progress_is_told_to_its_end() -> None:
    """Every part says how much there is and reaches it."""
    told: list[tuple[str, int, int]] = []
    analyse({"a.py": VIEW}, kind="files", progress=lambda *step: told.append(step))
    last = {what: (done, most) for what, done, most in told}
    assert set(last) == {"data flow", "project rules", "tools"}
    assert all(done == most for done, most in last.values())


def test_counts_and_density() -> None:
    """Findings are counted by severity and per 1,000 lines."""
    counts = analyse({"a.py": VIEW}, kind="files").counts()
    assert counts["total"] == counts["severity"]["critical"] == 1
    assert counts["per_1000_lines"] == 125.0


def test_a_diff_is_applied_before_it_is_judged() -> None:
    """The files are analysed as the diff leaves them, its added lines are the changed ones."""
    before = VIEW.replace("'ls ' + request.args['q']", "'ls'")
    patch = (
        "--- a/a.py\n+++ b/a.py\n@@ -5,3 +5,3 @@\n def a():\n-    os.system('ls')\n"
        "+    os.system('ls ' + request.args['q'])\n     return 'ok'\n"
    )
    found = collect.diff(patch, {"a.py": before})
    assert found.files == {"a.py": VIEW}
    assert found.changed == {"a.py": [(6, 6)]}
    with pytest.raises(collect.Refused, match=r"does not fit a\.py at line 6"):
        collect.diff(patch, {"a.py": VIEW})
    with pytest.raises(collect.Refused, match="diff"):
        collect.diff("nothing of the kind", {})


@pytest.mark.parametrize("path", ["../a.py", "/etc/a.py", "a/../../b.py", "C:/a.py", "a\0.py", ""])
def test_names_that_leave_the_project_are_refused(path: str) -> None:
    """A file's name stays inside the project."""
    with pytest.raises(collect.Refused, match="files"):
        collect.files({path: "x = 1\n"})


def test_limits_are_told_with_their_numbers() -> None:
    """Too much code, or too many files, is refused by the key's name."""
    with pytest.raises(collect.Refused, match="code has 500001 bytes"):
        collect.snippet("x" * 500_001)
    with pytest.raises(collect.Refused, match="files holds 201 files"):
        collect.files({f"a{n}.py": "" for n in range(201)})
    with pytest.raises(collect.Refused, match="files holds 5000001 bytes"):
        collect.files({"a.py": "x" * 5_000_001})


def test_a_folder_is_read_without_leaving_it(tmp_path: Path) -> None:
    """No link is followed, secrets are never opened, strange files are told."""
    root = tmp_path / "repo"
    (root / "node_modules" / "x").mkdir(parents=True)
    (root / "node_modules" / "x" / "a.js").write_text("eval(x)")
    (root / "app.py").write_text(VIEW)
    (root / "types.ts").write_text("let x = 1")
    (root / "binary.py").write_bytes(b"\0\0")
    (root / ".env").write_text("SECRET_KEY=x")
    (tmp_path / "outside.py").write_text("x = 1")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    (root / "settings.py").symlink_to(".env")
    os.mkfifo(root / "pipe.py")
    found = collect.directory(root, tmp_path)
    assert set(found.files) == {"app.py"}
    assert {(item.file, item.reason) for item in found.skipped} == {
        (".env", "secret_file"), ("binary.py", "binary"), ("link.py", "unreadable"),
        ("pipe.py", "unreadable"), ("settings.py", "unreadable"), ("types.ts", "unsupported"),
    }  # fmt: skip
    with pytest.raises(collect.Refused, match="path"):
        collect.directory(tmp_path, root)
    with pytest.raises(collect.Refused, match="no such file"):
        collect.directory(root / "gone")


def test_a_snippet_is_named_by_its_path() -> None:
    """Callers send absolute names; the file's name is what stays."""
    assert list(collect.snippet("x = 1", "/app/api/goals.py").files) == ["app/api/goals.py"]
    assert list(collect.snippet("x = 1", None).files) == ["snippet.py"]
    assert list(collect.snippet("x = 1", "goals").files) == ["goals.py"]


def test_a_file_that_was_not_read_is_there() -> None:
    """An import of a module that is too large, or does not parse, is not said to fail."""
    files = {
        "gym/__init__.py": "", "gym/a.py": "from gym import large, broken, gone\n",
        "gym/broken.py": "def (:\n",
    }  # fmt: skip
    skipped = [Skipped("gym/large.py", "too_large", "has 2000000 bytes")]
    found = analyse(files, kind="directory", skipped=skipped).findings
    told = [item.message for item in found if item.rule == "import-of-missing-name"]
    assert told == ["gym/__init__.py has no gone: the import fails at start"]


def test_bundles_are_skipped_and_told() -> None:
    """A bundler's files are nobody's to mend; their names tell them, and so does the report."""
    names = ["static/a.min.js", "static/72.chunk.js", "static/7634.0acd07e01787179c928e.entry.js"]
    own = ["static/chunk.js", "static/app-2024.js", "static/main.js"]
    found = collect.files(dict.fromkeys([*names, *own], "f();\n"))
    assert sorted(found.files) == sorted(own)
    assert {(item.file, item.reason) for item in found.skipped} == {
        (name, "generated") for name in names
    }
