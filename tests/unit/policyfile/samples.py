"""Backends of a few lines, so that these tests depend on no adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from drainer.errors import PolicyInvalid
from drainer.policyfile import load
from drainer.ports import Backend, BackendKind, Surroundings


class Mode(Enum):
    FILE = "file"
    LISTEN = "listen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    mode: Mode = Mode.FILE
    route: str = "http://127.0.0.1:80/ready"
    interval: timedelta = timedelta(seconds=5)
    threshold: int = 2

    def __post_init__(self) -> None:
        if self.threshold < 1:
            raise ValueError(f"threshold: expected 1 or more, got {self.threshold}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    soft: float = 0.5
    hard: int | None = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Every type that an option may have."""

    socket: str
    servers: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ()
    share: float = 1.0
    strict: bool = False
    grace: timedelta | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.strict and not self.servers:
            raise ValueError("strict needs servers")


def never_built(_options: object, _around: Surroundings) -> Backend:
    raise AssertionError("reading a policy builds nothing")


KINDS: Mapping[str, BackendKind] = {
    "health-probe": BackendKind(name="health-probe", options=Probe, build=never_built),
    "proxy": BackendKind(name="proxy", options=Proxy, build=never_built),
}

MINIMAL = "version: 1\nrules: [{}]\n"


def problems(text: str, kinds: Mapping[str, BackendKind] = KINDS) -> list[str]:
    """What the loader says of a text, one line a problem."""
    try:
        load(text, file="p", backends=kinds)
    except PolicyInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    return []
