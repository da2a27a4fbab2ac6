"""The management API as the rest of drainer asks it: resources as plain JSON, writes as operations.

Behind it stands a child process with Azure's SDK, or a double in memory. It must not know what any
resource means, and nothing here imports Azure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]
"""One resource as it stands on the wire, with every member, also those that no model knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A write that was accepted and may still run. `key` is opaque, and good in this process alone."""

    key: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Running:
    """Not final yet."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Final: the resource is as the write wanted it, unless another write came after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Final: the service gave up. `code` is the service's own word for it, `reason` is for people."""

    code: str
    reason: str


State = Running | Succeeded | Failed


class Arm(Protocol):
    """One management endpoint, asked as this VM's identity. One call at a time.

    Every verb but `rest` and `close` raises only these, and is bounded in time:

    * Transient "azure-slow": no answer yet. The same call, made again, collects it.
    * Transient "azure-lost": a write whose answer did not come; it may have happened. Read before you repeat.
    * Transient "azure-unreachable", "azure-unavailable" (5xx), "azure-throttled" (429), "azure-locked" (429
      or 409: another operation holds it), "azure-precondition" (412), "azure-token" (no token now); with
      `retry_after` where the service named one.
    * Refused "azure-forbidden" (403: `reason` names the missing action and its scope), "azure-not-found"
      (404), "azure-rejected" (another 4xx: `reason` has the service's code), "azure-identity" (this VM has no
      such identity), "azure-untrusted" (an operation's address on another host).
    """

    def instance(self) -> Json:
        """This VM's own instance document, from the metadata service."""
        ...

    def get(self, resource_id: str) -> Json:
        """The resource now; for a collection's id, its `{"value": [...]}`."""
        ...

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        """Write the whole resource. Returns once it is accepted; `if_match` is an etag as it was read."""
        ...

    def operation(self, operation: Operation) -> State:
        """How that write stands. Asks the service at most every two seconds, whatever it says of later."""
        ...

    def rest(self) -> None:
        """End the child; the next call starts another. Never raises."""
        ...

    def close(self) -> None:
        """The same, for good. Never raises."""
        ...
