"""Values of the domain: what cannot exist, and what time, names and rules mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drainer.clock import ManualClock
from drainer.core.assess import Observation, assess
from drainer.core.codec import TAG, decode
from drainer.core.decide import decide
from drainer.core.episode import State, Window, all_in
from drainer.core.fold import fold
from drainer.core.model import (
    FIRST,
    LAST,
    LONGEST_BOOT_S,
    Addressee,
    At,
    Blank,
    Document,
    Entry,
    Event,
    EventSource,
    EventStatus,
    Face,
    InFlight,
    Instant,
    Membership,
    Phase,
    SourceKind,
    Standing,
    Unreadable,
    Vm,
    elapsed,
    later,
)
from drainer.core.naming import names_vm, same_vm, siblings_of
from drainer.core.policy import BackendChoice, HealthCheck, Match, Policy, Rule
from drainer.core.record import Finished, Intended, Opened, Outcome, Record, Terms, Wished
from drainer.core.row import renew
from drainer.core.situation import Lease, Reads, Situation
from drainer.core.terms import due_at_of, terms_of
from drainer.core.wish import Ended, Wish
from drainer.ports import Clock
from tests.unit.core.given import episode, terms

NOW = Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=100.0, boot="b")
POLICY = Policy(rules=(Rule(),), backend=(BackendChoice(name="fake", options=None),))


def event(**changes: object) -> Event:
    given: dict[str, object] = {
        "id": "E1",
        "type": "Reboot",
        "status": EventStatus.SCHEDULED,
        "not_before": Blank(),
        "resources": ("vm1",),
        "source": EventSource.PLATFORM,
    }
    return Event(**{**given, **changes})  # type: ignore[arg-type]


def document(source: SourceKind, *events: Event) -> Document:
    return Document(source=source, vm=Vm(name="vm1"), events=events, read_at=NOW)


def test_an_instant_knows_its_zone() -> None:
    """A naive wall time cannot be."""
    with pytest.raises(ValueError, match="aware"):
        Instant(wall=datetime(2026, 1, 1), monotonic_s=0, boot="b")  # noqa: DTZ001


def test_an_isolated_entry_takes_no_work() -> None:
    """Removed hard and In cannot be."""
    with pytest.raises(ValueError, match="isolated"):
        Entry(name="a", standing=Standing.IN, isolated=True)


def test_entries_are_told_apart_by_name() -> None:
    """Two entries of one name cannot be."""
    with pytest.raises(ValueError, match="unique"):
        Membership(entries=(Entry(name="a", standing=Standing.IN),) * 2)


@pytest.mark.parametrize(
    ("standings", "face"),
    [
        ((), Face.OUT),
        ((Standing.IN, Standing.IN), Face.IN),
        ((Standing.IN, Standing.OUT), Face.PARTIAL),
        ((Standing.OUT, Standing.LEAVING), Face.LEAVING),
        ((Standing.OUT,), Face.OUT),
    ],
)
def test_the_face_of_a_layer(standings: tuple[Standing, ...], face: Face) -> None:
    """In where all are, Partial where some are, Leaving where one is; without entries Out."""
    entries = tuple(Entry(name=f"e{number}", standing=standing) for number, standing in enumerate(standings))
    assert Membership(entries=entries).face is face


def test_all_in_is_the_same_membership() -> None:
    """Every entry takes new work, and is what it was otherwise."""
    left = Entry(name="a", standing=Standing.OUT, isolated=True, detail="weight 3")
    found = all_in(Membership(entries=(left,), generation="g"))
    there = Entry(name="a", standing=Standing.IN, detail="weight 3")
    assert found == Membership(entries=(there,), generation="g")


@pytest.mark.parametrize(
    ("now", "passed"),
    [
        (Instant(wall=NOW.wall - timedelta(days=1), monotonic_s=160.0, boot="b"), 60),
        (Instant(wall=NOW.wall, monotonic_s=40.0, boot="b"), 0),
        (Instant(wall=NOW.wall + timedelta(seconds=90), monotonic_s=5.0, boot="c"), 90),
        (Instant(wall=NOW.wall - timedelta(days=1), monotonic_s=5.0, boot="c"), 5),
    ],
    ids=["wall set back", "never negative", "a reboot", "a reboot and the wall set back"],
)
def test_elapsed(now: Instant, passed: int) -> None:
    """Monotonic within a boot; over a boot by the wall, and no less than this boot's age."""
    assert elapsed(NOW, now) == timedelta(seconds=passed)


def test_a_window_never_outlasts_itself() -> None:
    """However the wall clock is set, what remains is at most what it lasted."""
    window = Window(since=NOW, lasts=timedelta(seconds=5))
    behind = Instant(wall=NOW.wall - timedelta(days=9), monotonic_s=1.0, boot="c")
    assert window.remaining(behind) == timedelta(seconds=4)
    assert window.until == later(NOW, timedelta(seconds=5))


def test_the_force_of_an_episode() -> None:
    """The earliest of its notices' that have one and that nobody skipped."""
    known = {"E1": terms(due_s=300), "E2": terms("E2"), "E3": terms("E3", force_at=None)}
    assert episode(terms=known).force_at == known["E2"].force_at
    assert episode(terms=known).force_without(frozenset({"E2"})) == known["E1"].force_at
    assert episode(terms={}).force_at is None


