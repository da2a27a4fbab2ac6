"""What lies in the packages, and what the papers beside them say of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from infra.packages.source import ROOT
from infra.packages.wheels import LOCK
from tests.packages.conftest import EPOCH
from tests.packages.root import needs_roots, ran
from tests.packages.test_locked import versions

pytestmark = needs_roots

CONFFILES = ["/etc/default/drainer", "/etc/default/drainer-probe", "/etc/drainer/policy.yaml"]


@pytest.fixture
def wheel(packages: Path) -> Path:
    return next(packages.glob("*.whl"))


def ours() -> set[str]:
    """Every file of the sidecar and the emulator."""
    files = (path for name in ("drainer", "metadata_server") for path in (ROOT / name).rglob("*"))
    return {str(p.relative_to(ROOT)) for p in files if p.is_file() and "__pycache__" not in p.parts}


def test_the_wheel_is_whole(wheel: Path) -> None:
    """Modules, policies and pages, of the emulator too, and the commands of both."""
    with zipfile.ZipFile(wheel) as packed:
        found = set(packed.namelist())
        (entries,) = (name for name in found if name.endswith("/entry_points.txt"))
        commands = packed.read(entries).decode()
    assert {name for name in found if ".dist-info/" not in name} == ours()
    assert re.findall(r"^([a-z-]+) = ", commands.split("[", 2)[1], re.M) == ["drainer", "metadata-server"]


def test_the_sdist_builds_the_same_wheel(packages: Path, wheel: Path, tmp_path: Path) -> None:
    """Unpacked somewhere else, by whoever has the build tools."""
    with tarfile.open(next(packages.glob("*.tar.gz"))) as packed:
        packed.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "built"), str(unpacked))
    made = subprocess.run(
        [sys.executable, *build],
        env={"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": EPOCH, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "built" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_bill_names_every_package_that_is_carried(packages: Path) -> None:
    """With its version and licence: those of the lock, and no other."""
    (paper,) = (path for path in packages.glob("*.cdx.json") if "-oci." not in path.name)
    bill = json.loads(paper.read_text(encoding="utf-8"))
    assert bill["metadata"]["component"]["name"] == "drainer"
    assert {named(each["name"]): each["version"] for each in bill["components"]} == versions(LOCK)
    assert [each["name"] for each in bill["components"] if not each.get("licenses")] == []


def test_the_notices_hold_every_licence(packages: Path) -> None:
    """Of each package that is carried: its name, its version, and more than a line of text."""
    text = (packages / "THIRD-PARTY-NOTICES.txt").read_text(encoding="utf-8")
    sections = re.findall(r"^={100}\n(\S+) (\S+): .+\n={100}\n((?:(?!={100}\n).*\n)*)", text, re.M)
    assert {named(name): version for name, version, _ in sections} == versions(LOCK)
    assert [name for name, _, licence in sections if len(licence.splitlines()) < 10] == []


def named(project: str) -> str:
    """As PyPI compares names."""
    return re.sub(r"[-_.]+", "-", project).lower()


def test_what_an_operator_edits_is_a_conffile(deb: Path) -> None:
    """dpkg asks before it overwrites a policy or settings that were changed."""
    assert sorted(ran("dpkg-deb", "--info", str(deb), "conffiles").stdout.split()) == CONFFILES


def test_every_page_is_carried(deb: Path, tmp_path: Path) -> None:
    """The runbook and the pages that it sends to are on the VM, for whoever is on call there."""
    ran("dpkg-deb", "--extract", str(deb), str(tmp_path))
    carried = {path.name for path in (tmp_path / "usr/share/doc/drainer").glob("*.md")}
    assert {"runbook.md", "day2.md"} <= carried == {path.name for path in (ROOT / "docs").glob("*.md")}
