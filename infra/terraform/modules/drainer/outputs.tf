output "identity_id" {
  description = "The identity that each VM must carry."
  value       = azurerm_user_assigned_identity.sidecar.id
}

output "principal_id" {
  description = "The identity's principal, for further role assignments."
  value       = azurerm_user_assigned_identity.sidecar.principal_id
}

output "client_id" {
  description = "The identity, as `--identity` takes it."
  value       = azurerm_user_assigned_identity.sidecar.client_id
}

output "probe" {
  description = "What the balancer's probe must ask; drains are timed by it."
  value = {
    port       = local.probe_port
    path       = local.probe_path
    interval_s = var.probe.interval_s
    threshold  = var.probe.threshold
  }
}

output "policy" {
  description = "The policy file's text."
  value       = local.policy
}

output "files" {
  description = "For `write_files` of a new VM's cloud-init."
  value       = local.files
}

output "commands" {
  description = "For `runcmd` of a new VM's cloud-init."
  value       = local.commands
}

output "cloud_init" {
  description = "A whole cloud-init document, for VMs that need no other."
  value       = "#cloud-config\n${yamlencode(local.first_boot)}"
}
