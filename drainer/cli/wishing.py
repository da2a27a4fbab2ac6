"""Verbs by which an operator tells the daemon what is wanted."""

from __future__ import annotations

from drainer.cli.flags import Verbs


def add(verbs: Verbs) -> None:
    """Add the verbs that ask for something."""
