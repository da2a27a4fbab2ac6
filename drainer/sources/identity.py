"""Who this VM is, from the instance document; facts 3d.

Every primitive there is text, and "" stands for what the platform does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from drainer.core.model import Instant, Unreadable, Vm, elapsed
from drainer.core.naming import same_vm
from drainer.errors import Transient
from drainer.ports import Clock
from drainer.sources.body import JsonObject, json_object, refused_status, wrong_shape
from drainer.transport.http import HttpPeer

PATH = "/metadata/instance?api-version=2021-02-01"
METADATA = {"Metadata": "true"}
TIMEOUT_S = 5.0
PATIENCE = timedelta(seconds=60)
"""How long a named VM waits for an instance document that may yet come."""

_COMING = frozenset({408, 410, 429})
"""4xx that pass: 410 for up to 70 s (facts 3b)."""


@dataclass(frozen=True, slots=True)
class Nameless:
    """There is no instance document here, and nobody gave a name."""


class Identity:
    """Reads the instance document until it is known who this VM is, then keeps the answer.

    Names and ids do not change under a running machine. `given` is the operator's word, "" for none: it
    must agree with the document, and stands alone only where there is none.
    """

    def __init__(self, peer: HttpPeer, clock: Clock, *, given: str = "") -> None:
        self._peer = peer
        self._clock = clock
        self._given = given
        self._asked_first: Instant | None = None
        self._vm: Vm | None = None

    @property
    def vm(self) -> Vm | None:
        """Who this VM is; None until that is known."""
        return self._vm

    def read(self) -> Vm | Nameless | Unreadable:
        """Ask once, unless it is known. `Nameless` is definite; an `Unreadable` may pass."""
        if self._vm is not None:
            return self._vm
        found = self._ask()
        match found:
            case Vm():
                found = self._agreed(found)
            case Nameless() if self._given:
                found = Vm(name=self._given)
            case Unreadable() if self._given and self._waited_enough():
                found = Vm(name=self._given)
            case _:
                pass
        if isinstance(found, Vm):
            self._vm = found
            self._peer.close()
        return found

    def close(self) -> None:
        self._peer.close()

    def _ask(self) -> Vm | Nameless | Unreadable:
        self._asked_first = self._asked_first or self._clock.now()
        try:
            answer = self._peer.get(PATH, headers=METADATA, timeout_s=TIMEOUT_S)
        except Transient as error:
            return Unreadable(kind="name-unknown", reason=f"the instance document: {error.reason}")
        if answer.status == 200:
            return parse_instance(answer.body)
        if 400 <= answer.status < 500 and answer.status not in _COMING:
            return Nameless()
        return Unreadable(
            kind="name-unknown", reason=f"the instance document: {refused_status(answer).reason}"
        )

    def _agreed(self, vm: Vm) -> Vm | Unreadable:
        if not self._given or same_vm(vm.name, self._given):
            return vm
        return Unreadable(
            kind="name-mismatch",
            reason=f"this VM was given as {self._given!r}, and its instance document says {vm.name!r}",
        )

    def _waited_enough(self) -> bool:
        return self._asked_first is not None and elapsed(self._asked_first, self._clock.now()) >= PATIENCE


def parse_instance(body: bytes) -> Vm | Unreadable:
    """The VM that the instance document describes. Never raises; without a name it is unreadable."""
    document = json_object(body)
    if isinstance(document, Unreadable):
        return Unreadable(kind="name-unknown", reason=f"the instance document: {document.reason}")
    compute = document.get("compute")
    if not isinstance(compute, dict) or not _text(compute, "name"):
        reason = wrong_shape("the instance document: expected compute.name").reason
        return Unreadable(kind="name-unknown", reason=reason)
    return Vm(
        name=_text(compute, "name"),
        id=_text(compute, "vmId"),
        update_domain=_text(compute, "platformUpdateDomain"),
        fault_domain=_text(compute, "platformFaultDomain"),
        set_name=_set_name(compute),
        zone=_text(compute, "zone"),
    )


def _set_name(compute: JsonObject) -> str:
    """The scale set by its name, else by the end of its id (flexible sets), else the placement group."""
    flexible = compute.get("virtualMachineScaleSet")
    of_id = _text(flexible, "id").rpartition("/")[2] if isinstance(flexible, dict) else ""
    return _text(compute, "vmScaleSetName") or of_id or _text(compute, "placementGroupId")


def _text(members: JsonObject, name: str) -> str:
    value = members.get(name)
    return value.strip() if isinstance(value, str) else ""
