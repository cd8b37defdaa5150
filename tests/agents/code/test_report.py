"""Reports: every form says the same findings, SARIF is SARIF, and no secret is in any of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agents.code.gate import Proposal, Verdict, unified
from agents.code.model import Analysis, Finding, Skipped, Step, ToolRun
from agents.code.report import FORMATS, Report, write
from agents.code.results import Proposed, at_least, shown
from agents.code.secrets import Mask
from agents.code.taint.rules import RULES

SCHEMA = json.loads((Path(__file__).parents[2] / "kit" / "sarif.schema.json").read_text("utf-8"))
SECRET = "Trainer12345"
FILES = {
    "app/a b.py": (
        "import requests\n\n\ndef load(url):\n"
        f'    password = "{SECRET}"\n'
        "    return requests.get(url, auth=password)\n"
    ),
    "app/view.py": "def view():\n    return run(request.args['q'])\n",
}
TIMEOUT = Finding(
    rule="http-without-timeout",
    file="app/a b.py",
    line=6,
    message="No timeout: 50 % of it, two lines\nand a comma, too",
    issue_type="performance",
    severity="medium",
    confidence="high",
    end_line=6,
    column=12,
    scope="load",
    cwe=400,
    evidence="    return requests.get(url, auth=password)",
    sources=("ruff",),
    aliases=("S113",),
    fingerprint="f" * 32 + ":1",
    new=True,
)
INJECTION = Finding(
    rule="sql-injection",
    file="app/view.py",
    line=2,
    message="Data from outside becomes part of an SQL statement",
    issue_type="security",
    severity="critical",
    confidence="high",
    column=5,
    cwe=89,
    evidence="    return run(request.args['q'])",
    taint_path=(Step("app/view.py", 2, f"password = '{SECRET}'"), Step("app/view.py", 2, "run")),
    fingerprint="e" * 32 + ":1",
    new=False,
)
LEAK = Finding(
    rule="hardcoded-secret",
    file="app/a b.py",
    line=5,
    message=f'password = "{SECRET}" stands in the code',
    issue_type="security",
    severity="high",
    confidence="medium",
    cwe=798,
    evidence=f'    password = "{SECRET}"',
    fingerprint="d" * 32 + ":1",
    new=True,
)


def report(*, compared: bool = True) -> Report:
    text = FILES["app/a b.py"]
    after = text.replace("auth=password", "auth=password, timeout=10")
    diff = unified("app/a b.py", text, after)
    proposal = Proposal(
        "app/a b.py", "auth=password", "auth=password, timeout=10", "timeout", "It waits for ever."
    )
    analysis = Analysis(
        "files",
        (INJECTION, LEAK, TIMEOUT),
        skipped=(Skipped(".env", "secret_file", "keeps secrets"),),
        tools=(ToolRun("ruff", "0.14", "ok", 0.1, 2), ToolRun("zizmor", "", "absent")),
        files=2,
        lines=8,
    )
    items = shown(
        analysis.findings,
        FILES,
        Mask(),
        {
            TIMEOUT.fingerprint: Proposed(proposal, Verdict(True, diff=diff, after=after)),
            LEAK.fingerprint: Proposed(proposal, Verdict(False, "still_found", "it is")),
        },
    )
    return Report(analysis, tuple(items), ("old",), compared=compared, version="0.1.0")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("compared", [True, False])
def test_no_form_shows_a_secret(form: str, *, compared: bool) -> None:
    """What the mask knows is in no report: not in lines, messages, ways or repairs."""
    text = write(report(compared=compared), form)
    assert SECRET not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("compared", [True, False])
def test_sarif_fits_its_schema(*, compared: bool) -> None:
    """The SARIF document has all keys that the standard requires, and none it does not know."""
    document = json.loads(write(report(compared=compared), "sarif"))
    jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(
        document
    )
    [run] = document["runs"]
    states = [result.get("baselineState") for result in run["results"]]
    assert states == (["unchanged", "new", "new"] if compared else [None] * 3)
    [fixed] = [result for result in run["results"] if "fixes" in result]
    [change] = fixed["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "app/a%20b.py"
    assert change["replacements"][0]["deletedRegion"]["startLine"] == 6
    assert [len(result.get("codeFlows", [])) for result in run["results"]] == [1, 0, 0]
    severities = {
        rule["id"]: rule["properties"].get("security-severity")
        for rule in run["tool"]["driver"]["rules"]
    }
    assert severities == {
        "sql-injection": "9.5",
        "hardcoded-secret": "8.0",
        "http-without-timeout": None,
    }


def test_the_fix_of_a_sarif_file_is_the_repair() -> None:
    """Applied as SARIF says it, a fix gives the file that passed the gate."""
    document = json.loads(write(report(), "sarif"))
    [result] = [item for item in document["runs"][0]["results"] if "fixes" in item]
    [replacement] = result["fixes"][0]["artifactChanges"][0]["replacements"]
    region = replacement["deletedRegion"]
    lines = FILES["app/a b.py"].split("\n")
    new = replacement["insertedContent"]["text"].rstrip("\n").split("\n")
    lines[region["startLine"] - 1 : region["endLine"] - 1] = new
    assert "\n".join(lines) == FILES["app/a b.py"].replace("password)", "password, timeout=10)")


def test_json_lines_are_findings() -> None:
    """Each line is one finding, with file, line, weakness and rule at least."""
    lines = [json.loads(line) for line in write(report(), "jsonl").splitlines()]
    assert [(line["file"], line["line"], line["cwe"], line["rule"]) for line in lines] == [
        ("app/view.py", 2, 89, "sql-injection"),
        ("app/a b.py", 5, 798, "hardcoded-secret"),
        ("app/a b.py", 6, 400, "http-without-timeout"),
    ]


def test_github_shows_what_is_new_as_one_line_each() -> None:
    """Annotations escape what GitHub's commands are made of, and are silent about the old."""
    text = write(report(), "github")
    assert text.count("\n") == 2
    assert "sql-injection" not in text
    assert (
        "::warning file=app/a b.py,line=6,endLine=6,title=http-without-timeout::No timeout:"
        in (text)
    )
    assert "50 %25 of it, two lines%0Aand a comma, too" in text


