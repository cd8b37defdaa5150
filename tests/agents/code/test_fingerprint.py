"""A finding keeps its name for life."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.code.analyse import analyse
from agents.code.fingerprint import fingerprinted
from agents.code.model import Finding
from agents.code.modules import read_project
from agents.code.taint import engine

SHELL = """@app.route('/a{n}')
def view{n}():
    name = request.args['q']
    os.system('ls ' + name)
    return name
"""
QUERY = """@app.route('/b{n}')
def other{n}():
    cur.execute('SELECT ' + request.args['c'])
    return 'ok'
"""
PARTS = [SHELL, QUERY]
HEAD = "from flask import Flask, request\nimport os\napp = Flask(__name__)\n"
NEUTRAL = ("\n", "# a comment\n", "def quiet{n}(x):\n    return x + {n}\n\n", "LIMIT{n} = {n}\n")


def named(text: str) -> dict[str, tuple[str, str]]:
    """Fingerprint -> rule and function of the data flows in a file."""
    project, failed = read_project({"api/views.py": text})
    assert not failed
    found = fingerprinted(engine.judge(project).findings)
    return {item.fingerprint: (item.rule, item.scope) for item in found}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_ten_revisions_keep_the_names_of_unchanged_findings(seed: int) -> None:
    """Code that grows, shrinks and moves around a finding leaves its fingerprint alone."""
    chance = random.Random(seed)
    blocks = [part.format(n=n) for n in range(3) for part in PARTS]
    first = named(HEAD + "".join(blocks))
    assert len(first) == len(set(first.values())) == 9
    for revision in range(10):
        extra = chance.choice(NEUTRAL).format(n=revision + 10)
        blocks.insert(chance.randrange(len(blocks) + 1), extra)
        if chance.random() < 0.3:
            views = [block for block in blocks if block.startswith("@")]
            others = [block for block in blocks if not block.startswith("@")]
            chance.shuffle(views)
            blocks = others[:1] + views + others[1:]
        assert named(HEAD + "".join(blocks)) == first


def test_a_changed_line_is_another_finding_and_white_space_is_no_change() -> None:
    """The name follows the line's text, its indentation and blanks evened out."""
    text = HEAD + PARTS[0].format(n=1)
    spaced = text.replace("os.system('ls ' + name)", "os.system('ls '  +  name)")
    assert set(named(spaced)) == set(named(text))
    changed = text.replace("'ls '", "'cat '")
    assert len(set(named(changed)) & set(named(text))) == 1


def test_equal_lines_of_one_function_are_counted_from_the_top() -> None:
    """The same line twice gives two names, and the first keeps its own when another is added."""

    def finding(line: int) -> Finding:
        return Finding("r", "a.py", line, "m", "bug", "low", "high", evidence="  x = 1", scope="f")

    [one] = fingerprinted([finding(5)])
    two, three = fingerprinted([finding(9), finding(4)])
    assert three.fingerprint == one.fingerprint
    assert two.fingerprint != one.fingerprint
    assert two.fingerprint.split(":")[0] == one.fingerprint.split(":")[0]


def test_all_fingerprints_of_an_analysis_differ() -> None:
    """No two findings of one analysis share a name."""
    text = HEAD + "".join(PARTS[0].format(n=1) for _ in range(3))
    answer = analyse({"a.py": text, "b.py": text}, kind="files")
    names = [item.fingerprint for item in answer.findings]
    assert len(names) == len(set(names)) >= 4
