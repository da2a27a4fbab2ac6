"""Programs of the policy that take their time: whoever watches the daemon hears of it all the while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from drainer.around import Ports
from drainer.clock import SystemClock
from drainer.core.model import AckAnswer, Document, Stage, Unreadable
from drainer.hooks import unheard
from drainer.ports import HookCall
from drainer.settings import Settings
from drainer.wiring import build_ports, parse_policy

POLICY = """\
version: 1
health: {command: [sleep, "0.3"]}
backend:
  - command: {membership: [sleep, "0.3"], cordon: ["true"], restore: ["true"]}
hooks:
  - {stage: drained, command: [sleep, "0.3"]}
rules:
  - {match: {}, do: log}
"""

CALL = HookCall(stage=Stage.DRAINED, episode="e-1", vm="vm1", event_ids=(), event_types=(), not_before="")


class Silent:
    """A feed that nobody asks."""

    def latest(self) -> Document | Unreadable:
        raise AssertionError("not asked")

    def acknowledge(self, event_id: str) -> AckAnswer:
        raise AssertionError("not asked")


def hook(ports: Ports) -> object:
    return ports.hooks.run(CALL, timeout=timedelta(seconds=20), stopping=ports.stopping)


def health(ports: Ports) -> object:
    return ports.health.check()


def layer(ports: Ports) -> object:
    with pytest.raises(Exception, match="membership"):
        ports.layers[0].membership()
    return None


@pytest.mark.parametrize("wait", [hook, health, layer])
def test_each_wait_for_a_program_shows_life(wait: Callable[[Ports], object]) -> None:
    """A hook, a check by command and a layer by command: each tells many times that the daemon waits."""
    told: list[None] = []
    ports = build_ports(
        parse_policy(POLICY, file="p.yaml"),
        Settings(),
        clock=SystemClock(),
        feed=Silent(),
        vm_name=lambda: "vm1",
        stopping=lambda: False,
        hook_ran=unheard,
        meanwhile=lambda: told.append(None),
    )
    wait(ports)
    assert len(told) >= 3
