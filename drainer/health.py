"""The deep check that gates giving back: HTTP, TCP, a command, or none.

One check per call, bounded by the policy's timeout, never raising. How many must pass is the core's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from drainer.core import policy
from drainer.core.model import Failing, Health, Healthy
from drainer.ports import HealthCheck
from drainer.transport import program
from drainer.transport.ask import Answered, Silent, Unasked, Unreachable, ask


@dataclass(frozen=True, slots=True)
class AlwaysHealthy:
    """No check was asked for."""

    def check(self) -> Health:
        return Healthy()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """Any 2xx is healthy; a redirect is not."""

    url: str
    timeout: timedelta

    def check(self) -> Health:
        match ask(self.url, within=self.timeout):
            case Answered(status=status) if 200 <= status < 300:
                return Healthy()
            case Answered(status=status):
                return Failing(reason=f"{self.url} answered {status}")
            case Silent():
                return Failing(reason=f"{self.url} gave no answer within {self.timeout.total_seconds():g}s")
            case Unreachable(reason=reason) | Unasked(reason=reason):
                return Failing(reason=f"{self.url}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck:
    """Healthy where something accepts a connection on HOST:PORT (IPv6 in brackets)."""

    address: str
    timeout: timedelta

    def check(self) -> Health:
        host, _, port = self.address.rpartition(":")
        try:
            peer = (host.strip("[]"), int(port))
            with socket.create_connection(peer, timeout=self.timeout.total_seconds()):
                return Healthy()
        except (OSError, ValueError, OverflowError) as error:
            return Failing(reason=f"{self.address}: {error}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCheck:
    """Healthy where the program exits 0. `meanwhile` is called as long as it runs."""

    command: tuple[str, ...]
    timeout: timedelta
    meanwhile: Callable[[], None] = program.nothing

    def check(self) -> Health:
        env = program.environment()
        ran = program.run(self.command, env=env, timeout=self.timeout, meanwhile=self.meanwhile)
        if ran.ending is not program.Ending.EXITED:
            return Failing(reason=f"{self.command[0]} {ran.ending.value} {ran.last_words}".rstrip())
        if ran.code != 0:
            return Failing(reason=f"{self.command[0]} exited {ran.code} {ran.last_words}".rstrip())
        return Healthy()


def build(check: policy.HealthCheck, *, meanwhile: Callable[[], None] = program.nothing) -> HealthCheck:
    """The check that the policy asks for."""
    match check:
        case policy.HealthCheck(http=str(url)):
            return HttpCheck(url=url, timeout=check.timeout)
        case policy.HealthCheck(tcp=str(address)):
            return TcpCheck(address=address, timeout=check.timeout)
        case policy.HealthCheck(command=command) if command:
            return CommandCheck(command=command, timeout=check.timeout, meanwhile=meanwhile)
        case _:
            return AlwaysHealthy()
