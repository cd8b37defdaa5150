"""The gate: what really mends a finding passes, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from agents.code.analyse import analyse
from agents.code.gate import Proposal, Refused, apply, judge, patched, unified
from agents.code.gate.patch import git_takes, with_imports
from agents.code.model import Analysis, Finding
from tests.kit.planted_patches import BAD, GOOD, LINE, PROJECT, VIEWS


class Memory(dict[str, str]):
    """The analysis' cache, kept for all tests of this file."""

    def put(self, key: str, value: str) -> None:
        self[key] = value


MEMORY = Memory()


def scan(files: Mapping[str, str]) -> Analysis:
    return analyse(files, kind="files", cache=MEMORY)


@cache
def before() -> Analysis:
    return scan(PROJECT)


def finding(rule: str = "sql-injection") -> Finding:
    [found] = [item for item in before().findings if item.rule == rule]
    return found


@pytest.mark.parametrize("name", BAD)
def test_no_bad_patch_passes(name: str) -> None:
    """A patch that breaks, hides or pretends is refused, for the reason it deserves."""
    bad = BAD[name]
    verdict = judge(bad.proposal(), finding(), PROJECT, before(), scan)
    assert not verdict.accepted
    assert verdict.reason in bad.reasons, (verdict.reason, verdict.detail)
    assert (verdict.diff, verdict.after) == ("", "")


def test_there_are_enough_of_them() -> None:
    """At least forty bad patches are planted, and together they meet most reasons."""
    assert len(BAD) >= 40
    assert len({reason for bad in BAD.values() for reason in bad.reasons}) >= 20


def test_a_true_repair_passes() -> None:
    """A parameterised query mends the injection; the diff applies and holds nothing else."""
    verdict = judge(Proposal(VIEWS, LINE, GOOD, "model"), finding(), PROJECT, before(), scan)
    assert verdict.accepted, (verdict.reason, verdict.detail)
    assert apply(PROJECT[VIEWS], verdict.diff) == PROJECT[VIEWS].replace(LINE, GOOD)
    assert git_takes(VIEWS, PROJECT[VIEWS], verdict.diff) is not False
    changed = [line for line in verdict.diff.splitlines() if line[:1] in "+-"]
    assert changed == [f"--- a/{VIEWS}", f"+++ b/{VIEWS}", f"-{LINE[:-1]}", f"+{GOOD[:-1]}"]


def test_a_repair_may_take_a_new_name_and_a_known_import() -> None:
    """What a good repair needs is no reason to refuse it: a variable, an import, more lines."""
    [old] = [line for line in PROJECT[VIEWS].splitlines(keepends=True) if "shell=True" in line]
    new = (
        '    if not re.fullmatch(r"[a-z0-9.]+", host):\n        abort(400)\n'
        '    command = ["ping", "-c", "1", host]\n'
        "    done = subprocess.run(command, capture_output=True, check=False)\n"
    )
    proposal = Proposal(VIEWS, old, new, "model", "", ("import re",))
    verdict = judge(proposal, finding("command-injection"), PROJECT, before(), scan)
    assert verdict.accepted, (verdict.reason, verdict.detail)
    assert verdict.after.startswith("import logging\nimport subprocess\n")
    assert "\nimport re\n" in verdict.after


def test_the_projects_tests_have_the_last_word() -> None:
    """A repair that the project's own tests refuse does not pass."""
    verdict = judge(
        Proposal(VIEWS, LINE, GOOD, "model"),
        finding(),
        PROJECT,
        before(),
        scan,
        lambda path, text: f"1 failed in {path}" if "?" in text else None,
    )
    assert (verdict.accepted, verdict.reason) == (False, "tests_failed")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("", "a\n"),
        ("a\n", ""),
        ("a", "b"),
        ("\n".join(map(str, range(60))), "\n".join(map(str, [*range(9), "x", *range(11, 59)]))),
    ],
)
def test_diffs_apply_exactly(old: str, new: str) -> None:
    """Applied to its base a diff gives the new text to the last newline; git agrees."""
    diff = unified("a.py", old, new)
    assert apply(old, diff) == new
    assert git_takes("a.py", old, diff) is not False


def test_diffs_apply_to_their_base_alone() -> None:
    """On another text a diff is refused, not bent."""
    diff = unified("a.py", "a\nb\nc\n", "a\nB\nc\n")
    with pytest.raises(Refused, match="does_not_apply"):
        apply("a\nx\nc\n", diff)


def test_imports_go_where_imports_are() -> None:
    """A new import stands below the last one of the first block, also after a docstring."""
    text = '"""Doc."""\n\nfrom __future__ import annotations\n\nimport os\n\nx = os\n'
    proposal = Proposal("a.py", "x = os", "x = re", "f", "", ("import re",), ("os",))
    assert patched(text, proposal) == (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport re\n\nx = re\n'
    )


def test_an_import_that_is_there_among_others_is_not_made_again() -> None:
    """`import os, logging` has logging; a second import of it would be a finding of its own."""
    text = "import os, logging\nfrom a import b, c\n\nprint(os, logging, b, c)\n"
    assert with_imports(text, ("import logging", "from a import c")) == text
    more = with_imports(text, ("import secrets", "from a import d"))
    assert more.split("\n")[2:4] == ["import secrets", "from a import d"]


def test_a_new_import_stands_below_a_files_header() -> None:
    """`__author__` and its like stay above the imports."""
    text = '__author__ = "Ann"\n__license__ = "MIT"\nfrom __future__ import annotations\nx = 1\n'
    lines = with_imports(text, ("import re",)).split("\n")
    assert lines[:4] == [*text.split("\n")[:3], "import re"]
