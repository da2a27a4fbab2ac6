"""The .deb on a booted Debian: the hardened units, and episodes in which the package comes and goes."""

from __future__ import annotations

import json
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from metadata_server.config import ClockKind
from metadata_server.testing import ServedEmulator, serve_in_thread, vms
from tests.contract.application import free_port
from tests.e2e.haproxy.proxy import Server
from tests.e2e.haproxy.proxy import running as proxy_running
from tests.packages.root import Machine, booted, needs_roots, running
from tests.packages.versions import as_version
from tests.until import until

pytestmark = needs_roots

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""The kernel's own: nspawn shows a machine another one, but a unit with its own /proc sees the kernel's."""

MORE_THAN_SYSTEMD_USUALLY_BEARS = 7
"""Starts within ten seconds; after five it gives a unit up by default (systemd-system.conf(5))."""

NOTE_BOOT = """\
[Unit]
Before=drainer.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cat /proc/sys/kernel/random/boot_id >/run/boot_id'
[Install]
WantedBy=multi-user.target
"""

DROP_IN = "/etc/systemd/system/drainer.service.d/own.conf"
MARKER = "/var/lib/drainer/draining"
POLICY_FILE = "/etc/drainer/policy.yaml"
SETTINGS = "/etc/default/drainer"
JOURNAL = "/var/lib/drainer/journal.jsonl"
POLICY = """\
version: 1
service_ports: [{port}]
health: {{tcp: "127.0.0.1:{port}", passes: 1, every: 100ms}}
{hooks}
backend:
  - health-probe:
      marker: {marker}
      route: "http://127.0.0.1:1/ready"
      interval: 100ms
      threshold: 1
{layers}
rules:
  - match: {{}}
    do: drain
    lead: any
    drain_timeout: 5s
    quiet_for: 100ms
    settle: 100ms
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A machine with the package, its platform, its service's port, and where its marker is."""

    machine: Machine
    platform: ServedEmulator
    vm: str
    port: int
    marker: str

    def announce(self) -> str:
        """A reboot in the near future; its id."""
        return str(self.platform.control.give("schedule", type="Reboot", vms=[self.vm], in_="60s")["id"])

    def drained(self) -> str:
        """In the middle of an episode: out, and acknowledged; the event's id."""
        event = self.announce()
        self.machine.until_said("acknowledge.done")
        assert self.machine.exists(self.marker)
        return event

    def over(self, event: str) -> None:
        self.platform.control.give("complete", id=event)

    def status(self) -> dict[str, Any]:
        """What the daemon on the machine says of itself."""
        said = self.machine.run("drainer", "status", "--json", check=False)
        shown: dict[str, Any] = json.loads(said.stdout)
        return shown

    def dpkg(self, *words: str) -> str:
        """What dpkg ended with and said."""
        done = self.machine.run("dpkg", *words, check=False)
        return f"{done.returncode} {done.stdout}{done.stderr}"

    def install(self, package: Path) -> None:
        """Over what is there; systemd knows the units as they are now."""
        shutil.copyfile(package, self.machine.path / "var" / "other.deb")
        said = self.dpkg("--install", "--force-confold", "/var/other.deb")
        assert said.startswith("0 "), said
        assert self.machine.shown("drainer", "NeedDaemonReload") == "no"


@contextmanager
def site(
    tmp_path: Path,
    furnished: Path,
    *,
    layers: str = "",
    hooks: str = "",
    policy: str = POLICY_FILE,
    marker: str = MARKER,
) -> Iterator[Site]:
    vm = f"vm-{uuid.uuid4()}"
    with (
        serve_in_thread(vms(vm), clock=ClockKind.REAL) as platform,
        socket.create_server(("127.0.0.1", 0)) as application,
        booted(tmp_path / "root", furnished) as machine,
    ):
        port = application.getsockname()[1]
        machine.run("systemctl", "stop", "drainer")
        machine.write(policy, POLICY.format(port=port, layers=layers, hooks=hooks, marker=marker))
        machine.write(
            SETTINGS,
            f"DRAINER_METADATA_URL={platform.url(vm)}\nDRAINER_LOCAL=off\nDRAINER_POLICY={policy}\n",
        )
        machine.run("systemctl", "start", "drainer")
        yield Site(machine=machine, platform=platform, vm=vm, port=port, marker=marker)


