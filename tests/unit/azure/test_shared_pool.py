"""One list that all VMs share: what is written, what is refused, and what comes back where."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drainer.azure.shared_list import Was, placed, recorded, seen, written
from drainer.azure.shared_pool import SharedPool
from drainer.backends import azure_admin_state, azure_application_gateway, azure_ip_pool
from drainer.clock import ManualClock
from drainer.core.model import Done, Entry, Face, Membership, Pending, Standing, Unmeasured
from drainer.errors import Refused, Transient
from drainer.management import Json
from drainer.ports import BackendKind
from drainer.testing.management import Fault, MemoryArm, World
from drainer.testing.stand import surroundings
from tests import azure_documents as documents

POOL = documents.pool_id("ips")
POOL_WRITE = "Microsoft.Network/loadBalancers/backendAddressPools/write"
SUBNET_READ = "Microsoft.Network/virtualNetworks/subnets/read"
A, B, C = (documents.address(name, f"10.0.0.{at}") for at, name in enumerate("abc", start=1))


class Rig:
    """vm1 at 10.0.0.2, the second of three in the list."""

    def __init__(self, kind: BackendKind, *, verified: bool = False, **options: Any) -> None:
        self.clock = ManualClock()
        self.world = World(polls=1)
        self.world.put(documents.subnet())
        self.world.put(documents.vm("vm1", "nic1"))
        self.interface("10.0.0.2")
        self.put(A, B, C)
        self.arm = MemoryArm(self.world, documents.instance("vm1"))
        around = replace(surroundings(self.clock), arm=self.arm, egress_verified=verified)
        self.layer: SharedPool = kind.build(kind.options(pool="lb/ips", **options), around)  # type: ignore[assignment]

    def interface(self, address: str) -> None:
        self.world.put(documents.nic("nic1", documents.configuration("ipconfig1", address=address)))

    def put(self, *elements: Json) -> None:
        pool = documents.address_pool("ips", *elements)
        self.world.put(documents.with_pool(documents.balancer("ips"), pool))

    def listed(self) -> list[Json]:
        pool = self.world.get(POOL)
        assert pool is not None
        found: list[Json] = pool["properties"]["loadBalancerBackendAddresses"]
        return found

    def states(self) -> list[object]:
        return [each["properties"].get("adminState", "absent") for each in self.listed()]

    def out(self) -> None:
        self.to_the_end(self.layer.cordon)

    def back(self, was: Membership) -> None:
        self.to_the_end(lambda: self.layer.restore(was))

    def to_the_end(self, verb: Any) -> None:
        for _ in range(50):
            self.clock.advance(timedelta(seconds=2))
            try:
                if verb() == Done():
                    return
            except Transient:
                continue
        raise AssertionError("it never came to an end")


def addresses() -> Rig:
    return Rig(azure_ip_pool.KIND)


def states(**options: Any) -> Rig:
    return Rig(azure_admin_state.KIND, accept_experimental=True, **options)


# --- addresses ------------------------------------------------------------------------------------


def test_nothing_is_asked_before_a_notice() -> None:
    """Resting, naming itself and telling how to undo cost no call."""
    rig = addresses()
    rig.layer.rest()
    assert rig.layer.undo().startswith("drainer restore")
    assert isinstance(rig.layer.in_service_count(), Unmeasured)
    assert (rig.layer.isolates, rig.layer.cordons, rig.layer.refusal) == (True, False, "")
    assert rig.arm.calls == []


def test_calls_of_a_whole_episode() -> None:
    """Four writes: the proof of the etag, the proof of the right, the removal and the return."""
    rig = addresses()
    was = rig.layer.membership()
    rig.out()
    assert rig.layer.membership().face is Face.OUT
    rig.back(was)
    counted = {verb: rig.arm.count(verb) for verb in ("instance", "get", "put", "poll")}
    assert counted == {"instance": 1, "get": 13, "put": 4, "poll": 3}


def test_the_present_address_comes_back() -> None:
    """After a redeploy with another address, that one joins under the old name, and never the old one."""
    rig = addresses()
    was = rig.layer.membership()
    rig.out()
    rig.interface("10.0.0.77")
    rig.back(was)
    assert [each["properties"]["ipAddress"] for each in rig.listed()] == ["10.0.0.1", "10.0.0.77", "10.0.0.3"]
    assert rig.listed()[1]["name"] == "b"
    assert rig.layer.membership().face is Face.IN


def test_a_name_that_is_anothers_now_is_refused() -> None:
    """Where another address stands under the recorded name, nothing is written."""
    rig = addresses()
    was = rig.layer.membership()
    rig.out()
    theirs = documents.address("b", "10.0.0.200")
    rig.put(A, theirs, C)
    with pytest.raises(Refused) as refused:
        rig.back(was)
    assert refused.value.kind == "address-taken"
    assert rig.listed() == [A, theirs, C]


def test_an_address_that_is_there_already_is_left() -> None:
    """What somebody put back for us, under whatever name, is not doubled."""
    rig = addresses()
    was = rig.layer.membership()
    rig.out()
    by_hand = documents.address("by-hand", "10.0.0.2")
    rig.put(A, C, by_hand)
    rig.back(was)
    assert rig.listed() == [A, C, by_hand]


def test_several_addresses_leave_and_return_each_to_its_place() -> None:
    """A VM that is in the list twice leaves and returns twice."""
    rig = addresses()
    second = documents.address("d", "10.0.0.9")
    rig.put(A, B, C, second)
    rig.world.put(
        documents.nic(
            "nic1",
            documents.configuration("ipconfig1", address="10.0.0.2"),
            documents.configuration("ipconfig2", address="10.0.0.9", primary=False),
        )
    )
    was = rig.layer.membership()
    rig.out()
    assert rig.listed() == [A, C]
    rig.back(was)
    assert rig.listed() == [A, B, C, second]


@pytest.mark.parametrize("make", [addresses, states])
def test_the_same_address_in_another_network_is_anothers(make: Any) -> None:
    """An element of another virtual network is left alone, whatever its address."""
    rig = make()
    another = {"id": f"{documents.NETWORK}/virtualNetworks/another"}
    elsewhere = documents.address("e", "10.0.0.2", virtualNetwork=another)
    rig.put(A, B, elsewhere)
    was = rig.layer.membership()
    rig.out()
    assert elsewhere in rig.listed()
    rig.back(was)
    assert rig.listed() == [A, B, elsewhere]


def test_what_was_not_recorded_is_told_and_not_made_up() -> None:
    """Without a record of the element, restoring names the command that a person would run."""
    rig = addresses()
    rig.layer.membership()
    rig.out()
    unknown = Membership(entries=(Entry(name="lb/ips", standing=Standing.IN),))
    with pytest.raises(Refused, match="az network lb address-pool address add") as refused:
        rig.back(unknown)
    assert refused.value.kind == "entry-unknown"


def test_the_undo_command_names_the_element() -> None:
    """The command adds this VM's address under its name, in its network."""
    rig = addresses()
    rig.layer.membership()
    assert "--name b --ip-address 10.0.0.2 --vnet" in rig.layer.undo()


