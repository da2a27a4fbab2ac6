"""Everything `decide` may look at, already folded: a snapshot of the world and the journal at one instant.

Knows no policy, no document, no clock: `drainer.core.assess` made it from those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from drainer.core.model import Face, Phase, Stage


class Reads(Enum):
    """What the document, the wishes and the policy come to."""

    UNREADABLE = "unreadable"
    THREAT = "threat"
    QUIET = "quiet"


class Lease(Enum):
    """The lease by the journal and the clock."""

    NONE = "none"
    HELD = "held"
    DUE = "due"  # renewal due
    EXPIRED = "expired"  # expired while the journal says held


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer. "In at Open" speaks of its entries; an adopted layer counts every entry as such."""

    name: str
    cordons: bool
    isolates: bool
    face: Face
    recorded: bool = True  # it was read when the episode opened, or since
    was_in: bool = True  # some entry was in at Open
    newly_in: bool = False  # an entry takes new work that was not recorded as in
    reads_in: bool = False  # an entry that was in at Open takes new work
    missing: bool = False  # an entry that was in at Open takes none
    to_isolate: bool = False  # it isolates, and an entry that was in at Open is not isolated yet
    intended: bool = False
    done: bool = False  # its Cordon was answered cleanly or read back, and no Restore tried since
    unsettled: bool = False  # a write of ours without a clean answer can still land
    under_way: bool = False  # read, and its Cordon was answered "under way" and not otherwise since
    last_in: bool = False  # this life of the daemon last read it In

    @property
    def readable(self) -> bool:
        return self.face is not Face.UNREADABLE

    @property
    def ours(self) -> bool:
        """Ours to give back: it was In, we intended it out, and nobody returned it since."""
        return self.was_in and self.intended

    @property
    def maybe_in(self) -> bool:
        """Unread, was In, and its Cordon not answered: it may still take new work."""
        return not self.readable and self.was_in and not self.done


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Something that says "not yet". Only a hard one holds past force."""

    name: str
    hard: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A Scheduled event of this threat that the rules allow to acknowledge and that is not yet.

    `unproven`: it may go without proof of drain. `siblings`: it names other VMs.
    """

    event_id: str
    unproven: bool = False
    siblings: bool = False
    published: bool = False
    published_by_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    reads: Reads
    layers: tuple[Layer, ...] = ()
    open: bool = False
    quiet_noted: bool = False
    terms_noted: bool = True
    past_force: bool = False
    gates: tuple[Gate, ...] = ()
    uses_budget: bool = False
    takes_rebooting: bool = True
    lease: Lease = Lease.NONE
    phase: Phase | None = None
    release_owed: bool = False  # an acquire was tried, and what it took may stand
    lease_unsettled: bool = False
    yielded: bool = False
    cordoned_noted: bool = False
    before_deadline: bool = True
    busy: bool = True  # work in flight, or unmeasured, or not quiet for long enough
    hooks_due: frozenset[Stage] = frozenset()
    hook_aborted: bool = False  # before-restore said no
    acks: tuple[Ack, ...] = ()
    settled: bool = False
    hold: bool = False
    healthy: bool = True
    backing_off: Mapping[str, timedelta] = field(default_factory=dict)
    wake_after: timedelta | None = None

    # --- layers folded ---

    @property
    def drain_face(self) -> tuple[Layer, ...]:
        return drain_face(self.layers)

    @property
    def isolating(self) -> tuple[Layer, ...]:
        face = self.drain_face
        return tuple(
            layer for layer in self.layers if layer.isolates and (layer.cordons or layer not in face)
        )

    @property
    def face_in(self) -> bool:
        """The drain face is In or Partial."""
        return any(layer.reads_in for layer in self.drain_face)

    @property
    def face_maybe_in(self) -> bool:
        """Past force, the drain face is unread and may still take work."""
        return self.past_force and any(layer.maybe_in for layer in self.drain_face)

    @property
    def resting_in(self) -> bool:
        """Somebody put this VM back twice, and it takes work: it is theirs now."""
        return self.yielded and self.face_in

    @property
    def to_cordon(self) -> tuple[str, ...]:
        return names(
            layer for layer in self.drain_face if layer.reads_in or (self.past_force and layer.maybe_in)
        )

    @property
    def to_ask_after(self) -> tuple[str, ...]:
        """Out or leaving by a Cordon that was answered "under way": asked again, it ends cleanly."""
        if self.gates or (self.uses_budget and not self.lease_live):
            return ()
        return names(layer for layer in self.drain_face if layer.under_way and not layer.reads_in)

    @property
    def forced(self) -> bool:
        """A cordon now is one that the budget or a soft gate would have held back before force."""
        over = self.soft_gate is not None or (self.uses_budget and not self.lease_live)
        return self.past_force and over

    @property
    def to_isolate(self) -> tuple[str, ...]:
        return names(layer for layer in self.isolating if layer.to_isolate)

    @property
    def to_restore(self) -> tuple[str, ...]:
        """Ours and not In, lowest first."""
        return tuple(reversed(names(layer for layer in self.layers if layer.ours and layer.missing)))

    @property
    def ours_unread(self) -> bool:
        return any(layer.ours and not layer.readable for layer in self.layers)

    @property
    def returned(self) -> tuple[str, ...]:
        """Layers that somebody gave back, wholly or in part, while we intended them out.

        In part counts once only after a clean Cordon: a half-done cordon is retried, not given up.
        """
        return names(
            layer
            for layer in self.layers
            if layer.reads_in and layer.intended and not layer.unsettled and (layer.done or not layer.missing)
        )

    @property
    def joining(self) -> tuple[str, ...]:
        """Layers whose record is not what we would have to give back: an operator put in what was out, or
        took out what was in before we touched it; or they are read for the first time.
        """
        return names(
            layer for layer in self.layers if layer.readable and (layer.newly_in or _not_as_ours(layer))
        )

    @property
    def read_out(self) -> tuple[str, ...]:
        """Layers of the drain face that were read back out."""
        return names(layer for layer in self.drain_face if layer.readable and not layer.reads_in)

    @property
    def given_back(self) -> tuple[str, ...]:
        """Layers that stand wholly as they were while we intended them out."""
        return names(
            layer
            for layer in self.layers
            if layer.reads_in and not layer.missing and layer.intended and not layer.unsettled
        )

    @property
    def face_out(self) -> bool:
        """Every cordoning layer is Leaving or Out, or unread with its Cordon done or force past."""
        return all(
            not layer.reads_in if layer.readable else layer.done or self.past_force
            for layer in self.drain_face
        )

    @property
    def drained(self) -> bool:
        """The drain face was read back Out and nothing is in flight."""
        return not self.busy and all(layer.face is Face.OUT for layer in self.drain_face)

    @property
    def proven(self) -> bool:
        """The proof of drain: every layer read back, isolated where it isolates, nothing in flight."""
        return (
            self.drained
            and all(layer.readable for layer in self.layers)
            and not self.to_isolate
            and bool(self.layers)
        )

    # --- gates and leases folded ---

    @property
    def hard_gate(self) -> Gate | None:
        return next((gate for gate in self.gates if gate.hard), None)

    @property
    def soft_gate(self) -> Gate | None:
        return next((gate for gate in self.gates if not gate.hard), None)

    @property
    def lease_live(self) -> bool:
        return self.lease in (Lease.HELD, Lease.DUE)

    @property
    def renewal_due(self) -> bool:
        return self.lease in (Lease.DUE, Lease.EXPIRED)

    @property
    def rebooting(self) -> bool:
        """A lease that outlives this daemon is held."""
        return self.lease_live and self.phase is Phase.REBOOTING

    @property
    def rebooting_wanted(self) -> bool:
        return self.uses_budget and self.takes_rebooting

    @property
    def unsettled(self) -> bool:
        """A write or an acquire of ours can still land."""
        return self.lease_unsettled or any(layer.unsettled for layer in self.layers)

    @property
    def acks_now(self) -> tuple[Ack, ...]:
        """Acknowledgements that the drain allows now."""
        return tuple(ack for ack in self.acks if self.proven or ack.unproven)


def drain_face(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers that cordon; where none does, the first one's removal is its cordon."""
    return tuple(layer for layer in layers if layer.cordons) or layers[:1]


def _not_as_ours(layer: Layer) -> bool:
    """Nothing of ours touched the layer, and it is not recorded as it reads."""
    return not layer.intended and not layer.unsettled and (not layer.recorded or layer.missing)


def names(layers: Iterable[Layer]) -> tuple[str, ...]:
    return tuple(layer.name for layer in layers)
