"""Who is at the other end of the control socket, and whether they may speak to us.

The kernel says who connected (SO_PEERCRED, unix(7)); nothing of it is the peer's own word.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

from drainer.errors import Refused

_UCRED = struct.Struct("iII")
"""struct ucred: pid, uid, gid."""

PEERCRED = getattr(socket, "SO_PEERCRED", None)
"""None where the kernel cannot tell: no control socket there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`gid` is the primary group of the process that connected."""

    uid: int
    gid: int


def supported() -> bool:
    """Whether this machine can tell who connects."""
    return PEERCRED is not None


def peer_of(connection: socket.socket) -> Peer:
    """Raises OSError."""
    assert PEERCRED is not None, "asked only where it is supported"
    _, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, PEERCRED, _UCRED.size))
    return Peer(uid=uid, gid=gid)


def group_id(group: str) -> int:
    """The number of this group. Raises Refused kind "group-unknown"."""
    import grp

    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, ValueError):
        raise Refused("group-unknown", f"there is no group {group!r} on this machine") from None


def admit(peer: Peer, group: str) -> None:
    """Root, our own user, and the group's members: by their primary group, or by the group's list.

    Asked anew each time, so that a member who left is out at once. Raises Refused kind "not-permitted".
    """
    if peer.uid in (0, os.getuid()):
        return
    if group and _member(peer, group):
        return
    whose = f"root, the daemon's user and the group {group}" if group else "root and the daemon's user"
    raise Refused(
        "not-permitted", f"uid {peer.uid} may not: only {whose} may (see --control-group of drainer run)"
    )


def _member(peer: Peer, group: str) -> bool:
    import grp
    import pwd

    try:
        allowed = grp.getgrnam(group)
    except (KeyError, ValueError):
        return False
    if peer.gid == allowed.gr_gid:
        return True
    try:
        user = pwd.getpwuid(peer.uid)
    except KeyError:
        return False
    return user.pw_gid == allowed.gr_gid or user.pw_name in allowed.gr_mem
