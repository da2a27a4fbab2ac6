"""One target under atheris, in a process of its own: libFuzzer ends the process that it runs in.

`python -m tests.fuzz.child MODULE TARGET [libFuzzer's options] [CORPUS…]`. Only the module of the target is
imported, and only what FUZZ_UNDER names is instrumented: both cost seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING

import atheris

from tests.fuzz.modules import PACKAGES, others

if TYPE_CHECKING:
    from tests.fuzz.target import Target

UNDER = "FUZZ_UNDER"
"""Names the modules to explore, with commas between; everything of ours where it is not set."""

Mutator = Callable[[bytes, int, int], bytes]


def main() -> None:
    """Fuzz the target that the first two arguments name. Never returns."""
    module, name = sys.argv[1:3]
    under = os.environ.get(UNDER, ",".join(PACKAGES)).split(",")
    with atheris.instrument_imports(include=list(PACKAGES), exclude=others(under)):
        targets = import_module(module).TARGETS
    target = next(each for each in targets if each.name == name)
    arguments = [sys.argv[0], *sys.argv[3:]]
    mutator = _mutator(target)
    if mutator is None:
        atheris.Setup(arguments, target.one)
    else:
        atheris.Setup(arguments, target.one, custom_mutator=mutator)
    atheris.Fuzz()


def _mutator(target: Target) -> Mutator | None:
    """By the input's form half of the time, else libFuzzer's own."""
    from tests.fuzz.mutate import mutated, mutated_line
    from tests.fuzz.target import Form

    match target.form:
        case Form.JSON:
            by_form = mutated
        case Form.JSON_LINES:
            by_form = mutated_line
        case Form.BYTES:
            return None

    def mutate(found: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        changed = by_form(bytes(found), random) if random.random() < 0.5 else None
        if changed is None or len(changed) > longest:
            return bytes(atheris.Mutate(found, longest))
        return changed

    return mutate


if __name__ == "__main__":
    main()
