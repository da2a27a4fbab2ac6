"""The ready-made policies that come with the package: copies of the project's `policies/`."""

from __future__ import annotations

NAMES = ("log-only", "mask-reboots", "health-probe", "azure", "haproxy", "spot")
DEFAULT = "mask-reboots"


def builtin(name: str = DEFAULT) -> str:
    """The text of a ready-made policy, one of `NAMES`."""
    from importlib import resources  # costs memory, and the daemon mostly has a file

    return (resources.files("drainer") / "policies" / f"{name}.yaml").read_text(encoding="utf-8")
