"""What the daemon loads while nothing is announced: with Azure's layers the same as without, but for ours."""

from __future__ import annotations

import json
import subprocess
import sys

BUILT = """\
import json, sys
import drainer.daemon
from drainer.clock import SystemClock
from drainer.policyfile.builtin import builtin
from drainer.settings import Settings
from drainer.wiring import layers, parse_policy

policy = parse_policy(builtin(sys.argv[1]), file=sys.argv[1])
built = layers(policy, Settings(), clock=SystemClock(), vm_name=lambda: "vm1")
for layer in built:
    if hasattr(layer, "rest"):
        layer.rest()
print(json.dumps([[layer.name for layer in built], sorted(sys.modules)]))
"""


def loaded(policy: str) -> tuple[list[str], set[str]]:
    """The layers of a ready-made policy, and the modules that are loaded once they are built and at rest."""
    ran = subprocess.run(
        [sys.executable, "-c", BUILT, policy], capture_output=True, text=True, timeout=60, check=True
    )
    names, modules = json.loads(ran.stdout)
    return names, set(modules)


def test_an_azure_layer_at_rest_loads_nothing_but_ours() -> None:
    """Neither Azure's packages nor anything else that another policy does not load."""
    names, with_azure = loaded("azure")
    assert names == ["health-probe", "azure-nic-pool"]
    _, without = loaded("mask-reboots")
    more = with_azure - without
    assert all(name.split(".")[0] == "drainer" for name in more), sorted(more)
    forbidden = {"azure", "msal", "requests", "cryptography"}
    assert not {name.split(".")[0] for name in with_azure} & forbidden
