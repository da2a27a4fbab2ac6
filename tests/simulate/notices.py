"""The notices that really threaten one VM, whatever it could read of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drainer.core.model import At, Event, EventStatus
from drainer.core.policy import MINIMUM_NOTICE, Policy, Rule

if TYPE_CHECKING:
    from tests.simulate.sidecar import Sidecar

SLACK = timedelta(seconds=2)
"""An HTTP date has whole seconds, so that what a VM believes of the platform's clock is that far off."""


class Notices:
    """`policies`: every one that ruled this VM so far; what may be judged by more than one is not judged."""

    def __init__(self, vm: Sidecar, policies: list[Policy]) -> None:
        self._vm = vm
        self._policies = policies
        self._known: set[str] = set()
        self._listed: dict[str, datetime] = {}

    @property
    def blind(self) -> bool:
        """The document cannot be read, and no operator's wish says more."""
        if self._vm.feed.blind is None:
            return False
        return not self._drain_wished() and not self._vm.state.wishes.restore

    def threatens(self) -> bool:
        """Something must be drained for, for certain."""
        if self._drain_wished():
            return True
        if self._vm.feed.blind is not None:
            return False
        lead = min(_lead(rule) for rule in self._rules())
        return any(self._is_due(event, lead - SLACK) for event in self._unskipped())

    def may_threaten(self) -> bool:
        """Something may be drained for."""
        if self._drain_wished():
            return True
        lead = max(_lead(rule) for rule in self._rules())
        return any(self._is_due(event, lead + SLACK) for event in self._unskipped())

    def time_is_up(self) -> bool:
        """A notice has started, or its time has come; without one, the shortest that its type gives."""
        return any(
            event.status is EventStatus.STARTED or self._time_of(event) - SLACK <= self._vm.believed_now()
            for event in self._vm.notices
        )

    def recall(self) -> None:
        """What was read while due, also by a tick that died, threatens its episode while it is listed."""
        episode = self._vm.state.episode
        self._known = set(episode.terms) if episode else set()

    def look(self) -> None:
        self.recall()
        for event in self._vm.notices:
            self._listed.setdefault(event.id, self._vm.believed_now())

    def _is_due(self, event: Event, lead: timedelta) -> bool:
        if event.status is EventStatus.STARTED or event.id in self._known:
            return True
        return not isinstance(event.not_before, At) or self._comes_within(event, lead)

    def _comes_within(self, event: Event, span: timedelta) -> bool:
        at = event.not_before.at if isinstance(event.not_before, At) else None
        return at is not None and at - span <= self._vm.believed_now()

    def _time_of(self, event: Event) -> datetime:
        if isinstance(event.not_before, At):
            return event.not_before.at
        listed = self._listed.get(event.id, self._vm.believed_now())
        return listed + MINIMUM_NOTICE.get(event.type, min(MINIMUM_NOTICE.values()))

    def _unskipped(self) -> list[Event]:
        skips = self._vm.state.wishes.skips
        return [event for event in self._vm.notices if event.id not in skips]

    def _drain_wished(self) -> bool:
        wishes, now = self._vm.state.wishes, self._vm.now
        if wishes.drain is None or wishes.drain_since is None:
            return False
        if wishes.drain.until is not None:
            return now.wall < wishes.drain.until
        return wishes.drain_since.boot == now.boot

    def _rules(self) -> list[Rule]:
        return [rule for policy in self._policies for rule in policy.rules]


def _lead(rule: Rule) -> timedelta:
    return rule.lead if isinstance(rule.lead, timedelta) else timedelta(days=3650)
