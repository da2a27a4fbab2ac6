"""Whom an event names. Exactly, never by substring."""

from __future__ import annotations

from drainer.core.model import Addressee, Event


def same_vm(one: str, other: str) -> bool:
    """Whether two spellings name one VM.

    Case is folded (the case rules of Resources are not documented), and one leading underscore is dropped
    on either side, as api-versions before 2017-08-01 and the 2015 documents write it.
    """
    return _plain(one) != "" and _plain(one) == _plain(other)


def names_vm(event: Event, vm_name: str) -> bool:
    """Whether this event is a notice for the VM of this name (`compute.name`, not the host name)."""
    if isinstance(event.resources, Addressee):
        return True
    return any(same_vm(resource, vm_name) for resource in event.resources)


def siblings_of(event: Event, vm_name: str) -> tuple[str, ...]:
    """The other VMs that this event names, as written, in order."""
    if isinstance(event.resources, Addressee):
        return ()
    return tuple(name for name in event.resources if _plain(name) and not same_vm(name, vm_name))


def _plain(name: str) -> str:
    return name.strip().removeprefix("_").casefold()
