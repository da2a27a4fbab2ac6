"""Faults of the management API, told by the controller: which requests they hit, and what they do."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from metadata_server.arm.refusal import Refusal
from metadata_server.faults import is_location


class ArmFaultKind(StrEnum):
    """`MIXED` goes through some of the others in turn."""

    THROTTLED = "429"
    CONFLICT = "409"
    PRECONDITION = "412"
    ERROR = "500"
    UNAVAILABLE = "503"
    DROP = "drop"  # closed before anything was done
    DROP_AFTER = "drop-after"  # done, and closed without an answer
    SLOW = "slow"  # done, and answered late
    SILENT = "silent"  # never answered
    FAIL = "fail"  # a write that is accepted, and fails in the end
    MALFORMED = "malformed"  # done, and half of its JSON answered
    TRUNCATED = "truncated"  # done, and the connection closed in the body
    RESET_HEADERS = "reset-headers"  # nothing done, and reset in the head
    RESET_BODY = "reset-body"  # done, and reset in the body
    DUPLICATED = "duplicated"  # done, and each header answered twice
    OVERSIZED = "oversized"
    ENDLESS = "endless"
    REDIRECT = "redirect"
    HTML = "html"
    MIXED = "mixed"


IN_TURN = (
    ArmFaultKind.THROTTLED,
    ArmFaultKind.CONFLICT,
    ArmFaultKind.PRECONDITION,
    ArmFaultKind.ERROR,
    ArmFaultKind.DROP_AFTER,
    ArmFaultKind.SLOW,
)

_CODES = {
    ArmFaultKind.THROTTLED: (429, "TooManyRequests", "Please retry later."),
    ArmFaultKind.CONFLICT: (
        409,
        "AnotherOperationInProgress",
        "Another operation on this resource is in progress.",
    ),
    ArmFaultKind.PRECONDITION: (412, "PreconditionFailed", "Precondition failed."),
    ArmFaultKind.ERROR: (500, "InternalServerError", "An error occurred."),
    ArmFaultKind.UNAVAILABLE: (503, "ServiceUnavailable", "The service is temporarily unavailable."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFault:
    """`every` 2: the second, the fourth … request that it could hit; `times` 0: without end. `method`, `path`
    (a part of it) and `vm` narrow it down, "" for any. `location` belongs to REDIRECT."""

    kind: ArmFaultKind
    every: int = 1
    times: int = 0
    method: str = ""
    path: str = ""
    vm: str = ""
    retry_after: int | None = None
    delay: timedelta = timedelta(seconds=3)
    location: str = ""

    def __post_init__(self) -> None:
        if not is_location(self.location):
            raise ValueError(f"the location {self.location!r} is no header")


class ArmFaults:
    """The faults in force, and how often each has been met."""

    def __init__(self) -> None:
        self._faults: list[ArmFault] = []
        self._met: dict[int, int] = {}
        self._hits: dict[int, int] = {}

    def add(self, fault: ArmFault) -> None:
        self._faults.append(fault)

    def mend(self) -> None:
        self._faults.clear()
        self._met.clear()
        self._hits.clear()

    def shown(self) -> list[dict[str, object]]:
        return [
            {
                "kind": fault.kind.value,
                "every": fault.every,
                "times": fault.times,
                "method": fault.method,
                "path": fault.path,
                "vm": fault.vm,
                "hits": self._hits.get(index, 0),
            }
            for index, fault in enumerate(self._faults)
        ]

    def hit(self, *, method: str, path: str, vm: str) -> tuple[ArmFaultKind, ArmFault] | None:
        """What becomes of this request; None: nothing of the kind."""
        for index, fault in enumerate(self._faults):
            if not _concerns(fault, method=method, path=path, vm=vm):
                continue
            met = self._met[index] = self._met.get(index, 0) + 1
            hits = self._hits.get(index, 0)
            if met % fault.every or (fault.times and hits >= fault.times):
                continue
            self._hits[index] = hits + 1
            kind = IN_TURN[hits % len(IN_TURN)] if fault.kind is ArmFaultKind.MIXED else fault.kind
            return kind, fault
        return None


def refusal_of(kind: ArmFaultKind, fault: ArmFault) -> Refusal | None:
    """The answer of a fault that is one."""
    if kind not in _CODES:
        return None
    status, code, message = _CODES[kind]
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Refusal(status, code, message, headers=headers)


def _concerns(fault: ArmFault, *, method: str, path: str, vm: str) -> bool:
    return fault.method in ("", method) and fault.path.casefold() in path.casefold() and fault.vm in ("", vm)
