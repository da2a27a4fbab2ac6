"""The emulator's errors, split by what the caller must do.

BadInput: correct the request and send it again. Unknown: the thing named is not there. Conflict: it is
there, but not in a state that allows this. BrokenLog: a human must look at the state directory.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with one field."""

    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, found {self.found}"


class EmulatorError(Exception):
    """Anything the emulator refuses; `problems` names every field concerned."""

    kind = "error"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class BadInput(EmulatorError):
    """The request cannot be right whatever the scenario: correct it."""

    kind = "bad_input"


class Unknown(EmulatorError):
    """A VM, an event or a switch of that name does not exist here."""

    kind = "unknown"


class Conflict(EmulatorError):
    """Right in itself, but not now: look at `list` first."""

    kind = "conflict"


class BrokenLog(EmulatorError):
    """The command log cannot be replayed: repair it or start with an empty state directory."""

    kind = "broken_log"


def bad_input(field: str, *, expected: str, found: object) -> BadInput:
    """A BadInput about one field; `found` is shown as Python prints it."""
    return BadInput([Problem(field=field, expected=expected, found=repr(found))])
