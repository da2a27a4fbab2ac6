# `terraform test`, without Azure. Run by `make infra` too.

mock_provider "azurerm" {
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      client_id    = "00000000-0000-0000-0000-0000000051de"
      principal_id = "00000000-0000-0000-0000-0000000051de"
    }
  }

  mock_resource "azurerm_role_definition" {
    defaults = {
      role_definition_resource_id = "/subscriptions/S/providers/Microsoft.Authorization/roleDefinitions/R"
    }
  }
}

variables {
  name           = "web"
  resource_group = { name = "web", location = "westeurope" }
  scopes = {
    network = "/subscriptions/S/resourceGroups/network"
    web     = "/subscriptions/S/resourceGroups/web"
  }
  package = {
    url    = "https://packages.example/drainer_0.1.0_amd64.deb"
    sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
}

run "both_roles_in_every_scope_and_nowhere_else" {
  assert {
    condition     = toset(keys(azurerm_role_assignment.sidecar)) == toset(["drain@web", "drain@network", "doctor@web", "doctor@network"])
    error_message = "Each role is to be assigned once in each scope."
  }

  assert {
    condition     = alltrue([for one in azurerm_role_assignment.sidecar : contains(values(var.scopes), one.scope)])
    error_message = "An assignment reaches beyond the scopes."
  }

  assert {
    condition     = alltrue([for one in azurerm_role_definition.sidecar : toset(one.assignable_scopes) == toset(values(var.scopes))])
    error_message = "A role may be assigned beyond the scopes."
  }
}

run "nothing_is_run_on_vms_that_were_not_named" {
  assert {
    condition     = length(azurerm_virtual_machine_run_command.install) == 0
    error_message = "A run command without a VM."
  }
}

run "running_vms_get_the_same_script_as_new_ones" {
  variables {
    virtual_machines = {
      a = { id = "/subscriptions/S/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/a", location = "westeurope" }
    }
  }

  assert {
    condition     = azurerm_virtual_machine_run_command.install["a"].source[0].script == base64decode(output.files[0].content)
    error_message = "The two ways of installing differ."
  }
}

run "the_application_answers_the_probe" {
  assert {
    condition     = output.probe.port == 80 && output.probe.path == "/ready"
    error_message = "The balancer must ask the application."
  }

  assert {
    condition     = yamldecode(output.policy).backend[0]["health-probe"].mode == "file"
    error_message = "The policy must wait for the application's route to fail."
  }

  assert {
    condition     = !strcontains(base64decode(output.files[0].content), "drainer-probe.socket")
    error_message = "The probe socket is not needed."
  }
}

run "the_sidecar_answers_the_probe" {
  variables {
    service = { port = 8080, probe = "sidecar" }
    probe   = { interval_s = 10, threshold = 3 }
  }

  assert {
    condition     = output.probe.port == 9180 && output.probe.path == "/ready"
    error_message = "The balancer must ask the sidecar."
  }

  assert {
    condition     = yamldecode(output.policy).backend[0]["health-probe"].mode == "listen"
    error_message = "The policy must wait for the prober's own visits."
  }

  assert {
    condition     = yamldecode(output.policy).backend[0]["health-probe"].interval == "10s" && yamldecode(output.policy).backend[0]["health-probe"].threshold == 3
    error_message = "Policy and probe must keep the same time."
  }

  assert {
    condition     = yamldecode(output.policy).service_ports[0] == 8080
    error_message = "The policy must watch the service's port."
  }

  assert {
    condition     = strcontains(base64decode(output.files[0].content), "systemctl enable --now drainer-probe.socket")
    error_message = "The probe socket must be started."
  }
}

run "a_policy_of_ones_own" {
  variables {
    policy = "version: 1\nrules: []\n"
  }

  assert {
    condition     = output.policy == var.policy
    error_message = "The policy must be taken as it is."
  }
}

run "cloud_init_is_whole" {
  assert {
    condition     = startswith(output.cloud_init, "#cloud-config\n") && length(yamldecode(output.cloud_init).write_files) == 2
    error_message = "cloud-init needs its first line and both files."
  }
}

run "whole_subscriptions_are_refused" {
  command = plan
  variables {
    scopes = { all = "/subscriptions/S" }
  }
  expect_failures = [var.scopes]
}

run "a_package_needs_a_checksum" {
  command = plan
  variables {
    package = { url = "https://packages.example/drainer_0.1.0_amd64.deb", sha256 = "" }
  }
  expect_failures = [var.package]
}

run "a_token_goes_to_blobs_only" {
  command = plan
  variables {
    package = {
      url    = "https://packages.example/drainer_0.1.0_amd64.deb"
      sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      access = "identity"
    }
  }
  expect_failures = [var.package]
}

# One fault in each variable, so that each validation is seen to find its own.
run "other_values_are_refused" {
  command = plan
  variables {
    name             = "Web"
    scopes           = {}
    service          = { port = 0 }
    probe            = { interval_s = 1 }
    policy           = "version: 2"
    virtual_machines = { a = { id = "a", location = "westeurope" } }
  }
  expect_failures = [var.name, var.scopes, var.service, var.probe, var.policy, var.virtual_machines]
}

run "so_are_parts_of_a_whole" {
  command = plan
  variables {
    package = {
      url    = "https://drainer.blob.core.windows.net/packages/drainer.deb"
      sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      access = "anybody"
    }
    service = { port = 80.5 }
    probe   = { interval_s = 7.5 }
  }
  expect_failures = [var.package, var.service, var.probe]
}

run "so_are_routes_that_are_none" {
  command = plan
  variables {
    service = { ready_path = "ready" }
    probe   = { threshold = 0 }
  }
  expect_failures = [var.service, var.probe]
}

run "so_is_a_probe_that_nobody_answers" {
  command = plan
  variables {
    service = { probe = "nobody" }
    probe   = { threshold = 1.5 }
  }
  expect_failures = [var.service, var.probe]
}

run "so_is_a_health_route_with_a_space" {
  command = plan
  variables {
    service = { health_path = "/health z" }
  }
  expect_failures = [var.service]
}
