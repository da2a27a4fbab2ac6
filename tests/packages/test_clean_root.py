"""The packages in a clean Debian: nothing else is installed, and the emulator is outside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azure import azure
from tests.packages import episode
from tests.packages.root import BOOKWORM, Root, clean_root, install, needs_roots
from tests.packages.versions import as_version
from tests.sidecar import standing

pytestmark = needs_roots


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """`command`: drainer as somebody runs it inside the root."""

    root: Root
    command: tuple[str, ...]

    @property
    def entered(self) -> tuple[str, ...]:
        return (*self.root.enter, *self.command)


DEBIANS = (BOOKWORM, pytest.param("trixie", marks=pytest.mark.slow))
"""Debian 12, and Debian 13 with its Python 3.13."""


@pytest.fixture(params=DEBIANS)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["deb", "single file"])
def installed(
    request: pytest.FixtureRequest, suite: str, packages: Path, tmp_path: Path
) -> Iterator[Installed]:
    with clean_root(tmp_path / "root", suite=suite) as root:
        if request.param == "deb":
            install(root, next(packages.glob("*.deb")))
            yield Installed(root=root, command=("drainer",))
        else:
            yield Installed(root=root, command=(str(_copied(packages, tmp_path)),))


def _copied(packages: Path, to: Path) -> Path:
    """Inside, where no checkout is to be seen."""
    single = to / "drainer"
    single.write_bytes(next(packages.glob("*.pyz")).read_bytes())
    single.chmod(0o755)
    return single


def test_it_says_its_version_and_checks_a_policy(installed: Installed, packages: Path) -> None:
    """`version` and `check` work, without a word on stderr: it was made for this system."""
    version = next(packages.glob("*.pyz")).name.removeprefix("drainer-").removesuffix(".pyz")
    said = installed.root.run(*installed.command, "version")
    assert (said.stdout, said.stderr) == (f"drainer {version}\n", "")
    policy = installed.root.path / "policy.yaml"
    policy.write_text("version: 1\nservice_ports: [80]\nbakend: []\n", encoding="utf-8")
    refused = installed.root.run(*installed.command, "check", "/policy.yaml", check=False)
    assert (refused.returncode, "policy.yaml:3:1: bakend" in refused.stdout + refused.stderr) == (78, True)


def test_it_looks_once(installed: Installed, tmp_path: Path) -> None:
    """Nothing pending is 0, a notice is 10."""
    with standing(tmp_path / "vm") as stand:
        asked = ("once", "--json", "--metadata-url", stand.sidecar.metadata_url)
        calm = installed.root.run(*installed.command, *asked, check=False)
        event = stand.schedule()
        pending = installed.root.run(*installed.command, *asked, check=False)
    assert (calm.returncode, json.loads(calm.stdout)["notices"]) == (0, [])
    assert (pending.returncode, json.loads(pending.stdout)["notices"][0]["id"]) == (10, event)


def test_a_complete_episode(installed: Installed, tmp_path: Path) -> None:
    """From notice to restored, as from a checkout."""
    with standing(tmp_path / "vm") as stand:
        episode.complete(stand, installed.entered)


def test_a_complete_episode_by_azure(deb: Path, suite: str, tmp_path: Path) -> None:
    """The .deb carries Azure's SDK, compiled: out of the pool and back, byte for byte."""
    with clean_root(tmp_path / "root", suite=suite) as root, azure(tmp_path / "vm") as stand:
        install(root, deb)
        before, one, api = stand.bare, stand.sidecar, stand.platform
        authority = shutil.copy(api.authority, tmp_path / "authority.pem")
        flags = ("--management-url", api.management_url, "--management-ca", str(authority))
        one.start(*flags, prefix=(*root.enter, "drainer"))
        event = stand.schedule(in_="4m")
        one.until_said("acknowledge.done")
        assert stand.pools == []
        stand.complete(event)
        one.until_said("episode.closed")
        assert stand.bare == before
        assert one.stop() == 0
        examined = root.run(
            "drainer", "doctor", "--json", "--read-only", *_seen(stand.sidecar.flags()), *flags, check=False
        )
        checks = {check["name"]: check["verdict"] for check in json.loads(examined.stdout)["checks"]}
        assert checks["bytecode"] == "pass"


