"""The marker, and how long it takes until the balancer's prober can be said to know of it."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from drainer.backends.health_probe import KIND, HealthProbe, Mode, Options
from drainer.clock import ManualClock
from drainer.core.model import Done, Entry, Face, InFlight, Membership, Standing, Unmeasured
from drainer.errors import Broken, Refused, Transient
from drainer.probe import marker as markers
from drainer.testing import surroundings
from tests.contract.application import answering, free_port

WAS_IN = Membership(entries=(Entry(name="probe", standing=Standing.IN),))
WAS_OUT = Membership(entries=(Entry(name="probe", standing=Standing.OUT),))


@dataclass
class Rig:
    marker: Path
    status: int = 503
    clock: ManualClock = field(default_factory=ManualClock)
    route: str = ""

    def probe(self, **options: object) -> HealthProbe:
        chosen = Options(marker=str(self.marker), **{"route": self.route, **options})  # type: ignore[arg-type]
        backend = KIND.build(chosen, surroundings(self.clock))
        assert isinstance(backend, HealthProbe)
        return backend

    def listening(self, **options: object) -> HealthProbe:
        return self.probe(mode=Mode.LISTEN, **options)

    def evidence(self, **down: int) -> None:
        which = markers.identity(self.marker)
        assert which is not None
        markers.write_evidence(self.marker, which, {name.replace("_", "."): n for name, n in down.items()})


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(marker=tmp_path / "draining")
    with answering(lambda: rig.status) as address:
        rig.route = f"http://{address}/ready"
        yield rig


def test_no_marker_is_in(rig: Rig) -> None:
    """Without a marker the layer reads In, whatever the application's health."""
    assert rig.probe().membership() == WAS_IN


def test_the_marker_says_who_since_when_and_how_to_undo(rig: Rig) -> None:
    """The marker is readable JSON that a person on call can act on, for everybody to read."""
    probe = rig.probe()
    probe.cordon()
    written = json.loads(rig.marker.read_text())
    assert written == {
        "schema": 1,
        "owner": "drainer",
        "vm": "vm1",
        "since": "2026-01-01T00:00:00Z",
        "undo": f"rm -f {rig.marker}",
    }
    assert rig.marker.stat().st_mode & 0o777 == 0o644
    assert probe.undo() == written["undo"]
    assert os.listdir(rig.marker.parent) == [rig.marker.name]


def test_a_route_seen_down_long_enough_is_out(rig: Rig) -> None:
    """Leaving from the first sight of the route down, Out once interval × (threshold + 1) has passed."""
    probe = rig.probe()
    probe.cordon()
    assert probe.membership().face is Face.LEAVING
    rig.clock.advance(timedelta(seconds=14.9))
    assert probe.membership().face is Face.LEAVING
    rig.clock.advance(timedelta(seconds=0.1))
    assert probe.membership().face is Face.OUT


def test_wait_until_unused_target_goes_out_late(rig: Rig) -> None:
    """A route that takes 90 s to go down is Leaving all that time, and the wait begins after it."""
    rig.status = 200
    probe = rig.probe()
    probe.cordon()
    rig.clock.advance(timedelta(seconds=90))
    assert probe.membership().face is Face.LEAVING
    rig.status = 503
    assert probe.membership().face is Face.LEAVING
    rig.clock.advance(timedelta(seconds=15))
    assert probe.membership().face is Face.OUT


def test_a_route_that_still_answers_200_is_leaving_and_says_so(rig: Rig) -> None:
    """An application that ignores the marker never reads Out, and the reason names its route."""
    rig.status = 200
    probe = rig.probe()
    probe.cordon()
    rig.clock.advance(timedelta(hours=1))
    [entry] = probe.membership().entries
    assert entry.standing is Standing.LEAVING
    assert entry.detail == f"{rig.route} still answers 200 although the marker is there"


def test_a_route_that_comes_up_again_begins_anew(rig: Rig) -> None:
    """One 200 in between starts the wait again: the prober may have seen it too."""
    probe = rig.probe()
    probe.cordon()
    probe.membership()
    rig.status = 200
    rig.clock.advance(timedelta(seconds=15))
    assert probe.membership().face is Face.LEAVING
    rig.status = 503
    assert probe.membership().face is Face.LEAVING