def test_others_are_counted_as_last_read() -> None:
    """Elements of others, those that are Down left out."""
    rig = states()
    rig.put(A, B, documents.address("c", "10.0.0.3", adminState="Down"))
    rig.layer.membership()
    assert rig.layer.in_service_count() == 1
    rig.layer.close()


# --- refusals -------------------------------------------------------------------------------------


def test_without_the_right_to_write_it_leaves_itself_alone() -> None:
    """A denied write refuses, is not asked again for a minute, and passes once the right is there."""
    rig = addresses()
    was = rig.layer.membership()
    rig.world.denied.add(POOL_WRITE)
    with pytest.raises(Refused):
        rig.out()
    assert POOL_WRITE in rig.layer.refusal
    asked = len(rig.arm.calls)
    with pytest.raises(Refused):
        rig.layer.isolate(was)
    assert len(rig.arm.calls) == asked
    rig.world.denied.clear()
    rig.clock.advance(timedelta(minutes=1))
    rig.out()
    assert rig.layer.isolates


def test_reading_that_is_allowed_again_ends_a_refusal() -> None:
    """A role that arrives late makes the layer take part again."""
    rig = addresses()
    rig.world.denied.add("Microsoft.Network/loadBalancers/backendAddressPools/read")
    with pytest.raises(Refused):
        rig.layer.membership()
    assert not rig.layer.isolates
    rig.world.denied.clear()
    rig.layer.membership()
    assert rig.layer.isolates


