"""`python -m infra.local.inside NAME [COMMAND…]`: what `run` goes on as, in namespaces of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from drainer.demo import unshared
from drainer.demo.machine import ended
from drainer.demo.namespaces import Network
from drainer.demo.told import unwinding_when_told
from infra.local.serving import serve


def main(name: str, command: Sequence[str]) -> int:
    """The command's own exit code; the controller and the platform's addresses are in this namespace."""
    unshared.settle_in()
    network = Network(name=name)
    network.up(platform_pid=os.getpid())
    served = serve(network)
    with unwinding_when_told():
        try:
            wanted = list(command) or [os.environ.get("SHELL", "/bin/sh")]
            return subprocess.run(wanted, check=False).returncode
        finally:
            ended(served)
            network.down()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
