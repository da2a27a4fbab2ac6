"""What a mark calls for, and that a rescue gives back exactly that."""

from __future__ import annotations

import copy
import json

import pytest

from drainer.azure import mark
from drainer.azure.interface import BALANCER_POOLS, Reference, references, without
from drainer.azure.rescuing import commands, stranded
from drainer.azure.undo import rejoin
from drainer.doctor.patience import Patient
from drainer.errors import Refused, Transient
from drainer.management import Json, Operation
from drainer.rescue import find, main, rescue, scope_of
from tests.unit.azure.cloud import BALANCER, NIC, POOL, cloud, interface
from tests.unit.azure.memory import Cloud

GROUP = "/subscriptions/s/resourceGroups/g"
LISTED = f"{GROUP}/providers/Microsoft.Network/networkInterfaces"


def taken_out() -> Cloud:
    """The VM's interface is out of its pool, and says so; a second one is not ours."""
    here = cloud()
    before = here.get(NIC)
    gone = tuple(references(before, BALANCER_POOLS))
    owner = mark.OwnerMark(vm_id="ID-1", since="2026-01-01T00:00:00Z", taken=gone)
    out = mark.marked(without(before, gone, BALANCER_POOLS), owner, undo=rejoin(NIC, gone))
    here.resources[NIC.lower()] = out
    here.resources[LISTED.lower()] = {"value": [out, {"id": "/other", "tags": {}}]}
    return here


def test_a_rescue_gives_back_exactly_what_was_taken() -> None:
    """The interface afterwards is the one before, apart from its etag."""
    here = taken_out()
    (found,) = find(patient(here), [])
    assert rescue(patient(here), found) == ()
    assert mark.bare(here.get(NIC)) == mark.bare(interface())
    assert here.get(NIC)["tags"] == {"team": "web"}


@pytest.mark.parametrize("scope", [GROUP, NIC])
def test_marked_interfaces_are_found_in_a_scope(scope: str) -> None:
    """Those of others are left alone; a VM's id narrows the search."""
    here = patient(taken_out())
    assert [found.id for found in find(here, [scope])] == [NIC]
    assert [found.id for found in find(here, [scope], vm_id="id-1")] == [NIC]
    assert list(find(here, [scope], vm_id="ID-2")) == []


def test_the_commands_undo_all() -> None:
    """First back into the pool, then the mark off; nothing else is needed."""
    (found,) = find(patient(taken_out()), [])
    back, off = commands(found)
    assert back.startswith("az network nic ip-config address-pool add")
    assert "--lb-name lb --address-pool web" in back
    assert off.startswith(f"az network nic update --ids {NIC} --remove tags.drainer-out-1")
    assert "tags.team" not in off


def test_somebody_elses_write_comes_between() -> None:
    """After a refused write the interface is read anew, and what came between is kept."""
    here = taken_out()
    (found,) = find(patient(here), [])
    here.resources[NIC.lower()] |= {"etag": 'W/"other"', "location": "north"}
    rescue(patient(here), found)
    assert here.get(NIC)["location"] == "north"
    assert [each.pool for each in references(here.get(NIC), BALANCER_POOLS)] == [POOL]


def test_a_lost_answer_is_read_before_it_is_repeated() -> None:
    """A write that was done and whose answer was lost is not made again."""
    here = taken_out()

    class Losing(Cloud):
        def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
            Cloud.begin_put(self, resource_id, body, if_match=if_match)
            raise Transient("azure-lost", "no answer")

    losing = Losing(resources=here.resources, document=here.document)
    (found,) = find(patient(losing), [])
    rescue(patient(losing), found)
    assert len(losing.writes) == 1


def test_a_pool_that_is_gone_is_left_out_and_told() -> None:
    """What is left is given back; where nothing is left the mark stays and the rescue is refused."""
    here = taken_out()
    marked = here.resources[NIC.lower()]
    owner = mark.read(marked)
    assert owner is not None
    lost = Reference(pool=f"{BALANCER}/backendAddressPools/lost", configuration="ipconfig1")
    both = mark.OwnerMark(vm_id="ID-1", since=owner.since, taken=(*owner.taken, lost))
    here.resources[NIC.lower()] = mark.marked(marked, both, undo="")
    (found,) = find(patient(here), [])
    assert rescue(patient(here), found) == ("lb/lost",)
    here = taken_out()
    del here.resources[BALANCER.lower()]
    (found,) = find(patient(here), [])
    with pytest.raises(Refused, match="entry-gone"):
        rescue(patient(here), found)
    assert here.writes == []


def test_a_mark_over_an_interface_that_has_everything_is_taken_off() -> None:
    """Somebody gave it back by hand: only the mark is left to remove."""
    here = taken_out()
    back = copy.deepcopy(here.resources[NIC.lower()])
    back["properties"] = interface()["properties"]
    here.resources[NIC.lower()] = back
    (found,) = find(patient(here), [])
    assert found.owed == ()
    assert len(list(commands(found))) == 1
    rescue(patient(here), found)
    assert not mark.is_marked(here.get(NIC))


def test_a_mark_that_cannot_be_read_is_left_to_a_person() -> None:
    """Its command is printed as far as it is there, and nothing is written."""
    here = taken_out()
    here.resources[NIC.lower()]["tags"]["drainer-out-1"] = "{"
    (found,) = find(patient(here), [])
    assert next(commands(found)).startswith("az network nic ip-config")
    with pytest.raises(Refused, match="mark-unreadable"):
        rescue(patient(here), found)
    assert stranded(here.get(NIC), vm_id="ID-1") is None


def test_others_who_keep_writing() -> None:
    """After some tries it is given up, and told."""
    here = taken_out()
    (found,) = find(patient(here), [])
    here.unwritable[NIC.lower()] = Transient("azure-precondition", "no")
    with pytest.raises(Transient, match="keep writing"):
        rescue(patient(here), found)


@pytest.mark.parametrize(("run", "outcome"), [(False, "marked"), (True, "restored")])
def test_the_verb(run: bool, outcome: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Printing changes nothing; running gives back; both have the same shape."""
    here = taken_out()
    assert main(patient(here), [], run=run, as_json=True) == 0
    (told,) = json.loads(capsys.readouterr().out)["interfaces"]
    assert told["outcome"] == outcome
    assert told["owed"] == [{"pool": POOL, "configuration": "ipconfig1"}]
    assert bool(here.writes) is run


def test_the_verb_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The interface, what it is out of, the commands; a failure is told with its reason and exit code 1."""
    here = taken_out()
    assert main(patient(here), []) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "vm1-nic: marked; out of lb/web since 2026-01-01T00:00:00Z by VM ID-1"
    assert said[1].startswith("  az network nic ip-config address-pool add")
    here.unwritable[NIC.lower()] = Refused("azure-forbidden", "no write")
    assert main(patient(here), [], run=True) == 1
    assert "azure-forbidden: no write" in capsys.readouterr().out
    assert main(patient(cloud()), [NIC]) == 0
    assert "no interface here" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["", "/subscriptions", "/subscriptions/s/resourceGroups/g/x", BALANCER, "a/b"]
)
def test_a_scope_that_is_none(text: str) -> None:
    """Only subscriptions, resource groups and interfaces are searched."""
    with pytest.raises(ValueError):
        scope_of(text)


def test_scopes() -> None:
    """A bare subscription id is one, and ids stay as they are."""
    assert scope_of("0000-1") == "/subscriptions/0000-1"
    assert scope_of(f"{GROUP}/") == GROUP
    assert scope_of(NIC) == NIC


def patient(here: Cloud) -> Patient:
    return Patient(here, whole_s=10, pause_s=0.001)
