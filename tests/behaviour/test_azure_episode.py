"""A whole episode before an emulated Azure: a real daemon and child, Azure's SDK, TLS, managed identity."""

from __future__ import annotations

import json
import shutil
from itertools import groupby
from pathlib import Path

import pytest

from metadata_server.topology import Outbound
from tests.azure import AzureStand, azure
from tests.until import until


def drained(stand: AzureStand) -> str:
    """Out of the pool by an event that is acknowledged; its id."""
    event = stand.schedule(in_="4m")
    stand.sidecar.until_said("acknowledge.done")
    assert stand.pools == []
    return event


def children_of(pid: int) -> list[str]:
    """Command lines of the processes that this one started and that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (OSError, ValueError, IndexError):
            continue
    return found


def arm_children(stand: AzureStand) -> list[str]:
    process = stand.sidecar.process
    assert process is not None
    return [line for line in children_of(process.pid) if "transport.azure.child" in line]


def test_out_of_the_pool_and_back_byte_for_byte(tmp_path: Path) -> None:
    """Probe, pool, acknowledgement, quiet, pool, probe: the interface ends as it was, unknown members too;
    while it is out its tags carry the command that undoes it, as log and journal do."""
    with azure(tmp_path) as stand:
        before, tags = stand.bare, stand.nic.get("tags")
        one = stand.start()
        one.until_said("daemon.started")
        event = drained(stand)
        undo = "".join(value for name, value in stand.nic["tags"].items() if name.startswith("drainer-undo"))
        assert undo.startswith("az network nic ip-config address-pool add --subscription ")
        said = [line for line in one.said() if line["event"] == "isolate.intended"]
        assert said[0]["undo"] == [undo]
        assert json.dumps(undo) in (one.state / "journal.jsonl").read_text(encoding="utf-8")
        assert stand.bare != before
        stand.complete(event)
        one.until_said("episode.closed")
        assert stand.bare == before
        assert stand.nic.get("tags") == tags
        assert [name for name, _ in groupby(one.steps())] == ["cordon", "isolate", "acknowledge", "restore"]


def test_the_child_lives_for_the_episode_alone(tmp_path: Path) -> None:
    """No child and not one call before a notice; one child during the episode; none after Close."""
    with azure(tmp_path) as stand:
        one = stand.start()
        until(lambda: one.events().count("daemon.started"), "the daemon")
        until(lambda: (one.status()["document"] or {}).get("readable"), "a document")
        until(lambda: arm_children(stand) == [], "the search for a lost journal to end")
        asked = len(stand.asked())
        layers = {layer["name"]: layer for layer in one.status()["layers"]}
        assert layers["azure-nic-pool"]["kind"] == "asleep"
        event = drained(stand)
        assert len(arm_children(stand)) == 1
        assert len(stand.asked()) > asked
        stand.complete(event)
        one.until_said("episode.closed")
        until(lambda: arm_children(stand) == [], "the child to end")


def test_an_episode_costs_few_calls(tmp_path: Path) -> None:
    """Three writes (a proof, out, back), and reads that do not grow with time."""
    with azure(tmp_path) as stand:
        one = stand.start()
        event = drained(stand)
        stand.complete(event)
        one.until_said("episode.closed")
        assert [path == stand.interface for path in stand.asked("PUT")] == [True, True, True]
        reads = [path for path in stand.asked("GET") if "/operations/" not in path]
        assert len(reads) <= 30, reads


@pytest.mark.parametrize("kind", ["silent", "503", "drop"])
@pytest.mark.case("control-plane-lost")
def test_out_of_reach_the_probe_drains_all_the_same(tmp_path: Path, kind: str) -> None:
    """The management API gives nothing during the event: the probe layer drains, it is alarmed, nothing is
    acknowledged unproven, and the VM comes back when it is over (acceptance case control-plane-lost)."""
    with azure(tmp_path) as stand:
        stand.fault(kind)
        one = stand.start()
        event = stand.schedule(in_="4m")
        until(one.marker.exists, "the marker")
        one.until_alarmed("layer-unreadable")
        assert not stand.started(event)
        stand.complete(event)
        stand.mend()
        one.until_said("episode.closed")
        assert not one.marker.exists()
        assert stand.pools == ["web"]


@pytest.mark.parametrize("kind", ["429", "409", "412", "500", "drop", "drop-after", "slow"])
def test_a_write_that_goes_wrong_is_made_good(tmp_path: Path, kind: str) -> None:
    """Each of the three writes meets the fault once: out, acknowledged, and back as it was."""
    with azure(tmp_path) as stand:
        before = stand.bare
        stand.fault(kind, method="PUT", every=2, times=3, delay="2s")
        one = stand.start()
        event = drained(stand)
        stand.complete(event)
        until(lambda: stand.bare == before, "the interface to be as it was")
        until(lambda: not one.marker.exists(), "the probe to be given back")


@pytest.mark.slow
def test_every_second_answer_is_a_fault(tmp_path: Path) -> None:
    """429, 409, 412, 500, dropped after acting and slow, in turn: out, acknowledged, back, exactly."""
    with azure(tmp_path) as stand:
        before = stand.bare
        stand.fault("mixed", every=2, delay="500ms")
        one = stand.start()
        event = stand.schedule(in_="4m")
        one.until_said("acknowledge.done", within_s=180)
        assert stand.pools == []
        stand.complete(event)
        one.until_said("episode.closed", within_s=180)
        stand.mend()
        assert stand.bare == before


def test_a_wiped_state_directory_is_rebuilt_from_the_tag(tmp_path: Path) -> None:
    """Everything lost while out, marker and journal: the tag says whose cordon it is, and gives back."""
    with azure(tmp_path) as stand:
        before = stand.bare
        one = stand.start()
        event = drained(stand)
        one.kill()
        shutil.rmtree(one.state)
        one.marker.unlink()
        one.boot_id.write_text("boot-2\n", encoding="ascii")
        stand.complete(event)
        stand.start()
        one.until_said("journal.rebuilt")
        one.until_said("episode.closed")
        assert stand.bare == before


def test_killed_while_out_it_comes_back(tmp_path: Path) -> None:
    """SIGKILL between leaving and the end, another boot: the journal gives back."""
    with azure(tmp_path) as stand:
        before = stand.bare
        one = stand.start()
        event = drained(stand)
        one.kill()
        one.boot_id.write_text("boot-2\n", encoding="ascii")
        stand.complete(event)
        stand.start()
        one.until_said("episode.closed")
        assert stand.bare == before


def test_the_pool_that_is_the_only_way_out_is_not_left(tmp_path: Path) -> None:
    """The interface stays, the layer says why and how to cure it, and the probe drains on."""
    with azure(tmp_path, outbound=Outbound.POOL) as stand:
        one = stand.start()
        event = stand.schedule(in_="4m")
        assert "only way out" in one.until_alarmed("layer-refused")
        one.until_said("acknowledge.done")
        assert stand.pools == ["web"]
        assert stand.asked("PUT") == []
        stand.complete(event)
        one.until_said("episode.closed")


@pytest.mark.slow
def test_vouched_for_falsely_the_vm_is_locked_out(tmp_path: Path) -> None:
    """`egress: verified` on a VM whose pool is its only way out: it leaves, is answered nothing any more and
    stays out; only somebody else's write puts it back. This is what the check is for; the probe alone, as in
    the test above, never gets there."""
    with azure(tmp_path, outbound=Outbound.POOL, egress="verified") as stand:
        one = stand.start()
        one.until_said("daemon.started")
        until(lambda: (one.status()["document"] or {}).get("readable"), "a document")
        event = stand.schedule(in_="4m")
        until(lambda: stand.pools == [], "the interface to leave")
        until(stand.unanswered, "a question that is not answered")
        assert not stand.started(event), "out, and it cannot be seen: nothing is acknowledged"
        stand.complete(event)
        until(lambda: one.status()["phase"] == "restoring", "the daemon to want it back")
        assert stand.pools == []
        network = stand.interface.partition("/networkInterfaces/")[0]
        pool = f"{network}/loadBalancers/lb/backendAddressPools/web"
        nic = stand.nic
        listed = nic["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"]
        listed.append({"id": pool})
        stand.platform.control.give("arm-put", body=nic)
        one.until_said("episode.closed", within_s=200)
        assert stand.pools == ["web"]
        assert not any(name.startswith("drainer") for name in stand.nic.get("tags", {}))


def test_with_the_drain_role_alone_it_works(tmp_path: Path) -> None:
    """The read-only role is for the doctor: with a way out vouched for, `drain` is enough."""
    with azure(tmp_path, egress="verified") as stand:
        before = stand.bare
        stand.platform.control.give("assign", vm=stand.vm, roles=["drain"])
        one = stand.start()
        event = drained(stand)
        stand.complete(event)
        one.until_said("episode.closed")
        assert stand.bare == before


def test_where_joining_is_denied_nothing_is_left(tmp_path: Path) -> None:
    """Removal would pass and the way back would not: the proof fails first, and names the missing right."""
    with azure(tmp_path) as stand:
        join = "Microsoft.Network/loadBalancers/backendAddressPools/join/action"
        stand.platform.control.give("assign", vm=stand.vm, roles=["drain", "doctor"], without=[join])
        before = stand.bare
        one = stand.start()
        event = stand.schedule(in_="4m")
        assert join in one.until_alarmed("layer-refused")
        assert stand.bare == before
        assert "tags" not in stand.nic or not any(name.startswith("drainer") for name in stand.nic["tags"])
        stand.complete(event)
        one.until_said("episode.closed")


def test_nothing_secret_is_said(tmp_path: Path) -> None:
    """No token and no signed address in log, journal or the processes' arguments."""
    with azure(tmp_path) as stand:
        one = stand.start()
        event = drained(stand)
        lines = " ".join(children_of(one.process.pid if one.process else 0))
        stand.complete(event)
        one.until_said("episode.closed")
        told = one.log.read_text(encoding="utf-8") + (one.state / "journal.jsonl").read_text(encoding="utf-8")
        for secret in ("eyJ", "Bearer", "&s=", "Azure-AsyncOperation"):
            assert secret not in told + lines


def test_the_daemon_maps_nothing_of_azures_packages(tmp_path: Path) -> None:
    """During an episode too: no compiled part of the SDK's dependencies is in the daemon's memory."""
    with azure(tmp_path) as stand:
        one = stand.start()
        event = drained(stand)
        assert one.process is not None
        mapped = Path(f"/proc/{one.process.pid}/maps").read_text(encoding="utf-8")
        assert "cryptography" not in mapped
        assert "cffi" not in mapped
        stand.complete(event)
        one.until_said("episode.closed")