def test_reviewdog_gets_suggestions() -> None:
    """Reviewdog's form carries severity, rule and the repair as a range and its text."""
    document: dict[str, Any] = json.loads(write(report(), "rdjson"))
    assert [item["severity"] for item in document["diagnostics"]] == ["ERROR", "WARNING"]
    [suggestion] = document["diagnostics"][1]["suggestions"]
    assert suggestion["range"]["start"] == {"line": 6, "column": 1}
    assert "timeout=10" in suggestion["text"]


def test_text_says_what_counts_and_what_was_left_out() -> None:
    """The text tells new findings, repairs, skipped files with the reason, and a summary."""
    text = write(report(), "text")
    assert "app/a b.py:6: medium http-without-timeout CWE-400 (high)" in text
    assert "+    return requests.get(url, auth=password, timeout=10)" in text
    assert ".env: secret_file: keeps secrets" in text
    assert "2 new findings: 1 high, 1 medium (1 known ones not shown), 1 gone in 2 files" in text


def test_severities_are_ordered() -> None:
    """A limit lets through what is less bad; never lets all through."""
    assert at_least("critical", "high")
    assert at_least("high", "high")
    assert not at_least("medium", "high")
    assert not at_least("critical", "never")


def test_a_message_stays_readable_where_its_words_are_somebodys_password() -> None:
    """Our own words and names of files are never masked; what comes from the code is."""
    files = {"fitness/a.py": 'password = "fitness/a.py"\nsecret_token = "signature9"\n'}
    unchecked = replace(INJECTION, rule="signature-unchecked", file="fitness/a.py",
                        message=RULES["signature-unchecked"].message)  # fmt: skip
    told = "fitness/a.py has no signature9: the import fails at start"
    missing = replace(unchecked, rule="import-of-missing-name", message=told)
    mask = Mask()
    mask.learn('password = "signature"\n', "b.py")
    messages = [item.message for item in shown([unchecked, missing], files, mask)]
    assert messages[0] == "A signature is not checked"
    assert messages[1].startswith("fitness/a.py has no ")
    assert "signature9" not in messages[1]


def test_a_patch_keeps_the_name_of_its_file() -> None:
    """A name that looks drawn by chance stays: without it the patch applies to nothing."""
    path = "app/hash_md5_token.py"
    before = "import random\n\n\ndef token():\n    return random.random()\n"
    after = before.replace("random.random()", "1")
    finding = replace(TIMEOUT, file=path, line=5)
    proposal = Proposal(path, "    return random.random()", "    return 1", "rule", "why")
    proposed = {finding.fingerprint: Proposed(proposal, Verdict(True, after=after))}
    [item] = shown([finding], {path: before}, Mask(), proposed)
    assert item.diff.startswith(f"--- a/{path}\n+++ b/{path}\n@@ ")
