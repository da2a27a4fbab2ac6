"""What a balancer is told: where it listens, its members, how it probes and how it spreads flows.

Values only. Addresses are numeric: a balancer forwards to addresses, never to names.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address


class Protocol(StrEnum):
    """How a member is probed."""

    HTTP = "http"
    TCP = "tcp"


class Affinity(StrEnum):
    """Which part of a flow picks its member: the whole 5-tuple, or the client's address alone."""

    NONE = "none"
    SOURCE = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One address that serves; `name` is what the pool and the status call it."""

    name: str
    host: str
    port: int

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("member: name: expected a name, got an empty one")
        _check_address("member: host", self.host)
        _check_port("member: port", self.port, lowest=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How a member's health is asked.

    `port` None means the member's service port. `threshold` counts consecutive answers. `timeout_s` None
    means the interval; the platform waits up to 30 s for an HTTP probe. `source` is the address the prober
    comes from (168.63.129.16 on the platform); None leaves it to the kernel.
    """

    protocol: Protocol = Protocol.HTTP
    path: str = "/"
    port: int | None = None
    interval_s: float = 5.0
    threshold: int = 2
    source: str | None = None
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or not self.path.isprintable() or " " in self.path:
            raise ValueError(f"probe: path: expected a path such as /ready, got {self.path!r}")
        if self.port is not None:
            _check_port("probe: port", self.port, lowest=1)
        if self.interval_s <= 0:
            raise ValueError(f"probe: interval_s: expected more than 0, got {self.interval_s}")
        if self.threshold < 1:
            raise ValueError(f"probe: threshold: expected 1 or more, got {self.threshold}")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise ValueError(f"probe: timeout_s: expected more than 0, got {self.timeout_s}")
        _check_address("probe: source", self.source)

    @property
    def patience_s(self) -> float:
        """Seconds until an unanswered probe counts as failed."""
        return self.interval_s if self.timeout_s is None else self.timeout_s


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerConfig:
    """One listener with its members. `listen_port` 0 takes a free port; `source` is where flows to members
    come from (None leaves it to the kernel); past `max_flows` open flows new ones are refused. A kernel gives
    up a connection that its program closed and nobody answers after `orphaned_s`: tcp(7), tcp_fin_timeout."""

    listen_host: str
    listen_port: int
    members: tuple[Member, ...]
    probe: Probe
    affinity: Affinity = Affinity.NONE
    source: str | None = None
    max_flows: int = 10_000
    orphaned_s: float = 60.0

    def __post_init__(self) -> None:
        _check_address("balancer: listen_host", self.listen_host)
        _check_port("balancer: listen_port", self.listen_port, lowest=0)
        _check_address("balancer: source", self.source)
        names = [member.name for member in self.members]
        if len(set(names)) != len(names):
            raise ValueError(f"balancer: members: expected names that differ, got {', '.join(names)}")
        if self.max_flows < 1:
            raise ValueError(f"balancer: max_flows: expected 1 or more, got {self.max_flows}")


def _check_address(field: str, address: str | None) -> None:
    if address is None:
        return
    try:
        ip_address(address)
    except ValueError:
        raise ValueError(f"{field}: expected a numeric address, got {address!r}") from None


def _check_port(field: str, port: int, *, lowest: int) -> None:
    if not lowest <= port <= 65535:
        raise ValueError(f"{field}: expected {lowest} to 65535, got {port}")
