"""One daemon per VM on this host: a name that the kernel takes back when the process ends, in any way."""

from __future__ import annotations

import socket

from drainer.errors import Transient


class HostLock:
    """Held by binding an abstract unix socket named after the VM; nothing is left on disk.

    Where the platform has no such names the lock is always had.
    """

    def __init__(self) -> None:
        self._bound: socket.socket | None = None

    def take(self, vm: str) -> None:
        """Raises Transient kind "locked" where another daemon on this host serves the same VM."""
        if self._bound is not None or not vm or not _has_abstract_names():
            return
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            bound.bind(f"\0drainer/{vm}")
        except OSError as error:
            bound.close()
            raise Transient("locked", f"another drainer on this host serves the VM {vm}") from error
        self._bound = bound

    def release(self) -> None:
        if self._bound is not None:
            self._bound.close()
            self._bound = None


def _has_abstract_names() -> bool:
    import sys

    return sys.platform == "linux"
