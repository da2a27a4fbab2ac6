"""One PUT: what refuses it, in the order of the platform's checks, and the operation that it begins."""

from datetime import datetime

from metadata_server.arm.asking import Asking
from metadata_server.arm.checks import (
    is_pool_of_interfaces,
    linked,
    not_uniform,
    pool_of_interfaces,
)
from metadata_server.arm.ids import ResourceId, action
from metadata_server.arm.readonly import written
from metadata_server.arm.refusal import Refusal, stale
from metadata_server.arm.rights import Granted
from metadata_server.arm.shown import show
from metadata_server.arm.store import BALANCERS, GATEWAYS, INTERFACES, POOLS, Body, Store, Write
from metadata_server.switches import Switches

WRITABLE = frozenset({INTERFACES, POOLS, BALANCERS, GATEWAYS})
FAILED = ("InternalServerError", "An error occurred.")


def put(
    store: Store, asking: Asking, wanted: ResourceId, *, granted: Granted, switches: Switches, now: datetime
) -> tuple[int, Write]:
    """200, or 201 for a new resource, and its operation. Raises Refusal."""
    granted.demand(action(wanted.kind, "write"), wanted.text)
    body = asking.resource()
    shown = show(store, wanted, now=now, states="honest") if store.knows(wanted.text) else None
    not_uniform(wanted, shown)
    if wanted.kind not in WRITABLE:
        raise Refusal(400, "OperationNotSupported", f"{wanted.kind} is not written in this emulator.")
    linked(granted, wanted, body, store)
    if shown is not None:
        _matching(store, asking, wanted, switches)
        _alone(store, wanted, switches, now)
    body = written(wanted.kind, _new(wanted) if shown is None else shown, body)
    if shown is not None and is_pool_of_interfaces(wanted, shown, body):
        pool_of_interfaces(shown, body, strict=switches.pool_put_body == "whole")
    takes, propagates = switches.operation_time, switches.propagation
    if asking.fails and shown is not None:
        return 200, store.fail(wanted, now=now, takes=takes, why=FAILED)
    write = store.replace(wanted, body, now=now, takes=takes, propagates=propagates)
    return 201 if shown is None else 200, write


def _new(wanted: ResourceId) -> Body:
    return {"name": wanted.name, "id": wanted.text, "type": action(wanted.kind, "").rstrip("/")}


def _matching(store: Store, asking: Asking, wanted: ResourceId, switches: Switches) -> None:
    given = asking.headers.get("if-match", "")
    if not given or given == "*" or switches.if_match == "ignored":
        return
    current = store.etag_of(wanted)
    if given != current:
        raise stale(given, current, wanted.text)


def _alone(store: Store, wanted: ResourceId, switches: Switches, now: datetime) -> None:
    """A write beside one that still runs takes its place, or is told to wait."""
    if switches.concurrent_write == "superseded" or store.running(wanted, now) is None:
        return
    told = f"Operation on {wanted.text} is in progress; it can be retried in 2 seconds."
    if switches.concurrent_write == "429":
        raise Refusal(
            429,
            "RetryableError",
            "A retryable error occurred.",
            details=(("RetryableErrorDueToAnotherOperation", told),),
            headers={"Retry-After": "2"},
        )
    raise Refusal(409, "AnotherOperationInProgress", told)
