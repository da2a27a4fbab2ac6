# What is written onto a VM: the policy, who the sidecar is to the management API, and the script that installs the
# package. The same script serves cloud-init (new VMs) and the run command (running ones). Nothing of it is secret.

locals {
  probe_port = var.service.probe == "sidecar" ? 9180 : var.service.port
  probe_path = var.service.probe == "sidecar" ? "/ready" : var.service.ready_path

  policy = var.policy != null ? var.policy : templatefile("${path.module}/templates/policy.yaml.tftpl", {
    service = var.service
    probe   = var.probe
  })

  unit = templatefile("${path.module}/templates/azure.conf.tftpl", {
    client_id = azurerm_user_assigned_identity.sidecar.client_id
  })

  # Without it the balancer would send clients to a VM whose service is dead.
  check = templatefile("${path.module}/templates/probe.conf.tftpl", { service = var.service })

  install = templatefile("${path.module}/templates/install.sh.tftpl", {
    package   = var.package
    client_id = azurerm_user_assigned_identity.sidecar.client_id
    socket    = var.service.probe == "sidecar"
    policy    = base64encode(local.policy)
    unit      = base64encode(local.unit)
    check     = base64encode(local.check)
  })

  files = [
    {
      path        = "/usr/local/sbin/drainer-install"
      permissions = "0755"
      encoding    = "b64"
      content     = base64encode(local.install)
    },
    {
      path        = "/etc/systemd/system/drainer-install.service"
      permissions = "0644"
      encoding    = "b64"
      content     = filebase64("${path.module}/templates/drainer-install.service")
    },
  ]

  # Not waited for: a role that was just assigned may take half an hour to hold, and the unit tries again.
  commands = [
    ["systemctl", "daemon-reload"],
    ["systemctl", "enable", "--now", "--no-block", "drainer-install.service"],
  ]

  first_boot = { write_files = local.files, runcmd = local.commands }
}

resource "azurerm_virtual_machine_run_command" "install" {
  for_each = var.virtual_machines

  name               = "drainer-install"
  virtual_machine_id = each.value.id
  location           = each.value.location
  tags               = var.tags

  source {
    script = local.install
  }

  # Without its roles the sidecar could not drain.
  depends_on = [azurerm_role_assignment.sidecar]
}
