"""Namespaces of one's own: as root, or without it where the system lets users have user namespaces.

What is built inside vanishes with the last process in it, however that ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

NOT_ROOT = ("--user", "--map-root-user")
OWN = ("--net", "--mount", "--propagation", "private", "--")


def missing() -> str:
    """Why none can be had here, or ""."""
    for program in ("unshare", "nsenter", "mount", "ip"):
        if shutil.which(program, path=_path()) is None:
            return f"no {program} program found; install the Debian packages `util-linux` and `iproute2`"
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False, timeout=60)
    if tried.returncode != 0:
        return f"no namespaces of our own: {tried.stderr.strip()}; run as root, or allow user namespaces"
    return ""


def become(module: str, arguments: Sequence[str]) -> None:
    """Go on as `python -m MODULE` in fresh namespaces: the same process, so that signals and exit code stay.

    RuntimeError where none can be had.
    """
    why = missing()
    if why:
        raise RuntimeError(why)
    os.environ["PATH"] = _path()
    sys.stdout.flush()
    command = [*_unshare(), sys.executable, *_path_as_here(), "-m", module, *arguments]
    os.execvp(command[0], command)  # an argument list, no shell  # nosec B606


def settle_in() -> None:
    """Inside: a /run of our own, so that the namespaces' names are seen by nobody else."""
    mount = ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]
    subprocess.run(mount, check=True, timeout=60)


def _path_as_here() -> tuple[str, ...]:
    """Modules of the working directory only where this process itself looks for them there."""
    return () if {"", os.getcwd()} & set(sys.path) else ("-P",)


def _unshare() -> tuple[str, ...]:
    return ("unshare", *(() if os.geteuid() == 0 else NOT_ROOT), *OWN)


def _path() -> str:
    """Debian keeps `ip` where only root looks."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
