"""Which member a new flow goes to: rendezvous hashing.

Every member scores every key and the highest score wins, so that a member that leaves moves only its own
keys, and takes exactly those back when it returns. Another salt places every key anew.
"""

from collections.abc import Iterable
from hashlib import blake2b


def score(key: str, member: str, salt: int = 0) -> bytes:
    """A member's claim on a key: the same in every run, spread evenly."""
    salted = salt.to_bytes(blake2b.SALT_SIZE)
    return blake2b(f"{member}\0{key}".encode(), digest_size=8, salt=salted).digest()


def choose(key: str, members: Iterable[str], *, salt: int = 0) -> str | None:
    """The member that owns the key; None where there is none."""
    return max(members, key=lambda member: score(key, member, salt), default=None)
