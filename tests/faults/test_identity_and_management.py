"""Azure's SDK in its child, as the daemon asks it, against an identity and a management API that misbehave.

Real TLS and real sockets: each row breaks answers, and the first call after the fault must succeed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drainer.errors import Transient
from drainer.management import Json
from drainer.transport.azure.peer import ArmSettings, ChildArm
from metadata_server.config import ClockKind, ServeConfig
from metadata_server.testing import ServedEmulator, serve_in_thread
from metadata_server.topology import Address, Management, Topology, Vm
from tests.until import until
from tests.wire.azure_transport.management import certificate
from tests.wire.metadata_server.azure_client import nic
from tests.wire.sources.raw_peer import RawPeer, answer, listening, saying

FREE = Address(host="127.0.0.1", port=0)
TOKEN = "/metadata/identity/oauth2/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    emulator: ServedEmulator
    settings: ArmSettings


@pytest.fixture(scope="module")
def served() -> Iterator[Place]:
    topology = Topology(vms=(Vm(name="vm1", address=FREE),), management=Management(listen=FREE))
    with serve_in_thread(ServeConfig(topology=topology, clock=ClockKind.REAL)) as emulator:
        settings = ArmSettings(
            metadata_url=emulator.url("vm1"),
            management_url=emulator.management_url,
            ca_file=emulator.authority,
        )
        yield Place(emulator=emulator, settings=settings)


@pytest.fixture
def place(served: Place) -> Iterator[Place]:
    yield served
    served.emulator.control.give("arm-mend")
    served.emulator.control.give("mend", vm="vm1")


@pytest.fixture
def arm(place: Place) -> Iterator[ChildArm]:
    made = ChildArm(place.settings, patience_s=0.2, longest_s=4)
    yield made
    made.close()


@pytest.fixture
def elsewhere() -> Iterator[RawPeer]:
    """A server that a redirect names, and that would gladly answer."""
    token = b'{"access_token":"stolen","expires_in":"3600","resource":"x","token_type":"Bearer"}'
    with listening(saying(answer(token, Content_Type="application/json"))) as peer:
        yield peer


def trouble(ask: Callable[[], Json]) -> Transient:
    """The error that an answer is at last."""
    errors: list[Transient] = []

    def over() -> bool:
        with pytest.raises(Transient) as caught:
            ask()
        errors.append(caught.value)
        return caught.value.kind != "azure-slow"

    until(over, "an error")
    return errors[-1]


def kind_of(ask: Callable[[], Json]) -> str:
    return trouble(ask).kind


def read(arm: ChildArm) -> Json:
    """The interface; only slowness is waited for."""
    found: list[Json] = []

    def answered() -> bool:
        try:
            found.append(arm.get(nic("vm1")))
        except Transient as error:
            if error.kind != "azure-slow":
                raise
        return bool(found)

    until(answered, "the interface")
    return found[0]


def read_at_last(arm: ChildArm) -> Json:
    """The interface, however many Transients come before it."""
    found: list[Json] = []

    def answered() -> bool:
        with contextlib.suppress(Transient):
            found.append(arm.get(nic("vm1")))
        return bool(found)

    until(answered, "the interface")
    return found[0]


MANAGEMENT_FAULTS: dict[str, set[str]] = {
    "429": {"azure-throttled"},
    "500": {"azure-unavailable"},
    "503": {"azure-unavailable"},
    "drop": {"azure-unreachable"},
    "drop-after": {"azure-unreachable"},
    "silent": {"azure-unreachable"},
    "malformed": {"azure-unavailable"},
    "truncated": {"azure-unreachable", "azure-unavailable"},
    "html": {"azure-unavailable"},
    "duplicated": {"azure-unavailable"},
    "reset-headers": {"azure-unreachable", "azure-unavailable"},
    "reset-body": {"azure-unreachable", "azure-unavailable"},
    "oversized": {"azure-unreachable", "azure-unavailable"},
    "endless": {"azure-unreachable"},
}


@pytest.mark.parametrize("kind", MANAGEMENT_FAULTS)
def test_a_management_fault_is_transient_and_over_at_once(place: Place, arm: ChildArm, kind: str) -> None:
    """A broken answer is a Transient of a known kind, and the first call after it reads the interface."""
    place.emulator.control.give("arm-fault", kind=kind)
    assert kind_of(lambda: arm.get(nic("vm1"))) in MANAGEMENT_FAULTS[kind]
    place.emulator.control.give("arm-mend")
    assert read(arm)["name"] == "vm1-nic"


def test_a_child_that_is_flooded_ends_before_the_machine_does(place: Place) -> None:
    """Memory, not time, ends the one that reads without end; the next one reads the interface."""
    arm = ChildArm(place.settings, patience_s=0.2, longest_s=600)
    try:
        place.emulator.control.give("arm-fault", kind="endless")
        error = trouble(lambda: arm.get(nic("vm1")))
        assert error.kind == "azure-unreachable", error
        assert "no answer within" not in error.reason, error
        place.emulator.control.give("arm-mend")
        assert read(arm)["name"] == "vm1-nic"
    finally:
        arm.close()


def test_no_management_call_follows_a_redirect(place: Place, arm: ChildArm, elsewhere: RawPeer) -> None:
    """It is an answer that cannot be read; whoever it names hears nothing, so no token either."""
    place.emulator.control.give("arm-fault", kind="redirect", location=elsewhere.base_url)
    assert kind_of(lambda: arm.get(nic("vm1"))) == "azure-unavailable"
    assert elsewhere.connections == []
    place.emulator.control.give("arm-mend")
    assert read(arm)["name"] == "vm1-nic"


IDENTITY_FAULTS: dict[str, dict[str, object]] = {
    "404": {"kind": "status", "status": 404},
    "empty": {"kind": "empty"},
    "truncated": {"kind": "truncated"},
    "html": {"kind": "html"},
    "reset": {"kind": "reset"},
    "reset-headers": {"kind": "reset-headers"},
    "reset-body": {"kind": "reset-body"},
    "silent": {"kind": "silent"},
    "oversized": {"kind": "oversized"},
    "not-modified": {"kind": "not-modified"},
}


@pytest.mark.parametrize("name", IDENTITY_FAULTS)
def test_an_identity_fault_is_transient_and_over_at_once(place: Place, arm: ChildArm, name: str) -> None:
    """Without a token the call is a Transient and asks nothing; with one, the next call reads at once."""
    asked = len(place.emulator.requests())
    place.emulator.control.give("fault", vm="vm1", path=TOKEN, **IDENTITY_FAULTS[name])
    assert kind_of(lambda: arm.get(nic("vm1"))) in {"azure-token", "azure-unreachable"}
    assert len(place.emulator.requests()) == asked
    place.emulator.control.give("mend", vm="vm1")
    assert read(arm)["name"] == "vm1-nic"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_storm_of_the_identity_passes(place: Place, arm: ChildArm, status: int) -> None:
    """Azure's package remembers such a refusal for seconds by itself; then the same child reads."""
    place.emulator.control.give("fault", vm="vm1", path=TOKEN, kind="status", status=status)
    assert kind_of(lambda: arm.get(nic("vm1"))) == "azure-token"
    place.emulator.control.give("mend", vm="vm1")
    assert read_at_last(arm)["name"] == "vm1-nic"


