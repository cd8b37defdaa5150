"""Other people's analyzers: contained, read, reported when they fail."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.code import tools
from agents.code.analyse import analyse
from agents.code.tool_rules import ruff_meaning

RUFF, SECRETS, ZIZMOR = tools.TOOLS
WORKFLOW = (
    "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
    "      - run: echo ${{ github.event.pull_request.title }}\n"
)


def test_ruff_speaks_in_our_rules() -> None:
    """A finding of ruff's has our name, its own as alias, file, line and evidence."""
    answer = tools.run(RUFF, {"api/a.py": "import hashlib\n\nhashlib.md5(b'')\nprint(gone)\n"})
    told = {item.line: (item.rule, item.aliases, item.cwe) for item in answer.findings["api/a.py"]}
    assert answer.run.status == "ok"
    assert told == {3: ("weak-hash", ("S324",), 328), 4: ("F821", (), None)}


def test_no_file_is_written_outside_of_the_tools_folder(tmp_path: Path) -> None:
    """Whoever hands over a name that leaves the folder is refused before anything is written."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("../out.py", str(tmp_path / "out.py"), "a/../../out.py"):
        with pytest.raises(tools.ToolFailed, match="outside the project"):
            tools.laid_out({name: "x = 1\n"}, folder)
    assert not (tmp_path / "out.py").exists()


def test_comments_that_silence_a_tool_are_ignored() -> None:
    """`noqa` and `pragma` in analysed code change nothing."""
    text = "import hashlib\nhashlib.md5(b'')  # noqa\n"
    assert tools.run(RUFF, {"a.py": text}).findings["a.py"]
    key = "key = 'AKIAIOSFODNN7EXAMPL1'  # pragma: allowlist secret\n"
    assert tools.run(SECRETS, {"a.py": "\n\n" + key}).findings["a.py"][0].line == 3


def test_secrets_are_found_outside_of_any_git_root() -> None:
    """detect-secrets works on a folder of its own, and examples are no secrets."""
    files = {
        "x/a.py": "import os\n\nDB_PASSWORD = 'k8sd-Qw12-vv9'\n",
        "b.py": 'URL = "postgresql://user:password@host:5432/db"\n',
    }
    answer = tools.run(SECRETS, files)
    assert {(item.file, item.line) for found in answer.findings.values() for item in found} == {
        ("x/a.py", 3)
    }


def test_no_name_of_a_folder_hides_secrets() -> None:
    """Secrets are found whatever the folders of the analysed code are called."""
    answer = tools.run(SECRETS, {".telling/a.py": "DB_PASSWORD = 'k8sd-Qw12-vv9'\n"})
    assert answer.run.status == "ok"
    assert [item.line for item in answer.findings[".telling/a.py"]] == [1]


def test_workflows_are_read() -> None:
    """A workflow that runs a stranger's title is a finding at its line."""
    answer = tools.run(ZIZMOR, {".github/workflows/a.yml": WORKFLOW, "a.py": ""})
    rules = {item.rule: item.line for item in answer.findings[".github/workflows/a.yml"]}
    assert rules["workflow-template-injection"] == 6


def test_a_tool_sees_an_empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours reaches a tool."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://hidden")
    out = tools.execute([sys.executable, "-c", "import os; print(sorted(os.environ))"], tmp_path)
    assert "DATABASE_URL" not in out
    assert "PATH" not in eval(out)  # noqa: S307 - the output of the line above


def test_a_tool_that_hangs_or_breaks_is_told(tmp_path: Path) -> None:
    """A tool is stopped after its time, and its failure says why."""
    with pytest.raises(tools.ToolFailed, match="within"):
        tools.execute([sys.executable, "-c", "while True: pass"], tmp_path, seconds=0.3)
    with pytest.raises(tools.ToolFailed, match="ended with 3: bad luck"):
        tools.execute(
            [sys.executable, "-c", "import sys; sys.stderr.write('bad luck'); sys.exit(3)"],
            tmp_path,
        )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
def test_a_tool_cannot_take_all_memory(tmp_path: Path) -> None:
    """Beyond the limit the tool fails, not the machine."""
    with pytest.raises(tools.ToolFailed, match="MemoryError"):
        tools.execute(
            [sys.executable, "-c", "import time; time.sleep(0.2); x = bytearray(3_000_000_000)"],
            tmp_path,
            codes=(0,),
        )


