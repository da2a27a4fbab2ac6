"""The container image, unpacked, and run as its configuration says, without an engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.packages import image
from tests.azure import azure
from tests.packages.container import Bundle, unpacked
from tests.packages.root import needs_roots, ran
from tests.sidecar import standing
from tests.until import DEADLINE_S, until

pytestmark = needs_roots

USER = 10001
GIVEN = ("deb", "oci.tar", "oci.cdx.json")


@pytest.fixture
def archive(packages: Path) -> Path:
    return next(packages.glob("*-oci.tar"))


@pytest.fixture(scope="module")
def bundle(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return unpacked(next(packages.glob("*-oci.tar")), tmp_path_factory.mktemp("image"))


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """What a container sees of the outside; its user owns it."""
    folder = tmp_path / "vm"
    folder.mkdir()
    os.chown(folder, USER, USER)
    return folder


@pytest.fixture(autouse=True)
def _nothing_runs_on(bundle: Bundle) -> Iterator[None]:
    yield
    bundle.kill()


def test_it_is_what_the_documents_say(archive: Path) -> None:
    """One image, named by its version; a numeric user that is not root, a state volume, labels."""
    with tarfile.open(archive) as packed:
        index = _read(packed, "index.json")
        [listed] = index["manifests"]
        manifest = _blob(packed, listed["digest"])
        stated = _blob(packed, manifest["config"]["digest"])
    version = archive.name.removeprefix("drainer-").removesuffix("-oci.tar")
    assert listed["annotations"]["org.opencontainers.image.ref.name"] == f"drainer:{version}"
    assert (stated["os"], stated["architecture"]) == ("linux", "amd64")
    config = stated["config"]
    assert config["User"] == f"{USER}:{USER}"
    assert (config["Entrypoint"], config["Cmd"]) == (["/usr/bin/drainer"], ["run"])
    assert config["Volumes"] == {"/var/lib/drainer": {}}
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == ("drainer", version, "Apache-2.0")


def _blob(packed: tarfile.TarFile, digest: str) -> Any:
    return _read(packed, f"blobs/{digest.replace(':', '/')}")


def _read(packed: tarfile.TarFile, name: str) -> Any:
    member = packed.extractfile(name)
    assert member is not None
    return json.load(member)


def test_it_holds_what_runs_and_no_more(bundle: Bundle) -> None:
    """Azure is there and compiled; no way to another user, no lists or caches, nothing of the host."""
    root = bundle.root
    compiled = root / "usr/lib/drainer/lib/python3.11/site-packages/azure/mgmt/network/__pycache__"
    assert list(compiled.glob("*.cpython-311.pyc"))
    assert [path for path in _files(root) if path.stat().st_mode & 0o6000] == []
    emptied = ("var/lib/apt", "var/cache", "var/log", "tmp", "var/tmp")
    assert {name: list((root / name).glob("*")) for name in emptied} == {name: [] for name in emptied}
    of_a_host = ("resolv.conf", "hostname", "machine-id")
    assert [name for name in of_a_host if (root / "etc" / name).exists()] == []
    assert not list((root / "usr/share/locale").glob("*/LC_MESSAGES"))


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def test_no_bytecode_is_stale(bundle: Bundle) -> None:
    """Nobody may write it anew in a container: none of it depends on the time of its source."""
    checked = [
        path
        for path in (*bundle.root.glob("usr/lib/python3.11/**/*.pyc"), *bundle.root.rglob("drainer/**/*.pyc"))
        if path.read_bytes()[4:8] != b"\1\0\0\0"
    ]
    assert checked[:3] == []
    assert len(list(bundle.root.rglob("*.pyc"))) > 1000


def test_it_says_its_version_and_checks_a_policy(bundle: Bundle, mounted: Path, archive: Path) -> None:
    """`version`, `check` of its own policy and of a mounted one with a fault."""
    inside = bundle.command(mounted)
    said = ran(*inside, "version")
    assert (f"drainer-{said.stdout.split()[1]}-oci.tar", said.stderr) == (archive.name, "")
    ran(*inside, "check", "/etc/drainer/policy.yaml")
    policy = mounted / "policy.yaml"
    policy.write_text("version: 1\nservice_ports: [80]\nbakend: []\n", encoding="utf-8")
    refused = ran(*inside, "check", str(policy), check=False)
    assert (refused.returncode, "policy.yaml:3:1: bakend" in refused.stdout + refused.stderr) == (78, True)


def test_it_looks_once(bundle: Bundle, mounted: Path) -> None:
    """Nothing pending is 0, a notice is 10."""
    with standing(mounted) as stand:
        asked = (*bundle.command(mounted), "once", "--json", "--metadata-url", stand.sidecar.metadata_url)
        calm = ran(*asked, check=False)
        event = stand.schedule()
        pending = ran(*asked, check=False)
    assert (calm.returncode, json.loads(calm.stdout)["notices"]) == (0, [])
    assert (pending.returncode, json.loads(pending.stdout)["notices"][0]["id"]) == (10, event)


def test_the_boot_is_the_host_s(bundle: Bundle, mounted: Path) -> None:
    """By the default of --boot-id a container knows a reboot of the VM from its own restart."""
    boot_id = Path("/proc/sys/kernel/random/boot_id")
    seen = ran(*bundle.command(mounted), "/bin/cat", str(boot_id)).stdout
    assert seen == boot_id.read_text(encoding="ascii")


@pytest.mark.parametrize("ended", ["stopped", "killed"])
def test_a_complete_episode_over_two_containers(bundle: Bundle, mounted: Path, ended: str) -> None:
    """Ended while out nothing is touched; another one goes on with the same state, reloads and gives back."""
    with standing(mounted) as stand:
        one = stand.sidecar
        one.start(prefix=bundle.command(mounted))
        event = stand.schedule()
        one.until_said("acknowledge.done")
        if ended == "stopped":
            assert one.stop() == 0
        else:
            bundle.kill()
            assert one.ended() != 0
        assert one.marker.exists()
        assert (one.marker.stat().st_uid, one.journal()[0]["kind"]) == (USER, "opened")
        one.start(prefix=bundle.command(mounted))
        one.until_said("daemon.started", times=2)
        one.policy.write_text("bakend: []\n", encoding="utf-8")
        one.hang_up()
        one.until_said("policy.refused")
        stand.complete(event)
        one.until_said("episode.closed")
        assert not one.marker.exists()
        assert one.stop() == 0
        assert one.steps() == ["cordon", "acknowledge", "restore"]


def test_a_complete_episode_by_azure(bundle: Bundle, mounted: Path) -> None:
    """Azure's SDK is in it: out of the pool and back, byte for byte."""
    with azure(mounted) as stand:
        before, one, api = stand.bare, stand.sidecar, stand.platform
        authority = shutil.copy(api.authority, mounted / "authority.pem")
        flags = ("--management-url", api.management_url, "--management-ca", str(authority))
        one.start(*flags, prefix=bundle.command(mounted))
        event = stand.schedule(in_="4m")
        one.until_said("acknowledge.done")
        assert stand.pools == []
        stand.complete(event)
        one.until_said("episode.closed")
        assert stand.bare == before
        assert one.stop() == 0


