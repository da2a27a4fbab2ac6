"""Runs in the child process alone: everything that imports Azure's packages."""
