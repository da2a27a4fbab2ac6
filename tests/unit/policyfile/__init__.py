"""The policy loader, its printer, its check and its schema."""
