locals {
  vm = { for key, vm in azurerm_linux_virtual_machine.web : key => "--resource-group ${var.name} --name ${vm.name}" }

  # Through the VM agent: no port is open for operators.
  on = {
    for key, arguments in local.vm :
    key => "az vm run-command invoke ${arguments} --command-id RunShellScript --query 'value[0].message' --output tsv --scripts"
  }
  url = "http://${azurerm_public_ip.service.ip_address}"
}

output "service_url" {
  description = "Every answer names the VM that gave it."
  value       = local.url
}

output "fleet_container_url" {
  description = "Where a fleet budget may lie, once a version has one; the sidecars' identity may write it."
  value       = "${azurerm_storage_account.demo.primary_blob_endpoint}fleet"
}

output "watch" {
  description = "Ask once a second, each time over a new connection."
  value       = "while sleep 1; do curl -sS --max-time 5 ${local.url}/; done"
}

output "trigger" {
  description = "Maintenances, by VM; each is announced to the VM first. Evictions need priority Spot."
  value = {
    for key, arguments in local.vm : key => {
      restart           = "az vm restart ${arguments}"
      redeploy          = "az vm redeploy ${arguments}"
      simulate_eviction = var.priority == "Spot" ? "az vm simulate-eviction ${arguments}" : null
    }
  }
}

output "trigger_scale_set" {
  description = "A scale-in is announced as Terminate."
  value = {
    for set in azurerm_orchestrated_virtual_machine_scale_set.web[*] : set.name => {
      scale_in          = "az vmss scale --resource-group ${var.name} --name ${set.name} --new-capacity ${var.scale_set_instances - 1}"
      simulate_eviction = var.priority == "Spot" ? "az vm simulate-eviction --ids $(az vm list --resource-group ${var.name} --query \"[?virtualMachineScaleSet] | [0].id\" --output tsv)" : null
    }
  }
}

output "ask" {
  description = "What the sidecar of each VM knows, and whether a drain would work there."
  value = {
    for key, command in local.on : key => {
      status  = "${command} 'drainer status'"
      history = "${command} 'drainer history'"
      doctor  = "${command} 'drainer doctor --identity ${module.drainer.client_id}'"
      log     = "${command} 'journalctl --unit drainer --lines 50'"
      install = "${command} 'journalctl --unit drainer-install --lines 50'"
    }
  }
}

output "certify" {
  description = "What the platform really does, measured on the first VM while its daemon is stopped."
  value = join(" ", [
    local.on["1"],
    "'systemctl stop drainer; drainer certify --yes --out /var/tmp/facts.json --identity ${module.drainer.client_id} --client ${local.url}/whoami; systemctl start drainer; cat /var/tmp/facts.json'",
  ])
}

output "rescue" {
  description = "Print what undoes a removal that nobody undid; --run does it."
  value       = "drainer rescue ${azurerm_resource_group.demo.id} --identity az"
}

output "gate" {
  description = "Before each apply: 0 where every sidecar is steady and without an alarm."
  value       = "${abspath(path.module)}/gate ${var.name}"
}
