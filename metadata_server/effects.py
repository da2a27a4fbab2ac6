"""What the management API's resources come to on the network, for the balancers to follow. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Admin(StrEnum):
    """A member's administrative state in one pool (Load Balancer, "Administrative state").

    NONE: its probe decides; UP: it takes new flows whatever the probe says; DOWN: none.
    """

    NONE = "none"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """`pools`: for each pool of the topology that the API knows, its members now; a VM that is not named is
    not in it. `cut_off`: VMs that have lost their way out to the network."""

    pools: Mapping[str, Mapping[str, Admin]] = field(default_factory=dict)
    cut_off: frozenset[str] = frozenset()
