"""Which member a new flow goes to: rendezvous hashing.

Every member scores every key and the highest score wins, so that a member that leaves moves only its own
keys, and takes exactly those back when it returns.
"""

from collections.abc import Iterable
from hashlib import blake2b


def score(key: str, member: str) -> bytes:
    """A member's claim on a key: the same in every run, spread evenly."""
    return blake2b(f"{member}\0{key}".encode(), digest_size=8).digest()


def choose(key: str, members: Iterable[str]) -> str | None:
    """The member that owns the key; None where there is none."""
    return max(members, key=lambda member: score(key, member), default=None)
