"""The daemon in trouble: no disk, no balancer, no platform, no journal. In doubt it changes nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from drainer.control.client import ask
from drainer.errors import DrainerError
from metadata_server.config import ClockKind
from metadata_server.testing import serve_in_thread
from metadata_server.topology import Address, Vm
from tests.contract.application import answering, free_port
from tests.e2e.haproxy.proxy import Server, running
from tests.sidecar import DRAINER, Sidecar, Stand, standing
from tests.unit.daemon.test_clock_and_log import full_pipe
from tests.unit.daemon.test_hostlock import squatting
from tests.until import until


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with standing(tmp_path / "vm") as made:
        yield made


def serving(stand: Stand) -> Sidecar:
    """Its daemon, started and steady."""
    one = stand.sidecar
    one.start()
    one.until_said("daemon.started")
    until(lambda: one.status()["phase"] == "steady", "the daemon to be steady")
    return one


def out(stand: Stand) -> str:
    """Drained by an event that is acknowledged; its id."""
    event = stand.schedule()
    stand.sidecar.until_said("acknowledge.done")
    return event


def alarms(one: Sidecar) -> set[str]:
    return {alarm["kind"] for alarm in one.status()["alarms"]}


# --- the disk -------------------------------------------------------------------------------------


def test_nothing_can_be_written_before_an_episode(stand: Stand) -> None:
    """No file can grow: nothing is taken out, an alarm stands, the daemon lives, and acts once it can."""
    one = serving(stand)
    assert one.process is not None
    pid, unlimited = one.process.pid, resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
    event = stand.schedule()
    until(lambda: "open-failing" in alarms(one), "the alarm")
    assert "journal-unwritable" not in alarms(one), "nothing is owed that is not recorded"
    assert not one.marker.exists()
    assert stand.document() == {event: "Scheduled"}
    assert one.told("status").returncode == 3
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    one.until_said("acknowledge.done")
    assert one.marker.exists()
    assert not alarms(one)


class SmallDisk:
    """The state directory on a file system of its own, in a mount namespace of the daemon's own."""

    def __init__(self, one: Sidecar) -> None:
        self._one = one
        one.state.mkdir()
        mount = 'mount -t tmpfs -o size=2m,mode=755 none "$0" && exec "$@"'
        program = [sys.executable, "-m", "drainer"]
        self.prefix = ["unshare", "--mount", "sh", "-c", mount, str(one.state), *program]

        filled = mount.replace(" && ", ' && { cat /dev/zero > "$0/filler" || true; } && ')
        self.full_at_the_start = ["unshare", "--mount", "sh", "-c", filled, str(one.state), *program]

    @property
    def seen(self) -> Path:
        """The state directory as the daemon sees it."""
        assert self._one.process is not None
        return Path(f"/proc/{self._one.process.pid}/root{self._one.state}")

    @property
    def journal(self) -> list[str]:
        lines = (self.seen / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["kind"] for line in lines]

    def fill(self) -> None:
        """Not a byte is left."""
        block = bytes(4096)
        with open(self.seen / "filler", "ab", buffering=0) as filler:
            try:
                while filler.write(block):
                    pass
            except OSError:
                return

    def spend(self) -> None:
        """Records that change nothing, until the disk takes no more of them without the reserve."""
        while (self.seen / "journal.reserve").exists():
            ask(self._one.socket, "resume")

    def refuse(self) -> None:
        """Records that change nothing, until none is taken any more."""
        until(self._refuses, "the journal to be refused")

    def _refuses(self) -> bool:
        try:
            ask(self._one.socket, "resume")
        except DrainerError as error:
            return error.kind == "journal-unwritable"
        return False

    def empty(self) -> None:
        (self.seen / "filler").unlink()


@pytest.fixture
def disk(stand: Stand) -> SmallDisk:
    ours = (
        subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True) if _root() else None
    )
    if ours is None or ours.returncode != 0:
        pytest.skip("a full disk: needs root and a mount namespace")
    return SmallDisk(stand.sidecar)


def _root() -> bool:
    return os.getuid() == 0 and shutil.which("unshare") is not None


def test_full_disk_before_an_episode(stand: Stand, disk: SmallDisk) -> None:
    """Full since the start: the room kept since then records the first episode, and the VM is drained."""
    one = stand.sidecar
    one.start(prefix=disk.prefix)
    one.until_said("daemon.started")
    until(lambda: one.status()["phase"] == "steady", "the daemon to be steady")
    disk.fill()
    stand.schedule()
    one.until_said("acknowledge.done")
    assert one.marker.exists()
    assert disk.journal[0] == "opened"


