# `terraform test`, without Azure. Run by `make infra` too.

mock_provider "azurerm" {
  mock_resource "azurerm_resource_group" {
    defaults = { id = "/subscriptions/S/resourceGroups/drainer-demo" }
  }

  mock_resource "azurerm_role_definition" {
    defaults = { role_definition_resource_id = "/subscriptions/S/providers/Microsoft.Authorization/roleDefinitions/R" }
  }

  mock_resource "azurerm_public_ip" {
    defaults = { ip_address = "192.0.2.1" }
  }
}

variables {
  subscription_id      = "00000000-0000-0000-0000-000000000000"
  admin_ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlaceholder"
  client_addresses     = ["203.0.113.7"]
  package_url          = "https://packages.example/drainer_0.1.0_amd64.deb"
  package_sha256       = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

run "outputs_say_what_to_do" {
  assert {
    condition     = output.service_url == "http://192.0.2.1"
    error_message = "The service is asked at the balancer's address."
  }

  assert {
    condition     = output.trigger["1"].restart == "az vm restart --resource-group drainer-demo --name drainer-demo-web-1"
    error_message = "A restart names one VM."
  }

  assert {
    condition     = output.trigger["3"].redeploy == "az vm redeploy --resource-group drainer-demo --name drainer-demo-web-3"
    error_message = "A redeploy names one VM."
  }

  assert {
    condition     = output.trigger["1"].simulate_eviction == null
    error_message = "Only Spot VMs are evicted."
  }

  assert {
    condition     = strcontains(output.certify, "--client http://192.0.2.1/whoami")
    error_message = "certify asks through the balancer."
  }

  assert {
    condition     = endswith(output.gate, "/demo/gate drainer-demo")
    error_message = "The gate asks this group."
  }

  assert {
    condition     = length(output.trigger_scale_set) == 0
    error_message = "There is no scale set unless it is asked for."
  }
}

run "spot_vms_and_a_scale_set_can_be_evicted" {
  variables {
    placement           = "zones"
    priority            = "Spot"
    vm_size             = "Standard_D2as_v5"
    scale_set_instances = 2
  }

  assert {
    condition     = output.trigger["2"].simulate_eviction == "az vm simulate-eviction --resource-group drainer-demo --name drainer-demo-web-2"
    error_message = "A Spot VM's eviction can be simulated."
  }

  assert {
    condition     = output.trigger_scale_set["drainer-demo-flex"].scale_in == "az vmss scale --resource-group drainer-demo --name drainer-demo-flex --new-capacity 1"
    error_message = "A scale-in leaves one instance less."
  }
}
