"""An operation that cannot be asked after goes on all the same, and its end is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from drainer.clock import SystemClock
from drainer.management import Succeeded
from drainer.transport.azure.sdk.arm import SdkArm
from drainer.transport.azure.sdk.credential import Prefetched
from metadata_server.testing import ServedEmulator
from metadata_server.tokens import principal_of
from tests.until import until
from tests.wire.metadata_server.azure_client import QUICK, Held, nic, served, topology

READ_OPERATIONS = "Microsoft.Network/locations/operations/read"


def arm_of(emulator: ServedEmulator) -> SdkArm:
    def now() -> datetime:
        return SystemClock().now().wall

    return SdkArm(
        management_url=emulator.management_url,
        credential=Prefetched(Held(emulator.token(principal_of("vm1"))), "any", now=now),
        instance=dict,
        now=now,
        ca_file=emulator.authority,
    )


@pytest.mark.parametrize("kind", ["429", "409", "500"])
def test_trouble_with_a_poll_is_not_the_end(kind: str) -> None:
    """A poll that is answered with an error is no error of the write: it is found to have succeeded."""
    with served(topology()) as emulator:
        arm = arm_of(emulator)
        operation = arm.begin_put(nic("vm1"), arm.get(nic("vm1")))
        emulator.control.give("arm-fault", kind=kind, path="/operations/", every=1, times=1)
        until(lambda: arm.operation(operation) == Succeeded(), "the end of the write")
        assert int(kind) in polled(emulator)
        arm.close()


def test_a_closed_operation_is_told_by_its_resource() -> None:
    """An identity that may not read operations learns the end from the resource's provisioning state."""
    with served(topology(), replace(QUICK, operations_read="needed")) as emulator:
        emulator.control.give("assign", vm="vm1", roles=["drain"], without=[READ_OPERATIONS])
        arm = arm_of(emulator)
        operation = arm.begin_put(nic("vm1"), arm.get(nic("vm1")))
        until(lambda: arm.operation(operation) == Succeeded(), "the end of the write")
        assert 403 in polled(emulator)
        arm.close()


def polled(emulator: ServedEmulator) -> list[int]:
    """The statuses of the answers to polls."""
    return [asked["status"] for asked in emulator.requests() if "/operations/" in asked["path"].casefold()]