def test_full_disk_before_an_episode_with_the_reserve_gone(stand: Stand, disk: SmallDisk) -> None:
    """Full to the last byte: alarmed before any notice, nothing is taken out; with room again it is."""
    one = stand.sidecar
    one.start(prefix=disk.prefix)
    one.until_said("daemon.started")
    until(lambda: one.status()["phase"] == "steady", "the daemon to be steady")
    disk.fill()
    (disk.seen / "journal.reserve").unlink()
    disk.fill()
    one.until_alarmed("journal-unwritable")
    event = stand.schedule()
    assert "No space left on device" in one.until_alarmed("open-failing")
    assert (one.marker.exists(), stand.document()) == (False, {event: "Scheduled"})
    assert one.runs
    disk.empty()
    one.until_said("acknowledge.done")
    assert disk.journal[0] == "opened"
    assert "journal-unwritable" not in alarms(one)


@pytest.mark.parametrize("name", ["journal.jsonl", "journal.reserve"])
def test_a_journal_that_cannot_be_written_is_found_at_the_start(stand: Stand, name: str) -> None:
    """A link in the journal's place ends the start with 1; it does not wait for the first notice."""
    one = stand.sidecar
    one.state.mkdir()
    (one.root / "elsewhere").touch()
    (one.state / name).symlink_to(one.root / "elsewhere")
    one.start()
    assert one.ended() == 1
    assert "state.unwritable" in one.events()


def test_full_disk_while_out(stand: Stand, disk: SmallDisk) -> None:
    """Full while out: the room kept back records the way home, and the VM is given back."""
    one = stand.sidecar
    one.start(prefix=disk.prefix)
    one.until_said("daemon.started")
    event = out(stand)
    disk.fill()
    disk.spend()
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert disk.journal[-1] == "closed"


def test_full_disk_while_out_with_the_reserve_gone(stand: Stand, disk: SmallDisk) -> None:
    """Full, and no reserve left: given back all the same, alarmed, and recorded once there is room."""
    one = stand.sidecar
    one.start(prefix=disk.prefix)
    one.until_said("daemon.started")
    event = out(stand)
    (disk.seen / "journal.reserve").unlink()
    disk.fill()
    disk.refuse()
    stand.complete(event)
    until(lambda: not one.marker.exists(), "the VM to be back")
    one.until_alarmed("journal-unwritable")
    assert one.told("status").returncode == 3
    assert one.runs
    disk.empty()
    one.until_said("episode.closed")
    until(lambda: disk.journal[-1] == "closed", "the records to be written after all")
    until(lambda: not alarms(one), "the alarm to end")


def test_a_lost_journal_is_rebuilt_once_there_is_room(stand: Stand, disk: SmallDisk) -> None:
    """Out by our marker, no journal, and a full disk: alarmed, given back as soon as it can be recorded."""
    one = stand.sidecar
    written = {"schema": 1, "owner": "drainer", "vm": stand.vm, "since": "2026-01-01T00:00:00Z"}
    one.marker.write_text(json.dumps(written), encoding="utf-8")
    one.start(prefix=disk.full_at_the_start)
    assert "unrecorded" in one.until_alarmed("state-unwritable")
    assert one.marker.exists()
    disk.empty()
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert "bug.survived" not in one.events()
    until(lambda: not alarms(one), "the alarms to end")


# --- the balancer ---------------------------------------------------------------------------------


def _two(address: str) -> list[Server]:
    """This VM and another, which stays in service."""
    return [Server(name="vm1", address=address), Server(name="vm2", address=address)]


@pytest.mark.haproxy
def test_unreachable_balancer(tmp_path: Path) -> None:
    """HAProxy away at the notice and at its end: alarmed, untouched, drained and restored once it is back."""
    with answering(lambda: 200) as address, running(tmp_path, _two(address)) as proxy:
        moved = Path(proxy.socket).with_suffix(".away")
        backend = f'  - haproxy: {{socket: "{proxy.socket}", servers: ["web/vm1"]}}'
        with standing(tmp_path / "vm", backend=backend) as stand:
            one = serving(stand)
            Path(proxy.socket).rename(moved)
            event = stand.schedule(in_="120s")
            assert "haproxy-unreachable" in one.until_alarmed("layer-unreadable")
            assert (one.runs, one.steps(), stand.document()) == (True, [], {event: "Scheduled"})
            moved.rename(proxy.socket)
            one.until_said("cordon.done", within_s=10)
            one.until_said("acknowledge.done")
            assert proxy.admin("web/vm1") == 1
            Path(proxy.socket).rename(moved)
            stand.complete(event)
            until(lambda: "layer-unreadable" in alarms(one), "the balancer to be missed")
            moved.rename(proxy.socket)
            one.until_said("episode.closed")
            assert proxy.admin("web/vm1") == 0
            assert not alarms(one)


