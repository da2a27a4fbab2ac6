"""Verbs that look: they change nothing."""

from __future__ import annotations

from drainer.cli.flags import Verbs


def add(verbs: Verbs) -> None:
    """Add the verbs that look."""
