"""The management API of the platform: resources, long-running writes, roles, throttling, and their faults."""
