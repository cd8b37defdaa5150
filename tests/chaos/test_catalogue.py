"""The catalogue of faults tells the truth."""

from __future__ import annotations

import ast

from tests.chaos.catalogue import CHAPTERS, DOCUMENT, ROOT, write

TESTS = sorted({test for _, faults in CHAPTERS for fault in faults for test in fault.tests})


def test_named_tests_exist() -> None:
    """Every test that the catalogue names is there, with a promise of its own."""
    missing = []
    for test in TESTS:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text())
        found = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        ]
        if not found or not ast.get_docstring(found[0]):
            missing.append(test)
    assert missing == []


def test_document_is_current() -> None:
    """docs/faults.md is what the catalogue writes."""
    assert DOCUMENT.read_text() == write(), "run: python -m tests.chaos.catalogue"
