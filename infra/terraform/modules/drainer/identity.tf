# One identity for all VMs of a service, and two roles with the actions that `drainer doctor --roles` prints.
# `drain` changes a VM's own membership; `doctor` only reads, and tells whether the VM keeps a way out.

locals {
  roles = {
    drain = {
      description = "Take a VM's own interface out of its pools and put it back."
      actions = [
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Network/networkInterfaces/read",
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/loadBalancers/read",
        "Microsoft.Network/loadBalancers/backendAddressPools/read",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.Network/networkSecurityGroups/join/action",
        "Microsoft.Network/publicIPAddresses/join/action",
        "Microsoft.Network/loadBalancers/inboundNatRules/join/action",
        "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
        "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
        "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
        "Microsoft.Network/locations/operations/read",
      ]
    }
    doctor = {
      description = "Read what tells whether a VM could put itself back."
      actions = [
        "Microsoft.Network/virtualNetworks/subnets/read",
        "Microsoft.Network/virtualNetworks/read",
        "Microsoft.Network/natGateways/read",
        "Microsoft.Network/publicIPAddresses/read",
        "Microsoft.Network/routeTables/read",
        "Microsoft.Authorization/permissions/read",
      ]
    }
  }

  assignments = {
    for pair in setproduct(keys(local.roles), keys(var.scopes)) :
    "${pair[0]}@${pair[1]}" => { role = pair[0], scope = var.scopes[pair[1]] }
  }
}

resource "azurerm_user_assigned_identity" "sidecar" {
  name                = "${var.name}-drainer"
  resource_group_name = var.resource_group.name
  location            = var.resource_group.location
  tags                = var.tags
}

resource "azurerm_role_definition" "sidecar" {
  for_each = local.roles

  name              = "drainer ${each.key} (${var.name})"
  description       = each.value.description
  scope             = values(var.scopes)[0]
  assignable_scopes = values(var.scopes)

  permissions {
    actions     = each.value.actions
    not_actions = []
  }
}

resource "azurerm_role_assignment" "sidecar" {
  for_each = local.assignments

  scope              = each.value.scope
  role_definition_id = azurerm_role_definition.sidecar[each.value.role].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.sidecar.principal_id
  principal_type     = "ServicePrincipal"
}