def test_a_pool_without_an_etag_is_refused() -> None:
    """Nothing to compare by, nothing is swapped."""
    rig = addresses()
    owner = rig.world.resources[documents.BALANCER.casefold()]
    del owner["properties"]["backendAddressPools"][-1]["etag"]
    rig.layer.membership()
    rig.layer._swaps = True
    with pytest.raises(Refused) as refused:
        rig.out()
    assert refused.value.kind == "no-concurrency-control"


@pytest.mark.parametrize("verified", [False, True])
def test_the_only_way_out_is_not_left(verified: bool) -> None:
    """With an outbound rule and a subnet that cannot be read it refuses, unless the policy vouches."""
    rig = Rig(azure_ip_pool.KIND, verified=verified)
    pool = documents.address_pool("ips", A, B, C)
    rig.world.put(documents.with_pool(documents.balancer("web", outbound=("ips",)), pool))
    rig.world.denied.add(SUBNET_READ)
    rig.layer.membership()
    if verified:
        rig.out()
        return
    with pytest.raises(Refused) as refused:
        rig.out()
    assert refused.value.kind in ("locked-out", "egress-unknown")
    assert rig.listed() == [A, B, C]


def test_a_state_layer_removes_nothing() -> None:
    """It cordons, and says so when asked to isolate."""
    rig = states()
    was = rig.layer.membership()
    assert (rig.layer.cordons, rig.layer.isolates) == (True, False)
    with pytest.raises(Refused, match="removes nothing"):
        rig.layer.isolate(was)


def test_a_write_of_others_is_waited_for() -> None:
    """While the pool updates by somebody's hand, nothing is written."""
    rig = addresses()
    was = rig.layer.membership()
    owner = rig.world.resources[documents.BALANCER.casefold()]
    pool = owner["properties"]["backendAddressPools"][-1]
    pool["properties"]["provisioningState"] = "Updating"
    assert isinstance(rig.layer.cordon(), Pending)
    assert isinstance(rig.layer.restore(was), Pending)
    assert rig.arm.count("put") == 0


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("make", [addresses, states])
def test_a_fault_delays_and_harms_nothing(make: Any, fault: Fault) -> None:
    """Whatever befalls any write, the end is out, then the beginning again, byte for byte."""
    rig = make()
    was = rig.layer.membership()
    for direction in (rig.out, lambda: rig.back(was)):
        for verb in ("put", "get", "poll"):
            rig.arm.arm(verb, fault, Fault.SLOW, fault)
        direction()
        for queue in rig.arm.faults.values():
            queue.clear()
    assert rig.listed() == [A, B, C]
    assert rig.layer.membership() == was


def test_a_moved_interface_is_found_again() -> None:
    """An interface that is gone makes the layer look for this VM anew."""
    rig = addresses()
    was = rig.layer.membership()
    rig.out()
    del rig.world.resources[documents.nic_id("nic1").casefold()]
    rig.world.put(documents.vm("vm1", "nic9"))
    rig.world.put(documents.nic("nic9", documents.configuration("ipconfig1", address="10.0.0.50")))
    rig.back(was)
    assert rig.listed()[1]["properties"]["ipAddress"] == "10.0.0.50"


