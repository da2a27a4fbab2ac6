"""The resources that a topology comes to: VMs, interfaces, balancers and networks, as the API describes them.

Bodies carry members that no published model has, since real answers do.
"""

from collections.abc import Iterator, Mapping

from metadata_server.arm.balancer_body import balancer
from metadata_server.arm.places import (
    BALANCER,
    GATEWAY,
    GUARD,
    NAT,
    NETWORK,
    NETWORK_NAME,
    SUBNET,
    interface_id,
    pool_id,
    scope,
)
from metadata_server.arm.store import Body
from metadata_server.identities import identities
from metadata_server.imds.instance import vm_id
from metadata_server.topology import Management, Outbound, Pool, PoolKind, Topology, Vm


def resources(topology: Topology, management: Management) -> Iterator[Body]:
    """Every resource, without etags; pools of a balancer stand inside it."""
    net = f"{scope(topology)}/{NETWORK}"
    where = topology.vms[0].location
    for vm in topology.vms:
        yield _vm(vm)
        yield _interface(topology, vm)
    yield balancer(topology)
    if any(pool.kind is PoolKind.GATEWAY for pool in topology.pools):
        yield _gateway(topology)
    subnet: Body = {"addressPrefix": "127.0.0.0/8", "defaultOutboundAccess": False}
    if management.outbound is Outbound.NAT:
        subnet["natGateway"] = {"id": f"{net}/natGateways/{NAT}"}
        yield {
            "name": NAT,
            "id": f"{net}/natGateways/{NAT}",
            "type": f"{NETWORK}/natGateways",
            "location": where,
            "sku": {"name": "Standard"},
            "properties": {"provisioningState": "Succeeded", "idleTimeoutInMinutes": 4},
        }
    yield {
        "name": BALANCER,
        "id": f"{net}/publicIPAddresses/{BALANCER}",
        "type": f"{NETWORK}/publicIPAddresses",
        "location": where,
        "sku": {"name": "Standard", "tier": "Regional"},
        "properties": {"provisioningState": "Succeeded", "publicIPAllocationMethod": "Static"},
    }
    network = f"{net}/virtualNetworks/{NETWORK_NAME}"
    inner = {"name": SUBNET, "id": f"{network}/subnets/{SUBNET}", "properties": subnet}
    yield {
        "name": NETWORK_NAME,
        "id": network,
        "type": f"{NETWORK}/virtualNetworks",
        "location": where,
        "properties": {"addressSpace": {"addressPrefixes": ["127.0.0.0/8"]}, "subnets": [inner]},
    }
    yield {
        "name": GUARD,
        "id": f"{net}/networkSecurityGroups/{GUARD}",
        "type": f"{NETWORK}/networkSecurityGroups",
        "location": where,
        "properties": {"securityRules": []},
    }


def _vm(vm: Vm) -> Body:
    zones = {"zones": [vm.zone]} if vm.zone else {}
    held = [identity for identity in identities(vm) if identity.name == "system"]
    identity = (
        {"identity": {"type": "SystemAssigned", "principalId": held[0].principal.object_id}} if held else {}
    )
    return {
        "name": vm.name,
        "id": vm.resource_id,
        "type": f"Microsoft.Compute/{'virtualMachineScaleSets/' if vm.is_instance else ''}virtualMachines",
        "location": vm.location,
        **zones,
        **identity,
        "properties": {
            **_grouped(vm),
            "vmId": vm_id(vm),
            "hardwareProfile": {"vmSize": vm.size},
            "storageProfile": {"osDisk": {"name": f"{vm.name}-os", "managedDisk": {}}},
            "networkProfile": {
                "networkInterfaces": [{"id": interface_id(vm), "properties": {"primary": True}}]
            },
            "provisioningState": "Succeeded",
        },
    }


def _grouped(vm: Vm) -> Body:
    """The set whose updates it shares: an availability set, or a flexible scale set."""
    if vm.scale_set is not None and not vm.is_instance:
        scale_set = f"{vm.group}/Microsoft.Compute/virtualMachineScaleSets/{vm.scale_set}"
        return {"virtualMachineScaleSet": {"id": scale_set}}
    if vm.set is not None and vm.scale_set is None:
        return {"availabilitySet": {"id": f"{vm.group}/Microsoft.Compute/availabilitySets/{vm.set}"}}
    return {}


def _interface(topology: Topology, vm: Vm) -> Body:
    net = f"{scope(topology)}/{NETWORK}"
    pools = [pool for pool in topology.pools if any(member.vm == vm.name for member in pool.members)]
    joined: Body = {}
    if any(pool.kind is PoolKind.NIC for pool in pools):
        joined["loadBalancerBackendAddressPools"] = _references(topology, pools, PoolKind.NIC)
    if any(pool.kind is PoolKind.GATEWAY for pool in pools):
        joined["applicationGatewayBackendAddressPools"] = _references(topology, pools, PoolKind.GATEWAY)
    configuration = {
        "name": "ipconfig1",
        "id": f"{interface_id(vm)}/ipConfigurations/ipconfig1",
        "type": f"{NETWORK}/networkInterfaces/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": vm.private_ip,
            "privateIPAllocationMethod": "Dynamic",
            "subnet": {"id": f"{net}/virtualNetworks/{NETWORK_NAME}/subnets/{SUBNET}"},
            "primary": True,
            "privateIPAddressVersion": "IPv4",
            **joined,
        },
    }
    return {
        "name": f"{vm.name}-nic",
        "id": interface_id(vm),
        "location": vm.location,
        "type": f"{NETWORK}/networkInterfaces",
        "properties": {
            "provisioningState": "Succeeded",
            "ipConfigurations": [configuration],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "enableAcceleratedNetworking": False,
            "enableIPForwarding": False,
            "networkSecurityGroup": {"id": f"{net}/networkSecurityGroups/{GUARD}"},
            "primary": True,
            "virtualMachine": {"id": vm.resource_id},
            "nicType": "Standard",
            "allowPort25Out": True,
            "auxiliary": {"unpublished": [1, None, {"kept": "as it is"}]},
        },
    }


def _references(topology: Topology, pools: list[Pool], kind: PoolKind) -> list[Mapping[str, str]]:
    return [{"id": pool_id(topology, pool)} for pool in pools if pool.kind is kind]


def _gateway(topology: Topology) -> Body:
    own = f"{scope(topology)}/{NETWORK}/applicationGateways/{GATEWAY}"
    by_name = {vm.name: vm for vm in topology.vms}
    pools = [
        {
            "name": pool.name,
            "id": pool_id(topology, pool),
            "properties": {
                "backendAddresses": [
                    {"ipAddress": by_name[member.vm].private_ip} for member in pool.members if pool.by_address
                ]
            },
        }
        for pool in topology.pools
        if pool.kind is PoolKind.GATEWAY
    ]
    return {
        "name": GATEWAY,
        "id": own,
        "type": f"{NETWORK}/applicationGateways",
        "location": topology.vms[0].location,
        "properties": {
            "provisioningState": "Succeeded",
            "sku": {"name": "Standard_v2", "tier": "Standard_v2"},
            "backendAddressPools": pools,
            "requestRoutingRules": [
                {
                    "name": pool["name"],
                    "properties": {"ruleType": "Basic", "backendAddressPool": {"id": pool["id"]}},
                }
                for pool in pools
            ],
        },
    }
