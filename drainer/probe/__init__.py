"""Both ends of a health probe: asking a route, the marker that fails it on purpose, and the probe unit."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the probe unit (`drainer probe`) until SIGTERM; the exit code."""
    from drainer.probe import unit

    return unit.main(argv)
