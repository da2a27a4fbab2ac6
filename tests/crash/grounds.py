"""What real daemons are killed over: an emulated Azure, and a real HAProxy. Each knows how to look at its VM.

It must not know who dies, or when.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.azure import AzureStand, azure
from tests.contract.application import answering
from tests.e2e.haproxy.proxy import Server, running
from tests.sidecar import Stand, standing

HOOKS = """\
hooks:
  - {{stage: cordoned, command: [/bin/sh, -c, "echo $DRAINER_STAGE >> {told}"]}}
  - {{stage: restored, command: [/bin/sh, -c, "echo $DRAINER_STAGE >> {told}"]}}
"""
STAGES = ("cordoned", "restored")

FORCED_MAINT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One VM on it. `membership` is what its owner sees of it, for comparing; `out`: no new work comes in."""

    stand: Stand
    membership: Callable[[], object]
    out: Callable[[], bool]
    flags: tuple[str, ...] = ()

    def start(self, step: str = "none", when: str = "after", *, settles: str = "shipped") -> None:
        """A daemon that dies at this step; by default one that lives on."""
        prefix = (sys.executable, "-m", "tests.crash.mortal_daemon", step, when, settles)
        self.stand.sidecar.start(*self.flags, prefix=prefix)

    @property
    def told(self) -> list[str]:
        """Stages that the hooks were told of."""
        path = self.stand.sidecar.root / "told"
        return path.read_text(encoding="ascii").split() if path.exists() else []


@contextmanager
def on_azure(root: Path) -> Iterator[Ground]:
    """Behind a load balancer whose pool its interface leaves."""
    with azure(root) as stand:
        yield Ground(
            stand=_hooked(stand),
            membership=lambda: (stand.bare, stand.nic.get("tags"), stand.pools),
            out=lambda: stand.pools == [],
            flags=(
                *("--management-url", stand.platform.management_url),
                *("--management-ca", stand.platform.authority),
            ),
        )


@contextmanager
def on_haproxy(root: Path) -> Iterator[Ground]:
    """Behind a real HAProxy, with a sibling."""
    root.mkdir(parents=True, exist_ok=True)
    with answering(lambda: 200) as application:
        servers = [Server(name=name, address=application) for name in ("vm1", "vm2")]
        with running(root, servers) as proxy:
            backend = f'  - haproxy: {{socket: "{proxy.socket}", servers: ["web/vm1"]}}'
            with standing(root / "vm", backend=backend) as stand:
                yield Ground(
                    stand=_hooked(stand),
                    membership=lambda: [proxy.admin(f"web/{name}") for name in ("vm1", "vm2")],
                    out=lambda: bool(proxy.admin("web/vm1") & FORCED_MAINT),
                )


def _hooked(stand: AzureStand | Stand) -> Stand:
    stand.sidecar.add_policy(HOOKS.format(told=stand.sidecar.root / "told"))
    return stand


GROUNDS: dict[str, Callable[[Path], AbstractContextManager[Ground]]] = {
    "azure": on_azure,
    "haproxy": on_haproxy,
}
