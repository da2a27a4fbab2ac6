"""What the management API tells of this VM: who it is, what it may do, whether it could come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drainer.azure import egress, pools
from drainer.azure.ids import key, parent, short
from drainer.azure.interface import BALANCER_POOLS, references
from drainer.azure.rights import missing, path
from drainer.azure.roles import POOL_LAYERS, Need, needed, roles_for
from drainer.core.policy import BackendChoice, Egress
from drainer.doctor.check import Check, failed, passed, refused, skipped, warned
from drainer.doctor.patience import Patient
from drainer.doctor.subject import Found, Subject, leaving
from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Json

WRONG_ETAG = 'W/"00000000-0000-0000-0000-000000000000"'
"""No resource has it."""


def vm(found: Found) -> Iterator[Check]:
    """This VM and its interfaces are known to the management API."""
    interfaces = ", ".join(short(each) for each in found.interfaces)
    yield passed("vm", f"{short(found.myself.resource_id)} with {interfaces}")


def rights(subject: Subject, found: Found) -> Iterator[Check]:
    """Every right that the policy's layers need is there, as far as permissions can be read."""
    assert subject.arm is not None
    names = [layer.name for layer in subject.azure_layers]
    needs = [
        need
        for interface in found.interfaces.values()
        for need in needed(names, found.myself.resource_id, interface)
    ]
    answers = _permissions(subject.arm, needs)
    if isinstance(answers, DrainerError):
        yield skipped("rights", f"permissions cannot be read ({answers.kind}): the doctor's role allows it")
        return
    lacking = missing(answers, needs)
    if lacking:
        told = "; ".join(f"{need.action} on {short(need.scope)}" for need in dict.fromkeys(lacking))
        roles = " and ".join(f"`drainer {role}`" for role in roles_for(names))
        yield refused("rights", f"missing: {told}", cure=f"assign {roles} (`drainer doctor --roles`)")
        return
    yield passed("rights", f"{len(set(needs))} rights are there")


def _permissions(arm: Patient, needs: list[Need]) -> Mapping[str, Json] | DrainerError:
    """One answer for each scope; a scope that cannot be read is left out, unless none can."""
    answers: dict[str, Json] = {}
    last: DrainerError | None = None
    for scope in dict.fromkeys(need.scope for need in needs):
        try:
            answers[scope] = arm.get(path(scope))
        except DrainerError as error:
            last = error
    return last if last is not None and not answers else answers


def writing(subject: Subject, found: Found) -> Iterator[Check]:
    """An unchanged write of each interface goes through: what was left can be joined again."""
    if not subject.quiet:
        yield skipped("rejoin", "nothing is written: --read-only, or an episode is open")
        return
    assert subject.arm is not None
    for interface_id, interface in found.interfaces.items():
        try:
            subject.arm.put(interface_id, interface, if_match=str(interface.get("etag", "")))
        except Refused as error:
            roles = roles_for(layer.name for layer in subject.azure_layers)
            yield failed("rejoin", error, cure=f"assign `drainer {roles[0]}` (`drainer doctor --roles`)")
        except Transient as error:
            yield warned("rejoin", f"{error.kind}: {error.reason}", cure="ask again in a while")
        else:
            yield passed("rejoin", f"an unchanged write of {short(interface_id)} went through")


def concurrency(subject: Subject, found: Found) -> Iterator[Check]:
    """An unchanged write with an etag that nobody has is refused: no two writers overwrite each other."""
    if not subject.quiet:
        yield skipped("concurrency", "nothing is written: --read-only, or an episode is open")
        return
    assert subject.arm is not None
    shared = [layer for layer in subject.azure_layers if layer.name in POOL_LAYERS]
    for resource_id in dict.fromkeys(_written(shared, found)):
        yield _refuses_stale(subject.arm, resource_id, shared=bool(shared))


def _written(shared: list[BackendChoice], found: Found) -> Iterator[str]:
    """What the layers write: pools where one list is everybody's, else this VM's own interfaces."""
    if not shared:
        yield from found.interfaces
        return
    for layer in shared:
        for interface_id in found.interfaces:
            yield from sorted(leaving(layer, found, interface_id))


def _refuses_stale(arm: Patient, resource_id: str, *, shared: bool) -> Check:
    try:
        arm.put(resource_id, arm.get(resource_id), if_match=WRONG_ETAG)
    except Transient as error:
        if error.kind == "azure-precondition":
            return passed("concurrency", f"a stale write of {short(resource_id)} is refused")
        return warned("concurrency", f"{error.kind}: {error.reason}", cure="ask again in a while")
    except Refused as error:
        return failed("concurrency", error, cure="assign the roles that `drainer doctor --roles` prints")
    told = f"a write of {short(resource_id)} with a stale etag went through"
    if shared:
        return refused("concurrency", f"{told}: siblings' entries could be lost", cure="use azure-nic-pool")
    return warned("concurrency", told, cure="let nobody else write this interface during a drain")


def probes(subject: Subject, found: Found) -> Iterator[Check]:
    """Every rule of the pools has a probe: without one, neither probe nor administrative state has effect."""
    resting = [
        layer.name for layer in subject.policy.backend if layer.name in ("health-probe", "azure-admin-state")
    ]
    for pool in dict.fromkeys(_referenced(found)):
        balancer = found.balancers.get(key(parent(pool)))
        if balancer is None:
            reason = found.unread.get(key(parent(pool)))
            yield skipped("probe", f"the rules of {short(pool)} cannot be read: {reason}")
            continue
        unprobed = pools.unprobed(balancer, pool)
        if not unprobed:
            yield passed("probe", f"every rule of {short(pool)} has one")
            continue
        told = f"no-probe-configured: {', '.join(unprobed)} of {short(pool)} has no probe"
        cure = "give the rule a health probe"
        if resting:
            yield refused("probe", f"{told}, so that {', '.join(resting)} has no effect", cure=cure)
        else:
            yield warned("probe", f"{told}: a VM that fails stays in service", cure=cure)


def _referenced(found: Found) -> Iterator[str]:
    for interface in found.interfaces.values():
        for reference in references(interface, BALANCER_POOLS):
            yield reference.pool


def lockout(subject: Subject, found: Found) -> Iterator[Check]:
    """Out of its pools this VM would still reach the management API, by which alone it comes back."""
    for layer in subject.azure_layers:
        for interface_id, interface in found.interfaces.items():
            left = leaving(layer, found, interface_id)
            if layer.name != "azure-admin-state":  # membership stays, and the way out with it
                yield _told(
                    subject,
                    egress.verdict(interface, found.balancers, found.subnets, leaving=left),
                    where=f"{layer.name}, {short(interface_id)}",
                )


def _told(subject: Subject, verdict: egress.Verdict, *, where: str) -> Check:
    verified = subject.policy.egress is Egress.VERIFIED
    cure = "one of: " + "; ".join(verdict.cures)
    match verdict:
        case egress.Open(reason=reason):
            return passed("self-lockout", f"{where}: {reason}")
        case egress.LockedOut(reason=reason) | egress.Unknown(reason=reason) if verified:
            return warned("self-lockout", f"{where}: {reason}; the policy vouches for a way", cure=cure)
        case egress.LockedOut(reason=reason):
            return refused("self-lockout", f"{where}: {reason}", cure=cure)
        case egress.Unknown(reason=reason):
            return refused("self-lockout", f"{where}: unknown, so taken for locked out: {reason}", cure=cure)
