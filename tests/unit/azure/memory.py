"""The management API as a dictionary: etags, denials, operations that take a poll, writes that are kept."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from drainer.errors import Refused, Transient
from drainer.management import Json, Operation, Running, State, Succeeded


@dataclass(slots=True, kw_only=True)
class Cloud:
    """Resources by id in lower case. `denied`: what raises, by id; `ignores_etags` as the switch says."""

    resources: dict[str, Json] = field(default_factory=dict)
    document: Json = field(default_factory=dict)
    denied: dict[str, Exception] = field(default_factory=dict)
    unwritable: dict[str, Exception] = field(default_factory=dict)
    ignores_etags: bool = False
    polls: int = 1
    writes: list[tuple[str, Json]] = field(default_factory=list)
    closed: bool = False
    _left: int = 0

    def instance(self) -> Json:
        return copy.deepcopy(self.document)

    def get(self, resource_id: str) -> Json:
        key = resource_id.lower()
        if key in self.denied:
            raise self.denied[key]
        if key not in self.resources:
            raise Refused("azure-not-found", resource_id)
        return copy.deepcopy(self.resources[key])

    def begin_put(self, resource_id: str, body: Json, *, if_match: str = "") -> Operation:
        key = resource_id.lower()
        if key in self.unwritable:
            raise self.unwritable[key]
        stored = self.resources[key]
        if if_match and if_match != stored.get("etag") and not self.ignores_etags:
            raise Transient("azure-precondition", "the etag does not match")
        self.writes.append((resource_id, copy.deepcopy(body)))
        fresh: dict[str, Any] = {**copy.deepcopy(body), "etag": f'W/"{len(self.writes)}"'}
        self.resources[key] = fresh
        self._left = self.polls
        return Operation(key=str(len(self.writes)), resource_id=resource_id)

    def operation(self, operation: Operation) -> State:
        self._left -= 1
        return Succeeded() if self._left < 0 else Running()

    def rest(self) -> None:
        return

    def close(self) -> None:
        self.closed = True