# --- states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [{}, {"adminState": "None"}, {"adminState": "Up"}])
def test_a_state_comes_back_as_it_was(before: Json) -> None:
    """Absent, None or Up: each is what it was, and nothing becomes Up that was not."""
    rig = states()
    rig.put(A, documents.address("b", "10.0.0.2", **before), C)
    start, was = rig.listed(), rig.layer.membership()
    rig.out()
    assert rig.states()[1] == "Down"
    rig.back(was)
    assert rig.listed() == start


def test_adopted_without_a_record_it_becomes_none_and_not_up() -> None:
    """Where only Down is known, giving back means that the probe decides again."""
    rig = states()
    rig.put(A, documents.address("b", "10.0.0.2", adminState="Down"), C)
    read = rig.layer.membership()
    adopted = Membership(entries=(replace(read.entries[0], standing=Standing.IN),))
    rig.back(adopted)
    assert rig.states()[1] == "None"
    assert "--admin-state None" in rig.layer.undo()


def test_interface_pools_are_known_by_their_configuration() -> None:
    """In a pool of interfaces an element names the configuration, and no address has to match."""
    rig = states()
    here = f"{documents.nic_id('nic1')}/ipConfigurations/ipconfig1"
    interface = documents.nic(
        "nic1", {**documents.configuration("ipconfig1", address="10.9.9.9"), "id": here}
    )
    rig.world.put(interface)
    ours = {"name": "x", "properties": {"networkInterfaceIPConfiguration": {"id": here.upper()}}}
    rig.put(A, ours, C)
    was = rig.layer.membership()
    rig.out()
    assert rig.states() == ["absent", "Down", "absent"]
    rig.back(was)
    assert rig.listed() == [A, ours, C]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (azure_admin_state, {"pool": "lb/p"}, "accept_experimental: expected true"),
        (azure_admin_state, {"pool": "p", "accept_experimental": True}, "pool: expected BALANCER/POOL"),
        (azure_ip_pool, {"pool": "p"}, "pool: expected BALANCER/POOL"),
        (azure_application_gateway, {"accept_gateway_write": True}, "pools: expected one GATEWAY/POOL"),
        (azure_application_gateway, {"pools": ()}, "pools: expected inbound"),
        (azure_application_gateway, {"pools": ("p",)}, "pools: expected GATEWAY/POOL"),
    ],
)
def test_options_that_mean_nothing_are_refused(kind: Any, options: Json, said: str) -> None:
    """A policy is told which option, what it should be and what it was."""
    with pytest.raises(ValueError, match=said):
        kind.Options(**options)


# --- the list -------------------------------------------------------------------------------------


def named(*names: str) -> list[Json]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("now", "after", "before", "expected"),
    [
        ("ac", "a", "c", "abc"),
        ("", "a", "c", "b"),
        ("c", "", "c", "bc"),  # a is out too
        ("a", "a", "", "ab"),
        ("acd", "a", "d", "abcd"),  # c was out when b was read
        ("xay", "a", "", "xaby"),
        ("ca", "a", "c", "cab"),  # somebody turned them round: behind what it stood behind
        ("acz", "a", "z", "abcz"),
    ],
)
def test_an_element_returns_between_its_neighbours(now: str, after: str, before: str, expected: str) -> None:
    """Behind those it stood behind, before those it stood before, else by name."""
    was = Was(element={"name": "b"}, after=tuple(after), before=tuple(before))
    assert placed(named(*now), was, was.element) == named(*expected)


def test_the_record_is_bounded_and_read_back() -> None:
    """The journal keeps the element and its nearest neighbours, however long the list."""
    listed = named(*(f"vm{number:03d}" for number in range(500)))
    found = seen(listed, lambda each: each["name"] == "vm250")
    assert len(written(found)) < 500
    assert recorded(written(found)) == found
    assert found[0].after[-1] == "vm249"
    assert found[0].before[0] == "vm251"


@pytest.mark.parametrize("text", ["", "x", "{}", "[1]", '[{"element": 1}]', '[{"element": {}}]'])
def test_a_damaged_record_is_nothing(text: str) -> None:
    """What cannot be read is no record."""
    assert recorded(text) == ()
