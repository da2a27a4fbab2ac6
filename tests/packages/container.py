"""The image, unpacked and run as its configuration says: by umoci and runc, no engine."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.packages.root import ran

START = """\
import json, os, sys
bundle, seen, *arguments = sys.argv[1:]
described = json.load(open(bundle + "/template.json"))
described["process"]["args"] += arguments
described["mounts"].append({"destination": seen, "type": "bind", "source": seen, "options": ["bind", "rw"]})
name = f"drainer-{os.getpid()}"
at = bundle + "/" + name
os.makedirs(at)
json.dump(described, open(at + "/config.json", "w"))
os.execvp("runc", ["runc", "run", "--bundle", at, name])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`described`: the image's own configuration. `bundle`: what a runtime is given."""

    described: dict[str, Any]
    bundle: Path

    @property
    def root(self) -> Path:
        return self.bundle / "rootfs"

    @property
    def owner(self) -> tuple[int, int]:
        """User and group of its processes."""
        user, _, group = str(self.described["User"]).partition(":")
        return int(user), int(group)

    def command(self, seen: Path) -> tuple[str, ...]:
        """The entry point in a container of its own that shares the folder `seen`; arguments follow."""
        return ("python3", str(self.bundle / "start.py"), str(self.bundle), str(seen))


def unpacked(archive: Path, to: Path) -> Image:
    """Ready to run on this machine's network, as a VM's sidecar does."""
    layout, bundle = to / "layout", to / "bundle"
    with tarfile.open(archive) as packed:
        packed.extractall(layout, filter="data")
    manifest = _blob(layout, json.loads((layout / "index.json").read_text(encoding="utf-8"))["manifests"][0])
    described = _blob(layout, manifest["config"])["config"]
    version = described["Labels"]["org.opencontainers.image.version"]
    ran("umoci", "unpack", "--image", f"{layout}:{version}", str(bundle))
    _prepare(bundle, described)
    return Image(described=described, bundle=bundle)


def _blob(layout: Path, described: dict[str, Any]) -> dict[str, Any]:
    algorithm, _, digest = described["digest"].partition(":")
    read: dict[str, Any] = json.loads((layout / "blobs" / algorithm / digest).read_text(encoding="utf-8"))
    return read


def _prepare(bundle: Path, described: dict[str, Any]) -> None:
    config = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    config["process"]["terminal"] = False
    config["process"]["args"] = described["Entrypoint"]
    linux = config["linux"]
    linux["namespaces"] = [space for space in linux["namespaces"] if space["type"] != "network"]
    config["root"] = {"path": str(bundle / "rootfs"), "readonly": True}
    tmpfs = {"destination": "/run/drainer", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}
    config["mounts"].append(tmpfs)
    (bundle / "template.json").write_text(json.dumps(config), encoding="utf-8")
    (bundle / "start.py").write_text(START, encoding="utf-8")
