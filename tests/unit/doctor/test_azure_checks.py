"""What the management API's answers mean for a drain: the doctor's checks over a double in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drainer.core.model import Unreadable
from drainer.core.policy import BackendChoice, Egress, Policy, Rule
from drainer.doctor.check import Check, Verdict
from drainer.doctor.examine import examine
from drainer.doctor.patience import Patient
from drainer.doctor.subject import Subject, find
from drainer.errors import Refused, Transient
from drainer.settings import Settings
from tests.unit.azure.cloud import BALANCER, NIC, PERMISSIONS, POOL, SCOPES, SUBNET, VM, cloud
from tests.unit.azure.memory import Cloud

SILENT = Unreadable(kind="unreachable", reason="nothing there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    pools: tuple[str, ...] = ("inbound",)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePool:
    pool: str = "lb/web"


def test_a_vm_that_can_come_back_passes() -> None:
    """All checks of the management API pass, with one unchanged write and one that is refused."""
    here = cloud()
    before = here.get(NIC)
    checks = examined(here)
    assert {name: check.verdict for name, check in checks.items() if name in OURS} == dict.fromkeys(
        OURS, Verdict.PASS
    )
    assert here.writes == [(NIC, before)]


OURS = ("vm", "rights", "rejoin", "concurrency", "probe", "self-lockout")


def test_nothing_is_written_where_it_must_not_be() -> None:
    """With an open episode or --read-only the two writes are left out, and said to be."""
    here = cloud()
    checks = examined(here, quiet=False)
    assert here.writes == []
    assert {checks[name].verdict for name in ("rejoin", "concurrency")} == {Verdict.SKIPPED}


@pytest.mark.parametrize(
    "action",
    [
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Network/loadBalancers/read",
    ],
)
def test_a_missing_right_is_named(action: str) -> None:
    """With any one needed action taken away, the check refuses and names it."""
    here = cloud()
    for scope in SCOPES:
        answer = {"value": [{"actions": ["*"], "notActions": [action]}]}
        here.resources[f"{scope}{PERMISSIONS}".lower()] = answer
    check = examined(here)["rights"]
    assert check.verdict is Verdict.REFUSED
    assert action in check.reason


def test_rights_that_cannot_be_read_are_tried() -> None:
    """Without the doctor's role the list is skipped, and the unchanged write tells the missing action."""
    here = cloud()
    for scope in SCOPES:
        here.denied[f"{scope}{PERMISSIONS}".lower()] = Refused("azure-forbidden", "permissions/read")
    here.unwritable[NIC.lower()] = Refused("azure-forbidden", "no join/action on lb/web")
    checks = examined(here)
    assert checks["rights"].verdict is Verdict.SKIPPED
    assert checks["rejoin"].verdict is Verdict.REFUSED
    assert "join/action" in checks["rejoin"].reason


def test_the_only_way_out_is_never_left() -> None:
    """Where the pool is the only way out the check refuses with cures; vouched for, it warns."""
    refused = examined(cloud(nat=False))["self-lockout"]
    assert refused.verdict is Verdict.REFUSED
    assert "NAT gateway" in refused.cure
    assert examined(cloud(nat=False), egress=Egress.VERIFIED)["self-lockout"].verdict is Verdict.WARN


def test_what_cannot_be_seen_counts_as_locked_out() -> None:
    """Without the right to read the subnet the check refuses."""
    here = cloud()
    here.denied[SUBNET.lower()] = Refused("azure-forbidden", "subnets/read")
    check = examined(here)["self-lockout"]
    assert check.verdict is Verdict.REFUSED
    assert "unknown" in check.reason


@pytest.mark.parametrize(
    ("layers", "verdict"),
    [(("azure-nic-pool",), Verdict.WARN), (("azure-nic-pool", "azure-admin-state"), Verdict.REFUSED)],
)
def test_no_probe_configured(layers: tuple[str, ...], verdict: Verdict) -> None:
    """A rule without a probe warns, and refuses where a layer works by the probe or administrative state."""
    check = examined(cloud(probed=False), layers=layers)["probe"]
    assert check.verdict is verdict
    assert "no-probe-configured: http" in check.reason