def test_a_cordon_that_fails_is_tried_again(stand: Stand) -> None:
    """The marker's folder is missing: alarmed with its path, tried again, drained once it is there."""
    one = stand.sidecar
    folder = one.root / "missing"
    one.change_policy(str(one.marker), str(folder / "draining"))
    serving(stand)
    event = stand.schedule()
    assert str(folder) in one.until_alarmed("cordon-failing")
    assert (one.runs, stand.document()) == (True, {event: "Scheduled"})
    folder.mkdir()
    one.until_said("acknowledge.done")
    assert (folder / "draining").exists()


SLOW_START = """\
import pathlib, signal, sys
from drainer.journal import FileStore
from drainer.cli.entry import main

load = FileStore.load

def slow(store):
    root = store.path.parent.parent
    (root / "reading").touch()
    while not (root / "go").exists():
        signal.sigtimedwait([signal.SIGUSR1], 0.02)
    return load(store)

FileStore.load = slow
sys.exit(main())
"""
BROKEN_LAYER = """\
import sys
from drainer.backends.health_probe import HealthProbe
from drainer.cli.entry import main

def membership(self):
    raise ZeroDivisionError("of a layer's author")

HealthProbe.membership = membership
sys.exit(main())
"""


def test_an_error_of_ours_in_every_tick_is_alarmed(stand: Stand) -> None:
    """A bug that no tick survives: the daemon lives, and says so where people and machines look."""
    one = stand.sidecar
    one.start(prefix=(sys.executable, "-c", BROKEN_LAYER))
    assert "ZeroDivisionError: of a layer's author" in one.until_alarmed("bug")
    one.until_said("bug.survived", times=2)
    ran = one.told("status")
    assert (ran.returncode, "bug: " in ran.stdout) == (3, True)
    assert one.runs
    assert one.events().count("alarm.raised") == 1


def test_a_mark_that_cannot_be_read_is_alarmed_until_somebody_adopts(stand: Stand) -> None:
    """No journal, and the marker out of sight at the start: alarmed until a person said `adopt`."""
    one = stand.sidecar
    folder = one.root / "away"
    folder.touch()
    one.change_policy(str(one.marker), str(folder / "draining"))
    one.start()
    assert str(folder) in one.until_alarmed("marks-unread")
    assert one.told("status").returncode == 3
    folder.unlink()
    folder.mkdir()
    assert one.told("adopt").returncode == 0
    one.until_said("alarm.cleared")
    one.until_said("episode.closed")
    assert one.told("status").returncode == 0