def test_names() -> None:
    """Case and one leading underscore do not matter; blanks name nobody; parts of a name name nobody."""
    assert same_vm("_VM1 ", "vm1")
    assert not same_vm("", "_")
    assert not same_vm("vm1", "vm10")
    assert siblings_of(event(resources=("_vm1", "vm2", "")), "vm1") == ("vm2",)


def test_documents_of_2015_speak_of_their_reader() -> None:
    """They list no resources, and mean the VM that reads them, which has no siblings there."""
    theirs = event(resources=Addressee.READER)
    assert names_vm(theirs, "anything")
    assert siblings_of(theirs, "anything") == ()


@pytest.mark.parametrize(
    ("source", "type", "notice"),
    [
        (SourceKind.SCHEDULED_EVENTS, "Reboot", timedelta(minutes=15)),
        (SourceKind.SCHEDULED_EVENTS, "Preempt", timedelta(seconds=30)),
        (SourceKind.SCHEDULED_EVENTS, "Unheard", timedelta(seconds=30)),
        (SourceKind.MAINTENANCE, "Reboot", timedelta(minutes=5)),
        (SourceKind.INSTANCE_INFO, "Reboot", timedelta(minutes=5)),
    ],
)
def test_unknown_not_before_is_forced_after_the_minimum_notice(
    source: SourceKind, type: str, notice: timedelta
) -> None:
    """First sight plus what the type's notice is at least."""
    seen = event(type=type)
    terms = terms_of(seen, Rule(), None, document=document(source, seen), now=NOW, platform_now=NOW.wall)
    assert terms.force_at == NOW.wall + notice


def test_an_absurd_not_before_is_no_crash() -> None:
    """The end of time minus a lead, or before its beginning, is still a time."""
    first = datetime.min.replace(tzinfo=UTC)
    assert due_at_of(event(not_before=At(at=first)), Rule()) == first


@pytest.mark.parametrize("field", ["force", "drain_timeout", "quiet_for", "settle"])
def test_no_time_of_a_rule_is_negative(field: str) -> None:
    """A negative time cannot be."""
    with pytest.raises(ValueError, match=field):
        Rule(**{field: -timedelta(seconds=1)})  # type: ignore[arg-type]


def test_rules_match_by_all_they_name() -> None:
    """Type in any case, source, and a duration that is known and below."""
    match = Match(type="freeze", source=EventSource.PLATFORM, duration_below=timedelta(seconds=10))
    assert match.matches(event(type="Freeze", duration=timedelta(seconds=9)))
    assert not match.matches(event(type="Freeze", duration=timedelta(seconds=10)))
    assert not match.matches(event(type="Freeze", duration=None))
    assert not match.matches(event(type="Reboot", duration=timedelta(seconds=9)))
    user = event(type="Freeze", source=EventSource.USER, duration=timedelta(seconds=9))
    assert not match.matches(user)


def test_a_policy_ends_in_a_rule_for_everything() -> None:
    """Without one it cannot be; and where something put the last rule away, that is a bug."""
    with pytest.raises(ValueError, match=r"^the last rule must match everything$"):
        Policy(rules=(Rule(match=Match(type="Freeze")),), backend=())
    assert POLICY.rule_for(event()) == (0, Rule())
    broken = Policy(rules=(Rule(),), backend=())
    object.__setattr__(broken, "rules", ())
    with pytest.raises(AssertionError):
        broken.rule_for(event())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"http": "http://a", "tcp": "a:1"}, "only one of http, tcp, command"),
        ({"passes": 0}, "passes must be at least 1"),
    ],
    ids=["two checks", "no passes"],
)
def test_a_health_check_is_one_check(wrong: dict[str, object], says: str) -> None:
    """Two checks, or none to pass, cannot be; one of each can."""
    with pytest.raises(ValueError, match=f"^{says}$"):
        HealthCheck(**wrong)  # type: ignore[arg-type]
    assert HealthCheck(tcp="a:1", passes=1).passes == 1


def test_a_lease_that_is_due_has_a_phase() -> None:
    """A situation that says otherwise is a bug, and told as one."""
    with pytest.raises(AssertionError):
        renew(Situation(reads=Reads.QUIET, lease=Lease.DUE))


def test_a_table_without_an_answer_is_a_bug() -> None:
    """A document that is none of the three kinds is told as one."""
    with pytest.raises(AssertionError):
        decide(Situation(reads="nonsense"))  # type: ignore[arg-type]


def test_an_ending_of_something_unknown_changes_nothing() -> None:
    """A newer release may end wishes that this one does not know."""
    assert fold([Record(at=NOW, body=Wished(wish=Ended(wish="prophecy")))]) == State()


def lease(*bodies: Intended | Finished) -> State:
    opened = Opened(episode="e", vm="vm1", vm_id="i", policy="", terms=(), layers={})
    return fold(Record(at=NOW, body=body) for body in (opened, *bodies))


