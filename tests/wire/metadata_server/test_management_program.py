"""The whole chain as programs meet it: a served topology, the metadata service's tokens, Azure's clients."""

from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential
from azure.mgmt.network import NetworkManagementClient

from metadata_server.config import ServeConfig
from metadata_server.errors import Conflict, Unknown
from metadata_server.testing import serve_in_thread, vms
from metadata_server.topology import Topology
from tests.wire.metadata_server.azure_client import GROUP, NET, SUBSCRIPTION, nic, served, topology
from tests.wire.metadata_server.program import Program

SERVED = """\
version: 1
vms: [{name: vm1, address: "127.0.0.1:0", identities: [own]}]
pools: [{name: web, members: [{vm: vm1, address: "127.0.0.1:9"}]}]
management: {listen: "127.0.0.1:0", ca: CA}
"""


def test_from_the_metadata_service_to_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address of its metadata service, the URL and the file that `serve` prints, Azure's clients
    get a token of a user-assigned identity and write an interface to the operation's end."""
    authority, file, facts = tmp_path / "ca.pem", tmp_path / "topology.yaml", tmp_path / "facts.json"
    file.write_text(SERVED.replace("CA", str(authority)), encoding="utf-8")
    facts.write_text('{"schema": 1, "facts": {"operation_time": "10ms", "operation_retry_after": "0s"}}')
    with Program("--topology", str(file), "--facts", str(facts)) as program:
        assert program.address("management") == str(authority)
        [line] = [line for line in program.lines if line.startswith("management ")]
        metadata = program.address("metadata", "vm1")
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata)
        with (
            ManagedIdentityCredential() as credential,
            NetworkManagementClient(
                credential,
                SUBSCRIPTION,
                base_url=line.split()[1],
                credential_scopes=["https://management.azure.com/.default"],
                connection_verify=str(authority),
                polling_interval=0,
            ) as sdk,
        ):
            found = sdk.network_interfaces.get(GROUP, "vm1-nic")
            after = sdk.network_interfaces.begin_create_or_update(GROUP, "vm1-nic", found).result()
        assert after.etag != found.etag
        assert program.stop() == 0


def test_a_topology_without_a_management_api() -> None:
    """Its verbs and views are refused where the topology has none."""
    with serve_in_thread(ServeConfig(topology=Topology(vms=vms("vm1")))) as emulator:
        for view in ("arm", "requests"):
            with pytest.raises(Conflict, match="management"):
                emulator.control.show(view)
        with pytest.raises(Conflict, match="management"):
            emulator.control.give("arm-mend")
        with pytest.raises(RuntimeError, match="no management API"):
            _ = emulator.management_url


def test_what_the_controller_refuses() -> None:
    """Roles, resources and bodies that are not there are named; all that is there is listed."""
    with served(topology()) as emulator:
        with pytest.raises(Unknown, match="roles: expected of doctor, drain"):
            emulator.control.give("assign", vm="vm1", roles=["other"])
        with pytest.raises(Unknown, match="ResourceNotFound"):
            emulator.control.show(f"arm?id={nic('vm9')}")
        with pytest.raises(Unknown, match="ResourceNotFound"):
            emulator.resource("no id")
        with pytest.raises(Unknown, match="InvalidResourceId"):
            emulator.control.give("arm-put", body={"id": "no id"})
        listed = [each["id"] for each in emulator.control.show("arm")["resources"]]
        assert {nic("vm1"), f"{NET}/loadBalancers/lb", f"{NET}/virtualNetworks/vnet"} <= set(listed)
        assert emulator.control.give("arm-delete", resource=nic("vm1")) == {"deleted": nic("vm1")}
        with pytest.raises(Unknown, match="ResourceNotFound"):
            emulator.resource(nic("vm1"))
        assert "vm1" not in emulator.effects().pools["web"]
