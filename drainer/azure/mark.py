"""The owner mark: what was taken from an interface, written into its own tags in the same write.

Tags hold at most 256 characters each, and a resource at most 50 (Resource Manager, "Use tags"), so the text
is cut into numbered ones: `drainer-out-1` … is JSON for programs, `drainer-undo-1` … the command for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from drainer.azure.interface import Reference
from drainer.management import Json

OUT, UNDO = "drainer-out-", "drainer-undo-"
LONGEST = 256
MOST = 50
SCHEMA = 1

_OURS = re.compile(r"drainer-(out|undo)-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerMark:
    """`had_tags`: the interface had tags of its own member, even none, before."""

    vm_id: str
    since: str
    taken: tuple[Reference, ...]
    had_tags: bool = True


def marked(interface: Json, mark: OwnerMark, *, undo: str) -> Json:
    """The interface with this mark in place of any other of ours.

    Where a resource's tags run out, people's part is left out, then the mark: the journal knows it too.
    """
    had = mark.had_tags
    if (standing := read(interface)) is not None:
        had = standing.had_tags
    said = {
        "v": SCHEMA,
        "vm": mark.vm_id,
        "at": mark.since,
        "tags": int(had),
        "out": [[one.pool, one.configuration, one.at] for one in mark.taken],
    }
    text = json.dumps(said, separators=(",", ":"))
    others, ours = _others(interface), _cut(OUT, text)
    for tags in ({**others, **ours, **_cut(UNDO, undo)}, {**others, **ours}):
        if len(tags) <= MOST:
            return _tagged(interface, tags)
    return unmarked(interface)


def unmarked(interface: Json) -> Json:
    """The interface without a mark of ours, its tags as they were."""
    standing = read(interface)
    others = _others(interface)
    if not others and standing is not None and not standing.had_tags:
        return {name: value for name, value in interface.items() if name != "tags"}
    return _tagged(interface, others) if "tags" in interface else interface


def read(interface: Json) -> OwnerMark | None:
    """The mark that stands; None where there is none, or none that can be believed."""
    text = _joined(_tags(interface), OUT)
    try:
        said = json.loads(text)
        taken = tuple(
            Reference(pool=str(pool), configuration=str(name), at=at if isinstance(at, int) else None)
            for pool, name, at in said["out"]
        )
        return OwnerMark(
            vm_id=str(said["vm"]), since=str(said["at"]), taken=taken, had_tags=bool(said.get("tags", 1))
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def undo_of(interface: Json) -> str:
    """The command that the mark tells people."""
    return _joined(_tags(interface), UNDO)


def is_marked(interface: Json) -> bool:
    return any(_OURS.fullmatch(name) for name in _tags(interface))


def bare(interface: Json) -> Json:
    """Without what a drain may change: etags, provisioning states, our mark. To compare two readings by."""
    stripped: Json = json.loads(json.dumps(unmarked(interface)))
    _strip(stripped)
    return stripped


def _strip(part: object) -> None:
    match part:
        case dict():
            for name in ("etag", "provisioningState"):
                part.pop(name, None)
            for value in part.values():
                _strip(value)
        case list():
            for value in part:
                _strip(value)


def _tags(interface: Json) -> Mapping[str, str]:
    tags = interface.get("tags")
    return {str(name): str(value) for name, value in tags.items()} if isinstance(tags, dict) else {}


def _others(interface: Json) -> Mapping[str, str]:
    tags = interface.get("tags")
    kept = tags if isinstance(tags, dict) else {}
    return {name: value for name, value in kept.items() if not _OURS.fullmatch(name)}


def _tagged(interface: Json, tags: Mapping[str, str]) -> Json:
    return {**interface, "tags": dict(tags)}


def _cut(prefix: str, text: str) -> Mapping[str, str]:
    pieces = [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)]
    return {f"{prefix}{number}": piece for number, piece in enumerate(pieces, start=1)}


def _joined(tags: Mapping[str, str], prefix: str) -> str:
    found = {int(name[len(prefix) :]): text for name, text in tags.items() if _is_piece(name, prefix)}
    return "".join(found[number] for number in sorted(found))


def _is_piece(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name[len(prefix) :].isascii() and name[len(prefix) :].isdigit()
