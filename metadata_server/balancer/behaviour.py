"""What the platform's balancer does at the points that nobody outside it knows. Values only."""

from dataclasses import dataclass
from enum import StrEnum


class Established(StrEnum):
    """What becomes of flows that are there: they go on, both ends are reset, or nobody answers any more."""

    KEEP = "keep"
    RESET = "reset"
    SILENCE = "silence"


class Rehash(StrEnum):
    """Whether a change of the pool places every client anew, or only those of the member concerned."""

    NO = "no"
    YES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """`on_removal`: flows of a member that leaves the pool; `on_admin_down`: of one that is set down.

    A flow over which nothing passes for `idle_timeout_s` (None: for ever) meets `on_idle`.
    """

    on_removal: Established = Established.KEEP
    on_admin_down: Established = Established.KEEP
    rehash: Rehash = Rehash.NO
    idle_timeout_s: float | None = None
    on_idle: Established = Established.SILENCE
