"""`python -m tests.vms.rolling FOLDER`: reboots in network namespaces under traffic, told as one JSON line.

A process of its own, because it gives itself namespaces; everything of it stays in FOLDER.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import monotonic

from drainer.demo import unshared
from drainer.demo.namespaces import Network
from drainer.demo.places import in_namespaces
from drainer.demo.roll import Act, roll, staged
from drainer.demo.summary import summarise

ACT = Act(
    notice_s=20.0,
    down_s=1.0,
    warm_up_s=0.5,
    between_s=0.2,
    lead_in_s=0.5,
    rate=40.0,
    at_least=200,
    probe_interval_s=1,
)


def main(root: Path) -> None:
    """Every VM once; every second reboot resets, the others fall silent."""
    unshared.settle_in()
    network = Network(name=f"drainer-{os.getpid()}")
    network.up(platform_pid=os.getpid())
    began = monotonic()
    try:
        with staged(root, backend="azure", sidecar=True, act=ACT, site=in_namespaces(network)) as stage:
            roll(
                stage, ACT, lambda vm, what: print(f"{monotonic() - began:.1f} {vm} {what}", file=sys.stderr)
            )
            stage.load.stop()
            boots = {machine.place.name: machine.boots for machine in stage.machines}
    finally:
        network.down()
    summary = summarise(stage.load.results, out=stage.watched.out)
    said = {
        "requests": summary.requests,
        "failed": summary.failed,
        "reasons": dict(summary.reasons),
        "moved": summary.moved,
        "restored": stage.watched.restored,
        "boots": boots,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    if sys.argv[1] == "inside":
        main(Path(sys.argv[2]))
    else:
        unshared.become("tests.vms.rolling", ["inside", *sys.argv[1:]])
