"""The metadata services a VM may be served, one module each, read into `Document` or `Unreadable`."""
