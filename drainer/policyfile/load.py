"""Makes an accepted policy of a file's text, or says everything that is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from drainer.core.policy import BackendChoice, Policy
from drainer.errors import PolicyInvalid, Problem
from drainer.policyfile import tree
from drainer.policyfile.describing import describe
from drainer.policyfile.effective import effective
from drainer.policyfile.keys import DEFAULT_BACKEND, policy_shape
from drainer.policyfile.reading import Reading
from drainer.policyfile.shapes import Record, record
from drainer.policyfile.tree import Pairs, Place
from drainer.policyfile.values import BAD
from drainer.policyfile.whole import whole_flaws
from drainer.ports import BackendKind

_START = Place(line=1, column=1)


def load(text: str, *, file: str, backends: Mapping[str, BackendKind]) -> Policy:
    """The policy that `text` spells. `file` is what messages call it.

    Raises PolicyInvalid with every problem, in file order; the caller keeps the policy it has.
    """
    root, refused = tree.parse(text, file=file)
    reading = Reading(file=file, problems=list(refused))
    values = _values(reading, root, policy_shape(backends))
    if values:
        _complete(values, reading, backends)
        reading.flaws("", whole_flaws(values, reading.places), _START)
    if reading.problems:
        in_order = sorted(reading.problems, key=lambda problem: (problem.line, problem.column))
        raise PolicyInvalid(tuple(in_order))
    policy = Policy(**{name: value for name, value in values.items() if name != "version"})
    return replace(policy, digest=hashlib.sha256(effective(policy).encode()).hexdigest())


def load_file(path: Path, *, backends: Mapping[str, BackendKind]) -> Policy:
    """The policy in the file. Raises PolicyInvalid, also where the file cannot be read."""
    text = read_text(path)
    return load(text, file=str(path), backends=backends)


def read_text(path: Path) -> str:
    """The file's text, of which no more is read than a policy may hold. Raises PolicyInvalid."""
    try:
        with path.open("rb") as stream:
            content = stream.read(tree.MOST_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, _START, "a readable file", error.strerror or str(error)) from error
    if len(content) > tree.MOST_BYTES:
        raise _unreadable(path, _START, f"at most {tree.MOST_BYTES // 1024} KiB", "a longer file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, start = before.count(b"\n") + 1, before.rfind(b"\n") + 1
        place = Place(line=line, column=len(before[start:].decode("utf-8")) + 1)
        raise _unreadable(path, place, "UTF-8", f"the byte 0x{content[error.start]:02X}") from error


def _values(reading: Reading, root: tree.Node, shape: Record) -> dict[str, Any]:
    """The values by key, BAD among them; none at all where the file holds no mapping."""
    if isinstance(root, Pairs):
        return reading.keys(root, shape, "")
    if not isinstance(root, tree.Refused):
        reading.problem("policy", root.place, expected="a mapping", found=describe(root))
    return {}


def _complete(values: dict[str, Any], reading: Reading, backends: Mapping[str, BackendKind]) -> None:
    """Put in the layer that a policy without `backend` means."""
    if "backend" in reading.places:
        return
    kind = backends.get(DEFAULT_BACKEND)
    if kind is None:
        found = f"nothing, and {DEFAULT_BACKEND} is not there"
        reading.problem("backend", _START, expected="a list of layers", found=found)
        values["backend"] = BAD
        return
    none = Pairs(place=_START, pairs=())
    options = reading.value(none, record(kind.options), f"backend[0].{DEFAULT_BACKEND}")
    layer = BAD if options is BAD else BackendChoice(name=DEFAULT_BACKEND, options=options)
    values["backend"] = (layer,)


def _unreadable(path: Path, place: Place, expected: str, found: str) -> PolicyInvalid:
    problem = Problem(
        file=str(path), line=place.line, column=place.column, field="file", expected=expected, found=found
    )
    return PolicyInvalid((problem,))
