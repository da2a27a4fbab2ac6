"""The layer of a VM's own interfaces: proof before removal, one write at a time, the fewest calls."""

from __future__ import annotations

from datetime import timedelta

import pytest

from drainer.azure import mark
from drainer.azure.ids import key
from drainer.core.model import Done, Face, Membership, Pending, Standing, Unmeasured
from drainer.errors import Refused, Transient
from drainer.ports import Guarded, Marking, Resting
from drainer.testing.management import Fault
from tests import azure_documents as documents
from tests.unit.azure.rig import API, EGRESS, JOIN, NIC, WEB, WRITE, Rig


def names(read: Membership) -> list[str]:
    return [entry.name for entry in read.entries]


# --- calls ----------------------------------------------------------------------------------------


def test_nothing_is_asked_before_a_notice() -> None:
    """Resting, naming itself and telling how to undo cost no call."""
    rig = Rig()
    rig.layer.rest()
    assert "az network" in rig.layer.undo()
    assert (rig.layer.refusal, rig.layer.isolates) == ("", True)
    assert isinstance(rig.layer.in_service_count(), Unmeasured)
    assert rig.arm.calls == []


def test_calls_of_a_whole_episode() -> None:
    """One instance document, ten reads, three writes and three polls from first look to last."""
    rig = Rig()
    was = rig.layer.membership()
    rig.leave(was)
    assert rig.layer.membership().face is Face.OUT
    rig.back(was)
    counted = {verb: rig.arm.count(verb) for verb in ("instance", "get", "put", "poll")}
    assert counted == {"instance": 1, "get": 10, "put": 3, "poll": 3}


def test_a_running_write_is_asked_after_and_nothing_else_is_read() -> None:
    """While a write of ours runs, a look costs one poll and reads leaving what the write removes."""
    rig = Rig(polls=5)
    was = rig.layer.membership()
    while not (write := rig.layer._desk.writer.under_way) or write.purpose.value != "remove":
        rig.layer.isolate(was)
    reads = rig.arm.count("get")
    assert [entry.standing for entry in rig.layer.membership().entries] == [Standing.LEAVING]
    assert rig.layer.isolate(was) != Done()
    assert rig.arm.count("get") == reads


def test_every_write_names_the_etag_it_read() -> None:
    """If-Match goes with each PUT."""
    rig = Rig()
    was = rig.layer.membership()
    rig.leave(was)
    rig.back(was)
    assert all(call.if_match for call in rig.arm.calls if call.verb == "put")


# --- which pools ----------------------------------------------------------------------------------


def test_inbound_pools_alone_are_members() -> None:
    """A pool that an outbound rule uses is not left."""
    rig = Rig()
    was = rig.layer.membership()
    assert names(was) == ["lb/web"]
    rig.leave(was)
    assert rig.pools() == [EGRESS]


def test_a_second_configuration_has_a_longer_name() -> None:
    """Two configurations in one pool are two entries, the primary one with the short name."""
    rig = Rig()
    rig.world.put(
        documents.nic(
            "nic1",
            documents.configuration("another", WEB, primary=False),
            documents.configuration("ipconfig1", WEB),
        )
    )
    was = rig.layer.membership()
    assert names(was) == ["lb/web", "lb/web@nic1/another"]
    before = mark.bare(rig.nic)
    rig.leave(was)
    rig.back(was)
    assert mark.bare(rig.nic) == before


def test_several_interfaces_are_written_one_after_the_other() -> None:
    """All are proven before any leaves, and never are two writes in flight."""
    rig = Rig(polls=3)
    rig.world.put(documents.vm("vm1", "nic1", "nic2"))
    was = rig.layer.membership()
    assert names(was) == ["lb/web", "lb/web@nic2/ipconfig1"]
    rig.leave(was)
    puts = [call.resource_id for call in rig.arm.calls if call.verb == "put"]
    assert puts == [NIC, documents.nic_id("nic2")] * 2
    rig.back(was)
    assert rig.layer.membership() == was


