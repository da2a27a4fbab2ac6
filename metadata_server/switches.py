"""The named switches: one for every point where nobody outside the platform knows what it does.

Each field is one switch; its annotation carries the values it takes and one line about it. The default
is the likelier belief, nothing more. `docs/emulator.md` lists the same table.
"""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

from metadata_server.errors import Problem, Unknown, bad_input
from metadata_server.times import DURATION, format_duration, parse_duration

_Optional = timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the emulator believes about the platform at one moment."""

    v1: Annotated[
        Literal["seed", "json"], "InstanceInfo byte for byte as the 2015 post prints it, or as valid JSON"
    ] = "seed"
    v1_service: Annotated[Literal["on", "off"], "whether the 2015 paths are still answered (off: 404)"] = "on"
    v1_id: Annotated[
        Literal["plain", "underscore"], "the VM's name as ID, or with the leading underscore that was seen"
    ] = "plain"
    v1_reboot_value: Annotated[
        Literal["true", "empty", "id"], "with v1=json, the value behind Reboot: true, an empty string, the id"
    ] = "true"
    v1_marker: Annotated[
        Literal["stays", "leaves"], "the marker of a pending reboot stays while it is Started, or leaves then"
    ] = "stays"
    v1_types: Annotated[
        Literal["reboot", "redeploy"], "the marker announces Reboot alone, or Redeploy too"
    ] = "reboot"
    v1_errors: Annotated[
        Literal["json", "empty"], "the body of an error on a 2015 path: the usual JSON, or none"
    ] = "json"
    metadata_header: Annotated[
        Literal["any-case", "lower-case"], "the header Metadata is accepted as True too, or as true only"
    ] = "any-case"
    forwarded_body: Annotated[
        Literal["json", "empty"], "the body of the refusal of X-Forwarded-For: the usual JSON, or none"
    ] = "json"
    events_errors: Annotated[
        Literal["json", "empty"], "errors of Scheduled Events carry the usual JSON body, or none"
    ] = "json"
    ack_unknown: Annotated[
        Literal["400", "200"], "the answer to a StartRequests that names an event this VM does not see"
    ] = "400"
    ack_started: Annotated[
        Literal["200", "400"], "the answer to a StartRequests for an event that is Started already"
    ] = "200"
    ack_body: Annotated[
        Literal["empty", "document"], "the body after a StartRequests: nothing, or the new document"
    ] = "empty"
    approval_delay: Annotated[
        timedelta, "from an approval to Started: other tenants of the node take part"
    ] = timedelta()
    etag: Annotated[Literal["on", "off"], "ETag and If-None-Match are honoured, or unknown here"] = "on"
    not_before: Annotated[Literal["rfc1123", "wrong-weekday", "iso8601"], "how NotBefore is written"] = (
        "rfc1123"
    )
    resources_case: Annotated[
        Literal["same", "upper", "lower"], "the case of names in Resources against compute.name"
    ] = "same"
    old_versions: Annotated[
        Literal["hide", "show"], "whether api-versions older than Preempt or Terminate leave such events out"
    ] = "hide"
    version_2017_11_01: Annotated[
        Literal["accepted", "refused"], "Scheduled Events answers 2017-11-01, or 400 as one user saw"
    ] = "accepted"
    incarnation_start: Annotated[Literal["1", "0"], "the incarnation of the first, empty document"] = "1"
    first_answer: Annotated[
        timedelta, "how long the first read of Scheduled Events takes (the platform: up to 2m)"
    ] = timedelta()
    off_after: Annotated[
        timedelta | None,
        "unread for this long the service is off; the next read starts at a reset incarnation",
    ] = None
    rate_limit: Annotated[
        Literal["off", "on"], "429 past 5 requests (20 for tokens) in one second of one VM"
    ] = "off"
    rate_limit_counts: Annotated[
        Literal["together", "apart"], "Scheduled Events shares the 5 a second with the rest, or has its own"
    ] = "together"
    established_on_removal: Annotated[
        Literal["keep", "reset", "silence"],
        "flows of a member that leaves a pool go on, are reset at both ends, or are never answered again",
    ] = "keep"
    rehash_on_change: Annotated[
        Literal["no", "yes"], "a change of a pool moves the clients of its member alone, or places all anew"
    ] = "no"
    admin_state_down: Annotated[
        Literal["keep", "reset"], "flows of a member whose administrative state becomes Down: kept or reset"
    ] = "keep"
    idle_timeout: Annotated[
        timedelta | None, "a flow over which nothing passes for so much real time ends (the platform: 4m)"
    ] = None
    tcp_reset: Annotated[
        Literal["off", "on"], "an idle flow ends without a word, or with a reset at both ends"
    ] = "off"
    token_lifetime: Annotated[
        timedelta, "how long an access token lives; the same one is given until half of that is over"
    ] = timedelta(days=1)
    lb_metadata: Annotated[
        Literal["fresh", "stale"],
        "load balancer metadata follows the pools, or stays as the topology has them",
    ] = "fresh"

    if_match: Annotated[
        Literal["honoured", "ignored"], "a write with an If-Match that is not the etag is refused, or done"
    ] = "honoured"
    concurrent_write: Annotated[
        Literal["superseded", "429", "409"],
        "a write beside one that still runs takes its place, or is refused with this status",
    ] = "superseded"
    provisioning_state: Annotated[
        Literal["honest", "ahead"], "provisioningState says Updating while a write runs, or Succeeded at once"
    ] = "honest"
    operations_read: Annotated[
        Literal["free", "needed"], "asking after an operation needs a right of its own, or none"
    ] = "free"
    pool_put_body: Annotated[
        Literal["unchanged", "whole"],
        "a write of adminState on a pool of interfaces: members unchanged, or everything else unchanged",
    ] = "unchanged"
    nat_port: Annotated[
        Literal["same", "new"],
        "a member that returns to a pool with an inbound NAT rule gets the port that it had, or another",
    ] = "same"
    arm_throttling: Annotated[
        Literal["on", "off"], "the management API's documented token buckets: 429 past them"
    ] = "on"
    operation_time: Annotated[timedelta, "how long a write to the management API runs"] = timedelta(seconds=1)
    operation_retry_after: Annotated[timedelta, "Retry-After of a write that runs (the platform: 10s)"] = (
        timedelta(seconds=10)
    )
    propagation: Annotated[timedelta, "from the end of a write to its effect on the balancers"] = timedelta(
        seconds=1
    )

    def changed(self, name: str, value: str) -> Self:
        """The same with one switch set, its name written with - or _; Unknown if there is none of that name,
        BadInput for a bad value."""
        field = name.replace("-", "_")
        if name != name.lower() or field not in _TYPES:
            problem = Problem(field="name", expected=f"one of {', '.join(names())}", found=repr(name))
            raise Unknown([problem])
        change: dict[str, Any] = {field: _parse(name, _TYPES[field], value)}
        return dataclasses.replace(self, **change)

    def shown(self, name: str) -> str:
        """The value of a switch as it is written on the command line."""
        match getattr(self, name.replace("-", "_")):
            case timedelta() as duration:
                return format_duration(duration)
            case None:
                return "never"
            case value:
                return str(value)


def names() -> tuple[str, ...]:
    """Every switch, as it is written on the command line."""
    return tuple(field.replace("_", "-") for field in _TYPES)


def about(name: str) -> str:
    """One line on what the switch decides."""
    return str(_HINTS[name.replace("-", "_")].__metadata__[0])


def choices(name: str) -> str:
    """The values a switch takes, as people read them."""
    return _choices(_TYPES[name.replace("-", "_")])


def _parse(name: str, kind: Any, value: str) -> object:
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise bad_input(name, expected=_choices(kind), found=value)
    if kind == _Optional and value == "never":
        return None
    try:
        return parse_duration(value)
    except ValueError:
        raise bad_input(name, expected=_choices(kind), found=value) from None


def _choices(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    return f"{DURATION}, or never" if kind == _Optional else DURATION


_HINTS: dict[str, Any] = get_type_hints(Switches, include_extras=True)
_TYPES: dict[str, Any] = {field: get_args(hint)[0] for field, hint in _HINTS.items()}
