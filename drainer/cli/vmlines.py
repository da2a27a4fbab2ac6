"""What `drainer vm` found, as text for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def vm_lines(found: Json) -> Iterator[str]:
    """What `drainer vm` found, for people."""
    yield from _identity_lines(found["vm"], found["document"])
    yield from _network_lines(found["network"])
    yield from _balancer_lines(found["load_balancer"])
    for layer in found["layers"]:
        entries = ", ".join(f"{entry['name']} {entry['standing']}" for entry in layer["entries"])
        yield f"layer          {layer['name']}: {layer['face']} {layer['reason'] or entries}".rstrip()
    for notice in found["notices"]:
        when = notice["not_before"] or "at an unknown time"
        yield f"notice         {notice['type']} {notice['id']}, {notice['status'] or 'announced'}, {when}"
    if found["document"]["readable"] and not found["notices"]:
        yield "notice         none is pending"


def _identity_lines(vm: Json | None, document: Json) -> Iterator[str]:
    if vm is None:
        yield f"notices        cannot be read: {document['kind']}: {document['reason']}"
        return
    yield f"VM             {vm['name'] or 'of unknown name'}"
    for label, name in (
        ("id", "id"),
        ("update domain", "update_domain"),
        ("fault domain", "fault_domain"),
        ("set", "set"),
        ("zone", "zone"),
    ):
        yield f"{label:<15}{vm[name] or '-'}"
    yield f"source         {document['source']}"


def _network_lines(network: Json) -> Iterator[str]:
    if network["interfaces"] is None:
        yield f"network        cannot be read: {network['kind']}: {network['reason']}"
        return
    for interface in network["interfaces"]:
        families = ("ipv4_private", "ipv4_public", "ipv6_private", "ipv6_public")
        addresses = [address for family in families for address in interface[family]]
        yield f"network        {interface['mac'] or '-'} {' '.join(addresses)}".rstrip()


def _balancer_lines(balancer: Json) -> Iterator[str]:
    if balancer["found"] is None:
        yield f"load balancer  not told: {balancer['kind']}: {balancer['reason']}"
        return
    yield f"load balancer  {json.dumps(balancer['found'], ensure_ascii=False)}"
