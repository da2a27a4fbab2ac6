"""The JSON Schema of policy files, for editors: made from the same shapes as the reader.

It says what a schema can say. Times that contradict each other, rules that cannot be reached and the bounds
of durations are left to `drainer check`. Draft 7, as that is what editors know for YAML.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from typing import Any, assert_never

from drainer.core.policy import Do, HealthCheck, Rule
from drainer.policyfile import durations
from drainer.policyfile.effective import spelled
from drainer.policyfile.keys import PolicyFile, policy_shape
from drainer.policyfile.meanings import MEANINGS
from drainer.policyfile.shapes import (
    Choice,
    Either,
    Key,
    Layer,
    ListOf,
    Number,
    Record,
    Shape,
    Span,
    Text,
    Truth,
    Whole,
    Word,
)
from drainer.policyfile.soundness import DRAIN_KEYS, HEALTH_WAYS
from drainer.ports import BackendKind

Schema = dict[str, Any]


def schema(backends: Mapping[str, BackendKind]) -> Schema:
    """The schema of a policy in which these backends are known."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "drainer policy",
        **_schema(policy_shape(backends)),
    }


def main() -> int:
    """Print the schema of this package's own backends."""
    wiring = importlib.import_module("drainer.wiring")  # by name: it stands above this package
    print(json.dumps(schema(wiring.built_in_kinds()), indent=2, ensure_ascii=False))
    return 0


def _schema(shape: Shape) -> Schema:
    match shape:
        case Text(choices=(), pattern=None):
            return {"type": "string"}
        case Text(choices=(), pattern=pattern):
            return {"type": "string", "pattern": pattern}
        case Text(choices=choices):
            return {"enum": list(choices)}
        case Whole(least=least, most=most):
            bounds = {"minimum": least, "maximum": most}
            return {"type": "integer"} | {name: at for name, at in bounds.items() if at is not None}
        case Number():
            return {"type": "number"}
        case Truth():
            return {"type": "boolean"}
        case Span():
            return {"type": "string", "pattern": durations.PATTERN}
        case Word(word="null"):
            return {"type": "null"}
        case Word(word=word):
            return {"const": word}
        case Choice(members=members):
            return {"enum": list(members)}
        case ListOf(item=item, least=least):
            return {"type": "array", "items": _schema(item)} | ({"minItems": least} if least else {})
        case Either(shapes=shapes):
            return {"anyOf": [_schema(each) for each in shapes]}
        case Layer():
            return _layer(shape)
        case Record():
            return _record(shape)
        case _:
            assert_never(shape)


def _record(shape: Record) -> Schema:
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _key(shape, key) for key in shape.keys},
    }
    if required := [key.name for key in shape.keys if key.required]:
        made["required"] = required
    return made | _beyond_types(shape)


def _key(shape: Record, key: Key) -> Schema:
    made = _schema(key.shape)
    if meaning := MEANINGS.get((shape.cls, key.name)):
        made["description"] = meaning
    default = None if key.required else spelled(key.default)
    if default not in (None, []):
        made["default"] = default
    if (shape.cls, key.name) == (PolicyFile, "rules"):
        made["contains"] = {"properties": {"match": {"maxProperties": 0}}}
    return made


def _beyond_types(shape: Record) -> Schema:
    """Contradictions that a schema can express."""
    if shape.cls is HealthCheck:
        return {"oneOf": [{"required": [name]} for name in HEALTH_WAYS]}
    if shape.cls is Rule:
        idle = [do.value for do in Do if do is not Do.DRAIN]
        return {
            "if": {"properties": {"do": {"enum": idle}}, "required": ["do"]},
            "then": {"properties": dict.fromkeys(DRAIN_KEYS, False)},
        }
    return {}


def _layer(shape: Layer) -> Schema:
    bare = [name for name, kind in shape.kinds.items() if _stands_alone(kind)]
    with_options = (
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name],
            "properties": {name: _record(kind)},
        }
        for name, kind in shape.kinds.items()
    )
    return {"anyOf": [{"enum": bare}, *with_options]}


def _stands_alone(kind: Record) -> bool:
    """Its options have defaults that go together."""
    try:
        kind.cls()
    except (TypeError, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
