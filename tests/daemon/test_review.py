"""``python -m daemon review``: what it reads, what counts as new, how it ends; no database."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from dulwich import porcelain

from agents.code.gate import unified
from daemon.cli import main
from daemon.demo.model_server import ModelServer, data_of
from tests.daemon.provider_words import BLAMED, PICKY
from tests.kit.planted_patches import GOOD, LINE, PROJECT, VIEWS
from tests.kit.process import free_port

AUTHOR = b"Somebody <somebody@example.com>"
CLEAN = {**PROJECT, VIEWS: PROJECT[VIEWS].replace(LINE, GOOD)}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a key nor a database."""
    for name in ("DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


class Project:
    """A git repository that a test writes commits into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        porcelain.init(str(folder)).close()

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def commit(self, files: Mapping[str, str], message: str) -> str:
        self.write(files)
        porcelain.add(str(self.folder), [str(self.folder / name) for name in files])
        made: bytes = porcelain.commit(
            str(self.folder), message=message.encode(), author=AUTHOR, committer=AUTHOR
        )
        return made.decode()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def found(text: str) -> list[tuple[str, str, bool | None]]:
    return [(one["rule"], one["file"], one["new"]) for one in map(json.loads, text.splitlines())]


def test_a_whole_project(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Without anything to compare with all findings count, and the grave ones end with 1."""
    project.write(PROJECT)
    assert main(["review", str(project.folder), "--format", "jsonl"]) == 1
    assert ("sql-injection", VIEWS, None) in found(capsys.readouterr().out)
    assert main(["review", str(project.folder), "--fail-on", "never"]) == 0
    assert "app/views.py:21: critical sql-injection CWE-89" in capsys.readouterr().out


def test_only_what_is_new_since_a_commit(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a base the working tree's new findings count, and the legacy stays silent."""
    base = project.commit(PROJECT, "legacy")
    arguments = ["review", "--path", str(project.folder), "--diff", base]
    assert main([*arguments, "--format", "github"]) == 0
    assert capsys.readouterr().out == ""
    more = PROJECT[VIEWS].replace("return items[:limit]", 'return eval(request.args["x"])')
    project.write({VIEWS: more})
    assert main([*arguments, "--format", "jsonl", "--repair", "0"]) == 1
    told = found(capsys.readouterr().out)
    assert ("code-injection", VIEWS, True) in told
    assert ("sql-injection", VIEWS, False) in told


def test_a_range_and_a_repair(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two commits the second one's new findings come with a repair that applies."""
    first = project.commit(CLEAN, "clean")
    call = CLEAN[VIEWS].replace(
        "    log.info(", '    requests.get("https://a.example/x")\n    log.info('
    )
    second = project.commit({VIEWS: "import requests\n" + call}, "worse")
    arguments = ["review", str(project.folder), "--range", f"{first}..{second}"]
    assert main([*arguments, "--format", "json", "--fail-on", "medium"]) == 1
    report = json.loads(capsys.readouterr().out)
    [fresh] = [one for one in report["findings"] if one["new"]]
    assert fresh["rule"] == "http-without-timeout"
    assert '+    requests.get("https://a.example/x", timeout=10)' in fresh["diff"]
    assert main([*arguments, "--repair", "0"]) == 0


@pytest.mark.parametrize("applied", [True, False])
def test_a_diff_from_a_file(
    project: Project, capsys: pytest.CaptureFixture[str], *, applied: bool
) -> None:
    """A diff is reviewed whether the folder holds its change already or not."""
    after = CLEAN[VIEWS].replace(GOOD, LINE)
    project.write(CLEAN)
    if applied:
        project.write({VIEWS: after})
    patch = project.folder / "change.diff"
    patch.write_text(unified(VIEWS, CLEAN[VIEWS], after), encoding="utf-8")
    arguments = ["review", str(project.folder), "--diff", str(patch), "--format", "jsonl"]
    assert main([*arguments, "--repair", "0"]) == 1
    assert ("sql-injection", VIEWS, True) in found(capsys.readouterr().out)


@pytest.mark.parametrize("form", ["json", "jsonl", "sarif"])
def test_a_baseline_is_an_earlier_report(
    project: Project, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """What an earlier report knows does not count again, whatever its form."""
    project.write(PROJECT)
    before = project.folder / "before.txt"
    written = ["--format", form, "--output", str(before)]
    assert main(["review", str(project.folder / "app"), *written]) == 1
    again = ["review", str(project.folder / "app"), "--baseline", str(before)]
    assert main(again) == 0
    assert "0 new findings (" in capsys.readouterr().out


def test_the_history_tells_what_would_have_been_caught(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A commit that mends what its parent had is caught; others, and moved lines, are not."""
    project.commit(PROJECT, "first")
    project.commit({VIEWS: "# moved\n" + PROJECT[VIEWS]}, "move everything down")
    project.commit({VIEWS: "# moved\n" + CLEAN[VIEWS]}, "fix: search by parameters")
    project.commit({"README.md": "text\n"}, "fix a typo")
    assert main(["review", str(project.folder), "--history", "3", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["caught"], report["total"]) == (1, 3)
    [caught] = [one for one in report["commits"] if one["caught"]]
    assert caught["subject"] == "fix: search by parameters"
    assert [one["rule"] for one in caught["caught"]] == ["sql-injection"]
    assert main(["review", "--history", str(project.folder), "--grep", "fix", "--limit", "9"]) == 0
    assert "1 of 2 commits mended something" in capsys.readouterr().out


def test_paths_are_those_of_the_repository(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder in a repository is reported by names from the root, as annotations need them."""
    project.commit(PROJECT, "all")
    main(["review", str(project.folder / "app"), "--format", "github"])
    assert "file=app/views.py" in capsys.readouterr().out


def test_skipped_files_are_told_and_may_be_errors(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that cannot be analysed is listed with the reason; with --strict that ends with 3."""
    project.write({"a.py": "x = 1\n", "b.py": "def f(:\n"})
    assert main(["review", str(project.folder), "--fail-on", "never"]) == 0
    assert "b.py: syntax_error:" in capsys.readouterr().out
    assert main(["review", str(project.folder), "--fail-on", "never", "--strict"]) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "xml"],
        ["/nowhere/at/all"],
        ["--range", "one"],
        ["--diff", "no-such-branch"],
        ["--baseline", "/nowhere"],
        ["--history", "0"],
        [".", "--path", "."],
    ],
)
def test_wrong_use_ends_with_2(
    project: Project, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """What cannot be done as asked ends with 2, and never with a traceback."""
    project.commit({"a.py": "x = 1\n"}, "one")
    monkeypatch.chdir(project.folder)
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["review", *arguments]))
    assert ended.value.code == 2


def test_a_model_needs_a_key(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """--model without a key says what is missing; nothing else needs one."""
    project.write({"a.py": "import os\nos.system(input())\n"})
    assert main(["review", str(project.folder), "--model"]) == 78
    assert "OPENAI_API_KEY" in capsys.readouterr().err


async def test_a_model_explains_and_mends(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--model asks once, masked; its words and what passed the gate are in the report."""
    project.write({**PROJECT, "app/keys.py": 'password = "Trainer12345"\n'})

    async def behave(server: ModelServer, request: web.Request, body: Any) -> web.Response:
        found = data_of(body)["findings"]
        said = [
            {
                "id": one["id"],
                "explanation": "Parameters keep the name out of the statement.",
                "existing_code": LINE if one["rule"] == "sql-injection" else "",
                "replacement_code": GOOD if one["rule"] == "sql-injection" else "",
                "confidence": "high",
                "missing_evidence": [],
            }
            for one in found
        ]
        answer = {"summary": "Two holes.", "error": "", "items": said}
        return server.answer(request, body, json.dumps(answer))

    async with ModelServer().running() as server:
        server.script.extend([behave] * 2)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        arguments = ["review", str(project.folder), "--model", "--format", "json"]
        assert await asyncio.to_thread(main, arguments) == 1
        assert server.count() == 1
        assert "Trainer12345" not in json.dumps(server.calls[0].body)
    report = json.loads(capsys.readouterr().out)
    [mended] = [one for one in report["findings"] if one["rule"] == "sql-injection"]
    assert mended["fixer"] == "model"
    assert "WHERE name = ?" in mended["diff"]
    assert mended["explanation"].startswith("Parameters keep")


async def test_a_model_is_asked_in_the_form_that_it_takes(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mistral refuses two parameters by name, and is asked without; a refused key is named."""
    project.write(PROJECT)
    arguments = ["review", str(project.folder), "--model"]
    async with ModelServer().running() as server:
        server.script.extend([PICKY["Mistral"][0]] * 3)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert await asyncio.to_thread(main, arguments) == 1
        refused = [call.status == 422 for call in server.calls]
        assert refused == [True, *[False] * (len(refused) - 1)]
        assert len(refused) > 1
        assert "no usable answer" not in capsys.readouterr().err

        server.script = deque([BLAMED["Gemini: key"][0]])
        assert await asyncio.to_thread(main, arguments) == 1
        assert "check OPENAI_API_KEY" in capsys.readouterr().err


async def test_a_running_service_may_be_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--post asks a service for the changed files, with the key, and without their secrets."""
    taken: list[tuple[str, object]] = []

    async def execute(request: web.Request) -> web.Response:
        taken.append((request.headers.get("Authorization", ""), await request.json()))
        return web.json_response({"success": True}, status=200)

    app = web.Application()
    app.router.add_post("/api/execute", execute)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    monkeypatch.setenv("MAIN_APP_API_KEY", "the-key")
    project.write({"a.py": 'password = "Trainer12345"\n'})
    try:
        url = f"http://127.0.0.1:{port}/"
        arguments = ["review", str(project.folder), "--fail-on", "never", "--post", url]
        assert await asyncio.to_thread(main, arguments) == 0
    finally:
        await runner.cleanup()
    [(key, body)] = taken
    assert key == "Bearer the-key"
    assert "Trainer12345" not in json.dumps(body)
    assert "a.py" in json.dumps(body)
