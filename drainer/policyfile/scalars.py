"""Scalars by their shape: strict where YAML 1.1 and 1.2 read the same text differently."""

from __future__ import annotations

import re

from drainer.policyfile import durations
from drainer.policyfile.shapes import Choice, Number, Shape, Span, Text, Truth, Whole, Word
from drainer.policyfile.tree import Kind, Scalar
from drainer.policyfile.values import BAD

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?", re.ASCII)


def converted(scalar: Scalar, shape: Shape) -> object:
    """The value of a scalar, or BAD."""
    text, kind = scalar.text, scalar.kind
    match shape:
        case Text(choices=choices, pattern=pattern) if kind is Kind.TEXT:
            fits = text in choices if choices else pattern is None or re.fullmatch(pattern, text)
            return text if fits else BAD
        case Whole(least=least, most=most) if kind is Kind.INT and _WHOLE.fullmatch(text):
            number = int(text)
            inside = (least is None or number >= least) and (most is None or number <= most)
            return number if inside else BAD
        case Number() if kind in (Kind.INT, Kind.FLOAT) and _NUMBER.fullmatch(text):
            return float(text)
        case Truth() if kind is Kind.BOOL and text in ("true", "false"):
            return text == "true"
        case Span(least=least, most=most) if kind is Kind.TEXT:
            span = durations.parse(text)
            return BAD if span is None or not least <= span <= most else span
        case Word(word="null") if kind is Kind.NULL:
            return shape.means
        case Word(word=word, means=means) if kind is Kind.TEXT and text == word:
            return means
        case Choice(members=members) if kind is Kind.TEXT:
            return members.get(text, BAD)
        case _:
            return BAD
