"""Reads YAML strictly: every value is asked for by name and kind, and each problem keeps its place.

Knows nodes and places; what the keys mean is the caller's business.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import yaml

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Misplaced:
    """One problem at one place of one file, as `file:line:column: field: expected …, got …`."""

    file: str
    line: int
    column: int
    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}:{self.column}: {self.field}: expected {self.expected}, got {self.got}"
        )


@dataclass(slots=True, kw_only=True)
class Problems:
    """The problems of one file so far, and the places of the fields read."""

    file: str
    found: list[Misplaced] = field(default_factory=list)
    places: dict[str, yaml.Node] = field(default_factory=dict)

    def add(self, node: yaml.Node, path: str, *, expected: str, got: str) -> None:
        mark = node.start_mark
        place = Misplaced(
            file=self.file, line=mark.line + 1, column=mark.column + 1, field=path, expected=expected, got=got
        )
        self.found.append(place)


class Mapping:
    """One YAML mapping, read key by key; `close` reports the keys nobody asked for."""

    def __init__(self, node: yaml.Node, path: str, problems: Problems) -> None:
        self._node = node
        self._path = path
        self._problems = problems
        self._entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        self._asked: list[str] = []
        problems.places[path] = node
        if not isinstance(node, yaml.MappingNode):
            problems.add(node, path or "document", expected="a mapping", got=shown(node))
            return
        for key, value in node.value:
            self._enter(key, value)

    def text(
        self, name: str, parse: Callable[[str], _T], *, expected: str, default: _T | None = None
    ) -> _T | None:
        """The value of a key, read by `parse`; `default` if it is not there, None if it is wrong."""
        node = self._get(name)
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null":
            try:
                return parse(node.value)
            except ValueError:
                pass
        self._problems.add(node, self.path(name), expected=expected, got=shown(node))
        return None

    def required(self, name: str, parse: Callable[[str], _T], *, expected: str) -> _T | None:
        """The same, for a key that must be there."""
        self._demand(name, expected)
        return self.text(name, parse, expected=expected)

    def texts(
        self, name: str, parse: Callable[[str], _T], *, expected: str, default: tuple[_T, ...]
    ) -> tuple[_T, ...]:
        """The values of a list, each read by `parse`; `default` if there is no list, less what is wrong."""
        node = self._get(name)
        if node is None:
            return default
        if not isinstance(node, yaml.SequenceNode):
            self._problems.add(node, self.path(name), expected=expected, got=shown(node))
            return ()
        found: list[_T] = []
        for index, entry in enumerate(node.value):
            try:
                found.append(parse(entry.value if isinstance(entry, yaml.ScalarNode) else ""))
            except ValueError:
                self._problems.add(entry, f"{self.path(name)}[{index}]", expected=expected, got=shown(entry))
        return tuple(found)

    def mapping(self, name: str) -> "Mapping | None":
        """A mapping inside this one; None if it is not there."""
        node = self._get(name)
        return None if node is None else Mapping(node, self.path(name), self._problems)

    def entries(self, name: str) -> list["Mapping"]:
        """A list of mappings; empty if it is not there."""
        node = self._get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._problems.add(node, self.path(name), expected="a list", got=shown(node))
            return []
        self._problems.places[self.path(name)] = node
        return [
            Mapping(entry, f"{self.path(name)}[{index}]", self._problems)
            for index, entry in enumerate(node.value)
        ]

    def close(self) -> None:
        """Report every key that nobody asked for."""
        for name, (key, _) in self._entries.items():
            if name not in self._asked:
                expected = f"one of {', '.join(self._asked)}"
                self._problems.add(key, self.path(name), expected=expected, got="an unknown key")

    def names(self) -> tuple[str, ...]:
        """The keys that are there, for a mapping whose keys are names."""
        return tuple(self._entries)

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _get(self, name: str) -> yaml.Node | None:
        self._asked.append(name)
        if name not in self._entries:
            return None
        node = self._entries[name][1]
        self._problems.places[self.path(name)] = node
        return node

    def _demand(self, name: str, expected: str) -> None:
        if name not in self._entries and isinstance(self._node, yaml.MappingNode):
            self._problems.add(self._node, self.path(name), expected=expected, got="nothing")

    def _enter(self, key: yaml.Node, value: yaml.Node) -> None:
        name = key.value if isinstance(key, yaml.ScalarNode) else shown(key)
        if name in self._entries:
            self._problems.add(key, self.path(name), expected="a key used once", got="it again")
            return
        self._entries[name] = (key, value)


def shown(node: yaml.Node) -> str:
    """A node in a few words."""
    match node:
        case yaml.MappingNode():
            return "a mapping"
        case yaml.SequenceNode():
            return "a list"
        case _:
            return repr(node.value) if node.value else "nothing"
