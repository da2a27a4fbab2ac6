"""What the resources of a topology are called: ids by VM and by pool."""

from metadata_server.topology import Pool, PoolKind, Topology, Vm

NETWORK = "Microsoft.Network"
BALANCER = "lb"
GATEWAY = "gateway"
NETWORK_NAME, SUBNET, NAT, GUARD, FRONTEND = "vnet", "subnet", "nat", "nsg", "frontend"


def scope(topology: Topology) -> str:
    """The resource group of the network's resources: the first VM's."""
    return topology.vms[0].group


def interface_id(vm: Vm) -> str:
    """An instance's interface stands in the instance, read-only to the network's API."""
    if vm.is_instance:
        return f"{vm.resource_id}/networkInterfaces/{vm.name}-nic"
    return f"{vm.group}/{NETWORK}/networkInterfaces/{vm.name}-nic"


def pool_id(topology: Topology, pool: Pool) -> str:
    if pool.kind is PoolKind.GATEWAY:
        return f"{scope(topology)}/{NETWORK}/applicationGateways/{GATEWAY}/backendAddressPools/{pool.name}"
    return f"{scope(topology)}/{NETWORK}/loadBalancers/{BALANCER}/backendAddressPools/{pool.name}"


def nat_name(pool: Pool) -> str:
    """The inbound NAT rule over a pool."""
    return f"{pool.name}-nat"
