# One account: the container `packages` for the .deb, `fleet` for a budget that the VMs of this fleet share. Nobody
# reads it by key: the VMs by their identity, from their subnet; whoever runs Terraform by their own login.

locals {
  package = var.package_file == null ? {
    url    = var.package_url
    sha256 = var.package_sha256
    access = "public"
    } : {
    url    = "https://${azurerm_storage_account.demo.name}.blob.core.windows.net/packages/${local.package_name}"
    sha256 = filesha256(var.package_file)
    access = "identity"
  }

  # Named by content, so that a changed package is another blob.
  package_name = var.package_file == null ? null : "drainer-${substr(filesha256(var.package_file), 0, 12)}.deb"
}

data "azurerm_client_config" "operator" {}

resource "azurerm_storage_account" "demo" {
  # checkov:skip=CKV_AZURE_59:whoever runs Terraform uploads from outside; every other network is denied below
  # checkov:skip=CKV_AZURE_206:a demo holds nothing worth a second region
  # checkov:skip=CKV_AZURE_33:there are no queues
  # checkov:skip=CKV2_AZURE_33:the subnet's service endpoint costs nothing
  # checkov:skip=CKV2_AZURE_1:a demo holds nothing critical
  # Unique in the world, and the same at each apply.
  name                = "drainer${substr(sha256("${var.subscription_id}/${var.name}"), 0, 16)}"
  resource_group_name = azurerm_resource_group.demo.name
  location            = azurerm_resource_group.demo.location

  account_tier                     = "Standard"
  account_replication_type         = "LRS"
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  shared_access_key_enabled        = false
  local_user_enabled               = false
  default_to_oauth_authentication  = true
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  tags                             = var.tags

  # No versioning: each change of a budget would be kept.
  blob_properties {
    delete_retention_policy {
      days = 7
    }
  }

  network_rules {
    default_action             = "Deny"
    bypass                     = ["AzureServices"]
    ip_rules                   = var.client_addresses
    virtual_network_subnet_ids = [azurerm_subnet.web.id]
  }
}

resource "azurerm_storage_container" "demo" {
  # checkov:skip=CKV2_AZURE_21:a demo keeps no logs
  for_each = toset(["fleet", "packages"])

  name                  = each.key
  storage_account_id    = azurerm_storage_account.demo.id
  container_access_type = "private"
}

resource "azurerm_role_assignment" "fleet" {
  scope                = azurerm_storage_container.demo["fleet"].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = module.drainer.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "packages" {
  scope                = azurerm_storage_container.demo["packages"].id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = module.drainer.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "upload" {
  count = var.package_file == null ? 0 : 1

  scope                = azurerm_storage_container.demo["packages"].id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = data.azurerm_client_config.operator.object_id
}

resource "azurerm_storage_blob" "package" {
  count = var.package_file == null ? 0 : 1

  name                   = local.package_name
  storage_account_name   = azurerm_storage_account.demo.name
  storage_container_name = azurerm_storage_container.demo["packages"].name
  type                   = "Block"
  source                 = var.package_file

  depends_on = [azurerm_role_assignment.upload]
}
