"""Three real VMs behind the emulated platform, with traffic, and what may happen to each of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from drainer.demo.azure import AzureFront
from drainer.demo.load import Load
from drainer.demo.namespaces import Network
from drainer.demo.places import Place, in_namespaces
from drainer.demo.platform import Platform
from drainer.demo.until import TooLate, pause, until
from infra.local import debian
from infra.local.furnish import furnish, place
from infra.local.guest import Guest

NOTICE_S = 20.0
DOWN_S = 2.0
RATE = 40.0
BACK_WITHIN_S = 180.0
BOOTS = "cat /proc/sys/kernel/random/boot_id"

LAST_WORDS = "journalctl --no-pager --unit=drainer --unit=drainer-drain --unit=application --lines=60"

JOURNAL = "/var/lib/drainer/journal.jsonl"
CLOSED = '"kind":"closed"'

Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All of it, up and serving."""

    guests: dict[str, Guest]
    places: dict[str, Place]
    platform: Platform
    load: Load

    def announced_reboot(self, vm: str, tell: Tell) -> None:
        """The platform announces it, and the VM shuts down and boots in order."""
        guest = self.guests[vm]
        event = self._started(vm, tell)
        guest.reboot()
        self._comes_back(vm, event, tell)

    def announced_power_cut(self, vm: str, tell: Tell) -> None:
        """The platform announces it, and the host vanishes."""
        event = self._started(vm, tell)
        self.guests[vm].power_cut()
        tell(vm, "power cut")
        self._boots(vm, event, tell)

    def operator_reboot(self, vm: str, tell: Tell) -> None:
        """Nobody announces anything: `systemctl reboot`, which the unit for it holds until the drain."""
        self.guests[vm].reboot()
        tell(vm, "systemctl reboot")
        self._comes_back(vm, "", tell)

    def boot_id(self, vm: str) -> str:
        return self.guests[vm].says(*BOOTS.split())

    def serves(self, vm: str) -> bool:
        """The balancer gives it work, it is ready, and its sidecar is up with nothing left to do."""
        if not self.platform.taking_work().get(vm, False) or not _ready(self.places[vm]):
            return False
        return self.guests[vm].says("systemctl", "show", "drainer", "--property=StatusText") == (
            "StatusText=steady"
        )

    def wrong(self) -> list[str]:
        """What did not come true; empty: all did."""
        failed = [result for result in self.load.results if not result.ok]
        found = [f"{result.vm or 'a VM'}: {result.why} {result.detail}".strip() for result in failed]
        for vm, guest in self.guests.items():
            if guest.boots != 2:
                found.append(f"{vm} was booted {guest.boots} times, expected 2")
            closed = guest.says("grep", "-c", CLOSED, JOURNAL)
            if closed != "1":
                found.append(f"{vm}: {closed or 'no'} episodes were closed in its journal, expected 1")
                found.append(
                    f"{vm} said before its last boot:\n{guest.says(*LAST_WORDS.split(), '--boot=-1')}"
                )
        return found

    def _started(self, vm: str, tell: Tell) -> str:
        event = self.platform.schedule_reboot(vm, notice_s=NOTICE_S)
        tell(vm, "notice")
        until(
            lambda: self.platform.status_of(event) != "Scheduled",
            "the event to start",
            within_s=NOTICE_S + 60,
        )
        tell(vm, "started")
        return event

    def _comes_back(self, vm: str, event: str, tell: Tell) -> None:
        until(lambda: self.guests[vm].rebooted, f"{vm} to go down", within_s=BACK_WITHIN_S)
        tell(vm, "down")
        self._boots(vm, event, tell)

    def _boots(self, vm: str, event: str, tell: Tell) -> None:
        pause(DOWN_S)
        self.guests[vm].boot()
        tell(vm, "boot")
        if event:
            self.platform.complete(event)
        try:
            until(lambda: self.serves(vm), f"{vm} to be back", within_s=BACK_WITHIN_S)
        except TooLate as late:
            said = self.guests[vm].says("drainer", "status"), self.guests[vm].says(*LAST_WORDS.split())
            raise RuntimeError("\n".join((str(late), *said))) from late
        tell(vm, f"back, boot {self.boot_id(vm)[:8]}")


@contextlib.contextmanager
def fleet(folder: Path, *, package: Path, base: Path, network: Network) -> Iterator[Fleet]:
    """Platform, VMs and traffic, up and serving; everything is stopped at the end."""
    site = in_namespaces(network)
    places = {vm: place(vm, network) for vm in network.vms}
    front = AzureFront(folder, probe_interval_s=1, site=site)
    platform = Platform(front.topology(tuple(places.values())), folder)
    load = Load(front.address, folder, rate=RATE)
    on = (debian.installed(package, base.resolve(), folder / "installed"), base.resolve())
    with contextlib.ExitStack() as undo:
        undo.callback(platform.stop)
        platform.start()
        guests = {}
        for vm, where in places.items():
            root = debian.layer(on, folder / vm)
            undo.callback(debian.unmount, root)
            furnish(root, where, front, folder / "management-ca.pem")
            guests[vm] = Guest(vm, root=root, network=network, folder=folder)
            undo.callback(guests[vm].stop)
            guests[vm].boot()
        made = Fleet(guests=guests, places=places, platform=platform, load=load)
        until(lambda: all(made.serves(vm) for vm in guests), "all VMs to serve", within_s=BACK_WITHIN_S)
        undo.callback(load.stop)
        load.start()
        pause(1.0)
        yield made


def _ready(where: Place) -> bool:
    http = requests.Session()
    http.trust_env = False
    with contextlib.suppress(requests.RequestException):
        return http.get(f"http://{where.application}/ready", timeout=1).status_code == 200
    return False
