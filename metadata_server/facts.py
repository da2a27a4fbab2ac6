"""A file of facts: what somebody measured of the platform, as values of switches. JSON of schema 1."""

import json
from pathlib import Path

from metadata_server.errors import BadInput, EmulatorError, Problem
from metadata_server.switches import Switches

_SHAPE = 'a JSON object {"schema": 1, "facts": {NAME: VALUE}}'


def load_facts(path: Path) -> Switches:
    """The switches as the file has them, the others as usual; BadInput names the file and each wrong field,
    OSError if it cannot be read."""
    switches, problems = Switches(), list[Problem]()
    for name, value in _facts(path).items():
        try:
            switches = switches.changed(name, value if isinstance(value, str) else json.dumps(value))
        except EmulatorError as error:
            told = f"{path}: facts.{name}"
            problems += [
                Problem(field=told, expected=each.expected, found=each.found) for each in error.problems
            ]
    if problems:
        raise BadInput(problems)
    return switches


def _facts(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BadInput([Problem(field=str(path), expected=_SHAPE, found="no JSON")]) from None
    if not isinstance(content, dict) or content.get("schema") != 1:
        raise BadInput([Problem(field=f"{path}: schema", expected="1", found=_schema(content))])
    facts = content.get("facts")
    if not isinstance(facts, dict):
        raise BadInput([Problem(field=f"{path}: facts", expected=_SHAPE, found=type(facts).__name__)])
    return facts


def _schema(content: object) -> str:
    return repr(content.get("schema")) if isinstance(content, dict) else "no object"
