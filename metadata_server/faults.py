"""How a metadata service can misbehave; as values only, `imds.faulty` acts them out."""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong with an answer."""

    STATUS = "status"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    DELAY = "delay"
    RESET = "reset"
    HTML = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One misbehaviour: `status` belongs to STATUS and HTML, `delay_s` to DELAY.

    It concerns the paths that begin with `path`.
    """

    kind: FaultKind
    status: int = 200
    delay_s: float = 0.0
    path: str = "/"

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 200 and 599")
        if self.delay_s < 0:
            raise ValueError(f"a delay of {self.delay_s} s is negative")