MODULES = "usr/lib/drainer/lib/python3.11/site-packages/drainer"


def test_bytecode_is_made_for_another_python_and_goes_with_its_sources(deb: Path, tmp_path: Path) -> None:
    """Where none is carried it is made at the installation; an upgrade takes away the older one."""
    with clean_root(tmp_path / "root") as root:
        install(root, deb)
        carried = sorted((root.path / MODULES).rglob("*.cpython-311.pyc"))
        for bytecode in carried:
            bytecode.unlink()
        root.run("/var/lib/dpkg/info/drainer.postinst", "configure")
        assert sorted((root.path / MODULES).rglob("*.cpython-311.pyc")) == carried
        older = root.path / MODULES / "__pycache__" / "__init__.cpython-313.pyc"
        older.touch()
        install(root, as_version(deb, "99.0", tmp_path))
        assert not older.exists()


WITNESS = """\
#!/bin/sh
[ "$1" = restore ] || exit 1
env >/witnessed
"""


def test_a_removal_gives_back_with_the_settings_of_this_vm(deb: Path, tmp_path: Path) -> None:
    """No daemon runs: it is given back by the journal, wherever that lies, with all that /etc/default/drainer
    says."""
    with clean_root(tmp_path / "root") as root:
        install(root, deb)
        settings = "DRAINER_IDENTITY=the-third\nDRAINER_STATE=/srv/state\n"
        (root.path / "etc/default/drainer").write_text(settings, encoding="ascii")
        (root.path / "srv/state").mkdir()
        (root.path / "srv/state/journal.jsonl").touch()
        (root.path / "usr/bin/drainer").write_text(WITNESS, encoding="ascii")
        (root.path / "witnessed").touch(mode=0o666)
        (root.path / "witnessed").chmod(0o666)
        root.run("/var/lib/dpkg/info/drainer.prerm", "remove")
        seen = (root.path / "witnessed").read_text(encoding="utf-8").splitlines()
    assert "DRAINER_IDENTITY=the-third" in seen
    assert "USER=drainer" in seen or "LOGNAME=drainer" in seen or "HOME=/var/lib/drainer" in seen


def test_the_single_file_refuses_azure(packages: Path, tmp_path: Path) -> None:
    """A policy with an Azure layer is refused at the start, in words; nothing is tried."""
    with clean_root(tmp_path / "root") as root:
        single = str(_copied(packages, tmp_path))
        (root.path / "policy.yaml").write_bytes(
            (Path(__file__).parents[2] / "policies/azure.yaml").read_bytes()
        )
        refused = root.run(single, "run", "--policy", "/policy.yaml", "--state", "/state", check=False)
        rescue = root.run(single, "rescue", "/subscriptions/S/resourceGroups/G", check=False)
        demo = root.run(single, "demo", check=False)
    assert refused.returncode == 78
    assert "azure" in refused.stderr
    assert (rescue.returncode, demo.returncode) == (1, 1)
    assert "nothing of Azure" in rescue.stderr
    assert "this build has no demo" in demo.stderr


def test_elsewhere_the_single_file_says_so(packages: Path, tmp_path: Path) -> None:
    """On a system that it was not made for it says so, and works; on a Python that is too old it stops."""
    with clean_root(tmp_path / "root") as root:
        single = str(_copied(packages, tmp_path))
        (root.path / "etc/os-release").unlink()
        (root.path / "etc/os-release").write_text('ID=other\nVERSION_ID="9"\n', encoding="ascii")
        said = root.run(single, "version")
    assert said.stdout.startswith("drainer ")
    assert "this is other 9 with Python 3.11, where nobody has tried it" in said.stderr


def _seen(flags: list[str]) -> list[str]:
    """Of the daemon's flags those that `doctor` has too."""
    shared = ("--metadata-url", "--policy", "--state")
    return [word for name in shared for word in (name, flags[flags.index(name) + 1])]
