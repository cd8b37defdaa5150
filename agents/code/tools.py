"""Other people's analyzers, run as subprocesses over a copy of the files.

Each gets an empty environment, a temporary folder of its own, a time limit and a memory limit; it
sees the files as text and none of them is run. A tool that fails, hangs or is absent is reported
and costs the analysis nothing else. Comments that silence a tool (``noqa``, ``pragma``) are
ignored: what is analysed has no say in the analysis.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from agents.code.model import Finding, Skipped, ToolRun
from agents.code.taint.sinks.stored import SECRET_NAME, harmless
from agents.code.tool_rules import RUFF_SELECT, ruff_meaning

SECONDS = 60
MOST_BYTES = 2_000_000_000
"""Of address space; what a tool takes beyond it fails inside the tool."""
MOST_OUTPUT_BYTES = 50_000_000


class ToolFailed(Exception):
    """A tool that gave no answer; the text says why."""


@dataclass(slots=True)
class ToolAnswer:
    """What a tool said, by file. A file without findings has an empty list."""

    run: ToolRun
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def installed(name: str) -> Path | None:
    """A program beside this interpreter, or None."""
    program = Path(sys.executable).parent / name
    return program if program.is_file() else None


@cache
def version(package: str) -> str:
    """An installed package's version, "" where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def execute(
    command: Sequence[str | Path],
    folder: Path,
    *,
    codes: Sequence[int] = (0, 1),
    seconds: float = SECONDS,
) -> str:
    """A program's output. codes: exit codes that mean an answer. Raises ToolFailed."""
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={"HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolFailed(f"cannot be started: {error.strerror}") from error
    with process:
        _limit(process.pid)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise ToolFailed(f"gave no answer within {seconds:g} s") from error
    if process.returncode not in codes:
        told = err.decode("utf-8", "replace").strip().splitlines()
        raise ToolFailed(f"ended with {process.returncode}: {(told or ['no message'])[-1][:200]}")
    if len(out) > MOST_OUTPUT_BYTES:
        raise ToolFailed(f"said {len(out)} bytes; {MOST_OUTPUT_BYTES} at most are read")
    return out.decode("utf-8", "replace")


def _limit(pid: int) -> None:
    if hasattr(resource, "prlimit"):  # Linux; elsewhere the time limit alone holds
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def laid_out(files: Mapping[str, str], folder: Path) -> None:
    """Write the files below a folder. Raises ToolFailed for a name that would leave it."""
    for name, text in files.items():
        path = Path(os.path.normpath(folder / name))
        if not path.is_relative_to(folder):
            raise ToolFailed(f"was not asked: {name[:200]!r} is outside the project")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="\n")


def ruff(files: Mapping[str, str], folder: Path) -> tuple[list[Finding], list[Skipped]]:
    """ruff's findings in Python files laid out below a folder."""
    program = installed("ruff")
    if program is None:
        raise ToolFailed("is not installed")
    out = execute(
        [program, "check", "--isolated", "--no-cache", "--exit-zero", "--ignore-noqa", "--quiet",
         "--no-respect-gitignore", "--select", RUFF_SELECT, "--target-version", "py314",
         "--output-format", "json", "."],
        folder,
    )  # fmt: skip
    found = []
    for item in json.loads(out or "[]"):
        name = PurePosixPath(item["filename"]).relative_to(folder.resolve().as_posix()).as_posix()
        code = item.get("code") or "E999"
        meaning = ruff_meaning("E999" if code == "invalid-syntax" else code)
        line = int(item["location"]["row"])
        if code == "F821" and _foreign(item["message"], files.get(name, ""), line):
            continue
        found.append(
            Finding(
                rule=meaning.rule,
                file=name,
                line=line,
                end_line=int(item["end_location"]["row"]),
                column=int(item["location"]["column"]),
                message=item["message"],
                issue_type=meaning.issue_type,
                severity=meaning.severity,
                confidence="medium" if meaning.issue_type == "security" else "high",
                cwe=meaning.cwe,
                sources=("ruff",),
                aliases=(code,) if code != meaning.rule else (),
                evidence=_line(files.get(name, ""), line),
            )
        )
    return found, []


_OLD_NAMES = frozenset({"basestring", "cmp", "file", "get_ipython", "intern", "long", "raw_input",
                        "reload", "reduce", "unichr", "unicode", "xrange"})  # fmt: skip