def test_the_shipped_unit_carries_a_whole_episode(tmp_path: Path, furnished: Path) -> None:
    """Under the hardened unit: a hook runs, HAProxy is told over its socket, the kernel's boot id is read,
    everybody can look at the marker, and the status line says what is the matter."""
    port = free_port()
    layers = "  - haproxy: {socket: /srv/admin.sock, servers: [web/one]}"
    hooks = "hooks:\n  - {stage: before-cordon, command: [/usr/bin/touch, /var/lib/drainer/hooked]}"
    servers = [Server(name=name, address=f"127.0.0.1:{port}", checked=False) for name in ("one", "two")]
    with (
        site(tmp_path, furnished, layers=layers, hooks=hooks) as vm,
        proxy_running(vm.machine.path / "srv", servers) as proxy,
    ):
        _let_in(Path(proxy.socket), vm.machine)
        until(lambda: vm.machine.shown("drainer", "StatusText").startswith("steady"), "the status line")
        event = vm.drained()
        assert proxy.admin("web/one") != 0
        assert vm.machine.exists("/var/lib/drainer/hooked")
        boot = BOOT_ID.read_text(encoding="ascii").strip()
        assert json.loads(vm.machine.read(JOURNAL).splitlines()[0])["at"]["boot"] == boot
        seen = vm.machine.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "cat", MARKER)
        assert seen.stdout
        until(lambda: vm.machine.shown("drainer", "StatusText").startswith("drained"), "the status line")
        vm.over(event)
        vm.machine.until_said("episode.closed")
        assert (proxy.admin("web/one"), vm.machine.exists(MARKER)) == (0, False)
        assert vm.machine.shown("drainer", "NRestarts") == "0"
        assert '"bug.survived"' not in vm.machine.log()


def _let_in(admin: Path, machine: Machine) -> None:
    """HAProxy's socket for the daemon's group, as a policy with HAProxy needs it."""
    shutil.chown(admin, group=int(machine.run("id", "-g", "drainer").stdout))
    admin.chmod(0o660)


def test_removal_in_the_middle_gives_back_first(tmp_path: Path, furnished: Path) -> None:
    """Out by our hand, the package removed: back in before the files go, and no daemon is left."""
    with site(tmp_path, furnished) as vm:
        vm.drained()
        vm.machine.write("/usr/lib/drainer/lib/python3.11/site-packages/drainer/made.cpython-312.pyc", "")
        assert vm.dpkg("--remove", "drainer").startswith("0 ")
        assert not vm.machine.exists(MARKER)
        assert not vm.machine.exists("/usr/lib/drainer")
        assert vm.machine.shown("drainer", "LoadState") == "not-found"
        said = vm.machine.log()
        assert '"event": "episode.closed"' in said, "by the daemon, before it was stopped"
        assert not vm.machine.is_active("drainer")
        assert '"kind":"closed"' in vm.machine.read(JOURNAL).replace(" ", "")
        vm.machine.write("/etc/drainer/of-an-operator.yaml", "")
        assert vm.dpkg("--purge", "drainer").startswith("0 ")
        assert not any(vm.machine.exists(place) for place in ("/var/lib/drainer", "/etc/drainer", SETTINGS))
        units = vm.machine.run("find", "/etc/systemd", "/var/lib/systemd", "-name", "*drainer*").stdout
        assert units == "", "nothing is enabled, and nothing remembers that it was"


def test_a_purge_empties_a_disk_of_the_state_directorys_own(tmp_path: Path, furnished: Path) -> None:
    """Mounted there, it cannot be removed; what is in it can, and the package is gone."""
    with booted(tmp_path / "root", furnished) as machine:
        machine.run("systemctl", "stop", "drainer")
        machine.run("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/var/lib/drainer")
        machine.run("systemctl", "start", "drainer")
        machine.run("test", "-e", "/var/lib/drainer/lock")
        machine.run("dpkg", "--purge", "drainer")
        assert machine.run("find", "/var/lib/drainer", "-mindepth", "1").stdout == ""
        assert machine.run("dpkg-query", "--show", "drainer", check=False).returncode != 0


