"""The demo before an emulated Azure: the sidecars speak to its management API with the SDK, over TLS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from drainer.demo.places import LOOPBACK, PROBE_THRESHOLD, Place, Site, free_port
from drainer.demo.platform import Platform, balanced
from drainer.policyfile.builtin import builtin

LISTEN_HOST = "127.0.0.3"
POOL = "web"

LAYERS: Mapping[str, tuple[str, ...]] = {
    "azure": ("health-probe", "azure-nic-pool"),
    "azure-nic-pool": ("azure-nic-pool",),
    "azure-ip-pool": ("azure-ip-pool",),
    "azure-admin-state": ("azure-admin-state",),
}
"""What each form of the demo drains by, top to bottom."""


class AzureFront:
    """The emulated load balancer, whose pool the sidecars leave through the management API."""

    def __init__(
        self,
        root: Path,
        *,
        probe_interval_s: int,
        layers: tuple[str, ...] = LAYERS["azure"],
        site: Site = LOOPBACK,
    ) -> None:
        self._layers = layers
        self._site = site
        self.address = f"{LISTEN_HOST}:{free_port(LISTEN_HOST)}"
        self._management = f"{site.management}:{free_port(site.management)}"
        self._authority = root / "management-ca.pem"
        self._probe_interval_s = probe_interval_s
        self._platform: Platform | None = None

    def topology(self, places: tuple[Place, ...]) -> dict[str, Any]:
        interval_s = self._probe_interval_s
        topology = balanced(places, self.address, probe_interval_s=interval_s, site=self._site)
        topology["pools"][0]["kind"] = "ip" if "azure-ip-pool" in self._layers else "nic"
        topology["management"] = {
            "listen": self._management,
            "ca": str(self._authority),
            "outbound": "nat",
            "roles": {place.name: ["drain", "drain-pool", "doctor"] for place in places},
        }
        return topology

    def policy(self, place: Place) -> str:
        """The ready-made policy with this VM's places and a hurried clock."""
        policy: dict[str, Any] = yaml.safe_load(builtin("azure"))
        policy["service_ports"] = [place.application_port]
        policy["health"] = {
            "http": f"http://{place.application}/healthz",
            "passes": 3,
            "every": "500ms",
            "timeout": "2s",
        }
        policy["backend"] = [{name: self._options(name, place)} for name in self._layers]
        policy["rules"][-1] |= {"force": "2s", "drain_timeout": "30s", "quiet_for": "1s", "settle": "1s"}
        if "health-probe" not in self._layers:
            policy["hooks"] = _marked_by_hooks(place)
        return yaml.safe_dump(policy, sort_keys=False)

    def flags(self) -> list[str]:
        """What a sidecar is started with beside its places."""
        return [
            "--management-url",
            f"https://{self._management}",
            "--management-ca",
            str(self._authority),
        ]

    def start(self, places: tuple[Place, ...], platform: Platform) -> None:
        self._platform = platform

    def stop(self) -> None:
        """The platform stops it."""

    def taking_work(self) -> dict[str, bool]:
        return self._platform.taking_work() if self._platform else {}

    def _options(self, name: str, place: Place) -> dict[str, Any]:
        match name:
            case "health-probe":
                return {
                    "mode": "file",
                    "marker": str(place.marker),
                    "route": f"http://{place.application}/ready",
                    "interval": f"{self._probe_interval_s}s",
                    "threshold": PROBE_THRESHOLD,
                    "sources": [self._site.prober],
                }
            case "azure-nic-pool":
                return {"pools": "inbound"}
            case "azure-admin-state":
                return {"pool": f"lb/{POOL}", "accept_experimental": True}
            case _:
                return {"pool": f"lb/{POOL}"}


def _marked_by_hooks(place: Place) -> list[dict[str, Any]]:
    """Without a probe layer the application is told by hooks to send its kept connections away."""
    marker = str(place.marker)
    return [
        {"stage": "cordoned", "command": ["touch", marker]},
        {"stage": "before-restore", "command": ["rm", "-f", marker]},
    ]
