"""Which values do not go together, though each is right by itself.

Pure: it is given values and says what is wrong. Where the values stand is known to `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from drainer.core.policy import Do, HealthCheck, Match, Rule
from drainer.policyfile import durations

DRAIN_KEYS = ("lead", "force", "drain_timeout", "quiet_for", "settle", "acknowledge", "use_budget")
"""Keys of a rule that mean something only where it drains."""

PROBE_UNIT = "http://127.0.0.1:9180/ready"
"""Where `drainer probe` answers unless it was told otherwise."""

HEALTH_WAYS = ("http", "tcp", "command")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A contradiction. It is shown at the first of `fields` that the file spells."""

    fields: tuple[str, ...]
    expected: str
    found: str


def flaws_of(cls: type[Any], values: Values, written: frozenset[str]) -> tuple[Flaw, ...]:
    """The contradictions among the values of one record; `written`: the keys that the file spells."""
    judge = _JUDGES.get(cls)
    return () if judge is None else tuple(judge(values, written))


def covers(earlier: Match, later: Match) -> bool:
    """Everything that `later` matches, `earlier` matches too."""
    if earlier.type is not None and earlier.type != later.type:
        return False
    if earlier.source is not None and earlier.source is not later.source:
        return False
    if earlier.duration_below is None:
        return True
    return later.duration_below is not None and later.duration_below <= earlier.duration_below


def same_route(one: str, other: str) -> bool:
    """Two addresses that the same route of the same server answers, whatever the query."""
    try:
        return _route(one) == _route(other)
    except ValueError:
        return False


def probed_routes(options: object) -> tuple[str, ...]:
    """What the balancer's prober is answered on, where a layer's options name it or its default is known."""
    if str(getattr(getattr(options, "mode", None), "value", "")) == "listen":
        return (PROBE_UNIT,)
    route = getattr(options, "route", None)
    return (route,) if isinstance(route, str) else ()


def _rule(values: Values, written: frozenset[str]) -> Iterator[Flaw]:
    do = values["do"]
    if do is not Do.DRAIN:
        for name in DRAIN_KEYS:
            if name in written:
                yield Flaw(
                    fields=(name,),
                    expected=f"no such key beside do: {do.value}",
                    found="one that has no effect there",
                )
        return
    lead, force = values["lead"], values["force"]
    if isinstance(lead, timedelta) and force > lead:
        yield Flaw(
            fields=("force", "lead"),
            expected="a force no longer than the lead",
            found=f"force {durations.spell(force)} with lead {durations.spell(lead)}",
        )
    timeout, quiet = values["drain_timeout"], values["quiet_for"]
    if timeout and quiet > timeout:
        yield Flaw(
            fields=("quiet_for", "drain_timeout"),
            expected="a quiet_for no longer than the drain_timeout, or nothing is ever proven",
            found=f"quiet_for {durations.spell(quiet)} with drain_timeout {durations.spell(timeout)}",
        )


def _health(values: Values, _written: frozenset[str]) -> Iterator[Flaw]:
    ways = [name for name in HEALTH_WAYS if values[name]]
    if not ways:
        yield Flaw(
            fields=("",),
            expected="one of http, tcp, command (or health: none, for no check at all)",
            found="none of them",
        )
    for name in ("http", "tcp"):
        if values[name] and not _reachable(values[name]):
            yield Flaw(fields=(name,), expected="a host and a port up to 65535", found=values[name])
    for name in ways[1:]:
        yield Flaw(fields=(name,), expected="one of http, tcp, command", found=f"{name} beside {ways[0]}")


def _reachable(address: str) -> bool:
    """It has a host and a port that can exist."""
    try:
        parts = urlsplit(address if "//" in address else f"tcp://{address}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _route(address: str) -> tuple[str, str, int, str]:
    """Scheme, host, port, path. Raises ValueError."""
    parts = urlsplit(address)
    host = (parts.hostname or "").replace("localhost", "127.0.0.1")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, host, port, parts.path or "/"


_JUDGES: Mapping[type[Any], Callable[[Values, frozenset[str]], Iterator[Flaw]]] = {
    Rule: _rule,
    HealthCheck: _health,
}
