"""How often a VM may ask, and how Scheduled Events wakes up and falls asleep.

What is remembered here is about requests, not about the scenario; a restart forgets it.
"""

from collections import defaultdict, deque
from datetime import datetime, timedelta

from metadata_server.commands import Reset
from metadata_server.imds.exchange import Question
from metadata_server.imds.service import is_identity, is_scheduled_events
from metadata_server.switches import Switches
from metadata_server.world import World

# Instance metadata service, "Rate limiting".
PER_SECOND = 5
TOKENS_PER_SECOND = 20
_WINDOW = timedelta(seconds=1)


class Limits:
    """The requests each VM made in the last second of the scenario's time."""

    def __init__(self) -> None:
        self._asked: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)

    def exceeded(self, question: Question, switches: Switches, now: datetime) -> bool:
        """Whether this request is one too many; one that is refused does not count."""
        if switches.rate_limit == "off":
            return False
        counted = _counted(question, switches)
        asked = self._asked[question.vm, counted]
        while asked and asked[0] <= now - _WINDOW:
            asked.popleft()
        if len(asked) >= (TOKENS_PER_SECOND if counted == "identity" else PER_SECOND):
            return True
        asked.append(now)
        return False


def _counted(question: Question, switches: Switches) -> str:
    """What the request is counted with."""
    if is_identity(question):
        return "identity"
    apart = switches.rate_limit_counts == "apart" and is_scheduled_events(question)
    return "events" if apart else "all"


class Enablement:
    """When each scope last read Scheduled Events: the first read switches the service on."""

    def __init__(self) -> None:
        self._read_at: dict[str, datetime] = {}

    def delay(self, question: Question, world: World) -> timedelta:
        """How long this read takes because the service is only now switched on; zero once it is."""
        if not is_scheduled_events(question):
            return timedelta()
        state = world.timeline()
        scope = state.scopes[question.vm]
        last, self._read_at[scope] = self._read_at.get(scope), state.now
        off_after = state.switches.off_after
        if last is None:
            return state.switches.first_answer
        if off_after is None or state.now - last < off_after:
            return timedelta()
        world.give(Reset(at=state.now, scope=scope))
        return state.switches.first_answer
