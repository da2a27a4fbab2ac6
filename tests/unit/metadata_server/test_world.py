"""The running world, its clock, and who is asking."""

from datetime import UTC, datetime, timedelta

import pytest

from metadata_server.clock import ManualClock, RealClock, monotonic, whole_second
from metadata_server.commands import Advance, Command, Start
from metadata_server.directory import Directory
from metadata_server.errors import Unknown
from metadata_server.faults import Fault, FaultKind
from metadata_server.timeline import Timeline
from metadata_server.topology import Address, Vm
from metadata_server.world import World, new_guid, scenario_for
from tests.unit.metadata_server.builders import NOON, TOPOLOGY, A, at, schedule, switched, world


class Recording:
    """Keeps commands in a list."""

    def __init__(self) -> None:
        self.kept: list[Command] = []

    def keep(self, command: Command) -> None:
        self.kept.append(command)


class Full:
    """A disk with no room."""

    def keep(self, command: Command) -> None:
        raise OSError("no space left")


def test_manual_clock_follows_the_commands() -> None:
    """Advancing is a command like others: after a replay the clock stands where it stood."""
    forward = Advance(at=NOON, by=timedelta(minutes=15))
    given, replayed = world(schedule()), world(schedule(), forward)
    given.give(forward)
    for here in (given, replayed):
        assert (here.now(), here.clock.now()) == (at(15), at(15))
        assert here.timeline().document("web1").events[0].status == "Started"


def test_clock_never_goes_back() -> None:
    """A manual clock refuses to go back, and a world does not follow a clock that did."""
    clock = ManualClock(NOON)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(timedelta(seconds=-1))
    here = World(
        topology=TOPOLOGY,
        clock=ManualClock(at(-5)),
        scenario=scenario_for(TOPOLOGY, started_at=at(-5), switches=switched()),
        past=[schedule()],
    )
    assert here.now() == NOON


def test_real_clock_is_the_machines() -> None:
    """The real clock is aware, moves, and begins a manual one on a whole second."""
    first = RealClock().now()
    assert first.tzinfo is UTC
    assert first - timedelta(seconds=2) < whole_second() <= RealClock().now()
    assert whole_second().microsecond == 0
    assert monotonic() <= monotonic()


def test_commands_are_kept_before_they_take_effect() -> None:
    """A command that cannot be kept changes nothing."""
    scenario = scenario_for(TOPOLOGY, started_at=NOON, switches=switched())
    recording, clock = Recording(), ManualClock(NOON)
    kept = World(topology=TOPOLOGY, clock=clock, scenario=scenario, keeper=recording)
    kept.give(schedule())
    assert recording.kept == [schedule()]
    full = World(topology=TOPOLOGY, clock=clock, scenario=scenario, keeper=Full())
    with pytest.raises(OSError, match="no space"):
        full.give(schedule())
    assert full.timeline().events == ()


def test_follower_hears_of_every_command() -> None:
    """Whoever follows the world is shown the state after each command."""
    here, seen = world(), list[Timeline]()
    here.follower = seen.append
    here.give(schedule())
    here.give(Start(at=at(1), id=A))
    assert [state.events[0].status for state in seen] == ["Scheduled", "Started"]


def test_vms_are_found_by_name() -> None:
    """A VM is found by its exact name, and a wrong name is answered with the right ones."""
    assert world().vm("lone").name == "lone"
    with pytest.raises(Unknown, match="one of web1, web2, lone, found 'LONE'"):
        world().vm("LONE")


def test_new_ids_look_like_the_platforms() -> None:
    """Ids are GUIDs in upper case, and no two are alike."""
    first, second = new_guid(), new_guid()
    assert first != second
    assert (len(first), first) == (36, first.upper())


ONE = Address(host="127.0.0.1", port=80)
ALL = Address(host="0.0.0.0", port=81)
SIX = Address(host="::", port=82)


def vm(name: str, address: Address, source: str | None = None) -> Vm:
    return Vm(name=name, address=address, source=source)


@pytest.mark.parametrize(
    ("asked", "peer", "expected"),
    [
        ("127.0.0.1:80", "127.0.0.1", "one"),
        ("127.0.0.1:80", "10.0.0.1", "one"),
        ("127.0.0.9:81", "10.0.0.1", "first"),
        ("127.0.0.9:81", "10.0.0.2", "second"),
        ("127.0.0.9:81", "10.0.0.3", None),
        ("[::1]:82", "::1", "six"),
        ("127.0.0.1:99", "127.0.0.1", None),
    ],
)
def test_who_is_asking(asked: str, peer: str, expected: str | None) -> None:
    """A VM is told by the address that was asked, or on a shared one by its own."""
    directory = Directory(
        listening={
            ONE: (vm("one", ONE),),
            ALL: (vm("first", ALL, "10.0.0.1"), vm("second", ALL, "10.0.0.2")),
            SIX: (vm("six", SIX),),
        }
    )
    found = directory.vm(asked=Address.parse(asked), peer=peer)
    assert (None if found is None else found.name) == expected
    assert directory.address("second") == ALL
    with pytest.raises(KeyError):
        directory.address("third")


@pytest.mark.parametrize("wrong", [{"status": 99}, {"status": 600}, {"delay_s": -1.0}])
def test_impossible_faults_cannot_be_built(wrong: dict[str, float]) -> None:
    """A fault with a status outside HTTP, or a delay into the past, is refused."""
    with pytest.raises(ValueError, match=r"status|delay"):
        Fault(kind=FaultKind.STATUS, **wrong)  # type: ignore[arg-type]


def test_builders_are_aware() -> None:
    """The instants of these tests are in UTC."""
    assert at(0) == datetime(2030, 1, 31, 12, tzinfo=UTC)