def test_a_shared_list_without_concurrency_control_is_refused() -> None:
    """Where stale writes go through, a layer that writes a shared pool is refused; an own interface warns."""
    for layer, verdict in (("azure-ip-pool", Verdict.REFUSED), ("azure-nic-pool", Verdict.WARN)):
        here = cloud()
        here.ignores_etags = True
        assert examined(here, layers=(layer,))["concurrency"].verdict is verdict
    here = cloud()
    assert examined(here, layers=("azure-ip-pool",))["concurrency"].verdict is Verdict.PASS


def test_trouble_that_passes_is_a_warning() -> None:
    """A write that is refused for now says nothing of what would happen later."""
    here = cloud()
    here.unwritable[NIC.lower()] = Transient("azure-lost", "no answer")
    checks = examined(here)
    assert {checks[name].verdict for name in ("rejoin", "concurrency")} == {Verdict.WARN}


def test_a_balancer_that_cannot_be_read() -> None:
    """Its rules are skipped, and the way out is not known."""
    here = cloud(nat=False)
    here.denied[BALANCER.lower()] = Refused("azure-forbidden", "loadBalancers/read")
    checks = examined(here)
    assert checks["probe"].verdict is Verdict.SKIPPED
    assert checks["self-lockout"].verdict is Verdict.REFUSED


@pytest.mark.parametrize("broken", [VM, NIC])
def test_a_vm_that_is_not_found_ends_the_checks_of_azure_alone(broken: str) -> None:
    """What follows from the VM is left out, and every other check is still made."""
    here = cloud()
    here.denied[broken.lower()] = Refused("azure-forbidden", "no read")
    checks = examined(here)
    assert checks["vm"].verdict is Verdict.REFUSED
    assert "rights" not in checks
    assert "service-ports" in checks


def test_pools_are_named_by_the_policy() -> None:
    """A named pool is the one that is left, whether by short name or full id."""
    for name in ("lb/web", POOL):
        check = examined(cloud(nat=False), options=Pools(pools=(name,)))["self-lockout"]
        assert check.verdict is Verdict.REFUSED


def test_a_route_table_is_read_for_the_way_out() -> None:
    """The subnet's route table is asked for its routes, and a default route to an appliance counts."""
    here = cloud(nat=False)
    table = f"{SUBNET}/rt"
    here.resources[SUBNET.lower()]["properties"]["routeTable"] = {"id": table}
    route = {"properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance"}}
    here.resources[table.lower()] = {"id": table, "properties": {"routes": [route]}}
    assert "by route" in examined(here)["self-lockout"].reason
    del here.resources[table.lower()]
    assert examined(here)["self-lockout"].verdict is Verdict.REFUSED


def test_a_slow_answer_is_waited_for() -> None:
    """Calls that are not answered yet are made again, and an answer that never comes is told."""
    here = cloud()
    answers = iter([Transient("azure-slow", "later"), Transient("azure-throttled", "later")])

    class Slow(Cloud):
        def get(self, resource_id: str) -> dict[str, object]:
            if (error := next(answers, None)) is not None:
                raise error
            return Cloud.get(self, resource_id)

    slow = Slow(resources=here.resources, document=here.document)
    assert find(Patient(slow, whole_s=5, pause_s=0.001)).interfaces.keys() == {NIC}
    never = cloud()
    never.denied[VM.lower()] = Transient("azure-slow", "later")
    with pytest.raises(Transient):
        find(Patient(never, whole_s=0.05, pause_s=0.001))


def test_a_write_that_never_ends_is_told() -> None:
    """The proof by an unchanged write is bounded in time, and then a warning."""
    here = cloud()
    here.polls = 10_000
    assert examined(here, whole_s=0.2)["rejoin"].verdict is Verdict.WARN


def examined(
    here: Cloud,
    *,
    layers: tuple[str, ...] = ("azure-nic-pool",),
    options: object = None,
    quiet: bool = True,
    egress: Egress = Egress.UNKNOWN,
    whole_s: float = 10,
) -> dict[str, Check]:
    policy = Policy(rules=(Rule(),), backend=tuple(_layers(layers, options)), egress=egress)
    subject = Subject(
        settings=Settings(state=Path("/tmp"), metadata_url="http://127.0.0.1:9"),
        policy=policy,
        quiet=quiet,
        arm=Patient(here, whole_s=whole_s, pause_s=0.001),
    )
    return {check.name: check for check in examine(subject, SILENT, lambda: ())}


def _layers(names: tuple[str, ...], options: object) -> Iterator[BackendChoice]:
    for name in names:
        own = Pools() if name == "azure-nic-pool" else OnePool()
        yield BackendChoice(name=name, options=options or own)
