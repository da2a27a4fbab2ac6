"""The image as containers, without an engine: umoci unpacks it, runc runs it on the host's network.

Entrypoint, user and environment are the image's own. The root is read-only, without any capability.
`python -m tests.packages.container BUNDLE FOLDER:PLACE WORD...` is like `podman run -v FOLDER:PLACE IMAGE
WORD...`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.packages.root import ran

PROGRAMS = ("umoci", "runc")
STATE = "/state"
"""Of runc, beside the bundle."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An unpacked image: a root, and a configuration as umoci read it from the image."""

    path: Path

    @property
    def root(self) -> Path:
        return self.path / "rootfs"

    @property
    def process(self) -> Json:
        """Who runs what in which environment."""
        process: Json = json.loads((self.path / "config.json").read_text(encoding="utf-8"))["process"]
        return process

    def command(self, folder: Path, *, place: str = "") -> tuple[str, ...]:
        """In front of drainer's words. Of the outside it sees this folder alone, by default where it is."""
        volume = f"{folder}:{place or folder}"
        return (sys.executable, "-m", "tests.packages.container", str(self.path), volume)

    def kill(self) -> None:
        """Whatever runs of it, at once."""
        for container in Path(f"{self.path}{STATE}").glob("*"):
            ran("runc", "--root", str(container.parent), "delete", "--force", container.name)


def unpacked(archive: Path, scratch: Path) -> Bundle:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    assert not missing, f"CI must have {', '.join(missing)}: tests/install-system-packages"
    with tarfile.open(archive) as packed:
        packed.extractall(scratch / "layout", filter="data")
    version = archive.name.removeprefix("drainer-").removesuffix("-oci.tar")
    ran("umoci", "unpack", "--image", f"{scratch / 'layout'}:drainer:{version}", str(scratch / "bundle"))
    return Bundle(path=scratch / "bundle")


def configured(image: Json, bundle: str, volume: str, words: list[str]) -> Json:
    """The image's, for one container. The first of `words` may be a program by its path, run instead."""
    process = image["process"]
    entry = process["args"][:1] if not words[0].startswith("/") else []
    spaces = [each for each in image["linux"]["namespaces"] if each["type"] != "network"]
    folder, _, place = volume.partition(":")
    kept = [each for each in image["mounts"] if each["destination"] not in ("/sys/fs/cgroup", place)]
    mounted = {"destination": place, "type": "bind", "source": folder, "options": ["rbind", "rw"]}
    return {
        **image,
        "process": {**process, "args": [*entry, *words], "terminal": False, "capabilities": {}},
        "root": {"path": f"{bundle}/rootfs", "readonly": True},
        "mounts": [*kept, mounted],
        "linux": {**image["linux"], "namespaces": spaces},
    }


def main(bundle: str, volume: str, *words: str) -> None:
    """Becomes runc, which hands signals on and ends as the container does."""
    image = json.loads(Path(bundle, "config.json").read_text(encoding="utf-8"))
    name = f"d{uuid.uuid4().hex[:12]}"
    made = Path(bundle, name)
    made.mkdir()
    stated = configured(image, bundle, volume, list(words))
    (made / "config.json").write_text(json.dumps(stated), encoding="utf-8")
    os.execvp("runc", ["runc", "--root", bundle + STATE, "run", "--bundle", str(made), name])


if __name__ == "__main__":
    main(*sys.argv[1:])