def test_removal_with_the_daemon_dead_gives_back_first(tmp_path: Path, furnished: Path) -> None:
    """The same where the daemon was stopped in the middle: by the journal, as the daemon's user, with the
    settings and in the groups that this VM's drop-ins and settings say, read as systemd reads them."""
    hooks = "hooks:\n  - {stage: before-restore, command: [sh, -c, 'id -nG >/var/lib/drainer/groups']}"
    own = {"policy": "/etc/drainer/an own.yaml", "marker": "/var/lib/drainer/own"}
    with site(tmp_path, furnished, hooks=hooks, **own) as vm:
        vm.machine.run("systemctl", "stop", "drainer")
        settings = vm.machine.read(SETTINGS).splitlines()
        dropped = ['Environment="DRAINER_STATE=/var/lib/drainer/a place"', "SupplementaryGroups=adm"]
        dropped += ["EnvironmentFile=/etc/default/drainer-own"]
        (vm.machine.path / DROP_IN.lstrip("/")).parent.mkdir()
        vm.machine.write(DROP_IN, "\n".join(["[Service]", *dropped, ""]))
        vm.machine.write(SETTINGS, "\n".join([*settings[:2], "NOTE=the (old) operator's", ""]))
        vm.machine.write("/etc/default/drainer-own", "DRAINER_POLICY=/etc/drainer/an own.yaml\n")
        vm.machine.run("systemctl", "daemon-reload")
        vm.machine.run("systemctl", "start", "drainer")
        vm.drained()
        vm.machine.run("systemctl", "stop", "drainer")
        assert vm.machine.exists(vm.marker)
        said = vm.dpkg("--remove", "drainer")
        assert said.startswith("0 "), said
        assert not vm.machine.exists(vm.marker)
        assert vm.machine.read("/var/lib/drainer/groups").split() == ["drainer", "adm"]
        owners = vm.machine.run("find", "/var/lib/drainer", "-not", "-user", "drainer").stdout
        assert owners == "", "nobody else wrote there"


def test_removal_is_refused_where_nothing_can_be_given_back(tmp_path: Path, furnished: Path) -> None:
    """The journal is damaged: the package stays, says why and what to do, its daemon runs on though it was
    started by hand alone, and it goes when it is told to."""
    with site(tmp_path, furnished) as vm:
        vm.drained()
        vm.machine.run("systemctl", "disable", "--now", "drainer")
        vm.machine.write(JOURNAL, "damaged\n" * 3)
        vm.machine.run("systemctl", "start", "drainer")
        refused = vm.dpkg("--remove", "drainer")
        assert not refused.startswith("0 ")
        assert "DRAINER_REMOVE_ANYWAY=1" in refused
        assert vm.machine.exists("/usr/bin/drainer")
        until(lambda: vm.machine.is_active("drainer"), "the daemon, which goes on")
        forced = vm.machine.run("env", "DRAINER_REMOVE_ANYWAY=1", "dpkg", "--remove", "drainer", check=False)
        assert forced.returncode == 0, forced.stderr
        assert vm.machine.exists(MARKER)


def test_removal_under_a_hold_is_refused_at_once(tmp_path: Path, furnished: Path) -> None:
    """A hold forbids giving back, to everybody: nobody waits minutes for that, and is told what ends it."""
    with site(tmp_path, furnished) as vm:
        vm.drained()
        vm.machine.run("drainer", "hold", "--until", "1h")
        began = monotonic()
        refused = vm.dpkg("--remove", "drainer")
        assert monotonic() - began < 60
        assert not refused.startswith("0 ")
        assert "drainer resume" in refused
        assert vm.machine.is_active("drainer")
        assert vm.status()["wishes"]["skips"] == [], "a refused removal leaves no wish behind"
        vm.machine.run("drainer", "resume")
        assert vm.dpkg("--remove", "drainer").startswith("0 ")
        assert not vm.machine.exists(MARKER)


