"""What a value in a policy file may look like, read off the dataclasses that will hold it.

One description serves the reader, the printer and the JSON Schema. It knows no file and no line.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from functools import cache

from drainer.policyfile import durations


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text; `words` says what it has to be where `pattern` says so to a machine."""

    words: str = "text"
    pattern: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number with or without a fraction."""


@dataclass(frozen=True, slots=True)
class Truth:
    """`true` or `false`; the other spellings of YAML 1.1 read differently under YAML 1.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A duration between `least` and `most`, both inclusive."""

    least: timedelta = timedelta(0)
    most: timedelta = durations.LONGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One fixed word and what it means; `null` is YAML's own. `later`: words for what is not built yet."""

    word: str
    means: object
    later: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    members: Mapping[str, Enum]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    item: Shape
    least: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a record. `default` is only there where the key may be left out."""

    name: str
    shape: Shape
    required: bool
    default: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A mapping that becomes one `cls`."""

    cls: type[typing.Any]
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """`NAME` or `NAME: {options}`."""

    kinds: Mapping[str, Record]


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """Any of several, tried in order."""

    shapes: tuple[Shape, ...]


Shape = Text | Whole | Number | Truth | Span | Word | Choice | ListOf | Record | Layer | Either

Overrides = Mapping[tuple[type, str], Shape]

_LEAVES: Mapping[object, Shape] = {
    str: Text(),
    int: Whole(),
    float: Number(),
    bool: Truth(),
    timedelta: Span(),
    types.NoneType: Word(word="null", means=None),
}


def record(cls: type[typing.Any], overrides: Overrides | None = None) -> Record:
    """The shape of a dataclass. An override replaces what a field's type alone would say.

    Raises TypeError where a field has a type that no policy can spell: a fault of the program.
    """
    given = overrides or {}
    hints = _hints(typing.cast(type, cls))
    keys = (
        _key(field, given.get((cls, field.name)) or shape_of(hints[field.name], given))
        for field in fields(cls)
        if field.init
    )
    return Record(cls=cls, keys=tuple(keys))


@cache
def _hints(cls: type) -> dict[str, typing.Any]:
    return typing.get_type_hints(cls)


def shape_of(hint: object, overrides: Overrides) -> Shape:
    """The shape that a type hint describes."""
    if (leaf := _LEAVES.get(hint)) is not None:
        return leaf
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return Either(shapes=tuple(shape_of(each, overrides) for each in arguments))
    if typing.get_origin(hint) is tuple and arguments[1:] == (...,):
        return ListOf(item=shape_of(arguments[0], overrides))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Choice(members={str(member.value): member for member in hint if member.value != ""})
    if isinstance(hint, type) and is_dataclass(hint):
        return record(hint, overrides)
    raise TypeError(f"no policy can spell {hint}")


def wording(shape: Shape) -> str:
    """What is expected, for a message."""
    match shape:
        case Text(choices=()) as text:
            return text.words
        case Text(choices=choices):
            return listed(choices)
        case Whole(least=None) | Whole(most=None):
            return "a whole number"
        case Whole(least=least, most=most) if least == most:
            return str(least)
        case Whole(least=least, most=most):
            return f"a whole number from {least} to {most}"
        case Number():
            return "a number"
        case Truth():
            return "true or false"
        case Span(least=least, most=most):
            return f"a duration with its unit, such as 300ms, 10s, 5m, 1h or 7d, {_range(least, most)}"
        case Word(word=word):
            return word
        case Choice(members=members):
            return listed(tuple(members))
        case ListOf(item=item, least=least):
            return f"a list{f' of at least {least}' if least else ''}, each item {wording(item)}"
        case Record():
            return "a mapping"
        case Layer(kinds=kinds):
            return listed(tuple(sorted(kinds)))
        case Either(shapes=shapes):
            return ", or ".join(wording(each) for each in shapes)
        case _:
            typing.assert_never(shape)


def listed(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


def _key(field: Field[typing.Any], shape: Shape) -> Key:
    if field.default is not MISSING:
        return Key(name=field.name, shape=shape, required=False, default=field.default)
    if field.default_factory is not MISSING:
        return Key(name=field.name, shape=shape, required=False, default=field.default_factory())
    return Key(name=field.name, shape=shape, required=True)


def _range(least: timedelta, most: timedelta) -> str:
    if not least:
        return f"at most {durations.spell(most)}"
    return f"from {durations.spell(least)} to {durations.spell(most)}"