def test_a_policy_that_changed_under_an_episode_is_alarmed_until_its_end(stand: Stand) -> None:
    """Dead while out, the policy changed, the accepted one gone: the file's is used, and said to be, until
    all is given back."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    (one.state / "policy.accepted.yaml").unlink()
    one.change_policy("settle: 100ms", "settle: 200ms")
    one.start()
    one.until_alarmed("policy-changed")
    stand.complete(event)
    one.until_said("episode.closed")
    until(lambda: not alarms(one), "the alarm to end")
    assert not one.marker.exists()


def test_a_reload_while_it_starts_does_not_end_it(stand: Stand) -> None:
    """SIGHUP while the journal is still read: the policy is read again once the daemon runs."""
    one = stand.sidecar
    one.start(prefix=(sys.executable, "-c", SLOW_START))
    until(lambda: (one.root / "reading").exists(), "the daemon to read its journal")
    one.hang_up()
    (one.root / "go").touch()
    one.until_said("daemon.started")
    one.until_said("policy.accepted")
    assert one.runs


def test_a_log_that_nobody_reads_stops_no_drain(stand: Stand) -> None:
    """Its log a full pipe that nobody reads: drained and given back all the same, and SIGTERM ends it."""
    one = stand.sidecar
    heard, told = full_pipe()
    with open(heard, "rb"), open(told, "wb") as log:
        one.process = subprocess.Popen([*DRAINER, "run", *one.flags()], stderr=log)
        until(lambda: one.status_if_any() is not None, "the daemon to answer")
        event = stand.schedule()
        until(one.marker.exists, "the drain")
        stand.complete(event)
        until(lambda: not one.marker.exists(), "the return")
        assert one.stop() == 0


# --- the platform ---------------------------------------------------------------------------------


def failed_polls(address: str) -> float:
    """Reads of the service that were not believed, by the daemon's own count."""
    with requests.Session() as http:
        http.trust_env = False
        lines = http.get(f"http://{address}/metrics", timeout=5).text.splitlines()
    counted = [line for line in lines if line.startswith("drainer_documents_total")]
    return sum(float(line.split()[-1]) for line in counted if 'result="read"' not in line)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        pytest.param({"kind": "reset"}, 20, id="reset-twenty-times", marks=pytest.mark.slow),
        pytest.param({"kind": "reset"}, 3, id="reset"),
        pytest.param({"kind": "html"}, 2, id="html"),
        pytest.param({"kind": "status", "status": 503}, 2, id="503"),
    ],
)
@pytest.mark.case("imds-404-500-503")
def test_failed_polls_change_nothing(stand: Stand, fault: dict[str, Any], times: int) -> None:
    """While out every poll fails and the event ends unseen: nothing changes; the first good read acts."""
    one, address = stand.sidecar, f"127.0.0.1:{free_port()}"
    one.start("--local", address)
    event = out(stand)
    before = one.steps()
    stand.platform.control.give("fault", vm=stand.vm, path="/metadata/scheduledevents", **fault)
    stand.complete(event)
    until(lambda: failed_polls(address) >= times, f"{times} failed polls")
    shown = one.status()
    assert (shown["phase"], shown["draining"], shown["document"]["readable"]) == ("blind", True, False)
    assert shown["document"]["reason"]
    assert (one.marker.exists(), one.steps()) == (True, before)
    stand.platform.control.give("mend", vm=stand.vm)
    one.until_said("quiet-since.noted")
    assert failed_polls(address) <= times + 3, "the next poll was believed"
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_no_service_at_the_start_then_there(tmp_path: Path) -> None:
    """Started where nobody answers: the daemon waits, blind; once the platform is there it acts."""
    port = free_port()
    one = Sidecar(tmp_path / "vm", f"http://127.0.0.1:{port}")
    try:
        one.start()
        one.until_said("daemon.started")
        until(lambda: (one.status()["document"] or {}).get("readable") is False, "a blind daemon")
        vm = Vm(name=f"vm-{uuid.uuid4()}", address=Address(host="127.0.0.1", port=port))
        with serve_in_thread((vm,), clock=ClockKind.REAL) as platform:
            platform.control.give("schedule", type="Reboot", vms=[vm.name], in_="60s")
            one.until_said("acknowledge.done")
            assert one.marker.exists()
    finally:
        one.close()


# --- the journal ----------------------------------------------------------------------------------