_FORKS = re.compile(r"sys\.version_info|\bPY[23]\b|\bNameError\b")


def _foreign(message: str, text: str, line: int) -> bool:
    """Whether an undefined name is no name, or is one where its line runs.

    A word of ``Literal["rb"]`` is a text, also where Literal comes from a module that ruff does
    not know; a file that asks which Python it runs on may use the names of Python 2.
    """
    name = message.partition("`")[2].partition("`")[0]
    quoted = re.search(rf"""\bLiteral\[[^\]]*["']{re.escape(name)}["']""", _line(text, line))
    return quoted is not None or (name in _OLD_NAMES and _FORKS.search(text) is not None)


def detect_secrets(files: Mapping[str, str], folder: Path) -> tuple[list[Finding], list[Skipped]]:
    """Secrets that detect-secrets sees. The folder is named as its root, else it says nothing."""
    program = installed("detect-secrets")
    if program is None:
        raise ToolFailed("is not installed")
    numbers = {name: rows for name, text in files.items() if (rows := _telling(text))}
    if not numbers:
        return [], []
    picked = {
        name: "\n".join(files[name].split("\n")[row - 1] for row in rows)
        for name, rows in numbers.items()
    }
    # No name is safe from a folder of the same name in what is analysed.
    root = Path(tempfile.mkdtemp(dir=folder))
    laid_out(picked, root)
    command: list[str | Path] = [
        program, "-C", root, "scan", "--all-files", "--no-verify",
        "--disable-filter", "detect_secrets.filters.allowlist.is_line_allowlisted", ".",
    ]  # fmt: skip
    answer: dict[str, Any] = json.loads(execute(command, root))
    found = []
    for name, items in answer["results"].items():
        for item in items:
            line = numbers[PurePosixPath(name).as_posix()][int(item["line_number"]) - 1]
            kind = item["type"]
            if not plausible(kind, _line(files.get(name, ""), line)):
                continue
            found.append(
                Finding(
                    rule="hardcoded-secret",
                    file=PurePosixPath(name).as_posix(),
                    line=line,
                    end_line=line,
                    message=f"A secret stands in the code ({kind})",
                    issue_type="security",
                    severity="high",
                    confidence="low" if "Entropy" in kind else "medium",
                    cwe=798,
                    sources=("detect-secrets",),
                    aliases=(kind,),
                    evidence=_line(files.get(name, ""), line),
                )
            )
    return found, []


_TELLING = re.compile(
    r"pass|pwd|secret|token|api_?key|access_?key|private|credential|auth|://[^/\s'\"]*:|"
    r"AKIA|['\"][^'\"\s]{20,}['\"]|[A-Za-z0-9+/=_-]{32,}|-----BEGIN",
    re.IGNORECASE,
)


_EXAMPLE = re.compile(
    r"://[^:/@\s]*:(?:pass(?:word|wd)?|secret|pw|changeme|postgres|root|admin|user|test|example|tiger|"
    r"x+|\*+|\$?\{[^}]*\}|<[^>]*>|%\(?\w*\)?s?|\.\.\.)@",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"""(?<![\w.-])([\w.-]+)["']?\]?\s*(?::\s*\w+\s*)?(?:=>|[:=]=?|!=)\s*[urb]*["']([^"'\n]+)["']"""
    r"""|^\s*(?:-\s+)?([\w.-]+)\s*[:=]\s*([^\s"'#]+)\s*(?:#.*)?$"""
)
"""A name and what it is set to or compared with: a literal, or all else of a setting's line."""


_DIGEST = re.compile(r"(?:revision|commit|sha\d*|md5|digest|checksum|hash|integrity|version|etag|"
                     r"down_revision|fingerprint)\w*[\"']?\]?\s*[:=]|\bsha\d{3}-|alphabet|ABCDEFGH",
                     re.IGNORECASE)  # fmt: skip
"""Runs that look drawn by chance and are told to everybody."""


def plausible(kind: str, line: str) -> bool:
    """Whether a line holds more than an example: ``user:password@host`` is nobody's secret."""
    if kind == "Basic Auth Credentials":
        return _EXAMPLE.search(line) is None
    if kind == "Secret Keyword":
        pairs = [(a or c, b or d) for a, b, c, d in _BESIDE.findall(line)]
        return any(
            SECRET_NAME.search(re.sub(r"[.-]", "_", name)) and len(text) >= 4
            and not harmless(name, text)
            for name, text in pairs
        )  # fmt: skip
    if "Entropy" in kind:
        return _DIGEST.search(line) is None
    return True


