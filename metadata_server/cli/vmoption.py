"""`--vm NAME=ADDR:PORT[,source=IP][,ud=N][,fd=N][,set=NAME][,zone=N]`: a VM in one word."""

from collections.abc import Callable, Mapping
from typing import Any

from metadata_server.errors import BadInput, Problem
from metadata_server.topology import ADDRESS, NAME, Address, Vm, parse_ip, parse_name

FORM = "NAME=ADDR:PORT[,source=IP][,ud=N][,fd=N][,set=NAME][,zone=N]"


def _domain(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError("a number")
    return int(text)


_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "source": ("source", parse_ip),
    "ud": ("update_domain", _domain),
    "fd": ("fault_domain", _domain),
    "set": ("set", parse_name),
    "zone": ("zone", parse_name),
}


def parse_vm(text: str) -> Vm:
    """The VM that `text` describes; BadInput names each part that is wrong."""
    first, *rest = text.split(",")
    name, equals, address = first.partition("=")
    problems: list[Problem] = []
    if not equals:
        raise BadInput([Problem(field="--vm", expected=FORM, found=repr(text))])
    values = {
        "name": _read("--vm NAME", NAME, parse_name, name, problems),
        "address": _read("--vm ADDR:PORT", ADDRESS, Address.parse, address, problems),
    }
    for part in rest:
        key, _, value = part.partition("=")
        if key not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            problems.append(Problem(field=f"--vm {name}", expected=f"one of {known}", found=repr(part)))
            continue
        member, parse = _OPTIONS[key]
        values[member] = _read(f"--vm {name},{key}", None, parse, value, problems)
    if problems:
        raise BadInput(problems)
    return Vm(**values)


def _read(
    field: str, expected: str | None, parse: Callable[[str], Any], text: str, problems: list[Problem]
) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        problems.append(Problem(field=field, expected=expected or str(error), found=repr(text)))
        return None
