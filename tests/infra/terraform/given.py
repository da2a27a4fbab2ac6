"""Variables that a plan needs, and configurations changed on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.infra.terraform.world import SUBSCRIPTION

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web"
CHECKSUM = "a" * 64

DEMO: dict[str, Any] = {
    "subscription_id": SUBSCRIPTION,
    "admin_ssh_public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlaceholder",
    "client_addresses": ["203.0.113.7"],
    "package_url": "https://packages.example/drainer_0.1.0_amd64.deb",
    "package_sha256": CHECKSUM,
}
MODULE: dict[str, Any] = {
    "name": "web",
    "resource_group": {"name": "web", "location": "westeurope"},
    "scopes": {"web": GROUP, "network": f"{GROUP}-network"},
    "package": {"url": "https://packages.example/drainer_0.1.0_amd64.deb", "sha256": CHECKSUM},
    "virtual_machines": {
        "1": {
            "id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web-1",
            "location": "westeurope",
        }
    },
}


def changed(file: Path, *, old: str, new: str) -> None:
    """Change a configuration's text once, where it stands exactly once."""
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name}: {old!r} stands {text.count(old)} times"
    file.write_text(text.replace(old, new))
