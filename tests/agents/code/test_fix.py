"""Repairs without a model: each applies, removes its finding, and changes nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from agents.code.analyse import analyse
from agents.code.fix import FIXERS, propose
from agents.code.gate import apply, judge, patched
from agents.code.gate.judge import Verdict
from agents.code.model import Analysis, Finding, IssueType
from agents.code.workshop import Memory
from tests.kit.mendable import Case, cases

MEMORY = Memory()
TYPES: frozenset[IssueType] = frozenset({"bug", "security", "performance", "error", "style"})
CASES = {case.name: case for case in cases()}
EACH = 6
"""Every sixth case runs here, each fixer at least once; `make eval` runs them all."""
SAMPLE = sorted(
    {*list(CASES)[::EACH], *{case.rule: name for name, case in CASES.items()}.values()}
)


def scan(files: Mapping[str, str]) -> Analysis:
    return analyse(files, kind="files", cache=MEMORY, types=TYPES)


def mend(case: Case) -> tuple[Finding, Verdict]:
    """The case's finding and the first repair that passed, else the last verdict."""
    before = scan(case.files)
    finding = next(
        found
        for found in before.findings
        if case.rule in {found.rule, *found.aliases} and found.file == case.file
    )
    verdict = Verdict(False, "nothing_proposed")
    for proposal in propose(finding, case.files[case.file]):
        verdict = judge(proposal, finding, case.files, before, scan)
        if verdict.accepted:
            break
    return finding, verdict


@pytest.mark.parametrize("name", SAMPLE)
def test_a_repair_applies_and_removes_its_finding(name: str) -> None:
    """What a rule proposes passes the gate, however the line was written."""
    case = CASES[name]
    finding, verdict = mend(case)
    assert verdict.accepted, (verdict.reason, verdict.detail)
    after = apply(case.files[case.file], verdict.diff)
    left = scan({**case.files, case.file: after}).findings
    assert finding.fingerprint not in {found.fingerprint for found in left}


def test_there_are_enough_cases() -> None:
    """At least eighty findings are mended, by every fixer there is but one for another shape."""
    assert len(CASES) >= 80
    assert set(FIXERS) - {case.rule for case in CASES.values()} <= {
        "cookie-not-httponly",
        "cookie-samesite",
        "hardcoded-secret",
        "xss",
    }


@cache
def repaired(name: str) -> str:
    finding, verdict = mend(CASES[name])
    assert verdict.accepted, (finding.rule, verdict.reason, verdict.detail)
    return verdict.after


def test_a_swallowed_404_passes_through() -> None:
    """HTTP errors are raised again before everything is caught, and the rest stays as it was."""
    after = repaired("swallowed-404-1")
    assert "    except HTTPException:\n        raise\n    except Exception as e:\n" in after
    assert "\nfrom werkzeug.exceptions import HTTPException\n" in after


def test_an_exception_goes_to_the_log_and_not_to_the_client() -> None:
    """The client gets a sentence; the log gets the exception, if it did not get it before."""
    after = repaired("exception-text-to-client-0")
    assert "except Exception:\n        logging.getLogger(__name__).exception(" in after
    assert 'jsonify({"error": "An internal error occurred"}), 500' in after
    assert "str(e)" not in after


def test_a_view_takes_what_its_route_gives() -> None:
    """A parameter is renamed wherever the function uses it."""
    after = repaired("route-parameter-mismatch-0")
    assert "def one(client_id):" in after
    assert "db.session.get(Client, client_id)" in after
    assert "jsonify(id=client_id, name=client.name)" in after


def test_a_secret_has_no_fallback() -> None:
    """Without the variable the program stops instead of running with a known secret."""
    assert 'os.environ["SECRET_KEY"]' in repaired("literal-secret-fallback-2")
    assert "super-secret-value" not in repaired("literal-secret-fallback-2")


def test_predictable_numbers_give_way_to_the_systems() -> None:
    """The same call goes to the system's generator; the import comes along."""
    after = repaired("weak-random-0")
    assert "secrets.SystemRandom().choice(" in after
    assert "\nimport secrets\n" in after


@pytest.mark.parametrize("text", ["def f(:\n", "", "x = 1\n"])
def test_nothing_breaks_on_other_code(text: str) -> None:
    """For a finding that does not fit the file there is no proposal, and no error."""
    for rule in FIXERS:
        finding = Finding(rule, "a.py", 1, "m", "bug", "low", "low", cwe=None, evidence="x")
        assert [one for one in propose(finding, text) if one.replacement_code == ""] == []


@pytest.mark.parametrize(
    ("call", "mended"),
    [
        ("requests.get(url)", "requests.get(url, timeout=10)"),
        ("requests.get(\n    url,\n    json=a,\n)",
         "requests.get(\n    url,\n    json=a,\n    timeout=10,\n)"),
        ("requests.get(url,\n        json=a)", "requests.get(url,\n        json=a, timeout=10)"),
        ("requests.get(\n    url, json=a\n)", "requests.get(\n    url, json=a, timeout=10\n)"),
    ],
)  # fmt: skip
def test_a_new_argument_stands_as_the_others_do(call: str, mended: str) -> None:
    """On a line of its own where each has one, else behind the last."""
    text = f"import requests\n\nurl = a = ''\n{call}\n"
    [finding] = [f for f in scan({"a.py": text}).findings if f.rule == "http-without-timeout"]
    proposal = next(propose(finding, text))
    assert patched(text, proposal) == text.replace(call, mended)