def damage(one: Sidecar, kind: str) -> None:
    """Overwrite the record of this kind with what a failing disk leaves."""
    path = one.state / "journal.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines) if json.loads(line)["kind"] == kind)
    lines[number] = lines[number][: len(lines[number]) // 2] + "\ufffd"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_damaged_journal_is_read_only_and_restore_offline_gives_back(stand: Stand) -> None:
    """A broken line: the next life writes nothing, alarmed; `restore --offline` gives back what was taken."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    damage(one, "noted")
    kept = one.state.joinpath("journal.jsonl").read_bytes()
    one.start()
    assert "restore --offline" in one.until_alarmed("journal-damaged")
    assert one.told("status").returncode == 3
    assert one.told("hold", "--until", "1h").returncode == 1
    stand.schedule()
    assert one.runs
    assert one.state.joinpath("journal.jsonl").read_bytes() == kept
    assert one.stop() == 0
    ran = one.told("restore", "--offline", "--policy", str(one.policy))
    assert ran.returncode == 0, ran.stderr
    assert not one.marker.exists()
    assert list(one.state.glob("journal.jsonl.damaged*")), "the damaged journal is kept for people"
    stand.complete(event)
    one.start()
    one.until_said("daemon.started", times=3)
    until(lambda: one.status()["alarms"] == [], "a life without alarms")


def test_a_damaged_journal_still_gives_back_what_it_says_was_taken(stand: Stand) -> None:
    """A broken line while out: once the event is over the VM is given back, and nothing new is taken."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    damage(one, "noted")
    kept = one.state.joinpath("journal.jsonl").read_bytes()
    one.start()
    one.until_alarmed("journal-damaged")
    assert one.marker.exists()
    stand.complete(event)
    until(lambda: not one.marker.exists(), "the VM to be back")
    assert one.state.joinpath("journal.jsonl").read_bytes() == kept


def test_a_journal_that_is_taken_away_is_written_again(stand: Stand) -> None:
    """Deleted while the VM is out and nothing is left to record: there again before a death, as it was."""
    one = serving(stand)
    event = out(stand)
    journal = one.state / "journal.jsonl"
    before = journal.read_bytes()
    journal.unlink()
    until(journal.exists, "the journal to be there again")
    one.until_said("journal.rewritten")
    assert journal.read_bytes().startswith(before), "what came since stands behind it"
    one.kill()
    one.start()
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert alarms(one) == set()


def test_a_state_directory_that_is_taken_away_is_alarmed(stand: Stand) -> None:
    """Nothing can be recorded while the VM is out: alarmed, and the VM is given back all the same."""
    one = serving(stand)
    event = out(stand)
    shutil.rmtree(one.state)
    assert "state" in one.until_alarmed("journal-unwritable")
    stand.complete(event)
    until(lambda: not one.marker.exists(), "the VM to be back")


def test_a_torn_last_line_is_dropped(stand: Stand) -> None:
    """A power cut inside the last write: warned of, dropped, and the episode goes on to its end."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    with one.state.joinpath("journal.jsonl").open("a", encoding="utf-8") as journal:
        journal.write('{"schema": 1, "at": {"wall"')
    one.start()
    one.until_said("journal.torn")
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()


# --- reload during an episode ---------------------------------------------------------------------


def test_a_bad_policy_during_an_episode_is_refused_and_the_vm_comes_back(stand: Stand) -> None:
    """SIGHUP with a typo while out: refused, alarmed, the way back is the old one, across a kill too."""
    one = serving(stand)
    event = out(stand)
    one.policy.write_text("version: 1\nrulez: []\n", encoding="utf-8")
    one.hang_up()
    one.until_alarmed("policy-refused")
    one.kill()
    one.start()
    one.until_said("daemon.started", times=2)
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_a_shorter_drain_counts_at_once(tmp_path: Path) -> None:
    """SIGHUP while draining: a drain time-out that became shorter ends the wait that had begun."""
    with answering(lambda: 200) as address, standing(tmp_path, route=f"http://{address}/ready") as stand:
        one = stand.sidecar
        one.change_policy("drain_timeout: 2s", "drain_timeout: 10m")
        serving(stand)
        stand.schedule(in_="4m")
        until(lambda: one.status()["reason"] == "draining", "the drain")
        one.change_policy("drain_timeout: 10m", "drain_timeout: 1s")
        one.hang_up()
        until(lambda: one.status()["reason"] == "notice pending", "the drain to be over")
        assert one.status()["episode"]["past_deadline"] is True
        assert one.marker.exists()


@pytest.mark.case("waiter-abort")
def test_sigterm_during_a_drain_touches_nothing(stand: Stand) -> None:
    """Stopped between cordon and proof: exit 0, the marker stays, the next life proves and acknowledges."""
    one = stand.sidecar
    one.change_policy("quiet_for: 100ms", "quiet_for: 3s")
    one.change_policy("drain_timeout: 2s", "drain_timeout: 20s")
    serving(stand)
    stand.schedule()
    one.until_said("cordon.done")
    assert one.stop() == 0
    assert one.marker.exists()
    one.start()
    one.until_said("acknowledge.done")
    assert one.steps() == ["cordon", "acknowledge"]


# --- the host -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_another_user_cannot_keep_the_daemon_away(stand: Stand) -> None:
    """An unprivileged process that holds this VM's lock is alarmed about; the VM is drained all the same."""
    document = requests.get(
        f"{stand.sidecar.metadata_url}/metadata/instance?api-version=2021-02-01",
        headers={"Metadata": "true"},
        timeout=30,
    ).json()
    with squatting(document["compute"]["vmId"] or stand.vm, "listens"):
        stand.sidecar.start()
        assert "uid 65534" in stand.sidecar.until_alarmed("lock-unusable")
        out(stand)
        assert stand.sidecar.marker.exists()
