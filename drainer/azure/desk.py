"""What one layer needs to deal with the management API: reads, one write at a time, proofs, refusals.

It knows no kind of resource, and which writes are needed it leaves to the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from drainer.azure import ids
from drainer.azure.nowhere import Nowhere
from drainer.azure.proving import Proofs
from drainer.azure.reads import Reads
from drainer.azure.refusals import RIGHTS, Refusals
from drainer.azure.writing import Purpose, Spoiled, Write, Writer
from drainer.core.model import Instant, Pending, Progress, elapsed
from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Arm
from drainer.ports import Surroundings

VERB_ASKS_WITHIN = timedelta(seconds=3)
"""A verb whose write runs is asked again about twice a second, while it is still wanted."""

NOT_DONE = frozenset({"azure-precondition", "azure-throttled", "azure-locked", "azure-token"})
"""What the service says no with before it does anything."""

T = TypeVar("T")


class Desk:
    """One layer's own; the API behind it is shared."""

    def __init__(self, around: Surroundings) -> None:
        self.arm: Arm = around.arm or Nowhere()
        self.reads = Reads(self.arm, around.clock)
        self.writer = Writer(self.arm)
        self.proofs = Proofs(clock=around.clock)
        self.refusals = Refusals(around.clock)
        self._clock = around.clock
        self._asked_at: Instant | None = None
        self._touched = False

    def verb(self, verb: Callable[[], T]) -> T:
        """One call of a port's verb: what it reads is one round."""
        self._touched = _changes(self.writer.under_way)
        try:
            result = read_as_ours(verb)
        except DrainerError as error:
            error.untouched = not self._touched
            self.reads.over(error)
            raise
        self.reads.over()
        return result

    def begin(self, write: Write, reason: str) -> Progress:
        """Begin a write. One that lost a race is no failure: it is made again on what is there then."""
        self._asked_at = self._clock.now()
        try:
            self.writer.begin(write)
        except Transient as error:
            self._touched |= _changes(write) and error.kind not in NOT_DONE
            if error.kind != "azure-precondition":
                raise
            return Pending(
                reason=f"{ids.short(write.resource_id)} changed meanwhile: reading it again",
                untouched=not self._touched,
            )
        except Refused as error:
            raise self._judged(error, write) from error
        self._touched |= _changes(write)
        return Pending(reason=reason, untouched=not self._touched)

    def glance(self) -> None:
        """For a reading: leave the write to the verb that began it, as long as that keeps asking.

        So it is the verb that ends with a clean answer, and not a reading that happened to come first.
        """
        asked = self._asked_at
        if asked is None or elapsed(asked, self._clock.now()) > VERB_ASKS_WITHIN:
            self.settle()

    def settle(self) -> None:
        """Ask after the write that runs, if any. Raises where the service gave up on it."""
        asked = self.writer.under_way
        if asked is None:
            return
        try:
            outcome = self.writer.advance()
        except Transient as error:
            if error.kind == "azure-precondition":
                return  # a slow answer came, and it was that
            raise
        except Refused as error:
            raise self._judged(error, asked) from error
        match outcome:
            case Spoiled(write=write, code=code, reason=reason):
                if write.purpose is Purpose.PROOF and "authorization" in code.casefold():
                    raise self._judged(Refused("azure-forbidden", f"{code}: {reason}"), write)
                raise Transient("azure-failed", f"{ids.short(write.resource_id)}: {code}: {reason}")
            case Write(purpose=Purpose.PROOF, resource_id=proven):
                self.proofs.prove(proven)

    def running(self) -> Progress | None:
        """Pending while a write of this layer runs."""
        self._asked_at = self._clock.now()
        self.settle()
        write = self.writer.under_way
        if write is None:
            return None
        told = f"the write to {ids.short(write.resource_id)} still runs"
        return Pending(reason=told, untouched=not _changes(write))

    def rest(self) -> bool:
        """Forget everything, and let the API rest; False while a write runs."""
        if self.writer.under_way is not None:
            return False
        self.reads.forget()
        self.proofs.at.clear()
        self.refusals.forget()
        self.arm.rest()
        return True

    def _judged(self, error: Refused, write: Write) -> Refused:
        """What may not be written may not be left; what is to come back is asked for again."""
        if write.purpose is Purpose.RESTORE or error.kind not in RIGHTS:
            return error
        told = f"this VM could not put itself back: {error.reason}"
        return self.refusals.refuse(Refused("cannot-rejoin", told))


def _changes(write: Write | None) -> bool:
    """A proof writes what is there already: should it land late, it changes nothing."""
    return write is not None and write.purpose is not Purpose.PROOF


def read_as_ours(verb: Callable[[], T]) -> T:
    """An answer of a shape that the API does not have (a text for an object, a list for a text) is one that
    cannot be read: it must not stop the layers beside this one. Raises Transient "azure-odd-answer"."""
    try:
        return verb()
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise Transient(
            "azure-odd-answer", f"an answer of the management API has an unknown shape: {error}"
        ) from error
