"""`python -m infra.local.systemd`: real systemd VMs with the packaged, hardened unit, under live traffic.

The platform announces a reboot to the first and a power cut to the second; the third is rebooted by its
operator, and nobody but its own unit drains it. Exit 0 only if no request failed and all are back.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from drainer.demo import unshared
from drainer.demo.namespaces import Network
from drainer.demo.told import unwinding_when_told
from drainer.demo.until import TooLate
from infra.local import debian
from infra.local.fleet import Fleet, fleet

EXIT_OK, EXIT_FAILED = 0, 1
CACHE = Path("build/vms")
PACKAGES = "drainer_*.deb"


def main(argv: Sequence[str]) -> int:
    """Outside: look for what is needed, then go on in namespaces of our own."""
    options = _parser().parse_args(list(argv))
    try:
        package = options.package or _newest(Path("dist"))
        if os.geteuid() != 0:
            raise RuntimeError("mounts and systemd-nspawn need root")
        debian.base(CACHE)
        unshared.become("infra.local.systemd", ["--inside", "--package", str(package.resolve())])
    except RuntimeError as error:
        print(f"systemd VMs: {error}", file=sys.stderr)
    return EXIT_FAILED


def inside(package: Path) -> int:
    """The story, and one closing line."""
    unshared.settle_in()
    network = Network(name=f"drainer-{os.getpid()}")
    began = monotonic()

    def tell(vm: str, what: str) -> None:
        print(f"{monotonic() - began:6.1f} s  {vm}  {what}", flush=True)

    with contextlib.ExitStack() as undo:
        undo.enter_context(unwinding_when_told())
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="drainer-vms-", dir="/var/tmp")))
        undo.callback(network.down)
        network.up(platform_pid=os.getpid())
        try:
            with fleet(folder, package=package, base=CACHE / "debian", network=network) as ready:
                wrong = _story(ready, tell)
        except (TooLate, RuntimeError) as error:
            print(f"systemd VMs: broke off: {error}")
            return EXIT_FAILED
    for line in wrong:
        print(f"not as promised: {line}")
    asked, failed = len(ready.load.results), sum(not result.ok for result in ready.load.results)
    boots = sum(guest.boots for guest in ready.guests.values())
    print(f"systemd VMs: 3 VMs, {boots} boots, {asked} requests, {failed} failed, {len(wrong)} findings")
    return EXIT_FAILED if wrong else EXIT_OK


def _story(ready: Fleet, tell: Callable[[str, str], None]) -> list[str]:
    for vm, guest in ready.guests.items():
        exposure = guest.says("systemctl", "show", "drainer", "--property=ActiveState,User,NoNewPrivileges")
        tell(vm, f"boot {ready.boot_id(vm)[:8]}, the unit: {' '.join(exposure.split())}")
    first, second, third = ready.guests
    ready.announced_reboot(first, tell)
    ready.announced_power_cut(second, tell)
    ready.operator_reboot(third, tell)
    ready.load.stop()
    return ready.wrong()


def _newest(folder: Path) -> Path:
    found = sorted(folder.glob(PACKAGES), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RuntimeError(f"no {folder}/{PACKAGES}; run `make packages`")
    return found[-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.systemd", description=__doc__)
    parser.add_argument("--package", type=Path, metavar="DEB", help=f"default: the newest dist/{PACKAGES}")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    parsed = _parser().parse_args()
    raise SystemExit(inside(parsed.package) if parsed.inside else main(sys.argv[1:]))
