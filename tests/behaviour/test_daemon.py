"""The daemon as a process against the emulator: signals, restarts, refusals."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metadata_server.config import ClockKind
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.sidecar import Sidecar
from tests.until import until

Make = Callable[..., Sidecar]


VM1, VM2 = f"vm1-{uuid.uuid4()}", f"vm2-{uuid.uuid4()}"
"""Unlike any other test's: one daemon serves one VM on a host."""


@pytest.fixture
def platform() -> Iterator[ServedEmulator]:
    with serve_in_thread(vms(VM1, VM2), clock=ClockKind.REAL) as emulator:
        yield emulator


@pytest.fixture
def sidecar(tmp_path: Path, platform: ServedEmulator) -> Iterator[Make]:
    made: list[Sidecar] = []

    def make(name: str = "one", *, vm: str = VM1, url: str = "", settle: str = "100ms") -> Sidecar:
        made.append(Sidecar(tmp_path / name, url or platform.url(vm), settle=settle))
        return made[-1]

    yield make
    for one in made:
        one.close()


def schedule(platform: ServedEmulator, *, vm: str = VM1, in_: str = "60s") -> str:
    return str(platform.control.give("schedule", type="Reboot", vms=[vm], in_=in_)["id"])


@pytest.mark.case("dead-crashed-agent")
def test_drains_acknowledges_and_restores(sidecar: Make, platform: ServedEmulator) -> None:
    """From notice to restored: marked, acknowledged, and unmarked once the notice is gone."""
    one = sidecar()
    one.start()
    event = schedule(platform)
    one.until_said("acknowledge.done")
    assert one.marker.exists()
    platform.control.give("complete", id=event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert one.stop() == 0
    assert one.steps() == ["cordon", "acknowledge", "restore"]
    said = [line["event"] for line in one.said()]
    assert (said.count("daemon.started"), said.count("bug.survived")) == (1, 0), "one life sufficed"


@pytest.mark.case("exits-normally-on-terminal-event")
def test_stopped_after_its_last_drain_it_ends_0(sidecar: Make, platform: ServedEmulator) -> None:
    """Drained for a Terminate and told to stop: exit 0, out as it is, and the journal whole."""
    one = sidecar()
    one.start()
    platform.control.give("schedule", type="Terminate", vms=[VM1], in_="60s")
    one.until_said("cordon.done")
    assert one.stop() == 0
    assert one.marker.exists()
    shown = json.loads(one.told("status", "--json").stdout)
    assert (shown["draining"], shown["alarms"]) == (True, [])


def test_what_keeps_a_new_boot_from_acting_is_told(sidecar: Make, platform: ServedEmulator) -> None:
    """Rebooted while out, and the VM's name cannot be believed: alarmed, and said to be out, though nothing
    may be decided yet."""
    one = sidecar()
    one.start()
    schedule(platform)
    one.until_said("acknowledge.done")
    one.kill()
    one.boot_id.write_text("boot-2\n", encoding="ascii")
    one.start("--vm-name", "somebody-else")
    assert "--vm-name" in one.until_alarmed("name-mismatch")
    ran = one.told("status")
    assert (ran.returncode, "name-mismatch: " in ran.stdout) == (3, True)
    assert one.marker.exists()
    status = one.status()
    assert (status["phase"], status["draining"]) == ("starting", True)
    assert status["episode"]["notices"]
    assert [layer["name"] for layer in status["layers"] if layer["intended"]] == ["health-probe"]


def test_sigterm_touches_nothing_and_the_next_start_continues(
    sidecar: Make, platform: ServedEmulator
) -> None:
    """SIGTERM while out leaves the VM out, exits 0, and the next start restores it."""
    one = sidecar()
    one.start()
    event = schedule(platform)
    one.until_said("acknowledge.done")
    assert one.stop() == 0
    assert one.marker.exists()
    platform.control.give("complete", id=event)
    one.start()
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert one.steps() == ["cordon", "acknowledge", "restore"]


def test_restarts_on_a_new_boot(sidecar: Make, platform: ServedEmulator) -> None:
    """SIGKILL and a new boot id while out: the next life restores when the notice is gone."""
    one = sidecar()
    one.start()
    event = schedule(platform)
    one.until_said("acknowledge.done")
    one.kill()
    one.boot_id.write_text("boot-2\n", encoding="ascii")
    one.start()
    one.until_said("daemon.started", times=2)
    platform.control.give("complete", id=event)
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_second_daemon_is_refused(sidecar: Make) -> None:
    """A second daemon over the same state directory exits 75 and says who holds it."""
    one = sidecar()
    one.start()
    one.until_said("daemon.started")
    again = sidecar()
    again.start()
    assert again.ended() == 75
    assert "held by another drainer" in again.said()[-1]["reason"]


def test_second_daemon_over_an_open_episode_is_refused_blind(sidecar: Make, platform: ServedEmulator) -> None:
    """Out, the lock file deleted, and the metadata service silent: the open episode says whose VM it is, and
    a second daemon does not wait for more before it leaves the VM to the first."""
    one, again = sidecar(), sidecar()
    one.start()
    schedule(platform)
    one.until_said("acknowledge.done")
    (one.state / "lock").unlink()
    platform.control.give("fault", vm=VM1, kind="silent")
    again.socket = one.root / "again.sock"
    again.start()
    assert again.ended() == 75
    assert "serves the VM" in again.said()[-1]["reason"]
    assert one.runs


def test_second_daemon_for_one_vm_is_refused(sidecar: Make) -> None:
    """A second daemon for the same VM from another state directory exits 75 once it knows the VM."""
    one, other = sidecar("one"), sidecar("two")
    one.start()
    one.until_said("daemon.started")
    until(lambda: (one.state / "vm.json").exists(), "the first daemon to know its VM")
    other.start()
    assert other.ended() == 75
    assert "serves the VM" in json.dumps(other.said())


def test_bad_policy_is_78(sidecar: Make) -> None:
    """A policy with problems exits 78, names each with its line, and touches nothing."""
    one = sidecar()
    one.policy.write_text("version: 1\nrulez: []\nmin_in_service: many\n", encoding="utf-8")
    one.start()
    assert one.ended() == 78
    problems = [line["problem"] for line in one.said() if line["event"] == "policy.refused"]
    assert any(f"{one.policy}:2:1: rulez" in problem for problem in problems)
    assert any(f"{one.policy}:3:" in problem for problem in problems)
    assert not one.marker.exists()


def test_missing_named_policy_is_78(sidecar: Make) -> None:
    """A policy that was named and is missing exits 78 and names the path."""
    one = sidecar()
    one.policy.unlink()
    one.start()
    assert one.ended() == 78
    assert str(one.policy) in json.dumps(one.said()[-1])


def test_typo_after_acceptance_keeps_the_last_policy(sidecar: Make, platform: ServedEmulator) -> None:
    """With a policy accepted before, a typo is alarmed and the accepted one goes on serving."""
    one = sidecar()
    one.start()
    one.until_said("daemon.started")
    assert one.stop() == 0
    one.policy.write_text("version: 1\nrulez: []\n", encoding="utf-8")
    one.start()
    one.until_said("policy.refused")
    schedule(platform)
    one.until_said("cordon.done")
    assert "policy-refused" in {line.get("kind") for line in one.said() if line["event"] == "alarm.raised"}


def test_sighup_reloads_when_nothing_is_open(sidecar: Make) -> None:
    """SIGHUP takes a good policy at once, and refuses a bad one while the old one stays."""
    one = sidecar()
    one.start()
    one.until_said("daemon.started")
    until(lambda: (one.state / "policy.accepted.yaml").exists(), "the policy to be kept")
    good = one.policy.read_text(encoding="utf-8")
    one.policy.write_text(good.replace("drain_timeout: 2s", "drain_timeout: 3s"), encoding="utf-8")
    one.hang_up()
    one.until_said("policy.accepted")
    one.policy.write_text("version: 1\nrulez: []\n", encoding="utf-8")
    one.hang_up()
    one.until_said("policy.refused")
    assert "drain_timeout: 3s" in (one.state / "policy.accepted.yaml").read_text(encoding="utf-8")


def test_reload_while_out_postpones_the_backend(sidecar: Make, platform: ServedEmulator) -> None:
    """A policy with another backend, taken while an episode is open, never strands the old layer."""
    one = sidecar()
    one.start()
    event = schedule(platform)
    one.until_said("acknowledge.done")
    other = one.policy.read_text(encoding="utf-8").replace(str(one.marker), str(one.root / "elsewhere"))
    one.policy.write_text(other, encoding="utf-8")
    one.hang_up()
    one.until_said("policy.postponed")
    one.kill()
    one.start()
    one.until_said("policy.postponed", times=2)
    platform.control.give("complete", id=event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    one.until_said("policy.accepted")


def test_unreachable_service_stays_blind(sidecar: Make) -> None:
    """With no metadata service the daemon stays, blind, and touches nothing."""
    one = sidecar(url="http://127.0.0.1:1")
    one.start()
    one.until_said("daemon.started")
    assert one.stop() == 0
    assert not one.marker.exists()


def test_unwritable_state_is_1(sidecar: Make) -> None:
    """A state directory that cannot be made, with nothing open, exits 1 and names it."""
    one = sidecar()
    one.state = Path("/proc/drainer")
    one.start()
    assert one.ended() == 1
    assert "/proc/drainer" in json.dumps(one.said()[-1])


def test_state_on_a_file_is_1(sidecar: Make) -> None:
    """A state path that is no directory exits 1 and names it."""
    one = sidecar()
    one.state.write_text("", encoding="utf-8")
    one.start()
    assert one.ended() == 1
    assert str(one.state) in json.dumps(one.said()[-1])


def test_foreign_journal_is_set_aside(sidecar: Make, platform: ServedEmulator) -> None:
    """A disk copied to another VM with an open episode: the journal is set aside and nothing is restored."""
    one = sidecar()
    one.start()
    schedule(platform)
    one.until_said("acknowledge.done")
    one.kill()
    one.metadata_url = platform.url(VM2)
    one.boot_id.write_text("boot-of-vm2\n", encoding="ascii")
    one.start()
    one.until_said("journal.foreign")
    one.until_said("alarm.raised")
    assert one.stop() == 0
    assert one.marker.exists(), "what another VM's marker meant is not ours to undo"
    assert "restore" not in one.steps()


@pytest.mark.parametrize("name", ["golden", "../../golden", "g" * 300])
def test_an_image_of_a_vm_that_was_never_drained(sidecar: Make, platform: ServedEmulator, name: str) -> None:
    """A disk copied from a VM whose daemon never had an episode, whatever its name: drained as any other."""
    one = sidecar()
    one.state.mkdir()
    identity = {"schema": 1, "id": "of-the-image", "name": name}
    (one.state / "vm.json").write_text(json.dumps(identity), encoding="utf-8")
    one.start()
    schedule(platform)
    one.until_said("acknowledge.done")
    assert one.marker.exists()
    assert "journal.foreign" in one.events()
    assert "bug.survived" not in one.events()


def test_dry_run_takes_the_steps_of_a_real_run_and_touches_nothing(
    sidecar: Make, platform: ServedEmulator
) -> None:
    """A dry run logs the step list of the real run; it writes no marker, no journal, no acknowledgement."""
    real, dry = sidecar("real", vm=VM1), sidecar("dry", vm=VM2)
    dry.start("--dry-run")
    event = schedule(platform, vm=VM2)
    dry.until_said("acknowledge.done")
    listed = platform.control.show("events")["events"]
    assert [e["status"] for e in listed] == ["Scheduled"], "a dry run acknowledges nothing"
    assert not dry.marker.exists()
    platform.control.give("cancel", id=event)
    dry.until_said("episode.closed")
    assert not dry.state.exists()
    real.start()
    other = schedule(platform, vm=VM1)
    real.until_said("acknowledge.done")
    platform.control.give("complete", id=other)
    real.until_said("episode.closed")
    assert real.steps() == dry.steps() == ["cordon", "acknowledge", "restore"]


def test_dry_run_refuses_over_an_open_episode(sidecar: Make, platform: ServedEmulator) -> None:
    """A dry run over a state directory that holds an open episode exits 78 and says why."""
    one = sidecar()
    one.start()
    schedule(platform)
    one.until_said("acknowledge.done")
    one.kill()
    one.start("--dry-run")
    assert one.ended() == 78
    assert one.said()[-1]["kind"] == "episode-open"
