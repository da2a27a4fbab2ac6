terraform {
  # Validations that name other variables need 1.9.
  required_version = ">= 1.9, < 2.0"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.55"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id
  # The storage account takes no keys: blobs are written as whoever runs Terraform.
  storage_use_azuread = true

  # Else azurerm 4 reads the account's queues as well, with a right that nobody here needs.
  features {
    storage {
      data_plane_available = false
    }
  }
}
