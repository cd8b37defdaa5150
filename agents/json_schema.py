"""From a JSON Schema that an admin wrote to a Pydantic model, for agents that consist of a row.

A model, so that such an agent goes the same way as every other: inputs are refused with sentences
that name the field, answers are mended where they can be, and the provider gets a strict schema.

What is understood is listed in ``KEYWORDS``; anything else is refused by name rather than
ignored. Objects are closed: a key that no property names is no part of the answer. Patterns are
those of Pydantic's engine, which takes linear time whatever the text.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

Json = Any

MOST_NODES, DEEPEST = 300, 10
MOST_VALUES = 500
"""Of one `enum`. Providers take few more: OpenAI's strict schemas 1,000 in all."""
ANYWHERE = frozenset({"type", "title", "description", "default", "examples", "enum", "const"})
KEYWORDS: Mapping[str, Mapping[str, str]] = {
    "string": {
        "minLength": "min_length",
        "maxLength": "max_length",
        "pattern": "pattern",
        "format": "",
    },
    "integer": {
        "minimum": "ge",
        "maximum": "le",
        "exclusiveMinimum": "gt",
        "exclusiveMaximum": "lt",
        "multipleOf": "multiple_of",
    },
    "number": {
        "minimum": "ge",
        "maximum": "le",
        "exclusiveMinimum": "gt",
        "exclusiveMaximum": "lt",
        "multipleOf": "multiple_of",
    },
    "array": {"items": "", "minItems": "min_length", "maxItems": "max_length"},
    "object": {"properties": "", "required": "", "additionalProperties": "", "$schema": ""},
    "boolean": {},
    "null": {},
}
"""By type: each JSON Schema keyword and Pydantic's name for it."""
TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": None,
}
FORMATS: Mapping[str, Any] = {"date": date, "date-time": datetime}
LIMITS: Mapping[str, type | tuple[type, ...]] = {
    "min_length": int,
    "max_length": int,
    "pattern": str,
    "ge": (int, float),
    "le": (int, float),
    "gt": (int, float),
    "lt": (int, float),
    "multiple_of": (int, float),
}


class SchemaProblem(ValueError):
    """A schema cannot be used. The message begins with the path of what is wrong."""


def model_of(
    schema: Mapping[str, Json], where: str, base: type[BaseModel], name: str
) -> type[BaseModel]:
    """The model of an object's schema. where: how messages call the schema. Raises SchemaProblem.

    base: what the model inherits, its configuration included.
    """
    if schema.get("type", "object") != "object":
        raise SchemaProblem(f'{where}.type is {_shown(schema["type"])}; expected "object"')
    return _Reader(base).model(schema, where, name, DEEPEST)