def test_the_state_is_all_that_must_be_mounted(bundle: Bundle, mounted: Path) -> None:
    """Policy, socket and marker have their places; a second container reaches the daemon and drains."""
    inside = bundle.command(mounted, place="/var/lib/drainer")
    with standing(mounted / "vm") as stand:
        asked = ("--metadata-url", stand.sidecar.metadata_url, "--local", "off")
        daemon = subprocess.Popen([*inside, "run", *asked], stderr=subprocess.DEVNULL)
        try:
            until((mounted / "control.sock").exists, "the socket in the state directory")
            ran(*inside, "drain", "--reason", "tried")
            until((mounted / "draining").exists, "the marker, by the image's own policy")
            assert (mounted / "draining").stat().st_uid == USER
        finally:
            daemon.terminate()
            assert daemon.wait(DEADLINE_S) == 0


def test_its_bill_names_debian_s_packages_too(packages: Path) -> None:
    """Every package that dpkg knows in the image, with a purl, beside those of Python."""
    bill = json.loads(next(packages.glob("*-oci.cdx.json")).read_text(encoding="utf-8"))
    named = {part["name"]: part["purl"] for part in bill["components"]}
    assert named["python3.11"].startswith("pkg:deb/debian/python3.11@3.11.")
    assert named["azure-mgmt-network"].startswith("pkg:pypi/azure-mgmt-network@")
    assert bill["metadata"]["component"]["type"] == "container"
    summed = (packages / "SHA256SUMS").read_text(encoding="ascii")
    assert [name for name in GIVEN if name not in summed] == []


def test_where_it_cannot_be_made_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing program by its name; with all of them nothing stands in the way."""
    assert image.hindrance() == ""
    monkeypatch.setenv("PATH", "/nowhere")
    assert image.hindrance() == "mmdebstrap and buildah and unshare and mount not installed"
