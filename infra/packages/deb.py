"""The Debian package, made by nfpm from the installed tree, the units and the default policy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from infra.packages.source import ROOT, Source
from infra.packages.tree import INSTALLED_AS

SCRIPTS = Path(__file__).with_name("deb")
SYSTEMD = ROOT / "infra" / "systemd"
DOCS = "/usr/share/doc/drainer"
POLICY = ROOT / "policies" / "mask-reboots.yaml"
COMMAND = f"#!{INSTALLED_AS}/bin/python -I\nimport sys\n\nfrom drainer.cli import main\n\nsys.exit(main())\n"
UNITS = ("drainer.service", "drainer-probe.service", "drainer-probe.socket", "drainer-drain.service")
DROPPED_IN = {
    "sysusers.d/drainer.conf": "/usr/lib/sysusers.d/drainer.conf",
    "tmpfiles.d/drainer.conf": "/usr/lib/tmpfiles.d/drainer.conf",
    "logind.conf.d/drainer.conf": "/usr/lib/systemd/logind.conf.d/50-drainer.conf",
}
RUN = {"postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"}

Json = dict[str, Any]


def build(source: Source, tree: Path, third_parties: Path, to: Path) -> Path:
    """The same bytes from the same tree: nfpm takes every time from SOURCE_DATE_EPOCH."""
    stage = tree.parent / "deb"
    stage.mkdir()
    (stage / "drainer").write_text(COMMAND, encoding="ascii")
    described = stage / "nfpm.yaml"  # JSON is YAML
    described.write_text(json.dumps(_described(source, tree, third_parties, stage)), encoding="utf-8")
    nfpm = shutil.which("nfpm", path=sysconfig.get_path("scripts")) or "nfpm"
    subprocess.run(
        [nfpm, "package", "--packager", "deb", "--config", str(described), "--target", str(to)],
        env=source.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return to


def _described(source: Source, tree: Path, third_parties: Path, stage: Path) -> Json:
    return {
        "name": "drainer",
        "arch": "amd64",
        "platform": "linux",
        "version": source.version,
        "version_schema": "none",
        "section": "admin",
        "priority": "optional",
        "maintainer": source.maintainer,
        "description": "takes an Azure VM out of its load balancer before a maintenance\n"
        "It listens for the platform's notices, drains the VM, and puts it back when it is healthy again.",
        "license": "Apache-2.0",
        "mtime": _rfc3339(source.epoch),
        "depends": ["python3 (>= 3.11)", "python3 (<< 3.14)", "libc6 (>= 2.28)", "init-system-helpers"],
        "recommends": ["systemd"],
        "deb": {"compression": "zstd"},
        "scripts": {name: str(SCRIPTS / script) for name, script in RUN.items()},
        "contents": [
            *_of_tree(tree),
            _file(stage / "drainer", "/usr/bin/drainer", mode=0o755),
            *(_file(SYSTEMD / name, f"/usr/lib/systemd/system/{name}") for name in UNITS),
            *(_file(SYSTEMD / name, place) for name, place in DROPPED_IN.items()),
            _file(POLICY, "/etc/drainer/policy.yaml", kind="config"),
            *(
                _file(SYSTEMD / "default" / name, f"/etc/default/{name}", kind="config")
                for name in ("drainer", "drainer-probe")
            ),
            _file(source.path / "LICENSE", f"{DOCS}/copyright"),
            _file(third_parties, f"{DOCS}/THIRD-PARTY-NOTICES.txt"),
            *(_file(path, f"{DOCS}/{path.name}") for path in sorted((ROOT / "docs").glob("*.md"))),
            *(
                _file(path, f"{DOCS}/policies/{path.name}")
                for path in sorted((ROOT / "policies").glob("*.yaml"))
            ),
        ],
    }


def _of_tree(tree: Path) -> list[Json]:
    """Each file by itself: links stay links, and the list is in order."""
    listed = []
    for path in sorted(tree.rglob("*")):
        place = f"{INSTALLED_AS}/{path.relative_to(tree)}"
        if path.is_symlink():
            listed.append({"src": os.readlink(path), "dst": place, "type": "symlink"})
        elif path.is_file():
            listed.append(_file(path, place))
    return listed


def _file(path: Path, place: str, *, mode: int = 0o644, kind: str = "") -> Json:
    owned = {"mode": mode, "owner": "root", "group": "root"}
    return {"src": str(path), "dst": place, "file_info": owned, **({"type": kind} if kind else {})}


def _rfc3339(epoch: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
