"""YAML text as a small tree in which everything knows its line and column.

Knows what YAML is and which of its features a policy may use. It must not know any key of a policy.
Anchors, aliases, merge keys and tags are refused altogether: a policy is short, and whoever reads it
should see each value where it applies (nor can an alias then unfold into something huge).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml

from drainer.errors import PolicyInvalid, Problem

MOST_BYTES = 256 * 1024
MOST_DEPTH = 20
MOST_NODES = 5000
"""Keys and values. The reader runs in the daemon's own thread: a hostile file costs a second, no more."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Kind(Enum):
    """What YAML 1.1 takes a scalar for."""

    TEXT = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    NULL = "null"
    TIMESTAMP = "timestamp"
    MERGE = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in the file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One plain or quoted value, as it was written and as YAML takes it."""

    place: Place
    text: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    place: Place
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """A mapping with its keys in file order, repeated ones included."""

    place: Place
    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something that was reported where it stands; what it meant is not looked at."""

    place: Place


Node = Scalar | Items | Pairs | Refused


def parse(text: str, *, file: str) -> tuple[Node, tuple[Problem, ...]]:
    """The tree of the only document in `text`, and what was refused in it.

    Raises PolicyInvalid where no tree can be made of it.
    """
    _screen(text, file=file)
    builder = _Builder(text, file=file)
    try:
        root = builder.document()
    except yaml.MarkedYAMLError as error:
        builder.fault(error)
        raise PolicyInvalid(tuple(builder.problems)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The scanner lets the ValueError of an impossible escape ("\U99999999") through.
        builder.problem(builder.here(), expected="valid YAML", found="an escape that names no character")
        raise PolicyInvalid(tuple(builder.problems)) from error
    return root, tuple(builder.problems)


def made_of(scalar: Scalar) -> str:
    """What YAML 1.1 makes of a plain scalar, in words; "" where that is what stands there."""
    if scalar.kind is Kind.BOOL:
        made = str(scalar.text.casefold() in ("yes", "true", "on")).lower()
        return "" if made == scalar.text else made
    if scalar.kind is Kind.TIMESTAMP:
        return "a date"
    if scalar.kind not in (Kind.INT, Kind.FLOAT):
        return ""
    try:
        made = str(yaml.safe_load(scalar.text))
    except (yaml.YAMLError, ValueError, OverflowError):
        return "a number"
    return "" if made == scalar.text else f"the number {made}"


def _screen(text: str, *, file: str) -> None:
    """Refuse what should not reach the scanner at all."""
    first = Place(line=1, column=1)
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        found = f"{len(text)} characters"
        raise PolicyInvalid((_problem(file, first, f"at most {MOST_BYTES // 1024} KiB", found),))
    if bad := _UNPRINTABLE.search(text):
        before = text[: bad.start()]
        place = Place(line=before.count("\n") + 1, column=len(before) - (before.rfind("\n") + 1) + 1)
        found = "a NUL byte" if bad[0] == "\0" else f"the control character U+{ord(bad[0]):04X}"
        raise PolicyInvalid((_problem(file, place, "printable text", found),))


def _problem(file: str, place: Place, expected: str, found: str) -> Problem:
    return Problem(
        file=file, line=place.line, column=place.column, field="yaml", expected=expected, found=found
    )


class _Builder:
    """Turns PyYAML's events into the tree, one at a time: what stands too deep is never read."""

    def __init__(self, text: str, *, file: str) -> None:
        self._file = file
        self._loader: Any = yaml.SafeLoader(text)  # its methods carry no types
        self._nodes = 0
        self.problems: list[Problem] = []

    def document(self) -> Node:
        self._next()  # the stream begins
        if isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
            self.problem(Place(line=1, column=1), expected="a policy", found="an empty file")
            raise PolicyInvalid(tuple(self.problems))
        self._next()  # the document begins
        root = self._node(depth=1)
        self._next()  # the document ends
        after = self._loader.peek_event()
        if not isinstance(after, yaml.StreamEndEvent):
            self.problem(_place(after.start_mark), expected="one document", found="a second one")
        return root

    def here(self) -> Place:
        return _place(self._loader.get_mark())

    def problem(self, place: Place, *, expected: str, found: str) -> None:
        self.problems.append(_problem(self._file, place, expected, found))

    def fault(self, error: yaml.MarkedYAMLError) -> None:
        """A syntax error in our words."""
        mark = error.problem_mark or error.context_mark
        place = self.here() if mark is None else _place(mark)
        problem = error.problem or "a fault"
        if "'\\t'" in problem:
            self.problem(place, expected="spaces", found="a tab, which YAML does not allow here")
            return
        found = problem if error.context is None else f"{problem} ({error.context})"
        self.problem(place, expected="valid YAML", found=" ".join(found.split()))

    def _next(self) -> Any:
        return self._loader.get_event()

    def _node(self, *, depth: int) -> Node:
        event = self._next()
        place = _place(event.start_mark)
        self._nodes += 1
        self._bound(place, depth, MOST_DEPTH, "levels")
        self._bound(place, self._nodes, MOST_NODES, "keys and values")
        if isinstance(event, yaml.AliasEvent):
            self.problem(place, expected="the value itself", found=f"the alias *{event.anchor}")
            return Refused(place=place)
        self._plain_only(event, place)
        match event:
            case yaml.SequenceStartEvent():
                return Items(place=place, nodes=tuple(self._until(yaml.SequenceEndEvent, depth)))
            case yaml.MappingStartEvent():
                flat = tuple(self._until(yaml.MappingEndEvent, depth))
                return Pairs(place=place, pairs=tuple(zip(flat[::2], flat[1::2], strict=True)))
            case _:
                return self._scalar(event, place)

    def _bound(self, place: Place, count: int, most: int, what: str) -> None:
        if count > most:
            self.problem(place, expected=f"at most {most} {what}", found="one more")
            raise PolicyInvalid(tuple(self.problems))

    def _until(self, end: type[yaml.Event], depth: int) -> Iterator[Node]:
        while not isinstance(self._loader.peek_event(), end):
            yield self._node(depth=depth + 1)
        self._next()

    def _plain_only(self, event: Any, place: Place) -> None:
        if event.anchor is not None:
            self.problem(place, expected="no anchor", found=f"&{event.anchor}")
        if event.tag is not None:
            self.problem(place, expected="no tag", found=str(event.tag))

    def _scalar(self, event: Any, place: Place) -> Node:
        tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = {f"tag:yaml.org,2002:{kind.value}": kind for kind in Kind}.get(tag, Kind.TEXT)
        if kind is Kind.MERGE:
            self.problem(place, expected="the keys themselves", found="the merge key <<")
            return Refused(place=place)
        if _UNPRINTABLE.search(event.value):
            self.problem(place, expected="printable text", found="an escaped control character")
            return Refused(place=place)
        return Scalar(place=place, text=event.value, kind=kind)


def _place(mark: Any) -> Place:
    return Place(line=mark.line + 1, column=mark.column + 1)
