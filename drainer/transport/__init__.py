"""What lies under the adapters that speak to the network."""
