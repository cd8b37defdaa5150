"""Puts sources, flows, sinks, checks and settings together to whole files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from tests.eval.code_cases.checks import CHECKS, Check
from tests.eval.code_cases.flows import FLOWS, SOURCES
from tests.eval.code_cases.programs import WHOLE
from tests.eval.code_cases.settings import SETTINGS, Setting
from tests.eval.code_cases.sinks import SINKS, Sink

HEAD = (
    "from flask import Flask, render_template, request\n{imports}\n\napp = Flask(__name__)\n\n\n"
)
ROUTE = '@app.route("/{name}", methods=["GET", "POST"])\ndef {name}():\n{body}\n'


@dataclass(frozen=True, slots=True)
class Case:
    """A file and what is known of it: does it hold a weakness of that family."""

    name: str
    family: str
    cwe: int
    unsafe: bool
    text: str
    helper: str = ""
    """Another file of the case, which the first one imports."""
    batch: int = 1
    """1: templates; 2: whole small programs, written later."""


def cases() -> list[Case]:
    """All cases, in a fixed order; as many safe as unsafe."""
    found = [*_flowing(), *_checked(), *_set(), *_whole()]
    assert len({case.name for case in found}) == len(found), "two cases of one name"
    return found


def _file(name: str, imports: str, body: str) -> str:
    route = ROUTE.format(name=name, body=textwrap.indent(body, "    "))
    return HEAD.format(imports=imports.strip()) + route


def _flowing() -> Iterator[Case]:
    """Each flow meets sinks in turn, each sink sources in turn."""
    sources = list(SOURCES.values())
    number = 0
    for turn, (flow, (bad, good)) in enumerate(FLOWS.items()):
        for step in range(6):
            sink = SINKS[(turn * 5 + step * 7) % len(SINKS)]
            source = sources[(turn + step) % len(sources)]
            number += 1
            for unsafe, way in ((True, bad), (False, good)):
                yield _flow(number, flow, source, sink, way, unsafe)


def _flow(number: int, flow: str, source: str, sink: Sink, way: str, unsafe: bool) -> Case:
    name = f"{sink.family}_{flow}_{number}_{'bad' if unsafe else 'good'}"
    body = f"{source}\n{way}\n{sink.body}\n{sink.answer}"
    text = _file(name, sink.imports, body)
    return Case(name, sink.family, sink.cwe, unsafe, text)


def _checked() -> Iterator[Case]:
    for check in CHECKS:
        for unsafe in (True, False):
            yield _pair(check, unsafe, 'param = request.args.get("item", "")\n')


def _set() -> Iterator[Case]:
    for setting in SETTINGS:
        for unsafe in (True, False):
            yield _pair(setting, unsafe, 'param = request.args.get("item", "")\n')


def _pair(pair: Check | Setting, unsafe: bool, source: str) -> Case:
    name = f"{pair.family}_{pair.name}_{'bad' if unsafe else 'good'}".replace(" ", "_")
    name = name.replace("-", "_")
    body = source + (pair.unsafe if unsafe else pair.safe)
    if not body.rstrip().split("\n")[-1].startswith("return"):
        body += '\nreturn "done"'
    return Case(name, pair.family, pair.cwe, unsafe, _file(name, pair.imports, body))


def _whole() -> Iterator[Case]:
    for whole in WHOLE:
        for unsafe in (True, False):
            name = f"{whole.family}_{whole.name}_{'bad' if unsafe else 'good'}_whole"
            put = whole.unsafe if unsafe else whole.safe
            text = whole.text.replace("@@", put).replace("HELPER", f"views.{name}_helper")
            helper = whole.helper.replace("@@", put)
            yield Case(name, whole.family, whole.cwe, unsafe, text, helper, 2)
