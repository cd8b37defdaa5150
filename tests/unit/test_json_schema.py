"""Schemas written by admins: enforced, or refused with the path of what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agents.json_schema import Closed, SchemaProblem, model_of

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^[a-z]+$"},
        "class": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
        "schema": {"enum": ["a", "b", None, 3]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "on": {"type": "string", "format": "date"},
        "inner": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
        "either": {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 7}]},
        "size": {"type": "integer", "default": 4, "description": "a size"},
    },
    "required": ["name", "tags"],
}
GOOD: dict[str, Any] = {"name": "ann", "tags": ["t"]}


def model(schema: Any) -> Any:
    return model_of(schema, "input_schema", Closed, "Test")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"class": 5, "schema": None, "on": "2026-11-25", "inner": {"x": 1.5}},
        {"either": True, "size": 9},
        {"either": 8, "class": None},
    ],
)
def test_what_fits_is_kept_under_its_own_names(more: dict[str, Any]) -> None:
    """Names that Python reserves are taken too, and come back as they went in."""
    value = model(PERSON).model_validate(GOOD | more)
    assert value.model_dump(mode="json", exclude_unset=True) == GOOD | more
    assert value.model_dump(mode="json")["size"] == more.get("size", 4)


@pytest.mark.parametrize(
    ("wrong", "loc"),
    [
        ({"name": ""}, ("name",)),
        ({"name": "Ann"}, ("name",)),
        ({"class": 6}, ("class", "constrained-int")),
        ({"schema": "c"}, ("schema",)),
        ({"tags": []}, ("tags",)),
        ({"tags": ["a", "b", "c"]}, ("tags",)),
        ({"on": "tomorrow"}, ("on",)),
        ({"inner": {}}, ("inner", "x")),
        ({"inner": {"x": 1, "y": 2}}, ("inner", "y")),
        ({"stranger": 1}, ("stranger",)),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any], loc: tuple[str, ...]) -> None:
    """Each keyword is enforced, and the problem names the field as the schema does."""
    with pytest.raises(ValidationError) as refused:
        model(PERSON).model_validate(GOOD | wrong)
    assert refused.value.errors()[0]["loc"][0] == loc[0]


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ({"type": "strin"}, "input_schema.properties.a.type is 'strin'"),
        ({}, "input_schema.properties.a.type is missing"),
        (3, "input_schema.properties.a is no object"),
        ({"type": "string", "oneOf": []}, "input_schema.properties.a: $ref, oneOf and allOf"),
        ({"type": "string", "minimum": 1}, "input_schema.properties.a.minimum is not understood"),
        ({"$ref": "#/$defs/x"}, "use anyOf"),
        ({"type": "string", "pattern": "("}, "input_schema.properties.a.pattern cannot be used"),
        ({"type": "string", "format": "email"}, "input_schema.properties.a.format is 'email'"),
        ({"type": "string", "minLength": "3"}, "which is no limit"),
        (
            {"type": "string", "format": "date", "maxLength": 10},
            "input_schema.properties.a.maxLength beside format is not understood",
        ),
        ({"type": "integer", "default": "x"}, "input_schema.properties.a.default"),
        ({"type": "array"}, "input_schema.properties.a.items.type is missing"),
        ({"enum": []}, "input_schema.properties.a.enum is no list"),
        ({"enum": [1.5]}, "input_schema.properties.a.enum is no list"),
        ({"enum": list(range(501))}, "input_schema.properties.a.enum has 501 values, expected at"),
        ({"anyOf": []}, "input_schema.properties.a.anyOf is no list"),
        ({"type": "object", "additionalProperties": True}, "objects are closed"),
        ({"type": "object", "required": ["b"]}, "required is no list of names in properties"),
        ({"type": "object", "properties": []}, "properties is no object"),
    ],
)
def test_what_is_not_understood_is_named(node: Any, says: str) -> None:
    """A schema is never half enforced: whatever is not understood is refused with its path."""
    with pytest.raises(SchemaProblem) as problem:
        model({"properties": {"a": node}})
    assert says in str(problem.value)


def test_what_can_only_be_null_may_be_left_out() -> None:
    """A property of type null is as good as any other."""
    nothing = model({"properties": {"a": {"type": "null"}}})
    assert nothing.model_validate({}) == nothing.model_validate({"a": None})


def test_a_schema_of_something_else_is_refused() -> None:
    """Inputs and answers are objects."""
    with pytest.raises(SchemaProblem, match='expected "object"'):
        model({"type": "array", "items": {"type": "string"}})


def test_a_monstrous_schema_is_refused() -> None:
    """Depth and size are limited, so that no row can occupy a daemon."""
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    wide = {f"p{n}": {"type": "string"} for n in range(400)}
    for properties in ({"a": deep}, wide):
        with pytest.raises(SchemaProblem, match="too large"):
            model({"properties": properties})
