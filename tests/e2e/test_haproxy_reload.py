"""HAProxy forgets at a reload what it was told: the daemon tells it again, and restores at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.application import answering
from tests.e2e.haproxy.proxy import Proxy, Server, running
from tests.sidecar import Stand, standing
from tests.until import until

pytestmark = pytest.mark.haproxy

READY, FORCED_MAINT, CONFIGURED_MAINT, DRAIN = 0, 1, 4, 8
DISABLED_BY_FILE = FORCED_MAINT | CONFIGURED_MAINT


@dataclass(frozen=True, slots=True)
class Rig:
    """HAProxy before three servers, the third disabled in the file; the daemon serves first and third."""

    proxy: Proxy
    stand: Stand

    def ours(self) -> int:
        return self.proxy.admin("web/vm1")

    def disabled(self) -> int:
        return self.proxy.admin("web/vm3")

    def drain(self) -> str:
        """Out, isolated and acknowledged; the event's id."""
        self.stand.sidecar.start()
        event = self.stand.schedule()
        self.stand.sidecar.until_said("acknowledge.done")
        assert self.ours() & FORCED_MAINT
        return event


@contextmanager
def rigged(root: Path) -> Iterator[Rig]:
    with answering(lambda: 200) as ours, answering(lambda: 200) as theirs:
        servers = [
            Server(name="vm1", address=ours),
            Server(name="vm2", address=theirs),
            Server(name="vm3", address=theirs, extra="disabled"),
        ]
        with running(root, servers) as proxy:
            backend = f'  - haproxy: {{socket: "{proxy.socket}", servers: ["web/vm1", "web/vm3"]}}'
            with standing(root / "vm", backend=backend) as stand:
                yield Rig(proxy, stand)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(tmp_path) as made:
        yield made


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_reload_while_out_is_answered_with_the_drain_again(rig: Rig, how: str) -> None:
    """Reloaded or restarted twice while drained, HAProxy has the drain again, and is ready at the end."""
    event = rig.drain()
    for times in (2, 3):
        getattr(rig.proxy, how)()
        rig.stand.sidecar.until_said("isolate.done", times=times)
        assert rig.ours() & FORCED_MAINT
        assert rig.disabled() == DISABLED_BY_FILE
    rig.stand.complete(event)
    rig.stand.sidecar.until_said("episode.closed")
    assert rig.ours() == READY
    assert rig.disabled() == DISABLED_BY_FILE, "what the operator disabled stays out"
    assert not rig.stand.sidecar.status()["alarms"]


def test_a_reload_while_the_daemon_is_dead_is_answered_by_the_next_life(rig: Rig) -> None:
    """Killed while out, HAProxy reloaded meanwhile: the next life takes it out again, then restores it."""
    event = rig.drain()
    rig.stand.sidecar.kill()
    rig.proxy.reload()
    assert rig.ours() == READY, "nobody is there to say it again"
    rig.stand.sidecar.start()
    rig.stand.sidecar.until_said("isolate.done", times=2)
    assert rig.ours() & FORCED_MAINT
    rig.stand.complete(event)
    rig.stand.sidecar.until_said("episode.closed")
    assert (rig.ours(), rig.disabled()) == (READY, DISABLED_BY_FILE)


def test_a_reload_after_the_event_gives_back_no_less(rig: Rig) -> None:
    """Reloaded while it settles: HAProxy put the VM back itself, and the episode ends with it ready."""
    rig.stand.sidecar.change_policy("settle: 100ms", "settle: 3s")
    event = rig.drain()
    rig.stand.complete(event)
    rig.stand.sidecar.until_said("quiet-since.noted")
    rig.proxy.reload()
    rig.stand.sidecar.until_said("episode.closed")
    assert (rig.ours(), rig.disabled()) == (READY, DISABLED_BY_FILE)


def test_an_operator_who_puts_it_back_twice_is_yielded_to(rig: Rig) -> None:
    """Ready without a reload is a person's doing: cordoned again once, then left alone and alarmed."""
    event = rig.drain()
    for times in (1, 2):
        until(lambda: rig.ours() & FORCED_MAINT, "the VM to be out")
        rig.proxy.ask("set server web/vm1 state ready")
        rig.stand.sidecar.until_said("returned.noted", times=times)
    assert "resume" in rig.stand.sidecar.until_alarmed("yielded")
    assert rig.ours() == READY
    rig.stand.complete(event)
    rig.stand.sidecar.until_said("episode.closed")
    assert rig.ours() == READY
