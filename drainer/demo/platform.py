"""The platform of the demo: the emulator in a process of its own, and what its controller is told."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import requests
import yaml

from drainer.demo.machine import ended, started
from drainer.demo.places import LOOPBACK, PROBE_THRESHOLD, Place, Site, free_port
from drainer.demo.until import until

CONTROL_HOST = "127.0.0.2"
"""Not 127.0.0.1, whose free ports every other connection on this machine takes from."""


class Platform:
    """Metadata services, controller and layer-4 balancers of all VMs, over HTTP."""

    def __init__(self, topology: dict[str, Any], root: Path, *, switches: tuple[str, ...] = ()) -> None:
        """`switches`: NAME=VALUE, one for each point of the platform that is decided otherwise."""
        self._switches = switches
        self._file = root / "topology.yaml"
        self._file.write_text(yaml.safe_dump(topology, sort_keys=False), encoding="utf-8")
        self._log = root / "metadata-server.log"
        self._control = f"{CONTROL_HOST}:{free_port(CONTROL_HOST)}"
        self._http = requests.Session()
        self._http.trust_env = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once the control path answers."""
        command = [sys.executable, "-P", "-m", "metadata_server", "serve"]
        command += ["--topology", str(self._file), "--control", self._control]
        command += [part for switch in self._switches for part in ("--switch", switch)]
        self._process = started(command, self._log)
        until(self._answers, "the metadata server to answer", within_s=60)

    def stop(self) -> None:
        if self._process is not None:
            ended(self._process)

    @property
    def pid(self) -> int:
        """Of the emulator; 0 where it does not run."""
        return 0 if self._process is None else self._process.pid

    def schedule_reboot(self, vm: str, *, notice_s: float) -> str:
        """Announce a Reboot of one VM; the event's id."""
        told = {"type": "Reboot", "vms": [vm], "in": f"{notice_s:g}s", "lasts": "10m"}
        event = self.tell("schedule", told)
        return str(event["id"])

    def complete(self, event_id: str) -> None:
        self.tell("complete", {"id": event_id})

    def cancel(self, event_id: str) -> None:
        self.tell("cancel", {"id": event_id})

    def silence(self, vm: str) -> None:
        """The VM's host vanishes: nothing answers, nothing resets."""
        self.tell("silence", {"vm": vm})

    def unsilence(self, vm: str) -> None:
        self.tell("unsilence", {"vm": vm})

    def break_management(self, fault: dict[str, Any]) -> None:
        """From now on the management API misbehaves so."""
        self.tell("arm-fault", fault)

    def mend_management(self) -> None:
        self.tell("arm-mend", {})

    def status_of(self, event_id: str) -> str:
        """Scheduled, Started, or "" once it has left."""
        for event in self._view("events")["events"]:
            if event["id"] == event_id:
                return str(event["status"])
        return ""

    def taking_work(self) -> dict[str, bool]:
        """Which VMs the balancers give new flows."""
        balancers = self._view("balancers")["balancers"]
        return {
            name: bool(member["up"] and member["in_pool"])
            for balancer in balancers
            for name, member in balancer["members"].items()
        }

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"the metadata server ended at its start:\n{said}")
        try:
            self._view("events")
        except (requests.RequestException, KeyError):
            return False
        return True

    def tell(self, verb: str, told: dict[str, Any]) -> dict[str, Any]:
        """Give the controller one command; what it shows of it."""
        answer = self._http.post(f"http://{self._control}/{verb}", json=told, timeout=10)
        if answer.status_code >= 400:
            raise RuntimeError(f"the controller refused {verb} {told}: {answer.text}")
        shown: dict[str, Any] = answer.json()
        return shown

    def _view(self, name: str) -> dict[str, Any]:
        answer = self._http.get(f"http://{self._control}/{name}", timeout=10)
        answer.raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown


def vms_of(places: tuple[Place, ...]) -> list[dict[str, Any]]:
    """The VMs as the topology file lists them; one set, one upgrade domain each, ids of their own."""
    return [
        {
            "name": place.name,
            "address": place.metadata,
            **({"source": place.address} if place.metadata_host else {}),
            "update_domain": number,
            "fault_domain": number,
            "set": "web",
            "vm_id": str(uuid.uuid4()),
        }
        for number, place in enumerate(places)
    ]


def balanced(
    places: tuple[Place, ...], listen: str, *, probe_interval_s: int, site: Site = LOOPBACK
) -> dict[str, Any]:
    """One balancer before all VMs: source affinity, the application's probed route."""
    probe = {
        "protocol": "http",
        "path": "/ready",
        "interval": f"{probe_interval_s}s",
        "threshold": PROBE_THRESHOLD,
        "source": site.prober,
    }
    members = [{"vm": place.name, "address": place.application} for place in places]
    return {
        "version": 1,
        "vms": vms_of(places),
        "pools": [{"name": "web", "members": members, "probe": probe}],
        "balancers": [{"listen": listen, "pool": "web", "affinity": "source", "source": site.balancer}],
    }


def wired(places: tuple[Place, ...], *, site: Site = LOOPBACK) -> dict[str, Any]:
    """A wire of its own to each VM, for a balancer of another make: so that a host can fall silent.

    VMs that have links of their own need none. A wire is no balancer: on a crowded machine one probe that is
    not answered in time must not cut it, so it takes five.
    """
    probe = {"protocol": "tcp", "interval": "200ms", "threshold": 5, "source": site.prober}
    wires = [place for place in places if place.wire_port]
    return {
        "version": 1,
        "vms": vms_of(places),
        "pools": [
            {
                "name": f"wire-{place.name}",
                "members": [{"vm": place.name, "address": place.application}],
                "probe": probe,
            }
            for place in wires
        ],
        "balancers": [
            {
                "listen": place.wire,
                "pool": f"wire-{place.name}",
                "affinity": "none",
                "source": site.balancer,
            }
            for place in wires
        ],
    }
