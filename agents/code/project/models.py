"""Rules about SQLAlchemy models: attributes that are not there, names that collide, columns."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.code.model import Finding
from agents.code.modules import Module, Place, Project
from agents.code.project.found import called, found, keyword, name_of, text_of

_MONEY = re.compile(r"price|amount|cost|total_due|balance|fee\b|_fee|salary|payment|revenue|"
                    r"invoice_total|tax\b|discount_amount", re.IGNORECASE)  # fmt: skip
_KNOWN = frozenset({
    "query", "metadata", "registry", "id", "c", "columns", "mro", "as_dict", "to_dict",
    "query_class", "session",
})  # fmt: skip


@dataclass(slots=True)
class Model:
    """A mapped class. attributes: its own and inherited names; whole: all of them are known."""

    place: Place
    table: str
    attributes: set[str] = field(default_factory=set)
    whole: bool = True
    relations: list[tuple[str, str, str, ast.Call]] = field(default_factory=list)
    """Name, target class, backref, call."""


def read_models(project: Project) -> dict[str, Model]:
    """Class name -> model, for class names that only one model has."""
    classes: dict[str, list[Place]] = defaultdict(list)
    for module in project.modules:
        for place in module.places.values():
            if isinstance(place.node, ast.ClassDef):
                classes[place.node.name].append(place)
    models: dict[str, Model] = {}
    based = any(_BASED.search(module.text) for module in project.modules)
    related: list[tuple[str, str]] = []
    for name, places in classes.items():
        mapped = [_model(place, classes) for place in places if _mapped(place, classes)]
        if len(places) == 1 and mapped:
            models[name] = mapped[0]
        # Two classes of one name are told apart by nobody here; what they add to others is there.
        related += [(target, back) for one in mapped for _, target, back, _ in one.relations]
    for target, backref in related:
        if backref and target in models:
            models[target].attributes.add(backref)
    for model in models.values():
        # What a base class of the project's own gives each model cannot be told.
        model.whole = model.whole and not based
    return models


_BASED = re.compile(r"\bmodel_class\s*=|\b(?:declarative_base|automap_base)\([^)\n]*\bcls\s*=")
"""The base of all models is made of a class of the project's own."""


def _mapped(place: Place, classes: dict[str, list[Place]], depth: int = 4) -> bool:
    node = place.node
    assert isinstance(node, ast.ClassDef)
    for base in node.bases:
        name = name_of(base)
        if name in {"db.Model", "Base", "DeclarativeBase"} or name.endswith(".Model"):
            return any(called(c) in {"Column", "mapped_column"} for c in ast.walk(node)
                       if isinstance(c, ast.Call))  # fmt: skip
        parents = classes.get(name, [])
        near = depth and len(parents) == 1 and parents[0] is not place
        if near and _mapped(parents[0], classes, depth - 1):
            return True
    return False


def _model(place: Place, classes: dict[str, list[Place]], depth: int = 4) -> Model:
    node = place.node
    assert isinstance(node, ast.ClassDef)
    model = Model(place, node.name.lower())
    for item in node.body:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(item, ast.Assign):
            targets, value = item.targets, item.value
        elif isinstance(item, ast.AnnAssign):
            targets, value = [item.target], item.value
        elif isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            model.attributes.add(item.name)
            if item.name in {"__getattr__", "__getattribute__"}:
                model.whole = False
        for target in targets:
            if isinstance(target, ast.Name):
                model.attributes.add(target.id)
                if target.id == "__tablename__" and (text := text_of(value)):
                    model.table = text
                if isinstance(value, ast.Call) and called(value) in {"relationship", "relation"}:
                    _relation(model, target.id, value)
    for inner in ast.walk(node):
        if not (isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)):
            continue
        if name_of(inner.value) == "self":
            model.attributes.add(inner.attr)
    for base in node.bases:
        name = name_of(base)
        parents = classes.get(name, [])
        if len(parents) == 1 and depth and parents[0] is not place:
            above = _model(parents[0], classes, depth - 1)
            model.attributes |= above.attributes
            model.whole = model.whole and above.whole
        elif not (name.endswith(("Model", "Base", "DeclarativeBase")) or name in _MIXINS):
            model.whole = False
    if "UserMixin" in [name_of(base).split(".")[-1] for base in node.bases]:
        model.attributes |= {"is_authenticated", "is_active", "is_anonymous", "get_id"}
    return model


_MIXINS = frozenset({"UserMixin", "flask_login.UserMixin", "object", "Generic"})


def _relation(model: Model, name: str, call: ast.Call) -> None:
    target = text_of(call.args[0]) if call.args else None
    if target is None and call.args:
        target = name_of(call.args[0])
    backref = keyword(call, "backref")
    back = text_of(backref)
    if isinstance(backref, ast.Call) and backref.args:
        back = text_of(backref.args[0])
    model.relations.append((name, (target or "").split(".")[-1], back or "", call))


def rules(project: Project) -> Iterator[Finding]:
    """Every rule of this module."""
    models = read_models(project)
    yield from _collisions(models)
    for model in models.values():
        yield from _columns(model)
    for module in project.modules:
        yield from _missing(project, module, models)


