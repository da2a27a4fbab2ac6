"""The decision core: pure, total, deterministic. It imports no I/O, not even from the standard library."""
