"""Where data comes in: views, their routes, and functions that outsiders may call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.code.modules import Module, Place, Project
from agents.code.taint.run import Entry
from agents.code.taint.values import Origin

VERBS = frozenset({"get", "post", "put", "delete", "patch", "head", "options", "websocket"})
ROUTES = VERBS | {"route", "api_route", "errorhandler_"}
CLEAN_CONVERTERS = frozenset({"int", "float", "uuid", "any"})
CLEAN_TYPES = frozenset({"int", "float", "bool", "UUID", "date", "datetime", "Decimal", "Request",
                         "Response", "Session", "AsyncSession", "BackgroundTasks"})  # fmt: skip
LOGIN = re.compile(r"login|auth|require|token|jwt|admin|permission|role|protected|session_user",
                   re.IGNORECASE)  # fmt: skip
_VARIABLE = re.compile(r"<(?:([A-Za-z_]+)(?:\([^)]*\))?:)?([A-Za-z_]\w*)>")
_BRACES = re.compile(r"\{(\w+)(?::(\w+))?\}")
SERVERS = frozenset({
    "django", "aiohttp", "starlette", "fastapi", "sanic", "rest_framework", "tornado", "pyramid",
    "flask", "quart",
})  # fmt: skip
_RESOURCE = frozenset({"Resource", "MethodView", "View", "APIView", "HTTPEndpoint", "ViewSet"})


def paths_of(node: ast.AST) -> list[str]:
    """The rules of a function's route decorators; [""] for one that is not written out."""
    found = []
    for decorator in getattr(node, "decorator_list", []):
        if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
            continue
        if not routes(decorator):
            continue
        first = decorator.args[0] if decorator.args else None
        for keyword in decorator.keywords:
            if keyword.arg in {"rule", "path"} and first is None:
                first = keyword.value
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            found.append(first.value)
        elif decorator.func.attr == "route" or first is not None:
            found.append("<…>")
    return found


def routes(decorator: ast.Call) -> bool:
    """Whether a decorator makes a route; ``@mock.patch("os.remove")`` makes none."""
    func = decorator.func
    if not isinstance(func, ast.Attribute) or func.attr not in ROUTES:
        return False
    if func.attr != "patch":
        return True
    first = decorator.args[0] if decorator.args else None
    text = first.value if isinstance(first, ast.Constant) else None
    dotted = isinstance(text, str) and "." in text and not text.startswith("/")
    owner = func.value.id if isinstance(func.value, ast.Name) else ""
    return not dotted and owner not in {"mock", "mocker"}


def protected(node: ast.AST) -> bool:
    """Whether a decorator asks for a login."""
    for decorator in getattr(node, "decorator_list", []):
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "")
        if name not in ROUTES and LOGIN.search(str(name)):
            return True
    return False


def entries(
    project: Project, module: Module, called: frozenset[tuple[str, str]]
) -> Iterator[Entry]:
    """The entry points of a module, those around others first. called: views that are registered
    elsewhere (``add_url_rule``), as `registered` names them."""
    frameworks = module.frameworks
    fast = bool(frameworks & {"fastapi", "starlette"})
    for place in list(module.places.values()):
        node = place.node
        if isinstance(node, ast.ClassDef):
            continue
        paths = paths_of(node)
        if not paths and (module.file, place.qualified) in called:
            paths = ["<…>"]
        public = not protected(node)
        if not paths and _resource(place) and node.name in VERBS:
            paths = ["<…>"]
            public = public and not protected(place.within.node if place.within else node)
        if _handles_errors(node):
            names = [arg.arg for arg in node.args.args if arg.arg not in {"self", "cls"}]
            yield Entry(place, True, (), tuple((name, "exception") for name in names[:1]))
            continue
        if paths:
            tainted = tuple(_parameters(node, paths, fast))
            yield Entry(place, True, tuple(paths), tainted, "fast" if fast else "flask", public)
            continue
        request = _request_parameter(node) if frameworks & SERVERS else ""
        if request:
            others = _others(node, request) if "django" in frameworks else []
            tainted = ((request, "request"), *((name, "request") for name in others))
            yield Entry(place, True, (), tainted, "request", public)
            continue
        yield Entry(place)
    del project


