"""Pages of docs/ that are made from the code; ``python -m tests.kit.documents`` writes them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.base import BaseAgent
from agents.catalog import AGENTS
from agents.prompt import PromptAgent
from tests.daemon.provider_faults import FAULTS, Fault

DOCS = Path(__file__).resolve().parents[2] / "docs"
MADE = "<!-- Made from {source} by `python -m tests.kit.documents`; a test keeps it current. -->"

FAULTS_HEAD = """\
# When the provider fails

What each fault of a model provider leads to. The tests execute this table against a local server
that fails in these ways (`tests/daemon/test_llm_faults.py`), for the three wishes a request may
have in `on_unavailable`, and compare budgets with the ledger after each.

- **degrade**: the agent goes on without the model; the request's `mode` is `degraded`, and
  `degraded_reason` is the word in this column. "answer" means that the model's answer was used.
- **wait**: "snooze" puts the request back into the queue, without a slot and without using up an
  attempt, until the provider said it may be asked again (Retry-After, or the breaker's end). What
  was bought before is replayed then, not paid for again. Where waiting would not help, the
  request goes on as with degrade.
- **fail**: the request fails with this `error.code`.

Before any of these, the models of `LLM_FALLBACK_MODELS` are asked in their order; each attempt is
a line of its own in `ai_llm_calls`. *Calls* lists the lines that the fault leaves there. Money
that may or may not have been billed (`uncertain`) is counted against the budgets and reported
apart from what was confirmed; a provider that could not be reached was sent nothing, and costs
nothing. *Breaker* says what is left alone, by all daemons, for a while: the
model, or the provider as a whole; see `ai_provider_state`.

Waits of up to 5 seconds happen in place. Five failures of a model in a row, whatever they are,
open its breaker too, for a time that doubles until a single probe succeeds.
"""

PRIVACY_HEAD = """\
# What a model provider gets to know

An agent's question consists of fixed instructions and of the data listed here, nothing else. The
tests run each agent over the sample gym with a server that records every call, and compare what
was sent with this list, path by path; they look for every name, e-mail address and phone number
of the gym in it too.

Data travels as JSON between markers that it cannot contain, after the instructions, which say that
nothing in it is an instruction. Every request says `store: false`: the provider is asked not to
keep it.

What is kept here: `ai_llm_calls.prompt` and `.response` hold what was sent and answered, for
audit and replay, until the request goes (90 days after its end; 30 if it was cancelled or
expired); the bill alone stays longer. With `LOG_PROMPTS=false` only a hash and the counts are
kept; answers stay until the request is finished, since a crash in between must not buy them twice,
and are then erased. Logs, metrics and errors never hold prompts, answers or inputs.

`python -m daemon forget 7`, or `SELECT ai_forget_client(7)`, erases what these tables hold of a
client, in one call: see the [runbook](runbook.md#delete-a-clients-data). It finds him by
`client_id` or `client_ids` anywhere in a question or an answer, and by `client:7` in
`requested_by`, `fair_key` and `given_by`. Who is named only in free text, in code or in the name
of a schedule is found by nobody.

Agents without a table below ask no model.
"""

ANSWERS_HEAD = """\
# What agents take and answer

For each task type: what may stand in `input_data`, and what comes back as `ai_results.result`,
which the API calls `results` and `output_data`. `GET /api/agents/{id}` has the same as JSON
Schema, for programs and for the agents that an admin has added.

- Of an input only what is called needed must be there. Null, an empty text, list or object mean
  "not given": the main app's tables say it then, or a default. Unknown fields are dropped, and
  named in `data_warnings`. An id may be a text of digits, a list of texts a single text.
- `status` is `ok`, or says why there is less than was asked for; of `health_check` it says how
  things are. The request is `completed` either way.
- A moment with a zone is that moment; one without is read on the gym's clock (`timezone` of the
  request, else `GYM_TIME_ZONE`). A date alone as `as_of` means its end. In answers `start` is wall
  time of the `timezone` beside it, and `start_utc` the same in UTC.
- An item's `id`, such as `412-1`, is what feedback is given for.
- New fields may come with any release: skip those that you do not know.
"""


def provider_faults() -> str:
    """docs/provider-faults.md."""
    rows = [_fault(fault) for fault in FAULTS]
    head = ("Fault", "What happens", "degrade", "wait", "fail", "Calls", "Breaker")
    made = MADE.format(source="tests/daemon/provider_faults.py")
    return f"{FAULTS_HEAD}\n{made}\n\n{table(head, rows)}"


def _fault(fault: Fault) -> tuple[str, ...]:
    model, provider = fault.breaker
    breaker = "provider" if provider == "open" else "model" if model == "open" else ""
    return (
        fault.name,
        fault.says,
        fault.reason or "answer",
        fault.waits if fault.waits == "snooze" else fault.reason or "answer",
        fault.fails or "answer",
        ", ".join(f"{status} ({cost})" for status, cost in fault.ledger),
        breaker,
    )


def privacy() -> str:
    """docs/privacy.md."""
    sections = []
    agents: list[type[BaseAgent[Any, Any]]] = [*catalogued(), PromptAgent]
    for agent in agents:
        if agent.sends:
            rows = [(f"`{path}`", why) for path, why in agent.sends.items()]
            sends = table(("Data", "Why"), rows)
            sections.append(f"## {agent.name} (`{agent.type}`)\n\n{sends}")
    made = MADE.format(source="the agents' `sends`")
    return "\n".join([PRIVACY_HEAD, made, "", "\n".join(sections)])


def answers() -> str:
    """docs/answers.md."""
    sections = []
    shared: dict[str, str] = {}
    for agent in catalogued():
        takes = agent.Input.model_json_schema()
        gives = agent.Output.model_json_schema(mode="serialization")
        objects = _objects(gives)
        shared |= {
            name: objects.pop(name) for name in ("Provenance", "LlmUsed") if name in objects
        }
        parts = [
            f"## {agent.name} (`{agent.type}`)",
            agent.description,
            "### It takes",
            _prose(takes["description"]),
            "\n".join([*_fields(takes, given=True), *_objects(takes, given=True).values()]),
            "### It answers",
            _prose(gives["description"]),
            "\n".join([*_fields(gives), *objects.values()]),
        ]
        sections.append("\n\n".join(parts))
    sections.append("## In every answer\n\n" + "\n".join(shared.values()))
    made = MADE.format(source="the agents' models")
    return "\n".join([ANSWERS_HEAD, made, "", "\n\n".join(sections), ""])


def _objects(schema: Mapping[str, Any], *, given: bool = False) -> dict[str, str]:
    """A line for each kind of object that a schema names."""
    found = {}
    for name, part in schema.get("$defs", {}).items():
        if "properties" in part:
            fields = "; ".join(line.removeprefix("- ") for line in _fields(part, given=given))
            found[name] = f"- **{name}**: {_prose(part.get('description', ''))} {fields}."
    return found


def _fields(schema: Mapping[str, Any], *, given: bool = False) -> list[str]:
    """A line for each field. given: of an input, where null goes without saying, and what is
    needed does not."""
    lines, untyped = [], []
    for name, part in schema["properties"].items():
        kind = _kind(part)
        if not kind:
            untyped.append(f"`{name}`")
            continue
        if given:
            kind = kind.removesuffix(", or null")
            kind += ", needed" if name in schema.get("required", ()) else ""
        about = _prose(str(part.get("description", "")))
        lines.append(f"- `{name}`: {kind}" + (f". {about}" if about else ""))
    return [*lines, f"- {', '.join(untyped)}"] if untyped else lines


def _prose(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _kind(part: Mapping[str, Any]) -> str:
    """A JSON Schema's type in words, such as ``list of text, or null``; '' for any."""
    if "anyOf" in part:
        kinds = list(dict.fromkeys(map(_kind, part["anyOf"])))
        several = " or ".join(kind for kind in kinds if kind != "null")
        return several + (", or null" if "null" in kinds else "")
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    if "enum" in part or "const" in part:
        return " / ".join(f"`{word}`" for word in part.get("enum", [part.get("const")]))
    match part.get("type"):
        case "array":
            return f"list of {_kind(part.get('items', {}))}"
        case "object":
            inner = part.get("additionalProperties")
            return f"object of {_kind(inner)}" if isinstance(inner, dict) and inner else "object"
        case "string":
            return {"date": "date", "date-time": "moment"}.get(part.get("format", ""), "text")
        case "integer" | "number" as kind:
            low, high = part.get("minimum"), part.get("maximum")
            size = f", {low:g} to {high:g}" if low is not None and high is not None else ""
            return ("whole number" if kind == "integer" else "number") + size
        case "boolean":
            return "true or false"
        case other:
            return str(other or "")


def catalogued() -> list[type[BaseAgent[Any, Any]]]:
    """Every agent's class."""
    classes = []
    for target in AGENTS.values():
        module, _, name = target.partition(":")
        classes.append(getattr(importlib.import_module(module), name))
    return classes


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; a cell may hold anything but a line break."""
    lines = [head, tuple("---" for _ in head), *rows]
    escaped = (tuple(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


PAGES: Mapping[str, Callable[[], str]] = {
    "answers.md": answers,
    "provider-faults.md": provider_faults,
    "privacy.md": privacy,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
