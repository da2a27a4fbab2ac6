"""The load balancer that a topology comes to: its pools, rules, probes and frontends, as bodies."""

from metadata_server.arm.places import BALANCER, FRONTEND, NETWORK, NETWORK_NAME, nat_name, pool_id, scope
from metadata_server.arm.store import Body
from metadata_server.topology import Outbound, Pool, PoolKind, Topology


def balancer(topology: Topology) -> Body:
    own = f"{scope(topology)}/{NETWORK}/loadBalancers/{BALANCER}"
    frontend = {"id": f"{own}/frontendIPConfigurations/{FRONTEND}"}
    pools = [pool for pool in topology.pools if pool.kind is not PoolKind.GATEWAY]
    sources = {balancer.pool: balancer for balancer in topology.balancers}
    rules, probes, outbound = [], [], []
    for pool in pools:
        here = {"id": pool_id(topology, pool)}
        probe = f"{own}/probes/{pool.name}"
        probes.append(_probe(pool, probe))
        affinity = (
            "SourceIP" if pool.name in sources and sources[pool.name].affinity == "source" else "Default"
        )
        if pool.inbound_rule:
            rule = _rule(pool, own, here=here, frontend=frontend, probe=probe, affinity=affinity)
            rule["properties"]["disableOutboundSnat"] = not _translates(topology)
            rules.append(rule)
        if pool.outbound_rule:
            properties = {
                "backendAddressPool": here,
                "frontendIPConfigurations": [frontend],
                "protocol": "All",
            }
            outbound.append({"name": f"{pool.name}-out", "properties": properties})
    return {
        "name": BALANCER,
        "id": own,
        "type": f"{NETWORK}/loadBalancers",
        "location": topology.vms[0].location,
        "sku": {"name": "Standard", "tier": "Regional"},
        "properties": {
            "provisioningState": "Succeeded",
            "frontendIPConfigurations": [
                {
                    "name": FRONTEND,
                    **frontend,
                    "properties": {
                        "publicIPAddress": {"id": f"{scope(topology)}/{NETWORK}/publicIPAddresses/lb"}
                    },
                }
            ],
            "backendAddressPools": [_pool(topology, pool) for pool in pools],
            "loadBalancingRules": rules,
            "probes": probes,
            "inboundNatRules": [_nat(pool, own, topology) for pool in pools if pool.nat is not None],
            "outboundRules": outbound,
        },
    }


def _translates(topology: Topology) -> bool:
    """Whether load balancing rules let their members out: where the pool is the way out, and no outbound rule
    is (Load Balancer, "Outbound connections": the two exclude each other on one frontend)."""
    management = topology.management
    by_pool = management is not None and management.outbound is Outbound.POOL
    return by_pool and not any(pool.outbound_rule for pool in topology.pools)


def _probe(pool: Pool, probe_id: str) -> Body:
    properties: Body = {
        "protocol": pool.probe.protocol.value.capitalize(),
        "port": pool.probe.port or pool.members[0].address.port if pool.members else 80,
        "intervalInSeconds": max(5, int(pool.probe.interval.total_seconds())),
        "probeThreshold": pool.probe.threshold,
        "numberOfProbes": 1,
    }
    if pool.probe.protocol == "http":
        properties["requestPath"] = pool.probe.path
    return {"name": pool.name, "id": probe_id, "properties": properties}


def _rule(pool: Pool, own: str, *, here: Body, frontend: Body, probe: str, affinity: str) -> Body:
    return {
        "name": pool.name,
        "id": f"{own}/loadBalancingRules/{pool.name}",
        "properties": {
            "frontendIPConfiguration": frontend,
            "frontendPort": 80,
            "backendPort": 80,
            "protocol": "Tcp",
            "loadDistribution": affinity,
            "backendAddressPool": here,
            "backendAddressPools": [here],
            "enableTcpReset": False,
            "idleTimeoutInMinutes": 4,
            **({"probe": {"id": probe}} if pool.probed else {}),
        },
    }


def _nat(pool: Pool, own: str, topology: Topology) -> Body:
    assert pool.nat is not None
    return {
        "name": nat_name(pool),
        "id": f"{own}/inboundNatRules/{nat_name(pool)}",
        "properties": {
            "frontendIPConfiguration": {"id": f"{own}/frontendIPConfigurations/{FRONTEND}"},
            "frontendPortRangeStart": pool.nat.first,
            "frontendPortRangeEnd": pool.nat.last,
            "backendPort": pool.nat.backend,
            "protocol": "Tcp",
            "backendAddressPool": {"id": pool_id(topology, pool)},
        },
    }


def _pool(topology: Topology, pool: Pool) -> Body:
    properties: Body = {"provisioningState": "Succeeded"}
    if pool.kind is PoolKind.IP:
        by_name = {vm.name: vm for vm in topology.vms}
        network = {"id": f"{scope(topology)}/{NETWORK}/virtualNetworks/{NETWORK_NAME}"}
        properties["loadBalancerBackendAddresses"] = [
            {
                "name": f"{member.vm}-address",
                "properties": {
                    "ipAddress": by_name[member.vm].private_ip,
                    "virtualNetwork": network,
                    "unpublished": {"kept": member.vm},
                },
            }
            for member in pool.members
        ]
        properties["virtualNetwork"] = network
    return {
        "name": pool.name,
        "id": pool_id(topology, pool),
        "type": f"{NETWORK}/loadBalancers/backendAddressPools",
        "properties": properties,
    }