class Closed(BaseModel):
    """What objects inside are made of."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)


class _Reader:
    def __init__(self, base: type[BaseModel]) -> None:
        self._base = base
        self._nodes = 0

    def model(
        self, schema: Mapping[str, Json], where: str, name: str, depth: int
    ) -> type[BaseModel]:
        self._known(schema, "object", where)
        if schema.get("additionalProperties", False) is not False:
            raise SchemaProblem(
                f"{where}.additionalProperties: objects are closed; name the properties"
            )
        properties = schema.get("properties", {})
        if not isinstance(properties, Mapping):
            raise SchemaProblem(f"{where}.properties is no object")
        required = schema.get("required", [])
        if not isinstance(required, list) or not set(map(str, required)) <= properties.keys():
            raise SchemaProblem(f"{where}.required is no list of names in properties")
        fields: dict[str, Any] = {}
        for number, (key, node) in enumerate(properties.items()):
            path = f"{where}.properties.{key}"
            annotation = self.annotation(node, path, f"{name}_{number}", depth - 1)
            options: dict[str, Any] = {"description": node.get("description")}
            attribute = key
            if not _is_free(key):
                attribute, options["alias"] = f"field_{number}", key
            if key not in required:
                options["default"] = node.get("default")
                if options["default"] is None:
                    annotation = Union[annotation, None]  # noqa: UP007 - it may be None itself
            fields[attribute] = (annotation, Field(**options))
        base = self._base if depth == DEEPEST else Closed
        try:
            return create_model(name, __base__=base, **fields)
        except (SchemaError, PydanticUserError, TypeError, NameError) as error:
            raise SchemaProblem(f"{where} cannot be used: {str(error).splitlines()[0]}") from None

    def annotation(self, node: Json, where: str, name: str, depth: int) -> Any:
        """The type that a node describes."""
        self._nodes += 1
        if self._nodes > MOST_NODES or depth <= 0:
            raise SchemaProblem(
                f"{where}: the schema is too large (at most {MOST_NODES} nodes, {DEEPEST} deep)"
            )
        if not isinstance(node, Mapping):
            raise SchemaProblem(f"{where} is no object")
        found = self._annotation(node, where, name, depth)
        if "default" in node:
            _check_default(found, node["default"], where)
        return found

    def _annotation(self, node: Mapping[str, Json], where: str, name: str, depth: int) -> Any:
        if "enum" in node or "const" in node:
            return _literal(node, where)
        if "anyOf" in node:
            if extra := node.keys() - ANYWHERE - {"anyOf"}:
                raise SchemaProblem(f"{where}: {min(extra)} beside anyOf is not understood")
            options = node["anyOf"]
            if not isinstance(options, list) or not options:
                raise SchemaProblem(f"{where}.anyOf is no list of schemas")
            found = [
                self.annotation(option, f"{where}.anyOf.{n}", f"{name}_{n}", depth - 1)
                for n, option in enumerate(options)
            ]
            return Union[tuple(found)]  # noqa: UP007 - built at run time
        kinds = node.get("type")
        if isinstance(kinds, list) and kinds:
            found = [
                self._single({**node, "type": kind}, str(kind), where, name, depth)
                if kind != "null"
                else None
                for kind in kinds
            ]
            return Union[tuple(found)]  # noqa: UP007 - built at run time
        if "$ref" in node or "oneOf" in node or "allOf" in node:
            raise SchemaProblem(f"{where}: $ref, oneOf and allOf are not understood; use anyOf")
        if not isinstance(kinds, str):
            raise SchemaProblem(f"{where}.type is missing; one of: {', '.join(KEYWORDS)}")
        return self._single(node, kinds, where, name, depth)

    def _single(
        self, node: Mapping[str, Json], kind: str, where: str, name: str, depth: int
    ) -> Any:
        if kind not in KEYWORDS:
            raise SchemaProblem(
                f"{where}.type is {_shown(kind)}; expected one of: {', '.join(KEYWORDS)}"
            )
        if kind == "object":
            return self.model(node, where, name, depth)
        self._known(node, kind, where)
        if kind == "array":
            item = self.annotation(
                node.get("items", {}), f"{where}.items", f"{name}_item", depth - 1
            )
            inner: Any = list[item]  # type: ignore[valid-type]
        elif "format" in node:
            if node["format"] not in FORMATS:
                known = ", ".join(FORMATS)
                raise SchemaProblem(
                    f"{where}.format is {_shown(node['format'])}; expected {known}"
                )
            if beside := node.keys() & {"minLength", "maxLength", "pattern"}:
                # A date is no text any more by the time that these would be looked at.
                raise SchemaProblem(f"{where}.{min(beside)} beside format is not understood")
            inner = FORMATS[node["format"]]
        else:
            inner = TYPES[kind]
        limits = _limits(node, kind, where)
        return Annotated[inner, Field(**limits)] if limits else inner

    def _known(self, node: Mapping[str, Json], kind: str, where: str) -> None:
        if strange := node.keys() - ANYWHERE - KEYWORDS[kind].keys():
            known = ", ".join([*KEYWORDS[kind], *sorted(ANYWHERE)])
            raise SchemaProblem(
                f"{where}.{min(strange)} is not understood; for {kind} there are: {known}"
            )


def _limits(node: Mapping[str, Json], kind: str, where: str) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for word, ours in KEYWORDS[kind].items():
        if not ours or word not in node:
            continue
        value = node[word]
        if isinstance(value, bool) or not isinstance(value, LIMITS[ours]):
            raise SchemaProblem(f"{where}.{word} is {_shown(value)}, which is no limit")
        if isinstance(value, str):
            _check_pattern(value, where)
        limits[ours] = value
    return limits


def _check_pattern(pattern: str, where: str) -> None:
    try:
        TypeAdapter(Annotated[str, Field(pattern=pattern)])
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise SchemaProblem(f"{where}.pattern cannot be used: {reason}") from None


def _literal(node: Mapping[str, Json], where: str) -> Any:
    values = node["enum"] if "enum" in node else [node["const"]]
    if (
        not isinstance(values, list)
        or not values
        or any(not isinstance(value, str | int | None) for value in values)
    ):
        raise SchemaProblem(
            f"{where}.enum is no list of texts, whole numbers, true, false or null"
        )
    if len(values) > MOST_VALUES:
        raise SchemaProblem(
            f"{where}.enum has {len(values)} values, expected at most {MOST_VALUES}"
        )
    return Literal[tuple(values)]


def _check_default(annotation: Any, value: Json, where: str) -> None:
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise SchemaProblem(f"{where}.default: {message}") from None
    except (SchemaError, PydanticUserError) as error:
        raise SchemaProblem(f"{where} cannot be used: {str(error).splitlines()[0]}") from None


def _is_free(key: str) -> bool:
    """Whether a property's name can be an attribute's."""
    return (
        key.isidentifier()
        and not keyword.iskeyword(key)
        and not key.startswith(("_", "model_", "field_"))
        and not hasattr(BaseModel, key)
    )


def _shown(value: Json) -> str:
    text = repr(value) if not isinstance(value, float) or math.isfinite(value) else "no number"
    return text if len(text) <= 40 else text[:40] + "…"