def test_a_missing_or_failing_tool_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The analysis goes on, and the tool stands in `tools` and `skipped`."""

    def broken(*_: object) -> None:
        raise tools.ToolFailed("ended with 2: broken")

    monkeypatch.setattr(
        tools,
        "TOOLS",
        (tools.Tool("ruff", "ruff", RUFF.wants, broken), SECRETS),  # type: ignore[arg-type]
    )
    answer = analyse({"a.py": "import os\ndef f(x):\n    os.system('ls ' + x)\n"}, kind="files")
    assert [run.status for run in answer.tools if run.name == "ruff"] == ["failed"]
    assert [(item.reason, "broken" in item.detail) for item in answer.skipped] == [
        ("tool_failed", True)
    ]
    assert [item.rule for item in answer.findings] == ["command-injection"]
    monkeypatch.setattr(tools, "installed", lambda _name: None)
    assert tools.run(RUFF, {"a.py": ""}).run.status == "absent"
    assert [item.reason for item in tools.run(RUFF, {"a.py": ""}).skipped] == ["tool_absent"]


def test_every_code_of_ruff_has_a_meaning() -> None:
    """Codes nobody named follow their family; trivia is style."""
    assert ruff_meaning("F401").issue_type == "style"
    assert ruff_meaning("E999").severity == "high"
    assert ruff_meaning("S999").issue_type == "style"
    assert ruff_meaning("XYZ1").issue_type == "style"


def test_a_tool_leaves_nothing_behind() -> None:
    """The temporary folder is gone after a run."""
    folder = Path(tempfile.gettempdir())
    before = set(folder.iterdir())
    with ThreadPoolExecutor(1) as pool:
        pool.submit(tools.run, RUFF, {"a.py": "x = 1\n"}).result()
    made = set(folder.iterdir()) - before
    assert not {path for path in made if path.name.startswith("code-")}


def test_an_undefined_name_is_one_that_runs() -> None:
    """Words of a Literal are no names, and Python 2's names stand where a file asks for it."""
    text = (
        'import sys\nfrom .compat import Literal\nmode: Literal["rb", "r"] = "r"\n'
        "if sys.version_info[0] < 3:\n    kinds = (str, unicode)\nprint(gone)\n"
    )
    told = tools.run(RUFF, {"a.py": text}).findings["a.py"]
    assert [item.line for item in told if item.rule == "F821"] == [6]
    told = tools.run(RUFF, {"a.py": "kinds = (str, unicode)\n"}).findings["a.py"]
    assert [item.rule for item in told] == ["F821"]


def test_what_mostly_works_is_not_grave() -> None:
    """A bare `raise` in a handler's helper and a `return super().__init__()` end no build."""
    assert ruff_meaning("PLE0704").severity == "low"
    assert ruff_meaning("PLE0101").severity == "low"
    assert ruff_meaning("PLE0604").severity == "high"


HARMLESS = """\
PASSWORD_HASH = {"PASSWORD_HASH": "argon2", "PASSWORD_NORMALIZE_FORM": "NFKD"}
FORGOT_PASSWORD_TEMPLATE = {"RESET_PASSWORD_TEMPLATE": "security/reset_password.html"}
names = {"solr_password": "CKAN_SOLR_PASSWORD", "smtp.password": "CKAN_SMTP_PASSWORD"}
APIKEY = "apikey"
API_KEY = "X-Api-Key"
DEFAULT_TOKEN = "DEFAULT"
REVISION_TOKEN = "REVISION_FILENAME"
URL = "postgresql+psycopg://scott:tiger@localhost/test"
revision = "42be7409d4820431043da48ece30014e26b47073"
"""


def test_names_of_secrets_are_no_secrets() -> None:
    """Names of settings, headers and templates, documentation's URLs and a commit's hash are told
    to everybody; what stands beside a telling name is a secret, also in a settings file."""
    found = analyse({"a.py": HARMLESS}, kind="files").findings
    assert not [item.evidence for item in found if item.cwe == 798]
    files = {
        "b.py": 'd = {"old_password": "k8sd-Qw12"}\nif d["password"] == "k8sd-Qw13":\n    d = 1\n',
        "c.yml": "database:\n  password: k8sd-Qw12-vv9\n",
    }
    found = analyse(files, kind="files").findings
    assert {(item.file, item.line) for item in found if item.cwe == 798} == {
        ("b.py", 1), ("b.py", 2), ("c.yml", 2)
    }  # fmt: skip


def test_a_password_made_up_by_a_test_is_no_grave_secret() -> None:
    """Users of tests have passwords of their own; a key of a known shape is real anywhere."""
    made_up = 'password = "Wq8#xT2!mZ"\n'
    found = analyse({"tests/test_a.py": made_up, "b.py": made_up}, kind="files").findings
    assert {item.file: item.severity for item in found} == {
        "tests/test_a.py": "low",
        "b.py": "high",
    }
    [key] = analyse({"a_test.py": "key = 'AKIAIOSFODNN7EXAMPL1'\n"}, kind="files").findings
    assert key.severity == "high"