def test_a_named_pool_that_this_vm_is_not_in_reads_out() -> None:
    """What the policy names is an entry, in or out, by short name or by id."""
    rig = Rig(pools=("LB/web", API.upper()))
    read = rig.layer.membership()
    assert [(entry.name.casefold(), entry.standing) for entry in read.entries] == [
        ("lb/api", Standing.OUT),
        ("lb/web", Standing.IN),
    ]


# --- proof and refusal ----------------------------------------------------------------------------


def test_what_it_cannot_join_it_does_not_leave() -> None:
    """Removal passes where joining is denied: the unchanged write shows it, and nothing is removed."""
    rig = Rig()
    was = rig.layer.membership()
    before = mark.bare(rig.nic)
    rig.world.denied.add(JOIN)
    with pytest.raises(Refused) as refused:
        rig.leave(was)
    assert refused.value.kind == "cannot-rejoin"
    assert JOIN in refused.value.reason
    assert JOIN in rig.layer.refusal
    assert not rig.layer.isolates
    assert mark.bare(rig.nic) == before


@pytest.mark.parametrize("right", [WRITE, JOIN])
def test_a_refusal_asks_nothing_for_a_while_then_tries_again(right: str) -> None:
    """Asked at once it refuses without a call; a minute later it looks whether the right is there now."""
    rig = Rig()
    was = rig.layer.membership()
    rig.world.denied.add(right)
    with pytest.raises(Refused):
        rig.leave(was)
    asked = len(rig.arm.calls)
    with pytest.raises(Refused):
        rig.layer.isolate(was)
    assert len(rig.arm.calls) == asked
    rig.world.denied.clear()
    rig.clock.advance(timedelta(minutes=1))
    rig.leave(was)
    assert (rig.layer.isolates, rig.layer.refusal) == (True, "")


def test_rest_forgets_a_refusal() -> None:
    """At the next notice the layer tries afresh."""
    rig = Rig()
    was = rig.layer.membership()
    rig.world.denied.add(WRITE)
    with pytest.raises(Refused):
        rig.leave(was)
    rig.layer.rest()
    assert rig.layer.isolates


def test_a_proof_is_good_for_an_hour() -> None:
    """What was proven longer ago is proven again before the next removal."""
    rig = Rig()
    was = rig.layer.membership()
    rig.leave(was)
    rig.back(was)
    rig.leave(was)
    assert rig.arm.count("put") == 4
    rig.back(was)
    rig.clock.advance(timedelta(hours=1))
    rig.leave(was)
    assert rig.arm.count("put") == 7


def test_the_only_way_out_is_not_left() -> None:
    """Where the pool is the way to the management API, nothing is written and the cures are named."""
    rig = Rig()
    rig.world.put(documents.balancer("web", snat=True))
    private = documents.subnet(gateway=False)
    private["properties"]["defaultOutboundAccess"] = False
    rig.world.put(private)
    rig.world.put(documents.nic("nic1", documents.configuration("ipconfig1", WEB)))
    was = rig.layer.membership()
    with pytest.raises(Refused) as refused:
        rig.leave(was)
    assert refused.value.kind == "locked-out"
    assert "NAT gateway" in refused.value.reason
    assert rig.arm.count("put") == 0


def test_an_unreadable_way_out_counts_as_none() -> None:
    """Without the right to read the subnet the layer is left alone, unless the policy vouches."""
    for verified in (False, True):
        rig = Rig(egress_verified=verified)
        rig.world.put(documents.balancer("web", snat=True))
        rig.world.put(documents.nic("nic1", documents.configuration("ipconfig1", WEB)))
        rig.world.denied.add("Microsoft.Network/virtualNetworks/subnets/read")
        was = rig.layer.membership()
        if verified:
            rig.leave(was)
            continue
        with pytest.raises(Refused) as refused:
            rig.leave(was)
        assert refused.value.kind == "egress-unknown"
        assert "egress: verified" in rig.layer.refusal