def _handles_errors(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """``@app.errorhandler(Exception)``, ``(500)``: what is given is the exception itself."""
    for decorator in node.decorator_list:
        if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
            continue
        if decorator.func.attr not in {"errorhandler", "app_errorhandler"}:
            continue
        first = decorator.args[0] if decorator.args else None
        if isinstance(first, ast.Name) and first.id in {"Exception", "BaseException"}:
            return True
        if isinstance(first, ast.Constant) and first.value == 500:
            return True
    return False


def _resource(place: Place) -> bool:
    within = place.within
    if within is None or not isinstance(within.node, ast.ClassDef):
        return False
    names = {
        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        for base in within.node.bases
    }
    return bool(names & _RESOURCE)


def _parameters(
    node: ast.FunctionDef | ast.AsyncFunctionDef, paths: list[str], fast: bool
) -> Iterator[tuple[str, Origin]]:
    clean: set[str] = set()
    named: set[str] = set()
    for path in paths:
        for converter, name in _VARIABLE.findall(path):
            named.add(name)
            if converter in CLEAN_CONVERTERS:
                clean.add(name)
        for name, converter in _BRACES.findall(path):
            named.add(name)
            if converter in CLEAN_CONVERTERS:
                clean.add(name)
    args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    for arg in args:
        if arg.arg in {"self", "cls"} or arg.arg in clean:
            continue
        kind = _annotation(arg.annotation)
        if fast:
            if kind in CLEAN_TYPES or _depends(node, arg):
                continue
            yield (
                arg.arg,
                "json" if kind and kind not in {"str", "Optional", "bytes"} else "request",
            )
        elif arg.arg in named or "<…>" in paths:
            yield arg.arg, "request"


def _annotation(node: ast.expr | None) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        return _annotation(inner)
    if isinstance(node, ast.BinOp):
        return _annotation(node.left)
    return ""


def _depends(node: ast.FunctionDef | ast.AsyncFunctionDef, arg: ast.arg) -> bool:
    args = [*node.args.posonlyargs, *node.args.args]
    defaults: dict[str, ast.expr | None] = {
        a.arg: d
        for a, d in zip(
            args[len(args) - len(node.args.defaults) :], node.args.defaults, strict=True
        )
    }
    defaults |= {
        a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    }
    default = defaults.get(arg.arg)
    func = default.func if isinstance(default, ast.Call) else None
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name in {"Depends", "Security"}


def _request_parameter(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The parameter of a Django, Starlette or aiohttp handler that is the request."""
    args = [arg.arg for arg in node.args.args if arg.arg not in {"self", "cls"}]
    return args[0] if args and args[0] == "request" else ""


def _others(node: ast.FunctionDef | ast.AsyncFunctionDef, request: str) -> list[str]:
    names = []
    for arg in node.args.args:
        clean = _annotation(arg.annotation) in CLEAN_TYPES or arg.arg in {"id", "pk"}
        if arg.arg not in {"self", "cls", request} and not clean and not arg.arg.endswith("_id"):
            names.append(arg.arg)
    return names


def registered(project: Project) -> frozenset[tuple[str, str]]:
    """File and qualified name of the functions given to ``add_url_rule`` and Django's ``path``.

    Only the argument that is the view counts, and only the function that its name leads to:
    ``defaults=data`` makes no view of every function of the project that is called ``data``.
    """
    found: set[tuple[str, str]] = set()
    for module in project.modules:
        if "add_url_rule" not in module.text and "urlpatterns" not in module.text:
            continue
        for node in module.nodes:
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(
                node.func, "id", "")  # fmt: skip
            number, words = _VIEW_ARGUMENTS.get(name, (0, ()))
            given = [k.value for k in node.keywords if k.arg in words]
            if words and len(node.args) > number:
                given.append(node.args[number])
            for value in given:
                found |= set(_led_to(project, module, value))
    return frozenset(found)


_VIEW_ARGUMENTS = {
    "add_url_rule": (2, ("view_func",)),
    **dict.fromkeys(("path", "re_path", "url"), (1, ("view",))),
    "add_route": (1, ("handler", "endpoint")),
}
"""Which argument is the view: its place, and its names."""


def _led_to(project: Project, module: Module, value: ast.expr) -> Iterator[tuple[str, str]]:
    """The functions that a view given by name may be."""
    if isinstance(value, ast.Name):
        place = module.top(value.id) or project.find(module.imports.get(value.id, ""))
        if place is not None:
            yield place.module.file, place.qualified
            return
        for qualified in module.places:  # a function inside the one that registers it
            if qualified.endswith(f".{value.id}"):
                yield module.file, qualified
    elif isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        owner = value.value.id
        place = project.find(f"{module.imports.get(owner, '')}.{value.attr}")
        if place is not None:
            yield place.module.file, place.qualified
        elif owner not in module.imports:  # a method: ``self.index``
            for qualified in module.places:
                if qualified.endswith(f".{value.attr}"):
                    yield module.file, qualified


def suspected(place: Place) -> list[str]:
    """The parameters of a public function that its callers outside may fill with anything."""
    node = place.node
    if isinstance(node, ast.ClassDef) or node.name.startswith("_"):
        return []
    if place.within is not None and not isinstance(place.within.node, ast.ClassDef):
        return []
    args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [
        arg.arg
        for arg in args
        if arg.arg not in {"self", "cls"} and _annotation(arg.annotation) not in CLEAN_TYPES
    ]
