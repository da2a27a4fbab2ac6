"""Mutants of the decision core as mutmut makes them, and how one takes the place of the shipped code.

Only mutmut's changes are used, not its runner: that one goes through a lookup at every call of the core, and
collects the tests anew for each mutant. Here a function's code object is exchanged in a fork.
"""

from __future__ import annotations
import __future__

import importlib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType

from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents

from tests.mutants.judged import Mutant

CORE = Path(__file__).parents[2] / "drainer" / "core"
GENERATED = re.compile(r"x(?:ǁ(?P<owner>\w+)ǁ|_)(?P<name>\w+?)__mutmut_(?:orig|\d+)")
PROPERTY = "    @property\n"
"""Left out for mutmut, which changes nothing that is decorated. The bodies are functions like others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A mutant, the shipped function and the changed one."""

    mutant: Mutant
    shipped: FunctionType
    mutated: FunctionType

    def take_place(self) -> None:
        """From now on whoever calls the shipped function runs the mutant, in this process."""
        self.shipped.__code__ = self.mutated.__code__
        self.shipped.__defaults__ = self.mutated.__defaults__
        self.shipped.__kwdefaults__ = self.mutated.__kwdefaults__


def mutants_of(module: str) -> Iterator[Made]:
    """Every mutant of this module of the core."""
    path = CORE / f"{module}.py"
    made = mutate_file_contents(str(path), path.read_text("utf-8").replace(PROPERTY, ""))
    shipped = importlib.import_module(f"drainer.core.{module}")
    sources = _functions(made)
    for number in made.mutant_names:
        named = GENERATED.fullmatch(number)
        if named is None:
            raise ValueError(f"{number} is no name that mutmut gives")
        original = re.sub(r"\d+$", "orig", number)
        was, now = changed(sources[original], sources[number])
        owner = f"{named['owner']}." if named["owner"] else ""
        yield Made(
            mutant=Mutant(module=module, function=owner + named["name"], was=was, now=now),
            shipped=_shipped(shipped, named["owner"], named["name"]),
            mutated=_compiled(sources[number], number, shipped),
        )


def modules() -> tuple[str, ...]:
    """The modules of the core, by name."""
    return tuple(sorted(path.stem for path in CORE.glob("*.py") if path.stem != "__init__"))


def _functions(made: MutatedFile) -> dict[str, list[str]]:
    lines = made.code.splitlines()
    return {name: lines[span.start - 1 : span.end] for name, span in made.line_span_by_function_name.items()}


def _shipped(module: ModuleType, owner: str | None, name: str) -> FunctionType:
    found = vars(getattr(module, owner))[name] if owner else getattr(module, name)
    function = found.fget if isinstance(found, property) else found
    if not isinstance(function, FunctionType):
        raise TypeError(f"{module.__name__} {owner} {name} is no function: its code cannot be exchanged")
    return function


def _compiled(source: list[str], name: str, module: ModuleType) -> FunctionType:
    """The mutated function among the module's names."""
    text = textwrap.dedent("\n".join(source))
    flags = __future__.annotations.compiler_flag
    made: dict[str, FunctionType] = {}
    exec(compile(text, f"<{name}>", "exec", flags=flags, dont_inherit=True), vars(module), made)
    return made[name]


def changed(original: list[str], mutated: list[str]) -> tuple[str, str]:
    """The lines that differ, on either side, one under the other; the function's own name is not one.

    Where the same line stands in the function twice, the line above it says which one is meant.
    """
    old, new = ([GENERATED.sub("", line).strip() for line in side] for side in (original, mutated))
    first = _alike(old, new)
    last = _alike(old[first:][::-1], new[first:][::-1])
    if old.count(old[first]) > 1:
        first -= 1
    return "\n".join(old[first : len(old) - last]), "\n".join(new[first : len(new) - last])


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines both begin with."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