def test_a_uniform_instance_is_told_so() -> None:
    """The network API cannot write a uniform instance's interface: refused, with another way named."""
    rig = Rig()
    rig.arm._instance["compute"]["resourceId"] = (
        documents.SUBSCRIPTION + "/Microsoft.Compute/virtualMachineScaleSets/set/virtualMachines/0"
    )
    with pytest.raises(Refused, match="health-probe"):
        rig.layer.membership()
    assert not rig.layer.isolates
    assert "health-probe" in rig.layer.refusal


# --- trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("verb", ["get", "put", "poll"])
@pytest.mark.parametrize("at", range(4))
def test_a_fault_anywhere_delays_and_harms_nothing(fault: Fault, verb: str, at: int) -> None:
    """Whatever befalls whichever call, the end is out, then the beginning again, byte for byte."""
    rig = Rig(polls=2)
    was = rig.layer.membership()
    before = mark.bare(rig.nic)
    for direction in (rig.leave, rig.back):
        for _ in range(at):
            rig.arm.faults[verb].append(Fault.SLOW)
        rig.arm.arm(verb, fault)
        direction(was)
        rig.arm.faults[verb].clear()
        assert rig.layer.membership().face is (Face.OUT if direction == rig.leave else Face.IN)
    assert mark.bare(rig.nic) == before
    assert not mark.is_marked(rig.nic)


@pytest.mark.case("etag-conflict")
def test_others_changes_between_read_and_write_are_kept() -> None:
    """A write that comes in between makes ours fail, be read again and be made upon it."""
    rig = Rig()
    was = rig.layer.membership()
    races = iter(range(2))

    def race() -> None:
        if next(races, None) is not None:
            rig.world.put({**rig.nic, "tags": {**rig.nic.get("tags", {}), "theirs": "new"}})

    for direction in (rig.leave, rig.back):
        races = iter(range(2))
        rig.arm.before_put = race
        direction(was)
    assert rig.nic["tags"] == {"theirs": "new"}
    assert rig.layer.membership() == was


def test_a_write_of_others_is_waited_for() -> None:
    """While the interface updates by somebody's hand, nothing is written."""
    rig = Rig()
    was = rig.layer.membership()
    rig.world.running[key(NIC)] = 3
    assert isinstance(rig.layer.isolate(was), Pending)
    assert isinstance(rig.layer.restore(was), Pending)
    assert rig.arm.count("put") == 0


@pytest.mark.case("throttled")
def test_a_throttle_is_obeyed_by_looks_and_not_by_verbs() -> None:
    """Until the time that the service named, a look repeats its answer without a call; a verb asks."""
    rig = Rig()
    was = rig.layer.membership()
    rig.arm.arm("get", Fault.THROTTLED)
    with pytest.raises(Transient):
        rig.layer.membership()
    asked = len(rig.arm.calls)
    rig.clock.advance(timedelta(seconds=10))
    with pytest.raises(Transient) as throttled:
        rig.layer.membership()
    assert throttled.value.kind == "azure-throttled"
    assert throttled.value.retry_after == timedelta(seconds=7)
    assert len(rig.arm.calls) == asked
    assert isinstance(rig.layer.isolate(was), Pending)
    rig.clock.advance(timedelta(seconds=8))
    assert rig.layer.membership() == was


def test_an_operation_that_cannot_be_followed_is_read_instead() -> None:
    """Without the right to read operations, the interface's own state tells when a write is over."""
    rig = Rig(polls=4)
    rig.world.denied.add("Microsoft.Network/locations/operations/read")
    was = rig.layer.membership()
    rig.leave(was)
    assert rig.pools() == [EGRESS]
    rig.back(was)
    assert rig.layer.membership() == was


