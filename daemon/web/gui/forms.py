"""Forms from pydantic models, and what was typed back into JSON.

One field per property of the model's JSON Schema: a choice for a boolean or an enumeration, a
number, a line or a text; what has inner structure is typed as JSON. An empty field means "not
given", so that a default stays a default, also after the code changes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from daemon.web.gui.words import cut, title

Json = Any
Kind = Literal["text", "number", "checkbox", "select", "textarea"]
Form = Literal["text", "integer", "number", "boolean", "list", "json", "any"]
LONG_TEXT = 300
YES_NO = (("", "default"), ("true", "yes"), ("false", "no"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field. value: what stands in it, as text; of a checkbox, whether it is ticked.

    form: how its text becomes JSON.
    """

    name: str
    label: str
    kind: Kind
    form: Form = "text"
    value: Any = ""
    hint: str = ""
    error: str = ""
    required: bool = False
    options: Sequence[tuple[str, str]] = ()
    rows: int = 3
    placeholder: str = ""


class Unreadable(ValueError):
    """Something typed cannot be read. fields: name to what is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(next(iter(fields.values()), "nothing can be read"))
        self.fields = dict(fields)


def fields_of(
    model: type[BaseModel],
    values: Mapping[str, Json] | None = None,
    *,
    leave_out: Sequence[str] = (),
) -> list[Field]:
    """The fields of a model, filled with ``values`` where they are given."""
    schema = model.model_json_schema()
    needed = set(schema.get("required", ()))
    return [
        _field(name, part, schema, name in needed, (values or {}).get(name))
        for name, part in schema.get("properties", {}).items()
        if name not in leave_out
    ]


def _field(name: str, part: Json, schema: Json, required: bool, value: Json) -> Field:
    kinds, choices, plain = _look_into(part, schema)
    default = part.get("default")
    hint = str(part.get("description") or "")
    if default not in (None, "", [], {}):
        said = ("no", "yes")[default] if isinstance(default, bool) else _text(default)
        hint = f"{hint} Default: {cut(said, 160)}.".strip()
    base = Field(name, title(name), "text", required=required, hint=hint or _bounds(plain))
    if choices:
        options = [("", "default" if not required else "choose")] + [(c, c) for c in choices]
        return replace(base, kind="select", options=options, value=_text(value))
    match tuple(sorted(kinds)):
        case ("boolean",):
            return replace(
                base,
                kind="select",
                form="boolean",
                options=YES_NO,
                value=json.dumps(value) if isinstance(value, bool) else "",
            )
        case ("integer",) | ("number",) | ("integer", "number"):
            form: Form = "integer" if kinds == {"integer"} else "number"
            return replace(base, kind="number", form=form, value=_text(value))
        case ("number", "string"):  # a decimal: pydantic takes both
            return replace(base, kind="number", form="text", value=_text(value))
        case ("string",) | ("integer", "string"):
            long = plain.get("maxLength", 0) > LONG_TEXT
            return replace(
                base,
                kind="textarea" if long else "text",
                value=_text(value),
                rows=8 if long else 3,
            )
        case ("array",) if _items_are_text(plain, schema):
            lines = ", ".join(map(str, value)) if isinstance(value, list | tuple) else ""
            return replace(
                base, form="list", value=lines, hint=f"{base.hint} Comma-separated.".strip()
            )
    if not kinds or (kinds == {"object"} and not plain.get("type")):
        return replace(
            base, form="any", value=_text(value), hint=f"{base.hint} Text or JSON.".strip()
        )
    return replace(
        base,
        kind="textarea",
        form="json",
        rows=4,
        value="" if value is None else json.dumps(value, ensure_ascii=False, indent=2),
        hint=f"{base.hint} JSON.".strip(),
    )


def _look_into(part: Json, schema: Json) -> tuple[set[str], list[str], Mapping[str, Json]]:
    """Types without null, values of an enumeration, and the part that holds the bounds."""
    kinds: set[str] = set()
    choices: list[str] = []
    plain: Mapping[str, Json] = part
    for given in part.get("anyOf") or part.get("allOf") or [part]:
        option = _resolved(given, schema)
        if option.get("type") == "null":
            continue
        plain = {**plain, **option}
        if "enum" in option or "const" in option:
            choices += [str(c) for c in option.get("enum", [option.get("const")])]
        kinds.add(str(option.get("type", "object")))
    return kinds, choices, plain


def _items_are_text(plain: Mapping[str, Json], schema: Json) -> bool:
    return bool(_resolved(plain.get("items") or {}, schema).get("type") == "string")


def _resolved(part: Json, schema: Json) -> Json:
    """What a reference within the schema leads to; the part itself where it is none."""
    if "$ref" not in part:
        return part
    return schema.get("$defs", {}).get(part["$ref"].rsplit("/", 1)[-1], {})


def _bounds(plain: Mapping[str, Json]) -> str:
    low = plain.get("minimum", plain.get("exclusiveMinimum"))
    high = plain.get("maximum", plain.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f"From {low:g} to {high:g}." if abs(high) < 1e12 else f"From {low:g}."
    return ""


def _text(value: Json) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int | float) else json.dumps(value)


def loads(text: str) -> Json:
    """JSON that somebody typed. Raises ValueError, for too many brackets within brackets too."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read(fields: Sequence[Field], typed: Mapping[str, str]) -> dict[str, Json]:
    """What was typed, as JSON; empty fields are left out. Raises Unreadable."""
    found: dict[str, Json] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        # Browsers end the lines of a text with CR LF, whatever it had.
        text = str(typed.get(field.name, "")).strip().replace("\r\n", "\n")
        if not text:
            continue
        try:
            found[field.name] = _value(field, text)
        except ValueError:
            wanted = {"integer": "a whole number", "number": "a number", "json": "JSON"}
            wrong[field.name] = f"{field.label}: expected {wanted.get(field.form, 'a text')}"
    if wrong:
        raise Unreadable(wrong)
    return found


def _value(field: Field, text: str) -> Json:
    match field.form:
        case "integer":
            return int(text)
        case "number":
            number = float(text)
            return int(number) if number.is_integer() and "." not in text else number
        case "boolean":
            return text == "true"
        case "list":
            return [part.strip() for part in text.split(",") if part.strip()]
        case "json":
            return loads(text)
        case "any":
            try:
                return loads(text)
            except ValueError:
                return text
    return text


def with_typed(
    fields: Sequence[Field], typed: Mapping[str, str], wrong: Mapping[str, str]
) -> list[Field]:
    """The form once more, with what was typed and what is wrong with it."""
    return [
        replace(
            field,
            value=str(typed.get(field.name, field.value)),
            error=wrong.get(field.name, ""),
        )
        for field in fields
    ]
