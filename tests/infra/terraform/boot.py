"""What a VM of the demo is given at its first boot, read from Terraform's state."""

from __future__ import annotations

import base64
import json
from typing import Any

import yaml

from tests.infra.terraform.tool import Tool


def custom_data(applied: Tool) -> str:
    """The cloud-init document of the first VM."""
    state = json.loads((applied.directory / "terraform.tfstate").read_text())
    (machine,) = [one for one in state["resources"] if one["type"] == "azurerm_linux_virtual_machine"]
    return base64.b64decode(machine["instances"][0]["attributes"]["custom_data"]).decode()


def document(applied: Tool) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(custom_data(applied))
    return parsed


def files(applied: Tool) -> dict[str, str]:
    """The files that cloud-init writes, by path."""
    return {
        file["path"]: base64.b64decode(file["content"]).decode() for file in document(applied)["write_files"]
    }
