"""The OCI image, run without an engine: unpacked by umoci, run by runc as its configuration says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.azure import azure
from tests.packages.container import Image, unpacked
from tests.packages.root import needs_roots, ran
from tests.sidecar import standing

pytestmark = needs_roots


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """The folder that the container shares with the test."""
    folder = tmp_path / "vm"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def image(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return unpacked(next(packages.glob("*.oci.tar")), tmp_path_factory.mktemp("image"))


def given_to(image: Image, folder: Path) -> None:
    """As whoever mounts a folder into the container has to."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *image.owner)


def test_it_says_who_and_what_it_is(image: Image, packages: Path, seen: Path) -> None:
    """Not root, its state in a volume, an order to stop that the daemon knows; checks and versions work."""
    described = image.described
    assert 0 not in image.owner
    assert list(described["Volumes"]) == ["/var/lib/drainer"]
    assert (described["Entrypoint"], described["Cmd"]) == (["/usr/bin/drainer"], ["run"])
    assert described["StopSignal"] == "SIGTERM"
    assert described["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    version = next(packages.glob("*.pyz")).name.removeprefix("drainer-").removesuffix(".pyz")
    said = ran(*image.command(seen), "version")
    assert (said.stdout, said.stderr) == (f"drainer {version}\n", "")
    checked = ran(*image.command(seen), "check", "/etc/drainer/policy.yaml")
    assert "as it takes effect" in checked.stdout


def test_it_holds_the_package_and_nothing_of_its_making(image: Image) -> None:
    """No package file, no lists of Debian's; the state directory belongs to the daemon."""
    assert (image.root / "usr/share/doc/drainer/copyright").exists()
    assert not (image.root / "var/drainer.deb").exists()
    assert list((image.root / "var/lib/apt/lists").glob("*Packages*")) == []
    state = image.root / "var/lib/drainer"
    assert (state.stat().st_uid, state.stat().st_gid) == image.owner


def test_it_looks_once(image: Image, seen: Path) -> None:
    """Nothing pending is 0, a notice is 10."""
    with standing(seen) as stand:
        asked = ("once", "--json", "--metadata-url", stand.sidecar.metadata_url)
        calm = ran(*image.command(seen), *asked, check=False)
        event = stand.schedule()
        pending = ran(*image.command(seen), *asked, check=False)
    assert (calm.returncode, json.loads(calm.stdout)["notices"]) == (0, []), calm.stderr
    assert (pending.returncode, json.loads(pending.stdout)["notices"][0]["id"]) == (10, event)


def test_a_complete_episode(image: Image, seen: Path) -> None:
    """From notice to restored on the VM's own network; the marker is there for a server outside."""
    with standing(seen) as stand:
        one = stand.sidecar
        given_to(image, seen)
        one.start(prefix=image.command(seen))
        event = stand.schedule()
        one.until_said("acknowledge.done")
        assert one.marker.exists()
        assert one.marker.stat().st_uid == image.owner[0]
        stand.complete(event)
        one.until_said("episode.closed")
        assert not one.marker.exists()
        assert one.stop() == 0
        assert one.steps() == ["cordon", "acknowledge", "restore"]


def test_a_complete_episode_by_azure(image: Image, seen: Path) -> None:
    """Azure's SDK is in it: out of the pool and back, byte for byte."""
    with azure(seen) as stand:
        before, one, api = stand.bare, stand.sidecar, stand.platform
        authority = shutil.copy(api.authority, seen / "authority.pem")
        given_to(image, seen)
        flags = ("--management-url", api.management_url, "--management-ca", str(authority))
        one.start(*flags, prefix=image.command(seen))
        event = stand.schedule(in_="4m")
        one.until_said("acknowledge.done")
        assert stand.pools == []
        stand.complete(event)
        one.until_said("episode.closed")
        assert stand.bare == before
        assert one.stop() == 0
