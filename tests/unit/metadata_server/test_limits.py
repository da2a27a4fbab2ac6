"""How often a VM may ask, and how Scheduled Events wakes up."""

from datetime import timedelta

import pytest

from metadata_server.clock import ManualClock
from metadata_server.commands import Advance
from metadata_server.imds.limits import Enablement, Limits
from metadata_server.world import World
from tests.unit.metadata_server.builders import ask, schedule, switched, world

EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
TOKEN = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net"
INSTANCE = "/metadata/instance?api-version=2025-04-07"


def refused(limits: Limits, here: World, *urls: str, **switches: str) -> list[bool]:
    chosen = switched(**switches)
    return [limits.exceeded(ask(url), chosen, here.now()) for url in urls]


def test_five_a_second() -> None:
    """The sixth request within one second is refused, and a second later five more are free."""
    here, limits = world(), Limits()
    assert refused(limits, here, *[EVENTS] * 7, rate_limit="on") == [False] * 5 + [True] * 2
    assert isinstance(here.clock, ManualClock)
    here.clock.advance(timedelta(seconds=1))
    assert refused(limits, here, *[EVENTS] * 6, rate_limit="on") == [False] * 5 + [True]


def test_each_vm_has_its_own_budget() -> None:
    """One VM's requests do not count against another."""
    here, limits, on = world(), Limits(), switched(rate_limit="on")
    asked = [limits.exceeded(ask(EVENTS, vm=vm), on, here.now()) for vm in ["web1"] * 5 + ["web2", "web1"]]
    assert asked == [False] * 6 + [True]


@pytest.mark.parametrize(("counts", "expected"), [("together", True), ("apart", False)])
def test_whether_categories_share(counts: str, expected: bool) -> None:
    """Scheduled Events and instance metadata share the five or not, as the switch says."""
    urls = [INSTANCE] * 5 + [EVENTS]
    switches = {"rate_limit": "on", "rate_limit_counts": counts}
    assert refused(Limits(), world(), *urls, **switches)[-1] is expected


def test_tokens_have_a_budget_of_their_own() -> None:
    """Twenty requests for tokens a second, whatever else is asked for, and five for the rest."""
    limits, here = Limits(), world()
    assert refused(limits, here, *[TOKEN] * 21, rate_limit="on") == [False] * 20 + [True]
    assert refused(limits, here, *[INSTANCE] * 6, rate_limit="on") == [False] * 5 + [True]


def test_off_by_default() -> None:
    """Unless switched on, nothing is ever too much."""
    assert not any(refused(Limits(), world(), *[EVENTS] * 100))


def test_first_read_is_slow() -> None:
    """The first read of a scope takes as long as its switch says, the next none; other categories never."""
    here, enablement = world(first_answer="2m"), Enablement()
    asked = [ask(INSTANCE), ask(EVENTS), ask(EVENTS, vm="web2"), ask(EVENTS, vm="lone")]
    slow, none = timedelta(minutes=2), timedelta()
    assert [enablement.delay(question, here) for question in asked] == [none, slow, none, slow]


def test_silence_switches_it_off() -> None:
    """After the time of the switch without a read, the next read is slow and counts anew."""
    here, enablement = world(schedule(), first_answer="2m", off_after="24h"), Enablement()
    enablement.delay(ask(EVENTS), here)
    here.give(Advance(at=here.now(), by=timedelta(hours=23)))
    assert enablement.delay(ask(EVENTS), here) == timedelta()
    assert here.timeline().document("web1").changes == 3
    here.give(Advance(at=here.now(), by=timedelta(hours=24)))
    assert enablement.delay(ask(EVENTS), here) == timedelta(minutes=2)
    assert here.timeline().document("web1").changes == 0
