"""A project's Python files, parsed once: what each imports, defines and where a name leads.

Nothing is imported or run; names are followed through import statements alone. A file that does
not parse has no module here and is reported by the caller.
"""

from __future__ import annotations

import ast
import bisect
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from agents.code.model import Files

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.ClassDef


@dataclass(slots=True, eq=False)
class Place:
    """A function or class and where it is defined."""

    module: Module
    node: Scope
    qualified: str
    within: Place | None = None


@dataclass(eq=False)
class Module:
    """One parsed file. name: dotted, as others would import it."""

    file: str
    name: str
    text: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    """A name in this file -> the dotted name it stands for, at any depth of the file."""
    places: dict[str, Place] = field(default_factory=dict)
    """Qualified name -> function or class."""
    by_node: dict[int, Place] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    """Modules whose names are all imported."""

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines, without their ends."""
        return self.text.split("\n")

    @cached_property
    def frameworks(self) -> frozenset[str]:
        """The first names of all it imports."""
        return frozenset(name.split(".")[0] for name in self.imports.values())

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree, parents before their children."""
        return list(ast.walk(self.tree))

    @cached_property
    def _spans(self) -> list[tuple[int, int, str]]:
        spans = [
            (_first_line(place.node), place.node.end_lineno or place.node.lineno, name)
            for name, place in self.places.items()
        ]
        return sorted(spans)

    def scope_at(self, line: int) -> str:
        """The qualified name of the innermost function or class around a line, or ""."""
        spans = self._spans
        at = bisect.bisect_right(spans, (line, 1 << 60, ""))
        for first, last, name in reversed(spans[:at]):
            if first <= line <= last:
                return name
        return ""

    def text_at(self, line: int) -> str:
        """A line's text; "" outside the file."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def top(self, name: str) -> Place | None:
        """The function or class of that name at the top of the file."""
        return self.places.get(name)


def _first_line(node: Scope) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def dotted(file: str) -> str:
    """``api/goals.py`` -> ``api.goals``; a package's ``__init__.py`` is the package."""
    parts = file.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


_TEST = re.compile(
    r"(?:^|/)(?:tests|__tests__)/|(?:^|/)(?:test_|conftest)[^/]*$|(?:_test\.py|\.(?:test|spec)\.\w+)$"
)


def holds_tests(file: str) -> bool:
    """Whether a file by its name holds tests."""
    return _TEST.search(file) is not None


def parse(text: str) -> ast.Module:
    """The syntax tree. Raises SyntaxError, or ValueError for a text with null bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (RecursionError, MemoryError) as error:
            raise SyntaxError("nested too deeply to be parsed") from error


def read_module(file: str, text: str) -> Module:
    """A parsed file with its imports and definitions. Raises SyntaxError, ValueError."""
    module = Module(file, dotted(file), text, parse(text))
    _index(module, module.tree, "", None)
    return module


def _index(module: Module, node: ast.AST, prefix: str, within: Place | None) -> None:
    stack: list[tuple[ast.AST, str, Place | None]] = [(node, prefix, within)]
    while stack:
        parent, before, outer = stack.pop()
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{before}.{child.name}" if before else child.name
                if name in module.places:
                    name = f"{name}@{child.lineno}" if outer is None else name
                place = Place(module, child, name.split("@")[0], outer)
                module.places[name] = place
                module.by_node[id(child)] = place
                stack.append((child, place.qualified, place))
            elif isinstance(child, ast.Import):
                _note_import(module, child)
            elif isinstance(child, ast.ImportFrom):
                _note_from(module, child)
            elif not isinstance(child, ast.expr):
                stack.append((child, before, outer))


def _note_import(module: Module, node: ast.Import) -> None:
    for alias in node.names:
        if alias.asname:
            module.imports[alias.asname] = alias.name
        else:
            first = alias.name.split(".")[0]
            module.imports[first] = first


def _note_from(module: Module, node: ast.ImportFrom) -> None:
    base = absolute(module, node)
    for alias in node.names:
        if alias.name == "*":
            module.stars.append(base)
        else:
            name = f"{base}.{alias.name}" if base else alias.name
            module.imports[alias.asname or alias.name] = name


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """The dotted module that a ``from … import`` names, its leading dots resolved."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".") if module.name else []
    if not module.file.endswith("__init__.py"):
        parts = parts[:-1]
    parts = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
    return ".".join([*parts, *([node.module] if node.module else [])])


