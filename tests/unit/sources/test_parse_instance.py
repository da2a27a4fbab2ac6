"""Who this VM is, out of the instance document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drainer.core.model import Unreadable, Vm
from drainer.sources.identity import parse_instance
from tests.unit.sources.pace import unhurried

COMPUTE: dict[str, object] = {
    "name": "web_0",
    "vmId": "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
    "platformUpdateDomain": "1",
    "platformFaultDomain": "2",
    "vmScaleSetName": "web",
    "placementGroupId": "f67c14ab-e92c-408c-ae2d-da15866ec79a",
    "zone": "3",
}


def parsed(**changes: object) -> Vm:
    outcome = parse_instance(json.dumps({"compute": {**COMPUTE, **changes}}).encode())
    assert isinstance(outcome, Vm)
    return outcome


def test_every_member() -> None:
    """Name, id, domains, set and zone arrive as they stand."""
    assert parsed() == Vm(
        name="web_0",
        id="02aab8a4-74ef-476e-8182-f6d2ba4166a6",
        update_domain="1",
        fault_domain="2",
        set_name="web",
        zone="3",
    )


def test_the_set_by_what_there_is() -> None:
    """A set is named by its name, else by the end of its id, else by its placement group, else not."""
    flexible = {"id": "/subscriptions/s/resourceGroups/g/providers/p/virtualMachineScaleSets/flex"}
    assert parsed(vmScaleSetName="", virtualMachineScaleSet=flexible).set_name == "flex"
    assert parsed(vmScaleSetName="").set_name == COMPUTE["placementGroupId"]
    assert parsed(vmScaleSetName="", placementGroupId=None).set_name == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"compute":[]}',
        b'{"compute":{}}',
        b'{"compute":{"name":""}}',
        b'{"compute":{"name":5}}',
    ],
)
def test_without_a_name_nothing_is_known(body: bytes) -> None:
    """An instance document that does not tell the name is unreadable."""
    outcome = parse_instance(body)
    assert isinstance(outcome, Unreadable)
    assert outcome.kind == "name-unknown"


@unhurried
@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    """No bytes raise."""
    assert isinstance(parse_instance(body), Unreadable)
