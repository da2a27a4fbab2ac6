"""Token buckets of the management API (Request limits and throttling): a burst, and a refill each second."""

from dataclasses import dataclass
from datetime import datetime

from metadata_server.arm.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    burst: int
    per_second: int


READS = Limit(burst=250, per_second=25)
WRITES = Limit(burst=200, per_second=10)


@dataclass(slots=True)
class Bucket:
    left: float
    at: datetime


class Throttle:
    """One bucket for reads and one for writes of each principal."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, bool], Bucket] = {}

    def take(self, principal: str, *, writes: bool, now: datetime) -> int:
        """What is left after this request. Raises Refusal 429."""
        limit = WRITES if writes else READS
        bucket = self._buckets.setdefault((principal, writes), Bucket(float(limit.burst), now))
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.left = min(float(limit.burst), bucket.left + passed * limit.per_second)
        bucket.at = now
        if bucket.left < 1:
            kind = "write" if writes else "read"
            raise Refusal(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{kind}' requests for the subscription exceeded the limit. "
                "Please try again later.",
                headers={"Retry-After": "1"},
            )
        bucket.left -= 1
        return int(bucket.left)
