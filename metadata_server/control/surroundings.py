"""What the controller can say about all but events: the clock, the switches, faults, pools and hosts."""

from collections.abc import Mapping
from typing import Any

from metadata_server.clock import ManualClock
from metadata_server.commands import (
    Advance,
    EndFault,
    Join,
    Leave,
    Reset,
    SetFault,
    SetSwitch,
    Silence,
    Unsilence,
)
from metadata_server.control.views import switch_view
from metadata_server.errors import Conflict, Problem, Unknown, bad_input
from metadata_server.faults import Fault, FaultKind
from metadata_server.times import format_instant
from metadata_server.world import World

Values = Mapping[str, Any]
Shown = dict[str, object]

_NEEDED = {FaultKind.STATUS: "status", FaultKind.DELAY: "delay", FaultKind.REDIRECT: "location"}


def advance(world: World, values: Values) -> Shown:
    """Move the manual clock on."""
    if not isinstance(world.clock, ManualClock):
        raise Conflict([Problem(field="clock", expected="manual", found="real")])
    after = world.give(Advance(at=world.now(), by=values["by"]))
    return {"now": format_instant(after.now)}


def reset(world: World, values: Values) -> Shown:
    """Let the incarnations begin anew for all who share a document with this VM."""
    scope = world.vm(values["vm"]).scope
    world.give(Reset(at=world.now(), scope=scope))
    return {"scope": scope}


def switch(world: World, values: Values) -> Shown:
    """From now on, behave otherwise at one unconfirmed point."""
    world.timeline().switches.changed(values["name"], values["value"])
    after = world.give(SetSwitch(at=world.now(), name=values["name"], value=values["value"]))
    return switch_view(after.switches, values["name"])


def fault(world: World, values: Values) -> Shown:
    """From now on, misbehave towards this VM."""
    kind: FaultKind = values["kind"]
    needed = _NEEDED.get(kind)
    if needed is not None and needed not in values:
        raise bad_input(needed, expected=f"a value, because kind is {kind}", found=None)
    delay = values["delay"].total_seconds() if "delay" in values else 0.0
    chosen = Fault(
        kind=kind,
        status=values.get("status", 200),
        delay_s=delay,
        path=values.get("path", "/"),
        location=values.get("location", ""),
    )
    name = world.vm(values["vm"]).name
    world.give(SetFault(at=world.now(), vm=name, fault=chosen))
    return {"vm": name, "kind": kind.value}


def mend(world: World, values: Values) -> Shown:
    """End every fault of this VM."""
    name = world.vm(values["vm"]).name
    world.give(EndFault(at=world.now(), vm=name))
    return {"vm": name}


def silence(world: World, values: Values) -> Shown:
    """The VM's host vanishes from the network of the balancers."""
    name = world.vm(values["vm"]).name
    world.give(Silence(at=world.now(), vm=name))
    return {"vm": name}


def unsilence(world: World, values: Values) -> Shown:
    """The VM's host is back."""
    name = world.vm(values["vm"]).name
    world.give(Unsilence(at=world.now(), vm=name))
    return {"vm": name}


def leave(world: World, values: Values) -> Shown:
    """Take the VM out of a pool, or of all."""
    name = world.vm(values["vm"]).name
    pools = _pools(world, name, values)
    for pool in pools:
        world.give(Leave(at=world.now(), pool=pool, vm=name))
    return {"vm": name, "pools": pools}


def join(world: World, values: Values) -> Shown:
    """Put the VM back into a pool, or into all that the topology has it in."""
    name = world.vm(values["vm"]).name
    pools = _pools(world, name, values)
    for pool in pools:
        world.give(Join(at=world.now(), pool=pool, vm=name))
    return {"vm": name, "pools": pools}


def _pools(world: World, vm: str, values: Values) -> list[str]:
    """The pools meant: the one named, or all that the topology has this VM in."""
    its = [pool.name for pool in world.topology.pools if any(member.vm == vm for member in pool.members)]
    wanted = values.get("pool")
    if wanted is None:
        return its
    if wanted not in its:
        expected = f"a pool that the topology has {vm} in ({', '.join(its) or 'none'})"
        raise Unknown([Problem(field="pool", expected=expected, found=repr(wanted))])
    return [wanted]
