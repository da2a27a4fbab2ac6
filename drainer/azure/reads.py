"""Reading through the management API, with the fewest calls.

A round is what one verb reads: a document is read once in it, and a slow answer does not make the round
start over. It knows no kind of resource.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from drainer.azure.ids import key
from drainer.core.model import Instant, elapsed, later
from drainer.errors import DrainerError, Refused, Transient
from drainer.management import Arm, Json
from drainer.ports import Clock

ROUND_LASTS = timedelta(seconds=30)
NOT_AT_ONCE = frozenset({"azure-slow", "azure-throttled", "azure-token"})
THROTTLES = frozenset({"azure-throttled", "azure-unavailable"})


@dataclass(frozen=True, slots=True)
class _Read:
    document: Json
    at: Instant


@dataclass(frozen=True, slots=True)
class _Throttle:
    until: Instant
    kind: str
    reason: str


class Reads:
    """What was read, by id."""

    def __init__(self, arm: Arm, clock: Clock) -> None:
        self._arm, self._clock = arm, clock
        self._last: dict[str, _Read] = {}
        self._round: dict[str, Json] = {}
        self._round_at: Instant | None = None
        self._throttle: _Throttle | None = None
        self._again: set[str] = set()  # what was cut off once, and is asked for again

    def fresh(self, resource_id: str) -> Json:
        """The document as it is in this round. Raises what Arm raises."""
        now = self._clock.now()
        if self._round_at is None or elapsed(self._round_at, now) > ROUND_LASTS:
            self._round, self._round_at = {}, now
        known = self._round.get(key(resource_id))
        if known is not None:
            return known
        document = self._got(resource_id)
        self._throttle = None  # it answers
        self._round[key(resource_id)] = document
        self._last[key(resource_id)] = _Read(document, now)
        return document

    def _got(self, resource_id: str) -> Json:
        """A read that was cut off on its way costs nothing to make again, once; cut off twice it is said."""
        again = key(resource_id)
        try:
            document = self._arm.get(resource_id)
        except Transient as error:
            if error.kind == "azure-slow":
                raise
            cut_off = error.kind not in NOT_AT_ONCE and error.retry_after is None
            if not cut_off or again in self._again:
                self._again.discard(again)
                raise
            self._again.add(again)
            document = self._repeated(resource_id)
        self._again.discard(again)
        return document

    def _repeated(self, resource_id: str) -> Json:
        try:
            return self._arm.get(resource_id)
        except DrainerError as error:
            if error.kind != "azure-slow":
                self._again.discard(key(resource_id))
            raise

    def lately(self, resource_id: str, *, within: timedelta) -> Json:
        """The document as it was at most `within` ago."""
        known = self._last.get(key(resource_id))
        if known is not None and elapsed(known.at, self._clock.now()) <= within:
            return known.document
        return self.fresh(resource_id)

    def known(self, resource_id: str) -> Json | None:
        """The last reading, however old."""
        known = self._last.get(key(resource_id))
        return known.document if known else None

    def or_none(self, resource_id: str, *, within: timedelta) -> Json | None:
        """None where this VM may not read it, or it is not there."""
        try:
            return self.lately(resource_id, within=within)
        except Refused:
            return None

    def over(self, error: DrainerError | None = None) -> None:
        """The verb ended. Only a slow answer keeps its round open; a throttle is remembered."""
        if error is None or error.kind != "azure-slow":
            self._round, self._round_at = {}, None
        if isinstance(error, Transient) and error.retry_after is not None and error.kind in THROTTLES:
            until = later(self._clock.now(), error.retry_after)
            self._throttle = _Throttle(until, error.kind, error.reason)

    def throttled(self) -> None:
        """Raise the service's own answer again, without a call, until the time it named."""
        throttle, now = self._throttle, self._clock.now()
        if throttle is None:
            return
        if now.wall >= throttle.until.wall:
            self._throttle = None
            return
        raise Transient(throttle.kind, throttle.reason, retry_after=elapsed(now, throttle.until))

    def forget(self) -> None:
        self._last, self._round, self._round_at, self._throttle = {}, {}, None, None
