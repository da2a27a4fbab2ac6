"""`python -m drainer.demo.inside`: what `drainer demo --namespaces` goes on as, in namespaces of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from drainer.demo import unshared
from drainer.demo.main import inside
from drainer.demo.namespaces import Network
from drainer.demo.places import in_namespaces
from drainer.demo.told import unwinding_when_told


def main(argv: Sequence[str]) -> int:
    """The demo's own exit code. We are the platform; whatever runs in a VM is killed at the end."""
    unshared.settle_in()
    network = Network(name=f"drainer-{os.getpid()}")
    with unwinding_when_told():
        network.up(platform_pid=os.getpid())
        try:
            return inside(argv, in_namespaces(network))
        finally:
            network.down()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