def test_upgrade_and_downgrade_in_the_middle_keep_the_episode(
    tmp_path: Path, furnished: Path, deb: Path
) -> None:
    """A newer version and the older one again, while out: one episode, out all along, and given back."""
    newer = as_version(deb, "99.0", tmp_path)
    with site(tmp_path, furnished) as vm:
        event = vm.drained()
        before = vm.status()["episode"]
        files = {place: vm.machine.read(place) for place in (POLICY_FILE, SETTINGS)}
        for number, package in enumerate((newer, deb), start=2):
            vm.install(package)
            vm.machine.until_said("daemon.started", times=number + 1)
            assert vm.machine.exists(MARKER)
            until(lambda: vm.status()["episode"] is not None, "the episode, by the daemon")
            after = vm.status()["episode"]
            assert (after["id"], after["cordoned_at"]) == (before["id"], before["cordoned_at"])
        vm.over(event)
        vm.machine.until_said("episode.closed")
        assert not vm.machine.exists(MARKER)
        assert vm.machine.log().count('"event": "cordon.intended"') == 1
        assert {place: vm.machine.read(place) for place in files} == files, "what the operator wrote stays"


def test_an_upgrade_starts_nothing_that_was_disabled(tmp_path: Path, furnished: Path, deb: Path) -> None:
    """Enabled by the first installation; disabled by the operator it stays so, and stopped."""
    newer = as_version(deb, "99.0", tmp_path)
    with site(tmp_path, furnished) as vm:
        assert vm.machine.run("systemctl", "is-enabled", "drainer").stdout == "enabled\n"
        vm.machine.run("systemctl", "disable", "--now", "drainer")
        vm.install(newer)
        assert vm.machine.run("systemctl", "is-enabled", "drainer", check=False).stdout == "disabled\n"
        assert not vm.machine.is_active("drainer")


def test_an_upgrade_starts_again_what_was_started_by_hand(tmp_path: Path, furnished: Path, deb: Path) -> None:
    """Not enabled, but running, and in the middle of an episode: the next version goes on with it."""
    newer = as_version(deb, "99.0", tmp_path)
    with site(tmp_path, furnished) as vm:
        vm.machine.run("systemctl", "disable", "drainer")
        event = vm.drained()
        vm.install(newer)
        vm.machine.until_said("episode.resumed")
        assert vm.machine.run("systemctl", "is-enabled", "drainer", check=False).stdout == "disabled\n"
        vm.over(event)
        vm.machine.until_said("episode.closed")
        assert not vm.machine.exists(MARKER)
        vm.machine.run("systemctl", "stop", "drainer")
        vm.install(deb)
        assert not vm.machine.is_active("drainer"), "stopped by its operator, it stays so"


def test_a_daemon_that_ends_is_started_again_and_wrong_usage_is_not(tmp_path: Path, furnished: Path) -> None:
    """Killed in the middle it continues the episode, and is not given up after many starts; a reload reads a
    changed policy and keeps the process; a start with a setting that cannot be meant is not tried again."""
    with site(tmp_path, furnished) as vm:
        event = vm.drained()
        vm.machine.run("systemctl", "kill", "--signal=KILL", "drainer")
        vm.machine.until_said("episode.resumed")
        assert (vm.machine.shown("drainer", "NRestarts"), vm.machine.exists(MARKER)) == ("1", True)
        for _ in range(MORE_THAN_SYSTEMD_USUALLY_BEARS):
            vm.machine.run("systemctl", "restart", "drainer")
        vm.over(event)
        vm.machine.until_said("episode.closed")
        policy, process = vm.machine.read(POLICY_FILE), vm.machine.shown("drainer", "MainPID")
        vm.machine.write(POLICY_FILE, policy + "bakend: []\n")
        vm.machine.run("systemctl", "reload", "drainer")
        vm.machine.until_said("policy.refused")
        assert vm.machine.shown("drainer", "MainPID") == process
        vm.machine.write(SETTINGS, vm.machine.read(SETTINGS) + "DRAINER_LOCAL=nowhere\n")
        vm.machine.run("systemctl", "restart", "drainer", check=False)
        until(lambda: vm.machine.shown("drainer", "ActiveState") == "failed", "the unit to give up")
        assert vm.machine.shown("drainer", "ExecMainStatus") == "2"


