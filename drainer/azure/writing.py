"""One write at a time: begun, asked after until it is final, never repeated while it may still run.

It knows no kind of resource, and does not read back: whoever wrote does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Arm, Failed, Json, Operation, Running


class Purpose(Enum):
    """Why something is written."""

    PROOF = "proof"  # unchanged, to see that it may be written
    REMOVE = "remove"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """`names`: the entries that it is about."""

    purpose: Purpose
    resource_id: str
    body: Json
    if_match: str
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """Final, and the service gave up on it."""

    write: Write
    code: str
    reason: str


class Writer:
    """At most one write is under way; one whose answer was lost is over here, and has to be read."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self._write: Write | None = None
        self._operation: Operation | None = None

    @property
    def under_way(self) -> Write | None:
        return self._write

    def begin(self, write: Write) -> None:
        """Begin it, also where its answer is slow: `advance` collects that.

        Raises what `Arm.begin_put` raises; then nothing of it is under way that this process could follow.
        """
        assert self._write is None, "two writes at a time"
        self._write, self._operation = write, None
        self._accept(write)

    def advance(self) -> Write | Spoiled | None:
        """The write, once it is final; None while it runs. Raises Transient where it cannot be told now."""
        write = self._write
        if write is None:
            return None
        if self._operation is None and not self._accept(write):
            return None
        assert self._operation is not None
        try:
            state = self._arm.operation(self._operation)
        except Refused:
            return self._final(write)  # it cannot be followed: the resource itself says when it is done
        except Transient as error:
            if error.kind == "azure-slow":
                return None
            raise
        match state:
            case Running():
                return None
            case Failed(code=code, reason=reason):
                return Spoiled(write=self._final(write), code=code, reason=reason)
            case _:
                return self._final(write)

    def forget(self) -> None:
        self._write = self._operation = None

    def _accept(self, write: Write) -> bool:
        try:
            self._operation = self._arm.begin_put(write.resource_id, write.body, if_match=write.if_match)
        except DrainerError as error:
            if error.kind == "azure-slow":
                return False
            self._write = None
            raise
        return True

    def _final(self, write: Write) -> Write:
        self._write = self._operation = None
        return write
