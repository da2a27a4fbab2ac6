"""Inputs with the form of what each target reads, and one thing after another in them out of the ordinary.

Bytes reach what stands before a parser; these reach what stands behind it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests import azure_documents as documents
from tests.fuzz.azure import GATEWAY

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 2**63, 10**400, 1.5, 1e308, "", " vm1 ", "_VM1", "²", "🏳", "\u2028", "\x00", "x" * 300]
    ),
    st.text(max_size=8),
    st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)
"""Values that are seldom what was asked for."""


def likely(*values: Any) -> st.SearchStrategy[Any]:
    """One of these three times in four, else an odd value."""
    usual = st.sampled_from(values)
    return st.one_of(usual, usual, usual, ODD)


def members(**by_name: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object that may lack any of these members and have some more."""
    more = st.dictionaries(st.text(max_size=4), ODD, max_size=1)
    return st.builds(
        lambda given, extra: {**given, **extra}, st.fixed_dictionaries({}, optional=by_name), more
    )


def _utf8(value: Any) -> bytes:
    return json.dumps(value).encode()


EVENT = members(
    EventId=likely("A", "B", "a"),
    EventType=likely("Reboot", "Freeze", "Redeploy", "Preempt", "Terminate"),
    EventStatus=likely("Scheduled", "Started", "Completed", "scheduled"),
    ResourceType=likely("VirtualMachine"),
    Resources=st.lists(likely("vm1", "vm10", "_vm1", " VM1"), max_size=4) | ODD,
    NotBefore=likely(
        "Mon, 19 Sep 2016 18:29:47 GMT", "", "2022-11-17T18:29:47Z", "Tue, 31 Feb 2026 25:00:00 GMT"
    ),
    Description=likely("Host server is undergoing maintenance."),
    EventSource=likely("Platform", "User"),
    DurationInSeconds=likely(-1, 9, 600),
)
SCHEDULED_EVENTS = members(DocumentIncarnation=likely(0, 1, 2), Events=st.lists(EVENT, max_size=4) | ODD).map(
    _utf8
)

_QUOTES = st.sampled_from(['"', "“", "”", "'", ""])
_MEMBER = st.tuples(
    _QUOTES,
    st.sampled_from(["ID", "InstanceID", "UD", "FD", "Reboot", "reboot", "x"]),
    _QUOTES,
    st.sampled_from([":", "", "::", " : "]),
    likely('"vm1"', '"0"', "“vm1”", "false", "").map(str),
).map("".join)
INSTANCE_INFO = st.lists(_MEMBER, max_size=6).map(
    lambda found: ("{" + ",".join(found) + "}").encode("utf-8", "replace")
)
"""The bodies of 2015, printed by hand: typographic quotes, members without a value."""

_REFERENCE = likely({"id": documents.pool_id("web")}, {"id": documents.pool_id("other")}, {"id": "x"})
_CONFIGURATION = members(
    name=likely("c", "d"),
    properties=members(
        primary=likely(True, False),
        privateIPAddress=likely("10.0.0.4", "fd00::4"),
        subnet=likely({"id": documents.SUBNET}),
        loadBalancerBackendAddressPools=st.lists(_REFERENCE, max_size=3) | ODD,
        applicationGatewayBackendAddressPools=st.lists(_REFERENCE, max_size=2) | ODD,
    ),
)
_NIC = members(
    id=likely(documents.nic_id("nic")),
    name=likely("nic"),
    etag=likely("1"),
    tags=members(
        owner=likely("web"), **{"drainer-out-1": likely('{"v":1,"vm":"v","at":"t","out":[["p","c",0]]}')}
    ),
    properties=members(
        provisioningState=likely("Succeeded", "Updating", "Failed"),
        ipConfigurations=st.lists(_CONFIGURATION, max_size=3) | ODD,
    ),
)
INTERFACES = _NIC.map(
    lambda nic: _utf8(
        {
            "instance": documents.instance("vm1"),
            documents.vm_id("vm1"): documents.vm("vm1", "nic"),
            documents.nic_id("nic"): nic,
            documents.BALANCER: documents.balancer("web", outbound=("out",)),
            documents.pool_id("web"): documents.address_pool("web", documents.address("a1", "10.0.0.4")),
            documents.SUBNET: documents.subnet(),
            GATEWAY: documents.gateway("agw", "10.0.0.4"),
        }
    )
)


def _table(columns: Mapping[str, st.SearchStrategy[Any]], separator: str) -> st.SearchStrategy[str]:
    """A header and rows of these columns; columns may be missing, and rows too long or too short."""
    names = list(columns)

    def rows(kept: list[str]) -> st.SearchStrategy[str]:
        row = st.tuples(*(columns[name] for name in kept)).map(lambda cells: separator.join(map(str, cells)))
        more = row.map(lambda text: text + separator + "x")
        listed = st.lists(st.one_of(row, row, row, more, st.just("")), max_size=4)
        return listed.map(lambda found: "\n".join(["# " + separator.join(kept), *found, "", ""]))

    return (
        st.permutations(names)
        .flatmap(lambda order: st.integers(0, len(names)).map(lambda n: order[:n] or names))
        .flatmap(rows)
    )


_STATE = _table(
    {
        "be_id": likely(1),
        "be_name": likely("web", "other"),
        "srv_id": likely(1, 2),
        "srv_name": likely("vm1", "vm2"),
        "srv_op_state": likely(0, 2),
        "srv_admin_state": likely(0, 1, 8, 9, 32),
        "srv_uweight": likely(1, 100),
    },
    " ",
)
_STAT = _table(
    {
        "pxname": likely("web", "other"),
        "svname": likely("vm1", "BACKEND"),
        "qcur": likely(0, ""),
        "scur": likely(0, 3, ""),
        "status": likely("UP", "MAINT", "DOWN 1/2"),
        "check_status": likely("L4OK", ""),
        "check_health": likely(4, ""),
    },
    ",",
)
_TOLD = st.sampled_from(["\n", "No such server.\n", "Permission denied\n\n", "", "²\n"])
HAPROXY = st.tuples(
    _STATE.map(lambda table: "1\n" + table),
    _STAT,
    st.sampled_from(["Pid: 7\nStart_time_sec: 1\n\n", "Pid: ²\n", ""]),
    _TOLD,
).map(lambda answers: "\0".join(answer.replace("\0", "") for answer in answers).encode("utf-8", "replace"))

_WORDS = (
    "run", "status", "hold", "skip", "doctor", "explain", "rescue", "--policy", "--vm-name", "--until", "--json",
    "--listen", "--state", "--jitter", "--help", "--", "-", "@x", "2030-01-01T00:00:00Z", "0", "=", "--json=1",
)  # fmt: skip
ARGUMENTS = st.lists(st.sampled_from(_WORDS) | st.text(max_size=6), max_size=7).map(
    lambda words: "\0".join(word.replace("\0", "") for word in words).encode("utf-8", "replace")
)