def test_an_interface_that_was_replaced_is_found_again() -> None:
    """After a redeploy with a new interface, what was taken from the old one is given to the new one."""
    rig = Rig()
    was = rig.layer.membership()
    rig.leave(was)
    del rig.world.resources[key(NIC)]
    rig.world.put(documents.vm("vm1", "nic9"))
    rig.world.put(documents.nic("nic9", documents.configuration("other", EGRESS, address="10.0.0.99")))
    rig.back(was)
    replaced = rig.world.resources[key(documents.nic_id("nic9"))]["properties"]["ipConfigurations"][0]
    assert [each["id"] for each in replaced["properties"]["loadBalancerBackendAddressPools"]] == [EGRESS, WEB]
    assert rig.layer.membership().taking_work == was.taking_work


def test_a_pool_that_is_gone_is_dropped_and_the_rest_given_back() -> None:
    """One of two pools was deleted during the drain: the other returns, and which one did not is told."""
    rig = Rig()
    rig.world.put(documents.nic("nic1", documents.configuration("ipconfig1", WEB, API)))
    was = rig.layer.membership()
    rig.leave(was)
    rig.world.remove_pool(WEB)
    rig.back(was)
    assert rig.pools() == [API]
    assert rig.layer.dropped == (WEB,)
    assert not mark.is_marked(rig.nic)


def test_a_rejection_for_another_reason_is_told() -> None:
    """Where every pool is there, what the service calls wrong is raised as it is."""
    rig = Rig()
    was = rig.layer.membership()
    rig.leave(was)
    broken = {
        "applicationGatewayBackendAddressPools": [{"id": f"{documents.NETWORK}/applicationGateways/a/b/c"}]
    }
    rig.nic["properties"]["ipConfigurations"][0]["properties"].update(broken)
    with pytest.raises(Refused) as refused:
        rig.back(was)
    assert refused.value.kind == "azure-rejected"


# --- marks ----------------------------------------------------------------------------------------


def test_the_mark_tells_a_new_process_what_was_taken() -> None:
    """In the same write that removes, the interface is marked: whose, since when, what, and how to undo."""
    rig = Rig()
    was = rig.layer.membership()
    assert rig.layer.mark() is None
    undo = rig.layer.undo()
    rig.leave(was)
    assert mark.undo_of(rig.nic) == undo
    successor = rig.fresh()
    found = successor.mark()
    assert found is not None
    assert (found.vm_id, found.entries) == ("id-of-vm1", was)
    assert found.since.startswith("2026-01-01T")
    assert successor.undo() == undo
    rig.layer = successor
    rig.back(found.entries)
    assert rig.layer.membership() == was


def test_a_stale_mark_is_taken_off() -> None:
    """Over an interface that has everything again, giving back takes off the mark alone."""
    rig = Rig()
    was = rig.layer.membership()
    rig.leave(was)
    configuration = rig.nic["properties"]["ipConfigurations"][0]["properties"]
    configuration["loadBalancerBackendAddressPools"] = [{"id": WEB}, {"id": EGRESS}]
    rig.back(was)
    assert not mark.is_marked(rig.nic)
    assert rig.pools() == [WEB, EGRESS]


# --- counting -------------------------------------------------------------------------------------


def test_other_members_are_counted() -> None:
    """Other interfaces in the pool; a reading is good for as long as the policy says."""
    rig = Rig()
    rig.layer.membership()
    asked = len(rig.arm.calls)
    assert rig.layer.in_service_count() == 1
    assert len(rig.arm.calls) == asked
    rig.world.edit_lists(rig.world.resources[key(documents.nic_id("nic2"))], lambda listed: [])
    rig.clock.advance(timedelta(seconds=31))
    assert rig.layer.in_service_count() == 0


def test_members_that_cannot_be_read_are_unmeasured() -> None:
    """Without the right to read the balancer nobody is counted."""
    rig = Rig(pools=("lb/web",))
    rig.world.denied.add("Microsoft.Network/loadBalancers/read")
    rig.layer.membership()
    assert isinstance(rig.layer.in_service_count(), Unmeasured)


def test_it_is_what_the_reconciler_looks_for() -> None:
    """It rests, leaves marks, and says why it leaves itself alone."""
    layer = Rig().layer
    assert isinstance(layer, Resting)
    assert isinstance(layer, Marking)
    assert isinstance(layer, Guarded)
    layer.close()
