"""Every check in its order. One that breaks off says so, and the next ones are made all the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator

from drainer.core.model import Document, Unreadable
from drainer.doctor import azure, balancers, host, platform
from drainer.doctor.check import Check, failed, skipped
from drainer.doctor.subject import Found, Subject, find
from drainer.errors import DrainerError
from drainer.ports import Backend

OF_AZURE = (azure.rights, azure.writing, azure.concurrency, azure.probes, azure.lockout)


def examine(
    subject: Subject, document: Document | Unreadable, layers: Callable[[], tuple[Backend, ...]]
) -> Iterator[Check]:
    """The checks as they are made. `layers` builds the policy's; each is closed."""
    yield from platform.notices(document)
    yield from platform.clock(document)
    yield from host.environment(os.environ)
    found = yield from _azure(subject)
    yield from _membership(layers)
    yield from balancers.route(subject)
    yield from balancers.prober(subject)
    yield from balancers.hashing(subject)
    yield from host.state(subject, found.vm if found else None)
    yield from host.ports(subject.policy.service_ports)
    if subject.azure_layers:
        yield from host.bytecode()


def _azure(subject: Subject) -> Generator[Check, None, Found | None]:
    """The checks of the management API; returns what was found there, None where nothing was."""
    yield from platform.identity(subject)
    if subject.arm is None:
        yield skipped("azure", "no layer of the policy asks the management API")
        return None
    try:
        found = find(subject.arm)
    except DrainerError as error:
        yield failed("vm", error, cure=_CURES.get(error.kind, _ANY_CURE))
        return None
    yield from azure.vm(found)
    for check in OF_AZURE:
        yield from check(subject, found)
    return found


_ANY_CURE = "see that this VM reaches management.azure.com and login.microsoftonline.com by TCP 443"
_CURES = {
    "azure-forbidden": "assign the roles that `drainer doctor --roles` prints; that may take 30 minutes",
    "azure-identity": "assign a managed identity to this VM, or name the one to use by --identity CLIENT-ID",
    "azure-uniform": "use health-probe: the network API cannot write a uniform scale set's interfaces",
}


def _membership(layers: Callable[[], tuple[Backend, ...]]) -> Iterator[Check]:
    built = layers()
    try:
        yield from balancers.membership(built)
    finally:
        for layer in built:
            layer.close()
