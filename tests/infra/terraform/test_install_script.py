"""The script that installs the sidecar on a VM, run with stand-ins for the programs that reach out of it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from drainer.cli import main
from tests.infra.terraform import boot
from tests.infra.terraform.given import CHECKSUM, DEMO
from tests.infra.terraform.tool import Tool
from tests.infra.terraform.world import SIDECAR

PACKAGE = b"a package"
TOKEN = "a-token-that-nobody-may-see"
CURL = """#!/bin/sh
echo "curl $*" >>"$CALLS"
while [ $# -gt 1 ]; do
    [ "$1" = -o ] && out=$2
    case $1 in @*) echo "header $(cat "${1#@}")" >>"$CALLS" ;; esac
    shift
done
case $1 in
*/identity/*) printf '{"access_token": "%s"}' "$TOKEN" >"$out" ;;
*) printf '%s' "$PACKAGE" >"$out" ;;
esac
"""
OTHER = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'


class Vm:
    """A directory that stands for a VM's root, and what was called there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._programs = root / "programs"
        self._programs.mkdir(parents=True)
        self._calls = root / "calls"
        self.recover()

    def fail(self, name: str) -> None:
        self._program(name, "#!/bin/sh\nexit 1\n")

    def recover(self) -> None:
        for name in ("apt-get", "systemctl", "drainer"):
            self._program(name, OTHER)
        self._program("curl", CURL)

    def _program(self, name: str, text: str) -> None:
        path = self._programs / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, script: str) -> int:
        path = f"{self._programs}:{os.environ['PATH']}"
        environment = {"PATH": path, "CALLS": str(self._calls), "TOKEN": TOKEN, "PACKAGE": PACKAGE.decode()}
        here = script.replace("/etc/", f"{self.root}/etc/")
        ended = subprocess.run(["/bin/sh", "-c", here], env=environment, timeout=60, check=False)
        return ended.returncode

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def script(applied_once: Tool) -> str:
    """The script with the checksum of what the stand-in for curl brings."""
    text = boot.files(applied_once)["/usr/local/sbin/drainer-install"]
    return text.replace(CHECKSUM, hashlib.sha256(PACKAGE).hexdigest())


def policy_of(script: str) -> str:
    """The policy that a script writes."""
    found = re.search(r"echo '([A-Za-z0-9+/=]+)' \| base64 -d >/etc/drainer/policy", script)
    assert found is not None
    return base64.b64decode(found[1]).decode()


def test_installs_and_starts(script: str, tmp_path: Path) -> None:
    """Fetched, checked, installed with this VM's policy and identity, and only then started."""
    vm = Vm(tmp_path)
    assert vm.run(script) == 0
    names = [call.split()[0] for call in vm.calls]
    assert names == ["curl", "apt-get", "drainer", "systemctl", "systemctl", "systemctl"]
    assert vm.calls[-1] == "systemctl restart drainer.service"
    assert "azure-nic-pool" in (tmp_path / "etc/drainer/policy.yaml").read_text()
    unit = (tmp_path / "etc/systemd/system/drainer.service.d/azure.conf").read_text()
    assert f"Environment=DRAINER_IDENTITY={SIDECAR}\n" in unit


def test_a_second_run_is_like_the_first(script: str, tmp_path: Path) -> None:
    """It may be run again at any time."""
    vm = Vm(tmp_path)
    assert vm.run(script) == 0
    first = vm.calls
    assert vm.run(script) == 0
    assert len(vm.calls) == 2 * len(first)


@pytest.mark.parametrize("failing", ["curl", "apt-get", "drainer", "systemctl"])
def test_what_failed_is_tried_again(script: str, tmp_path: Path, failing: str) -> None:
    """The unit's condition holds until every step is done, so that its next attempt is not left out."""
    stamp = tmp_path / "etc/drainer-installed-by-terraform"
    vm = Vm(tmp_path)
    vm.fail(failing)
    assert vm.run(script) != 0
    assert not stamp.exists()
    vm.recover()
    assert vm.run(script) == 0
    assert stamp.exists()


def test_a_policy_with_a_fault_replaces_none(script: str, tmp_path: Path) -> None:
    """The one that rules stays until another is found good: else the next start would fail."""
    policy = tmp_path / "etc/drainer/policy.yaml"
    policy.parent.mkdir(parents=True)
    policy.write_text("the one that rules")
    vm = Vm(tmp_path)
    vm.fail("drainer")
    assert vm.run(script) != 0
    assert policy.read_text() == "the one that rules"
    vm.recover()
    assert vm.run(script) == 0
    assert policy.read_text() == policy_of(script)


def test_the_unit_waits_for_what_the_script_leaves(applied_once: Tool) -> None:
    """The unit's condition names the file that the script leaves last."""
    files = boot.files(applied_once)
    last = files["/usr/local/sbin/drainer-install"].splitlines()[-1].removeprefix("touch ")
    assert f"ConditionPathExists=!{last}\n" in files["/etc/systemd/system/drainer-install.service"]


def test_another_package_is_not_installed(script: str, tmp_path: Path) -> None:
    """What does not have the checksum goes no further than a file that is removed again."""
    vm = Vm(tmp_path)
    assert vm.run(script.replace(hashlib.sha256(PACKAGE).hexdigest(), "0" * 64)) != 0
    assert [call.split()[0] for call in vm.calls] == ["curl"]
    assert not (tmp_path / "etc").exists()


def test_by_identity_no_argument_holds_the_token(
    configuration: Callable[[str], Tool], tmp_path: Path
) -> None:
    """The token is asked for with this identity, sent in a header from a file, and told to nobody else."""
    package = tmp_path / "drainer_0.1.0_amd64.deb"
    package.write_bytes(PACKAGE)
    demo = configuration("demo")
    demo.given({**DEMO, "package_url": None, "package_sha256": None, "package_file": str(package)})
    demo.granted("apply", "-auto-approve", "-no-color", "-input=false")
    vm = Vm(tmp_path / "vm")
    assert vm.run(boot.files(demo)["/usr/local/sbin/drainer-install"]) == 0
    asked, *fetched = [call for call in vm.calls if call.startswith(("curl", "header"))]
    assert f"client_id={SIDECAR}" in asked
    assert f"header Authorization: Bearer {TOKEN}" in fetched
    assert not [call for call in vm.calls if call.startswith("curl") and TOKEN in call]
    assert any(
        re.search(r"https://drainer[0-9a-f]{16}\.blob\.core\.windows\.net/packages/", call)
        for call in fetched
    )


def test_a_probe_that_the_sidecar_answers_knows_the_service(
    configuration: Callable[[str], Tool], script: str, tmp_path: Path
) -> None:
    """Up only where the service's own route is: the balancer must not send clients to a VM whose service is
    dead. Where the application answers the probe itself, nothing of the probe unit is written."""
    place = "etc/systemd/system/drainer-probe.service.d/azure.conf"
    by_application = Vm(tmp_path / "application")
    assert by_application.run(script) == 0
    assert not (by_application.root / place).exists()
    demo = configuration("demo")
    demo.given({**DEMO, "probe": "sidecar", "package_sha256": hashlib.sha256(PACKAGE).hexdigest()})
    demo.granted("apply", "-auto-approve", "-no-color", "-input=false")
    vm = Vm(tmp_path / "sidecar")
    assert vm.run(boot.files(demo)["/usr/local/sbin/drainer-install"]) == 0
    written = (vm.root / place).read_text()
    assert "\n[Service]\nEnvironment=DRAINER_CHECK=http://127.0.0.1:80/healthz\n" in written
    assert vm.calls[-1] == "systemctl try-restart drainer-probe.service"


def test_the_policy_is_one(script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`drainer check` takes the policy that is written."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy_of(script))
    assert main(["check", str(policy)]) == 0
    said = capsys.readouterr().out
    assert "azure-nic-pool" in said


def test_no_secret_is_on_the_vm(script: str) -> None:
    """What cloud-init writes names an identity, and holds no key, token or password."""
    assert not re.search(r"(?i)password|account_?key|sharedaccess|private key", script)