def test_nothing_listening_is_down(rig: Rig) -> None:
    """A prober that is refused sees the VM down as well."""
    probe = rig.probe(route=f"http://127.0.0.1:{free_port()}/ready")
    probe.cordon()
    probe.membership()
    rig.clock.advance(timedelta(seconds=15))
    assert probe.membership().face is Face.OUT


def test_silence_is_no_proof(rig: Rig) -> None:
    """A route that does not answer within the limit is Leaving: probers wait longer than we do."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        probe = rig.probe(route=f"http://127.0.0.1:{port}/ready")
        probe.cordon()
        [entry] = probe.membership().entries
    assert entry.standing is Standing.LEAVING
    assert "no answer within 2s" in entry.detail


def test_a_route_that_could_not_be_asked_proves_nothing(rig: Rig) -> None:
    """A name without an address, or a certificate that we do not believe, is not the prober's view."""
    secure = rig.route.replace("http://", "https://")
    for route in (secure, "http://no-such-host.invalid/ready"):
        probe = rig.probe(route=route)
        probe.cordon()
        probe.membership()
        rig.clock.advance(timedelta(hours=1))
        [entry] = probe.membership().entries
        assert entry.standing is Standing.LEAVING
        assert entry.detail.startswith(f"{route} could not be asked: ")


def test_a_new_marker_begins_anew(rig: Rig) -> None:
    """What was seen under an earlier marker proves nothing about this one."""
    probe = rig.probe()
    probe.cordon()
    probe.membership()
    rig.clock.advance(timedelta(seconds=15))
    assert probe.membership().face is Face.OUT
    markers.write(rig.marker, "an operator's")
    assert probe.membership().face is Face.LEAVING


def test_a_restart_waits_again(rig: Rig) -> None:
    """A fresh process has seen nothing yet, so it begins the wait itself."""
    probe = rig.probe()
    probe.cordon()
    probe.membership()
    rig.clock.advance(timedelta(seconds=15))
    assert rig.probe().membership().face is Face.LEAVING


def test_an_operators_marker_is_left_as_it_is(rig: Rig) -> None:
    """A cordon under somebody's marker changes no byte of it."""
    rig.marker.write_text("mine")
    assert rig.probe().cordon() == Done()
    assert rig.marker.read_text() == "mine"


def test_restore_removes_only_what_was_in(rig: Rig) -> None:
    """A marker that stood before the episode outlives it."""
    rig.marker.touch()
    probe = rig.probe()
    assert probe.restore(WAS_OUT) == Done()
    assert rig.marker.exists()
    assert probe.restore(WAS_IN) == Done()
    assert not rig.marker.exists()


def test_the_prober_must_have_been_answered_down_often_enough(rig: Rig) -> None:
    """In mode listen, threshold answers are Leaving, threshold + 1 are Out."""
    probe = rig.listening()
    probe.cordon()
    assert probe.membership().face is Face.LEAVING
    rig.evidence(**{"168_63_129_16": 2})
    assert probe.membership().face is Face.LEAVING
    rig.evidence(**{"168_63_129_16": 3})
    assert probe.membership().face is Face.OUT


def test_every_prober_that_asks_must_know(rig: Rig) -> None:
    """Of two probers the one that was answered less decides; one that never asked does not."""
    probe = rig.listening(sources=("10.0.0.0/24", "10.9.9.9"))
    probe.cordon()
    rig.evidence(**{"10_0_0_1": 9, "10_0_0_2": 2})
    assert probe.membership().face is Face.LEAVING
    rig.evidence(**{"10_0_0_1": 9, "10_0_0_2": 3})
    assert probe.membership().face is Face.OUT


def test_strangers_prove_nothing(rig: Rig) -> None:
    """Answers to others than the sources do not count, however many."""
    probe = rig.listening()
    probe.cordon()
    rig.evidence(**{"10_0_0_1": 99, "garbage": 99})
    assert probe.membership().face is Face.LEAVING


def test_without_sources_anybody_but_loopback_is_the_prober(rig: Rig) -> None:
    """Where the prober's address is not known, this VM itself is not taken for it."""
    probe = rig.listening(sources=())
    probe.cordon()
    rig.evidence(**{"127_0_0_1": 9})
    assert probe.membership().face is Face.LEAVING
    rig.evidence(**{"127_0_0_1": 9, "10_0_0_1": 3})
    assert probe.membership().face is Face.OUT


