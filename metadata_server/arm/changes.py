"""What a write to the management API changed, told to whoever watches as soon as it is taken."""

from collections.abc import Callable
from dataclasses import dataclass

from metadata_server.arm.store import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`vm` "": no VM's. `before` and `after` are the resource as the API shows it, of a pool all of what it
    stands in; `before` is empty where it is a new one."""

    vm: str
    before: Body
    after: Body


Told = Callable[[Change], None]