TRIED = Intended(step="acquire", phase=Phase.DRAINING, lands_for=timedelta(seconds=30))
GRANTED = Finished(
    step="acquire", outcome=Outcome.DONE, phase=Phase.DRAINING, until=later(NOW, timedelta(minutes=2))
)


LOST = Finished(step="acquire", outcome=Outcome.FAILED, phase=Phase.DRAINING)
"""Its answer was lost: it may have taken the lease, for as long as any lasts."""

ENDLESS = Finished(step="acquire", outcome=Outcome.DONE, phase=Phase.DRAINING)
"""Granted until an instant that nobody wrote down."""


@pytest.mark.parametrize(
    ("after_s", "bodies", "lease_is", "owed"),
    [
        (0, (TRIED,), Lease.NONE, True),
        (0, (TRIED, GRANTED), Lease.HELD, True),
        (60, (TRIED, GRANTED), Lease.DUE, True),
        (60, (TRIED, GRANTED, TRIED), Lease.DUE, True),
        (120, (TRIED, GRANTED), Lease.EXPIRED, True),
        (120, (TRIED, GRANTED, TRIED), Lease.EXPIRED, True),
        (120, (TRIED, GRANTED, TRIED, LOST), Lease.EXPIRED, True),
        (150, (TRIED, GRANTED, TRIED, LOST), Lease.EXPIRED, True),
        (3629, (TRIED, GRANTED, TRIED, LOST, Intended(step="release")), Lease.NONE, True),
        (3630, (TRIED, GRANTED, TRIED, LOST, Intended(step="release")), Lease.NONE, False),
        (119, (TRIED, GRANTED, Intended(step="release")), Lease.NONE, True),
        (0, (TRIED, GRANTED, Intended(step="release")), Lease.NONE, True),
        (120, (TRIED, GRANTED, Intended(step="release")), Lease.NONE, False),
        (0, (TRIED, GRANTED, Finished(step="release", outcome=Outcome.DONE)), Lease.NONE, False),
        (
            0,
            (TRIED, Finished(step="acquire", outcome=Outcome.DONE, phase=Phase.DRAINING)),
            Lease.EXPIRED,
            True,
        ),
    ],
)
def test_leases(after_s: int, bodies: tuple[Intended | Finished, ...], lease_is: Lease, owed: bool) -> None:
    """Held from its grant, due at half its life; owed until given back, or tried to be for all its life."""
    seen = Observation(
        now=later(NOW, timedelta(seconds=after_s)),
        document=Unreadable(kind="x", reason="y"),
        layers=(),
        work=InFlight(count=0),
        budget=True,
    )
    situation = assess(seen, lease(*bodies), POLICY).situation
    assert (situation.lease, situation.release_owed) == (lease_is, owed)


def test_a_lease_says_until_when() -> None:
    """Its end is its grant plus how long it lasts; none granted has no end."""
    granted, tried = lease(TRIED, GRANTED).episode, lease(TRIED).episode
    assert granted is not None
    assert tried is not None
    assert granted.lease.until == GRANTED.until
    assert tried.lease.until is None


def test_a_value_of_an_unknown_kind_is_told() -> None:
    """Where one of several classes may stand, a tag that is none of them is a ValueError."""
    with pytest.raises(ValueError, match="unknown kind"):
        decode(Wish, {TAG: "prophecy"})


def test_a_manual_clock_is_a_clock() -> None:
    """What tests use fulfils the port."""
    clock: Clock = ManualClock()
    assert clock.uptime() == timedelta(hours=1)


def test_terms_are_values() -> None:
    """The same terms are equal, whoever made them: the journal is compared by that."""
    seen = event()
    made = [
        terms_of(
            seen,
            Rule(),
            None,
            document=document(SourceKind.SCHEDULED_EVENTS, seen),
            now=NOW,
            platform_now=NOW.wall,
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert isinstance(made[0], Terms)


@pytest.mark.parametrize(("wall", "by"), [(LAST, timedelta(seconds=1)), (FIRST, -timedelta(seconds=1))])
def test_a_moment_more_than_the_last_is_the_last(wall: datetime, by: timedelta) -> None:
    """Nor is there one before the first."""
    assert later(Instant(wall=wall, monotonic_s=1.0, boot="b"), by).wall == wall


@pytest.mark.parametrize(("by", "wall"), [(timedelta.max, LAST), (timedelta.min, FIRST)])
def test_an_instant_ends_where_the_clocks_do(by: timedelta, wall: datetime) -> None:
    """However far away, `later` is an instant: what a journal says of spans is anybody's."""
    now = Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=1.0, boot="b")
    found = later(now, by)
    assert found.wall == wall
    assert abs(found.monotonic_s) == LONGEST_BOOT_S


@pytest.mark.parametrize("monotonic_s", [1e11, -1e11, float("nan"), float("inf")])
def test_no_boot_lasts_for_ever(monotonic_s: float) -> None:
    """A clock that says so is refused, since no time that passed could be told from it."""
    with pytest.raises(ValueError, match="no boot lasts"):
        Instant(wall=datetime(2026, 1, 1, tzinfo=UTC), monotonic_s=monotonic_s, boot="b")