def _telling(text: str) -> list[int]:
    """The lines that may hold a secret, from 1; detect-secrets is too slow to see all."""
    return [row for row, line in enumerate(text.split("\n"), 1) if _TELLING.search(line)]


def zizmor(files: Mapping[str, str], folder: Path) -> tuple[list[Finding], list[Skipped]]:
    """What is unsafe in GitHub workflows."""
    program = installed("zizmor")
    if program is None:
        raise ToolFailed("is not installed")
    out = execute(
        [program, "--offline", "--no-progress", "--no-config", "--no-exit-codes",
         "--format", "json", "."],
        folder,
    )  # fmt: skip
    found = []
    for item in json.loads(out or "[]"):
        place = next(
            (x for x in item["locations"] if x["symbolic"].get("kind") == "Primary"),
            item["locations"][0],
        )
        name = PurePosixPath(_local(place["symbolic"]["key"])).as_posix().removeprefix("./")
        line = int(place["concrete"]["location"]["start_point"]["row"]) + 1
        level = str(item["determinations"]["severity"]).lower()
        found.append(
            Finding(
                rule=f"workflow-{item['ident']}",
                file=name,
                line=line,
                end_line=line,
                message=item["desc"],
                issue_type="security",
                severity="high" if level == "high" else "medium" if level == "medium" else "low",
                confidence="medium",
                sources=("zizmor",),
                evidence=_line(files.get(name, ""), line),
            )
        )
    return found, []


def _local(key: Mapping[str, Any]) -> str:
    local = key.get("Local") or {}
    return str(local.get("given_path") or local.get("verbatim_path") or "")


def _line(text: str, line: int) -> str:
    lines = text.split("\n")
    return lines[line - 1] if 0 < line <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and the files it is for. needed: its absence is a fault, not a choice."""

    name: str
    package: str
    wants: Callable[[str], bool]
    call: Callable[[Mapping[str, str], Path], tuple[list[Finding], list[Skipped]]]
    needed: bool = True


def _python(name: str) -> bool:
    return name.endswith((".py", ".pyw"))


def _workflow(name: str) -> bool:
    return name.startswith(".github/") and name.endswith((".yml", ".yaml"))


def _text(name: str) -> bool:
    return not name.endswith("package-lock.json")


TOOLS: tuple[Tool, ...] = (
    Tool("ruff", "ruff", _python, ruff),
    Tool("detect-secrets", "detect-secrets", _text, detect_secrets),
    Tool("zizmor", "zizmor", _workflow, zizmor, needed=False),
)


def run(tool: Tool, files: Mapping[str, str]) -> ToolAnswer:
    """One tool over the files it is for; never raises for what goes wrong inside the tool."""
    mine = {name: text for name, text in files.items() if tool.wants(name)}
    if not mine:
        return ToolAnswer(ToolRun(tool.name, version(tool.package), "not_needed"))
    if installed(tool.name) is None:
        told = ToolRun(tool.name, "", "absent", detail="is not installed")
        lost = [Skipped("", "tool_absent", f"{tool.name} is not installed")] if tool.needed else []
        return ToolAnswer(told, skipped=lost)
    begun = time.monotonic()
    answer = ToolAnswer(ToolRun(tool.name, version(tool.package), "ok"))
    try:
        with tempfile.TemporaryDirectory(prefix="code-") as name:
            folder = Path(name).resolve()
            laid_out(mine, folder)
            found, answer.skipped = tool.call(mine, folder)
    except (ToolFailed, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        detail = str(error) if isinstance(error, ToolFailed) else f"unreadable answer: {error!r}"
        answer.run = replace(answer.run, status="failed", detail=detail[:300])
        answer.skipped.append(Skipped("", "tool_failed", f"{tool.name} {detail[:300]}"))
        return answer
    answer.findings = {name: [] for name in mine}
    for finding in found:
        answer.findings.setdefault(finding.file, []).append(finding)
    spent = round(time.monotonic() - begun, 3)
    answer.run = replace(answer.run, seconds=spent, findings=len(found))
    return answer