def test_the_probe_socket_answers_whatever_becomes_of_the_daemon(
    tmp_path: Path, furnished: Path, deb: Path
) -> None:
    """Socket-activated: up with no marker, down with one, up again, the daemon dead all along; an upgrade
    answers by the new program, and a removal takes the socket away."""
    port = free_port()
    with site(tmp_path, furnished) as vm:
        vm.machine.run("systemctl", "stop", "drainer")
        (vm.machine.path / "etc/systemd/system/drainer-probe.socket.d").mkdir()
        vm.machine.write(
            "/etc/systemd/system/drainer-probe.socket.d/port.conf",
            f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n",
        )
        vm.machine.run("systemctl", "daemon-reload")
        vm.machine.run("systemctl", "start", "drainer-probe.socket")
        assert not vm.machine.is_active("drainer-probe.service")
        assert _asked(port) == 200
        assert vm.machine.is_active("drainer-probe.service")
        vm.machine.run("setpriv", "--reuid=drainer", "--regid=drainer", "--clear-groups", "touch", MARKER)
        assert _asked(port) == 503
        until(lambda: vm.machine.exists(f"{MARKER}.answers"), "what the prober was answered")
        vm.machine.run("rm", MARKER)
        for _ in range(MORE_THAN_SYSTEMD_USUALLY_BEARS):
            vm.machine.run("systemctl", "restart", "drainer-probe.service")
        assert _asked(port) == 200
        before = vm.machine.shown("drainer-probe.service", "InvocationID")
        vm.install(deb)
        assert vm.machine.shown("drainer-probe.service", "InvocationID") != before, "the new program answers"
        assert _asked(port) == 200
        assert vm.dpkg("--remove", "drainer").startswith("0 ")
        for unit in ("drainer-probe.socket", "drainer-probe.service"):
            assert not vm.machine.is_active(unit)
        with pytest.raises(ConnectionRefusedError):
            _asked(port)


def _asked(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        with connection.makefile("rb") as answer:
            return int(answer.read().split()[1])


def test_a_plain_shutdown_drains_first(tmp_path: Path, furnished: Path) -> None:
    """With drainer-drain enabled, a plain `systemctl poweroff` takes this VM out, then stops services; the
    daemon is found where its settings say."""
    with site(tmp_path, furnished) as vm:
        vm.machine.write(
            "/etc/systemd/system/serving.service",
            "[Service]\nExecStart=/bin/sleep infinity\n"
            f"ExecStop=/bin/sh -c 'test -e {MARKER} && echo drained >/var/stopped'\n"
            "[Install]\nWantedBy=multi-user.target\n",
        )
        vm.machine.write("/etc/systemd/system/note-boot.service", NOTE_BOOT)
        settings = vm.machine.read("/etc/default/drainer")
        own = "DRAINER_BOOT_ID=/run/boot_id\nDRAINER_SOCKET=/run/drainer/own.sock\n"
        vm.machine.write("/etc/default/drainer", f"{settings}{own}")
        vm.machine.run("systemctl", "enable", "--now", "note-boot", "serving", "drainer-drain")
        vm.machine.run("systemctl", "restart", "drainer")
        refused = vm.machine.run("systemctl", "stop", "drainer-drain", check=False)
        assert refused.returncode != 0
        assert not vm.machine.exists(MARKER), "nobody drains it by hand"
        root = vm.machine.path
        vm.machine.run("systemctl", "poweroff", check=False)
        until(lambda: not Path(f"/proc/{vm.machine.init}").exists(), "the machine to be off")
        assert (root / "var/stopped").read_text(encoding="ascii") == "drained\n"
        journal = [json.loads(line) for line in (root / JOURNAL.lstrip("/")).read_text().splitlines()]
        assert [line["body"]["wish"]["reason"] for line in journal if line["kind"] == "wished"] == [
            "this VM shuts down"
        ]
        with running(root) as again:
            again.until_said("episode.closed")
            assert not again.exists(MARKER), "given back after the boot"


def test_nothing_is_torn_down_with_the_sidecar(tmp_path: Path, furnished: Path) -> None:
    """Masked or failed, no other unit fails with it: nothing requires it."""
    with site(tmp_path, furnished) as vm:
        asked = ("RequiredBy", "BoundBy", "RequisiteOf")
        requiring = {
            unit: {word for name in asked for word in vm.machine.shown(unit, name).split()}
            for unit in ("drainer.service", "drainer-probe.socket")
        }
        assert requiring == {"drainer.service": set(), "drainer-probe.socket": {"drainer-probe.service"}}
