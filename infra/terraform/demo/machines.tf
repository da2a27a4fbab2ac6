locals {
  machines = toset([for number in range(1, var.instances + 1) : tostring(number)])

  # The service first: the sidecar gives a VM back by its health.
  first_boot = {
    write_files = concat([
      {
        path        = "/usr/local/lib/demo/web.py"
        permissions = "0644"
        encoding    = "b64"
        content     = filebase64("${path.module}/service/web.py")
      },
      {
        path        = "/etc/systemd/system/web.service"
        permissions = "0644"
        encoding    = "b64"
        content     = filebase64("${path.module}/service/web.service")
      },
    ], module.drainer.files)
    runcmd = concat([
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "web.service"],
    ], module.drainer.commands)
  }
  # No name of Debian's own: with one of its groups (such as `operator`) cloud-init cannot make the account.
  admin      = "azureuser"
  cloud_init = "#cloud-config\n${yamlencode(local.first_boot)}"
}

module "drainer" {
  source = "../modules/drainer"

  name           = var.name
  resource_group = azurerm_resource_group.demo
  scopes         = { demo = azurerm_resource_group.demo.id }
  package        = local.package
  service        = { probe = var.probe }
  tags           = var.tags
}

resource "azurerm_availability_set" "web" {
  count = var.placement == "availability-set" ? 1 : 0

  name                         = "${var.name}-web"
  resource_group_name          = azurerm_resource_group.demo.name
  location                     = azurerm_resource_group.demo.location
  platform_fault_domain_count  = 2
  platform_update_domain_count = 5
  tags                         = var.tags
}

resource "azurerm_network_interface" "web" {
  for_each = local.machines

  name                = "${var.name}-web-${each.key}"
  resource_group_name = azurerm_resource_group.demo.name
  location            = azurerm_resource_group.demo.location
  tags                = var.tags

  ip_configuration {
    name                          = "web"
    subnet_id                     = azurerm_subnet.web.id
    private_ip_address_allocation = "Dynamic"
  }

  # While a VM is out its interface carries the sidecar's mark, drainer-out-1 and so on: what was taken, and the
  # command that undoes it. An apply that removed it would take away what a rescue reads. They are as many as the
  # mark is long, so all tags are left alone.
  lifecycle {
    ignore_changes = [tags]
  }
}

resource "azurerm_network_interface_backend_address_pool_association" "web" {
  for_each = local.machines

  network_interface_id    = azurerm_network_interface.web[each.key].id
  ip_configuration_name   = "web"
  backend_address_pool_id = azurerm_lb_backend_address_pool.web.id
}

resource "azurerm_linux_virtual_machine" "web" {
  # checkov:skip=CKV_AZURE_50:the run command is how operators reach a VM that no port leads to
  for_each = local.machines

  name                            = "${var.name}-web-${each.key}"
  resource_group_name             = azurerm_resource_group.demo.name
  location                        = azurerm_resource_group.demo.location
  size                            = var.vm_size
  network_interface_ids           = [azurerm_network_interface.web[each.key].id]
  availability_set_id             = one(azurerm_availability_set.web[*].id)
  zone                            = var.placement == "zones" ? var.zones[(tonumber(each.key) - 1) % length(var.zones)] : null
  priority                        = var.priority
  eviction_policy                 = var.priority == "Spot" ? "Deallocate" : null
  admin_username                  = local.admin
  disable_password_authentication = true
  custom_data                     = base64encode(local.cloud_init)
  secure_boot_enabled             = true
  vtpm_enabled                    = true
  tags                            = var.tags

  admin_ssh_key {
    username   = local.admin
    public_key = var.admin_ssh_public_key
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [module.drainer.identity_id]
  }

  os_disk {
    caching              = "ReadWrite"
    storage_account_type = "StandardSSD_LRS"
  }

  source_image_reference {
    publisher = "Debian"
    offer     = "debian-12"
    sku       = "12-gen2"
    version   = var.image_version
  }

  boot_diagnostics {}

  # Another package or policy must not replace every VM at once: roll them, by -replace, one at a time.
  lifecycle {
    ignore_changes = [custom_data]
  }

  # At its first boot a VM fetches packages: it needs the way out.
  depends_on = [
    azurerm_subnet_nat_gateway_association.web,
    azurerm_nat_gateway_public_ip_association.out,
    azurerm_subnet_network_security_group_association.web,
    azurerm_storage_blob.package,
  ]
}
