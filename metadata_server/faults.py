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
    RESET_HEADERS = "reset-headers"
    RESET_BODY = "reset-body"
    SILENT = "silent"
    OVERSIZED = "oversized"
    ENDLESS = "endless"
    REDIRECT = "redirect"
    NOT_MODIFIED = "not-modified"
    DUPLICATED = "duplicated"


OF_A_BODY = frozenset({FaultKind.EMPTY, FaultKind.TRUNCATED, FaultKind.RESET_BODY})
"""What befalls a body. An answer 304 has none, so that under these a condition is not heeded."""


def is_location(text: str) -> bool:
    """Whether it can be sent in a header: a URI is ASCII."""
    return text.isascii() and text.isprintable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One misbehaviour: `status` belongs to STATUS and HTML, `delay_s` to DELAY, `location` to REDIRECT.

    It concerns the paths that begin with `path`.
    """

    kind: FaultKind
    status: int = 200
    delay_s: float = 0.0
    path: str = "/"
    location: str = ""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} is not between 200 and 599")
        if self.delay_s < 0:
            raise ValueError(f"a delay of {self.delay_s} s is negative")
        if not is_location(self.location):
            raise ValueError(f"the location {self.location!r} is no header")