def _rooted(packages: set[str], used: set[str], parts: list[str], start: int) -> bool:
    """Whether a module may be imported without its first folders.

    A backend folder is often the import root: ``backend/api/goals.py`` is ``api.goals``, also
    where somebody left an ``__init__.py`` in it. A folder inside a package that is used by its
    own name is none: ``requests.exceptions`` is not ``app/requests/exceptions.py``. And nothing
    of ours takes the standard library's names.
    """
    if parts[start] in sys.stdlib_module_names:
        return False
    ends = [end for end in range(1, start + 1) if ".".join(parts[:end]) in packages]
    return not ends or (len(parts) - start > 1 and parts[ends[0] - 1] not in used)


def _used(modules: list[Module], packages: set[str]) -> set[str]:
    """The first names of all imports, and the outermost packages that dots lead up to."""
    found: set[str] = set()
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.ImportFrom):
                near = absolute(module, node).removesuffix(f".{node.module}").split(".")
                if ".".join(near[:-1]) not in packages:
                    found.add(near[-1])
    return found


class Project:
    """All modules of one analysis, and the way from a dotted name to a definition."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = modules
        self.by_file = {module.file: module for module in modules}
        self._by_name: dict[str, Module] = {}
        packages = {m.name for m in modules if m.file.endswith("__init__.py")}
        used = _used(modules, packages)
        for module in sorted(modules, key=lambda item: -len(item.name)):
            parts = module.name.split(".")
            for start in range(1, len(parts)):
                if _rooted(packages, used, parts, start):
                    self._by_name[".".join(parts[start:])] = module
        for module in modules:
            self._by_name[module.name] = module

    def module(self, name: str) -> Module | None:
        """The project's module of that dotted name."""
        return self._by_name.get(name)

    def find(self, name: str, depth: int = 4) -> Place | None:
        """The function or class that a dotted name leads to, through re-exports; None outside."""
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = self._by_name.get(".".join(parts[:cut]))
            if module is None:
                continue
            rest = ".".join(parts[cut:])
            if rest in module.places:
                return module.places[rest]
            again = module.imports.get(parts[cut])
            if again and depth and again != name:
                return self.find(".".join([again, *parts[cut + 1 :]]), depth - 1)
            for star in module.stars:
                if depth and (place := self.find(f"{star}.{rest}", depth - 1)):
                    return place
            return None
        return None

    def split(self, name: str) -> tuple[Module, str] | None:
        """The module a dotted name starts with and the rest of it; None outside the project."""
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            if module := self._by_name.get(".".join(parts[:cut])):
                return module, ".".join(parts[cut:])
        return None

    def closure(self, module: Module) -> list[Module]:
        """The module and all project modules it imports, directly or not, by file name."""
        found = {module.file: module}
        stack = [module]
        while stack:
            for near in self.imported(stack.pop()):
                if near.file not in found:
                    found[near.file] = near
                    stack.append(near)
        return [found[file] for file in sorted(found)]

    def imported(self, module: Module) -> Iterator[Module]:
        """The project modules that one imports itself."""
        for name in [*module.imports.values(), *module.stars]:
            if (parts := self.split(name)) and parts[0] is not module:
                yield parts[0]


def read_project(files: Files) -> tuple[Project, dict[str, str]]:
    """The parsed Python files, and for each that does not parse the reason in words."""
    modules: list[Module] = []
    failed: dict[str, str] = {}
    for file, text in sorted(files.items()):
        if not file.endswith((".py", ".pyw")):
            continue
        try:
            modules.append(read_module(file, text))
        except SyntaxError as error:
            where = f" in line {error.lineno}" if error.lineno else ""
            failed[file] = f"does not parse{where}: {error.msg}"
        except ValueError as error:
            failed[file] = f"does not parse: {error}"
    return Project(modules), failed
