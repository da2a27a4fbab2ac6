"""Owner marks fit into tags and are read with tolerance; undo commands are what a shell takes."""

from __future__ import annotations

import json
import shlex

import pytest

from drainer.azure import mark, undo
from drainer.azure.interface import Reference
from drainer.management import Json
from tests.azure_documents import NETWORK, nic_id, pool_id

TAKEN = tuple(Reference(pool=pool_id(f"pool-{n}"), configuration="ipconfig1", at=n) for n in range(3))
MARK = mark.OwnerMark(vm_id="vm", since="2026-01-01T00:00:00+00:00", taken=TAKEN)


def document(**tags: str) -> Json:
    return {"id": nic_id("nic"), "tags": tags, "properties": {}}


def test_a_mark_is_read_back() -> None:
    """What is written is read, in pieces that a tag can hold."""
    command = undo.rejoin(nic_id("nic"), TAKEN)
    marked = mark.marked(document(theirs="x"), MARK, undo=command)
    assert mark.read(marked) == MARK
    assert mark.undo_of(marked) == command
    assert len(marked["tags"]) > 4
    assert max(map(len, marked["tags"].values())) <= 256


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"v":1}', '{"vm":"a","at":"b","out":[["p"]]}', '{"vm":"a","at":"b","out":3}']
)
def test_a_damaged_mark_is_none(text: str) -> None:
    """What cannot be read is no mark, and does not raise."""
    assert mark.read(document(**{"drainer-out-1": text})) is None


def test_a_later_version_with_more_is_read() -> None:
    """Members that this version does not know do no harm."""
    said = {"v": 9, "vm": "a", "at": "b", "out": [["p", "c", None]], "more": 1}
    found = mark.read(document(**{"drainer-out-1": json.dumps(said)}))
    assert found is not None
    assert found.taken == (Reference(pool="p", configuration="c"),)


def test_ten_pieces_are_joined_by_number() -> None:
    """Piece 10 comes after piece 9, whatever order the tags are in."""
    many = tuple(Reference(pool=pool_id(f"pool-{n:02d}"), configuration="ipconfig1") for n in range(16))
    marked = mark.marked(document(), mark.OwnerMark(vm_id="v", since="s", taken=many), undo="")
    marked["tags"] = dict(reversed(marked["tags"].items()))
    assert len(marked["tags"]) >= 10
    found = mark.read(marked)
    assert found is not None
    assert found.taken == many


def test_where_tags_run_out_the_command_goes_first_then_the_mark() -> None:
    """A resource holds fifty tags: theirs stay, ours give way."""
    theirs = {f"t{n}": "" for n in range(46)}
    marked = mark.marked(document(**theirs), MARK, undo="x" * 1000)
    assert mark.read(marked) == MARK
    assert mark.undo_of(marked) == ""
    full = document(**{f"t{n}": "" for n in range(49)})
    assert mark.marked(full, MARK, undo="") == full


def test_bare_leaves_out_what_a_drain_may_change() -> None:
    """Etags, provisioning states and our mark are no difference; anything else is."""
    one = {**document(), "etag": "1", "properties": {"provisioningState": "Updating", "x": [{"etag": "3"}]}}
    other = {**document(), "etag": "2", "properties": {"provisioningState": "Succeeded", "x": [{}]}}
    assert mark.bare(mark.marked(one, MARK, undo="")) == mark.bare(other)
    assert mark.bare(one) != mark.bare({**other, "location": "here"})


def test_the_command_names_everything() -> None:
    """Subscription, group, interface, configuration, balancer and pool, one command per reference."""
    first, *rest = undo.rejoin(nic_id("nic"), TAKEN).split(" && ")
    assert len(rest) == 2
    assert shlex.split(first) == [
        *["az", "network", "nic", "ip-config", "address-pool", "add", "--subscription"],
        "00000000-0000-0000-0000-0000000000aa",
        *["--resource-group", "rg", "--nic-name", "nic", "--ip-config-name", "ipconfig1", "--lb-name", "lb"],
        *["--address-pool", "pool-0"],
    ]


def test_odd_names_are_quoted() -> None:
    """A name that a shell would read otherwise is quoted."""
    odd = Reference(pool=pool_id("a pool; rm -rf ~"), configuration="it's")
    words = shlex.split(undo.rejoin(nic_id("nic"), [odd]))
    assert words[-1] == "a pool; rm -rf ~"
    assert "it's" in words


def test_a_gateways_pool_names_its_gateway() -> None:
    """Pools of an application gateway are named with it."""
    pool = f"{NETWORK}/applicationGateways/agw/backendAddressPools/app"
    command = undo.rejoin(nic_id("nic"), [Reference(pool=pool, configuration="ipconfig1")])
    assert "--gateway-name agw --address-pool app" in command


def test_nothing_known_names_a_way_to_find_out() -> None:
    """With nothing known the command finds interfaces that are marked."""
    assert undo.rejoin(nic_id("nic"), []) == undo.UNKNOWN


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        (undo.state(pool_id("web"), address="a1", to="None"), "update"),
        (undo.readd(pool_id("web"), name="a1", address="10.0.0.4", network="vnet"), "add"),
    ],
)
def test_pools_of_addresses_have_commands_of_their_own(command: str, verb: str) -> None:
    """An address's state and its place are set by the pool's own commands."""
    assert command.startswith(f"az network lb address-pool address {verb} --subscription ")
    assert "--lb-name lb --pool-name web --name a1" in command


def test_what_is_no_pool_is_left_to_us() -> None:
    """Where an id cannot be taken apart the command is our own."""
    assert undo.state("x", address="a", to="None").startswith("drainer restore")
    assert undo.readd("x", name="a", address="b", network="c").startswith("drainer restore")
    assert undo.rejoin("x", TAKEN[:1]).startswith("drainer restore")
