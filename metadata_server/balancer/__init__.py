"""The emulated load balancer: layer 4, one listener, one pool, one probe.

It knows members, flows and probe answers. It must not know HTTP beyond a probe's status line, nor why a
member's probe fails: the pool and the control plane tell it who is a member and whose host has fallen silent.
"""

from metadata_server.balancer.balancer import Balancer, UnknownMember
from metadata_server.balancer.behaviour import Behaviour, Established, Rehash
from metadata_server.balancer.config import Affinity, BalancerConfig, Member, Probe, Protocol

__all__ = [
    "Affinity",
    "Balancer",
    "BalancerConfig",
    "Behaviour",
    "Established",
    "Member",
    "Probe",
    "Protocol",
    "Rehash",
    "UnknownMember",
]