def test_an_endless_answer_of_the_identity_passes(place: Place, arm: ChildArm) -> None:
    """The child may be full of it for a call more, whose failing is a Transient too; then it reads."""
    asked = len(place.emulator.requests())
    place.emulator.control.give("fault", vm="vm1", path=TOKEN, kind="endless")
    assert kind_of(lambda: arm.get(nic("vm1"))) in {"azure-token", "azure-unreachable"}
    assert len(place.emulator.requests()) == asked
    place.emulator.control.give("mend", vm="vm1")
    assert read_at_last(arm)["name"] == "vm1-nic"


def test_no_token_is_fetched_by_a_redirect(place: Place, arm: ChildArm, elsewhere: RawPeer) -> None:
    """The identity's redirect is trouble, and whoever it names is not asked for a token."""
    place.emulator.control.give("fault", vm="vm1", kind="redirect", path=TOKEN, location=elsewhere.base_url)
    assert kind_of(lambda: arm.get(nic("vm1"))) == "azure-token"
    assert elsewhere.connections == []
    place.emulator.control.give("mend", vm="vm1")
    assert read(arm)["name"] == "vm1-nic"


@pytest.mark.parametrize("hijack", ["another authority", "another name"])
def test_a_hijacked_name_is_refused(place: Place, tmp_path: Path, hijack: str) -> None:
    """A server whose certificate is another authority's, or another name's, is not asked anything."""
    asked = len(place.emulator.requests())
    if hijack == "another authority":
        settings = replace(place.settings, ca_file=str(certificate(tmp_path / "other.pem")))
    else:
        named = place.settings.management_url.replace("127.0.0.1", "127.1")
        settings = replace(place.settings, management_url=named)
    arm = ChildArm(settings, patience_s=0.2)
    try:
        error = trouble(lambda: arm.get(nic("vm1")))
        assert error.kind == "azure-unreachable"
        assert "certificate verify failed" in error.reason
    finally:
        arm.close()
    assert len(place.emulator.requests()) == asked
