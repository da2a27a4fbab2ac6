"""Ports of inbound NAT rules that span a pool: each member has one while it is in.

Load Balancer, "Inbound NAT rules". Whether it gets the same one again after it was out, is unconfirmed.
"""

from collections.abc import Iterable

from metadata_server.topology import NatPorts

Ports = dict[str, int]
"""Frontend ports by the id of the ip configuration, lower case."""


class PortMap:
    """The ports of one rule."""

    def __init__(self, spans: NatPorts) -> None:
        self.spans = spans
        self._now: Ports = {}
        self._once: Ports = {}

    def follow(self, members: Iterable[str], *, again: str) -> None:
        """Give ports to those who came, take them from those who left. `again`: who had one once, gets the
        same or a new one; a port that is another's now is nobody's."""
        inside = [member.casefold() for member in members]
        self._now = {member: port for member, port in self._now.items() if member in inside}
        for member in inside:
            if member not in self._now:
                self._give(member, again)

    def port(self, member: str) -> int | None:
        """The frontend port of a member; None where the span is used up."""
        return self._now.get(member.casefold())

    def _give(self, member: str, again: str) -> None:
        taken = {*self._now.values()}
        had = self._once.get(member)
        if again == "same" and had is not None and had not in taken:
            self._now[member] = had
            return
        avoided = {*taken, *({had} if had is not None else ())}
        free = [port for port in range(self.spans.first, self.spans.last + 1) if port not in avoided]
        if free:
            self._now[member] = self._once[member] = free[0]
