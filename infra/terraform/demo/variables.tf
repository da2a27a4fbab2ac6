variable "subscription_id" {
  description = "The subscription that pays."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "subscription_id: expected a lower-case GUID."
  }
}

variable "name" {
  description = "Begins the name of everything here."
  type        = string
  default     = "drainer-demo"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name: expected 3 to 24 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "location" {
  description = "The region."
  type        = string
  default     = "westeurope"

  validation {
    condition     = can(regex("^[a-z0-9]+$", var.location))
    error_message = "location: expected a region's short name, such as westeurope."
  }
}

variable "instances" {
  description = "How many VMs stand behind the balancer."
  type        = number
  default     = 3

  validation {
    condition     = var.instances >= 2 && var.instances <= 10 && floor(var.instances) == var.instances
    error_message = "instances: expected 2 to 10; with one alone nothing may ever leave."
  }
}

variable "placement" {
  description = "`availability-set`, or `zones`: spread over `zones`."
  type        = string
  default     = "availability-set"

  validation {
    condition     = contains(["availability-set", "zones"], var.placement)
    error_message = "placement: expected availability-set or zones."
  }
}

variable "zones" {
  description = "The zones to spread over."
  type        = list(string)
  default     = ["1", "2", "3"]

  validation {
    condition     = length(var.zones) > 0 && alltrue([for zone in var.zones : contains(["1", "2", "3"], zone)])
    error_message = "zones: expected some of 1, 2 and 3."
  }
}

variable "priority" {
  description = "`Regular`, or `Spot`, whose eviction can be simulated; Azure takes no Spot VM into an availability set."
  type        = string
  default     = "Regular"

  validation {
    condition     = contains(["Regular", "Spot"], var.priority)
    error_message = "priority: expected Regular or Spot."
  }

  validation {
    condition     = var.priority == "Regular" || var.placement == "zones"
    error_message = "priority: Spot needs placement zones."
  }
}

variable "scale_set_instances" {
  description = "So many instances of a flexible scale set stand behind the balancer too; 0: no scale set."
  type        = number
  default     = 0

  validation {
    condition     = var.scale_set_instances >= 0 && var.scale_set_instances <= 10 && floor(var.scale_set_instances) == var.scale_set_instances
    error_message = "scale_set_instances: expected 0 to 10."
  }
}

variable "vm_size" {
  description = "The VMs' size; x86-64, as the package is. Azure has no Spot VMs of the B series."
  type        = string
  default     = "Standard_B2ats_v2"

  validation {
    condition     = can(regex("^Standard_[A-Za-z0-9_-]+$", var.vm_size))
    error_message = "vm_size: expected a size such as Standard_B2ats_v2."
  }

  validation {
    condition     = !can(regex("^Standard_[A-Z]+[0-9]+(-[0-9]+)?[a-z]*p", var.vm_size))
    error_message = "vm_size: expected x86-64, which the package is made for; a p after the number means Arm."
  }

  validation {
    condition     = var.priority == "Regular" || !startswith(var.vm_size, "Standard_B")
    error_message = "vm_size: Spot needs a size outside the B series, such as Standard_D2as_v5."
  }
}

variable "image_version" {
  description = "The version of Debian 12's image; `az vm image list --publisher Debian --offer debian-12 --all` lists them."
  type        = string
  default     = "latest"

  validation {
    condition     = var.image_version == "latest" || can(regex("^[0-9]+[.][0-9]+[.][0-9]+$", var.image_version))
    error_message = "image_version: expected latest, or three numbers."
  }
}

variable "admin_ssh_public_key" {
  description = "Azure asks for one. No rule lets anybody in by SSH: the commands of the outputs go through the VM agent."
  type        = string

  validation {
    condition     = can(regex("^(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]+", var.admin_ssh_public_key))
    error_message = "admin_ssh_public_key: expected an ssh-rsa or ssh-ed25519 public key."
  }
}

variable "client_addresses" {
  description = "Who may ask the service, and upload to the storage account: public IPv4 addresses."
  type        = list(string)

  validation {
    condition = length(var.client_addresses) > 0 && alltrue([
      for address in var.client_addresses :
      can(regex("^[0-9.]+$", address)) && try(cidrhost("${address}/32", 0) == address, false)
    ])
    error_message = "client_addresses: expected IPv4 addresses without a prefix length, such as 203.0.113.7."
  }

  # The storage account's firewall refuses these, in the middle of an apply.
  validation {
    condition = !anytrue([
      for address in var.client_addresses :
      can(regex("^(0|10|127|169[.]254|172[.](1[6-9]|2[0-9]|3[01])|192[.]168)[.]", address))
    ])
    error_message = "client_addresses: expected addresses as the internet sees them, not of a private network."
  }
}

variable "package_file" {
  description = "The .deb on this machine, as `make packages` leaves it: put into the storage account. Or give `package_url`."
  type        = string
  default     = null

  validation {
    condition     = var.package_file == null || try(fileexists(var.package_file), false)
    error_message = "package_file: no such file."
  }
}

variable "package_url" {
  description = "Where the .deb lies, by https."
  type        = string
  default     = null

  validation {
    condition     = (var.package_url == null) != (var.package_file == null)
    error_message = "package_url: expected exactly one of package_url and package_file."
  }
}

variable "package_sha256" {
  description = "The SHA-256 of what lies at `package_url`."
  type        = string
  default     = null

  validation {
    condition     = (var.package_url == null) == (var.package_sha256 == null)
    error_message = "package_sha256: expected with package_url, and only with it; a file's is computed."
  }
}

variable "probe" {
  description = "Who answers the balancer's probe: `application`, or `sidecar` for applications that cannot read a marker."
  type        = string
  default     = "application"

  validation {
    condition     = contains(["application", "sidecar"], var.probe)
    error_message = "probe: expected application or sidecar."
  }
}

variable "tags" {
  description = "Tags for everything here."
  type        = map(string)
  default     = { project = "drainer-demo" }
  nullable    = false
}
