"""One daemon per VM on this host: a name that the kernel takes back when the process ends, in any way."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
import sys

from drainer.errors import Broken, Transient
from drainer.machine import THIS

LONGEST = 80
"""Of a VM's name inside the kernel's, which holds 107 bytes (unix(7)); a longer one is told by its digest."""

ASKED_WITHIN_S = 1.0
UCRED = struct.Struct("iII")
"""struct ucred (unix(7)): pid, uid, gid."""


class HostLock:
    """Held by listening on an abstract unix socket named after the VM; nothing is left on disk.

    Such a name is free for everybody, so the kernel is asked whose process holds it: one that is neither
    root's nor ours, nor of whoever owns the packaged state directory, holds nothing that counts. Where the
    platform has no such names the lock is always had.
    """

    def __init__(self) -> None:
        self._bound: socket.socket | None = None

    def take(self, vm: str) -> None:
        """Raises Transient kind "locked" where another daemon on this host serves the same VM; Broken kind
        "lock-usurped" where the name is held by somebody who may not, which protects nobody."""
        if not vm or not _has_abstract_names() or self._holds(_name(vm)):
            return
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(_name(vm))
            bound.listen(1)
        except OSError as error:
            bound.close()
            if error.errno != errno.EADDRINUSE:
                raise Broken("lock-unusable", f"no lock on the VM {vm}: {error.strerror}") from error
            holder = _holder(_name(vm))
            if holder in _trusted():
                raise Transient("locked", f"another drainer on this host serves the VM {vm}") from error
            raise Broken(
                "lock-usurped", f"uid {holder} holds the lock of the VM {vm}, and may not"
            ) from error
        self.release()  # of another name, by which this VM was known before
        self._bound = bound

    def release(self) -> None:
        if self._bound is not None:
            self._bound.close()
            self._bound = None

    def _holds(self, name: bytes) -> bool:
        return self._bound is not None and self._bound.getsockname() == name


def _name(vm: str) -> bytes:
    told = vm.encode(errors="surrogatepass")
    if len(told) > LONGEST:
        told = hashlib.sha256(told).hexdigest().encode()
    return b"\0drainer/" + told


def _holder(name: bytes) -> int:
    """Whose process listens there; -1 where it does not say: every daemon of ours does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ASKED_WITHIN_S)
        try:
            asking.connect(name)
            _, uid, _ = UCRED.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
        except OSError:
            return -1
    return int(uid)


def _trusted() -> frozenset[int]:
    """Whose daemons there may be."""
    trusted = {0, os.getuid()}
    try:
        trusted.add(THIS.state.stat().st_uid)
    except OSError:
        return frozenset(trusted)
    return frozenset(trusted)


def _has_abstract_names() -> bool:
    return sys.platform == "linux"
