"""Words for what stands in a file, and for what may have been meant."""

from __future__ import annotations

import json
import re
import typing

from drainer.policyfile.shapes import Choice, Shape, Text, Word, wording
from drainer.policyfile.tree import Items, Kind, Node, Pairs, Refused, Scalar, made_of

_USER = re.compile(r"://[^\s/?#]*@")


def describe(node: Node) -> str:
    """What stands there, for a message: one line, at most some 80 characters."""
    match node:
        case Pairs():
            return "a mapping"
        case Items(nodes=nodes):
            return "a list" if nodes else "an empty list"
        case Scalar(kind=Kind.NULL):
            return "nothing" if not node.text else f"{node.text}, which YAML reads as nothing"
        case Scalar():
            shown = json.dumps(_short(node.text), ensure_ascii=False)
            made = made_of(node)
            if not made:
                return shown if node.kind is Kind.TEXT else _short(node.text)
            return f"{shown[1:-1]}, which YAML reads as {made}"
        case Refused():
            return "what is not allowed"
        case _:
            typing.assert_never(node)


def asked(shape: Shape, node: Node) -> str:
    """What the shape expects, with a word of advice where this node shows what went wrong."""
    words = wording(shape)
    match shape, node:
        case Text(choices=(_, *_) as choices), Scalar(kind=Kind.TEXT, text=text):
            return f"{words}{meant(text, choices)}"
        case Choice(members=members), Scalar(kind=Kind.TEXT, text=text):
            return f"{words}{meant(text, tuple(members))}"
        case Text(choices=()), Scalar(kind=kind) if kind not in (Kind.TEXT, Kind.NULL):
            return f"{words} (quote it)"
        case _:
            return words


def stands(shape: Shape, node: Node) -> str:
    """What stands there instead; something that is to come is said to be missing in this version."""
    match shape, node:
        case Word(later=later), Pairs(pairs=((Scalar(text=name), _), *_)) if name in later:
            return not_yet(name)
        case Word(later=later), Scalar(text=name) if name in later:
            return not_yet(name)
        case _:
            return describe(node)


def not_yet(name: str) -> str:
    return f"{name}, which is not in this version"


def meant(text: str, known: tuple[str, ...]) -> str:
    """A question to end a message with, where a known word is close."""
    import difflib  # only ever needed for a wrong file

    spelled = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(text.casefold().replace("-", "_"), list(spelled), n=1, cutoff=0.7)
    close = close or difflib.get_close_matches(text.casefold(), list(spelled), n=1, cutoff=0.7)
    return f" (did you mean {spelled[close[0]]}?)" if close else ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def one_line(text: str) -> str:
    """Printable throughout, and without a name and password before an address's host: a message is logged."""
    text = _USER.sub("://...@", text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
