"""Reads Python's tracebacks: chains, groups, notes, carets, repeated lines, syntax errors.

The shapes are those of Python 3.8 to 3.14. A group's members stand behind borders of bars; what
stands inside one is read as a traceback of its own.
"""

from __future__ import annotations

import re
from dataclasses import replace

from agents.code.traceback.frames import Frame, Problem, Relation, Trace

_START = re.compile(r"(?:^|\s|: ?)(?:Exception Group )?Traceback \(most recent call last\):\s*$")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+?))?$')
_REPEATED = re.compile(r"\[Previous line repeated (\d+) more times?\]")
_MARKERS = re.compile(r"^[\s~^|]*[~^][\s~^]*$")
_CHAIN = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*(?:\[[\w., ]+\])?)(?::\s?(?P<message>.*))?$")
_MEMBER = re.compile(r"^\s*\|?\s*\+-\+?-+ (?:\d+|\.\.\.) -+\s*$")
_BORDER = re.compile(r"^\s*(?:\| ?)?\+-*\+?-+\s*$")
_BAR = re.compile(r"^\s*[|+] ?")
_REQUEST = re.compile(r"Exception on (?P<path>\S+) \[(?P<method>[A-Z]+)\]")
_LOG_LINE = re.compile(
    r"^(?:\[?\d{4}-\d\d-\d\d|(?:INFO|ERROR|WARNING|DEBUG|CRITICAL)\b|\d+\.\d+\.\d+\.\d+ - -)"
)
_TRAILER = re.compile(r"^\s*(?:\[SQL:|\[parameters:|\(Background on this error)")
MOST_MESSAGE = 2_000


def read(lines: list[str]) -> Trace | None:
    """The last traceback in these lines with all it is chained to; None without one."""
    plain, depths = _without_bars(lines)
    problems: list[Problem] = []
    relation: Relation = "first"
    place = 0
    request = ""
    while place < len(plain):
        text = plain[place]
        if found := _REQUEST.search(text):
            request = f"{found['method']} {found['path']}"
        if text.strip() in _CHAIN:
            relation = "cause" if _CHAIN[text.strip()] == "cause" else "context"
        elif _MEMBER.match(lines[place]):
            relation = "member"
        elif _START.search(text) or (_starts_bare(plain, place)):
            start = place + 1 if _START.search(text) else place
            problem, place = _problem(plain, start, depths)
            if problem is not None:
                if relation == "first" and problems:
                    problems.clear()  # a log may hold several; the last one is asked about
                problems.append(replace(problem, relation=relation))
            relation = "first"
            continue
        elif relation == "member" and depths[place] and (found := _EXCEPTION.match(text)):
            # A member that was made and never raised has no frames of its own.
            message, place = _message(plain, place, found["message"] or "", depths[place], depths)
            problems.append(Problem(found["type"], message, relation=relation))
            relation = "first"
            continue
        place += 1
    if not problems:
        return None
    return Trace("python", _raised_first(problems), request)


def _starts_bare(lines: list[str], place: int) -> bool:
    """A frame without its headline, as where somebody pasted the end of a traceback."""
    return _FRAME.match(lines[place]) is not None


def _without_bars(lines: list[str]) -> tuple[list[str], list[int]]:
    """The lines without the bars of groups, and how deep each stood."""
    plain: list[str] = []
    depths: list[int] = []
    grouped = any("Exception Group Traceback" in line for line in lines)
    for line in lines:
        text, depth = line, 0
        if grouped:
            if _MEMBER.match(line) or _BORDER.match(line):
                text = ""
            while (bar := _BAR.match(text)) is not None and depth < 20:
                text = text[bar.end() :]
                depth += 1
        plain.append(text)
        depths.append(depth)
    return plain, depths


def _problem(lines: list[str], place: int, depths: list[int]) -> tuple[Problem | None, int]:
    """The exception whose frames begin at `place`, and the line after it."""
    frames: list[Frame] = []
    depth = depths[place] if place < len(depths) else 0
    while place < len(lines):
        text = lines[place]
        if found := _FRAME.match(text):
            code, place = _code(lines, place + 1)
            function = found["function"] or "<module>"
            frames.append(Frame(found["file"], int(found["line"]), function, code))
        elif repeated := _REPEATED.search(text):
            if frames:
                frames[-1] = replace(frames[-1], repeated=int(repeated[1]))
            place += 1
        elif not text.strip() or (text[:1].isspace() and frames and not _EXCEPTION.match(text)):
            place += 1
            if place < len(lines) and not text.strip() and depths[place] < depth:
                break
        elif found := _EXCEPTION.match(text):
            message, place = _message(lines, place, found["message"] or "", depth, depths)
            return Problem(found["type"], message, tuple(frames)), place
        else:
            break
    # Cut off before its last line: the place is still worth knowing.
    return (Problem("Exception", "", tuple(frames)) if frames else None), max(place, 1)


def _code(lines: list[str], place: int) -> tuple[str, int]:
    """The source text of a frame; it may fill several lines, with markers below."""
    found: list[str] = []
    while place < len(lines):
        text = lines[place]
        if _MARKERS.match(text):
            place += 1
            continue
        if not text[:1].isspace() or _FRAME.match(text) or _REPEATED.search(text):
            break
        if not text.strip():
            break
        found.append(text.strip())
        place += 1
    return (found[0] if found else ""), place


def _message(
    lines: list[str], place: int, first: str, depth: int, depths: list[int]
) -> tuple[str, int]:
    """A message with its further lines and notes, up to what cannot belong to it."""
    message = [first]
    place += 1
    while place < len(lines):
        text = lines[place]
        blank = not text.strip()
        if text.strip() in _CHAIN or _START.search(text) or _LOG_LINE.match(text):
            break
        if depths[place] < depth or (blank and depth):
            break
        if blank and not _goes_on(lines, place):
            break
        if not _TRAILER.match(text):
            message.append(text)
        place += 1
    return "\n".join(message).strip()[:MOST_MESSAGE], place


def _goes_on(lines: list[str], place: int) -> bool:
    """Whether a message with an empty line inside continues: only SQLAlchemy's do."""
    following = next((text for text in lines[place:] if text.strip()), "")
    return _TRAILER.match(following) is not None


def _raised_first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Members of a group were raised before the group that holds them."""
    members = [problem for problem in problems if problem.relation == "member"]
    if not members:
        return tuple(problems)
    others = [problem for problem in problems if problem.relation != "member"]
    return (*members, *others)