def _collisions(models: dict[str, Model]) -> Iterator[Finding]:
    taken: dict[tuple[str, str], str] = {}
    for name, model in models.items():
        for relation, target, backref, call in model.relations:
            if not backref:
                continue
            key = (target, backref)
            message = ""
            if key in taken:
                message = f"{taken[key]} and {name}.{relation} both set {target}.{backref}"
            elif target in models and backref in _own(models[target]):
                message = f"{name}.{relation} sets {target}.{backref}, which {target} defines too"
            taken.setdefault(key, f"{name}.{relation}")
            if message:
                text = f"{message}: mapping fails at the first query"
                yield found(model.place.module, call, "backref-collision", text, "bug", "high")


def _own(model: Model) -> set[str]:
    node = model.place.node
    return {
        target.id
        for item in getattr(node, "body", [])
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def _columns(model: Model) -> Iterator[Finding]:
    node = model.place.node
    assert isinstance(node, ast.ClassDef)
    module = model.place.module
    indexed = _indexed(node)
    for item in node.body:
        if not isinstance(item, ast.Assign | ast.AnnAssign):
            continue
        value = item.value
        target = item.targets[0] if isinstance(item, ast.Assign) else item.target
        if not (isinstance(value, ast.Call) and isinstance(target, ast.Name)):
            continue
        if called(value) not in {"Column", "mapped_column"}:
            continue
        names = [called(arg) if isinstance(arg, ast.Call) else name_of(arg).split(".")[-1]
                 for arg in value.args]  # fmt: skip
        flags = {k.arg for k in value.keywords if not (
            isinstance(k.value, ast.Constant) and k.value.value in {False, None})}  # fmt: skip
        keyed = flags & {"index", "primary_key", "unique"} or target.id in indexed
        if "ForeignKey" in names and not keyed:
            message = (
                f"{target.id} has no index: every lookup and every delete on the other side"
                " reads the whole table"
            )
            yield found(module, item, "foreign-key-without-index", message, "performance", "low")
        if "Float" in names and _MONEY.search(target.id):
            message = f"{target.id} is kept as a float, which loses cents; use Numeric(10, 2)"
            yield found(module, item, "money-as-float", message, "bug", "medium", "medium")


def _indexed(node: ast.ClassDef) -> set[str]:
    """Columns that lead an index or constraint of the table's arguments."""
    found_names: set[str] = set()
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        name = called(call)
        texts = [text_of(arg) or name_of(arg) for arg in call.args]
        if name == "Index" and len(texts) > 1:
            found_names.add(texts[1])
        elif name in {"UniqueConstraint", "PrimaryKeyConstraint"} and texts:
            found_names.add(texts[0])
    return found_names


def _missing(project: Project, module: Module, models: dict[str, Model]) -> Iterator[Finding]:
    """``Client.surname`` where the model has no such attribute."""
    names = {name for name, model in models.items() if _means(project, module, name, model)}
    if not names:
        return
    probed = {
        id(inner)
        for node in module.nodes
        if isinstance(node, ast.Try) or (isinstance(node, ast.Call) and called(node) in {
            "hasattr", "getattr"})
        for inner in ast.walk(node)
    } if "AttributeError" in module.text or "hasattr" in module.text else set()  # fmt: skip
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            model = models.get(node.value.id) if node.value.id in names else None
            if model is None or id(node) in probed or isinstance(node.ctx, ast.Store):
                continue
            if not _has(model, node.attr):
                yield _absent(module, node, node.value.id, node.attr)
        elif isinstance(node, ast.Call):
            yield from _keywords(module, node, models, names)


def _means(project: Project, module: Module, name: str, model: Model) -> bool:
    """Whether a name in a file is this model's: ``httpx`` has a Client too."""
    if name in module.imports:
        return project.find(module.imports[name]) is model.place
    return module.places.get(name) is model.place


def _keywords(
    module: Module, node: ast.Call, models: dict[str, Model], names: set[str]
) -> Iterator[Finding]:
    """``Client(surname=…)`` and ``Client.query.filter_by(surname=…)``."""
    owner = ""
    if isinstance(node.func, ast.Name) and node.func.id in names:
        model = models[node.func.id]
        if "__init__" not in model.attributes:
            owner = node.func.id
    elif called(node) == "filter_by" and isinstance(node.func, ast.Attribute):
        text = name_of(node.func.value)
        first = text.split(".")[0]
        if first in names and text == f"{first}.query":
            owner = first
    if not owner:
        return
    for item in node.keywords:
        if item.arg is not None and not _has(models[owner], item.arg):
            yield _absent(module, item.value, owner, item.arg)


def _has(model: Model, name: str) -> bool:
    return not model.whole or name in model.attributes or name in _KNOWN or name.startswith("__")


def _absent(module: Module, node: ast.AST, owner: str, name: str) -> Finding:
    message = f"The model {owner} has no {name}: this line fails when it runs"
    return found(module, node, "model-attribute-missing", message, "bug", "high", "medium")
