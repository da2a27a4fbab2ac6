"""Mutates JSON as JSON: another value, a member away or twice, a place taken from elsewhere in the input.

Bytes mutated one by one seldom get past a JSON parser; what stands behind it is reached only so.
"""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, -1e308, 10**30, "", " ", "0", "vm1", "_VM1", "\u0000", "\ud800",
    "²", "🏳", "x" * 300, "9" * 5000, "/subscriptions/s/resourceGroups/g/providers/p/t/n", [], {}, [[]],
    [None], [{}], {"": {}}, {"id": None}, {"properties": None},
)  # fmt: skip


def mutated(text: bytes, random: Random) -> bytes | None:
    """The JSON with one to three changes; None where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    root = [value]
    for _ in range(random.randint(1, 3)):
        _change(root, random)
    try:
        return json.dumps(root[0]).encode()
    except (ValueError, RecursionError):
        return None


def mutated_line(text: bytes, random: Random) -> bytes | None:
    """JSON lines with one line changed, doubled, moved or left out."""
    lines = text.split(b"\n")
    at = random.randrange(len(lines))
    match random.randint(0, 5):
        case 0:
            lines.insert(random.randrange(len(lines) + 1), lines[at])
        case 1:
            del lines[at]
        case 2:
            lines.insert(random.randrange(len(lines)), lines.pop(at))
        case _:
            changed = mutated(lines[at], random)
            if changed is None:
                return None
            lines[at] = changed
    return b"\n".join(lines)


def _change(root: list[Any], random: Random) -> None:
    places = list(_places(root))
    holder, key = random.choice(places)
    match random.randint(0, 3):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(["", "id", "properties", "x"])] = holder[key]
        case 1 if holder is not root:
            holder.insert(random.randint(0, len(holder)), copy.deepcopy(holder[key]))
        case 2:
            other, name = random.choice(places)
            holder[key] = copy.deepcopy(other[name])
        case _:
            holder[key] = copy.deepcopy(random.choice(HOSTILE))


def _places(holder: Any) -> Any:
    """Every place a value stands in, as its holder and its key there."""
    pending = [holder]
    while pending:
        one = pending.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            yield one, key
            if isinstance(one[key], (dict, list)):
                pending.append(one[key])
