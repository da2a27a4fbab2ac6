# Instances of a flexible scale set are ordinary VMs with ordinary interfaces: the same sidecar, the same policy.

resource "azurerm_orchestrated_virtual_machine_scale_set" "web" {
  count = var.scale_set_instances > 0 ? 1 : 0

  name                        = "${var.name}-flex"
  resource_group_name         = azurerm_resource_group.demo.name
  location                    = azurerm_resource_group.demo.location
  platform_fault_domain_count = 1
  zones                       = var.placement == "zones" ? var.zones : null
  sku_name                    = var.vm_size
  instances                   = var.scale_set_instances
  priority                    = var.priority
  eviction_policy             = var.priority == "Spot" ? "Deallocate" : null
  tags                        = var.tags

  os_profile {
    custom_data = base64encode(local.cloud_init)

    linux_configuration {
      admin_username                  = local.admin
      disable_password_authentication = true

      admin_ssh_key {
        username   = local.admin
        public_key = var.admin_ssh_public_key
      }
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [module.drainer.identity_id]
  }

  network_interface {
    name    = "web"
    primary = true

    ip_configuration {
      name                                   = "web"
      primary                                = true
      subnet_id                              = azurerm_subnet.web.id
      load_balancer_backend_address_pool_ids = [azurerm_lb_backend_address_pool.web.id]
    }
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

  # Makes a scale-in a Terminate notice, with so much time to drain.
  termination_notification {
    enabled = true
    timeout = "PT5M"
  }

  lifecycle {
    ignore_changes = [os_profile[0].custom_data]
  }

  depends_on = [
    azurerm_subnet_nat_gateway_association.web,
    azurerm_nat_gateway_public_ip_association.out,
    azurerm_subnet_network_security_group_association.web,
    azurerm_storage_blob.package,
  ]
}
