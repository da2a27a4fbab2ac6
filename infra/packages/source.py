"""The sources of one version: a clean copy of what belongs to it, and the time that stands in packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHIPPED = ("drainer", "metadata_server", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
NOBODY = "unstated <unstated@drainer.invalid>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`epoch`: seconds since 1970, the newest time in any package. `maintainer`: NAME <ADDRESS>."""

    path: Path
    version: str
    description: str
    maintainer: str
    epoch: int

    @classmethod
    def here(cls, to: Path) -> Source:
        """This checkout, copied: stale build folders and files of nobody stay behind."""
        for name in _ours():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)
        project = tomllib.loads((to / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return cls(
            path=to,
            version=project["version"],
            description=project["description"],
            maintainer=maintainer(project),
            epoch=_epoch(),
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SOURCE_DATE_EPOCH": str(self.epoch), "PYTHONDONTWRITEBYTECODE": "1"}


def maintainer(project: dict[str, Any]) -> str:
    """Who answers for what is built here: as pyproject.toml states, else who committed this state."""
    for one in (*project.get("maintainers", ()), *project.get("authors", ())):
        if "name" in one and "email" in one:
            return f"{one['name']} <{one['email']}>"
    return _git("log", "-1", "--format=%cn <%ce>") or NOBODY


def _ours() -> list[str]:
    """What git knows, committed or not; of an unpacked sdist everything but caches."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "--", *SHIPPED)
    if listed is not None:
        return [name for name in listed.splitlines() if (ROOT / name).is_file()]
    files = (path for name in SHIPPED for path in (ROOT / name, *(ROOT / name).rglob("*")))
    return [str(p.relative_to(ROOT)) for p in files if p.is_file() and "__pycache__" not in p.parts]


def _epoch() -> int:
    stated = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")
    return int(stated) if stated else int((ROOT / "CHANGELOG.md").stat().st_mtime)


def _git(*words: str) -> str | None:
    """What git answers; None where this is no checkout."""
    try:
        asked = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()
