"""Fleet budgets: how many may be out at once. Each module is one place to keep the leases."""
