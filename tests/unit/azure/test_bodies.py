"""What is written to an interface changes nothing but the references it is about, and our tags."""

from __future__ import annotations

import copy
import itertools
import json

import pytest

from drainer.azure import mark
from drainer.azure.bodies import leaving, ranked, returning, taken
from drainer.azure.interface import BALANCER_POOLS, GATEWAY_POOLS, references, without
from drainer.azure.places import Place
from drainer.management import Json
from tests.azure_documents import nic_id, pool_id
from tests.unit.azure.example_interface import GATEWAY_POOL, POOLS, example

NONE: frozenset[str] = frozenset()


def place(pool: str, configuration: str = "ipconfig1") -> Place:
    return Place(interface=nic_id("nic"), configuration=configuration, pool=pool_id(pool))


def out(document: Json, *places: Place, member: str = BALANCER_POOLS) -> Json:
    return leaving(document, places, member=member, vm_id="vm", since="2026-01-01T00:00:00+00:00")


def back(document: Json, *places: Place, member: str = BALANCER_POOLS, gone: frozenset[str] = NONE) -> Json:
    return returning(document, places, member=member, gone=gone)


def text(document: Json) -> str:
    return json.dumps(document)


def pools_of(document: Json, member: str = BALANCER_POOLS) -> list[tuple[str, str]]:
    return [(one.configuration, one.pool.rpartition("/")[2]) for one in references(document, member)]


SETS = [
    tuple(place(pool, configuration) for pool, configuration in chosen)
    for size in (1, 2, 3, 6)
    for chosen in itertools.combinations(itertools.product(POOLS, ("ipconfig1", "ipconfig2")), size)
]


@pytest.mark.parametrize(
    "places", SETS, ids=lambda places: "+".join(p.detail.rpartition("/")[2] for p in places)
)
def test_out_and_back_is_byte_for_byte_the_same_but_for_what_was_known_of_a_reference(
    places: tuple[Place, ...],
) -> None:
    """Whatever set of references leaves, its return restores every byte, and every order."""
    before = bare_references(example())
    assert text(back(out(before, *places), *places)) == text(before)


def bare_references(document: Json) -> Json:
    """References as the service gives them: an id and nothing else."""
    for configuration in document["properties"]["ipConfigurations"]:
        for one in configuration["properties"].get(BALANCER_POOLS, ()):
            one.pop("properties", None)
    return document


def test_what_stays_keeps_every_byte_while_out() -> None:
    """While out, only the references that left are missing and only our tags are new."""
    before = example()
    during = out(before, place("second"))
    expected = copy.deepcopy(before)
    del expected["properties"]["ipConfigurations"][0]["properties"][BALANCER_POOLS][1]
    ours = {name: value for name, value in during["tags"].items() if name.startswith("drainer-")}
    expected["tags"].update(ours)
    assert text(during) == text(expected)
    assert {name.rpartition("-")[0] for name in ours} == {"drainer-out", "drainer-undo"}


def test_the_list_never_becomes_null() -> None:
    """A configuration that leaves its last pool has an empty list, and so has no other list changed."""
    during = out(example(), *(place(pool) for pool in POOLS))
    assert during["properties"]["ipConfigurations"][0]["properties"][BALANCER_POOLS] == []
    assert len(during["properties"]["ipConfigurations"][1]["properties"][BALANCER_POOLS]) == len(POOLS)
    assert BALANCER_POOLS not in during["properties"]["ipConfigurations"][2]["properties"]


@pytest.mark.parametrize("tags", [None, {}, {"drainer": "theirs", "b": "1", "a": "2"}])
def test_tags_come_back_as_they_were(tags: dict[str, str] | None) -> None:
    """Tags that were absent are absent again, none are none, theirs are theirs, in their order."""
    before = bare_references(example())
    del before["tags"]
    if tags is not None:
        before["tags"] = tags
    after = back(out(before, place("first")), place("first"))
    assert after == before
    assert list(after.get("tags", {})) == list(tags or {})


def test_two_removals_come_back_in_the_first_order() -> None:
    """What left in two writes returns to where it was before both."""
    before = bare_references(example())
    during = out(out(before, place("first")), place("second"))
    assert [one.pool for one in taken(during, BALANCER_POOLS)] == [pool_id("first"), pool_id("second")]
    assert text(back(during, place("first"), place("second"))) == text(before)


def test_what_others_changed_meanwhile_stays() -> None:
    """A reference added and a tag set by others during the drain are there after it."""
    during = out(bare_references(example()), place("first"))
    during["properties"]["ipConfigurations"][0]["properties"][BALANCER_POOLS].append({"id": pool_id("new")})
    during["tags"]["theirs"] = "new"
    after = back(during, place("first"))
    assert pools_of(after)[:4] == [("ipconfig1", each) for each in (*POOLS, "new")]
    assert after["tags"] == {**example()["tags"], "theirs": "new"}


def test_an_operators_return_is_not_doubled() -> None:
    """A reference that an operator put back is left where he put it, and the mark goes."""
    during = out(bare_references(example()), place("first"))
    during["properties"]["ipConfigurations"][0]["properties"][BALANCER_POOLS].append({"id": pool_id("first")})
    after = back(during, place("first"))
    assert [pool for config, pool in pools_of(after) if config == "ipconfig1"] == ["second", "third", "first"]
    assert not mark.is_marked(after)


def test_a_pool_that_is_gone_is_not_asked_for() -> None:
    """Of a pool that is gone neither a reference nor a mark is written."""
    during = out(example(), place("first"), place("second"))
    after = back(during, place("first"), place("second"), gone=frozenset({pool_id("second").casefold()}))
    assert ("ipconfig1", "second") not in pools_of(after)
    assert ("ipconfig1", "first") in pools_of(after)
    assert not mark.is_marked(after)


def test_the_mark_keeps_what_was_not_asked_back() -> None:
    """What is out by another layer, or was not named, stays in the mark until it returns too."""
    gateway = Place(interface=nic_id("nic"), configuration="ipconfig1", pool=GATEWAY_POOL)
    during = out(out(example(), place("first")), gateway, member=GATEWAY_POOLS)
    half = back(during, place("first"))
    assert taken(half, BALANCER_POOLS) == ()
    assert [one.pool for one in taken(half, GATEWAY_POOLS)] == [GATEWAY_POOL]
    assert not mark.is_marked(back(half, gateway, member=GATEWAY_POOLS))


def test_a_stale_mark_goes_without_anything_owed() -> None:
    """A mark over an interface that has everything is taken off."""
    during = out(example(), place("first"))
    during["properties"]["ipConfigurations"] = example()["properties"]["ipConfigurations"]
    assert not mark.is_marked(back(during))


def test_nothing_to_do_changes_nothing() -> None:
    """With nothing owed and no mark, the body is the document."""
    assert back(example()) == example()
    assert out(example()) == example()
    assert back(example(), place("first")) == example()


def test_a_mark_that_cannot_be_read_is_taken_off() -> None:
    """A damaged mark is not believed and goes with the next return."""
    document = example()
    document["tags"]["drainer-out-1"] = "{not json"
    assert mark.read(document) is None
    assert back(document, place("first")) == example()


def test_ranks_count_in_the_list_that_has_all() -> None:
    """A rank is the place in the list as it was before anything of ours left it."""
    during = without(example(), [place("first").reference], BALANCER_POOLS)
    assert [one.at for one in ranked(during, [place("second")], BALANCER_POOLS)] == [0]
    marked = out(example(), place("first"))
    assert [one.at for one in ranked(marked, [place("second")], BALANCER_POOLS)] == [0, 1]
