"""What the metadata service knows from other parts of the platform: tokens, and the balancers' rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metadata_server.imds.identity import Issuer
from metadata_server.imds.loadbalancer import Rule


def no_rules(_: str) -> Sequence[Rule]:
    """No balancer anywhere."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """`rules` tells the rules of the balancers that a VM is behind."""

    issuer: Issuer = field(default_factory=Issuer)
    rules: Callable[[str], Sequence[Rule]] = no_rules
