"""`drainer rescue`: from anywhere with rights, find interfaces that carry our mark, and undo what it records.

It needs no journal and no daemon: the mark was written in the same write that took the VM out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from drainer.azure.ids import key, named, parent, short
from drainer.azure.rescuing import Stranded, commands, gone, restored, stranded
from drainer.azure.whoami import myself
from drainer.doctor.patience import Patient
from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Json

SCHEMA = 1
NICS = "/providers/Microsoft.Network/networkInterfaces"
TRIES = 5
"""So often a write is made anew after somebody else's came between."""


def find(arm: Patient, scopes: Sequence[str], *, vm_id: str = "") -> Iterator[Stranded]:
    """Marked interfaces of the scopes: subscriptions, resource groups, interfaces; none: this VM's own.

    Raises what Arm raises.
    """
    interfaces = _in(arm, scopes) if scopes else (arm.get(each) for each in myself(arm).interfaces)
    for interface in interfaces:
        if (found := stranded(interface, vm_id=vm_id)) is not None:
            yield found


def _in(arm: Patient, scopes: Iterable[str]) -> Iterator[Json]:
    for scope in scopes:
        if _is_interface(scope):
            yield arm.get(scope)
            continue
        listed = arm.get(f"{scope.rstrip('/')}{NICS}").get("value")
        yield from (each for each in listed or () if isinstance(each, dict))


def _is_interface(scope: str) -> bool:
    found = named(scope)
    return found is not None and found.kind == "microsoft.network/networkinterfaces"


def scope_of(text: str) -> str:
    """A subscription's bare id counts as one. Raises ValueError("expected …, got …")."""
    bare = text.strip()
    scope = bare if bare.startswith("/") else f"/subscriptions/{bare}"
    match scope.rstrip("/").split("/"):
        case ["", "subscriptions", _] | ["", "subscriptions", _, "resourceGroups" | "resourcegroups", _]:
            return scope.rstrip("/")
        case _ if _is_interface(scope):
            return scope
    raise ValueError(f"expected the id of a subscription, a resource group or an interface, got {text!r}")


def rescue(arm: Patient, found: Stranded) -> tuple[str, ...]:
    """Give back what the mark records and take it off; pools that are gone, by name, are left out.

    Raises what Arm raises; Refused "mark-unreadable" where nobody knows what was taken; Refused
    "entry-gone" where no pool of it is left; Transient "not-restored" where a reading shows otherwise.
    """
    if found.owner is None:
        raise Refused("mark-unreadable", f"the mark of {short(found.id)} does not say what was taken")
    left = gone(found, _owners(arm, found))
    if left and len(left) == len(found.owner.taken):
        raise Refused("entry-gone", f"no longer there: {', '.join(short(each.pool) for each in left)}")
    written = _written(arm, found)
    again = stranded(written)
    missing = [each for each in _owed_after(found, written) if each not in left]
    if again is not None or missing:
        raise Transient("not-restored", f"{short(found.id)} was written, and is not as it should be")
    return tuple(short(each.pool) for each in left)


def _written(arm: Patient, found: Stranded) -> Json:
    """Write until it goes through; each time from the interface as it is then. The interface after it."""
    for _ in range(TRIES):
        left = gone(found, _owners(arm, found))
        body = restored(found, left)
        try:
            arm.put(found.id, body, if_match=str(found.interface.get("etag", "")))
        except Transient as error:
            if error.kind not in ("azure-precondition", "azure-lost"):
                raise
        fresh = arm.get(found.id)
        again = stranded(fresh)
        if again is None or again.owner is None:
            return fresh
        found = again
    raise Transient("not-restored", f"others keep writing {short(found.id)}")


def _owed_after(found: Stranded, written: Json) -> list[Any]:
    return list(Stranded(interface=written, owner=found.owner).owed)


def _owners(arm: Patient, found: Stranded) -> dict[str, Json | None]:
    """The balancers and gateways that are owed a reference, by key; None: gone; left out: unreadable."""
    owners: dict[str, Json | None] = {}
    for reference in found.owed:
        owner = parent(reference.pool)
        try:
            owners[key(owner)] = arm.get(owner)
        except DrainerError as error:
            if error.kind == "azure-not-found":
                owners[key(owner)] = None
    return owners


def as_object(found: Stranded, *, outcome: str, reason: str = "") -> dict[str, Any]:
    """One interface, as docs/interfaces.md describes it."""
    return {
        "interface": found.id,
        "vm_id": found.owner.vm_id if found.owner else None,
        "since": found.owner.since if found.owner else None,
        "owed": [{"pool": each.pool, "configuration": each.configuration} for each in found.owed],
        "undo": list(commands(found)),
        "outcome": outcome,
        "reason": reason or None,
    }


def main(
    arm: Patient, scopes: Sequence[str], *, vm_id: str = "", run: bool = False, as_json: bool = False
) -> int:
    """Print what is marked, or undo it; 1 where something could not be undone. Raises what Arm raises."""
    import json

    marked = find(arm, scopes, vm_id=vm_id)
    told = [_rescued(arm, each) if run else as_object(each, outcome="marked") for each in marked]
    if as_json:
        print(json.dumps({"schema": SCHEMA, "interfaces": told}))
    else:
        print("\n".join(_lines(told)))
    return 1 if any(each["outcome"] == "failed" for each in told) else 0


def _rescued(arm: Patient, found: Stranded) -> dict[str, Any]:
    try:
        left = rescue(arm, found)
    except DrainerError as error:
        return as_object(found, outcome="failed", reason=f"{error.kind}: {error.reason}")
    return as_object(found, outcome="restored", reason=f"gone: {', '.join(left)}" if left else "")


def _lines(told: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not told:
        yield "no interface here carries drainer's mark"
    for each in told:
        pools = ", ".join(short(owed["pool"]) for owed in each["owed"]) or "nothing is missing, only marked"
        whose = f" by VM {each['vm_id']}" if each["vm_id"] else ""
        since = each["since"] or "?"
        yield f"{short(each['interface'])}: {each['outcome']}; out of {pools} since {since}{whose}"
        if each["reason"]:
            yield f"  {each['reason']}"
        if each["outcome"] != "restored":
            yield from (f"  {command}" for command in each["undo"])
