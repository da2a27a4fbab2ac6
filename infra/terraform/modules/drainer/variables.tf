variable "name" {
  description = "Names the identity and, as custom roles' names are unique in a tenant, the two roles."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name: expected 3 to 24 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "resource_group" {
  description = "Where the identity is created."
  type = object({
    name     = string
    location = string
  })
  nullable = false
}

variable "scopes" {
  description = <<-EOT
    Resource groups, by id, that hold the VMs, their interfaces, the balancer, the network and its security groups.
    The two roles are assigned in each of them and nowhere else. Keys are yours; the first one defines the roles.
  EOT
  type        = map(string)
  nullable    = false

  validation {
    condition = length(var.scopes) > 0 && alltrue([
      for scope in values(var.scopes) : can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+$", scope))
    ])
    error_message = "scopes: expected ids of resource groups, /subscriptions/S/resourceGroups/G; whole subscriptions are refused."
  }
}

variable "package" {
  description = <<-EOT
    The Debian package: where it lies, its SHA-256, and how it is fetched: `public` by a plain https request,
    `identity` with a token of the sidecar's identity, for a blob that this identity may read.
  EOT
  type = object({
    url    = string
    sha256 = string
    access = optional(string, "public")
  })
  nullable = false

  validation {
    condition     = can(regex("^https://[A-Za-z0-9._~:/?#@!&*+,;=%-]+$", var.package.url))
    error_message = "package.url: expected an https:// address without quotes or spaces."
  }

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package.sha256))
    error_message = "package.sha256: expected 64 lower-case hexadecimal digits; a package is never installed unchecked."
  }

  validation {
    condition     = contains(["public", "identity"], var.package.access)
    error_message = "package.access: expected public or identity."
  }

  validation {
    condition     = var.package.access == "public" || can(regex("^https://[a-z0-9]+[.]blob[.]", var.package.url))
    error_message = "package.url: a token is only ever sent to https://ACCOUNT.blob.…."
  }
}

variable "service" {
  description = <<-EOT
    The application on each VM: its port, the route that tells its health, and the one that the balancer probes.
    `probe` says who answers the balancer's probe: `application`, whose route fails while the marker exists, or
    `sidecar`: drainer-probe.socket on port 9180, path /ready, for applications that cannot read a marker.
  EOT
  type = object({
    port        = optional(number, 80)
    health_path = optional(string, "/healthz")
    ready_path  = optional(string, "/ready")
    probe       = optional(string, "application")
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.service.port >= 1 && var.service.port <= 65535 && floor(var.service.port) == var.service.port
    error_message = "service.port: expected a whole number from 1 to 65535."
  }

  validation {
    condition = alltrue([
      for path in [var.service.health_path, var.service.ready_path] : can(regex("^/[A-Za-z0-9._~/-]*$", path))
    ])
    error_message = "service: expected paths that begin with /."
  }

  validation {
    condition     = contains(["application", "sidecar"], var.service.probe)
    error_message = "service.probe: expected application or sidecar."
  }
}

variable "probe" {
  description = "The balancer's probe: seconds between two questions, and how many failures take a member out."
  type = object({
    interval_s = optional(number, 5)
    threshold  = optional(number, 2)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.probe.interval_s >= 5 && var.probe.interval_s <= 60 && floor(var.probe.interval_s) == var.probe.interval_s
    error_message = "probe.interval_s: expected a whole number of seconds from 5 to 60."
  }

  validation {
    condition     = var.probe.threshold >= 1 && var.probe.threshold <= 10 && floor(var.probe.threshold) == var.probe.threshold
    error_message = "probe.threshold: expected a whole number from 1 to 10."
  }
}

variable "policy" {
  description = "A whole policy instead of the one that is made from `service` and `probe`."
  type        = string
  default     = null

  validation {
    condition     = var.policy == null || try(yamldecode(var.policy).version == 1, false)
    error_message = "policy: expected a policy of version 1, as `drainer check` takes it."
  }
}

variable "virtual_machines" {
  description = <<-EOT
    Running VMs, by id, on which the sidecar is installed now, and again when package or policy change. Each must
    carry the identity (output `identity_id`) in its own configuration. VMs that are yet to be created take the
    outputs `files` and `commands` into their cloud-init instead.
  EOT
  type = map(object({
    id       = string
    location = string
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for vm in values(var.virtual_machines) : can(regex("/providers/Microsoft.Compute/virtualMachines/[^/]+$", vm.id))
    ])
    error_message = "virtual_machines: expected ids of virtual machines."
  }
}

variable "tags" {
  description = "Tags for what is created here."
  type        = map(string)
  default     = {}
  nullable    = false
}
