"""What the answers of all agents have in common."""

from __future__ import annotations

import pkgutil

import pytest

from agents.catalog import AGENTS


@pytest.mark.parametrize("task_type", AGENTS)
def test_every_answer_names_what_it_ignored_and_who_worded_it(task_type: str) -> None:
    """A result has room for the input's unknown keys, and says whether a model is in its words."""
    schema = pkgutil.resolve_name(AGENTS[task_type]).Output.model_json_schema()
    assert schema["properties"]["data_warnings"]["type"] == "array"
    provenance = schema["$defs"][schema["properties"]["provenance"]["$ref"].split("/")[-1]]
    assert "llm" in provenance["properties"]
