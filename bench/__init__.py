"""Benchmarks: what the sidecar costs and how fast it acts, each beside its baseline in the same run."""