def test_no_prober_seen_is_unmeasured_in_the_end(rig: Rig) -> None:
    """A prober that does not show up in three times the expected wait makes the work Unmeasured."""
    probe = rig.listening()
    assert probe.in_flight() == InFlight(count=0)
    probe.cordon()
    assert probe.in_flight() == InFlight(count=0)
    rig.clock.advance(timedelta(seconds=46))
    assert probe.in_flight() == Unmeasured(reason="no prober seen")
    assert probe.membership().face is Face.LEAVING
    rig.evidence(**{"168_63_129_16": 1})
    assert probe.in_flight() == InFlight(count=0)


def test_a_probe_counts_neither_work_nor_members(rig: Rig) -> None:
    """In mode file nothing is in flight by the probe's count, and other members are unknown to it."""
    probe = rig.probe()
    probe.cordon()
    assert probe.in_flight() == InFlight(count=0)
    assert isinstance(probe.in_service_count(), Unmeasured)


def test_it_never_isolates(rig: Rig) -> None:
    """Asked to isolate, it refuses."""
    with pytest.raises(Refused):
        rig.probe().isolate(Membership(entries=()))


def test_a_missing_directory_needs_a_person(rig: Rig) -> None:
    """Without its directory the marker cannot be written, and the error names the path."""
    rig.marker = rig.marker.parent / "gone" / "draining"
    probe = rig.probe()
    assert probe.membership().face is Face.IN
    for verb in (probe.cordon, lambda: probe.restore(WAS_IN)):
        with pytest.raises(Broken, match=str(rig.marker)):
            verb()


def test_a_path_through_a_file_needs_a_person(rig: Rig) -> None:
    """Where the marker cannot even be looked for, reading says so too."""
    rig.marker.touch()
    rig.marker = rig.marker / "draining"
    with pytest.raises(Broken, match="marker-unusable"):
        rig.probe().membership()


def test_a_disk_that_takes_no_byte_is_tried_again(rig: Rig) -> None:
    """A marker that cannot be written whole is Transient, and nothing of it is left behind."""
    probe = rig.probe()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(Transient, match="marker-unusable"):
            probe.cordon()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(rig.marker.parent) == []
    assert probe.cordon() == Done()


def test_a_killed_daemon_changes_no_answer(rig: Rig) -> None:
    """SIGKILL right after the cordon leaves the marker; a process that never cordons leaves none."""
    script = (
        "import os, signal, sys\n"
        "from drainer.backends.health_probe import KIND, Options\n"
        "from drainer.clock import SystemClock\n"
        "from drainer.ports import Surroundings\n"
        "around = Surroundings(clock=SystemClock(), vm_name=lambda: 'vm1', service_ports=(80,))\n"
        "probe = KIND.build(Options(marker=sys.argv[1]), around)\n"
        "probe.membership()\n"
        "if sys.argv[2] == 'cordon': probe.cordon()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for verb, stands in (("nothing", False), ("cordon", True)):
        ran = subprocess.run([sys.executable, "-c", script, str(rig.marker), verb], check=False)
        assert ran.returncode == -9
        assert rig.marker.exists() is stands


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"marker": "draining"}, "marker"),
        ({"route": "127.0.0.1:80"}, "route"),
        ({"route": "http://"}, "route"),
        ({"route": "http://[::1/ready"}, "route"),
        ({"route": "http://me:secret@127.0.0.1/ready"}, "route"),
        ({"route": "http://127.0.0.1:99999/ready"}, "route"),
        ({"route": "http://127.0.0.1/\x01"}, "route"),
        ({"route": "http://127.0.0.1/é"}, "route"),
        ({"interval": timedelta(0)}, "interval"),
        ({"interval": timedelta(days=365)}, "interval"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 10**12}, "threshold"),
        ({"sources": ("168.63.129",)}, "sources"),
    ],
)
def test_wrong_options_name_their_field(wrong: dict[str, object], field: str) -> None:
    """An option that makes no sense is refused by its name."""
    with pytest.raises(ValueError, match=rf"^{field}: expected .*, got "):
        Options(**wrong)  # type: ignore[arg-type]
