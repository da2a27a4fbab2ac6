"""Reads a tree by its shape into values, and collects everything that is wrong on the way.

It knows no key of a policy. A value that could not be read is `BAD`: whatever holds it is not built, and
what depends on it is not judged, so that one fault is reported once.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field

from drainer.core.policy import BackendChoice
from drainer.errors import Problem
from drainer.policyfile import soundness
from drainer.policyfile.describing import asked, describe, meant, one_line, stands
from drainer.policyfile.scalars import converted
from drainer.policyfile.shapes import (
    Either,
    Key,
    Layer,
    ListOf,
    Record,
    Shape,
    listed,
    wording,
)
from drainer.policyfile.tree import Items, Kind, Node, Pairs, Place, Refused, Scalar
from drainer.policyfile.values import BAD, is_bad

WHOLE = "policy"
"""What the file is called where no field is."""

_REASON = re.compile(r"(?P<field>[a-z_][a-z0-9_.]*): expected (?P<expected>.*), got (?P<found>.*)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Reading:
    """One pass over one file: its problems, and where each path that it spells stands."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)

    def value(self, node: Node, shape: Shape, path: str) -> object:
        """What the node spells, or BAD; a list may hold BAD in places."""
        self.places[path] = node.place
        match shape, node:
            case _, Refused():
                return BAD
            case Either(shapes=shapes), _:
                return self._either(node, shapes, path)
            case Record(), Pairs():
                return self._build(node, shape, path)
            case ListOf(item=item), Items(nodes=nodes) if len(nodes) >= shape.least:
                return tuple(self.value(each, item, f"{path}[{i}]") for i, each in enumerate(nodes))
            case Layer(), _:
                return self._layer(node, shape, path)
            case _, Scalar():
                value = converted(node, shape)
            case _:
                value = BAD
        if value is BAD:
            self.problem(path, node.place, expected=asked(shape, node), found=stands(shape, node))
        return value

    def keys(self, node: Pairs, shape: Record, path: str) -> dict[str, object]:
        """The record's values by key, those it omits as their defaults; BAD where there is none."""
        known = {key.name: key for key in shape.keys}
        written = self._written(node, known, path)
        values = {name: self.value(each, known[name].shape, _join(path, name)) for name, each in written}
        for key in shape.keys:
            if key.name not in values:
                values[key.name] = self._omitted(key, node, path)
        return values

    def problem(self, path: str, place: Place, *, expected: str, found: str) -> None:
        self.problems.append(
            Problem(
                file=one_line(self.file),
                line=place.line,
                column=place.column,
                field=one_line(path),
                expected=one_line(expected),
                found=one_line(found),
            )
        )

    def flaws(self, path: str, flaws: Iterable[soundness.Flaw], place: Place) -> bool:
        """Report contradictions, each at the first of its fields that the file spells. Were there any?"""
        any_flaw = False
        for flaw in flaws:
            paths = [_join(path, name) for name in flaw.fields]
            shown = next((each for each in paths if each in self.places), paths[0])
            where = self.places.get(shown, place)
            self.problem(shown, where, expected=flaw.expected, found=flaw.found)
            any_flaw = True
        return any_flaw

    def _written(self, node: Pairs, known: dict[str, Key], path: str) -> list[tuple[str, Node]]:
        first: dict[str, Place] = {}
        written = []
        for key, value in node.pairs:
            if isinstance(key, Refused):
                continue
            if not isinstance(key, Scalar):
                self.problem(path or WHOLE, key.place, expected="a key", found=describe(key))
            elif key.text in first:
                again = f"a second one (the first is in line {first[key.text].line})"
                self.problem(
                    _join(path, key.text), key.place, expected=f"one {key.text or describe(key)}", found=again
                )
            elif key.text not in known:
                first[key.text] = key.place
                self._unknown(key, tuple(known), path)
            else:
                first[key.text] = key.place
                written.append((key.text, value))
        return written

    def _unknown(self, key: Scalar, known: tuple[str, ...], path: str) -> None:
        expected = f"{listed(known) if known else 'no key'}{meant(key.text, known)}"
        self.problem(_join(path, key.text), key.place, expected=expected, found=describe(key))

    def _omitted(self, key: Key, node: Pairs, path: str) -> object:
        if not key.required:
            return key.default
        self.problem(_join(path, key.name), node.place, expected=wording(key.shape), found="nothing")
        return BAD

    def _build(self, node: Pairs, shape: Record, path: str) -> object:
        values = self.keys(node, shape, path)
        if any(map(is_bad, values.values())):
            return BAD
        written = frozenset(name for name in values if _join(path, name) in self.places)
        if self.flaws(path, soundness.flaws_of(shape.cls, values, written), node.place):
            return BAD
        return self.build(shape.cls, values, path, node.place)

    def build(self, cls: type[typing.Any], values: dict[str, object], path: str, place: Place) -> object:
        """The value itself; its own objection is shown at the field that it names."""
        try:
            return cls(**values)
        except ValueError as error:
            reason = str(error)
        named = _REASON.fullmatch(reason)
        if named is None:
            self.problem(path, place, expected="values that go together", found=reason)
            return BAD
        flaw = soundness.Flaw(fields=(named["field"],), expected=named["expected"], found=named["found"])
        self.flaws(path, (flaw,), place)
        return BAD

    def _either(self, node: Node, shapes: tuple[Shape, ...], path: str) -> object:
        """The first shape that fits; a mapping is judged as the record, if one is among them."""
        for shape in shapes:
            if isinstance(node, Pairs) and isinstance(shape, Record):
                return self.value(node, shape, path)
            trial = Reading(file=self.file)
            value = trial.value(node, shape, path)
            if not trial.problems:
                return value
        self.problem(path, node.place, expected=asked(Either(shapes=shapes), node), found=describe(node))
        return BAD

    def _layer(self, node: Node, shape: Layer, path: str) -> object:
        match node:
            case Scalar(kind=Kind.TEXT):
                return self._options(node, None, shape, path)
            case Pairs(pairs=((Scalar(kind=Kind.TEXT) as name, options),)):
                return self._options(name, options, shape, path)
            case Pairs(pairs=pairs) if len(pairs) > 1:
                found = f"{len(pairs)} keys side by side"
            case _:
                found = describe(node)
        self.problem(path, node.place, expected="NAME, or NAME: with its options indented below", found=found)
        return BAD

    def _options(self, name: Scalar, options: Node | None, shape: Layer, path: str) -> object:
        kind = shape.kinds.get(name.text)
        if kind is None:
            expected = f"{wording(shape)}{meant(name.text, tuple(shape.kinds))}"
            self.problem(path, name.place, expected=expected, found=describe(name))
            return BAD
        below = Pairs(place=name.place, pairs=()) if options is None else options
        made = self.value(below, kind, f"{path}.{name.text}")
        return BAD if made is BAD else BackendChoice(name=name.text, options=made)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name or WHOLE
