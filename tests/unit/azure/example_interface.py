"""A network interface with every property of the published one, and some that nobody publishes."""

from __future__ import annotations

from drainer.management import Json
from tests.azure_documents import NETWORK, nic_id, pool_id

GATEWAY_POOL = f"{NETWORK}/applicationGateways/agw/backendAddressPools/appPool"
POOLS = ("first", "second", "third")


def example() -> Json:
    """Names and order of members as the service's documentation of NetworkInterface has them."""
    here = nic_id("nic")
    return {
        "name": "nic",
        "id": here,
        "location": "eastus",
        "extendedLocation": {"name": "edge1", "type": "EdgeZone"},
        "etag": 'W/"00000000-0000-0000-0000-000000000001"',
        "type": "Microsoft.Network/networkInterfaces",
        "tags": {"z-owner": "web", "cost": "", "a": "ünïcode ✓"},
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": "6a1b2c3d",
            "virtualMachine": {"id": f"{NETWORK}/../Microsoft.Compute/virtualMachines/vm1"},
            "networkSecurityGroup": {"id": f"{NETWORK}/networkSecurityGroups/nsg"},
            "privateEndpoint": {"id": f"{NETWORK}/privateEndpoints/pe"},
            "ipConfigurations": [
                _configuration(here, "ipconfig1", primary=True),
                _configuration(here, "ipconfig2", primary=False),
                {"name": "bare", "id": f"{here}/ipConfigurations/bare", "properties": {"primary": False}},
            ],
            "tapConfigurations": [{"id": f"{here}/tapConfigurations/tap1"}],
            "dnsSettings": {
                "dnsServers": ["10.0.1.4", "10.0.1.5"],
                "appliedDnsServers": [],
                "internalDnsNameLabel": "vm1",
                "internalFqdn": "vm1.internal",
                "internalDomainNameSuffix": "internal.cloudapp.net",
            },
            "macAddress": "00-0D-3A-00-00-01",
            "primary": True,
            "vnetEncryptionSupported": False,
            "defaultOutboundConnectivityEnabled": False,
            "enableAcceleratedNetworking": True,
            "disableTcpStateTracking": False,
            "enableIPForwarding": True,
            "hostedWorkloads": [],
            "dscpConfiguration": {"id": f"{NETWORK}/dscpConfiguration/dscp"},
            "workloadType": "static",
            "nicType": "Standard",
            "migrationPhase": "None",
            "auxiliaryMode": "None",
            "auxiliarySku": "None",
            "privateLinkService": {"id": f"{NETWORK}/privateLinkServices/pls"},
            "allowPort25Out": True,
            "unknownNull": None,
            "unknownNumbers": [1, 2.5, 10**20, -0.0],
            "unknownNested": {"b": {"a": []}, "a": [{}, None, False]},
        },
        "unknownAtTheTop": {"kept": ["as", "is"]},
    }


def _configuration(here: str, name: str, *, primary: bool) -> Json:
    return {
        "name": name,
        "id": f"{here}/ipConfigurations/{name}",
        "etag": 'W/"00000000-0000-0000-0000-000000000001"',
        "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": "10.0.0.4",
            "privateIPAddressPrefixLength": 28,
            "privateIPAllocationMethod": "Dynamic",
            "privateIPAddressVersion": "IPv4",
            "gatewayLoadBalancer": {"id": f"{NETWORK}/loadBalancers/gwlb/frontendIPConfigurations/f"},
            "virtualNetworkTaps": [{"id": f"{NETWORK}/virtualNetworkTaps/vtap"}],
            "publicIPAddress": {"id": f"{NETWORK}/publicIPAddresses/pip"},
            "subnet": {"id": f"{NETWORK}/virtualNetworks/vnet/subnets/default"},
            "primary": primary,
            "applicationSecurityGroups": [{"id": f"{NETWORK}/applicationSecurityGroups/asg"}],
            "applicationGatewayBackendAddressPools": [{"id": GATEWAY_POOL, "unknown": 1}],
            "loadBalancerBackendAddressPools": [
                {"id": pool_id(pool), "properties": {"unknown": pool}} for pool in POOLS
            ],
            "loadBalancerInboundNatRules": [{"id": f"{NETWORK}/loadBalancers/lb/inboundNatRules/ssh"}],
            "privateLinkConnectionProperties": {"groupId": "g", "requiredMemberName": "m", "fqdns": []},
            "unknownOfAConfiguration": {"kept": True},
        },
    }
