"""The one-line object that the service of 2015 printed, read where JSON cannot: a tiny grammar, no search.

The post of 2015 shows `{“ID”:”myInstanceVM1","UD":"0","FD":"0","Reboot"}`: typographic quotes in places, and
a member that is a bare name (facts 1a). Exactly that much is forgiven: a name or a text that a typographic
quote opens, ends at the next quote of any kind; one that a plain quote opens is JSON.
"""

from __future__ import annotations

from typing import Any

from drainer.sources.body import STRICT

_TYPOGRAPHIC = "“”"
_QUOTES = _TYPOGRAPHIC + '"'
_BLANKS = " \t\r\n"


class Bare:
    """The value of a member that is a name alone."""


BARE = Bare()


class NotPrinted(ValueError):
    """The text is no such object."""


def printed_members(text: str) -> list[tuple[str, Any]]:
    """The members in order, one at least. Raises NotPrinted, saying where."""
    if "\\u" in text:
        raise NotPrinted("an escaped character, which was never printed")
    at = _expect(text, 0, "{")
    members: list[tuple[str, Any]] = []
    while True:
        name, at = _string(text, _blanks(text, at))
        value, at = _after_name(text, _blanks(text, at))
        members.append((name, value))
        at = _blanks(text, at)
        if text[at : at + 1] == "}":
            return _ended(text, at + 1, members)
        at = _expect(text, at, ",")


def _after_name(text: str, at: int) -> tuple[Any, int]:
    if text[at : at + 1] != ":":
        return BARE, at
    at = _blanks(text, at + 1)
    if text[at : at + 1] and text[at] in _TYPOGRAPHIC:
        return _string(text, at)
    return _json(text, at)


def _string(text: str, at: int) -> tuple[str, int]:
    opening = text[at : at + 1]
    if opening == '"':
        value, end = _json(text, at)
        return str(value), end
    if not opening or opening not in _TYPOGRAPHIC:
        raise NotPrinted(f"expected a name at {at}")
    end = at + 1
    while end < len(text) and text[end] not in _QUOTES:
        end += 1
    inside = text[at + 1 : end]
    if end == len(text) or "\\" in inside or not inside.isprintable():
        raise NotPrinted(f"expected the text at {at} to end in a quote")
    return inside, end + 1


def _json(text: str, at: int) -> tuple[Any, int]:
    try:
        return STRICT.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        raise NotPrinted(str(error)) from error


def _expect(text: str, at: int, wanted: str) -> int:
    at = _blanks(text, at)
    if text[at : at + 1] != wanted:
        raise NotPrinted(f"expected {wanted} at {at}")
    return at + 1


def _ended(text: str, at: int, members: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    if _blanks(text, at) != len(text):
        raise NotPrinted(f"expected nothing at {at}")
    return members


def _blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
