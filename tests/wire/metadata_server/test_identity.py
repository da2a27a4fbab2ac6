"""Azure's own client of managed identities, unmodified, against the emulator."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential

from metadata_server.clock import monotonic
from metadata_server.config import ServeConfig
from metadata_server.identities import identities
from metadata_server.testing import ServedEmulator, serve_in_thread
from metadata_server.topology import Address, Topology, Vm
from tests.wire.metadata_server.wire import ask

SCOPE = "https://management.azure.com/.default"
FREE = Address(host="127.0.0.1", port=0)
OWN = Vm(name="own", address=FREE)
MADE = Vm(name="made", address=FREE, identities=("one",))
MANY = Vm(name="many", address=FREE, identities=("one", "two"))
NONE = Vm(name="none", address=FREE, identities=())


@pytest.fixture(scope="module")
def emulator() -> Iterator[ServedEmulator]:
    with serve_in_thread(ServeConfig(topology=Topology(vms=(OWN, MADE, MANY, NONE)))) as served:
        yield served


@pytest.fixture
def credential(emulator: ServedEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator["Credentials"]:
    made = Credentials(emulator, monkeypatch)
    yield made
    made.close()


class Credentials:
    """Makes credentials as a program on a VM does: the address comes from the environment."""

    def __init__(self, emulator: ServedEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self._emulator = emulator
        self._environment = monkeypatch
        self._made: list[ManagedIdentityCredential] = []

    def __call__(self, vm: Vm, **names: Any) -> ManagedIdentityCredential:
        self._environment.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", self._emulator.url(vm.name))
        self._made.append(ManagedIdentityCredential(retry_total=0, retry_status=0, **names))
        return self._made[-1]

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.mark.parametrize("vm", [OWN, MADE], ids=lambda vm: vm.name)
def test_token_without_a_name(emulator: ServedEmulator, credential: Credentials, vm: Vm) -> None:
    """The client has a token of the VM's only identity, good for a day, that the emulator knows again."""
    token = credential(vm).get_token(SCOPE)
    [identity] = identities(vm)
    assert emulator.principal(token.token) == identity.principal


@pytest.mark.parametrize("key", ["client_id", "object_id", "resource_id"])
def test_token_by_name(emulator: ServedEmulator, credential: Credentials, key: str) -> None:
    """Of several identities the client names one in each of its ways."""
    identity = identities(MANY)[1]
    names = {
        "client_id": identity.principal.client_id,
        "object_id": identity.principal.object_id,
        "resource_id": identity.resource_id,
    }
    one: dict[str, Any] = (
        {"client_id": names[key]} if key == "client_id" else {"identity_config": {key: names[key]}}
    )
    assert emulator.principal(credential(MANY, **one).get_token(SCOPE).token) == identity.principal


def test_names_are_shown_by_the_controller(emulator: ServedEmulator, credential: Credentials) -> None:
    """What `/vms` shows of an identity is what a client can ask for."""
    [shown] = [vm for vm in emulator.control.show("vms")["vms"] if vm["name"] == "many"]
    assert [identity["name"] for identity in shown["identities"]] == ["one", "two"]
    client_id = shown["identities"][0]["client_id"]
    token = credential(MANY, client_id=client_id).get_token(SCOPE).token
    assert emulator.principal(token).object_id == shown["identities"][0]["object_id"]


@pytest.mark.parametrize(
    ("vm", "words"),
    [(NONE, "Identity not found"), (MANY, "Multiple user assigned identities exist")],
    ids=["none", "several"],
)
def test_no_identity_is_unavailable(credential: Credentials, vm: Vm, words: str) -> None:
    """Without an identity to use the client says at once what the platform says."""
    began = monotonic()
    with pytest.raises(CredentialUnavailableError, match=words):
        credential(vm).get_token(SCOPE)
    assert monotonic() - began < 10


def test_fault_of_the_token_service_alone(emulator: ServedEmulator, credential: Credentials) -> None:
    """A fault of the paths of identity fails the client and leaves the other categories as they are."""
    emulator.control.give("fault", vm="own", kind="status", status=500, path="/metadata/identity")
    try:
        with pytest.raises((ClientAuthenticationError, CredentialUnavailableError)):
            credential(OWN).get_token(SCOPE)
        assert ask(emulator.url("own"), "/metadata/instance?api-version=2021-02-01").status == 200
    finally:
        emulator.control.give("mend", vm="own")
    assert credential(OWN).get_token(SCOPE).token
