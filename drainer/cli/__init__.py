"""The command line of drainer: one module a group of verbs, each importing what it runs only when it runs."""

from drainer.cli.entry import main

__all__ = ["main"]
