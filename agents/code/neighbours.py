"""The part of a project that a change to one file can be judged by: the file, what it imports, and
who imports it. A project of a thousand files is not analysed again for each proposed line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from agents.code.modules import read_project

MOST_FILES = 40


class Neighbours:
    """Who imports whom. files: relative path -> text."""

    def __init__(self, files: Mapping[str, str]) -> None:
        project, _ = read_project({p: t for p, t in files.items() if p.endswith(".py")})
        by_name = {module.name: file for file, module in project.by_file.items()}
        self._imports: dict[str, set[str]] = defaultdict(set)
        self._importers: dict[str, set[str]] = defaultdict(set)
        for file, module in project.by_file.items():
            for target in {*module.imports.values(), *module.stars}:
                found = by_name.get(target) or by_name.get(target.rpartition(".")[0])
                if found is not None and found != file:
                    self._imports[file].add(found)
                    self._importers[found].add(file)

    def of(self, file: str) -> frozenset[str]:
        """The file, what it imports at two removes, and its importers; 40 files at most."""
        near = self._imports[file]
        far = {other for one in near for other in self._imports[one]}
        ordered = [file, *sorted(near), *sorted(self._importers[file]), *sorted(far)]
        return frozenset(list(dict.fromkeys(ordered))[:MOST_FILES])
