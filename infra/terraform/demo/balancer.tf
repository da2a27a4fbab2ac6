# A Standard balancer with source-IP affinity: a client stays on its VM as long as the pool's members stay the same.

resource "azurerm_public_ip" "service" {
  name                = "${var.name}-service"
  resource_group_name = azurerm_resource_group.demo.name
  location            = azurerm_resource_group.demo.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.placement == "zones" ? var.zones : null
  tags                = var.tags
}

resource "azurerm_lb" "web" {
  name                = "${var.name}-web"
  resource_group_name = azurerm_resource_group.demo.name
  location            = azurerm_resource_group.demo.location
  sku                 = "Standard"
  tags                = var.tags

  frontend_ip_configuration {
    name                 = "service"
    public_ip_address_id = azurerm_public_ip.service.id
  }
}

resource "azurerm_lb_backend_address_pool" "web" {
  name            = "web"
  loadbalancer_id = azurerm_lb.web.id
}

# Azure honours probe_threshold and ignores number_of_probes.
resource "azurerm_lb_probe" "web" {
  name                = "ready"
  loadbalancer_id     = azurerm_lb.web.id
  protocol            = "Http"
  port                = module.drainer.probe.port
  request_path        = module.drainer.probe.path
  interval_in_seconds = module.drainer.probe.interval_s
  probe_threshold     = module.drainer.probe.threshold
}

resource "azurerm_lb_rule" "web" {
  name                           = "web"
  loadbalancer_id                = azurerm_lb.web.id
  frontend_ip_configuration_name = "service"
  backend_address_pool_ids       = [azurerm_lb_backend_address_pool.web.id]
  probe_id                       = azurerm_lb_probe.web.id
  protocol                       = "Tcp"
  frontend_port                  = 80
  backend_port                   = 80
  load_distribution              = "SourceIP"
  disable_outbound_snat          = true
  tcp_reset_enabled              = true
  floating_ip_enabled            = false
  idle_timeout_in_minutes        = 4
}
